"""Numbers that several reports have: of cases, precision, complaints and recipients."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from hashmatch.store.schema import ReviewResult

from .interface import Amount, Figure
from .record import DECIDED, Circumstances, PeriodRecord, Periods, not_counted, share

CONFIRMED, FALSE_POSITIVE = ReviewResult.CONFIRMED, ReviewResult.FALSE_POSITIVE
NCMEC = "National Center for Missing & Exploited Children (NCMEC)"
_NONE_DECIDED = "no case was decided"
# States of complaints by what became of them, in the words of the reports.
ENDINGS = {
    "decisions upheld": ("upheld",),
    "decisions reversed": ("reversed",),
    "decisions partly reversed": ("partly_reversed",),
    "ended without a decision": ("inadmissible", "withdrawn"),
    "still open": ("received",),
}


def cases(
    record: PeriodRecord,
    results: Sequence[ReviewResult] = tuple(ReviewResult),
    *,
    rules: Collection[int] | None = None,
    within: bool = True,
) -> int:
    """Return the number of cases with some results, of some rules, or all."""
    return sum(
        one.number
        for one in record.outcomes
        if one.within is within and one.result in results and (rules is None or one.rule in rules)
    )


def rules_of(around: Circumstances, keywords: Collection[str]) -> frozenset[int]:
    """Return the numbers of the rules that stand for some keywords."""
    return frozenset(n for n, keyword in enumerate(around.keywords) if keyword in keywords)


def precision(record: PeriodRecord, algorithm: str | None = None) -> Amount | None:
    """Return the share of the decided cases that were confirmed, of one algorithm or all."""
    confirmed, decided = (
        cases(record, results) if algorithm is None else by_algorithm(record, algorithm, results)
        for results in ((CONFIRMED,), DECIDED)
    )
    return share(confirmed, decided)


def by_algorithm(
    record: PeriodRecord, algorithm: str, results: Sequence[ReviewResult] = tuple(ReviewResult)
) -> int:
    """Return the number of cases with some results that an algorithm matched."""
    return sum(
        one.number
        for one in record.technologies
        if one.algorithm == algorithm and one.result in results
    )


def algorithms(periods: Periods) -> list[str]:
    """Return the algorithms that matched anything in either period."""
    return sorted(
        {one.algorithm for record in periods.both if record for one in record.technologies}
    )


def detection_figures(periods: Periods) -> Iterator[Figure]:
    """Yield the figures of what was compared and what matched."""
    yield periods.figure(
        "images compared",
        "Images and hashes that were compared with the lists, or could not be; one that is sent"
        " again counts again, unless it matched.",
        lambda one: sum(one.screened.values()),
    )
    yield periods.figure(
        "images that could not be compared",
        "Of these, those of which at least one check did not run, such as damaged files.",
        lambda one: one.screened.get("unscreened", 0),
    )
    yield periods.figure(
        "content items detected",
        "Content items with a match within the threshold of a list, each counted once, in the"
        " period of its first match.",
        lambda one: one.screened.get("matched", 0),
    )
    yield periods.figure(
        "cases for people to review",
        "Cases of such content items that were opened in the period: one for each content id.",
        cases,
    )


def precision_figures(periods: Periods) -> Iterator[Figure]:
    """Yield the precision of all cases, and of each algorithm."""
    yield periods.figure(
        "precision",
        "Of the cases opened in the period that people decided since, the share that they"
        " confirmed; with Wilson's interval of 95 %. Near matches are not among them.",
        precision,
        reason=_NONE_DECIDED,
        is_share=True,
    )
    for name in algorithms(periods):
        yield periods.figure(
            f"precision, {name}",
            f"The same of cases that {name} matched within the threshold of a list; a case counts"
            " with each algorithm that matched it.",
            lambda one, name=name: precision(one, name),  # type: ignore[misc]
            reason=_NONE_DECIDED,
            is_share=True,
        )


def error_figures(periods: Periods) -> Iterator[Figure]:
    """Yield the false positives in number and ratio, of all cases and of each algorithm."""
    for name in (None, *algorithms(periods)):
        label = f", {name}" if name else ""
        yield periods.figure(
            f"false positives{label}",
            "Cases opened in the period that people dismissed since"
            + (f", matched by {name}." if name else "."),
            lambda one, name=name: _errors(one, name),  # type: ignore[misc]
        )
        yield periods.figure(
            f"ratio of errors{label}",
            "These, of all that people decided; with Wilson's interval of 95 %.",
            lambda one, name=name: share(  # type: ignore[misc]
                _errors(one, name), _decided(one, name)
            ),
            reason=_NONE_DECIDED,
            is_share=True,
        )


def _errors(record: PeriodRecord, algorithm: str | None) -> int:
    if algorithm is None:
        return cases(record, (FALSE_POSITIVE,))
    return by_algorithm(record, algorithm, (FALSE_POSITIVE,))


def _decided(record: PeriodRecord, algorithm: str | None) -> int:
    return cases(record, DECIDED) if algorithm is None else by_algorithm(record, algorithm, DECIDED)


def appeals(
    record: PeriodRecord,
    channel: str,
    states: Collection[str] = (),
    *,
    about: str = "",
    appellant: str = "",
) -> int:
    """Return the number of complaints of a channel, in some states or all, of one kind or all."""
    return sum(
        one.number
        for one in record.appeals
        if one.channel == channel
        and (not states or one.state in states)
        and about in ("", one.about)
        and appellant in ("", one.appellant)
    )


def known(around: Circumstances, register: str, number: int) -> int | None:
    """Return a number of a register; none is not known where the register may be incomplete."""
    return number if number or register in around.complete else None


def complaint_figures(
    periods: Periods, around: Circumstances, channel: str, name: str
) -> Iterator[Figure]:
    """Yield the complaints of a channel and what became of them."""
    yield periods.figure(
        name,
        "Complaints on record about decisions of cases, in the period in which they came.",
        lambda one: known(around, "appeals", appeals(one, channel)),
        reason=not_counted("appeals"),
    )
    for ending, states in ENDINGS.items():
        yield periods.figure(
            f"{name}: {ending}",
            "Of these, as they stand now.",
            lambda one, states=states: known(  # type: ignore[misc]
                around, "appeals", appeals(one, channel, states)
            ),
            reason=not_counted("appeals"),
        )


def recipient_figures(periods: Periods, around: Circumstances) -> Iterator[Figure]:
    """Yield the reports that others have, by organisation."""
    yield periods.figure(
        NCMEC,
        "Reports to its CyberTipline that were finished in the period; none to its test system.",
        lambda one: one.ncmec_reports,
    )
    names = {name for record in periods.both if record for name in record.references}
    for name in sorted(names):
        yield periods.figure(
            name,
            "References that it gave to reports of cases, in the period in which they were"
            " recorded.",
            lambda one, name=name: one.references.get(name, 0),  # type: ignore[misc]
        )
    if not names:
        yield periods.figure(
            "other organisations",
            "References that authorities and organisations gave to reports of cases.",
            lambda _: known(around, "references", 0),
            reason=not_counted("references"),
        )


def measure_figures(periods: Periods, around: Circumstances) -> Iterator[Figure]:
    """Yield the restrictions that were imposed, by kind, and those that were lifted again."""
    yield periods.figure(
        "restrictions imposed",
        "Restrictions on record of content and accounts of cases, in the period in which they were"
        " imposed.",
        lambda one: known(around, "measures", sum(each.number for each in one.measures)),
        reason=not_counted("measures"),
    )
    for restriction in sorted(around.restrictions):
        yield periods.figure(
            f"restrictions imposed: {restriction.replace('_', ' ')}",
            "Of these, restrictions of this kind.",
            lambda one, kind=restriction: known(  # type: ignore[misc]
                around, "measures", restrictions(one, kind)
            ),
            reason=not_counted("measures"),
        )
    yield periods.figure(
        "restrictions lifted since",
        "Of those imposed in the period, restrictions that do not hold any more.",
        lambda one: known(around, "measures", one.lifted),
        reason=not_counted("measures"),
    )


def restrictions(record: PeriodRecord, kind: str) -> int:
    """Return the number of restrictions of one kind."""
    return sum(one.number for one in record.measures if one.restriction == kind)
