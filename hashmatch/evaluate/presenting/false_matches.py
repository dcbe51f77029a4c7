"""False matches as a document, and as rows for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..false_match_figures import (
    ALL_KINDS,
    Distribution,
    FalseMatchFigures,
    Rate,
)
from ..statistics import Basis
from ..thresholds import Platform
from .interface import (
    Cell,
    Curve,
    Curves,
    Document,
    Section,
    Table,
    small_number,
)

_LEAD = (
    "The views of each picture were compared with the plain hash of each other one. Pictures of a"
    " folder are taken to have nothing to do with each other, unless they are nearer than any two"
    " unrelated ones. Distances that nobody saw are extrapolated along a straight line through the"
    " logarithm of the nearest ones."
)
_GROUPS_SHOWN = 50
_NAMES_SHOWN = 6


def false_match_document(figures: FalseMatchFigures, platform: Platform) -> Document:
    """Return the document of a measurement of false matches."""
    facts = {
        "pictures": f"{figures.pictures:,}",
        "kinds": ", ".join(one for one in figures.kinds if one) or "one",
        "entries in the lists": f"{platform.entries:,}",
        "images a day": f"{platform.images_a_day:,}",
        "groups of copies": str(len(figures.copies)),
        "left out, not decodable": str(len(figures.failures)),
        "left out, low quality": str(len(figures.low_quality)),
    }
    sections: list[Section] = [_expected(figures, platform)]
    for algorithm in figures.thresholds_bits:
        sections += [_curves(figures, platform, algorithm), _histogram(figures, algorithm)]
    sections += _by_kind(figures, platform)
    sections += [*_nearest(figures), *_hubs(figures), *_copies(figures), *_left_out(figures)]
    return Document("False matches", _LEAD, facts, sections)


def false_match_rows(figures: FalseMatchFigures, platform: Platform) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind, level, algorithm and threshold, and for what was left out."""
    for one in figures.distributions:
        for rate in one.rates:
            yield {
                "level": one.level,
                "algorithm": one.algorithm,
                "kind": one.kind,
                "pairs": one.pairs,
                "smallest_bits": one.smallest_bits,
                "threshold_bits": rate.bits,
                "share": rate.share,
                "low": rate.low,
                "high": rate.high,
                "basis": rate.basis,
                "share_without_hubs": rate.without_hubs,
                "expected_a_day": platform.expected_a_day(rate.share),
            }
        for name, number in one.hubs:
            yield {"hub": name, "near": number, "level": one.level, "algorithm": one.algorithm}
        for name, other, bits in one.nearest if one.kind == ALL_KINDS else ():
            yield {
                "nearest": [name, other], "bits": bits, "level": one.level,
                "algorithm": one.algorithm,
            }  # fmt: skip
    for group in figures.copies:
        yield {"copies": list(group)}
    for name, why in figures.failures.items():
        yield {"left_out": name, "reason": why}
    for name in figures.low_quality:
        yield {"left_out": name, "reason": "low quality"}


def _columns() -> tuple[str, ...]:
    return (
        "level", "algorithm", "threshold", "nearest seen", "expected a day", "interval",
        "without hubs", "from",
    )  # fmt: skip


def _rows(
    figures: FalseMatchFigures, platform: Platform, some: list[Distribution]
) -> list[list[Cell]]:
    return [
        _row(one, rate, platform)
        for one in some
        for bits in figures.thresholds_bits[one.algorithm]
        if (rate := one.rate(bits)) is not None
    ]


def _row(one: Distribution, rate: Rate, platform: Platform) -> list[Cell]:
    low, high = (small_number(platform.expected_a_day(end)) for end in (rate.low, rate.high))
    return [
        one.level, one.algorithm, f"{rate.bits} bits",
        "" if one.smallest_bits is None else f"{one.smallest_bits} bits",
        small_number(platform.expected_a_day(rate.share)), f"{low} to {high}",
        small_number(platform.expected_a_day(rate.without_hubs)),
        rate.basis,
    ]  # fmt: skip


def _expected(figures: FalseMatchFigures, platform: Platform) -> Table:
    return Table(
        "Expected false matches a day",
        _columns(),
        _rows(figures, platform, figures.of_kind(ALL_KINDS)),
        f"With {platform.entries:,} entries and {platform.images_a_day:,} images a day, if entries"
        " and images are such pictures as these. Every view of an image counts as far as the"
        " distance, though a scan looks only a few up beyond the threshold: of near matches there"
        " are fewer.",
    )


def _by_kind(figures: FalseMatchFigures, platform: Platform) -> list[Table]:
    if len(figures.kinds) < 2:
        return []
    rows = [
        [kind or "no subfolder", *row]
        for kind in figures.kinds
        for row in _rows(figures, platform, figures.of_kind(kind))
    ]
    return [
        Table(
            "By kind", ("kind", *_columns()), rows,
            "Pictures of one kind among themselves, expected a day as if all entries and images"
            " were of it.",
        )
    ]  # fmt: skip


def _curves(figures: FalseMatchFigures, platform: Platform, algorithm: str) -> Curves:
    some = [one for one in figures.of_kind(ALL_KINDS) if one.algorithm == algorithm]
    return Curves(
        f"false-matches-{algorithm}",
        f"Expected false matches a day by threshold, {algorithm}",
        "Dashed where extrapolated; the shaded band is the interval.",
        "threshold, bits",
        "false matches a day",
        [_curve(one, platform) for one in some],
        is_log_y=True,
        marks={bits: str(bits) for bits in figures.thresholds_bits[algorithm]},
    )


def _curve(one: Distribution, platform: Platform) -> Curve:
    drawn = [rate for rate in one.rates if rate.share > 0]
    seen = [rate for rate in drawn if rate.basis is Basis.SEEN]
    unseen = [rate for rate in drawn if rate.basis is not Basis.SEEN]
    return Curve(
        str(one.level),
        [(rate.bits, platform.expected_a_day(rate.share)) for rate in seen],
        # Up to the first that was seen, so that the line has no gap.
        [(rate.bits, platform.expected_a_day(rate.share)) for rate in (*unseen, *seen[:1])],
        [
            (rate.bits, platform.expected_a_day(rate.low), platform.expected_a_day(rate.high))
            for rate in drawn
        ],
    )


def _histogram(figures: FalseMatchFigures, algorithm: str) -> Curves:
    some = [one for one in figures.of_kind(ALL_KINDS) if one.algorithm == algorithm]
    return Curves(
        f"distances-{algorithm}",
        f"Distances of unrelated pictures, {algorithm}",
        "The nearest view of one picture to the plain hash of another.",
        "distance, bits",
        "pairs",
        [
            Curve(one.level, [(bits, number) for bits, number in enumerate(one.counts) if number])
            for one in some
        ],
        is_log_y=True,
    )


def _nearest(figures: FalseMatchFigures) -> list[Table]:
    return [
        Table(
            f"Nearest pairs, {one.algorithm}, level {one.level}", ("bits", "picture", "other"),
            [[bits, name, other] for name, other, bits in one.nearest],
            "They decide the extrapolation. Pairs that are of the same subject or template do not"
            " belong into the folder together.",
        )
        for one in figures.of_kind(ALL_KINDS)
        if one.nearest
    ]  # fmt: skip


def _hubs(figures: FalseMatchFigures) -> list[Table]:
    rows: list[list[Cell]] = [
        [name, one.level, one.algorithm, number]
        for one in figures.of_kind(ALL_KINDS)
        for name, number in one.hubs
    ]
    if not rows:
        return []
    return [
        Table(
            "Hub pictures", ("picture", "level", "algorithm", "others near it"), rows,
            "Each is among the nearest pairs far more often than chance would have it. As an entry"
            " of a list it would match much; the flooding guard is there for that.",
        )
    ]  # fmt: skip


def _copies(figures: FalseMatchFigures) -> list[Table]:
    if not figures.copies:
        return []
    rows: list[list[Cell]] = [
        [len(group), _named(group)] for group in figures.copies[:_GROUPS_SHOWN]
    ]
    more = len(figures.copies) - _GROUPS_SHOWN
    return [
        Table(
            "Pictures taken for copies of each other", ("pictures", "files"), rows,
            f"Within {figures.copies_bits} bits by PDQ: the same picture twice, or documents of"
            " one template. Their pairs are not counted as false matches. Look at them: each that"
            f" is no copy is a false match.{f' {more} more groups.' if more > 0 else ''}",
        )
    ]  # fmt: skip


def _named(group: tuple[str, ...]) -> str:
    more = len(group) - _NAMES_SHOWN
    return ", ".join(group[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _left_out(figures: FalseMatchFigures) -> list[Table]:
    rows: list[list[Cell]] = [[name, why] for name, why in figures.failures.items()]
    rows += [[name, "low quality"] for name in figures.low_quality]
    return [Table("Pictures left out", ("picture", "reason"), rows)] if rows else []
