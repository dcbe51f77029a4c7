"""`hashmatch tokens`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "tokens",
    __name__,
    "Create, list and revoke access tokens of the service.",
    {
        "create": "Create a token and print it, once.",
        "list": "Show all tokens, without their secrets.",
        "revoke": "Revoke a token.",
    },
)
