"""`hashmatch evaluate`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "evaluate",
    __name__,
    "Measure recall and false matches with pictures of your own.",
    {
        "recall": "Measure how many altered copies of pictures are found.",
        "false-matches": "Measure how near unrelated pictures come to each other.",
        "thresholds": "Weigh recall against false matches for each threshold.",
    },
)
