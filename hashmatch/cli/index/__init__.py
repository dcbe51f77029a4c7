"""`hashmatch index`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "index",
    __name__,
    "Show, build and compact the index on disk.",
    {
        "status": "Verify the index and compare it with the lists.",
        "build": "Bring the index up to date with the lists.",
        "compact": "Merge all segments and drop withdrawn entries.",
    },
)
