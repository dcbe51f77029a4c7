"""`hashmatch matches`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "matches",
    __name__,
    "Show recorded matches.",
    {
        "list": "Show the newest matches, newest first.",
        "show": "Show one match in full.",
        "allowed": "Show the newest matches that allow lists explain, newest first.",
        "feedback": "Queue feedback on a match for the owner of its list.",
    },
)
