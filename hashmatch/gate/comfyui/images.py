"""Pictures as ComfyUI holds them, checked: of shape (number, height, width, channels), 0 to 1."""

from __future__ import annotations

from typing import Any

from ..decisions import Checked, Context, Role
from ..gate import ImageGate
from ..shared import shared_gate

ADAPTER = "comfyui"


def gate_of_host() -> ImageGate:
    """Return the gate of this ComfyUI."""
    return shared_gate(ADAPTER)


def check_images(images: Any, gate: ImageGate | None = None) -> Checked:
    """Check pictures as they are saved: values beyond 0 and 1 are cut off."""
    cut = images.clamp(0, 1) if hasattr(images, "clamp") else images.clip(0, 1)
    checked = (gate or gate_of_host()).check(cut, context=Context(ADAPTER))
    # What was not replaced stays as it was.
    return Checked(checked.decisions, images) if checked.are_all_shown else checked


def check_mask(mask: Any, gate: ImageGate | None = None) -> Checked:
    """Check a mask, of shape (number, height, width)."""
    checked = (gate or gate_of_host()).check(mask[..., None], context=Context(ADAPTER, Role.MASK))
    return Checked(checked.decisions, checked.pictures[..., 0])
