"""`hashmatch audit`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "audit",
    __name__,
    "Verify and export the audit log.",
    {
        "verify": "Verify that nothing in the audit log was changed.",
        "export": "Export the audit log with its signatures.",
        "make-key": "Create a key that signs the audit log.",
    },
)
