"""A generated year and the one before: rows of cases and all that hangs on them, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.store.engine import Database
from hashmatch.store.schema import (
    Base,
    Case,
    CaseAppeal,
    CaseMeasure,
    CaseReference,
    CaseRetention,
    Content,
    DailyCount,
    Generation,
    HashList,
    MatchRecord,
    NCMECReport,
)

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
BEFORE = datetime(2025, 1, 1, tzinfo=UTC)
# (name, kind, categories): the first two are of children, the third of adults, the last of neither.
LISTS = (
    ("known", "match", ("A1", "A2", "B1")),
    ("generated", "match", ("", "A1")),
    ("intimate", "match", ("",)),
    ("odd", "match", ("Z9",)),
)
SECTIONS: dict[str, Any] = {
    "reports": {
        "provider": "Example Ltd, Dublin",
        "service": "Example",
        "dsa": {
            "rules": [
                {"keyword": "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE", "lists": ["generated"]},
                {"keyword": "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING", "lists": ["intimate"]},
            ]
        },
    }
}
_RESULTS = ("confirmed",) * 7 + ("false_positive",) * 2 + ("open",)
_RESTRICTIONS = (
    *("removal",) * 6, *("disabled",) * 2, "account_suspended", "account_terminated",
    "service_suspended", "monetary", "other",
)  # fmt: skip
_STATES = (
    "received",
    "upheld",
    "upheld",
    "reversed",
    "partly_reversed",
    "inadmissible",
    "withdrawn",
)
_DECIDED = ("upheld", "reversed", "partly_reversed")
_ALGORITHMS = ("pdq", "pdq", "md5", "sha256")


def fill_year(database: Database, seed: int, contents: int = 240, *, measures: bool = True) -> None:
    """Fill an empty store with two years, some of it just at and beside the ends of periods."""
    rng = random.Random(seed)
    with database.writing() as session:
        _add_lists(session, rng)
        for key in range(1, contents + 1):
            _add_content(session, rng, key)
        session.flush()
        for key in range(1, contents + 1):
            if rng.random() < 0.9:
                _add_case(session, rng, key, measures=measures)
        _add_counts(session, rng)


def _moment(rng: random.Random) -> datetime:
    """Return a moment from before both years to after them, at times the very end of one."""
    if rng.random() < 0.05:
        return rng.choice((SINCE, UNTIL, BEFORE, UNTIL - timedelta(microseconds=1)))
    return BEFORE - timedelta(days=20) + timedelta(days=770 * rng.random())


def _add_lists(session: Session, rng: random.Random) -> None:
    for key, (name, kind, _) in enumerate(LISTS, 1):
        session.add(HashList(key=key, name=name, kind=kind, licensor=f"owner of {name}",
                             created_at=BEFORE, active_entries=key, generation=9))  # fmt: skip
    session.flush()
    for key in range(1, len(LISTS) + 1):
        moments = sorted(_moment(rng) for _ in range(9))
        for number, at in enumerate(moments, 1):
            session.add(Generation(list_key=key, number=number, created_at=at, source="x",
                                   added=rng.randrange(50), withdrawn=rng.randrange(9),
                                   changed=rng.randrange(5)))  # fmt: skip


def _add_content(session: Session, rng: random.Random, key: int) -> None:
    # Some ids have two pieces of evidence.
    name = f"post/{key - 1 if key % 7 == 0 else key}"
    session.add(Content(key=key, content_id=name, fingerprint=key.to_bytes(32, "big")))
    session.flush()
    matched_at = _moment(rng)
    for place in range(rng.randint(1, 3)):
        number, (_, _, categories) = rng.choice(list(enumerate(LISTS, 1)))
        session.add(MatchRecord(
            content_key=key, list_key=number, entry_key=key * 10 + place, matched_at=matched_at,
            generation=1, licensor="x", entry_id="e", category=rng.choice(categories),
            action="block", algorithm=rng.choice(_ALGORITHMS), hasher_version="1", value=b"x",
            distance_bits=rng.choice((0, 4, 31, 40)), threshold_bits=31, frame=0,
            orientation="original",
        ))  # fmt: skip


def _add_case(session: Session, rng: random.Random, key: int, *, measures: bool) -> None:
    merged = key % 7 == 0  # Its id has a case, and this one was merged into that.
    opened_at = _moment(rng)
    result = rng.choice(_RESULTS)
    case = Case(
        content_key=key, content_id=None if merged else f"post/{key}",
        state="closed" if merged else "open" if result == "open" else "confirmed", priority=5,
        due_at=opened_at, opened_at=opened_at, newest_match=1, result=result,
        decided_at=None if result == "open" else opened_at + timedelta(hours=rng.random() * 99),
    )  # fmt: skip
    session.add(case)
    session.flush()
    for row in _below(rng, case.key):
        if measures or not isinstance(row, CaseMeasure | CaseAppeal):
            session.add(row)


def _below(rng: random.Random, case: int) -> Iterator[Base]:
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        yield CaseMeasure(
            case_key=case, restriction=rng.choice(_RESTRICTIONS),
            ground=rng.choice(("illegal", "illegal", "terms")),
            automation=rng.choice(("none", "none", "partial", "full")), actor="x",
            imposed_at=_moment(rng), lifted_at=rng.choice((None, None, UNTIL)),
        )  # fmt: skip
    for _ in range(rng.choice((0, 0, 1, 2))):
        received_at, state = _moment(rng), rng.choice(_STATES)
        yield CaseAppeal(
            case_key=case, channel=rng.choice(("internal", "internal", "out_of_court", "court")),
            appellant=rng.choice(("uploader", "notifier")), received_at=received_at,
            due_at=received_at, state=state,
            decided_at=received_at + timedelta(hours=rng.random() * 400)
            if state in _DECIDED else None,
        )  # fmt: skip
    if rng.random() < 0.3:
        yield CaseReference(case_key=case, authority=rng.choice(("NCA", "BKA")), actor="x",
                            reference=f"r{case}", made_at=_moment(rng))  # fmt: skip
    if rng.random() < 0.3:
        yield NCMECReport(case_key=case, target="ncmec", base="x", is_test=rng.random() < 0.3,
                          stage="finished", finished_at=_moment(rng))  # fmt: skip
    if rng.random() < 0.4:
        yield CaseRetention(case_key=case, keep_until=None,
                            retention_class=rng.choice(("messaging", "report")))  # fmt: skip


def _add_counts(session: Session, rng: random.Random) -> None:
    day = (BEFORE - timedelta(days=5)).date()
    while day < (UNTIL + timedelta(days=5)).date():
        session.add(DailyCount(day=day, outcome="clear", reason="", count=rng.randrange(900)))
        session.add(DailyCount(day=day, outcome="unscreened", reason="truncated",
                               count=rng.randrange(5)))  # fmt: skip
        day += timedelta(days=1)
