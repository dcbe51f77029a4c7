"""`hashmatch db`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "db",
    __name__,
    "Upgrade or check the database.",
    {
        "upgrade": "Create the database, or upgrade its schema.",
        "check": "Check the database for damage and schema differences.",
    },
)
