"""Outbound requests to other systems: to permitted addresses only, and within a time limit."""

from .addresses import find_address
from .fetching import FetchedFile, Fetcher
from .requests import Answer, quieten_client, send_request

__all__ = [
    "Answer",
    "FetchedFile",
    "Fetcher",
    "find_address",
    "quieten_client",
    "send_request",
]
