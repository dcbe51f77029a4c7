"""`hashmatch notices`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "notices",
    __name__,
    "Register requests to remove intimate images, and work on them in time.",
    {
        "list": "Show the register: what is due next first, then what lacks a part.",
        "show": "Show one notice with the places of its image and its history.",
        "add": "Record a request that was received, and print its id.",
        "complete": "Add parts that a request lacked; the clock runs once none is missing.",
        "record": "Record what was done about a notice, also after it was closed.",
        "close": "Close a notice with its outcome, and record what was done.",
        "reopen": "Open a closed notice again; its clock runs from where it began.",
        "contact": "Show who made a request; the audit log records it.",
        "export": "Export the notices that were received in a period, or their figures.",
    },
)
