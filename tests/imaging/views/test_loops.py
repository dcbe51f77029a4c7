"""The compiled loops of the search views against plain twins of theirs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hashmatch.imaging.views import rectangle_loops
from hashmatch.imaging.views.geometry import Cut, turned_map
from hashmatch.imaging.views.sampling import (
    Area,
    Floats,
    Map,
    extend,
    read_only,
    reduce_to_square,
    sample_areas,
    sample_maps,
)
from tests import oracle


def _require_near(found: oracle.Reals, expected: oracle.Reals, most: float) -> None:
    """Fail where any two numbers in the same place differ by more than `most`."""
    assert found.shape == expected.shape
    assert float(abs(found - expected).max()) <= most


_FEW = settings(max_examples=30)
SIDES = st.integers(1, 40)
# Sums of whole numbers are exact, so that the order of adding them does not matter.
PLANES = st.builds(
    lambda seed, height, width: (
        np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.float32)
    ),
    st.integers(0, 1000),
    SIDES,
    SIDES,
)


@st.composite
def _planes_with_areas(draw: st.DrawFn) -> tuple[Floats, list[Area]]:
    plane = draw(PLANES)
    height, width = plane.shape
    areas = []
    for _ in range(draw(st.integers(1, 3))):
        left, top = (draw(st.floats(0, side - 0.9)) for side in (width, height))
        right = draw(st.floats(left + 0.5, max(width, left + 0.5)))
        areas.append((left, top, right, draw(st.floats(top + 0.5, max(height, top + 0.5)))))
    return plane, areas


@_FEW
@given(drawn=_planes_with_areas())
def test_areas_are_sampled_as_by_the_twin(drawn: tuple[Floats, list[Area]]) -> None:
    plane, areas = drawn
    for small, area in zip(sample_areas(plane, areas), areas, strict=True):
        _require_near(small, oracle.sampled_box(plane, area), 0.02)


@_FEW
@given(plane=PLANES)
def test_the_square_is_that_of_the_twin(plane: Floats) -> None:
    _require_near(reduce_to_square(plane), oracle.square_of(plane), 0.02)


@st.composite
def _maps(draw: st.DrawFn) -> Map:
    """Draw a map that turns, moves, shears and tilts a little, or a lot and beyond the edges."""
    place: Map = np.eye(3) + draw(arrays(np.float64, (3, 3), elements=st.floats(-0.4, 0.4)))
    # Behind the picture plane there is nothing to show.
    place[2] = [*(draw(st.floats(-0.3, 0.3)) for _ in range(2)), 1]
    return place


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), place=_maps())
def test_maps_are_sampled_as_by_the_twin(seed: int, place: Map) -> None:
    square = np.random.default_rng(seed).integers(0, 256, (320, 320)).astype(np.float32)
    margined = extend(square)
    small = sample_maps(margined, [np.eye(3), place])[1]
    _require_near(small, oracle.sampled_map(margined, place), 0.1)


def test_beyond_its_edges_a_square_goes_on_smoother() -> None:
    square = np.random.default_rng(1).integers(0, 256, (320, 320)).astype(np.float32)
    margined = extend(square)
    margin = (len(margined) - 320) // 2
    assert np.array_equal(margined[margin:-margin, margin:-margin], square)
    for edge, beyond in ((square[0], margined[0]), (square[:, -1], margined[:, -1])):
        middle = beyond[margin:-margin]
        assert abs(middle.mean() - edge.mean()) < 5
        assert middle.std() < 0.4 * edge.std()


@_FEW
@given(plane=PLANES, reach=st.integers(1, 4))
def test_texture_is_that_of_the_twin(plane: Floats, reach: int) -> None:
    texture = np.empty_like(plane)
    rectangle_loops.measure_texture(read_only(plane), reach, texture)
    variances = (oracle.texture_of(plane, reach) - 1) ** 2
    _require_near((texture - 1) ** 2, variances, 0.1)


@settings(max_examples=60)
@given(
    plane=PLANES,
    levels=st.integers(2, 6),
    depth=st.integers(1, 4),
    run=st.integers(0, 12).map(lambda half: 2 * half + 1),
    is_ratio=st.booleans(),
)
def test_edges_are_those_of_the_twin(
    plane: Floats, levels: int, depth: int, run: int, *, is_ratio: bool
) -> None:
    # Few levels, in blocks, so that there are edges.
    values = np.repeat(plane // (256 // levels), 5, axis=1) * 20 + 1
    limit = 1.8 if is_ratio else 9.0
    edges, weights = np.empty(values.shape, np.uint8), np.empty(len(values), np.float32)
    rectangle_loops.find_edges(
        read_only(values), depth, np.float32(limit), is_ratio, run, edges, weights
    )
    expected_edges, expected_weights = oracle.edges_of(values, depth, limit, run, is_ratio=is_ratio)
    assert np.array_equal(edges, expected_edges)
    _require_near(weights, np.array(expected_weights), 0.01)


@_FEW
@given(plane=PLANES)
def test_sums_are_those_of_all_above_and_to_the_left(plane: Floats) -> None:
    running = np.empty((plane.shape[0] + 1, plane.shape[1] + 1))
    rectangle_loops.sum_up(read_only(plane), running)
    assert (running[0] == 0).all()
    assert (running[:, 0] == 0).all()
    assert (running[1:, 1:] == plane.astype(np.float64).cumsum(axis=0).cumsum(axis=1)).all()


@st.composite
def _lines(draw: st.DrawFn, size: int) -> list[int]:
    inside = draw(st.sets(st.integers(0, size - 2), max_size=4))
    return sorted({-1, size - 1, *inside})


@_FEW
@given(data=st.data(), width=st.integers(8, 40), height=st.integers(8, 40))
def test_rectangles_are_those_of_the_twin(data: st.DataObject, width: int, height: int) -> None:
    ys, xs = data.draw(_lines(height)), data.draw(_lines(width))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    across = (rng.random((len(ys), width)) < 0.4).astype(np.uint8)
    down = (rng.random((len(xs), height)) < 0.4).astype(np.uint8)
    running = [
        np.pad(marks.cumsum(axis=1), ((0, 0), (1, 0))).astype(np.int32) for marks in (across, down)
    ]
    found = np.empty((1000, 5))
    number = rectangle_loops.rank_rectangles(
        np.array(ys), np.array(xs), *running, rng.random((height + 1, width + 1)), found
    )
    assert np.isfinite(found[:number, 0]).all()
    boxes = [tuple(map(int, one)) for one in found[:number, 1:]]
    assert len(set(boxes)) == number
    assert set(boxes) == oracle.rectangles_between(ys, xs, across, down)


def test_more_rectangles_than_there_is_room_for_are_left_out() -> None:
    lines = np.array([-1, 4, 9, 14, 19])
    marked = np.tile(np.arange(21, dtype=np.int32), (5, 1))
    found = np.empty((7, 5))
    number = rectangle_loops.rank_rectangles(
        lines, lines, marked, marked, np.zeros((21, 21)), found
    )
    assert number == len(found)


@settings(max_examples=60)
@given(
    boxes=st.lists(
        st.tuples(
            *(st.integers(0, 40) for _ in range(2)),
            *(st.integers(50, 90) for _ in range(2)),
            st.integers(-5, 5),
        ),
        unique_by=lambda one: one[:4],
        max_size=30,
    ),
    limit=st.integers(1, 6),
)
def test_distinct_boxes_are_those_of_the_twin(
    boxes: list[tuple[int, int, int, int, int]], limit: int
) -> None:
    # No two scores and no two areas are equal, so that there is one answer.
    found = [
        (score + place / 100, left, top, right + place / 1e6, bottom)
        for place, (left, top, right, bottom, score) in enumerate(boxes)
    ]
    options = {"same": 0.05, "lowest": -3.0, "tight_score": 1.0}
    expected = oracle.distinct_boxes(found, (100, 90), limit=limit, **options)
    chosen = np.empty((limit, 4))
    rows = np.array(found, np.float64).reshape(-1, 5)
    number = rectangle_loops.choose_distinct(rows, 100.0, 90.0, *options.values(), chosen)
    assert [tuple(one) for one in chosen[:number].tolist()] == expected


@given(
    degrees=st.floats(-20, 20),
    cut=st.sampled_from(Cut),
    width=st.integers(50, 500),
    height=st.integers(50, 500),
)
def test_a_turn_that_is_undone_keeps_the_middle_where_it_is(
    degrees: float, cut: Cut, width: int, height: int
) -> None:
    place = turned_map(degrees, width, height, cut)
    if place is not None:
        x, y, depth = place @ (0.5, 0.5, 1)
        assert (x, y, depth) == pytest.approx((0.5, 0.5, 1))
