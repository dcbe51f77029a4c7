"""The index on disk follows the store, whatever happens to its files and processes."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hashmatch.config import Settings
from hashmatch.errors import DamagedIndexError, IndexFolderError, IndexStaleError
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import IndexFolder, LiveIndex, catch_up, merge
from hashmatch.index.files import FileMark
from hashmatch.index.manifest import SegmentMark
from hashmatch.index.segments import choose_merge, open_segment, open_withdrawn
from hashmatch.store import Database, has_list, remove_list
from hashmatch.store.migrations import upgrade
from tests.index.stores import expected, fill, found, value_of, withdraw

QUERIES = [value_of(number) for number in (3, 14, 25, 999)]


@pytest.fixture(autouse=True)
def _segments_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat small segments as large ones are treated."""
    monkeypatch.setattr("hashmatch.index.segments._SMALL_ENTRIES", 0)
    monkeypatch.setattr("hashmatch.index.segments._PART", 0.5)


@pytest.fixture
def folder(settings: Settings) -> IndexFolder:
    return IndexFolder(settings.index_dir)


@pytest.fixture
def open_live(settings: Settings, database: Database) -> Iterator[Callable[..., LiveIndex]]:
    """Opens what another process would."""
    opened: list[LiveIndex] = []

    def open_one(**options: bool) -> LiveIndex:
        opened.append(LiveIndex(database, settings.index_dir, ALGORITHMS, **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def _assert_right(live: LiveIndex, database: Database) -> None:
    snapshot = live.snapshot()
    for query in QUERIES:
        assert found(snapshot, query, 31) == expected(database, query, 31)


class _AnyHistory(RuleBasedStateMachine):
    """Lists change, readers come and go, segments are merged: the answers are the oracle's."""

    def __init__(self) -> None:
        super().__init__()
        self._place = TemporaryDirectory()
        self._settings = Settings(data_dir=Path(self._place.name))
        self._settings.data_dir.mkdir(exist_ok=True)
        self._database = Database(self._settings.database_url)
        upgrade(self._database)
        self._live = LiveIndex(self._database, self._settings.index_dir, ALGORITHMS)
        self._numbers: dict[str, set[int]] = {}

    names = st.sampled_from(["one", "two"])
    some = st.sets(st.integers(0, 60), min_size=1)

    @rule(name=names, numbers=some)
    def a_list_is_delivered(self, name: str, numbers: set[int]) -> None:
        fill(self._database, name, sorted(numbers))
        self._numbers[name] = numbers

    @rule(name=names, data=st.data())
    def an_entry_is_withdrawn(self, name: str, data: st.DataObject) -> None:
        if numbers := self._numbers.get(name):
            one = data.draw(st.sampled_from(sorted(numbers)))
            with self._database.reading() as session:
                if not has_list(session, name):
                    return
            try:
                withdraw(self._database, name, [one])
            except Exception:  # noqa: BLE001 (it was withdrawn before)
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
        _assert_right(self._live, self._database)
        snapshot = self._live.snapshot()
        active = sum(one.active_entries for one in snapshot.lists)
        assert sum(len(index) for index in snapshot.indexes.values()) == active

    def teardown(self) -> None:
        self._live.close()
        self._database.close()
        self._place.cleanup()


TestAnyHistory = _AnyHistory.TestCase
TestAnyHistory.settings = hypothesis_settings(max_examples=15, stateful_step_count=15)


def test_readers_of_one_folder_share_what_one_of_them_built(
    database: Database, folder: IndexFolder, open_live: Callable[..., LiveIndex]
) -> None:
    fill(database, "one", range(50))
    one, other = open_live(), open_live()
    one.snapshot()
    built = folder.manifest()
    _assert_right(other, database)
    assert folder.manifest() == built


def test_a_reader_goes_on_with_files_that_were_replaced(
    database: Database, folder: IndexFolder, open_live: Callable[..., LiveIndex]
) -> None:
    fill(database, "one", range(50))
    live = open_live()
    snapshot = live.snapshot()
    before = found(snapshot, QUERIES[0], 31)
    fill(database, "one", range(20, 70))
    _assert_right(open_live(), database)
    assert merge(folder, ALGORITHMS, everything=True)
    assert found(snapshot, QUERIES[0], 31) == before
    _assert_right(live, database)


def test_only_files_in_force_are_kept(
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


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone", "foreign"])
@pytest.mark.parametrize("which", ["segment", "manifest"])
def test_a_damaged_index_is_built_anew_and_never_answered_from(
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
    _assert_right(open_live(), database)


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


def test_the_index_of_another_store_is_not_used(
    settings: Settings, database: Database, folder: IndexFolder, tmp_path: Path
) -> None:
    fill(database, "one", range(10))
    catch_up(database, folder, ALGORITHMS)
    with closing(Database(f"sqlite:///{tmp_path / 'other.db'}")) as other:
        upgrade(other)
        fill(other, "one", range(20, 30))
        with closing(LiveIndex(other, settings.index_dir, ALGORITHMS)) as live:
            _assert_right(live, other)


@pytest.mark.parametrize("name", ["manifest.json", "segment"])
def test_files_that_others_may_write_are_refused(
    name: str, database: Database, folder: IndexFolder, open_live: Callable[..., LiveIndex]
) -> None:
    fill(database, "one", range(10))
    open_live().snapshot()
    _file(folder, name.removesuffix(".json")).chmod(0o666)
    with pytest.raises(IndexFolderError, match="others than this user"):
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


# For each number on stdin a copy of this process publishes and merges until that many calls.
_PUBLISH_AND_MERGE = """
import os, signal, sys
from pathlib import Path
from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import IndexFolder, catch_up, kernels, merge, segments  # loaded once
from hashmatch.wiring import open_database

segments._SMALL_ENTRIES, segments._PART = 0, 0.5
settings = Settings(data_dir=Path(sys.argv[1]))
steps = 0

def dying(function, last):
    def step(*arguments, **options):
        global steps
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return step

def work(last):
    database, folder = open_database(settings), IndexFolder(settings.index_dir)
    for name in ("fsync", "unlink", "replace", "open", "fdopen"):
        setattr(os, name, dying(getattr(os, name), last))
    catch_up(database, folder, ALGORITHMS)
    merge(folder, ALGORITHMS, everything=True)

for line in sys.stdin:
    child = os.fork()
    if not child:
        work(int(line))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.fixture
def run_until(settings: Settings) -> Iterator[Callable[[int], int]]:
    """Publishes and merges in a process that is killed at a step; returns how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", _PUBLISH_AND_MERGE, str(settings.data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def run(step: int) -> int:
            stdin.write(f"{step}\n")
            stdin.flush()
            return int(stdout.readline())

        yield run
        stdin.close()


def test_a_kill_at_any_step_leaves_the_old_or_the_new_index_whole(
    settings: Settings,
    database: Database,
    folder: IndexFolder,
    run_until: Callable[[int], int],
) -> None:
    """A process is killed before each of the calls by which it publishes and merges."""
    fill(database, "one", range(30))
    catch_up(database, folder, ALGORITHMS)
    ends = [-signal.SIGKILL]
    while ends[-1] == -signal.SIGKILL and len(ends) < 200:
        step = len(ends)
        fill(database, "one", range(step, step + 30))
        ends.append(run_until(step))
        _assert_published_is_whole(folder)
        with closing(LiveIndex(database, settings.index_dir, ALGORITHMS)) as live:
            _assert_right(live, database)
    assert ends[-1] == 0
    assert len(ends) > 15
    # What the killed ones left behind goes with the next generation.
    fill(database, "one", range(500, 510))
    manifest = catch_up(database, folder, ALGORITHMS)
    assert {path.name for path in folder.path.glob("*.arrays")} == manifest.file_names()


def _assert_published_is_whole(folder: IndexFolder) -> None:
    """What is in force can be read, whichever it is."""
    manifest = folder.manifest()
    assert manifest is not None
    open_withdrawn(folder, manifest)
    for mark in manifest.segments:
        open_segment(folder, manifest.store_id, ALGORITHMS[mark.algorithm], mark)


def test_a_folder_that_cannot_be_written_is_named(database: Database, settings: Settings) -> None:
    fill(database, "one", range(3))
    settings.index_dir.write_text("in the way")
    with closing(LiveIndex(database, settings.index_dir, ALGORITHMS)) as live:
        with pytest.raises(IndexFolderError, match=str(settings.index_dir)):
            live.snapshot()


def test_a_day_of_changes_leaves_nothing_behind_and_no_answer_wrong(
    settings: Settings, database: Database, folder: IndexFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred generations under constant queries, by a reader that follows in its background."""
    monkeypatch.undo()
    fill(database, "stays", range(100, 200))
    fill(database, "changes", range(30))
    live = LiveIndex(database, settings.index_dir, ALGORITHMS, max_age_s=60, poll_s=0.001)
    missed: list[int] = []
    is_over = threading.Event()

    def ask_on() -> None:
        while not is_over.is_set():
            (found_now,) = live.snapshot().search_many("pdq", [value_of(150)], 0)
            missed.extend([] if len(found_now) == 1 else [len(found_now)])

    with closing(live):
        live.snapshot()
        asking = threading.Thread(target=ask_on)
        asking.start()
        for number in range(1, 101):
            fill(database, "changes", range(number, number + 30))
        _wait_for(lambda: live.snapshot().lists[0].generation == 101)
        is_over.set()
        asking.join()
        assert missed == []
        _assert_right(live, database)
        manifest = folder.manifest()
        assert manifest is not None
        _wait_for(lambda: len(_mapped(folder)) <= 2 * len(manifest.file_names()))
        assert len(list(folder.path.glob("*.arrays"))) <= 4
    assert not [one for one in threading.enumerate() if one.name.startswith("hashmatch-index")]
    gc.collect()
    assert _mapped(folder) == set()


def _mapped(folder: IndexFolder) -> set[str]:
    """Return the files of the folder that this process has in its memory."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[-1] for line in lines if str(folder.path) in line}


def _wait_for(happened: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def test_a_reader_that_cannot_follow_says_so_and_recovers(
    settings: Settings, database: Database
) -> None:
    fill(database, "one", range(10))
    live = LiveIndex(database, settings.index_dir, ALGORITHMS, max_age_s=0.3, poll_s=0.01)
    with closing(live):
        live.snapshot()
        manifest = settings.index_dir / "manifest.json"
        manifest.chmod(0o666)
        fill(database, "one", range(20))
        with pytest.raises(IndexStaleError, match="others than this user"):
            for _ in range(200):
                live.snapshot()
                time.sleep(0.01)
        manifest.chmod(0o600)
        _wait_for(lambda: _is_current(live, database))


def _is_current(live: LiveIndex, database: Database) -> bool:
    try:
        _assert_right(live, database)
    except (IndexStaleError, AssertionError):
        return False
    return True
