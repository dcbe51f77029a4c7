"""Gate before every node of ComfyUI that gives out pictures, such as SaveImage and PreviewImage.

ComfyUI keeps its own nodes where a custom one has the same name, so that they are replaced in its
register itself, for all graphs, those that have no gate in them included.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, MutableMapping
from typing import Any, TypeAlias

from .images import check_images, check_mask

Nodes: TypeAlias = MutableMapping[str, type]

_CHECKS: dict[str, Callable[[Any], Any]] = {"IMAGE": check_images, "MASK": check_mask}
_MARK = "hashmatch_guards"
_log = logging.getLogger("hashmatch.gate")


def guard_host() -> None:
    """Put the gate before all nodes that give out pictures and are loaded at this moment."""
    guarded = guard_outputs(importlib.import_module("nodes").NODE_CLASS_MAPPINGS)
    _log.info("the gate is before the nodes %s", ", ".join(guarded))


def guard_outputs(nodes: Nodes) -> list[str]:
    """Replace each output node that takes pictures by one behind the gate; returns their names."""
    guarded = []
    for name, node in list(nodes.items()):
        if getattr(node, "OUTPUT_NODE", False) and _MARK not in vars(node):
            pictures = _pictures_of(node)
            if pictures:
                nodes[name] = _guarded(node, pictures)
                guarded.append(name)
    return guarded


def _pictures_of(node: Any) -> dict[str, Callable[[Any], Any]]:
    """Return the checks of a node's inputs by name."""
    inputs = node.INPUT_TYPES()
    return {
        name: _CHECKS[kind]
        for group in ("required", "optional")
        for name, (kind, *_) in inputs.get(group, {}).items()
        if isinstance(kind, str) and kind in _CHECKS
    }


def _guarded(node: Any, pictures: dict[str, Callable[[Any], Any]]) -> type:
    def checked(given: dict[str, Any]) -> dict[str, Any]:
        return {
            name: pictures[name](value).pictures
            if name in pictures and value is not None
            else value
            for name, value in given.items()
        }

    is_new = hasattr(node, "define_schema")  # Version 3: the method is of the class.
    function = "execute" if is_new else node.FUNCTION

    original = getattr(node, function)
    original = original.__func__ if is_new else original

    def run(own: Any, /, **given: Any) -> Any:
        return original(own, **checked(given))

    method: Any = classmethod(run) if is_new else run
    members = {function: method, _MARK: True, "__module__": node.__module__}
    return type(node.__name__, (node,), members)
