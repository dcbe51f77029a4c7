"""`hashmatch gate`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "gate",
    __name__,
    "Report what gates before generators decided, and under which safeguards.",
    {
        "report": "Report the decisions of gates, and their safeguards as they changed.",
    },
)
