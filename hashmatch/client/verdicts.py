"""What the service says of an image, read so strictly that nothing else passes for "clear"."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, get_type_hints

from hashmatch.errors import ServiceError
from hashmatch.outcome import Action, Reason

_OK = 200


class Status(StrEnum):
    """What became of an image, in one word."""

    CLEAR = "clear"
    MATCHED = "matched"
    UNSCREENED = "unscreened"


@dataclass(frozen=True, slots=True)
class HashQuery:
    """A hash that was computed elsewhere, in hexadecimal; its quality where that is known."""

    algorithm: str
    value: str
    content_id: str
    quality: int | None = None

    def __repr__(self) -> str:
        return f"HashQuery({self.algorithm}, content_id={self.content_id!r})"


@dataclass(frozen=True, slots=True)
class MatchedEntry:
    """One entry of one list that the image matched, as it is recorded."""

    match_id: str
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one image. Only `is_clear` lets it pass; unscreened is owed to a human."""

    content_id: str
    status: Status
    reason: Reason | None
    detail: str
    action: Action
    matches: tuple[MatchedEntry, ...]
    elapsed_ms: float

    @property
    def is_clear(self) -> bool:
        """Say whether every check ran and found nothing."""
        return self.status is Status.CLEAR


def read_verdict(http_status: int, told: Any, content_id: str, *, is_one_of_many: bool) -> Verdict:
    """Return the verdict on an image from what the service told.

    Raises `ServiceError` for anything that is not of the agreed shape, is about another image, or
    contradicts itself or the status of the answer.
    """
    try:
        verdict = _parse(told)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ServiceError("the service answered with something else than a verdict") from error
    if verdict.content_id != content_id:
        raise ServiceError("the service answered for another image")
    has_verdict = verdict.status is not Status.UNSCREENED
    is_whole = {
        Status.CLEAR: verdict.reason is None
        and not verdict.matches
        and verdict.action is Action.ALLOW,
        Status.MATCHED: bool(verdict.matches),
        Status.UNSCREENED: verdict.reason is not None,
    }[verdict.status]
    if not is_whole or (has_verdict is not (http_status == _OK) and not is_one_of_many):
        raise ServiceError("the service answered with a verdict that contradicts itself")
    return verdict


def _parse(told: Mapping[str, Any]) -> Verdict:
    reason = told["reason"]
    return Verdict(
        content_id=_of_type(told["content_id"], str),
        status=Status(told["outcome"]),
        reason=None if reason is None else Reason(reason),
        detail=_of_type(told.get("detail", ""), str),
        action=Action(told["action"]),
        matches=tuple(map(_parse_match, _of_type(told["matches"], list))),
        elapsed_ms=_number(told["elapsed_ms"]),
    )


def _parse_match(told: Mapping[str, Any]) -> MatchedEntry:
    types = get_type_hints(MatchedEntry)
    values = {one.name: _of_type(told[one.name], types[one.name]) for one in fields(MatchedEntry)}
    return MatchedEntry(**values)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("here is no number")
    return number


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"here is no {kind.__name__}")
    return value
