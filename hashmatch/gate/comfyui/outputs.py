"""Gate before every node of ComfyUI that gives out pictures, such as SaveImage and PreviewImage.

ComfyUI keeps its own nodes where a custom one has the same name, so that they are replaced in its
register itself, for all graphs, those that have no gate in them included.
"""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import MutableMapping
from typing import Any, TypeAlias

from hashmatch.errors import WithheldError
from hashmatch.imaging import is_array

from .images import check_images, check_mask

Nodes: TypeAlias = MutableMapping[str, type]

_MARK = "hashmatch_guards"
_CHANNELS, _PICTURE_AXES = frozenset({1, 3, 4}), 4
_log = logging.getLogger("hashmatch.gate")


def guard_host() -> None:
    """Put the gate before all nodes that give out pictures and are loaded at this moment."""
    guarded = guard_outputs(importlib.import_module("nodes").NODE_CLASS_MAPPINGS)
    _log.info("the gate is before the nodes %s", ", ".join(guarded))


def guard_outputs(nodes: Nodes) -> list[str]:
    """Replace each output node by one behind the gate; returns their names."""
    guarded = []
    for name, node in list(nodes.items()):
        if getattr(node, "OUTPUT_NODE", False) and _MARK not in vars(node):
            nodes[name] = _guarded(node)
            guarded.append(name)
    return guarded


def _guarded(node: Any) -> type:
    masks = _masks_of(node)

    def checked(given: dict[str, Any]) -> dict[str, Any]:
        return {name: _checked(value, name in masks) for name, value in given.items()}

    is_new = hasattr(node, "define_schema")  # Version 3: the method is of the class.
    function = "execute" if is_new else node.FUNCTION
    original = getattr(node, function)
    original = original.__func__ if is_new else original

    def run(own: Any, /, **given: Any) -> Any:
        return original(own, **checked(given))

    async def run_later(own: Any, /, **given: Any) -> Any:
        return await original(own, **checked(given))

    chosen = run_later if inspect.iscoroutinefunction(original) else run
    method: Any = classmethod(chosen) if is_new else chosen
    members = {function: method, _MARK: True, "__module__": node.__module__}
    return type(node.__name__, (node,), members)


def _masks_of(node: Any) -> frozenset[str]:
    """Return the names of the inputs that are masks, none where the node does not say."""
    try:
        groups = node.INPUT_TYPES().values()
        return frozenset(
            name
            for group in groups
            for name, kind in group.items()
            if isinstance(kind, tuple) and kind[:1] == ("MASK",)
        )
    except Exception:  # noqa: BLE001 (other people's nodes may raise anything)
        return frozenset()


def _checked(value: Any, is_mask: bool) -> Any:  # noqa: FBT001
    """Return an input as it may be shown, whatever the node calls it: lists item by item."""
    if isinstance(value, list):
        return [_checked(one, is_mask) for one in value]
    if is_array(value):
        if is_mask:
            return check_mask(value).pictures
        is_picture = len(value.shape) == _PICTURE_AXES and value.shape[-1] in _CHANNELS
        return check_images(value).pictures if is_picture else value
    is_video = callable(getattr(value, "get_components", None))
    if is_video and not check_images(value.get_components().images).are_all_shown:
        raise WithheldError("a frame of the video may not be shown")
    return value
