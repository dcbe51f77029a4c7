"""Outcomes of screening one image: clear, matched or unscreened, and the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from hashmatch.hashes import Hash, Orientation, View, is_match
from hashmatch.provenance import Provenance


class Reason(StrEnum):
    """Reason for which an image is unscreened."""

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
    LOOKUP_LIMIT = "lookup_limit"
    OVERLOADED = "overloaded"
    STARTING = "starting"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason for which an image cannot be called clear, with `detail` in words for people."""

    reason: Reason
    detail: str


class Action(StrEnum):
    """Action that the platform should take on an image, mildest first."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


def strongest(actions: Iterable[Action]) -> Action:
    """Return the strongest of one or more actions."""
    return max(actions, key=list(Action).index)


@dataclass(frozen=True, slots=True)
class Media:
    """Properties of a file: format as Pillow names it, size in pixels, and frame count."""

    format: str
    width: int
    height: int
    frames: int


class Nearness(StrEnum):
    """Whether a match is within its list's threshold, or only near enough for people to look."""

    MATCH = "match"
    NEAR = "near"


def nearness(distance_bits: int, threshold_bits: int) -> Nearness:
    """Return the nearness of a match from its distance and its list's threshold."""
    return Nearness.MATCH if is_match(distance_bits, threshold_bits) else Nearness.NEAR


# Exact distances would tell callers whether a change brought a picture closer to a listed one.
BAND_BITS = 8


def band_end(distance_bits: int, threshold_bits: int | None = None) -> int:
    """Return the largest distance of the band of `BAND_BITS` that a distance is in.

    Bands begin at 0. The one that holds the threshold ends there for matches, so that the nearness
    of the result is that of the distance.
    """
    end = distance_bits - distance_bits % BAND_BITS + BAND_BITS - 1
    if threshold_bits is not None and is_match(distance_bits, threshold_bits):
        return min(end, threshold_bits)
    return end


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of one list that an image matched, as recorded in the store.

    `entry_key` is the store's own number of the entry, which is never reused. `threshold_bits` is
    the list's threshold, which a match that is only near exceeds; `entries` is the number of
    entries of the list that had the same hash, of which the match names one.
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
    entries: int = 1

    @property
    def nearness(self) -> Nearness:
        """Return whether the match is within its list's threshold, or only near it."""
        return nearness(self.distance_bits, self.threshold_bits)


@dataclass(frozen=True, slots=True)
class AllowedMatch:
    """A match that an allow list explains; on record, but not counted as matched."""

    list_name: str
    entry_id: str
    algorithm: str
    distance_bits: int
    allow_list: str
    allow_entry_id: str


@dataclass(frozen=True, slots=True)
class Clear:
    """An image on which every enabled check ran and found nothing, or only allowed matches.

    Its action is to allow, unless the policy has another for what the file declares.
    """

    content_id: str
    media: Media | None
    hashes: tuple[Hash, ...]
    elapsed_ms: float
    allowed: tuple[AllowedMatch, ...] = ()
    provenance: Provenance | None = None
    action: Action = Action.ALLOW


@dataclass(frozen=True, slots=True)
class Matched:
    """An image that at least one entry matched; the record of it is committed.

    `reason` is set when a part of the image could not be checked, such as the later frames of a
    damaged file.
    """

    content_id: str
    action: Action
    matches: tuple[Match, ...]
    media: Media | None
    hashes: tuple[Hash, ...]
    elapsed_ms: float
    reason: Reason | None = None
    allowed: tuple[AllowedMatch, ...] = ()
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Unscreened:
    """An image without a verdict: not clear and not matched; a person has to look at it.

    `detail` describes the problem in words, for people.
    """

    content_id: str
    action: Action
    reason: Reason
    detail: str
    media: Media | None
    hashes: tuple[Hash, ...]
    elapsed_ms: float
    allowed: tuple[AllowedMatch, ...] = ()
    provenance: Provenance | None = None


Outcome = Clear | Matched | Unscreened


class OutcomeName(StrEnum):
    """Outcome in one word."""

    CLEAR = "clear"
    MATCHED = "matched"
    UNSCREENED = "unscreened"


def outcome_name(outcome: Outcome) -> OutcomeName:
    """Return the outcome in one word."""
    match outcome:
        case Clear():
            return OutcomeName.CLEAR
        case Matched():
            return OutcomeName.MATCHED
        case Unscreened():
            return OutcomeName.UNSCREENED
        case _:
            assert_never(outcome)
