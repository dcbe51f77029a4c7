"""Outbound requests to other systems: to permitted addresses only, and within a time limit."""

from .addresses import find_address
from .requests import Answer, send_request

__all__ = [
    "Answer",
    "find_address",
    "send_request",
]
