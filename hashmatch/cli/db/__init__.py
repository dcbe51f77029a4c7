"""`hashmatch db`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "db",
    __name__,
    "Upgrade, check, back up and restore the database.",
    {
        "upgrade": "Create the database, or upgrade its schema.",
        "check": "Check the database for damage and schema differences.",
        "backup": "Write all of the database to a new FILE, while others use it.",
        "restore": "Restore the database from a backup.",
    },
)
