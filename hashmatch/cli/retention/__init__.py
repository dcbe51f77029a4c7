"""`hashmatch retention`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "retention",
    __name__,
    "Remove data that has reached the end of its retention.",
    {
        "apply": "Remove everything older than [retention] allows.",
    },
)
