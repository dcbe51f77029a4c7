"""Audit log: signing keys, verification of the audit chain, and its export."""

from .exporting import export_chain
from .keys import (
    PublicKeys,
    Signer,
    is_signed,
    make_key,
    open_seal,
    open_signer,
    parse_public_keys,
    public_key_of,
    public_keys,
)
from .problems import Problem, Verification
from .verifying import verify

__all__ = [
    "Problem",
    "PublicKeys",
    "Signer",
    "Verification",
    "export_chain",
    "is_signed",
    "make_key",
    "open_seal",
    "open_signer",
    "parse_public_keys",
    "public_key_of",
    "public_keys",
    "verify",
]
