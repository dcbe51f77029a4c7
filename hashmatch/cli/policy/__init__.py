"""`hashmatch policy`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "policy",
    __name__,
    "Show the policy in force, and record the reasons of its changes.",
    {
        "show": "Show the policy of the configuration, beside the one in force.",
        "history": "Show the changes of policy, newest first, with their reasons.",
        "explain": "Record the reason of the policy in force, or of one by its DIGEST.",
        "adopt": "Record the policy of the configuration with its reason, before anything runs.",
    },
)
