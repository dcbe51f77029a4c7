"""Gate of a host that loads adapters by itself, such as ComfyUI: one for the whole process."""

from __future__ import annotations

from threading import Lock

from .gate import ImageGate
from .record import open_gate

_lock = Lock()
_gates: dict[str, ImageGate] = {}


def shared_gate(name: str) -> ImageGate:
    """Return the gate of this process under a name, opened by the configuration in force.

    Raises the errors of `open_gate`, each time until it can be opened.
    """
    with _lock:
        if name not in _gates:
            _gates[name] = open_gate(name=name)
        return _gates[name]
