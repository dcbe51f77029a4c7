"""Sources of images: files, folders, archives, manifests and object storage."""

from .interface import Item, Source
from .opening import open_source, open_sources, open_storage
from .storage import Storage

__all__ = ["Item", "Source", "Storage", "open_source", "open_sources", "open_storage"]
