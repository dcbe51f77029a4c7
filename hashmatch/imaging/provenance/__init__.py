"""Provenance: the marks in a file that declare who or what made its picture."""

from .credentials import CredentialsReader, can_read_credentials, load_credentials
from .reading import read_provenance
from .stealth import find_stealth_marks

__all__ = [
    "CredentialsReader",
    "can_read_credentials",
    "find_stealth_marks",
    "load_credentials",
    "read_provenance",
]
