"""Imaging: the one door for image bytes, and what lies between them and their hashes."""

from .decoding import Limits
from .files import find_files, path_as_text, read_file, too_large
from .in_process import InProcessIntake
from .interface import Intake, Reading

__all__ = [
    "InProcessIntake",
    "Intake",
    "Limits",
    "Reading",
    "find_files",
    "path_as_text",
    "read_file",
    "too_large",
]
