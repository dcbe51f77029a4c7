"""Verdicts, read so strictly from an answer that no other content passes for "clear"."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, get_type_hints

from hashmatch.errors import ServiceError
from hashmatch.outcome import Action, Nearness, OutcomeName, Reason
from hashmatch.provenance import Declared
from hashmatch.wire import WireMatch

_OK = 200
# What a policy may have an action of its own for.
_DECLARED = (Declared.GENERATED, Declared.PARTLY)

MatchedEntry = WireMatch


@dataclass(frozen=True, slots=True)
class HashQuery:
    """A hash that was computed elsewhere, in hexadecimal, with its quality where that is known."""

    algorithm: str
    value: str
    content_id: str
    quality: int | None = None

    # Without the value: hash values must not get into logs.
    def __repr__(self) -> str:
        return f"HashQuery({self.algorithm}, content_id={self.content_id!r})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of one image. Show it only if `is_clear`; an unscreened one needs a person.

    `declared` is what its file says of its origin, None where no file was read. A declaration is no
    proof.
    """

    content_id: str
    outcome: OutcomeName
    reason: Reason | None
    detail: str
    action: Action
    matches: tuple[MatchedEntry, ...]
    elapsed_ms: float
    declared: Declared | None = None

    @property
    def is_clear(self) -> bool:
        """Say whether every check ran and found nothing, and the policy asks for nothing else."""
        return self.outcome is OutcomeName.CLEAR and self.action is Action.ALLOW


def read_verdict(
    http_status: int, answer: Any, content_id: str, *, is_one_of_many: bool
) -> Verdict:
    """Return the verdict on an image from an outcome in JSON.

    Raises `ServiceError` for an answer that has not the agreed shape, is about another image, or
    contradicts itself or its status. Of many outcomes the status is not that of each.
    """
    try:
        verdict = _parse(answer)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ServiceError("the answer of the service is not a valid outcome") from error
    if verdict.content_id != content_id:
        raise ServiceError("the answer of the service is about another image")
    # A single outcome has status 200 if, and only if, it is a verdict.
    has_verdict = verdict.outcome is not OutcomeName.UNSCREENED
    is_consistent = {
        OutcomeName.CLEAR: verdict.reason is None
        and not verdict.matches
        and (verdict.action is Action.ALLOW or verdict.declared in _DECLARED),
        OutcomeName.MATCHED: bool(verdict.matches),
        OutcomeName.UNSCREENED: verdict.reason is not None,
    }[verdict.outcome]
    if not is_consistent or (has_verdict is not (http_status == _OK) and not is_one_of_many):
        raise ServiceError("the answer of the service contradicts itself")
    return verdict


def _parse(answer: Mapping[str, Any]) -> Verdict:
    reason = answer["reason"]
    return Verdict(
        content_id=_of_type(answer["content_id"], str),
        outcome=OutcomeName(answer["outcome"]),
        reason=None if reason is None else Reason(reason),
        detail=_of_type(answer.get("detail", ""), str),
        action=Action(answer["action"]),
        matches=tuple(map(_parse_match, _of_type(answer["matches"], list))),
        elapsed_ms=_number(answer["elapsed_ms"]),
        declared=_parse_declared(answer.get("provenance")),
    )


def _parse_declared(provenance: Any) -> Declared | None:
    # Services of earlier versions say nothing of it.
    return None if provenance is None else Declared(_of_type(provenance, dict)["declared"])


def _parse_match(match: Mapping[str, Any]) -> MatchedEntry:
    values = {name: _of_type(match[name], kind) for name, kind in _match_types()}
    return MatchedEntry(nearness=Nearness(match["nearness"]), **values)


@cache
def _match_types() -> Sequence[tuple[str, type]]:
    """Return (name, type) of the plain fields of a match; once, for it takes long."""
    types = get_type_hints(MatchedEntry)
    names = [one.name for one in fields(MatchedEntry)]
    return [(name, types[name]) for name in names if types[name] is not Nearness]


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _of_type(value: Any, kind: type) -> Any:
    # Not `isinstance`: for Python, True is an int.
    if type(value) is not kind:
        raise TypeError(f"not of type {kind.__name__}")
    return value
