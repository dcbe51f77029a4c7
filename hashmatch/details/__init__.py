"""Who uploaded a content item and from where, as platforms tell it: its shape and its lock."""

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
