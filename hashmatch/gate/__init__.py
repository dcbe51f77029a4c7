"""Gate: stops known material at a generator, before it starts and before anything is shown.

    from hashmatch.gate import guard, open_gate
    pipeline = guard(pipeline, open_gate("hashmatch.toml"))

Nothing here loads torch, diffusers or any other framework.
"""

from .asgi import GateMiddleware
from .decisions import Checked, Context, Decision, Role, Verdict
from .diffusers import guard
from .gate import ImageGate
from .proxy import guarded_proxy, serve_proxy
from .record import open_gate, open_gate_with
from .report import gate_report

__all__ = [
    "Checked",
    "Context",
    "Decision",
    "GateMiddleware",
    "ImageGate",
    "Role",
    "Verdict",
    "gate_report",
    "guard",
    "guarded_proxy",
    "open_gate",
    "open_gate_with",
    "serve_proxy",
]
