"""`hashmatch report`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "report",
    __name__,
    "Export reports of matches, cases and figures.",
    {
        "export": "Export the matches, cases or figures of a period.",
    },
)
