"""The guard on pipelines of diffusers itself, built small and without weights.

`make test-generators` installs torch and diffusers into an environment of their own and runs this.
What the pipelines "draw" is put where their decoder of latents ends.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hashmatch.errors import BlockedInputError, GuardError
from hashmatch.gate import ImageGate, guard
from hashmatch.synthetic import draw_picture
from tests.gate import pipelines

torch = pytest.importorskip("torch", reason="needs the environment of 'make test-generators'")
diffusers = pytest.importorskip("diffusers", reason="needs 'make test-generators'")
transformers = pytest.importorskip("transformers", reason="needs 'make test-generators'")

pytestmark = [
    pytest.mark.sqlite,
    pytest.mark.filterwarnings("ignore"),  # Those of other people's packages.
]

SIDE = 256
PICTURES = [draw_picture(seed, SIDE, SIDE) for seed in (8, 1, 9)]


def _draws(vae: Any, pictures: list[Image.Image]) -> None:
    """Let a decoder of latents return these pictures, one after the other."""
    decoded = torch.from_numpy(pipelines.as_decoded(pictures).values)

    def decode(latents: Any, return_dict: bool = True, **_: Any) -> Any:
        # In the pipeline's own precision, as a decoder returns it.
        pages = decoded[: latents.shape[0]].clone().to(latents.dtype)
        return SimpleNamespace(sample=pages) if return_dict else (pages,)

    vae.decode = decode


def _vae(**more: Any) -> Any:
    # Reduces by eight, as those of real models do.
    blocks = 4
    return diffusers.AutoencoderKL(
        block_out_channels=[8] * blocks, down_block_types=["DownEncoderBlock2D"] * blocks,
        up_block_types=["UpDecoderBlock2D"] * blocks, latent_channels=4, norm_num_groups=4,
        sample_size=SIDE, **more,
    )  # fmt: skip


def _unet(channels: int = 4, **more: Any) -> Any:
    return diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=SIDE // 8,
        in_channels=channels, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16,
        attention_head_dim=4, norm_num_groups=4, **more,
    )  # fmt: skip


def _text_encoder(kind: str = "CLIPTextModel") -> Any:
    configuration = transformers.CLIPTextConfig(
        hidden_size=16, intermediate_size=16, num_attention_heads=4, num_hidden_layers=1,
        vocab_size=100, projection_dim=16,
    )  # fmt: skip
    return getattr(transformers, kind)(configuration)


def _scheduler() -> Any:
    return diffusers.DDIMScheduler(clip_sample=False, steps_offset=1)


def _stable_diffusion(kind: str = "StableDiffusionPipeline", channels: int = 4) -> Any:
    return getattr(diffusers, kind)(
        vae=_vae(), unet=_unet(channels), text_encoder=_text_encoder(), tokenizer=None,
        scheduler=_scheduler(), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip


def _sdxl() -> Any:
    return diffusers.StableDiffusionXLPipeline(
        vae=_vae(), tokenizer=None, tokenizer_2=None, scheduler=_scheduler(),
        unet=_unet(
            addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=8 * 6 + 16,
        ),
        text_encoder=_text_encoder(), text_encoder_2=_text_encoder("CLIPTextModelWithProjection"),
        add_watermarker=False,
    )  # fmt: skip


def _flux() -> Any:
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=_vae(shift_factor=0.0, scaling_factor=1.0), text_encoder=_text_encoder(),
        tokenizer=None, text_encoder_2=None, tokenizer_2=None,
        transformer=diffusers.FluxTransformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
            num_attention_heads=1, joint_attention_dim=16, pooled_projection_dim=16,
            axes_dims_rope=(4, 4, 8),
        ),
    )  # fmt: skip


def _prompt(kind: str) -> dict[str, Any]:
    """Return a prompt as numbers, so that no vocabulary is needed."""
    words, whole = torch.zeros(1, 77, 16), torch.zeros(1, 16)
    if kind == "flux":
        return {"prompt_embeds": words, "pooled_prompt_embeds": whole}
    given = {"prompt_embeds": words, "negative_prompt_embeds": words}
    if kind == "sdxl":
        given |= {"pooled_prompt_embeds": whole, "negative_pooled_prompt_embeds": whole}
    return given


MAKERS: dict[str, Callable[[], Any]] = {
    "sd": _stable_diffusion,
    "sdxl": _sdxl,
    "flux": _flux,
}


def _call(pipeline: Any, kind: str, **more: Any) -> Any:
    return pipeline(
        **_prompt(kind), num_inference_steps=1, num_images_per_prompt=len(PICTURES),
        height=SIDE, width=SIDE, **more,
    )  # fmt: skip


def _shown(images: Any) -> list[bool]:
    values = images.float().permute(0, 2, 3, 1).numpy() if hasattr(images, "permute") else images
    return [float(np.ptp(np.asarray(one))) > 0.01 for one in values]


@pytest.fixture(params=MAKERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pipeline(kind: str) -> Any:
    made = MAKERS[kind]()
    made.set_progress_bar_config(disable=True)
    _draws(made.vae, PICTURES)
    return made


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
@pytest.mark.parametrize("return_dict", [True, False])
def test_a_listed_picture_leaves_in_no_form(
    gate: ImageGate, pipeline: Any, kind: str, output_type: str, return_dict: bool
) -> None:
    guarded = guard(pipeline, gate)
    for one in (guarded, pipeline):
        result = _call(one, kind, output_type=output_type, return_dict=return_dict)
        images = result.images if return_dict else result[0]
        assert _shown(images) == [True, False, True]
        if kind == "sd":
            flags = result.nsfw_content_detected if return_dict else result[1]
            assert flags == [False, True, False]


def test_half_precision_and_a_move_are_the_same(gate: ImageGate, pipeline: Any, kind: str) -> None:
    guarded = guard(pipeline, gate)
    guarded.to("cpu", torch.bfloat16)
    prompt = {name: one.to(torch.bfloat16) for name, one in _prompt(kind).items()}
    result = guarded(
        **prompt, num_inference_steps=1, num_images_per_prompt=3, height=SIDE, width=SIDE
    )
    assert _shown(result.images) == [True, False, True]


def test_the_first_picture_is_the_very_one_that_was_drawn(
    gate: ImageGate, pipeline: Any, kind: str
) -> None:
    result = _call(guard(pipeline, gate), kind)
    assert np.array_equal(np.asarray(result.images[0]), np.asarray(PICTURES[0]))


def test_latents_are_refused(gate: ImageGate, pipeline: Any, kind: str) -> None:
    with pytest.raises(GuardError, match="latent"):
        _call(guard(pipeline, gate), kind, output_type="latent")


def test_sdxl_has_no_place_for_a_checker() -> None:
    pipeline = _sdxl()
    assert not hasattr(pipeline, "run_safety_checker")
    assert "safety_checker" not in inspect.signature(type(pipeline).__init__).parameters


def test_a_listed_picture_is_nothing_to_begin_with(gate: ImageGate) -> None:
    pipeline = _stable_diffusion("StableDiffusionImg2ImgPipeline")
    pipeline.set_progress_bar_config(disable=True)
    _draws(pipeline.vae, PICTURES)
    guarded = guard(pipeline, gate)
    given = {**_prompt("sd"), "num_inference_steps": 2}
    with pytest.raises(BlockedInputError, match="image"):
        guarded(image=PICTURES[1], **given)
    assert _shown(guarded(image=PICTURES[0], **given).images) == [True]


def test_what_is_pasted_around_a_drawing_is_checked_with_it(gate: ImageGate) -> None:
    """Inpainting of a part pastes the drawing into the picture after every hook."""
    pipeline = _stable_diffusion("StableDiffusionInpaintPipeline")
    pipeline.set_progress_bar_config(disable=True)
    _draws(pipeline.vae, PICTURES)
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (100, 100, 130, 130))
    given = {
        **_prompt("sd"), "num_inference_steps": 2, "mask_image": mask, "padding_mask_crop": 8,
        "height": SIDE, "width": SIDE,
    }  # fmt: skip
    unchecked = guard(pipeline, gate, checks_inputs=False)
    assert _shown(unchecked(image=PICTURES[1], **given).images) == [False]


def test_the_stand_ins_follow_the_same_calls() -> None:
    """Where a release of diffusers calls in another way, the stand-ins have to follow."""
    source = inspect.getsource(diffusers.StableDiffusionPipeline.run_safety_checker)
    for call in (
        'self.image_processor.postprocess(image, output_type="pil")',
        'self.feature_extractor(feature_extractor_input, return_tensors="pt").to(device)',
        "images=image, clip_input=safety_checker_input.pixel_values.to(dtype)",
    ):
        assert call in source
    assert "do_denormalize=do_denormalize" in inspect.getsource(
        diffusers.StableDiffusionPipeline.__call__
    )
