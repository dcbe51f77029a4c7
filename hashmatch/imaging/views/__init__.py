"""Views that the search for altered copies makes of a picture."""

from .search import Search

__all__ = ["Search"]
