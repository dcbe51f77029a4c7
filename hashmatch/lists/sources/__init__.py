"""List sources, each in a file of its own.

To add one: write its file, add its settings to `hashmatch.config`, open it in `opening.py`, and add
a server that speaks its protocol to the contract suites.
"""

from .file import FileSource
from .hashmatch import HashmatchSource
from .https import HTTPSSource
from .interface import (
    Checkpoint,
    Feedback,
    FeedbackReceiver,
    Fetch,
    ListSource,
    Verdict,
)
from .ncmec import NCMECSource
from .object_storage import ObjectStorageSource
from .opening import open_source
from .stopncii import StopNCIIKeys, StopNCIISource
from .threatexchange import ThreatExchangeSource
from .web import open_client

__all__ = [
    "Checkpoint",
    "Feedback",
    "FeedbackReceiver",
    "Fetch",
    "FileSource",
    "HTTPSSource",
    "HashmatchSource",
    "ListSource",
    "NCMECSource",
    "ObjectStorageSource",
    "StopNCIIKeys",
    "StopNCIISource",
    "ThreatExchangeSource",
    "Verdict",
    "open_client",
    "open_source",
]
