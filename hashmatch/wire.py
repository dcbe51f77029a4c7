"""JSON shape of an outcome, which the command line, the service and its client share.

The dataclasses declare the shape; the functions write it. They write plain dicts, since a look-up
of a thousand hashes writes a thousand outcomes: to build the dataclasses first takes three times
as long. A test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hashmatch.hashes import SEARCH_VIEWS, Hash
from hashmatch.outcome import (
    Action,
    AllowedMatch,
    Clear,
    Match,
    Matched,
    Media,
    Nearness,
    Outcome,
    Reason,
    Unscreened,
    band_end,
    outcome_name,
)
from hashmatch.provenance import Credentials, Declared, Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class WireHash:
    """One hash of the image; its value in lower-case hex only where it may be shown."""

    algorithm: str
    version: str
    value: str | None = None
    quality: int | None
    orientation: str
    frame: int
    view: str
    decode: str


@dataclass(frozen=True, slots=True)
class WireMatch:
    """One hash of one list that the image matched, as it is recorded.

    It names one of the `entries` of the list that have the hash. A near one is beyond its list's
    threshold, and for people to look at. Where the distance may not be known exactly, it is the
    largest of its band of 8 bits.
    """

    match_id: str
    nearness: Nearness
    list: str
    generation: int
    entry_id: str
    algorithm: str
    distance_bits: int
    threshold_bits: int
    orientation: str
    frame: int
    view: str
    category: str
    entries: int


@dataclass(frozen=True, slots=True)
class WireAllowed:
    """A match that an allow list explains."""

    list: str
    entry_id: str
    algorithm: str
    distance_bits: int
    allow_list: str
    allow_entry_id: str


@dataclass(frozen=True, slots=True)
class WireProvenance:
    """Declaration of the file about its origin, by the names of its marks; it is no proof.

    `issuer` is the organisation that signed its content credentials (C2PA), if they are intact.
    """

    declared: Declared
    evidence: list[str]
    c2pa: Credentials
    issuer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOutcome:
    """Outcome of one image: clear, matched, or unscreened for a reason, which has a `detail`.

    The action of a clear one is to allow, unless the policy has another for its provenance, which
    is null where no file was read.
    """

    content_id: str
    outcome: Literal["clear", "matched", "unscreened"]
    reason: Reason | None
    detail: str | None = None
    action: Action
    media: Media | None
    hashes: list[WireHash]
    matches: list[WireMatch]
    allowed: list[WireAllowed]
    provenance: WireProvenance | None
    elapsed_ms: float


def outcome_as_json(
    outcome: Outcome, *, show_hashes: bool = False, show_distances: bool = True
) -> dict[str, Any]:
    """Return an outcome in the shape of `WireOutcome`, hash values only with `show_hashes`.

    Without `show_distances`, distances are the largest of their bands.
    """
    reason = None if isinstance(outcome, Clear) else outcome.reason
    detail = {"detail": outcome.detail} if isinstance(outcome, Unscreened) else {}
    matches = outcome.matches if isinstance(outcome, Matched) else ()
    return {
        "content_id": outcome.content_id,
        "outcome": outcome_name(outcome),
        "reason": reason,
        **detail,
        "action": outcome.action,
        "media": _media_as_json(outcome.media),
        "hashes": [hash_as_json(one, show_value=show_hashes) for one in shown_hashes(outcome)],
        "matches": [match_as_json(one, show_distance=show_distances) for one in matches],
        "allowed": [_allowed_as_json(one, show_distance=show_distances) for one in outcome.allowed],
        "provenance": _provenance_as_json(outcome.provenance),
        "elapsed_ms": round(outcome.elapsed_ms, 1),
    }


def shown_hashes(outcome: Outcome) -> list[Hash]:
    """Return the hashes of an image as viewers show it: those of the search are a hundred more."""
    return [one for one in outcome.hashes if one.view not in SEARCH_VIEWS]


def hash_as_json(one: Hash, *, show_value: bool) -> dict[str, Any]:
    """Return a hash in the shape of `WireHash`."""
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


def match_as_json(match: Match, *, show_distance: bool = True) -> dict[str, Any]:
    """Return a match in the shape of `WireMatch`, with its distance or that of its band."""
    distance_bits = match.distance_bits
    if not show_distance:
        distance_bits = band_end(distance_bits, match.threshold_bits)
    return {
        "match_id": match.match_id,
        "nearness": match.nearness,
        "list": match.list_name,
        "generation": match.generation,
        "entry_id": match.entry_id,
        "algorithm": match.algorithm,
        "distance_bits": distance_bits,
        "threshold_bits": match.threshold_bits,
        "orientation": match.orientation,
        "frame": match.frame,
        "view": match.view,
        "category": match.category,
        "entries": match.entries,
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


def _provenance_as_json(provenance: Provenance | None) -> dict[str, Any] | None:
    if provenance is None:
        return None
    return {
        "declared": provenance.declared,
        "evidence": list(provenance.evidence),
        "c2pa": provenance.c2pa,
        "issuer": provenance.issuer,
    }


def _allowed_as_json(one: AllowedMatch, *, show_distance: bool) -> dict[str, Any]:
    # The threshold is not known here, and an exact copy has no band.
    is_shown = show_distance or not one.distance_bits
    return {
        "list": one.list_name,
        "entry_id": one.entry_id,
        "algorithm": one.algorithm,
        "distance_bits": one.distance_bits if is_shown else band_end(one.distance_bits),
        "allow_list": one.allow_list,
        "allow_entry_id": one.allow_entry_id,
    }
