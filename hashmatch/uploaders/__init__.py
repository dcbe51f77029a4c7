"""Uploader details, as platforms send them: their shape and their encryption."""

from .model import Account, Address, Details, Device, File, parse_details
from .sealing import Sealer, make_detail_key, open_sealer

__all__ = [
    "Account",
    "Address",
    "Details",
    "Device",
    "File",
    "Sealer",
    "make_detail_key",
    "open_sealer",
    "parse_details",
]
