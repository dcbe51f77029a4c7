"""`hashmatch evaluate`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "evaluate",
    __name__,
    "Measure matching: recall, false matches, precision, other thresholds.",
    {
        "recall": "Measure how many altered copies of pictures are found.",
        "false-matches": "Measure how near unrelated pictures come to each other.",
        "thresholds": "Weigh recall against false matches for each threshold.",
        "review": "Show the precision of decided cases, or draw a sample to review.",
        "what-if": "Show what another threshold would leave of the recorded matches.",
    },
)
