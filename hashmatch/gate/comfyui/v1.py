"""Nodes for ComfyUI before version 3 of its interface."""

from __future__ import annotations

from typing import Any

from .images import check_images
from .outputs import guard_host


class HashmatchGate:
    """Passes pictures that may be shown, and grey ones in place of the others."""

    RETURN_TYPES = ("IMAGE", "BOOLEAN")
    RETURN_NAMES = ("images", "all shown")
    FUNCTION = "check"
    CATEGORY = "hashmatch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 (the host's name)
        """Return the inputs: pictures."""
        return {"required": {"images": ("IMAGE",)}}

    @classmethod
    def IS_CHANGED(cls, **_: Any) -> float:  # noqa: N802 (the host's name)
        """Return what equals nothing: lists change, and a cached result would not."""
        return float("nan")

    def check(self, images: Any) -> tuple[Any, bool]:
        """Return the pictures that may be shown, and whether all may."""
        checked = check_images(images)
        return checked.pictures, checked.are_all_shown


NODE_CLASS_MAPPINGS = {"HashmatchGate": HashmatchGate}
NODE_DISPLAY_NAME_MAPPINGS = {"HashmatchGate": "hashmatch gate"}

guard_host()
