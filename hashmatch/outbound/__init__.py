"""Requests to others: only to where they may go, and with an end."""

from .addresses import find_address
from .asking import Answer, ask

__all__ = ["Answer", "ask", "find_address"]
