"""`hashmatch prompt`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "prompt",
    __name__,
    "Screen prompts for listed terms.",
    {"check": "Look for listed terms in prompts."},
)
