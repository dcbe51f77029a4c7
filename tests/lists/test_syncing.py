"""Syncs: the list follows its source, through every fault on the way."""

from __future__ import annotations

import base64
import hashlib
import logging
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import fsspec
import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import update

from hashmatch.errors import (
    ConfigError,
    HashmatchError,
    ListFileError,
    SourceError,
    SourceRefusedError,
    SyncLeaseError,
)
from hashmatch.lists import (
    FileSource,
    HTTPSSource,
    ListSource,
    ObjectStorageSource,
    find_format,
    sync_list,
)
from hashmatch.lists.delivery import Delivery
from hashmatch.lists.formats import RawRow
from hashmatch.lists.sources import Checkpoint, Fetch
from hashmatch.store.engine import Database
from hashmatch.store.lists import read_newest_runs, remove_list
from hashmatch.store.schema import utc_now
from hashmatch.store.schema.lists import ListSync
from tests.lists.sources import MadeSource, active_numbers
from tests.lists.web_server import Served, serving_file
from tests.store.importing import import_text

# A source, and a way to change what it holds.
Opened: TypeAlias = AbstractContextManager[tuple[ListSource, Callable[[bytes], None]]]

HEADER = b"algorithm,value,entry_id\n"


def _list(*numbers: int) -> bytes:
    return HEADER + b"".join(b"md5,%032x,e%d\n" % (number, number) for number in numbers)


@contextmanager
def _file(folder: Path) -> Iterator[tuple[ListSource, Callable[[bytes], None]]]:
    path = folder / "list.csv"
    yield FileSource(path, find_format), lambda content: _replace(path, content)


@contextmanager
def _newest_of_folder(folder: Path) -> Iterator[tuple[ListSource, Callable[[bytes], None]]]:
    names = iter(f"2026-01-{day:02}.csv" for day in range(1, 30))
    yield FileSource(folder, find_format), lambda content: _replace(folder / next(names), content)


def _replace(path: Path, content: bytes) -> None:
    path.with_suffix(".part").write_bytes(content)
    path.with_suffix(".part").rename(path)


@contextmanager
def _bucket(folder: Path) -> Iterator[tuple[ListSource, Callable[[bytes], None]]]:
    with _object_storage() as (storage, options):
        names = iter(f"bucket/lists/2026-01-{day:02}.csv" for day in range(1, 30))
        source = ObjectStorageSource("s3://bucket/lists/", options, find_format)
        yield source, lambda content: storage.pipe(next(names), content)


@contextmanager
def _object(folder: Path) -> Iterator[tuple[ListSource, Callable[[bytes], None]]]:
    with _object_storage() as (storage, options):
        source = ObjectStorageSource("s3://bucket/list.csv", options, find_format)
        yield source, lambda content: storage.pipe("bucket/list.csv", content)


@contextmanager
def _object_storage() -> Iterator[tuple[Any, dict[str, Any]]]:
    """Serve S3 on loopback."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"key": "one", "secret": "secret-key", "endpoint_url": f"http://{host}:{port}"}
    try:
        storage = fsspec.filesystem("s3", **options, skip_instance_cache=True)
        # The objects of earlier servers of this process are still there.
        reset = f"http://{host}:{port}/moto-api/reset"
        urllib.request.urlopen(urllib.request.Request(reset, method="POST")).close()
        bucket = f"http://{host}:{port}/bucket"
        urllib.request.urlopen(urllib.request.Request(bucket, method="PUT")).close()
        yield storage, options
    finally:
        server.stop()


@contextmanager
def _web(folder: Path) -> Iterator[tuple[ListSource, Callable[[bytes], None]]]:
    with serving_file(b"") as served:
        yield _web_source(served), lambda content: setattr(served, "content", content)


def _web_source(served: Served, *, timeout_s: float = 5.0) -> HTTPSSource:
    return HTTPSSource(served.url, find_format, timeout_s=timeout_s, wait_s=0.001)


SOURCES: dict[str, Callable[[Path], Opened]] = {
    "file": _file,
    "folder": _newest_of_folder,
    "web": _web,
    "object": _object,
    "folder of objects": _bucket,
}


@pytest.mark.sqlite
@pytest.mark.parametrize("opened", SOURCES.values(), ids=SOURCES)
def test_a_list_follows_its_source(
    database: Database,
    tmp_path: Path,
    opened: Callable[[Path], Opened],
) -> None:
    folder = tmp_path / "deliveries"
    folder.mkdir()
    with opened(folder) as (source, put):
        for content, outcome in (
            (_list(1, 2, 3), "changed"),
            (_list(1, 2, 3), "unchanged"),
            (_list(2, 3, 4), "changed"),
        ):
            put(content)
            assert sync_list(database, "one", source).outcome == outcome
        assert active_numbers(database) == [2, 3, 4]
        put(HEADER)
        with pytest.raises(ListFileError):
            sync_list(database, "one", source)
        assert active_numbers(database) == [2, 3, 4]
        with database.reading() as session:
            last, good = read_newest_runs(session)["one"]
        assert (last.outcome, good.outcome, good.counts.added) == ("failed", "changed", 1)
        assert "no row" in last.cause


@pytest.mark.parametrize("content", [_list(5), _list(1, 2, 3)])
def test_an_import_by_hand_or_a_removal_makes_the_next_sync_a_full_one(
    database: Database, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "list.csv").write_bytes(_list(1, 2))
    source = FileSource(tmp_path / "list.csv", find_format)
    sync_list(database, "one", source)
    import_text(database, "one", content)
    sync_list(database, "one", source)
    assert active_numbers(database) == [1, 2]
    with database.writing() as session:
        remove_list(session, "one")
    sync_list(database, "one", source)
    assert active_numbers(database) == [1, 2]


def test_a_delivery_that_disagrees_with_its_checksum_is_refused(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_bytes(_list(1))
    (tmp_path / "list.csv.sha256").write_text(f"{hashlib.sha256(_list(1)).hexdigest()}  list.csv")
    source = FileSource(tmp_path, find_format)
    assert sync_list(database, "one", source).outcome == "changed"
    (tmp_path / "list.csv").write_bytes(_list(1)[:-1])
    with pytest.raises(SourceError, match="does not match"):
        sync_list(database, "one", source)


@pytest.mark.sqlite
def test_objects_disagreeing_with_their_checksum_gone_or_refused_leave_the_list(
    database: Database,
) -> None:
    with _object_storage() as (storage, options):
        source = ObjectStorageSource("s3://bucket/lists/", options, find_format)
        sha256 = hashlib.sha256(_list(1)).hexdigest()
        storage.pipe("bucket/lists/a.csv", _list(1))
        storage.pipe("bucket/lists/a.csv.sha256", f"{sha256}  a.csv\n".encode())
        assert sync_list(database, "one", source).outcome == "changed"
        storage.pipe("bucket/lists/a.csv", _list(1, 2, 3)[:-40])
        with pytest.raises(SourceError, match=r"does not match bucket/lists/a.csv.sha256"):
            sync_list(database, "one", source)
        storage.pipe("bucket/lists/a.csv.sha256", b"what is this")
        with pytest.raises(SourceError, match="holds no SHA-256"):
            sync_list(database, "one", source)
        empty = ObjectStorageSource("s3://bucket/others/", options, find_format)
        with pytest.raises(SourceError, match=r"no such object|no object"):
            sync_list(database, "one", empty)
        assert active_numbers(database) == [1]
    with pytest.raises(SourceError, match="the storage failed") as caught:
        sync_list(database, "one", source)
    assert "secret-key" not in str(caught.value.message)


def test_a_kind_of_storage_that_cannot_be_opened_is_reported(database: Database) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        sync_list(database, "one", ObjectStorageSource("nosuch://x/y", {}, find_format))


@pytest.mark.sqlite
@pytest.mark.parametrize("field", ["Repr-Digest", "Content-Digest", "Digest"])
def test_a_file_that_disagrees_with_the_digest_of_its_server_is_refused(
    database: Database, field: str
) -> None:
    content = _list(*range(3_000))
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    text = f"sha-256={digest}" if field == "Digest" else f"sha-256=:{digest}:"
    with serving_file(content) as served:
        served.headers = {field: text}
        sync_list(database, "one", _web_source(served))
        served.content = _list(1)
        with pytest.raises(SourceError, match=f"does not match the header {field}"):
            sync_list(database, "one", _web_source(served))
        assert active_numbers(database) == list(range(3_000))


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "faults",
    [
        [500, 503, 429],
        ["reset:0", "reset:100", "reset:3000"],
        ["long"],
        ["slow"],
        ["slow", 502, "reset:70000", "slow"],
    ],
    ids=str,
)
def test_faults_that_pass_are_waited_out(database: Database, faults: list[str | int]) -> None:
    with serving_file(_list(*range(5_000))) as served:
        served.faults = faults
        if faults == ["long"]:
            # It never becomes complete, however often one asks for the rest.
            served.faults = ["long"] * 10
            with pytest.raises(SourceError):
                sync_list(database, "one", _web_source(served, timeout_s=0.3))
            assert active_numbers(database) == []
            served.faults = []
        assert sync_list(database, "one", _web_source(served, timeout_s=0.3)).outcome == "changed"
        assert active_numbers(database) == list(range(5_000))


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("faults", "error", "words"),
    [
        ([500] * 5, SourceError, "status 500"),
        ([401], SourceRefusedError, "refused with status 401"),
        ([404], SourceRefusedError, "refused with status 404"),
        ([418], SourceError, "status 418"),
        (["http://127.0.0.2:1/list.csv"], SourceRefusedError, "another host"),
        (["https://127.0.0.1/list.csv"], SourceRefusedError, "another host"),
        (["/list.csv"] * 5, SourceRefusedError, "too many redirects"),
        (["reset:3000", "replace"], SourceError, "did not return the rest"),
        (["unmeasured"], SourceError, "gives no length"),
    ],
)
def test_faults_that_do_not_pass_leave_the_list_as_it_was(
    database: Database, faults: list[str | int], error: type[HashmatchError], words: str
) -> None:
    with serving_file(_list(1)) as served:
        source = _web_source(served)
        sync_list(database, "one", source)
        served.content, served.faults = _list(*range(500)), list(faults)
        with pytest.raises(error, match=words):
            sync_list(database, "one", source)
        assert active_numbers(database) == [1]
        served.content, served.faults = _list(2), []
        sync_list(database, "one", source)
        assert active_numbers(database) == [2]


@pytest.mark.sqlite
def test_a_server_without_marks_or_ranges_is_fetched_in_full_every_time(database: Database) -> None:
    with serving_file(_list(1)) as served:
        served.has_etag = served.has_ranges = False
        assert sync_list(database, "one", _web_source(served)).outcome == "changed"
        assert sync_list(database, "one", _web_source(served)).outcome == "unchanged"
        served.content, served.faults = _list(*range(500)), ["reset:3000"]
        with pytest.raises(SourceError, match="truncated"):
            sync_list(database, "one", _web_source(served))
        assert active_numbers(database) == [1]


@pytest.mark.parametrize(
    "url", ["http://example.org/x", "ftp://127.0.0.1/x", "https://a:b@example.org/x", "x", ""]
)
def test_only_https_without_credentials_in_the_address_will_do(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        next(HTTPSSource(url, find_format).fetch({}, is_empty=True))
    assert "a:b" not in caught.value.message + caught.value.hint


def test_one_process_at_a_time_syncs_a_list(database: Database, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(_list(1))
    inner = FileSource(tmp_path / "list.csv", find_format)

    class Slow(MadeSource):
        def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
            with pytest.raises(SyncLeaseError, match="another process"):
                sync_list(database, "one", inner)
            yield from inner.fetch(checkpoint, is_empty=is_empty)

    assert sync_list(database, "one", Slow()).outcome == "changed"
    assert sync_list(database, "one", inner).outcome == "unchanged"


@pytest.mark.parametrize("renews", [False, True])
def test_a_process_that_lost_the_lease_changes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, renews: bool
) -> None:
    if renews:  # With every batch of rows.
        monkeypatch.setattr("hashmatch.lists.syncing.LEASE_S", 0.0)
    (tmp_path / "list.csv").write_bytes(_list(1))
    inner = FileSource(tmp_path / "list.csv", find_format)

    class Late(MadeSource):
        def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
            with database.writing() as session:  # As if it had stood still for an hour.
                session.execute(
                    update(ListSync).values(leased_until=utc_now() - timedelta(hours=1))
                )
            sync_list(database, "one", inner)
            yield Fetch(Delivery([RawRow(1, "md5", "0" * 32)]), {})

    with pytest.raises(SyncLeaseError, match="longer than its lease"):
        sync_list(database, "one", Late())
    assert active_numbers(database) == [1]
