"""`hashmatch lists`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "lists",
    __name__,
    "Manage hash lists, their entries and their deliveries.",
    {
        "add": "Create an empty list.",
        "import": "Replace the list NAME with the contents of FILE.",
        "sync": "Update lists from their sources.",
        "status": "Show every list with its licence, entries and last sync.",
        "flooding": "Show entries that match too much, and decide about one.",
        "diff": "Show the quarantined delivery of a list.",
        "accept": "Accept a quarantined delivery.",
        "reject": "Reject a quarantined delivery.",
        "disable": "Take single entries out of matching.",
        "enable": "Let disabled entries match again.",
        "allow": "Add a known false positive to an allow list.",
        "licence": "Set when the licence of a list ends.",
        "remove": "Delete the entries of a list.",
    },
)
