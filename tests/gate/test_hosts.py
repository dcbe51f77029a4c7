"""Adapters that a host loads by itself: ComfyUI, AUTOMATIC1111's web UI, InvokeAI.

The hosts are stand-ins with as much of their interfaces as the adapters use: ComfyUI's `nodes.py`
and `comfy_api.latest`, the web UI's `scripts.py` and `script_callbacks.py` (which report an error
of a script and go on), InvokeAI's `invocation_api`.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hashmatch.errors import WithheldError
from hashmatch.gate import ImageGate, shared
from hashmatch.gate.comfyui.images import check_mask
from hashmatch.gate.comfyui.outputs import guard_outputs
from hashmatch.synthetic import draw_picture
from tests.gate.pipelines import Tensor

PICTURES = [draw_picture(seed, 320, 240) for seed in (8, 1, 9)]
BATCH = np.stack([np.asarray(one) for one in PICTURES]).astype(np.float32) / 255


def _shown(batch: Any) -> list[bool]:
    values = batch.values if isinstance(batch, Tensor) else batch
    return [float(np.ptp(np.asarray(one))) > 0.01 for one in values]


@pytest.fixture
def host(gate: ImageGate, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A host whose adapters use the test's gate, and that is gone after the test."""
    monkeypatch.setattr(shared, "_gates", dict.fromkeys(("comfyui", "webui", "invokeai"), gate))
    before = set(sys.modules)
    yield monkeypatch
    for name in set(sys.modules) - before:
        if name.startswith("hashmatch.gate."):
            del sys.modules[name]


def _module(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    module.__path__ = []
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, name, module)
    parent, _, own = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], own, module)
    return module


class SaveImage:
    """A node of version 1 that saves pictures."""

    FUNCTION = "save_images"
    OUTPUT_NODE = True
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> Any:  # noqa: N802
        return {
            "required": {"images": ("IMAGE", {"tooltip": "x"}), "filename_prefix": ("STRING", {})},
            "optional": {"mask": ("MASK",)},
            "hidden": {"prompt": "PROMPT"},
        }

    def save_images(
        self, images: Any, filename_prefix: str = "x", mask: Any = None, prompt: Any = None
    ) -> Any:
        return {"ui": {"images": images, "name": filename_prefix, "mask": mask}}


class PreviewImage(SaveImage):
    """A node that shows pictures."""


class Invert:
    """A node that gives nothing out."""

    FUNCTION = "invert"

    @classmethod
    def INPUT_TYPES(cls) -> Any:  # noqa: N802
        return {"required": {"images": ("IMAGE",)}}


class NewSave:
    """A node of version 3 that saves pictures: its methods are of the class."""

    OUTPUT_NODE = True
    FUNCTION = "EXECUTE_NORMALIZED"

    @classmethod
    def define_schema(cls) -> Any:
        return None

    @classmethod
    def INPUT_TYPES(cls) -> Any:  # noqa: N802
        return {"required": {"images": ("IMAGE", {})}}

    @classmethod
    def EXECUTE_NORMALIZED(cls, **given: Any) -> Any:  # noqa: N802
        return cls.execute(**given)

    @classmethod
    def execute(cls, images: Any) -> Any:
        return images


def _nodes() -> dict[str, type]:
    return {
        "SaveImage": SaveImage, "PreviewImage": PreviewImage, "Invert": Invert, "New": NewSave,
    }  # fmt: skip


def test_every_node_that_gives_out_pictures_is_behind_the_gate(host: pytest.MonkeyPatch) -> None:
    nodes: dict[str, Any] = {**_nodes()}
    assert guard_outputs(nodes) == ["SaveImage", "PreviewImage", "New"]
    for name in ("SaveImage", "PreviewImage"):
        node = nodes[name]()
        shown = getattr(node, node.FUNCTION)(images=BATCH, filename_prefix="a")["ui"]
        assert (_shown(shown["images"]), shown["name"], shown["mask"]) == (
            [True, False, True], "a", None,
        )  # fmt: skip
        assert nodes[name].INPUT_TYPES() == SaveImage.INPUT_TYPES()
    assert _shown(nodes["New"].EXECUTE_NORMALIZED(images=BATCH)) == [True, False, True]
    assert nodes["Invert"] is Invert


class Later(NewSave):
    """A node whose method waits, and takes what it is given as lists."""

    @classmethod
    async def execute(cls, images: Any) -> Any:
        return images


class Broken(SaveImage):
    """A node that does not say what it takes."""

    @classmethod
    def INPUT_TYPES(cls) -> Any:  # noqa: N802
        raise RuntimeError("of any kind")


def test_nodes_of_other_people_are_behind_it_too(host: pytest.MonkeyPatch) -> None:
    nodes: dict[str, Any] = {"Later": Later, "Broken": Broken, "SaveImage": SaveImage}
    assert guard_outputs(nodes) == ["Later", "Broken", "SaveImage"]
    (shown,) = asyncio.run(nodes["Later"].execute(images=[BATCH]))
    assert _shown(shown) == [True, False, True]
    assert _shown(nodes["Broken"]().save_images(images=BATCH)["ui"]["images"]) == [
        True, False, True,
    ]  # fmt: skip
    video = SimpleNamespace(get_components=lambda: SimpleNamespace(images=BATCH))
    with pytest.raises(WithheldError):
        nodes["SaveImage"]().save_images(images=video)


def test_a_node_is_put_behind_the_gate_once(host: pytest.MonkeyPatch) -> None:
    nodes: dict[str, Any] = {**_nodes()}
    guard_outputs(nodes)
    assert guard_outputs(nodes) == []


def test_a_listed_picture_in_a_mask_is_found(host: pytest.MonkeyPatch) -> None:
    listed = np.asarray(PICTURES[1].convert("L")).astype(np.float32)[None] / 255
    assert not check_mask(listed).are_all_shown
    drawn_mask = np.zeros((1, 240, 320), np.float32)
    drawn_mask[:, 100:120, 100:140] = 1
    assert check_mask(drawn_mask).pictures.shape == (1, 240, 320)
    assert check_mask(drawn_mask).are_all_shown


def test_the_node_for_older_hosts_passes_what_may_be_shown(host: pytest.MonkeyPatch) -> None:
    nodes = _module(host, "nodes", NODE_CLASS_MAPPINGS=_nodes())
    module = importlib.import_module("hashmatch.gate.comfyui.v1")
    node = module.NODE_CLASS_MAPPINGS["HashmatchGate"]()
    images, are_all_shown = getattr(node, node.FUNCTION)(images=BATCH)
    assert (_shown(images), are_all_shown) == ([True, False, True], False)
    same, are_all_shown = node.check(images=BATCH[:1])
    assert np.shares_memory(same, BATCH)
    assert are_all_shown
    assert node.IS_CHANGED() != node.IS_CHANGED()
    assert nodes.NODE_CLASS_MAPPINGS["SaveImage"] is not SaveImage
    assert list(node.INPUT_TYPES()["required"]) == ["images"]


def test_values_beyond_the_range_are_cut_as_they_are_when_saved(host: pytest.MonkeyPatch) -> None:
    from hashmatch.gate.comfyui.images import check_images

    beyond = BATCH * 1.3 - 0.1
    checked = check_images(beyond)
    assert _shown(checked.pictures) == [True, False, True]


def _comfy_api(host: pytest.MonkeyPatch) -> None:
    class Value:
        @staticmethod
        def Input(name: str) -> str:  # noqa: N802
            return name

        @staticmethod
        def Output(display_name: str) -> str:  # noqa: N802
            return display_name

    io = SimpleNamespace(
        ComfyNode=object,
        Schema=lambda **given: SimpleNamespace(**given),
        Image=Value,
        Boolean=Value,
        NodeOutput=lambda *values: values,
    )
    _module(host, "comfy_api")
    _module(host, "comfy_api.latest", io=io, ComfyExtension=object)


def test_the_node_for_newer_hosts_is_stateless(host: pytest.MonkeyPatch) -> None:
    nodes = _module(host, "nodes", NODE_CLASS_MAPPINGS=_nodes())
    _comfy_api(host)
    module = importlib.import_module("hashmatch.gate.comfyui.v3")
    extension = asyncio.run(module.comfy_entrypoint())
    (node,) = asyncio.run(extension.get_node_list())
    assert node.define_schema().node_id == "HashmatchGate"
    images, are_all_shown = node.execute(images=BATCH)
    assert (_shown(images), are_all_shown) == ([True, False, True], False)
    assert node.fingerprint_inputs() != node.fingerprint_inputs()
    assert nodes.NODE_CLASS_MAPPINGS["SaveImage"] is not SaveImage


@pytest.mark.parametrize("is_new", [True, False])
def test_a_module_gives_nodes_of_one_interface_only(host: pytest.MonkeyPatch, is_new: bool) -> None:
    _module(host, "nodes", NODE_CLASS_MAPPINGS=_nodes())
    if is_new:
        _comfy_api(host)
    module = importlib.import_module("hashmatch.gate.comfyui.host")
    assert ("comfy_entrypoint" in module.__all__) == is_new
    assert ("NODE_CLASS_MAPPINGS" in module.__all__) == (not is_new)


class _Script:
    """A script of the web UI."""

    def postprocess_image_after_composite(self, p: Any, pp: Any, *_: Any) -> None: ...


def _webui(host: pytest.MonkeyPatch) -> tuple[Any, list[Any], dict[str, Any]]:
    saved: list[Any] = []
    options: dict[str, Any] = {"live_previews_enable": True, "save_init_img": True, "other": True}
    always = object()
    _module(
        host,
        "modules",
        scripts=SimpleNamespace(Script=_Script, AlwaysVisible=always),
        script_callbacks=SimpleNamespace(on_before_image_saved=saved.append),
        shared=SimpleNamespace(opts=SimpleNamespace(data=options)),
    )
    module = importlib.import_module("hashmatch.gate.webui")
    script = module.HashmatchScript()
    assert script.show(False) is always
    return script, saved, options


def test_the_web_ui_gets_only_what_may_be_shown(host: pytest.MonkeyPatch) -> None:
    script, (save,), options = _webui(host)
    for number, picture in enumerate(PICTURES):
        for hook in (lambda pp: script.postprocess_image_after_composite(None, pp), save):
            pp = SimpleNamespace(image=picture)
            hook(pp)
            assert (pp.image is picture) == (number != 1)
    p = SimpleNamespace(init_images=list(PICTURES))
    script.process(p)
    assert [one is two for one, two in zip(p.init_images, PICTURES, strict=True)] == [
        True, False, True,
    ]  # fmt: skip
    assert (options["live_previews_enable"], options["save_init_img"]) == (False, False)
    assert options["other"]
    # Composites of inpainting are appended after the hook of each picture.
    processed = SimpleNamespace(images=list(PICTURES))
    script.postprocess(None, processed)
    assert [one is two for one, two in zip(processed.images, PICTURES, strict=True)] == [
        True, False, True,
    ]  # fmt: skip


def test_an_error_in_the_web_ui_lets_nothing_out(host: pytest.MonkeyPatch) -> None:
    """The host reports whatever a script raises, and shows what is there."""
    script, _, _ = _webui(host)
    host.setattr(ImageGate, "check", None)
    pp = SimpleNamespace(image=PICTURES[0])
    with pytest.raises(TypeError):
        script.postprocess_image_after_composite(None, pp)
    assert pp.image is not PICTURES[0]
    p = SimpleNamespace(init_images=list(PICTURES))
    with pytest.raises(TypeError):
        script.process(p)
    assert not any(one in PICTURES for one in p.init_images)


def test_the_node_for_invokeai_passes_what_may_be_shown(host: pytest.MonkeyPatch) -> None:
    class Anything:
        """A base class, a field or an output of which nothing is asked."""

        def __init__(self, *_: Any, **__: Any) -> None: ...

    _module(host, "invokeai")
    _module(
        host,
        "invokeai.invocation_api",
        BaseInvocation=type("BaseInvocation", (), {}),
        WithMetadata=type("WithMetadata", (), {}),
        WithBoard=type("WithBoard", (), {}),
        ImageField=Anything,
        InputField=Anything,
        ImageOutput=SimpleNamespace(build=lambda saved: saved),
        invocation=lambda *_, **__: lambda node: node,
    )
    module = importlib.import_module("hashmatch.gate.invokeai")
    node = module.HashmatchGateInvocation()
    for number, picture in enumerate(PICTURES):
        node.image = SimpleNamespace(image_name=str(number))
        images = SimpleNamespace(get_pil=lambda name: PICTURES[int(name)], save=lambda image: image)
        shown = node.invoke(SimpleNamespace(images=images))
        assert isinstance(shown, Image.Image)
        assert (shown is picture) == (number != 1)
