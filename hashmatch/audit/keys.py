"""Keys for the audit chain (Ed25519, RFC 8032): one to sign it with, any number to check it with.

Both are written as the base64 of their 32 bytes. A key is called by the first bytes of the SHA-256
of its public half.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hashmatch.config import Settings, read_secret
from hashmatch.errors import ConfigError, InputError
from hashmatch.store.engine import Seal

_KEY_BYTES = 32
_ID_CHARACTERS = 16

# What checks a signature, by the name of its key.
PublicKeys: TypeAlias = Mapping[str, Ed25519PublicKey]


def make_key() -> tuple[str, str]:
    """Return a new key to sign with, and the public half of it."""
    key = Ed25519PrivateKey.generate()
    return _written(key.private_bytes_raw()), _written(key.public_key().public_bytes_raw())


def open_seal(settings: Settings) -> Seal | None:
    """Return what the settings say to sign with. Raises `ConfigError`."""
    key = _private_key(settings)
    return None if key is None else Seal(_key_id(key.public_key()), key.sign)


def public_keys(settings: Settings, *more: str) -> PublicKeys:
    """Return all keys that a signature may be of, those given and those of the settings.

    Raises `ConfigError` and `InputError` for what is no key.
    """
    keys = [_parse_public(one, "audit.public_keys") for one in settings.audit.public_keys]
    keys += [_parse_public(one, "the public key that was given") for one in more]
    if (own := _private_key(settings)) is not None:
        keys.append(own.public_key())
    return {_key_id(key): key for key in keys}


def public_key_of(settings: Settings) -> str | None:
    """Return the public half of the key to sign with. Raises `ConfigError`."""
    key = _private_key(settings)
    return None if key is None else _written(key.public_key().public_bytes_raw())


def is_signed(keys: PublicKeys, key_id: str, signature: bytes, signed: bytes) -> bool:
    """Say whether that is the signature of one of the keys."""
    try:
        keys[key_id].verify(signature, signed)
    except (KeyError, InvalidSignature):
        return False
    return True


def _private_key(settings: Settings) -> Ed25519PrivateKey | None:
    if settings.audit.signing_key is None:
        return None
    data = _parse(read_secret(settings.audit.signing_key))
    if data is None:
        raise ConfigError(
            "audit.signing_key: this is no Ed25519 key in base64",
            hint="'hashmatch audit make-key FILE' makes one.",
        )
    return Ed25519PrivateKey.from_private_bytes(data)


def _parse_public(text: str, place: str) -> Ed25519PublicKey:
    if (data := _parse(text)) is None:
        raise InputError(f"{place}: this is no Ed25519 key in base64")
    return Ed25519PublicKey.from_public_bytes(data)


def _parse(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) == _KEY_BYTES else None


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:_ID_CHARACTERS]


def _written(data: bytes) -> str:
    return base64.b64encode(data).decode()
