"""Imaging: the single entry point for image bytes, and the way from bytes to hashes."""

from .arrays import as_array, is_array, pictures_of
from .core_dumps import are_core_dumps_forbidden, forbid_core_dumps
from .decoding import load_jxl, recognise
from .files import find_files, name_as_text, path_as_text, read_file
from .hashing import Hashing
from .in_process import InProcessIntake
from .interface import Intake, Reading
from .limits import Limits, too_large
from .pool import PoolIntake, ProcessFailedError
from .provenance import can_read_credentials

__all__ = [
    "Hashing",
    "InProcessIntake",
    "Intake",
    "Limits",
    "PoolIntake",
    "ProcessFailedError",
    "Reading",
    "are_core_dumps_forbidden",
    "as_array",
    "can_read_credentials",
    "find_files",
    "forbid_core_dumps",
    "is_array",
    "load_jxl",
    "name_as_text",
    "path_as_text",
    "pictures_of",
    "read_file",
    "recognise",
    "too_large",
]
