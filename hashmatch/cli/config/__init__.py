"""`hashmatch config`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "config",
    __name__,
    "Show and check the configuration.",
    {
        "sample": "Write a configuration with every key, its default and what it does.",
        "check": "Check the configuration, and the secrets and files that it names.",
    },
)
