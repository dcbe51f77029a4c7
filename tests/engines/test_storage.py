"""Object storage through a real server: what it sends, and what it does not."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from hashmatch.engines.sources import Source, Storage, open_source
from hashmatch.engines.sources.objects import FsspecObjects
from hashmatch.errors import BackfillError, ConfigError, InputError
from hashmatch.outcome import Failure, Reason

from .faulty_server import Fault, FaultyServer, serve_faulty

_MAX_BYTES = 1_000


class _Bucket:
    """A bucket on loopback, and the storage as it is seen by whoever has the keys."""

    def __init__(self, endpoint: str) -> None:
        self.options = {"key": "one", "secret": "secret-key", "endpoint_url": endpoint}
        self.files: Any = fsspec.filesystem("s3", **self.options, skip_instance_cache=True)

    def storage(self) -> Storage:
        return Storage(self.options, _MAX_BYTES, pause=lambda _: None)

    def source(self, address: str = "s3://bucket/uploads/") -> Source:
        return open_source(address, self.storage(), _MAX_BYTES)


@pytest.fixture(scope="module")
def _server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(_server: str) -> _Bucket:
    """An empty bucket."""
    for path, method in (("moto-api/reset", "POST"), ("bucket", "PUT")):
        request = urllib.request.Request(f"{_server}/{path}", method=method)
        urllib.request.urlopen(request).close()
    return _Bucket(_server)


def test_objects_are_read_in_the_order_of_their_names(bucket: _Bucket) -> None:
    names = ("b.jpg", "a/2.jpg", "a.jpg", "a/1.jpg", "ä b.jpg")
    for name in names:
        bucket.files.pipe(f"bucket/uploads/{name}", name.encode())
    bucket.files.pipe("bucket/other.jpg", b"other")
    source = bucket.source()
    items = list(source.items())
    assert [one.load() for one in items] == [one.encode() for one in sorted(names)]
    assert [one.content_id for one in items] == [f"s3://bucket/uploads/{n}" for n in sorted(names)]
    assert all(one.version for one in items)
    for number, item in enumerate(items, start=1):
        rest = [one.content_id for one in bucket.source().items(item.position)]
        assert rest == [one.content_id for one in items[number:]]


def test_an_object_is_read_by_its_own_name_however_that_looks(bucket: _Bucket) -> None:
    """fsspec takes "::" for a chain of protocols, and leaves out versions and slashes."""
    names = (
        "c", "c::d.jpg", "simplecache::x", "a#b?c.jpg", "e f%20g.jpg", "c?versionId=null", "c/",
        "c//d", "../c", "./c", "c/../d", "*", "%2e%2e/c", "+", "\u202ec.jpg",
    )  # fmt: skip
    for name in names:
        key = f"uploads/{name}"
        bucket.files.call_s3("put_object", Bucket="bucket", Key=key, Body=name.encode())
    items = {one.content_id: one.load() for one in bucket.source().items()}
    assert items["s3://bucket/uploads/c::d.jpg"] == b"c::d.jpg"
    assert {data for data in items.values() if isinstance(data, bytes)} == {
        one.removeprefix("s3://bucket/uploads/").encode() for one in items
    }
    assert len(items) == len(names)
    with pytest.raises(ConfigError, match="one protocol"):
        bucket.storage().load("simplecache::s3://bucket/uploads/c")


def test_an_address_that_fsspec_takes_for_that_of_another_object_is_unreadable() -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/uploads/a.jpg", b"plain")
    storage = Storage({}, _MAX_BYTES)
    assert storage.load("memory://uploads/a.jpg") == b"plain"
    for name in ("a.jpg/", "a.jpg//", ""):
        failure = storage.load(f"memory://uploads/{name}")
        assert isinstance(failure, Failure)
        assert failure == storage.load_version(f"memory://uploads/{name}", "", "")


def test_a_folder_that_cannot_be_listed_stops_the_run(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "b/2.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")

    class _Listing(Storage):
        def open(self, address: str) -> tuple[Any, str]:
            class _Files(LocalFileSystem):  # type: ignore[misc]
                def ls(self, path: str, detail: bool = False, **more: Any) -> Any:
                    if path.endswith("/b"):
                        raise OSError("input/output error")
                    return super().ls(path, detail=detail, **more)

            files = _Files(skip_instance_cache=True)
            return FsspecObjects(files, _MAX_BYTES), str(tmp_path)

    storage = _Listing({}, _MAX_BYTES, pause=lambda _: None)
    with pytest.raises(BackfillError, match="the storage failed with OSError"):
        list(open_source("x://folder/", storage, _MAX_BYTES).items())


def test_one_object_is_a_source(bucket: _Bucket) -> None:
    bucket.files.pipe("bucket/one.jpg", b"one")
    (item,) = bucket.source("s3://bucket/one.jpg").items()
    assert item.load() == b"one"


def test_a_version_changes_with_the_content(bucket: _Bucket) -> None:
    versions = set()
    for content in (b"one", b"two", b"one"):
        bucket.files.pipe("bucket/uploads/one.jpg", content)
        versions |= {one.version for one in bucket.source().items()}
    assert len(versions) >= 2


def test_an_object_that_was_exchanged_is_read_as_it_is_now(bucket: _Bucket) -> None:
    bucket.files.pipe("bucket/uploads/one.jpg", b"first")
    (item,) = bucket.source().items()
    bucket.files.pipe("bucket/uploads/one.jpg", b"the second is longer")
    assert item.load() == b"the second is longer"
    bucket.files.pipe("bucket/uploads/one.jpg", b"")
    assert item.load() == b""


def test_an_object_that_is_gone_is_unreadable(bucket: _Bucket) -> None:
    bucket.files.pipe("bucket/uploads/one.jpg", b"first")
    (item,) = bucket.source().items()
    bucket.files.rm("bucket/uploads/one.jpg")
    failure = item.load()
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.UNREADABLE


def test_an_object_that_is_too_large_is_not_fetched(
    bucket: _Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.files.pipe("bucket/uploads/one.jpg", bytes(_MAX_BYTES + 1))
    bucket.files.pipe("bucket/uploads/two.jpg", bytes(_MAX_BYTES))
    first, second = (one.load() for one in bucket.source().items())
    assert isinstance(first, Failure)
    assert first.reason is Reason.TOO_LARGE
    assert second == bytes(_MAX_BYTES)


def test_a_bucket_without_such_objects_is_named(bucket: _Bucket) -> None:
    with pytest.raises(InputError, match="s3://bucket/uploads/: there is no such object"):
        list(bucket.source().items())
    with pytest.raises((InputError, BackfillError), match="s3://nowhere/: there is no such"):
        list(bucket.source("s3://nowhere/").items())


def test_a_manifest_in_storage_names_objects(bucket: _Bucket) -> None:
    bucket.files.pipe("bucket/uploads/one.jpg", b"first")
    bucket.files.pipe("bucket/all.csv", b"content_id,address\npost/1,s3://bucket/uploads/one.jpg\n")
    (item,) = bucket.source("s3://bucket/all.csv").items()
    assert (item.content_id, item.load()) == ("post/1", b"first")
    bucket.files.pipe("bucket/all.csv", b"address\nrelative.jpg\n")
    with pytest.raises(BackfillError, match="relative path, in object storage"):
        list(bucket.source("s3://bucket/all.csv").items())


@pytest.fixture
def faulty(_server: str, bucket: _Bucket) -> Iterator[FaultyServer]:
    """A server before that of the bucket, which has two objects."""
    for name in ("one", "two"):
        bucket.files.pipe(f"bucket/uploads/{name}.jpg", name.encode())
    with serve_faulty(_server) as server:
        yield server


def _items(faulty: FaultyServer) -> list[Callable[[], Any]]:
    storage = Storage(
        {"key": "one", "secret": "secret-key", "endpoint_url": faulty.url,
         "config_kwargs": {"retries": {"max_attempts": 0}}},
        _MAX_BYTES, pause=lambda _: None,
    )  # fmt: skip
    source = open_source("s3://bucket/uploads/", storage, _MAX_BYTES)
    return [item.load for item in source.items()]


def _some(*codes: str) -> Fault:
    """Fail as these say for the first requests, one after the other."""
    left = iter(codes)
    return lambda _method, _path: next(left, None)


@pytest.mark.parametrize("code", ["SlowDown", "ServiceUnavailable", "InternalError", "cut"])
def test_storage_that_slows_down_is_asked_again(faulty: FaultyServer, code: str) -> None:
    faulty.fault = _some(*[code] * 2)
    one, two = _items(faulty)
    faulty.fault = _some(*[code] * 2)
    assert (one(), two()) == (b"one", b"two")


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError", "cut"])
def test_an_object_that_alone_cannot_be_read_is_unreadable(faulty: FaultyServer, code: str) -> None:
    faulty.fault = lambda method, path: code if method == "GET" and "two.jpg" in path else None
    one, two = _items(faulty)
    assert one() == b"one"
    failure = two()
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.UNREADABLE
    assert "secret" not in failure.detail


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "ServiceUnavailable"])
def test_credentials_that_end_and_storage_that_is_away_stop_the_run(
    faulty: FaultyServer, code: str
) -> None:
    """And are no failure of the images that would have come next."""
    one, two = _items(faulty)
    assert one() == b"one"
    faulty.fault = lambda _method, _path: code
    with pytest.raises(BackfillError, match=r"uploads/two\.jpg: the storage") as stopped:
        two()
    assert "secret" not in f"{stopped.value} {stopped.value.hint}"


def test_a_listing_begins_after_a_name(faulty: FaultyServer, bucket: _Bucket) -> None:
    """And not at the beginning, as often as it is gone on with."""
    for number in range(300):
        bucket.files.pipe(f"bucket/uploads/{number:05}.jpg", b"x")
    faulty.requests.clear()
    storage = Storage({**bucket.options, "endpoint_url": faulty.url}, _MAX_BYTES)
    source = open_source("s3://bucket/uploads/", storage, _MAX_BYTES)
    items = source.items("bucket/uploads/00200.jpg")
    assert [one.content_id[-9:-4] for one in items] == [
        *(f"{number:05}" for number in range(201, 300)), "s/one", "s/two",
    ]  # fmt: skip
    assert len(faulty.requests) == 1


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_small_objects_are_each_listed_and_read_once(
    faulty: FaultyServer, bucket: _Bucket
) -> None:
    """In as many requests as there are pages and objects."""
    names = [f"uploads/{number:05}.jpg" for number in range(10_000)]
    backend = s3_backends["123456789012"]["aws"]
    for name in names:
        backend.put_object("bucket", name, name.encode())
    faulty.requests.clear()
    storage = Storage({**bucket.options, "endpoint_url": faulty.url}, _MAX_BYTES)
    source = open_source("s3://bucket/uploads/", storage, _MAX_BYTES)
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda one: one.load(), source.items()))
    assert read[:-2] == [one.encode() for one in names]
    listed = [path for _, path in faulty.requests if "list-type=2" in path]
    assert len(listed) == 11
    assert len(faulty.requests) == len(read) + len(listed)


def test_a_version_that_was_exchanged_is_unreadable(bucket: _Bucket) -> None:
    bucket.files.pipe("bucket/uploads/one.jpg", b"first")
    (item,) = bucket.source().items()
    etag = item.version.partition(" ")[0]
    storage = bucket.storage()
    assert storage.load_version("s3://bucket/uploads/one.jpg", etag, "") == b"first"
    assert storage.load_version("s3://bucket/uploads/one.jpg", etag.strip('"'), "") == b"first"
    bucket.files.pipe("bucket/uploads/one.jpg", b"second")
    failure = storage.load_version("s3://bucket/uploads/one.jpg", etag, "")
    assert isinstance(failure, Failure)
    assert "exchanged" in failure.detail


def test_a_version_of_a_bucket_that_keeps_them_is_read_by_its_name(bucket: _Bucket) -> None:
    bucket.files.call_s3(
        "put_bucket_versioning", Bucket="bucket", VersioningConfiguration={"Status": "Enabled"}
    )
    versions = [
        bucket.files.call_s3("put_object", Bucket="bucket", Key="one.jpg", Body=data)["VersionId"]
        for data in (b"first", b"second")
    ]
    read = [bucket.storage().load_version("s3://bucket/one.jpg", "", one) for one in versions]
    assert read == [b"first", b"second"]


def test_an_unknown_kind_of_storage_is_an_error() -> None:
    source = open_source("nothing://bucket/", Storage({}, _MAX_BYTES), _MAX_BYTES)
    with pytest.raises(ConfigError, match="cannot be opened"):
        list(source.items())
