"""`hashmatch retained`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "retained",
    __name__,
    "Show and remove retained hashes of past uploads.",
    {
        "status": "Show how many hashes are retained, of which days, and how much room they take.",
        "remove": "Remove all hashes of some uploads.",
    },
)
