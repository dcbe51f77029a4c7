"""The index: from hashes to the entries of all lists, exactly."""

from .exact import ExactSegment
from .folder import IndexFolder
from .following import catch_up, merge
from .hamming import HammingSegment
from .interface import Entries, Hits, Index, Neighbour, Segment
from .live import LiveIndex, Snapshot
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
    "VectorSegment",
    "catch_up",
    "inspect",
    "merge",
]
