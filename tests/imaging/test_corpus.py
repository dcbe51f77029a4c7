"""Thousands of damaged files and some made to do harm: each has an outcome, none a wrong one."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hashmatch.imaging import Limits, PoolIntake
from hashmatch.outcome import Clear, Outcome, Reason
from hashmatch.screening.scanner import Scanner
from tests.imaging import bombs
from tests.imaging.mutations import mutated, truncated
from tests.imaging.samples import FORMATS, originals
from tests.pictures import GENEROUS, drawn
from tests.scanning import MakeScanner, unscreened

MUTATIONS = pytest.mark.parametrize(
    "mutations", [40, pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
TRUNCATIONS_EACH = 8
_MEGABYTE = 1 << 20


def _pool(limits: Limits = GENEROUS, timeout_s: float = 30) -> PoolIntake:
    return PoolIntake(limits, workers=1, timeout_s=timeout_s, max_memory_bytes=10**9)


@pytest.fixture(scope="module")
def pool() -> Iterator[PoolIntake]:
    """The pool that the tests of this module share."""
    with closing(_pool()) as pool:
        yield pool


@pytest.fixture
def scanner(make_scanner: MakeScanner, pool: PoolIntake) -> Scanner:
    """A scanner that decodes in the pool."""
    return make_scanner(pool)


def _memory_bytes() -> int:
    """Return the memory that this process holds."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return 0
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _require_seen(outcome: Outcome) -> None:
    """Fail for a file that is called clear without having been compared.

    That every frame was looked at is required by the pool.
    """
    if isinstance(outcome, Clear):
        assert outcome.media is not None
        assert any(one.algorithm.name == "pdq" for one in outcome.hashes)


@pytest.mark.parametrize("image_format", FORMATS)
@MUTATIONS
def test_no_damaged_file_is_called_clear_unseen(
    scanner: Scanner, image_format: str, mutations: int
) -> None:
    rng = random.Random(f"{image_format} {mutations}")
    whole = originals(image_format)
    others = [drawn(12, "PNG"), drawn(12, "JPEG")]
    for data in whole:
        assert isinstance(scanner.scan(data, content_id="whole"), Clear)
    before = _memory_bytes()
    outcomes: Counter[str] = Counter()
    for _ in range(mutations):
        data = mutated(rng, rng.choice(whole), rng.choice(others))
        outcome = scanner.scan(data, content_id="damaged")
        _require_seen(outcome)
        outcomes[type(outcome).__name__] += 1
    assert sum(outcomes.values()) == mutations
    assert outcomes["Unscreened"]
    assert _memory_bytes() - before < 50 * _MEGABYTE


@pytest.mark.parametrize("image_format", FORMATS)
def test_no_file_that_lost_its_end_is_called_clear(scanner: Scanner, image_format: str) -> None:
    rng = random.Random(image_format)
    for data in originals(image_format):
        for _ in range(TRUNCATIONS_EACH):
            cut = truncated(rng, data[: len(data) * 95 // 100])
            assert not isinstance(scanner.scan(cut, content_id="cut"), Clear), len(cut)


def test_a_file_of_too_much_is_refused_by_its_outline(pool: PoolIntake) -> None:
    declared = bombs.chunk(b"tEXt", b"k\0text", length=bombs.GIGABYTE)
    written = bombs.chunk(b"tEXt", bytes(20 * _MEGABYTE))
    cases = {
        "one colour": (bombs.png_of_one_colour(50_000), Reason.TOO_MANY_PIXELS),
        "frames": (bombs.gif_of_many_frames(100_000), Reason.TOO_COMPLEX),
        "loop": (bombs.looping_tiff(), Reason.UNDECODABLE),
        "declared text": (bombs.png_with(declared), Reason.TOO_COMPLEX),
        "written text": (bombs.png_with(written), Reason.TOO_COMPLEX),
        "nested directories": (bombs.tiff_in_a_tiff(1000), Reason.TOO_COMPLEX),
        "nested boxes": (bombs.boxes_in_boxes(1000), Reason.TOO_COMPLEX),
        "icon": (bombs.icon_of_many_pictures(60_000), Reason.TOO_COMPLEX),
    }
    assert pool.read(drawn(1), {"pdq"}).failure is None
    before = pool.pids()
    found = {name: pool.read(data, {"pdq"}).failure for name, (data, _) in cases.items()}
    assert pool.pids() == before
    reasons = {name: failure and failure.reason for name, failure in found.items()}
    assert reasons == {name: reason for name, (_, reason) in cases.items()}
    details = {name: failure.detail for name, failure in found.items() if failure}
    assert details["one colour"].startswith("the picture declares 50000 x 50000 pixels")
    assert "intake.max_pixels" in details["one colour"]


def test_a_gigabyte_of_packed_metadata_is_left_packed(scanner: Scanner) -> None:
    zeros = bombs.deflated_zeros(bombs.GIGABYTE)
    text, profile = (
        scanner.scan(
            bombs.png_with(bombs.chunk(kind, b"name\0\0" + zeros), seed=9), content_id="bomb"
        )
        for kind in (b"zTXt", b"iCCP")
    )
    assert isinstance(text, Clear)
    assert text.media is not None
    assert unscreened(profile).reason is Reason.UNSUPPORTED
    assert profile.hashes


def test_a_file_of_a_gigabyte_is_not_even_read(scanner: Scanner, tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    head = bombs.png_with(bombs.chunk(b"tEXt", b"k\0", length=bombs.GIGABYTE))
    with path.open("wb") as file:
        file.write(head)
        file.truncate(bombs.GIGABYTE + len(head))
    before = _memory_bytes()
    assert unscreened(scanner.scan_file(path)).reason is Reason.TOO_LARGE
    assert _memory_bytes() - before < 50 * _MEGABYTE


def _reason(pool: PoolIntake, data: bytes) -> Reason | None:
    """Return what comes of a bomb, and see that the next image is right."""
    failure = pool.read(data, {"sha256"}).failure
    assert pool.read(drawn(1), {"sha256"}).failure is None
    return None if failure is None else failure.reason


@pytest.mark.long
def test_where_the_outline_is_believed_memory_and_time_still_end() -> None:
    """The same bombs under limits that let them through."""
    wide = replace(GENEROUS, max_pixels=10**11, max_frames=10**9, max_distinct_frames=1000)
    with closing(_pool(wide, timeout_s=60)) as pool:
        assert _reason(pool, bombs.png_of_one_colour(50_000)) is Reason.OUT_OF_MEMORY
    with closing(_pool(wide, timeout_s=3)) as pool:
        assert _reason(pool, bombs.gif_of_many_frames(1_000_000)) is Reason.TIMED_OUT
        assert _reason(pool, bombs.jpeg_of_many_scans(3000)) is Reason.TIMED_OUT
