"""ID tokens made by hand, correct and others: no library shares its mistakes with the client."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Claims: TypeAlias = Mapping[str, Any]


def encoded(data: bytes) -> str:
    """Return data in the alphabet of tokens, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key(NamedTuple):
    """A key that signs tokens, and the name that it has in the provider's key set."""

    private: RSAPrivateKey
    name: str | None

    def signature(self, data: bytes) -> bytes:
        """Sign by RS256."""
        return self.private.sign(data, PKCS1v15(), SHA256())

    def public(self) -> dict[str, str]:
        """Return the public key as a JWK."""
        numbers = self.private.public_key().public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        named = {} if self.name is None else {"kid": self.name}
        modulus, exponent = numbers.n.to_bytes(size), numbers.e.to_bytes(3)
        return {"kty": "RSA", "use": "sig", "n": encoded(modulus), "e": encoded(exponent), **named}

    def pem(self) -> bytes:
        """Return the public key as a PEM file."""
        form = PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(Encoding.PEM, form)


@cache
def _private(number: int) -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def key(number: int = 0, name: str | None = "first") -> Key:
    """Return a key, which is made once."""
    return Key(_private(number), name)


Sign: TypeAlias = Callable[[Claims], str]


def _token(header: Claims, claims: Claims, signature: Callable[[bytes], bytes]) -> str:
    data = ".".join(encoded(json.dumps(dict(part)).encode()) for part in (header, claims))
    return f"{data}.{encoded(signature(data.encode()))}"


def signed(by: Key | None = None, **header: Any) -> Sign:
    """Sign by RS256, with further fields of the header."""
    by = by or key()
    named = {} if by.name is None else {"kid": by.name}
    return lambda claims: _token({"alg": "RS256", **named, **header}, claims, by.signature)


def unsigned(algorithm: str = "none") -> Sign:
    """Do not sign, and say so (RFC 7518, section 3.6)."""
    return lambda claims: _token({"alg": algorithm}, claims, lambda _: b"")


def signed_by_secret(secret: bytes, **header: Any) -> Sign:
    """Sign by HS256."""

    def signature(data: bytes) -> bytes:
        return hmac.digest(secret, data, "sha256")

    return lambda claims: _token({"alg": "HS256", **header}, claims, signature)


def changed_after_signing(claims: Claims) -> str:
    """Sign the claims of somebody in no group, and put these in their place."""
    header, _, signature = signed()({**claims, "groups": []}).split(".")
    return f"{header}.{encoded(json.dumps(dict(claims)).encode())}.{signature}"
