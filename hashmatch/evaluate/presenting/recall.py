"""Recall as a document, and as rows for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from hashmatch.hashes import Level

from ..alterations import Group
from ..recall_figures import Recall, RecallFigures, Threshold
from ..targets import target_of
from .interface import (
    Bar,
    Bars,
    Cell,
    Document,
    Section,
    Table,
    percent,
)

_LEAD = (
    "Each picture was altered in many ways, and each copy was looked up as an upload is. It matches"
    " when any of its hashes is within the threshold of the plain hash of the picture, and is near"
    " when one of the few that are looked up farther is within the wider distance. Intervals have"
    " the true share in 95 of 100 measurements; those of a group count each picture once."
)
# Views that are named beside a group.
_VIEWS = 3


def recall_document(figures: RecallFigures) -> Document:
    """Return the document of a measurement of recall."""
    by_algorithm = thresholds_by_algorithm(figures)
    sections: list[Section] = []
    for algorithm, thresholds in by_algorithm.items():
        sections.append(_chart(figures, algorithm, thresholds))
        sections.append(recall_by_group(figures, algorithm))
        sections += [_groups(figures, level, thresholds) for level in figures.levels]
        sections.append(_alterations(figures, thresholds))
        sections.append(_views(figures, thresholds[-1]))
    left_out = _left_out(figures)
    facts = {
        "pictures": f"{figures.pictures:,}",
        "alterations": str(len(figures.alterations())),
        "levels": ", ".join(figures.levels),
        "left out, not decodable": str(len(figures.left_out.failures)),
        "left out, low quality": str(len(figures.left_out.low_quality)),
        "seed": str(figures.header["seed"]),
        "catalogue of alterations": f"version {figures.header['catalogue_version']}",
    }
    return Document("Recall of altered copies", _LEAD, facts, [*sections, *left_out])


def recall_by_group(figures: RecallFigures, algorithm: str = "pdq") -> Table:
    """Return one table of all levels, with intervals and targets, as it is published."""
    thresholds = thresholds_by_algorithm(figures)[algorithm]
    columns = [
        f"{level}, {words}"
        for level in figures.levels
        for words in (*map(_words, thresholds), *(["target"] * _has_targets(level)))
    ]
    rows: list[list[Cell]] = []
    for group in figures.groups():
        row: list[Cell] = [str(group)]
        for level in figures.levels:
            *narrow, wide = (figures.of_group(group, level, one) for one in thresholds)
            row += [*(percent(one.share) for one in narrow), _with_interval(wide)]
            if _has_targets(level):
                target = target_of(group).at(level)
                row.append("" if target is None else f"{target:g} %")
        rows.append(row)
    counted = "Near copies count towards the target. " if len(thresholds) > 1 else ""
    note = (
        f"{figures.pictures:,} pictures, {len(figures.alterations())} alterations of each, seed"
        f" {figures.header['seed']}. {counted}In brackets is the interval, in percent."
    )
    return Table(f"Recall by group, {algorithm}", ("group", *columns), rows, note)


def _with_interval(found: Recall) -> str:
    interval = found.interval
    return f"{percent(found.share)} ({interval.low * 100:.0f}-{interval.high * 100:.0f})"


def _has_targets(level: Level) -> bool:
    return any(target_of(group).at(level) is not None for group in Group)


def _words(threshold: Threshold) -> str:
    if threshold.review_bits is None:
        return f"match, {threshold.bits} bits"
    return f"or near, {threshold.review_bits} bits"


def thresholds_by_algorithm(figures: RecallFigures) -> dict[str, list[Threshold]]:
    """Return the thresholds of each algorithm, the narrow one first."""
    found: dict[str, list[Threshold]] = {}
    for one in figures.thresholds():
        found.setdefault(one.algorithm, []).append(one)
    return found


def recall_rows(figures: RecallFigures) -> Iterator[dict[str, Any]]:
    """Yield a row for each group and each alteration, and for each picture that was left out."""
    for level in figures.levels:
        for threshold in figures.thresholds():
            for group in figures.groups():
                found = figures.of_group(group, level, threshold)
                target = target_of(group).at(level)
                views = _views_found(figures, level, threshold, group)
                yield {
                    **_row(found, level, threshold, group=group, target_percent=target),
                    "views": dict(views),
                }
            for name in figures.alterations():
                found = figures.of_alteration(name, level, threshold)
                yield _row(found, level, threshold, alteration=name)
    for name, why in figures.left_out.failures.items():
        yield {"left_out": name, "reason": why}
    for name, algorithms in figures.left_out.low_quality.items():
        yield {"left_out": name, "reason": f"low quality: {', '.join(algorithms)}"}


def _row(found: Recall, level: Level, threshold: Threshold, **named: object) -> dict[str, Any]:
    interval = found.interval
    return {
        **named,
        "level": level,
        "algorithm": threshold.algorithm,
        "threshold_bits": threshold.bits,
        "review_bits": threshold.review_bits,
        "found": found.found,
        "copies": found.copies,
        "pictures": found.pictures,
        "share": found.share,
        "low": interval.low,
        "high": interval.high,
        "upright_share": found.upright_share,
    }


def _chart(figures: RecallFigures, algorithm: str, thresholds: list[Threshold]) -> Bars:
    bars = {
        str(group): [_bar(figures, group, level, thresholds) for level in figures.levels]
        for group in figures.groups()
    }
    wide = f", light bars those near, {thresholds[-1].review_bits} bits" * (len(thresholds) > 1)
    note = f"Dark bars are copies that match, within {thresholds[0].bits} bits{wide}, in percent."
    return Bars(f"recall-{algorithm}", f"Found by group, {algorithm}", note, bars)


def _bar(figures: RecallFigures, group: Group, level: Level, thresholds: list[Threshold]) -> Bar:
    narrow = figures.of_group(group, level, thresholds[0])
    wide = figures.of_group(group, level, thresholds[-1])
    interval = wide.interval
    return Bar(
        level, wide.share * 100, narrow.share * 100, interval.low * 100, interval.high * 100,
        target_of(group).at(level),
    )  # fmt: skip


def _groups(figures: RecallFigures, level: Level, thresholds: list[Threshold]) -> Table:
    rows = [_group_row(figures, group, level, thresholds) for group in figures.groups()]
    names = [_words(one) for one in thresholds]
    return Table(
        f"Level {level}, {thresholds[0].algorithm}, by group",
        ("group", *names, "interval", "upright hashes only", "target", "copies", "by way of"),
        rows,
        "The last of the shares is held against the target; its interval, its share without turned"
        " and mirrored hashes, and the views that found most stand beside it.",
    )


def _group_row(
    figures: RecallFigures, group: Group, level: Level, thresholds: list[Threshold]
) -> list[Cell]:
    found = [figures.of_group(group, level, one) for one in thresholds]
    wide = found[-1]
    target = target_of(group).at(level)
    is_missed = target is not None and wide.share * 100 < target
    words = "" if target is None else f"{target:g} %{', missed' if is_missed else ''}"
    return [
        str(group), *(percent(one.share) for one in found), _interval(wide),
        percent(wide.upright_share), words, wide.copies,
        _by_way_of(figures, level, thresholds[-1], group),
    ]  # fmt: skip


def _views_found(
    figures: RecallFigures, level: Level, threshold: Threshold, group: Group
) -> Counter[str]:
    """Return how many copies of a group each view found, in whatever orientation."""
    views = Counter[str]()
    for (view, _), number in figures.ways(level, threshold, group).items():
        views[view] += number
    return views


def _by_way_of(figures: RecallFigures, level: Level, threshold: Threshold, group: Group) -> str:
    views = _views_found(figures, level, threshold, group)
    return ", ".join(
        f"{view} {percent(number / views.total())}" for view, number in views.most_common(_VIEWS)
    )


def _interval(found: Recall) -> str:
    interval = found.interval
    return f"{interval.low * 100:.1f} to {interval.high * 100:.1f} %"


def _alterations(figures: RecallFigures, thresholds: list[Threshold]) -> Table:
    columns = [f"{level}, {_words(one)}" for level in figures.levels for one in thresholds]
    rows: list[list[Cell]] = [
        [name, *(percent(figures.of_alteration(name, level, one).share)
                 for level in figures.levels for one in thresholds)]
        for name in figures.alterations()
    ]  # fmt: skip
    return Table(
        f"Every alteration, {thresholds[0].algorithm}", ("alteration", *columns), rows,
        f"{figures.pictures:,} copies of each.",
    )  # fmt: skip


def _views(figures: RecallFigures, threshold: Threshold) -> Table:
    rows: list[list[Cell]] = [
        [level, view, orientation, number]
        for level in figures.levels
        for (view, orientation), number in figures.ways(level, threshold).most_common()
    ]
    return Table(
        f"Views that were the nearest of a copy found, {threshold.algorithm}",
        ("level", "view", "orientation", "copies"),
        rows,
        f"Copies that {'match' if threshold.review_bits is None else 'match or are near'}. Of"
        " equally near views, the first counts.",
    )


def _left_out(figures: RecallFigures) -> list[Table]:
    rows: list[list[Cell]] = [[name, why] for name, why in figures.left_out.failures.items()]
    rows += [
        [name, f"low quality: {', '.join(algorithms)}"]
        for name, algorithms in figures.left_out.low_quality.items()
    ]
    return [Table("Pictures left out", ("picture", "reason"), rows)] if rows else []
