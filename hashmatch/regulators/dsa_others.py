"""Parts 1, 2, 7, 8 and 11 of the DSA's template: who, categories, complaints, automated means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TypeAlias

from hashmatch.store.regulators import SEVERAL

from .counting import algorithms, appeals, cases, known, precision
from .dsa_measures import covered_rules
from .interface import Amount
from .record import DECIDED, Circumstances, PeriodRecord, Periods, RecallLine, median
from .templates import Row, read_part

COMPLAINTS, AUTOMATED, QUALITATIVE = (
    "7_appeals_and_recidivism",
    "8_automated_means",
    "11_qualitative",
)
_Read: TypeAlias = Callable[[PeriodRecord], Amount | int | float | None]
_LONGEST_TEXT = 5_000
_OWN_INITIATIVE = "Own-initiative "
# The languages of the Union, in the order of its acts: the template has the first and the last.
_LANGUAGES = (
    "bg", "es", "cs", "da", "de", "et", "el", "en", "fr", "ga", "hr", "it", "lv", "lt", "hu", "mt",
    "nl", "pl", "pt", "ro", "sk", "sl", "fi", "sv",
)  # fmt: skip
_ABOUT = {
    "Complaint regarding a decision to remove or disable access to or restrict visibility of"
    " information": "visibility",
    "Complaint regarding a decision to suspend or terminate the provision of the"
    " service": "service",
    "Complaint regarding a decision to suspend or terminate an account ": "account",
    "Complaint regarding a decision to restrict the ability to monetise information": "monetary",
}
_STATES = {
    "Total number": (),
    "Decisions upheld": ("upheld",),
    "Decisions partially reversed": ("partly_reversed",),
    "Decisions reversed": ("reversed",),
    "Decision omitted": ("inadmissible", "withdrawn"),
}
_ALL_COMPLAINTS = "Number of complaints submitted to the internal-complaints mechanism"
_ALL_DISPUTES = "Number of disputes submitted to out-of-court dispute settlement bodies"
_DEFINITIONS: Mapping[str, str] = {
    _ALL_COMPLAINTS: "Complaints on record about decisions of cases of hash matching, in the period"
    " in which they came; what became of them is as it stands now.",
    _ALL_DISPUTES: "Disputes on record about decisions of cases of hash matching, in the period in"
    " which they came; what became of them is as it stands now.",
    **dict.fromkeys(
        _ABOUT,
        "Complaints about cases whose restrictions were all of this kind when the complaint came:"
        " at least as many. Where they were of several kinds, the record does not say which one"
        " it is about.",
    ),
}


def identification_part(periods: Periods, around: Circumstances) -> list[Row]:
    """Return the rows of part 1; dates of publication are the provider's."""
    last = periods.span.until - timedelta(microseconds=1)
    values = {
        "Name of the service provider": around.provider,
        "Starting date of reporting period": f"{periods.span.since:%Y-%m-%d}",
        "Ending date of reporting period": f"{last:%Y-%m-%d}",
    }
    return [
        (row[0], around.service, row[2], values.get(row[2], ""))
        for row in read_part("1_report_identification").rows
    ]


def categories_part(periods: Periods, around: Circumstances) -> list[Row]:
    """Return the rows of part 2, which say of which categories there is anything on record."""
    covered = {around.keywords[one] for one in covered_rules(periods, around)}
    text = "Cases of hash matching: what the lists say of the hash, not what an image shows."
    return [
        (*row[:3], text if row[2] in covered else "")
        for row in read_part("2_categories_names").rows
    ]


def complaints_part(periods: Periods, around: Circumstances, head: Row) -> list[Row]:
    """Return the rows of part 7."""
    rows = []
    for applicability, _, _, section, indicator, scope, *_ in read_part(COMPLAINTS).rows:
        read = _complaint(around, indicator, scope)
        value, note = _cells(periods, read) if read is not None else ("", "")
        if scope == "Total number" and value:
            note = f"{_DEFINITIONS[indicator]} {note}"
        rows.append((applicability, *head, section, indicator, scope, value, note))
    return rows


def _complaint(around: Circumstances, indicator: str, scope: str) -> _Read | None:
    """Return how to read a value of part 7, None where the record has it not."""
    channel = "out_of_court" if indicator == _ALL_DISPUTES else "internal"
    about = _ABOUT.get(indicator, "")
    if not about and indicator not in (_ALL_COMPLAINTS, _ALL_DISPUTES):
        return None
    if scope == "Median time":
        return lambda one: median(_hours(one, channel, about))
    if scope not in _STATES:
        return None
    return lambda one: _number(one, around, channel, _STATES[scope], about)


def _number(
    record: PeriodRecord, around: Circumstances, channel: str, states: tuple[str, ...], about: str
) -> int | None:
    number = appeals(record, channel, states, about=about)
    # Any of those about cases with restrictions of several kinds may be of this one.
    if about and not number and appeals(record, channel, states, about=SEVERAL):
        return None
    return known(around, "appeals", number)


def _hours(record: PeriodRecord, channel: str, about: str) -> list[float]:
    return [
        hours
        for (own, kind), some in record.appeal_times.items()
        if own == channel and about in ("", kind)
        for hours in some
    ]


def automated_part(periods: Periods, around: Circumstances, head: Row) -> list[Row]:
    """Return the rows of part 8; after them those of each algorithm, as Annex II asks for."""
    rows: list[Row] = []
    for applicability, _, _, section, indicator, scope, *_ in _with_languages():
        value, note = "", ""
        if scope == _OWN_INITIATIVE:
            value, note = _automated(periods, around, indicator, None)
        elif scope == "Total number":
            note = "Orders and notices are not on record: own initiative is below."
        rows.append((applicability, *head, section, indicator, scope, value, note))
    own = [row for row in read_part(AUTOMATED).rows if row[5] == _OWN_INITIATIVE]
    for name in algorithms(periods):
        for applicability, _, _, section, indicator, scope, *_ in own:
            if not indicator.startswith("Accuracy"):
                continue
            value, note = _automated(periods, around, indicator, name)
            note = f"Hash matching by {name}. {note}"
            rows.append((applicability, *head, section, indicator, scope, value, note))
    return rows


def _with_languages() -> Iterator[Row]:
    """Yield the rows of the template, with those of all languages where it has "[...]"."""
    done = set()
    for row in read_part(AUTOMATED).rows:
        if row[5] not in ("bg", "[...]", "sv"):
            yield row
        elif row[4] not in done:
            done.add(row[4])
            for language in _LANGUAGES:
                yield (*row[:5], language, *row[6:])


def _automated(
    periods: Periods, around: Circumstances, indicator: str, algorithm: str | None
) -> tuple[str, str]:
    """Return the value and the context of an indicator of own initiative."""
    kind = indicator.rpartition(" - ")[2]
    if kind == "Accuracy":
        return "", (
            "Not known: it needs the number of images that were rightly clear, and those are not"
            " reviewed."
        )
    if kind == "Recall":
        return _recall(around.recall, algorithm)
    if kind == "Precision":
        value, note = _cells(periods, lambda one: precision(one, algorithm))
        why = (
            "The share of decided cases that people confirmed, of cases opened in the period with a"
            " match within the threshold of a list."
        )
        return value, f"{why} {note}" if value else "Not known: no case was decided."
    automation = "full" if "solely" in indicator else "none"
    value, note = _cells(periods, lambda one: _decided_by(one, around, automation))
    return value, f"{_AUTOMATION[automation]} {note}" if value else ""


_AUTOMATION = {
    "full": "Restrictions on record that no person had a part in. Those in which automated means"
    " had a part are in neither row.",
    "none": "Restrictions on record that people decided, after hash matching detected.",
}


def _decided_by(record: PeriodRecord, around: Circumstances, automation: str) -> int | None:
    number = sum(one.number for one in record.measures if one.automation == automation)
    return known(around, "measures", number)


def _recall(lines: tuple[RecallLine, ...], algorithm: str | None) -> tuple[str, str]:
    own = [one for one in lines if one.algorithm == algorithm]
    if algorithm is not None and not own:
        return "", "Not known: no evaluation of it was named."
    if not own:
        return "", (
            "Not known of what no list has. Of altered copies of known images it is measured by"
            " algorithm: see the rows below, where an evaluation was named."
        )
    found = sum(one.found for one in own) / sum(one.copies for one in own)
    low, high = min(one.low for one in own), max(one.high for one in own)
    return f"{found:.4f}", (
        "The share of altered copies of known images that were found, measured over"
        f" {len(own)} kinds of alteration; by kind from {low:.4f} to {high:.4f}. Of what no list"
        " has it is not known."
    )


def qualitative_part(periods: Periods, head: Row) -> list[Row]:
    """Return the rows of part 11: drafts of the texts that the record can say something of."""
    drafts = {
        "Qualitative description of the automated means": _means(periods),
        "Qualitative description of indicators of accuracy and possible rate of error of automated"
        " means": _accuracy(periods),
        "Safeguards applied to the use of automated means": (
            "Every match within the threshold of a list opens a case that a person decides, or that"
            " waits for one. Deliveries of lists pass guards against damage, and are quarantined"
            " where they fail them. Known false positives are on allow lists. Random samples of"
            " matches are reviewed. Decisions, changes of settings and of lists are on an audit log"
            " that shows later changes."
        ),
    }
    return [
        (row[0], *head, row[3], drafts.get(row[3], "")[:_LONGEST_TEXT])
        for row in read_part(QUALITATIVE).rows
    ]


def _means(periods: Periods) -> str:
    names = ", ".join(algorithms(periods))
    if not names:
        return ""
    return (
        "Images are hashed and compared with lists of hashes of known material. Algorithms with"
        f" matches on record: {names}. A perceptual hash matches within a distance that is set for"
        " each algorithm and list; a cryptographic one only where files are the same."
    )


def _accuracy(periods: Periods) -> str:
    if periods.now is None or (found := precision(periods.now)) is None:
        return ""
    decided = cases(periods.now, DECIDED)
    return (
        f"Precision: of {decided} decided cases, {found.value:.4f} were confirmed (95 % interval,"
        f" Wilson: {found.low:.4f} to {found.high:.4f}). Accuracy and recall over all content are"
        " not known, since images that match nothing are not reviewed."
    )


def _cells(periods: Periods, read: _Read) -> tuple[str, str]:
    """Return the value of a period, and as context its interval and the value before."""
    now, before = (None if one is None else read(one) for one in periods.both)
    if now is None:
        return "", ""
    notes = []
    if isinstance(now, Amount) and now.low is not None and now.high is not None:
        notes.append(f"95 % interval: {now.low:.4f} to {now.high:.4f}.")
    if periods.before is None:
        notes.append("Period before: not on record.")
    else:
        notes.append(f"Period before: {'not known' if before is None else _written(before)}.")
    return _written(now), " ".join(notes)


def _written(number: Amount | int | float) -> str:
    value = number.value if isinstance(number, Amount) else number
    return (
        f"{value:.4f}"
        if isinstance(number, Amount)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
