"""The index on disk follows the store, through every damage to its files and processes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hashmatch.config import Settings
from hashmatch.errors import DamagedIndexError, IndexFolderError
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import IndexFolder, LiveIndex, catch_up, merge
from hashmatch.index.files import FileMark
from hashmatch.index.manifest import SegmentMark
from hashmatch.index.segments import choose_merge
from hashmatch.store.engine import Database
from hashmatch.store.lists import has_list, remove_list
from hashmatch.store.migrations import upgrade
from tests.index.stores import assert_right, disable, fill, found, value_of

pytestmark = pytest.mark.usefixtures("segments_stay_apart")


class _AnyHistory(RuleBasedStateMachine):
    """Lists change, readers come and go, segments are merged: the answers are the oracle's."""

    prepared: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self._place = TemporaryDirectory()
        self._settings = Settings(data_dir=Path(self._place.name))
        self._database = Database(self._settings.database_url)
        path = self._database.sqlite_path()
        assert path is not None
        shutil.copy(self.prepared, path)
        self._live = LiveIndex(self._database, self._settings.index_dir, ALGORITHMS)
        self._numbers: dict[str, set[int]] = {}

    names = st.sampled_from(["one", "two"])
    some = st.sets(st.integers(0, 60), min_size=1)

    @rule(name=names, numbers=some)
    def a_list_is_delivered(self, name: str, numbers: set[int]) -> None:
        fill(self._database, name, sorted(numbers))
        self._numbers[name] = numbers

    @rule(name=names, data=st.data())
    def an_entry_is_disabled(self, name: str, data: st.DataObject) -> None:
        if numbers := self._numbers.get(name):
            one = data.draw(st.sampled_from(sorted(numbers)))
            with self._database.reading() as session:
                if not has_list(session, name):
                    return
            try:
                disable(self._database, name, [one])
            except Exception:  # noqa: BLE001 (it was disabled before)
                return

    @rule(name=names)
    def a_list_is_removed(self, name: str) -> None:
        with self._database.writing() as session:
            if has_list(session, name):
                remove_list(session, name)
                self._numbers.pop(name, None)

    @rule(everything=st.booleans())
    def segments_are_merged(self, *, everything: bool) -> None:
        merge(IndexFolder(self._settings.index_dir), ALGORITHMS, everything=everything)

    @rule()
    def the_reader_starts_again(self) -> None:
        self._live.close()
        self._live = LiveIndex(self._database, self._settings.index_dir, ALGORITHMS)

    @invariant()
    def the_answers_are_right(self) -> None:
        assert_right(self._live, self._database)
        snapshot = self._live.snapshot()
        active = sum(one.active_entries for one in snapshot.lists)
        assert sum(len(index) for index in snapshot.indexes.values()) == active

    def teardown(self) -> None:
        self._live.close()
        self._database.close()
        self._place.cleanup()


@pytest.fixture(autouse=True, scope="module")
def _prepared_histories(prepared: Path) -> None:
    _AnyHistory.prepared = prepared


class _ManyHistories(_AnyHistory):
    pass


TestAnyHistory = _AnyHistory.TestCase
TestAnyHistory.settings = hypothesis_settings(max_examples=6, stateful_step_count=12)
TestManyHistories = pytest.mark.long(pytest.mark.timeout(600)(_ManyHistories.TestCase))
TestManyHistories.settings = hypothesis_settings(max_examples=40, stateful_step_count=15)


def test_readers_of_one_folder_share_one_index(
    database: Database, folder: IndexFolder, open_live: Callable[..., LiveIndex]
) -> None:
    fill(database, "one", range(50))
    one, other = open_live(), open_live()
    one.snapshot()
    built = folder.manifest()
    assert_right(other, database)
    assert folder.manifest() == built


def test_a_reader_goes_on_with_files_that_were_replaced(
    database: Database, folder: IndexFolder, open_live: Callable[..., LiveIndex]
) -> None:
    fill(database, "one", range(50))
    live = open_live()
    snapshot = live.snapshot()
    before = found(snapshot, value_of(3), 31)
    fill(database, "one", range(20, 70))
    assert_right(open_live(), database)
    assert merge(folder, ALGORITHMS, everything=True)
    assert found(snapshot, value_of(3), 31) == before
    assert_right(live, database)


def test_only_files_in_force_stay(
    database: Database, folder: IndexFolder, open_live: Callable[..., LiveIndex]
) -> None:
    live = open_live()
    for end in range(10, 60, 10):
        fill(database, "one", range(end - 10, end))
        live.snapshot()
    manifest = folder.manifest()
    assert manifest is not None
    assert {path.name for path in folder.path.glob("*.arrays")} == manifest.file_names()
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.path.iterdir())


# The database is nothing to the damage of files.
@pytest.mark.sqlite
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone", "foreign"])
@pytest.mark.parametrize("which", ["segment", "manifest"])
def test_a_damaged_index_is_rebuilt_and_never_answered_from(
    which: str,
    damage: str,
    database: Database,
    folder: IndexFolder,
    open_live: Callable[..., LiveIndex],
) -> None:
    fill(database, "one", range(50))
    open_live().snapshot()
    _damage(_file(folder, which), damage)
    if damage != "gone":
        with pytest.raises(DamagedIndexError, match=str(folder.path)):
            open_live(may_rebuild=False).snapshot()
    assert_right(open_live(), database)


def _file(folder: IndexFolder, which: str) -> Path:
    if which == "manifest":
        return folder.path / "manifest.json"
    (path,) = folder.path.glob("*.arrays")
    return path


def _damage(path: Path, damage: str) -> None:
    data = path.read_bytes()
    match damage:
        case "flip":
            middle = len(data) // 2
            path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        case "cut":
            path.write_bytes(data[:-100])
        case "empty":
            path.write_bytes(b"")
        case "gone":
            path.unlink()
        case "foreign":
            path.write_bytes(
                data.replace(b'"version": 1,', b'"version": 9,').replace(b"HMARRAY1", b"HMARRAY9")
            )


@pytest.mark.sqlite
def test_damage_is_repaired_when_a_change_meets_it(
    database: Database, folder: IndexFolder, open_live: Callable[..., LiveIndex]
) -> None:
    fill(database, "one", range(50))
    live = open_live()
    live.snapshot()
    fill(database, "one", range(20))
    assert_right(live, database)
    for number, damage in enumerate(("flip", "gone", "cut", "empty")):
        files = sorted(folder.path.glob("*.arrays"), key=lambda path: path.stat().st_size)
        _damage(files[number % len(files)], damage)
        fill(database, "one", range(30 - number))
        assert_right(open_live(), database)


@pytest.mark.sqlite
def test_every_part_of_a_segment_is_checked(
    database: Database, folder: IndexFolder, open_live: Callable[..., LiveIndex]
) -> None:
    fill(database, "one", range(5))
    open_live().snapshot()
    path = _file(folder, "segment")
    data = path.read_bytes()
    length = int.from_bytes(data[8:16], "little")
    first = -(-(16 + length) // 64) * 64
    arrays = json.loads(data[16 : 16 + length])["arrays"]
    places = [first + one["offset"] for one in arrays.values() if 0 not in one["shape"]]
    for place in (0, 9, 40, *places):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(DamagedIndexError):
            open_live(may_rebuild=False).snapshot()


@pytest.mark.sqlite
def test_the_index_of_another_store_is_not_used(
    settings: Settings, database: Database, folder: IndexFolder, tmp_path: Path
) -> None:
    fill(database, "one", range(10))
    catch_up(database, folder, ALGORITHMS)
    with closing(Database(f"sqlite:///{tmp_path / 'other.db'}")) as other:
        upgrade(other)
        fill(other, "one", range(20, 30))
        with closing(LiveIndex(other, settings.index_dir, ALGORITHMS)) as live:
            assert_right(live, other)


@pytest.mark.sqlite
@pytest.mark.parametrize("name", ["manifest.json", "segment"])
def test_files_that_others_may_write_are_refused(
    name: str, database: Database, folder: IndexFolder, open_live: Callable[..., LiveIndex]
) -> None:
    fill(database, "one", range(10))
    open_live().snapshot()
    _file(folder, name.removesuffix(".json")).chmod(0o666)
    with pytest.raises(IndexFolderError, match="other users may write"):
        open_live().snapshot()


def test_merging_leaves_few_segments_and_rarely_touches_large_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    sizes: list[int] = []
    written = 0
    for number in range(3_000):
        marks = [
            SegmentMark(FileMark(str(place), 0, ""), "", "pdq", size)
            for place, size in enumerate([*sizes, 1_000])
        ]
        chosen = choose_merge(marks, 10**9)
        sizes = [one.entries for one in marks if one not in chosen]
        if chosen:
            sizes.append(sum(one.entries for one in chosen))
            written += sizes[-1]
        assert len(sizes) <= 6, number
    assert sum(sizes) == 3_000_000
    assert written < 20 * 3_000_000


@pytest.mark.sqlite
def test_a_folder_that_cannot_be_written_is_named(database: Database, settings: Settings) -> None:
    fill(database, "one", range(3))
    settings.data_dir.mkdir(exist_ok=True)
    settings.index_dir.write_text("in the way")
    with closing(LiveIndex(database, settings.index_dir, ALGORITHMS)) as live:
        with pytest.raises(IndexFolderError, match=str(settings.index_dir)):
            live.snapshot()
