"""`hashmatch gate`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "gate",
    __name__,
    "Report on gates before image generators, and correct misuse.",
    {
        "report": "Report the decisions of gates, and their safeguards as they changed.",
        "proxy": "Serve what the server of images at URL does, behind a gate.",
        "misuse": "Correct reported misuse: put pictures on an own list.",
    },
)
