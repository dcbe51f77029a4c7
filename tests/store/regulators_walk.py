"""Everything that reports to regulators ask the store for, of some days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from sqlalchemy.orm import Session

from benchmarks.filling import DAYS
from hashmatch.store import regulators
from hashmatch.store.schema import utc_now

Ask: TypeAlias = Callable[[Session], object]
_MIDDLE = utc_now() - timedelta(days=DAYS / 2)
_SPAN = regulators.Span(_MIDDLE, _MIDDLE + timedelta(days=4))
_RULES = (
    regulators.MatchRule(lists=("two",)),
    regulators.MatchRule(categories=("A", "B")),
    regulators.MatchRule(lists=("one",), categories=("C",)),
)
_CLASSES = {
    "all": None,
    "messages": regulators.CaseClass("messaging", "standard"),
    "all messages": regulators.CaseClass("messaging", "messaging"),
}


def asks_of_regulators() -> Iterator[tuple[str, Ask]]:
    """Yield what a report counts, of all cases and of a retention class."""
    for name, chosen in _CLASSES.items():
        yield (
            f"measures of {name}",
            partial(regulators.count_measures, span=_SPAN, rules=_RULES, chosen=chosen),
        )
        yield (
            f"outcomes of {name}",
            partial(regulators.count_outcomes, span=_SPAN, rules=_RULES, chosen=chosen),
        )
        for ask in (
            regulators.count_lifted,
            regulators.count_appeals,
            regulators.read_appeal_times,
            regulators.count_by_algorithm,
            regulators.count_finished_reports,
            regulators.count_references,
        ):
            yield f"{ask.__name__} of {name}", partial(ask, span=_SPAN, chosen=chosen)
    yield "changes of lists", partial(regulators.count_list_changes, span=_SPAN)
    yield "changes of the policy", partial(regulators.read_policy_changes, span=_SPAN)
    yield "the beginning of the record", regulators.read_beginning
