"""A second computation of all counts: plain Python over raw rows, without the store's queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.store.schema import (
    Case,
    CaseAppeal,
    CaseMeasure,
    CaseReference,
    CaseRetention,
    Content,
    Generation,
    HashList,
    MatchRecord,
    NCMECReport,
)

MATERIAL = "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL"
GENERATED = f"{MATERIAL}_DEEPFAKE"
INTIMATE = "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING"
_KINDS = {
    "visibility": {"removal", "disabled", "demoted", "age_restricted", "labelled", "other"},
    "service": {"service_suspended", "service_terminated"},
    "account": {"account_suspended", "account_terminated"},
    "monetary": {"monetary"},
}


@dataclass
class Rows:
    """All rows, by their tables."""

    cases: Sequence[Case]
    contents: Sequence[Content]
    matches: Sequence[MatchRecord]
    measures: Sequence[CaseMeasure]
    appeals: Sequence[CaseAppeal]
    references: Sequence[CaseReference]
    reports: Sequence[NCMECReport]
    generations: Sequence[Generation]
    lists: dict[int, str]
    classes: dict[int, str]

    @classmethod
    def read(cls, session: Session) -> Rows:
        """Read everything."""

        def every(table: Any) -> Any:
            return session.scalars(select(table)).all()

        return cls(
            every(Case), every(Content), every(MatchRecord), every(CaseMeasure), every(CaseAppeal),
            every(CaseReference), every(NCMECReport), every(Generation),
            {one.key: one.name for one in every(HashList)},
            {one.case_key: one.retention_class for one in every(CaseRetention)},
        )  # fmt: skip

    def case(self, key: int) -> Case:
        return next(one for one in self.cases if one.key == key)

    def matches_of(self, case: Case) -> list[MatchRecord]:
        """Return the matches under the content id of what opened a case."""
        name = next(one.content_id for one in self.contents if one.key == case.content_key)
        keys = {one.key for one in self.contents if one.content_id == name}
        return [one for one in self.matches if one.content_key in keys]

    def keyword_of(self, case: Case) -> str:
        """Return the keyword of a case, as the settings of the year have it."""
        names = {self.lists[one.list_key] for one in self.matches_of(case)}
        if "generated" in names:
            return GENERATED
        if "intimate" in names:
            return INTIMATE
        is_material = any(one.category in ("A1", "A2", "B1") for one in self.matches_of(case))
        return MATERIAL if is_material else ""

    def is_of(self, case: int, wanted: str | None) -> bool:
        """Say whether a case is of a retention class; those without one are standard."""
        return wanted is None or self.classes.get(case, "standard") == wanted


def is_in(moment: datetime | None, since: datetime, until: datetime) -> bool:
    return moment is not None and since <= moment < until


@dataclass
class Recount:
    """Counts of a period, of all cases or those of a class."""

    rows: Rows
    since: datetime
    until: datetime
    wanted: str | None = None

    def measures(self) -> Iterator[tuple[str, CaseMeasure]]:
        for one in self.rows.measures:
            if is_in(one.imposed_at, self.since, self.until) and self.rows.is_of(
                one.case_key, self.wanted
            ):
                yield self.rows.keyword_of(self.rows.case(one.case_key)), one

    def appeals(self) -> Iterator[tuple[str, CaseAppeal]]:
        """Yield the appeals with the kind of restriction that they are about."""
        for one in self.rows.appeals:
            if not is_in(one.received_at, self.since, self.until):
                continue
            if not self.rows.is_of(one.case_key, self.wanted):
                continue
            earlier = {
                each.restriction
                for each in self.rows.measures
                if each.case_key == one.case_key and each.imposed_at <= one.received_at
            }
            kinds = [name for name, some in _KINDS.items() if some & earlier]
            yield ("nothing" if not kinds else "several" if len(kinds) > 1 else kinds[0]), one

    def median_hours(self, channel: str, about: str = "") -> float | None:
        hours = [
            (one.decided_at - one.received_at).total_seconds() / 3600
            for kind, one in self.appeals()
            if one.channel == channel
            and about in ("", kind)
            and one.state in ("upheld", "reversed", "partly_reversed")
            and one.decided_at is not None
        ]
        return round(median(hours), 2) if hours else None

    def outcomes(self) -> Counter[tuple[str, str]]:
        """Return the number of cases with a match within the threshold by keyword and result."""
        found = Counter[tuple[str, str]]()
        for case in self._opened():
            if any(one.distance_bits <= one.threshold_bits for one in self.rows.matches_of(case)):
                found[self.rows.keyword_of(case), case.result] += 1
        return found

    def by_algorithm(self) -> Counter[tuple[str, str]]:
        found = Counter[tuple[str, str]]()
        for case in self._opened():
            names = {
                one.algorithm
                for one in self.rows.matches_of(case)
                if one.distance_bits <= one.threshold_bits
            }
            found.update((name, case.result) for name in names)
        return found

    def _opened(self) -> Iterator[Case]:
        for case in self.rows.cases:
            is_own = case.content_id is not None and self.rows.is_of(case.key, self.wanted)
            if is_own and is_in(case.opened_at, self.since, self.until):
                yield case
