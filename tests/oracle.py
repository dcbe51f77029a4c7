"""Plain twins of what the package does cleverly: slow, short, and held equal by tests."""

from __future__ import annotations

from collections.abc import Sequence


def distance_bits(one: bytes, other: bytes) -> int:
    """Return the number of bits in which two values differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def weighed_rows(
    lines: Sequence[Sequence[int]],
    firsts: Sequence[int],
    lengths: Sequence[int],
    weights: Sequence[Sequence[float]],
) -> list[list[float]]:
    """Return weighted sums of runs of rows."""
    return [
        [sum(weights[run][k] * lines[first + k][x] for k in range(lengths[run]))
         for x in range(len(lines[0]))]
        for run, first in enumerate(firsts)
    ]  # fmt: skip


def near_vectors(values: Sequence[bytes], query: bytes, threshold: int) -> list[tuple[int, int]]:
    """Return (squared distance, place) of every vector within the threshold, nearest first."""
    distances = [
        (sum((one - other) ** 2 for one, other in zip(value, query, strict=True)), place)
        for place, value in enumerate(values)
    ]
    return sorted(one for one in distances if one[0] <= threshold)


def near(values: Sequence[bytes], query: bytes, threshold_bits: int) -> list[tuple[int, int]]:
    """Return (distance, place) of every value within the threshold, nearest first."""
    distances = [(distance_bits(value, query), place) for place, value in enumerate(values)]
    return sorted(one for one in distances if one[0] <= threshold_bits)
