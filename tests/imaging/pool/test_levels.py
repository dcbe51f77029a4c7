"""Levels of search in processes: a file's hashes do not depend on where they are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from hashmatch.hashes import Level
from hashmatch.imaging import Hashing, InProcessIntake, PoolIntake
from tests.imaging.pool.pools import ALL, EXACT, REAL, make_pool
from tests.imaging.views.altered import ALTERATIONS, as_file, screenshot
from tests.pictures import GENEROUS


@pytest.fixture(scope="module")
def unprepared() -> Iterator[PoolIntake]:
    """A pool of level plain, whose process has read a file already."""
    with closing(make_pool(module=REAL)) as pool:
        assert pool.read(as_file(screenshot(1)), ALL).failure is None
        yield pool


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_copy_has_the_same_hashes_as_in_this_process(
    pool: PoolIntake, alteration: str
) -> None:
    data = as_file(ALTERATIONS[alteration](1))
    for level in Level:
        assert pool.read(data, ALL, level) == InProcessIntake(GENEROUS).read(data, ALL, level)


def test_a_wider_level_than_was_prepared_is_loaded_once(unprepared: PoolIntake) -> None:
    data = as_file(screenshot(1))
    before = unprepared.pids()
    wide = unprepared.read(data, ALL, Level.STANDARD)
    assert wide == InProcessIntake(GENEROUS).read(data, ALL, Level.STANDARD)
    prepared = unprepared.pids()
    assert prepared != before
    for level in (Level.PLAIN, None, Level.STANDARD):
        assert unprepared.read(data, ALL, level).failure is None
    assert unprepared.pids() == prepared


def test_a_pool_of_a_level_searches_without_being_asked() -> None:
    data = as_file(screenshot(1))
    hashing = Hashing(level=Level.STANDARD)
    with closing(make_pool(module=REAL, hashing=hashing)) as pool:
        assert pool.read(data, EXACT).failure is None
        assert pool.read(data, ALL) == InProcessIntake(GENEROUS, hashing).read(data, ALL)
