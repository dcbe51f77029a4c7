"""The local engine: every image screened, whatever fails meanwhile, and each counted once."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from hashmatch.config import Settings
from hashmatch.engines import ItemScreener, Ledger, open_outcome_files, open_sources, run_locally
from hashmatch.engines.sources import Item, Source
from hashmatch.errors import BackfillError
from hashmatch.hashes import Level
from hashmatch.imaging import InProcessIntake, Reading
from hashmatch.imaging.reading import exact_hashes
from hashmatch.outcome import Failure, Reason
from hashmatch.store.backfills import BackfillState
from hashmatch.store.engine import Database
from hashmatch.store.lists import remove_list
from hashmatch.store.matches import read_daily_counts
from hashmatch.wiring import limits
from tests.pictures import drawn
from tests.scanning import MakeScanner, recorded

_CLEAR, _MATCHED = ("clear", ""), ("matched", "")


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """Two pictures of the list, two others, and two files that are none."""
    folder = tmp_path / "uploads"
    (folder / "below").mkdir(parents=True)
    for seed in (1, 2, 3, 4):
        (folder / "below" / f"{seed}.jpg").write_bytes(drawn(seed))
    (folder / "text.txt").write_bytes(b"no image")
    (folder / "empty.jpg").write_bytes(b"")
    return folder


_WHOLE = {_CLEAR: 2, _MATCHED: 2, ("unscreened", "unsupported"): 1, ("unscreened", "empty"): 1}


class _Backfill:
    """A back-fill of some sources, that can be run again and again."""

    def __init__(self, database: Database, scanner: Any, sources: Sequence[Source]) -> None:
        self._database = database
        self._screener = ItemScreener(scanner, pause=lambda _: None)
        self._sources = sources

    def run(self, **more: Any) -> BackfillState:
        ledger = Ledger(self._database, self._sources, "", b"key")
        return run_locally(self._database, ledger, self._sources, self._screener, threads=3, **more)


def test_every_image_gets_its_verdict(
    database: Database, settings: Settings, make_scanner: MakeScanner, uploads: Path
) -> None:
    sources = open_sources(settings, [str(uploads)])
    states = list[BackfillState]()
    backfill = _Backfill(database, make_scanner(is_counted=False), sources)
    state = backfill.run(report=states.append)
    assert state.counts == _WHOLE
    assert (state.found, state.ended_at is not None) == (6, True)
    assert recorded(database) == 4  # By PDQ and by SHA-256.
    with database.reading() as session:
        assert read_daily_counts(session) == {
            one: number for one, number in _WHOLE.items() if one != _MATCHED
        }
    assert states[-1] == state


class _Interrupted(Source):
    """A source that fails after some images, until it is mended."""

    def __init__(self, source: Source, after: int) -> None:
        self._source = source
        self.after: int | None = after

    @property
    def name(self) -> str:
        return self._source.name

    def items(self, position: str = "") -> Iterator[Item]:
        for number, item in enumerate(self._source.items(position)):
            if number == self.after:
                raise BackfillError("interrupted")
            yield item

    def order(self, position: str) -> Any:
        return self._source.order(position)


@pytest.mark.parametrize("after", range(6))
def test_a_back_fill_goes_on_where_it_was(
    database: Database,
    settings: Settings,
    make_scanner: MakeScanner,
    uploads: Path,
    after: int,
    tmp_path: Path,
) -> None:
    (source,) = open_sources(settings, [str(uploads)])
    files = open_outcome_files(tmp_path / "out", "jsonl", show_hashes=False)
    interrupted = _Interrupted(source, after)
    backfill = _Backfill(database, make_scanner(is_counted=False), [interrupted])
    for _ in range(2):
        with pytest.raises(BackfillError, match="interrupted"):
            backfill.run(outcome_files=files)
    interrupted.after = None
    assert backfill.run(outcome_files=files).counts == _WHOLE
    with database.reading() as session:
        counts = read_daily_counts(session)
    assert sum(counts.values()) == 4
    assert sorted(_outcomes(tmp_path / "out")) == sorted(
        ["clear", "clear", "matched", "matched", "unscreened", "unscreened"]
    )


def test_an_image_that_stops_the_run_is_screened_by_the_next(
    database: Database, settings: Settings, make_scanner: MakeScanner, uploads: Path
) -> None:
    """Its storage fails while others before it are on record."""
    (source,) = open_sources(settings, [str(uploads)])

    class _Failing(_Interrupted):
        def items(self, position: str = "") -> Iterator[Item]:
            for item in self._source.items(position):
                fails = self.after is not None and item.content_id.endswith("3.jpg")
                yield Item(
                    item.content_id,
                    item.reference,
                    item.version,
                    item.position,
                    self._fail if fails else item.load,
                )

        def _fail(self) -> bytes:
            raise BackfillError("the storage denies access")

    failing = _Failing(source, 0)
    backfill = _Backfill(database, make_scanner(is_counted=False), [failing])
    with pytest.raises(BackfillError, match="denies access"):
        backfill.run()
    failing.after = None
    assert backfill.run().counts == _WHOLE


class _Flaky(InProcessIntake):
    """An intake whose decoder crashes some times for each file."""

    def __init__(self, settings: Settings, crashes: int) -> None:
        super().__init__(limits(settings))
        self._crashes = crashes
        self._seen: Counter[bytes] = Counter()

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        self._seen[data] += 1
        if self._seen[data] <= self._crashes:
            exact = exact_hashes(data, algorithms) if data else ()
            return Reading(None, exact, Failure(Reason.DECODER_CRASHED, "killed"))
        return super().read(data, algorithms, level)


_CRASHED = {_MATCHED: 2, ("unscreened", "decoder_crashed"): 4}


@pytest.mark.parametrize(
    ("crashes", "counts", "matches"), [(3, _WHOLE, 4), (4, _CRASHED, 2)], ids=["3", "4"]
)
def test_a_killed_decoder_decides_nothing_until_the_fourth_time(
    database: Database,
    settings: Settings,
    make_scanner: MakeScanner,
    uploads: Path,
    crashes: int,
    counts: dict[tuple[str, str], int],
    matches: int,
) -> None:
    """Nor about what matched already, by the hash of its bytes."""
    scanner = make_scanner(_Flaky(settings, crashes), is_counted=False)
    sources = open_sources(settings, [str(uploads)])
    assert _Backfill(database, scanner, sources).run().counts == counts
    assert recorded(database) == matches


def test_images_that_went_meanwhile_are_missed(
    database: Database, settings: Settings, make_scanner: MakeScanner, uploads: Path
) -> None:
    """Such as with a share that is not mounted any more."""
    (source,) = open_sources(settings, [str(uploads)])
    interrupted = _Interrupted(source, 3)
    backfill = _Backfill(database, make_scanner(is_counted=False), [interrupted])

    class _Planned(_Interrupted):
        """Planned as a whole, and interrupted at work."""

        calls = 0

        def items(self, position: str = "") -> Iterator[Item]:
            self.calls += 1
            return self._source.items(position) if self.calls == 1 else super().items(position)

    backfill._sources = [planned := _Planned(source, 3)]
    with pytest.raises(BackfillError, match="interrupted"):
        backfill.run()
    planned.after = None
    for path in sorted(uploads.rglob("*.*")):
        path.unlink()
    state = backfill.run()
    assert state.found == 6
    assert state.screened <= 3


def test_a_back_fill_that_was_given_up_elsewhere_is_no_success(
    database: Database, settings: Settings, make_scanner: MakeScanner, uploads: Path
) -> None:
    (source,) = open_sources(settings, [str(uploads)])

    class _Abandoned(_Interrupted):
        def items(self, position: str = "") -> Iterator[Item]:
            for number, item in enumerate(self._source.items(position)):
                if number == 2 and self.after is not None:
                    self.after = None
                    Ledger(database, [self], "", b"key").end(is_whole=False)
                yield item

    backfill = _Backfill(database, make_scanner(is_counted=False), [_Abandoned(source, 2)])
    with pytest.raises(BackfillError, match="given up"):
        backfill.run()
    assert backfill.run().counts == _WHOLE


def test_files_whose_names_read_alike_are_counted_each(
    database: Database, settings: Settings, make_scanner: MakeScanner, tmp_path: Path
) -> None:
    folder = tmp_path / "alike"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.jpg")).write_bytes(drawn(3))
    (folder / "\\xff.jpg").write_bytes(b"no image")
    sources = open_sources(settings, [str(folder)])
    state = _Backfill(database, make_scanner(is_counted=False), sources).run()
    assert state.counts == {_CLEAR: 1, ("unscreened", "unsupported"): 1}


def test_without_a_list_it_stops_and_records_nothing(
    database: Database, settings: Settings, make_scanner: MakeScanner, uploads: Path
) -> None:
    scanner = make_scanner(is_counted=False)
    sources = open_sources(settings, [str(uploads)])
    with database.writing() as session:
        remove_list(session, "one")
    scanner.follow_lists()
    with pytest.raises(BackfillError, match="no image can be screened now"):
        _Backfill(database, scanner, sources).run()
    with database.reading() as session:
        assert read_daily_counts(session) == {}


def test_outcomes_in_parquet_are_those_in_json_lines(
    database: Database,
    settings: Settings,
    make_scanner: MakeScanner,
    uploads: Path,
    tmp_path: Path,
) -> None:
    sources = open_sources(settings, [str(uploads)])
    backfill = _Backfill(database, make_scanner(is_counted=False), sources)
    for name in ("jsonl", "parquet"):
        files = open_outcome_files(tmp_path / name, name, show_hashes=False)
        backfill.run(outcome_files=files)
    table = pyarrow.parquet.read_table(tmp_path / "parquet")
    rows = {row["content_id"]: row for row in table.to_pylist()}
    lines = [json.loads(line) for line in _lines(tmp_path / "jsonl")]
    assert len(rows) == len(lines) == 6
    for line in lines:
        row = rows[line["content_id"]]
        assert (row["outcome"], row["reason"]) == (line["outcome"], line["reason"])
        assert [one["entry_id"] for one in row["matches"]] == [
            one["entry_id"] for one in line["matches"]
        ]
        assert all(one["value"] is None for one in row["hashes"])


def _lines(folder: Path) -> list[str]:
    return [line for one in folder.iterdir() for line in one.read_text().splitlines()]


def _outcomes(folder: Path) -> list[str]:
    return [json.loads(line)["outcome"] for line in _lines(folder)]
