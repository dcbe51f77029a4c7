"""What became of one image: clear, matched or unscreened, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from hashmatch.hashes import Hash, Orientation, View


class Reason(StrEnum):
    """Why an image got no verdict."""

    UNDECODABLE = "undecodable"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_COMPLEX = "too_complex"
    TIMED_OUT = "timed_out"
    DECODER_CRASHED = "decoder_crashed"
    OUT_OF_MEMORY = "out_of_memory"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    LOW_QUALITY = "low_quality"
    NO_ACTIVE_LIST = "no_active_list"
    INDEX_STALE = "index_stale"
    LICENCE_EXPIRED = "licence_expired"
    STORE_UNAVAILABLE = "store_unavailable"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an image cannot be called clear, and the same in words for people."""

    reason: Reason
    detail: str


class Action(StrEnum):
    """What the platform should do with the image, mildest first."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


def strongest(actions: Iterable[Action]) -> Action:
    """Return the strongest of one or more actions."""
    return max(actions, key=list(Action).index)


@dataclass(frozen=True, slots=True)
class Media:
    """What the file is: its format as Pillow names it, its size in pixels, its frame count."""

    format: str
    width: int
    height: int
    frames: int


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of one list that an image matched, as it stands in the store.

    `entry_key` is the store's own number of the entry, which is never given twice.
    """

    match_id: str
    list_name: str
    generation: int
    entry_key: int
    entry_id: str
    algorithm: str
    distance_bits: int
    threshold_bits: int
    orientation: Orientation
    frame: int
    view: View
    category: str


@dataclass(frozen=True, slots=True)
class Suppressed:
    """An entry that matched and is not told, since an allow list knows the match to be false."""

    list_name: str
    entry_id: str
    algorithm: str
    distance_bits: int
    allow_list: str
    allow_entry_id: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Every enabled check ran against current lists and found nothing that is to be told."""

    content_id: str
    media: Media | None
    hashes: tuple[Hash, ...]
    elapsed_ms: float
    suppressed: tuple[Suppressed, ...] = ()


@dataclass(frozen=True, slots=True)
class Matched:
    """At least one entry matched, and its record is committed.

    `reason` is set when something beside the match could not be checked, such as the later
    frames of a damaged file.
    """

    content_id: str
    action: Action
    matches: tuple[Match, ...]
    media: Media | None
    hashes: tuple[Hash, ...]
    elapsed_ms: float
    reason: Reason | None = None
    suppressed: tuple[Suppressed, ...] = ()


@dataclass(frozen=True, slots=True)
class Unscreened:
    """An image that got no verdict: not clear, not matched, owed to a human.

    `detail` says in words what went wrong, for people.
    """

    content_id: str
    action: Action
    reason: Reason
    detail: str
    media: Media | None
    hashes: tuple[Hash, ...]
    elapsed_ms: float
    suppressed: tuple[Suppressed, ...] = ()


Outcome = Clear | Matched | Unscreened


def outcome_name(outcome: Outcome) -> str:
    """Return the outcome in one word: clear, matched or unscreened."""
    match outcome:
        case Clear():
            return "clear"
        case Matched():
            return "matched"
        case Unscreened():
            return "unscreened"
        case _:
            assert_never(outcome)


def outcome_as_json(
    outcome: Outcome, *, path: str | None = None, show_hashes: bool = False
) -> dict[str, Any]:
    """Return the outcome in the shape that the command line and HTTP share.

    Hash values are in it only with `show_hashes`; `path` is the command line's alone.
    """
    location = {} if path is None else {"path": path}
    reason = None if isinstance(outcome, Clear) else outcome.reason
    action = Action.ALLOW if isinstance(outcome, Clear) else outcome.action
    detail = {"detail": outcome.detail} if isinstance(outcome, Unscreened) else {}
    matches = outcome.matches if isinstance(outcome, Matched) else ()
    return {
        "content_id": outcome.content_id,
        **location,
        "outcome": outcome_name(outcome),
        "reason": reason,
        **detail,
        "action": action,
        "media": _media_as_json(outcome.media),
        "hashes": [hash_as_json(one, show_value=show_hashes) for one in outcome.hashes],
        "matches": [match_as_json(match) for match in matches],
        "suppressed": [_suppressed_as_json(one) for one in outcome.suppressed],
        "elapsed_ms": round(outcome.elapsed_ms, 1),
    }


def hash_as_json(one: Hash, *, show_value: bool) -> dict[str, Any]:
    """Return one hash as JSON, with its value in lower-case hex only when asked for."""
    return {
        "algorithm": one.algorithm.name,
        "version": one.algorithm.version,
        **({"value": one.value.hex()} if show_value else {}),
        "quality": one.quality,
        "orientation": one.orientation,
        "frame": one.frame,
        "view": one.view,
        "decode": one.decode,
    }


def _media_as_json(media: Media | None) -> dict[str, Any] | None:
    if media is None:
        return None
    return {
        "format": media.format,
        "width": media.width,
        "height": media.height,
        "frames": media.frames,
    }


def _suppressed_as_json(one: Suppressed) -> dict[str, Any]:
    return {
        "list": one.list_name,
        "entry_id": one.entry_id,
        "algorithm": one.algorithm,
        "distance_bits": one.distance_bits,
        "allow_list": one.allow_list,
        "allow_entry_id": one.allow_entry_id,
    }


def match_as_json(match: Match) -> dict[str, Any]:
    """Return one match as JSON."""
    return {
        "match_id": match.match_id,
        "list": match.list_name,
        "generation": match.generation,
        "entry_id": match.entry_id,
        "algorithm": match.algorithm,
        "distance_bits": match.distance_bits,
        "threshold_bits": match.threshold_bits,
        "orientation": match.orientation,
        "frame": match.frame,
        "view": match.view,
        "category": match.category,
    }
