"""Pools that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from hashmatch.imaging import PoolIntake
from tests.imaging.pool.pools import REAL, make_pool


@pytest.fixture(scope="module")
def pool() -> Iterator[PoolIntake]:
    """The pool as it is used."""
    with closing(make_pool(module=REAL, workers=2)) as pool:
        yield pool


@pytest.fixture(scope="module")
def obedient() -> Iterator[PoolIntake]:
    """A pool whose one process does what files say, with time enough on a busy machine."""
    with closing(make_pool()) as pool:
        yield pool


@pytest.fixture(scope="module")
def hasty() -> Iterator[PoolIntake]:
    """The same, but it soon gives a process up."""
    with closing(make_pool(timeout_s=3)) as pool:
        yield pool
