"""Console: pages for the people who work cases, lists and reports, without any imagery."""

from .app import Console, create_console

__all__ = ["Console", "create_console"]
