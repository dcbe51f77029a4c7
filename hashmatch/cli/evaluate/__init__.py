"""`hashmatch evaluate`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "evaluate",
    __name__,
    "Evaluate matching: precision, samples to review, other thresholds.",
    {
        "review": "Show the precision of decided cases, or draw a sample to review.",
        "what-if": "Show what another threshold would leave of the recorded matches.",
    },
)
