"""Nodes for ComfyUI; `host` is what it loads."""
