"""`hashmatch outbox`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "outbox",
    __name__,
    "Show and send notifications to other systems.",
    {
        "list": "Show the newest messages, newest first.",
        "send": "Send all messages that are due.",
        "retry": "Retry a message at the next send.",
        "drop": "Delete a message that has not been sent.",
    },
)
