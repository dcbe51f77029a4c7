"""Screening: from bytes or hashes to a recorded verdict. `scanner` is the file to read first."""

from .asynchronous import AsyncScanner
from .parallel import in_order
from .readings import plain_hashes
from .request import Picture, Query, anonymous_content_id
from .scanner import Observe, Scanner

__all__ = [
    "AsyncScanner",
    "Observe",
    "Picture",
    "Query",
    "Scanner",
    "anonymous_content_id",
    "in_order",
    "plain_hashes",
]
