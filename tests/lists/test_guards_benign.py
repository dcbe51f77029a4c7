"""The guard against floods: all that a list adds is compared with the benign sample."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from hashmatch.config import GuardSettings, Settings
from hashmatch.errors import ConfigError, SyncLeaseError
from hashmatch.hashers import find_algorithm
from hashmatch.lists import FileSource, find_format, sync_list
from hashmatch.lists.benign import BenignSample
from hashmatch.lists.delivery import DeliveredItem
from hashmatch.lists.formats import RawRow
from hashmatch.store.engine import Database
from hashmatch.store.lists import SyncFacts, disable_entries
from tests.lists.sources import MadeSource, active_numbers
from tests.store.importing import import_text

HEADER = "algorithm,value,entry_id\n"
DIGITS = {"md5": 32, "pdq": 64}


def _text(numbers: Iterable[int], algorithm: str = "pdq") -> str:
    digits = DIGITS[algorithm]
    return HEADER + "".join(f"{algorithm},{one:0{digits}x},e{one}\n" for one in numbers)


def _numbers(how_many: int, bits: int = 256, seed: int = 1) -> list[int]:
    dice = random.Random(seed)
    return [dice.getrandbits(bits) for _ in range(how_many)]


class _Guarded:
    """A list that is a file, synced with a benign sample."""

    def __init__(self, database: Database, folder: Path, sample: Iterable[int] = ()) -> None:
        self.database = database
        self.path, self.sample = folder / "list.csv", folder / "sample.jsonl"
        self.write_sample(sample)
        guards = {"max_growth_factor": 1e6, "benign_sample": str(self.sample)}
        self.settings = Settings(guards=GuardSettings.model_validate(guards))

    def write_sample(
        self, numbers: Iterable[int], algorithm: str = "pdq", quality: int = 100
    ) -> None:
        lines = [
            {"algorithm": algorithm, "value": f"{one:0{DIGITS[algorithm]}x}", "quality": quality}
            for one in numbers
        ]
        self.sample.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def sync(
        self, text: str | None = None, progress: Callable[[int], None] = lambda _: None
    ) -> SyncFacts:
        if text is not None:
            self.path.write_text(text)
        source = FileSource(self.path, find_format)
        return sync_list(self.database, "one", source, self.settings, progress=progress)


def test_a_list_that_would_match_benign_pictures_is_quarantined(
    database: Database, tmp_path: Path
) -> None:
    benign, others = _numbers(1_000), _numbers(1_000, seed=2)
    near = [one ^ 0b11111 for one in benign]
    guarded = _Guarded(database, tmp_path, benign)
    assert guarded.sync(_text(others)).outcome == "changed"
    assert guarded.sync(_text(others + near[:1])).outcome == "changed"
    facts = guarded.sync(_text(others + near[:10]))
    assert facts.outcome == "quarantined"
    assert "match 9 of the 1000 pdq hashes of the benign sample" in facts.cause
    guarded.write_sample(benign, quality=10)  # Of too low a quality to be matched at all.
    assert guarded.sync().outcome == "quarantined"
    assert guarded.sync(_text(others + near[:11])).outcome == "changed"


@pytest.mark.parametrize("place", ["lowest", "between", "highest"])
def test_every_added_row_is_compared_whatever_its_value(
    database: Database, tmp_path: Path, place: str
) -> None:
    """Also in a first delivery, whose growth nothing limits."""
    others = sorted(_numbers(25_000, bits=128))
    low, high = {"lowest": (0, others[0]), "highest": (others[-1], 1 << 128)}.get(
        place, (others[12_000], others[12_001])
    )
    flood = [low + (high - low) * one // 12 for one in range(1, 11)]
    guarded = _Guarded(database, tmp_path)
    guarded.write_sample([*flood, *_numbers(1_000, bits=128, seed=3)], "md5")
    facts = guarded.sync(_text([*others, *flood], "md5"))
    assert (facts.outcome, "match 10 of the 1010 md5" in facts.cause) == ("quarantined", True)
    assert active_numbers(database) == []


@pytest.mark.long
@pytest.mark.sqlite
def test_a_flood_below_a_million_higher_values_is_found(database: Database, tmp_path: Path) -> None:
    flood = list(range(10))
    guarded = _Guarded(database, tmp_path)
    guarded.write_sample([*flood, *_numbers(1_000, bits=128)], "md5")
    others = (1 << 127 | one for one in range(1_000_000))
    assert guarded.sync(_text([*flood, *others], "md5")).outcome == "quarantined"


def test_what_the_deliveries_of_one_sync_match_counts_together(
    database: Database, tmp_path: Path
) -> None:
    benign = _numbers(1_000)
    guarded = _Guarded(database, tmp_path, benign)
    deliveries: list[list[DeliveredItem]] = [
        [RawRow(1, "pdq", f"{one:064x}", f"e{number}")]
        for number, one in enumerate((benign[0], benign[0] ^ 1, benign[1]))
    ]
    facts = sync_list(database, "one", MadeSource(*deliveries), guarded.settings)
    assert (facts.outcome, facts.counts.added) == ("quarantined", 2)
    assert "match 2 of the 1000" in facts.cause


def test_disabled_entries_are_no_flood(database: Database, tmp_path: Path) -> None:
    benign, other = _numbers(10), 5
    import_text(database, "one", _text([*benign, other]))
    with database.writing() as session:
        disable_entries(session, "one", [f"e{one}" for one in benign])
    assert (
        _Guarded(database, tmp_path, benign).sync(_text([*benign, other, 6])).outcome == "changed"
    )


def test_a_list_that_changes_while_its_delivery_is_examined_stays_as_it_is(
    database: Database, tmp_path: Path
) -> None:
    """Otherwise a change in between would let rows pass that were compared with nothing."""
    guarded = _Guarded(database, tmp_path, _numbers(10))
    guarded.sync(_text([1, 2, 3]))
    steps = iter(("read", "examined"))

    def change(_: int) -> None:
        if next(steps) == "examined":
            with pytest.raises(SyncLeaseError, match="by another process"):
                import_text(database, "one", _text([4]))
            with database.writing() as session:
                disable_entries(session, "one", ["e1"])

    with pytest.raises(SyncLeaseError, match="was changed while"):
        guarded.sync(_text([1, 2, 3, 5]), change)
    assert active_numbers(database) == [2, 3]
    assert guarded.sync().outcome == "changed"
    assert active_numbers(database) == [2, 3, 5]


def test_equal_hashes_of_the_sample_all_count() -> None:
    values = [bytes([one]) * 32 for one in (1, 1, 1, 2)]
    sample = BenignSample(find_algorithm("pdq"), values)
    assert len(sample) == 4
    assert sample.count(sample.match([values[0]], 31)) == 3
    assert sample.count(sample.match([bytes(32)] * 5, 0)) == 0


def test_a_flood_of_like_hashes_against_like_pictures_takes_little_memory() -> None:
    """Of six million pairs all match."""
    alike = [one.to_bytes(32, "big") for one in range(3_000)]
    sample = BenignSample(find_algorithm("pdq"), alike[:2_000])
    sample.match(alike[:1], 31)  # So that nothing is loaded for the first time.
    tracemalloc.start()
    try:
        matched = sample.match(alike, 31)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sample.count(matched) == 2_000
    assert most < 300_000_000


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (("pdq", [1]), ""),
        (("md5", [1]), "the benign sample has no hashes of pdq"),
        (("pdq", []), "there is no benign sample"),
        (None, "there is no benign sample"),
    ],
)
def test_entries_that_no_sample_was_compared_with_are_remarked_on(
    database: Database, tmp_path: Path, sample: tuple[str, list[int]] | None, words: str
) -> None:
    guarded = _Guarded(database, tmp_path)
    if sample is None:
        guarded.settings = Settings()
    else:
        guarded.write_sample(sample[1], sample[0])
    facts = guarded.sync(_text(_numbers(3)))
    assert facts.outcome == "changed"
    assert facts.remark.endswith(words) if words else facts.remark == ""
    assert guarded.sync().remark == ""  # Nothing was added.


@pytest.mark.parametrize("text", ["{}\n", "[]\n", "x\n", '{"algorithm": "pdq", "value": "1"}\n'])
def test_a_sample_that_cannot_be_read_stops_the_sync_before_it_begins(
    database: Database, tmp_path: Path, text: str
) -> None:
    guarded = _Guarded(database, tmp_path)
    guarded.sample.write_text(text)
    with pytest.raises(ConfigError, match="line 1 of the benign sample"):
        guarded.sync(_text([1]))
    guarded.sample.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        guarded.sync(_text([1]))
