"""Nodes for ComfyUI by version 3 of its interface."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import ComfyExtension, io  # type: ignore[import-not-found]

from .images import check_images
from .outputs import guard_host


class HashmatchGate(io.ComfyNode):  # type: ignore[misc]
    """Passes pictures that may be shown, and grey ones in place of the others."""

    @classmethod
    def define_schema(cls) -> Any:
        """Return the inputs and outputs."""
        return io.Schema(
            node_id="HashmatchGate",
            display_name="hashmatch gate",
            category="hashmatch",
            inputs=[io.Image.Input("images")],
            outputs=[
                io.Image.Output(display_name="images"),
                io.Boolean.Output(display_name="all shown"),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> float:
        """Return what equals nothing: lists change, and a cached result would not."""
        return float("nan")

    @classmethod
    def execute(cls, images: Any) -> Any:
        """Return the pictures that may be shown, and whether all may."""
        checked = check_images(images)
        return io.NodeOutput(checked.pictures, checked.are_all_shown)


class HashmatchExtension(ComfyExtension):  # type: ignore[misc]
    """The extension that has the node."""

    async def get_node_list(self) -> list[type]:
        """Return the nodes."""
        guard_host()
        return [HashmatchGate]


async def comfy_entrypoint() -> HashmatchExtension:
    """Return the extension, where the host asks for it."""
    return HashmatchExtension()
