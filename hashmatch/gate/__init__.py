"""Gate: stops known material at a generator, before it starts and before anything is shown.

    from hashmatch import open_scanner
    from hashmatch.gate import ImageGate, guard
    pipeline = guard(pipeline, ImageGate(open_scanner()))

Nothing here loads torch, diffusers or any other framework.
"""

from .decisions import Checked, Context, Decision, Role, Verdict
from .diffusers import guard
from .gate import ImageGate

__all__ = ["Checked", "Context", "Decision", "ImageGate", "Role", "Verdict", "guard"]
