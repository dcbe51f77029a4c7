"""Index: exact search of hashes among the entries of all lists."""

from .exact import ExactSegment
from .folder import IndexFolder
from .hamming import HammingSegment, load_loops
from .interface import Entries, Hits, Index, Neighbour, Segment, Values
from .live import LiveIndex, Snapshot
from .maintenance import catch_up, merge
from .manifest import Manifest
from .segments import SEGMENT_OF_KIND
from .status import IndexStatus, inspect
from .vectors import VectorSegment

__all__ = [
    "SEGMENT_OF_KIND",
    "Entries",
    "ExactSegment",
    "HammingSegment",
    "Hits",
    "Index",
    "IndexFolder",
    "IndexStatus",
    "LiveIndex",
    "Manifest",
    "Neighbour",
    "Segment",
    "Snapshot",
    "Values",
    "VectorSegment",
    "catch_up",
    "inspect",
    "load_loops",
    "merge",
]
