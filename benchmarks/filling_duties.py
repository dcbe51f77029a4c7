"""Rows of duties about cases for a store to measure: a store's worth of what each case owes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from hashmatch.store.schema import (
    Base,
    CaseAppeal,
    CaseDeadline,
    CaseMeasure,
    CasePreservation,
    CaseReference,
    CaseRetention,
    PreservationCheck,
)

_Rows: TypeAlias = Callable[[int, datetime], Iterator[dict[str, Any]]]


def _references(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    yield {
        "case_key": key, "authority": "NCMEC", "reference": f"r{key}", "made_at": moment,
        "actor": "hashmatch",
    }  # fmt: skip


def _deadlines(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    outcome = "open" if key % 50 == 0 else "met"
    for duty in ("nca", "statement"):
        yield {
            "case_key": key, "duty": duty, "due_at": moment, "basis": "x", "set_at": moment,
            "outcome": outcome, "ended_at": None if outcome == "open" else moment,
        }  # fmt: skip


def _measures(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    yield {
        "case_key": key, "restriction": "removal", "ground": "illegal", "automation": "partial",
        "territory": "", "imposed_at": moment, "notified_at": moment, "lifted_at": None,
        "actor": "alice",
    }  # fmt: skip


def _appeals(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    if key % 10 == 0:
        state = "received" if key % 100 == 0 else "upheld"
        yield {
            "case_key": key, "channel": "internal", "appellant": "uploader", "received_at": moment,
            "due_at": moment, "grounds": "x", "state": state, "decided_at": None, "decided_by": "",
        }  # fmt: skip


def _retentions(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    if key % 2 == 0:
        is_messaging = key % 1_000 == 0
        yield {
            "case_key": key, "retention_class": "messaging" if is_messaging else "report",
            "keep_until": None if is_messaging else moment,
        }  # fmt: skip


def _preservations(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    if key % 2 == 0:
        yield {
            "case_key": key, "sequence": 1, "state": "preserved", "reason": "confirmed",
            "until": moment + timedelta(days=3_650), "delivered": 1,
        }  # fmt: skip


def _checks(key: int, moment: datetime) -> Iterator[dict[str, Any]]:
    del moment
    if key % 500 == 0:
        yield {"case_key": key}


DUTIES: tuple[tuple[type[Base], _Rows], ...] = (
    (CaseReference, _references), (CaseDeadline, _deadlines), (CaseMeasure, _measures),
    (CaseAppeal, _appeals), (CaseRetention, _retentions), (CasePreservation, _preservations),
    (PreservationCheck, _checks),
)  # fmt: skip
