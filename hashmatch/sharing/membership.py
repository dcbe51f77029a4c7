"""Private membership: a partner learns whether it has a listed hash, and the publisher nothing.

An oblivious pseudorandom function (RFC 9497, verifiable mode, ristretto255 with SHA-512) stands
between them. The publisher gives out *tags*: the function's values of all exact hashes of a list,
under a key that it alone has. The partner blinds the hashes that it asks about, has the publisher
evaluate them, unblinds the answers and looks for them among the tags. docs/guides/sharing.md says
what this protects, and what it does not.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from hashmatch.config import SharingSettings, read_secret
from hashmatch.errors import ConfigError, InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind

MAX_ASKED = 1_000
_TAG_BYTES, _KEY_BYTES = 16, 32
_CONTEXT = b"hashmatch private membership 1"


def exact_only(hashes: Mapping[str, Sequence[bytes]]) -> list[tuple[str, bytes]]:
    """Return the exact hashes among those of an entry: nothing else can be asked about so."""
    return [
        (name, value)
        for name, values in sorted(hashes.items())
        if name in ALGORITHMS and ALGORITHMS[name].kind is Kind.EXACT
        for value in values
    ]


class Evaluator:
    """The publisher's side, for one list, with the key that the settings name.

    Raises `ConfigError` without one, or without the extra `membership`.
    """

    def __init__(self, settings: SharingSettings, list_name: str) -> None:
        secret = settings.membership_key
        if secret is None:
            raise ConfigError(
                "sharing.membership_key is not set", hint="'hashmatch audit make-key' makes one."
            )
        try:
            seed = base64.b64decode(read_secret(secret), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConfigError("sharing.membership_key: not a key in base64") from error
        if len(seed) != _KEY_BYTES:
            raise ConfigError(f"sharing.membership_key: not of {_KEY_BYTES} bytes")
        # A key of its own for each list: answers about one say nothing of another.
        context = _CONTEXT + b"/" + list_name.encode()
        self._own = _ristretto().Evaluator.from_seed(seed, context)
        self._names = hmac.digest(seed, context + b"/entries", "sha256")

    @property
    def public_key(self) -> str:
        """Return the key by which answers are verified, in base64."""
        return _encode(self._own.public_key.serialize())

    def opaque(self, entry_id: str) -> str:
        """Return an id for an entry that says nothing of it, the same each time."""
        return _encode(hmac.digest(self._names, entry_id.encode(), "sha256")[:_TAG_BYTES])

    def tags(self, hashes: Iterable[tuple[str, bytes]]) -> list[str]:
        """Return the tags of exact hashes, each an algorithm and a value."""
        return [_tag(self._own.evaluate_known_input(_input(name, value))) for name, value in hashes]

    def evaluate(self, blinded: Sequence[str]) -> list[str]:
        """Return the answers to blinded questions, each with its proof. Raises `InputError`."""
        if not 0 < len(blinded) <= MAX_ASKED:
            raise InputError(f"ask about 1 to {MAX_ASKED} hashes at a time")
        kind = _ristretto().BlindedInput
        try:
            elements = [kind.deserialize(_decode(one)) for one in blinded]
        except ValueError as error:
            raise InputError("a question is no blinded element of ristretto255") from error
        # One by one, since the library's batches abort at a wrong proof instead of refusing it.
        return [_encode(self._own.evaluate(one).serialize()) for one in elements]


@dataclass(frozen=True, slots=True)
class Question:
    """The partner's side: some hashes, blinded; only `blinded` leaves it."""

    blinded: Sequence[str]
    clients: Sequence[Any]

    @classmethod
    def about(cls, hashes: Iterable[tuple[str, bytes]]) -> Question:
        """Blind hashes, each an algorithm and a value. Raises `ConfigError` without the extra."""
        kind = _ristretto().Client
        pairs = [kind.blind(_input(name, value)) for name, value in hashes]
        return cls([_encode(one.serialize()) for _, one in pairs], [one for one, _ in pairs])

    def answers(
        self, evaluated: Sequence[str], public_key: str, tags: Collection[str]
    ) -> list[bool]:
        """Return for each hash whether it is listed. Raises `InputError` for a false answer.

        The proofs show that the publisher evaluated all with the key of its public key, and so with
        the one that the tags were made with.
        """
        kinds = _ristretto()
        try:
            key = kinds.PublicKey.deserialize(_decode(public_key))
            values = [
                client.finalize(kinds.VerifiableOutput.deserialize(_decode(one)), key)
                for client, one in zip(self.clients, evaluated, strict=True)
            ]
        except ValueError as error:
            raise InputError("the answer is not one of that publisher") from error
        return [_tag(one) in tags for one in values]


def _ristretto() -> ModuleType:
    try:
        from voprf import ristretto
    except ImportError as error:
        raise ConfigError(
            "private membership needs more packages", hint="pip install 'hashmatch[membership]'"
        ) from error
    return ristretto


def _input(name: str, value: bytes) -> bytes:
    return name.encode() + b":" + value


def _tag(output: bytes) -> str:
    return _encode(output[:_TAG_BYTES])


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
