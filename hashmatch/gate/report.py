"""Report of gates over a period: how much was screened, and under which safeguards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.store.prompts import read_prompt_totals
from hashmatch.store.safeguards import GateTotal, read_gate_totals, read_safeguards

from .decisions import Verdict


def gate_report(session: Session, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """Return the decisions of the days of a period, and the safeguards that gates had in it.

    `coverage` is the share of the pictures that got a verdict; those without one were withheld.
    None where there were no pictures.
    """
    first_day = None if since is None else since.date()
    # A day that has begun counts as a whole.
    last_day = None if until is None else until.date()
    totals = read_gate_totals(session, first_day, last_day)
    return {
        "since": None if since is None else since.isoformat(timespec="seconds"),
        "until": None if until is None else until.isoformat(timespec="seconds"),
        "gates": list(_by_side(totals)),
        "coverage": _coverage(totals),
        "prompts": [asdict(one) for one in read_prompt_totals(session, first_day, last_day)],
        "safeguards": [
            {"since": one.since.isoformat(timespec="seconds"), "gate": one.gate, **one.facts}
            for one in read_safeguards(session, since, until)
        ],
    }


def _by_side(totals: Sequence[GateTotal]) -> Iterator[dict[str, Any]]:
    sides: defaultdict[tuple[str, str], list[GateTotal]] = defaultdict(list)
    for one in totals:
        sides[one.adapter, one.role].append(one)
    for (adapter, role), some in sides.items():
        verdicts = {verdict.value: 0 for verdict in Verdict}
        for one in some:
            verdicts[one.verdict] = verdicts.get(one.verdict, 0) + one.count
        yield {
            "adapter": adapter,
            "role": role,
            "pictures": sum(one.count for one in some),
            "withheld": sum(one.count for one in some if not one.shown),
            "verdicts": verdicts,
            "coverage": _coverage(some),
        }


def _coverage(totals: Sequence[GateTotal]) -> float | None:
    pictures = sum(one.count for one in totals)
    unscreened = sum(one.count for one in totals if one.verdict == Verdict.UNSCREENED)
    return None if not pictures else 1 - unscreened / pictures
