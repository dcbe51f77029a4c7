"""Files that callers name by a URL: fetched from named hosts alone, and screened like uploads."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx
import pytest

from hashmatch.config import ServiceSettings
from hashmatch.errors import AddressError, FetchError
from hashmatch.outbound import Fetcher
from hashmatch.store.engine import Database
from hashmatch.store.matches import MatchFilter, read_matches
from tests.lists.loopback import Answer, Request, Service, serving
from tests.pictures import drawn, hashes_of, list_of
from tests.service.conftest import Serve
from tests.service.serving import Served
from tests.store.importing import import_text

PDQ = hashes_of(1, "pdq")["pdq"].value.hex()
Fetching: TypeAlias = Callable[..., AbstractContextManager[Served]]


class _Media(Service):
    """A platform's own store of files."""

    def answer(self, request: Request, fault: str) -> Answer:
        if fault == "encoded":
            return Answer(200, drawn(1), {"Content-Encoding": "gzip"})
        if fault == "partial":
            return Answer(206, drawn(1), {"Content-Range": "bytes 0-9/10"})
        content = {"/1.jpg": drawn(1), "/9.jpg": drawn(9), "/page": b"<html>"}.get(request.path)
        if content is None:
            return Answer(404)
        return Answer(200, content, {"Content-Type": "image/jpeg"})


@pytest.fixture
def media() -> Iterator[_Media]:
    with serving(_Media()) as started:
        yield started


@pytest.fixture
def fetching(serve: Serve, media: _Media) -> Fetching:
    """Serves with the media's host among those that files are fetched from."""

    @contextmanager
    def start(**service: Any) -> Iterator[Served]:
        chosen = {"fetch_hosts": [urlsplit(media.url).netloc], **service}
        with serve(service=chosen, outbox={"private_hosts": ["127.0.0.1"]}) as served:
            yield served

    return start


def _ask(served: Served, method: str, path: str, url: str, **query: str) -> httpx.Response:
    return served.client.request(method, path, params={"url": url, **query})


CALLS = [("GET", "/h/hash"), ("POST", "/h/hash"), ("GET", "/m/lookup"), ("POST", "/m/lookup")]


def test_a_file_is_fetched_hashed_and_looked_up(fetching: Fetching, media: _Media) -> None:
    with fetching() as served:
        for method, path in CALLS:
            answer = _ask(served, method, path, f"{media.url}/1.jpg")
            assert answer.status_code == 200
            found = answer.json()["pdq"]
            assert found == PDQ if path == "/h/hash" else list(found) == ["ONE"]
        inner = _ask(served, "GET", "/m/lookup", f"{media.url}/1.jpg", signal_type="pdq").json()
        assert list(inner) == ["ONE"]
        assert _ask(served, "GET", "/m/lookup", f"{media.url}/9.jpg").json() == {"pdq": {}}
    assert {one.headers["accept-encoding"] for one in media.requests} == {"identity"}


def test_a_match_is_recorded_with_the_url_but_without_its_query(
    fetching: Fetching, media: _Media, database: Database
) -> None:
    with fetching() as served:
        url = f"{media.url}/1.jpg?signature=of-the-platform"
        _ask(served, "GET", "/m/lookup", url, content_id="post/1")
    with database.reading() as session:
        references = {one.content.reference for one in read_matches(session, MatchFilter())}
    assert references == {f"{media.url}/1.jpg"}
    assert media.requests[0].query == {"signature": "of-the-platform"}


def test_nothing_is_fetched_unless_the_host_is_named(serve: Serve, media: _Media) -> None:
    host = urlsplit(media.url).netloc
    with serve(outbox={"private_hosts": ["127.0.0.1"]}) as served:
        for method, path in CALLS:
            answer = _ask(served, method, path, f"{media.url}/1.jpg")
            assert answer.status_code == 403
            assert "not fetched from this host" in answer.json()["message"]
    # A named host may still have no private address, and no other port.
    with serve(service={"fetch_hosts": [host]}) as served:
        answer = _ask(served, "GET", "/h/hash", f"{media.url}/1.jpg")
        assert answer.status_code == 403
    named = {"fetch_hosts": ["127.0.0.1"]}
    with serve(service=named, outbox={"private_hosts": ["127.0.0.1"]}) as served:
        answer = _ask(served, "GET", "/h/hash", f"{media.url}/1.jpg")
        assert answer.status_code == 403
    assert media.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "", "file:///etc/passwd", "//127.0.0.1/1.jpg", "http://", "ftp://media.example/1.jpg", "x",
        "http://user:secret@media.example/1.jpg", "http://media.example:x/1.jpg", "http://[::1",
    ],
)  # fmt: skip
def test_a_url_that_is_none_or_holds_a_secret_is_refused(serve: Serve, url: str) -> None:
    with serve(service={"fetch_hosts": ["media.example"]}) as served:
        for method, path in CALLS:
            answer = _ask(served, method, path, url)
            assert answer.status_code == 400
            assert "Invalid or unsafe URL" in answer.json()["message"]
            assert "secret" not in answer.text


def test_a_redirect_is_followed_to_named_hosts_only(fetching: Fetching, media: _Media) -> None:
    with serving(_Media()) as other, fetching() as served:
        media.faults = ["/1.jpg", f"{media.url}/1.jpg"]
        assert _ask(served, "GET", "/h/hash", f"{media.url}/a").json() == {"pdq": PDQ}
        for target in (f"{other.url}/1.jpg", "http://169.254.169.254/", "https://media.example/"):
            media.faults = [target]
            assert _ask(served, "GET", "/h/hash", f"{media.url}/a").status_code == 403
        media.faults = ["file:///etc/passwd"]
        assert _ask(served, "GET", "/h/hash", f"{media.url}/a").status_code == 400
        media.faults = ["/again"] * 7
        answer = _ask(served, "GET", "/h/hash", f"{media.url}/a")
        assert (answer.status_code, "redirects" in answer.text) == (400, True)
        assert other.requests == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (404, "status 404"),
        (500, "status 500"),
        ("partial", "status 206"),
        ("encoded", "encoded"),
        ("long", "no answer"),
        ("reset:50", "no answer"),
        ("dripping", "no complete answer within 1 s"),
        ("slow", "no complete answer within 1 s"),
    ],
)
def test_a_file_that_does_not_arrive_is_an_error(
    fetching: Fetching, media: _Media, fault: str | int, words: str
) -> None:
    with fetching(body_timeout_s=1.0) as served:
        for method, path in CALLS:
            media.faults = [fault]
            answer = _ask(served, method, path, f"{media.url}/1.jpg")
            assert answer.status_code == 400
            message = answer.json()["message"]
            assert "Failed to fetch URL" in message
            assert words in message


def test_a_file_that_is_too_large_or_no_picture_is_an_error(serve: Serve, media: _Media) -> None:
    sections = {
        "service": {"fetch_hosts": [urlsplit(media.url).netloc]},
        "outbox": {"private_hosts": ["127.0.0.1"]},
        "intake": {"isolation": "none", "max_bytes": 2000},
    }
    with serve(**sections) as served:
        for method, path in CALLS:
            answer = _ask(served, method, path, f"{media.url}/1.jpg")
            assert answer.status_code == 413
            assert _ask(served, method, path, f"{media.url}/page").status_code == 415
        assert served.service.buffers.buffered_bytes == 0


def test_fetched_files_share_the_memory_of_uploads(fetching: Fetching, media: _Media) -> None:
    with fetching(max_buffered_bytes=2000) as served:
        assert _ask(served, "GET", "/h/hash", f"{media.url}/1.jpg").status_code == 429
        assert served.service.buffers.buffered_bytes == 0


def test_a_url_and_a_file_are_refused(fetching: Fetching, media: _Media) -> None:
    """Only one of them would be screened."""
    with fetching() as served:
        for path in ("/h/hash", "/m/lookup"):
            query, files = {"url": f"{media.url}/9.jpg"}, {"photo": drawn(1)}
            assert served.client.post(path, params=query, files=files).status_code == 400
    assert media.requests == []


def test_the_caller_or_the_server_says_that_a_file_is_a_video(
    fetching: Fetching, media: _Media, database: Database
) -> None:
    import_text(database, "exact", list_of(1, algorithms=("md5",)))
    with fetching() as served:
        url = f"{media.url}/page"
        as_video = _ask(served, "GET", "/h/hash", url, content_type="video")
        assert list(as_video.json()) == ["video_md5"]
        assert _ask(served, "GET", "/h/hash", url, content_type="photo").status_code == 415
        assert _ask(served, "GET", "/h/hash", url, content_type="nope").status_code == 400
        one = _ask(served, "GET", "/h/hash", f"{media.url}/9.jpg", types="video_md5")
        assert list(one.json()) == ["video_md5"]
        # It matches by PDQ, of which the client would hear nothing.
        other = _ask(served, "GET", "/h/hash", f"{media.url}/1.jpg", types="video_md5")
        assert other.status_code == 409


def _fetcher(*hosts: str) -> Fetcher:
    return Fetcher(hosts, (), timeout_s=1.0, max_bytes=100)


@pytest.mark.parametrize(
    ("hosts", "url", "is_permitted"),
    [
        (("media.example",), "https://media.example/a", True),
        (("media.example",), "https://MEDIA.example:443/a", True),
        (("media.example:443",), "https://media.example/a", True),
        (("media.example:443",), "http://media.example/a", False),
        (("media.example:8443",), "https://media.example:8443/a", True),
        (("media.example",), "https://media.example:8443/a", False),
        (("media.example:8443",), "https://media.example/a", False),
        (("media.example",), "https://media.example./a", False),
        (("media.example",), "https://media.example.evil.example/a", False),
        (("media.example",), "https://evil.example/media.example", False),
        (("media.example",), "https://evil.example#media.example", False),
        (("media.example",), "https://media.example\\@evil.example/a", False),
        (("[::1]:80",), "http://[::1]/a", True),
    ],
)
def test_hosts_are_exact(hosts: tuple[str, ...], url: str, is_permitted: bool) -> None:
    try:
        _fetcher(*hosts).require_permitted(httpx.URL(url))
    except (AddressError, FetchError, httpx.InvalidURL):
        assert not is_permitted
    else:
        assert is_permitted


def test_a_name_that_leads_to_a_private_address_is_not_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(AddressError, match="not public"):
        _fetcher("media.example").fetch("https://media.example/a", lambda _: None)
    with pytest.raises(AddressError, match="https is required"):
        _fetcher("media.example").fetch("http://media.example/a", lambda _: None)


@pytest.mark.parametrize("host", ["*.example", "Media.example", "https://a.example", "a/b", ""])
def test_the_configuration_names_exact_hosts(host: str) -> None:
    with pytest.raises(ValueError, match="exact names"):
        ServiceSettings(fetch_hosts=(host,))
