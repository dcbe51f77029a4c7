"""Uploader details, as platforms send them: their shape and their encryption."""

from .model import (
    Account,
    Address,
    Circumstances,
    Details,
    Device,
    File,
    FurtherFile,
    parse_details,
)
from .sealing import Sealer, make_detail_key, open_sealer

__all__ = [
    "Account",
    "Address",
    "Circumstances",
    "Details",
    "Device",
    "File",
    "FurtherFile",
    "Sealer",
    "make_detail_key",
    "open_sealer",
    "parse_details",
]
