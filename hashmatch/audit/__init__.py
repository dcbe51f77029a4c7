"""Audit log: signing keys, verification of the audit chain, and its export."""

from .exporting import export_chain
from .keys import PublicKeys, make_key, open_seal, public_key_of, public_keys
from .problems import Problem, Verification
from .verifying import verify

__all__ = [
    "Problem",
    "PublicKeys",
    "Verification",
    "export_chain",
    "make_key",
    "open_seal",
    "public_key_of",
    "public_keys",
    "verify",
]
