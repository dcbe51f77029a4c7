"""A guarded pipeline shows nothing that is listed, in any form, and refuses what cannot be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from hashmatch.errors import BlockedInputError, GuardError
from hashmatch.gate import ImageGate, guard
from hashmatch.synthetic import draw_picture
from tests.gate.pipelines import (
    Condition,
    DeepFloydIF,
    Tensor,
    Video,
    WithChecker,
    WithoutChecker,
    WithoutHook,
    as_decoded,
)
from tests.scanning import MakeScanner

PICTURES = [draw_picture(seed, 320, 240) for seed in (8, 1, 9)]
HOOKED = [WithChecker, WithoutChecker]


def _pages(images: Any) -> list[Any]:
    values = images.values.transpose(0, 2, 3, 1) if isinstance(images, Tensor) else images
    return [np.asarray(one) for one in values]


def _is_grey(page: Any) -> bool:
    return bool(page.max() - page.min() < 0.01)


def _shown(images: Any) -> list[bool]:
    return [not _is_grey(one) for one in _pages(images)]


@pytest.mark.parametrize("kind", [*HOOKED, DeepFloydIF])
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_listed_picture_never_leaves_a_pipeline(
    gate: ImageGate, kind: Any, is_wrapped: bool
) -> None:
    pipeline = kind(PICTURES)
    guarded = guard(pipeline, gate)
    result = (guarded if is_wrapped else pipeline)(prompt="anything")
    assert _shown(result.images) == [True, False, True]
    if kind is not WithoutChecker:
        assert result.nsfw_content_detected == [False, True, False]
    assert np.array_equal(_pages(result.images)[0], np.asarray(PICTURES[0]))


@pytest.mark.parametrize("kind", HOOKED)
@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
@pytest.mark.parametrize("return_dict", [True, False])
def test_it_leaves_in_no_form(
    gate: ImageGate, kind: Any, output_type: str, return_dict: bool
) -> None:
    pipeline = guard(kind(PICTURES), gate)
    result = pipeline("anything", output_type=output_type, return_dict=return_dict)
    images = result.images if return_dict else result[0]
    assert _shown(images) == [True, False, True]
    if output_type != "pil":
        grey = _pages(images)[1]
        assert abs(float(grey.mean()) - 0.5) < 0.01


@pytest.mark.parametrize("kind", HOOKED)
def test_latents_are_refused(gate: ImageGate, kind: Any) -> None:
    guarded = guard(kind(PICTURES), gate)
    with pytest.raises(GuardError, match="latent"):
        guarded("anything", output_type="latent")
    with pytest.raises(GuardError, match="latent"):
        guarded("anything", None, *([None] if kind is WithChecker else []), "latent")


def test_latents_are_refused_where_the_pipeline_itself_is_called(gate: ImageGate) -> None:
    pipeline = WithChecker(PICTURES)
    guard(pipeline, gate)
    with pytest.raises(GuardError, match="latent"):
        pipeline(output_type="latent")


def test_tensors_that_leave_past_a_checker_do_not_leave_the_guard(gate: ImageGate) -> None:
    with pytest.raises(Exception, match="reach from"):
        guard(DeepFloydIF(PICTURES), gate)(output_type="pt")


def test_what_is_pasted_over_a_checked_picture_is_checked(gate: ImageGate) -> None:
    pipeline = WithoutChecker(PICTURES[:1])
    pipeline.overlay = PICTURES[1]
    assert _shown(guard(pipeline, gate)().images) == [False]


def test_each_output_is_screened_once(make_scanner: MakeScanner) -> None:
    counted: list[int] = []
    gate = ImageGate(make_scanner(), budget_s=60, count=lambda _, some: counted.append(len(some)))
    for kind in (*HOOKED, Video):
        guard(kind(PICTURES), gate)("anything")
    assert counted == [3, 3, 3]


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_a_video_has_no_listed_frame(gate: ImageGate, output_type: str) -> None:
    frames = guard(Video(PICTURES), gate)(output_type=output_type).frames
    assert _shown(frames[0]) == [True, False, True]


def test_a_pipeline_without_a_hook_is_refused(gate: ImageGate) -> None:
    with pytest.raises(GuardError, match="WithoutHook has neither"):
        guard(WithoutHook(), gate)


@pytest.mark.parametrize("kind", [*HOOKED, DeepFloydIF, Video])
def test_a_pipeline_is_guarded_once(gate: ImageGate, kind: Any) -> None:
    guarded = guard(kind(PICTURES), gate)
    for again in (guarded, guarded._pipeline):
        with pytest.raises(GuardError, match="already"):
            guard(again, gate)


@pytest.mark.parametrize(
    "given",
    [
        {"image": PICTURES[1]},
        {"image": [PICTURES[0], PICTURES[1]]},
        {"image": np.asarray(PICTURES[1])},
        {"image": Tensor(np.asarray(PICTURES[1]).transpose(2, 0, 1)[None] / np.float32(255))},
        {"mask_image": PICTURES[1].convert("L")},
        {"ip_adapter_image": [[PICTURES[1]]]},
    ],
)
def test_a_listed_picture_is_nothing_to_begin_with(gate: ImageGate, given: Any) -> None:
    pipeline = guard(WithChecker(PICTURES[:1]), gate)
    with pytest.raises(BlockedInputError, match=next(iter(given))) as caught:
        pipeline("anything", **given)
    assert "one" not in caught.value.message.split()
    assert guard(WithChecker(PICTURES[:1]), gate, checks_inputs=False)("anything", **given).images


def test_inputs_are_known_by_place_as_by_name(gate: ImageGate) -> None:
    with pytest.raises(BlockedInputError):
        guard(WithChecker(PICTURES[:1]), gate)("anything", PICTURES[1])


def test_the_extractor_serves_adapters_of_pictures_as_before(gate: ImageGate) -> None:
    pipeline = WithChecker(PICTURES[:1])
    guard(pipeline, gate)("anything", ip_adapter_image=PICTURES[0])
    assert pipeline.adapted == "features of an adapter"


def test_a_guarded_pipeline_has_the_attributes_of_its_own(gate: ImageGate) -> None:
    pipeline = WithoutChecker(PICTURES)
    guarded = guard(pipeline, gate)
    guarded.name = "other"
    assert (pipeline.name, guarded.name, guarded.image_processor.scale) == ("other", "other", 8)
    with pytest.raises(TypeError):
        guarded(unknown=1)


@pytest.mark.parametrize("kind", [*HOOKED, DeepFloydIF])
def test_without_a_verdict_nothing_leaves(make_scanner: MakeScanner, kind: Any) -> None:
    scanner = make_scanner()
    scanner.close()
    result = guard(kind(PICTURES), ImageGate(scanner, budget_s=60))()
    assert not any(_shown(result.images))


def test_the_neutral_picture_of_a_list_is_one(gate: ImageGate) -> None:
    images = guard(WithoutChecker(PICTURES), gate)().images
    assert isinstance(images[1], Image.Image)
    assert images[1].size == PICTURES[1].size


def test_a_move_gives_back_the_guarded_pipeline(gate: ImageGate) -> None:
    pipeline = WithoutChecker(PICTURES)
    guarded = guard(pipeline, gate)
    assert guarded.to("cuda") is guarded
    for name in ("components", "from_pipe"):
        with pytest.raises(GuardError, match="without the gate"):
            getattr(guarded, name)


def test_pictures_in_records_are_inputs_too(gate: ImageGate) -> None:
    guarded = guard(WithChecker(PICTURES[:1]), gate)
    with pytest.raises(BlockedInputError):
        guarded("anything", image=[Condition(PICTURES[1])])
    with pytest.raises(BlockedInputError):
        guarded("anything", image=[[PICTURES[0], None], [PICTURES[1], None]])


def test_what_did_not_pass_the_checker_does_not_leave_by_the_processor(gate: ImageGate) -> None:
    """Other methods than the call finish pictures without it, such as an inversion."""
    pipeline = WithChecker(PICTURES)
    guard(pipeline, gate)
    pipeline()
    finished = pipeline.image_processor.postprocess(as_decoded(PICTURES), output_type="pil")
    assert _shown(finished) == [True, False, True]
