"""Pools for tests, and what comes of giving them files or orders."""

from __future__ import annotations

from hashmatch.imaging import Hashing, PoolIntake, Reading
from hashmatch.outcome import Reason
from tests.pictures import GENEROUS

ALL = frozenset({"pdq", "sha256"})
# The same without the hasher whose kernels take most of the time in which a process starts.
EXACT = frozenset({"sha256"})
REAL, MISBEHAVING = "hashmatch.imaging.pool.worker", "tests.imaging.pool.misbehaving"


def make_pool(
    *,
    timeout_s: float = 60,
    workers: int = 1,
    module: str = MISBEHAVING,
    hashing: Hashing | None = None,
) -> PoolIntake:
    """Return a pool whose processes have little memory; by default they do what files say."""
    return PoolIntake(
        GENEROUS,
        hashing,
        workers=workers,
        timeout_s=timeout_s,
        max_memory_bytes=800_000_000,
        module=module,
    )


def reason_of(reading: Reading) -> Reason | None:
    """Return why a file could not be read, None where it could."""
    return None if reading.failure is None else reading.failure.reason


def claimed_by(pool: PoolIntake, order: str) -> str:
    """Give an order to a misbehaving process and return what it says of it."""
    failure = pool.read(order.encode(), EXACT).failure
    assert failure is not None
    return failure.detail
