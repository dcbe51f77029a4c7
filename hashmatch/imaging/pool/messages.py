"""What goes over the pipe between pool and decoding process, and how little is believed of it.

Each message is its length (four bytes, big-endian) and a JSON text; a file's bytes follow the
request that announces them. There is no pickle in it: whoever takes over a decoder can answer
nothing but hashes, and only in the shape that is checked here.
"""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import asdict, dataclass
from typing import Any

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, Orientation, View
from hashmatch.outcome import Failure, Media, Reason

from ..interface import Reading
from ..limits import Limits

LENGTH_BYTES = 4
MOST_REPLY_BYTES = 16_000_000
_MOST_DETAIL = 200
_MOST_FORMAT = 16
_MOST_NUMBER = 2**63


class MessageError(Exception):
    """A message that is not of the agreed shape. It never repeats the message."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The first request: the limits to keep, and what to load before locking up."""

    limits: Limits
    algorithms: tuple[str, ...]
    timeout_s: float
    max_memory_bytes: int


@dataclass(frozen=True, slots=True)
class Request:
    """A file to read, of so many bytes; the reply bears the same number."""

    number: int
    algorithms: tuple[str, ...]
    size_bytes: int


def encode_setup(setup: Setup) -> bytes:
    """Return the message."""
    return _framed(asdict(setup))


def decode_setup(payload: bytes) -> Setup:
    """Return what `encode_setup` was given; it comes from the pool and is believed."""
    table = json.loads(payload)
    limits = table.pop("limits")
    formats = tuple(limits.pop("formats"))
    algorithms = tuple(table.pop("algorithms"))
    return Setup(limits=Limits(**limits, formats=formats), algorithms=algorithms, **table)


def encode_request(request: Request) -> bytes:
    """Return the message, after which the file has to follow."""
    return _framed(asdict(request))


def decode_request(payload: bytes) -> Request:
    """Return what `encode_request` was given; it comes from the pool and is believed."""
    table = json.loads(payload)
    return Request(table["number"], tuple(table["algorithms"]), table["size_bytes"])


def encode_protections(protections: dict[str, bool]) -> bytes:
    """Return the reply to `Setup`: what confines the process, and whether it is in force."""
    return _framed(protections)


def decode_protections(payload: bytes) -> dict[str, bool]:
    """Return the protections by name. Raises `MessageError`."""
    table = _parse(payload)
    if not isinstance(table, dict) or not all(isinstance(one, bool) for one in table.values()):
        raise MessageError("not a list of protections")
    return table


def encode_reading(number: int, reading: Reading) -> bytes:
    """Return the reply to a request."""
    media, failure = reading.media, reading.failure
    return _framed(
        {
            "number": number,
            "media": media and [media.format, media.width, media.height, media.frames],
            "hashes": [
                [
                    one.algorithm.name,
                    one.value.hex(),
                    one.quality,
                    one.frame,
                    one.orientation,
                    one.view,
                ]
                for one in reading.hashes
            ],
            "failure": failure and [failure.reason, failure.detail],
        }
    )


def decode_reading(payload: bytes, request: Request) -> Reading:
    """Return the reading that answers a request. Raises `MessageError` for anything else."""
    match _parse(payload):
        case {"number": int(number), "media": media, "hashes": [*rows], "failure": failure} if (
            number == request.number
        ):
            algorithms = set(request.algorithms)
            hashes = tuple(_hash(row, algorithms) for row in rows)
            return Reading(_media(media), hashes, _failure(failure))
        case _:
            raise MessageError("not an answer to the request")


def _framed(table: object) -> bytes:
    payload = json.dumps(table).encode()
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def _parse(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MessageError("not JSON") from error


def _media(row: object) -> Media | None:
    match row:
        case None:
            return None
        case [str(name), int(width), int(height), int(frames)] if (
            len(name) <= _MOST_FORMAT
            and name.isalnum()
            and all(0 < one < _MOST_NUMBER for one in (width, height, frames))
        ):
            return Media(name, width, height, frames)
        case _:
            raise MessageError("not media facts")


def _failure(row: object) -> Failure | None:
    match row:
        case None:
            return None
        case [str(reason), str(detail)] if reason in list(Reason):
            # A detail is for people, and no place to carry anything out of the file in.
            return Failure(Reason(reason), detail[:_MOST_DETAIL])
        case _:
            raise MessageError("not a failure")


def _hash(row: object, algorithms: Set[str]) -> Hash:
    match row:
        case [
            str(name),
            str(value),
            None | int() as quality,
            int(frame),
            str(orientation),
            str(view),
        ] if (
            name in algorithms
            and (quality is None or 0 <= quality <= 100)
            and 0 <= frame < _MOST_NUMBER
            and orientation in list(Orientation)
            and view in list(View)
        ):
            algorithm = ALGORITHMS[name]
            if len(value) != algorithm.bits // 4 or not value.isalnum():
                raise MessageError("not a hash value")
            try:
                return Hash(
                    algorithm,
                    bytes.fromhex(value),
                    quality,
                    frame,
                    Orientation(orientation),
                    View(view),
                )
            except ValueError as error:
                raise MessageError("not a hash value") from error
        case _:
            raise MessageError("not a hash")
