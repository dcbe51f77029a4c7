"""`hashmatch notices`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "notices",
    __name__,
    "Register requests to remove intimate images, and work on them in time.",
    {
        "list": "Show the register: what is due next first.",
        "show": "Show one notice with the places of its image and its history.",
        "add": "Record a request that was received.",
        "complete": "Add parts that a request lacked.",
        "record": "Record what was done about a notice.",
        "close": "Close a notice with its outcome.",
        "reopen": "Open a closed notice again.",
        "contact": "Show who made a request; the audit log records it.",
        "export": "Export the register or its figures.",
    },
)
