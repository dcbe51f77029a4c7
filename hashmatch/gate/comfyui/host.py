"""Nodes as ComfyUI loads them. Its folder of custom nodes holds one file, `hashmatch_gate.py`:

    from hashmatch.gate.comfyui.host import *

It adds the node "hashmatch gate", and puts the gate before every node that gives out pictures.
ComfyUI takes the nodes of the first interface where a module has both, so that only one is given.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("comfy_api") is not None and find_spec("comfy_api.latest") is not None:
    from .v3 import comfy_entrypoint

    __all__ = ["comfy_entrypoint"]
else:
    from .v1 import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

    __all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
