"""Messages between the pool and a decoding process, with strict checks of every reply.

Each message is its length (four bytes, big-endian) and a JSON text; the bytes of a file follow its
request. Nothing is pickled: an attacker in control of a decoder can answer nothing but hashes, and
only in the form that is checked here.
"""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import asdict, dataclass
from typing import Any

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Decode, Detail, Hash, Level, Orientation, View
from hashmatch.outcome import Failure, Media, Reason
from hashmatch.provenance import Credentials, Provenance, provenance_of

from ..hashing import Hashing
from ..interface import Reading
from ..limits import MAX_HASHES, Limits

LENGTH_BYTES = 4
# The exit code of a process that had too little memory left to answer.
OUT_OF_MEMORY_CODE = 77
_MAX_DETAIL_CHARACTERS = 200
_MAX_FORMAT_CHARACTERS = 16
_MAX_NUMBER = 2**31
_MAX_EVIDENCE = 100
# The reasons that a decoder may report; all others are the pool's and the pipeline's.
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
# The maximum size of a reply without its hashes, and of each hash.
_REPLY_OVERHEAD_BYTES, _BYTES_PER_HASH = 10_000, 300
MAX_REPLY_BYTES = _REPLY_OVERHEAD_BYTES + _BYTES_PER_HASH * MAX_HASHES

# What a hash may say of itself, by name: a level makes a hundred hashes of each file.
_ORIENTATIONS = {one.value: one for one in Orientation}
_VIEWS = {one.value: one for one in View}
_DECODES = {one.value: one for one in Decode}
_DETAILS = {one.value: one for one in Detail}


class MessageError(Exception):
    """A message of the wrong form. The error never repeats the message."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The first request: limits to enforce, algorithms and a level to load before the lockdown.

    The level is that of `hashing`; each file comes with its own, which is no wider one.
    """

    limits: Limits
    hashing: Hashing
    algorithms: tuple[str, ...]
    timeout_s: float
    max_memory_bytes: int
    trust_anchors: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A file of `size_bytes` bytes to read; the reply has the same number."""

    number: int
    algorithms: tuple[str, ...]
    size_bytes: int
    level: Level = Level.PLAIN


def encode_setup(setup: Setup) -> bytes:
    """Return the setup as a message."""
    return _frame(asdict(setup))


def decode_setup(payload: bytes) -> Setup:
    """Return the setup from a payload, which comes from the pool and is trusted."""
    table = json.loads(payload)
    limits = table.pop("limits")
    formats = tuple(limits.pop("formats"))
    hashing = table.pop("hashing")
    return Setup(
        limits=Limits(**limits, formats=formats),
        hashing=Hashing(
            Decode(hashing["decode"]), hashing["orientations"], Level(hashing["level"])
        ),
        algorithms=tuple(table.pop("algorithms")),
        **table,
    )


def encode_request(request: Request) -> bytes:
    """Return the request as a message; the bytes of the file have to follow it."""
    # Written out, since `asdict` takes as long as everything else here together.
    return _frame(
        {
            "number": request.number,
            "algorithms": request.algorithms,
            "size_bytes": request.size_bytes,
            "level": request.level,
        }
    )


def decode_request(payload: bytes) -> Request:
    """Return the request from a payload, which comes from the pool and is trusted."""
    table = json.loads(payload)
    algorithms, level = tuple(table.pop("algorithms")), Level(table.pop("level"))
    return Request(algorithms=algorithms, level=level, **table)


def encode_protections(protections: dict[str, bool]) -> bytes:
    """Return the reply to `Setup`: the protections, with whether each is in force."""
    return _frame(protections)


def decode_protections(payload: bytes) -> dict[str, bool]:
    """Return the protections by name. Raises `MessageError` for anything else."""
    table = _parse(payload)
    if not isinstance(table, dict) or not all(isinstance(one, bool) for one in table.values()):
        raise MessageError("not a list of protections")
    return table


def encode_reading(number: int, reading: Reading) -> bytes:
    """Return the reply to the request of the given number."""
    media, failure, origin = reading.media, reading.failure, reading.provenance
    return _frame(
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
                    one.rendering,
                    one.stretched_quality,
                    one.detail,
                ]
                for one in reading.hashes
            ],
            "failure": failure and [failure.reason, failure.detail],
            "frames_seen": reading.frames_seen,
            "provenance": origin and [origin.evidence, origin.c2pa, origin.issuer],
        }
    )


def decode_reading(payload: bytes, request: Request) -> Reading:
    """Return the reading that answers a request. Raises `MessageError` for anything else."""
    match _parse(payload):
        case {
            "number": int(number),
            "media": media,
            "hashes": [*rows],
            "failure": failure,
            "frames_seen": int(frames_seen),
            "provenance": provenance,
        } if number == request.number and _is_number(frames_seen):
            algorithms = set(request.algorithms)
            hashes = tuple(_parse_hash(row, algorithms) for row in rows)
            reading = Reading(
                _parse_media(media), hashes, _parse_failure(failure), frames_seen,
                _parse_provenance(provenance),
            )  # fmt: skip
            if reading.failure is None:
                _require_complete(reading, algorithms)
            return reading
        case _:
            raise MessageError("not an answer to the request")


def _require_complete(reading: Reading, algorithms: Set[str]) -> None:
    """Refuse a success with hashes missing: the image would be clear without having been read.

    Raises `MessageError`.
    """
    # Other views exist for some pictures only, so the full view alone can be required.
    full_view = {one.algorithm.name for one in reading.hashes if one.view is View.FULL}
    if reading.media is None or full_view != algorithms:
        raise MessageError("a success without hashes")
    if reading.frames_seen != reading.media.frames:
        raise MessageError("a success with frames that were not looked at")
    if any(one.frame >= reading.media.frames for one in reading.hashes):
        raise MessageError("a hash of a frame that does not exist")


def _frame(table: object) -> bytes:
    payload = json.dumps(table).encode()
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def _parse(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MessageError("not JSON") from error


def _parse_media(row: object) -> Media | None:
    match row:
        case None:
            return None
        case [str(name), int(width), int(height), int(frames)] if (
            len(name) <= _MAX_FORMAT_CHARACTERS
            and name.isascii()
            and name.isalnum()
            and all(_is_number(one) and one > 0 for one in (width, height, frames))
        ):
            return Media(name, width, height, frames)
        case _:
            raise MessageError("not media facts")


def _parse_provenance(row: object) -> Provenance | None:
    match row:
        case None:
            return None
        case [[*names], str(state), None | str() as issuer] if len(names) <= _MAX_EVIDENCE and all(
            isinstance(one, str) for one in names
        ):
            try:
                return provenance_of(map(str, names), Credentials(state), issuer)
            except ValueError as error:
                raise MessageError("not a provenance") from error
        case _:
            raise MessageError("not a provenance")


def _is_number(value: int) -> bool:
    """Say whether an integer may be in an honest reply; JSON's true and false may not."""
    return not isinstance(value, bool) and 0 <= value < _MAX_NUMBER


def _is_quality(value: int | None) -> bool:
    return value is None or (_is_number(value) and value <= 100)


def _parse_failure(row: object) -> Failure | None:
    match row:
        case None:
            return None
        case [str(reason), str(detail)] if reason in _REASONS:
            # A detail is read by people; it must not smuggle content of the file into a log.
            plain = "".join(one for one in detail[:_MAX_DETAIL_CHARACTERS] if one.isprintable())
            return Failure(Reason(reason), plain)
        case _:
            raise MessageError("not a failure")


def _parse_hash(row: object, algorithms: Set[str]) -> Hash:
    match row:
        case [
            str(name),
            str(value),
            None | int() as quality,
            int(frame),
            str(orientation),
            str(view),
            str(decode),
            int(rendering),
            None | int() as stretched_quality,
            str(detail),
        ] if (
            name in algorithms
            and _is_quality(quality)
            and _is_quality(stretched_quality)
            and _is_number(frame)
            and _is_number(rendering)
            and orientation in _ORIENTATIONS
            and view in _VIEWS
            and decode in _DECODES
            and detail in _DETAILS
        ):
            algorithm = ALGORITHMS[name]
            # bytes.fromhex would skip white space, hence the check for alphanumerics.
            if len(value) != algorithm.bits // 4 or not value.isalnum():
                raise MessageError("not a hash value")
            try:
                return Hash(
                    algorithm,
                    bytes.fromhex(value),
                    quality,
                    frame,
                    _ORIENTATIONS[orientation],
                    _VIEWS[view],
                    _DECODES[decode],
                    rendering,
                    stretched_quality,
                    _DETAILS[detail],
                )
            except ValueError as error:
                raise MessageError("not a hash value") from error
        case _:
            raise MessageError("not a hash")
