"""Thresholds as a document, and as rows for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hashmatch.hashes import Level

from ..alterations import Group
from ..statistics import Basis
from ..thresholds import (
    Platform,
    TradeOff,
    configuration,
    is_promised,
    widest_within,
)
from .interface import (
    Cell,
    Curve,
    Curves,
    Document,
    Section,
    Table,
    percent,
    small_number,
)

TradeOffs = Mapping[tuple[Level, str], Sequence[TradeOff]]
_LEAD = (
    "A wider threshold finds more copies, and more pictures that are none. Both are shown for each"
    " threshold, as measured with your pictures; the configuration to paste has the widest that"
    " stays below the false matches you allow."
)
# Thresholds far apart tell more than all of them.
_ROWS = 13


def threshold_document(
    found: TradeOffs, platform: Platform, false_matches_a_day: float
) -> Document:
    """Return the document of the trade-offs by (level, algorithm).

    The configuration holds the widest threshold of the last level measured.
    """
    chosen = {
        key: widest_within(some, platform, false_matches_a_day) for key, some in found.items()
    }
    algorithms = list(dict.fromkeys(algorithm for _, algorithm in found))
    level = next(reversed([level for level, _ in found]), Level.PLAIN)
    pasted = {
        algorithm: choice.bits
        for algorithm in algorithms
        if (choice := chosen.get((level, algorithm))) is not None
    }
    sections: list[Section] = [_chosen(chosen, platform)]
    for algorithm in algorithms:
        some = {level: one for (level, name), one in found.items() if name == algorithm}
        sections += [
            _against(algorithm, some, platform),
            _recall_curves(algorithm, some),
            *(_table(level, algorithm, one, platform) for level, one in some.items()),
        ]
    facts = {
        "entries in the lists": f"{platform.entries:,}",
        "images a day": f"{platform.images_a_day:,}",
        "false matches allowed a day": small_number(false_matches_a_day),
        "configuration for level": str(level),
    }
    return Document("Thresholds", _LEAD, facts, sections, configuration(pasted))


def threshold_rows(found: TradeOffs, platform: Platform) -> Iterator[dict[str, Any]]:
    """Yield a row for each level, algorithm and threshold."""
    for (level, algorithm), some in found.items():
        for one in some:
            yield {
                "level": level,
                "algorithm": algorithm,
                "threshold_bits": one.bits,
                "promised_share": one.promised,
                "share_by_group": dict(one.recall),
                "false_matches_a_day": platform.expected_a_day(one.rate.share),
                "low": platform.expected_a_day(one.rate.low),
                "high": platform.expected_a_day(one.rate.high),
                "basis": one.rate.basis,
            }


def _chosen(chosen: Mapping[tuple[Level, str], TradeOff | None], platform: Platform) -> Table:
    rows: list[list[Cell]] = []
    for (level, algorithm), one in chosen.items():
        if one is None:
            rows.append([level, algorithm, "none", "", ""])
        else:
            expected = small_number(platform.expected_a_day(one.rate.share))
            rows.append([level, algorithm, f"{one.bits} bits", percent(one.promised), expected])
    return Table(
        "Widest thresholds with as few false matches as allowed",
        ("level", "algorithm", "threshold", "promised alterations found", "false matches a day"),
        rows,
        "Judged by the upper end of the interval. Promised alterations are those for which the"
        " level has a target, each group counted alike.",
    )


def _against(
    algorithm: str, some: Mapping[Level, Sequence[TradeOff]], platform: Platform
) -> Curves:
    return Curves(
        f"trade-off-{algorithm}",
        f"Copies found against false matches, {algorithm}",
        "Each point of a line is a threshold; up and to the left is better.",
        "false matches a day",
        "promised alterations found, %",
        [
            Curve(
                level,
                [(platform.expected_a_day(one.rate.share), one.promised * 100) for one in offs],
            )
            for level, offs in some.items()
        ],
        is_log_x=True,
        is_percent_y=True,
    )


def _recall_curves(algorithm: str, some: Mapping[Level, Sequence[TradeOff]]) -> Curves:
    return Curves(
        f"recall-by-threshold-{algorithm}",
        f"Copies found by threshold, {algorithm}",
        "The mean over the groups of alterations for which the level has a target.",
        "threshold, bits",
        "promised alterations found, %",
        [
            Curve(level, [(one.bits, one.promised * 100) for one in offs])
            for level, offs in some.items()
        ],
        is_percent_y=True,
    )


def _table(level: Level, algorithm: str, some: Sequence[TradeOff], platform: Platform) -> Table:
    step = max(1, round(len(some) / _ROWS))
    shown = some[::step]
    groups = [one for one in some[0].recall if is_promised(one, level)] or list(some[0].recall)
    return Table(
        f"Level {level}, {algorithm}: every {step} bits"
        if step > 1
        else f"Level {level}, {algorithm}",
        ("threshold", "false matches a day", "promised, mean", "worst group", "of it found"),
        [_row(one, groups, platform) for one in shown],
    )


def _row(one: TradeOff, groups: Sequence[Group], platform: Platform) -> list[Cell]:
    worst = min(groups, key=lambda group: one.recall[group])
    expected = small_number(platform.expected_a_day(one.rate.share))
    words = "" if one.rate.basis is Basis.SEEN else f" ({one.rate.basis})"
    return [
        f"{one.bits} bits", f"{expected}{words}",
        percent(one.promised), str(worst), percent(one.recall[worst]),
    ]  # fmt: skip
