"""List sources, each in a file of its own.

To add one: write its file, give it settings in `hashmatch.config`, open it in `hashmatch.wiring`,
and give the contract suite a server that speaks its protocol.
"""

from .file import FileSource
from .https import HTTPSSource
from .interface import Checkpoint, Fetch, ListSource

__all__ = ["Checkpoint", "Fetch", "FileSource", "HTTPSSource", "ListSource"]
