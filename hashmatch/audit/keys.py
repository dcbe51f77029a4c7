"""Keys that sign (Ed25519, RFC 8032): the audit chain's, with any that verify it, and others'.

Both kinds are written as the base64 of their 32 bytes. The id of a key is the beginning of the
SHA-256 of its public half.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hashmatch.config import SecretSettings, Settings, read_secret
from hashmatch.errors import ConfigError, InputError
from hashmatch.store.engine import Seal

_KEY_BYTES = 32
_ID_CHARACTERS = 16

# Keys that verify signatures, by key id.
PublicKeys: TypeAlias = Mapping[str, Ed25519PublicKey]


@dataclass(frozen=True, slots=True)
class Signer:
    """A signing key: its id, its public half in base64, and its signing function."""

    key_id: str
    public_key: str
    sign: Callable[[bytes], bytes]


def open_signer(secret: SecretSettings, place: str) -> Signer:
    """Return the signing key that a secret holds. Raises `ConfigError`, which names its place."""
    key = _read_private(secret, place)
    public = key.public_key()
    return Signer(_key_id(public), _encode(public.public_bytes_raw()), key.sign)


def parse_public_keys(texts: Collection[str], place: str) -> PublicKeys:
    """Return public keys, written in base64, by their ids. Raises `InputError` naming the place."""
    keys = [_parse_public(one, place) for one in texts]
    return {_key_id(key): key for key in keys}


def make_key() -> tuple[str, str]:
    """Return a new signing key and its public half."""
    key = Ed25519PrivateKey.generate()
    return _encode(key.private_bytes_raw()), _encode(key.public_key().public_bytes_raw())


def open_seal(settings: Settings) -> Seal | None:
    """Return the signer that the settings name, None without a key. Raises `ConfigError`."""
    key = _private_key(settings)
    if key is None:
        return None
    return Seal(_key_id(key.public_key()), key.sign, partial(is_signed, public_keys(settings)))


def public_keys(settings: Settings, *more: str) -> PublicKeys:
    """Return all keys that may verify a signature: those of the settings, and `more`.

    Raises `ConfigError` for an invalid signing key, and `InputError` for an invalid public key.
    """
    keys = [_parse_public(one, "audit.public_keys") for one in settings.audit.public_keys]
    keys += [_parse_public(one, "the given public key") for one in more]
    if (own := _private_key(settings)) is not None:
        keys.append(own.public_key())
    return {_key_id(key): key for key in keys}


def public_key_of(settings: Settings) -> str | None:
    """Return the public half of the signing key, None without one. Raises `ConfigError`."""
    key = _private_key(settings)
    return None if key is None else _encode(key.public_key().public_bytes_raw())


def is_signed(keys: PublicKeys, key_id: str, signature: bytes, signed: bytes) -> bool:
    """Say whether `signature` is one of the key `key_id` over the bytes `signed`."""
    # An unknown key is as good as a wrong signature.
    try:
        keys[key_id].verify(signature, signed)
    except (KeyError, InvalidSignature):
        return False
    return True


def _private_key(settings: Settings) -> Ed25519PrivateKey | None:
    secret = settings.audit.signing_key
    return None if secret is None else _read_private(secret, "audit.signing_key")


def _read_private(secret: SecretSettings, place: str) -> Ed25519PrivateKey:
    data = _parse(read_secret(secret))
    if data is None:
        raise ConfigError(
            f"{place}: not an Ed25519 key in base64",
            hint="'hashmatch audit make-key FILE' creates one.",
        )
    return Ed25519PrivateKey.from_private_bytes(data)


def _parse_public(text: str, place: str) -> Ed25519PublicKey:
    if (data := _parse(text)) is None:
        raise InputError(f"{place}: not an Ed25519 key in base64")
    return Ed25519PublicKey.from_public_bytes(data)


def _parse(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) == _KEY_BYTES else None


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:_ID_CHARACTERS]


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
