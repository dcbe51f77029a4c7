"""HTTP service: the scanner, for platforms that ask before they show an image."""

from .app import create_app
from .serving import serve

__all__ = ["create_app", "serve"]
