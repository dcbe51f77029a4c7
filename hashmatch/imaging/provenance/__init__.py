"""Provenance: the marks in a file that declare who or what made its picture."""

from .credentials import CredentialsReader, load_credentials
from .reading import read_provenance
from .stealth import find_stealth_marks

__all__ = ["CredentialsReader", "find_stealth_marks", "load_credentials", "read_provenance"]
