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
from hashmatch.hashes import Decode, Hash, Orientation, View
from hashmatch.outcome import Failure, Media, Reason

from ..hashing import Hashing
from ..interface import Reading
from ..limits import Limits

LENGTH_BYTES = 4
# The exit code of a process that could not even answer for want of memory.
OUT_OF_MEMORY_CODE = 77
_MOST_DETAIL = 200
_MOST_FORMAT = 16
_MOST_NUMBER = 2**31
# The reasons that a decoder can have; the others are for the pool and the pipeline to give.
_REASONS = frozenset(
    {
        Reason.UNDECODABLE,
        Reason.UNSUPPORTED,
        Reason.TRUNCATED,
        Reason.TOO_MANY_PIXELS,
        Reason.TOO_COMPLEX,
        Reason.OUT_OF_MEMORY,
    }
)
# What a reply takes at most beside its hashes, and for each of them.
_BYTES_BESIDE, _BYTES_A_HASH = 10_000, 250


class MessageError(Exception):
    """A message that is not of the agreed shape. It never repeats the message."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The first request: the limits to keep, and what to load before locking up."""

    limits: Limits
    hashing: Hashing
    algorithms: tuple[str, ...]
    timeout_s: float
    max_memory_bytes: int


@dataclass(frozen=True, slots=True)
class Request:
    """A file to read, of so many bytes; the reply bears the same number.

    No more than `most_frames` frames of it are hashed.
    """

    number: int
    algorithms: tuple[str, ...]
    size_bytes: int
    most_frames: int

    @property
    def most_reply_bytes(self) -> int:
        """What the longest honest reply may take."""
        most_hashes = self.most_frames * len(View) * len(Orientation) * len(self.algorithms)
        return _BYTES_BESIDE + _BYTES_A_HASH * most_hashes


def encode_setup(setup: Setup) -> bytes:
    """Return the message."""
    return _framed(asdict(setup))


def decode_setup(payload: bytes) -> Setup:
    """Return what `encode_setup` was given; it comes from the pool and is believed."""
    table = json.loads(payload)
    limits = table.pop("limits")
    formats = tuple(limits.pop("formats"))
    hashing = table.pop("hashing")
    return Setup(
        limits=Limits(**limits, formats=formats),
        hashing=Hashing(Decode(hashing["decode"]), hashing["orientations"]),
        algorithms=tuple(table.pop("algorithms")),
        **table,
    )


def encode_request(request: Request) -> bytes:
    """Return the message, after which the file has to follow."""
    return _framed(asdict(request))


def decode_request(payload: bytes) -> Request:
    """Return what `encode_request` was given; it comes from the pool and is believed."""
    table = json.loads(payload)
    algorithms = tuple(table.pop("algorithms"))
    return Request(algorithms=algorithms, **table)


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
                    one.decode,
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
            reading = Reading(_media(media), hashes, _failure(failure))
            if reading.failure is None:
                _require_complete(reading, algorithms)
            return reading
        case _:
            raise MessageError("not an answer to the request")


def _require_complete(reading: Reading, algorithms: Set[str]) -> None:
    """Refuse a success without what belongs to it: it could come out clear, and was not seen."""
    whole = {one.algorithm.name for one in reading.hashes if one.view is View.WHOLE}
    if reading.media is None or whole != algorithms:
        raise MessageError("a success without hashes")
    if any(one.frame >= reading.media.frames for one in reading.hashes):
        raise MessageError("a hash of a frame that is not there")


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
            and name.isascii()
            and name.isalnum()
            and all(_is_number(one) and one > 0 for one in (width, height, frames))
        ):
            return Media(name, width, height, frames)
        case _:
            raise MessageError("not media facts")


def _is_number(value: int) -> bool:
    """Say whether an integer is one that an honest reply may hold; JSON's true is none."""
    return not isinstance(value, bool) and 0 <= value < _MOST_NUMBER


def _failure(row: object) -> Failure | None:
    match row:
        case None:
            return None
        case [str(reason), str(detail)] if reason in _REASONS:
            # A detail is for people, and no place to carry anything out of the file in.
            plain = "".join(one for one in detail[:_MOST_DETAIL] if one.isprintable())
            return Failure(Reason(reason), plain)
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
            str(decode),
        ] if (
            name in algorithms
            and (quality is None or (_is_number(quality) and quality <= 100))
            and _is_number(frame)
            and orientation in list(Orientation)
            and view in list(View)
            and decode in list(Decode)
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
                    Decode(decode),
                )
            except ValueError as error:
                raise MessageError("not a hash value") from error
        case _:
            raise MessageError("not a hash")
