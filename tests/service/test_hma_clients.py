"""Recorded requests of HMA's clients, replayed byte by byte: each client reads what it needs."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import pytest

from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from tests.lists.loopback import Answer as MediaAnswer
from tests.lists.loopback import Request, Service
from tests.lists.loopback import serving as serving_media
from tests.pictures import drawn, hashes_of, list_of
from tests.service.hma_requests import ALL, Recorded
from tests.service.serving import PATIENCE_S, Served, serving
from tests.service.test_hma import VIDEO, VIDEO_MD5
from tests.store.importing import import_text

PDQ = hashes_of(1, "pdq")["pdq"].value.hex()
MD5 = hashes_of(1, "md5")["md5"].value.hex()
OTHER = hashes_of(9, "pdq")["pdq"].value.hex()
FILMS = f"algorithm,value,entry_id\nmd5,{VIDEO_MD5},v\n"
# Signal types that the Ruby client knows; it drops any other with its matches.
KNOWN = {
    "raw_text", "trend_query", "url", "pdq", "video_md5", "pdq_ocr", "text_tlsh", "vpdq", "clip",
    "tmk_pdqf", "photodna",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """An answer as it is on the wire."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """Return the body, which has to be JSON by its content type, too."""
        assert self.content_type == "application/json"
        return json.loads(self.body)


class _Media(Service):
    def answer(self, request: Request, fault: str) -> MediaAnswer:
        return MediaAnswer(200, drawn(1), {"Content-Type": "image/jpeg"})


@dataclass
class Platform:
    """A service with licensed lists, and a server with the platform's own files."""

    served: Served
    media: _Media

    def send(self, recorded: Recorded, bank: str, **headers: str) -> Answer:
        """Send a recorded request over a socket of its own, with its places filled in."""
        places = {
            "{BANK}": bank, "{ID}": "0", "{SIGNAL}": PDQ, "{KEY}": self.key(),
            "{RAWURL}": f"{self.media.url}/a.jpg", "{URL}": quote(f"{self.media.url}/a.jpg", ""),
        }  # fmt: skip
        data = VIDEO if recorded.name == "hash video" else drawn(1)
        body = recorded.body.replace(b"@LEN@", str(len(data)).encode())
        for place, value in places.items():
            body = body.replace(place.encode(), value.encode())
        # Last, so that nothing is replaced within it.
        body = body.replace(b"@FILE@", data)
        head = [f"{recorded.method} {recorded.path} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in {**recorded.headers, **headers}.items()]
        text = "\r\n".join(head)
        for place, value in places.items():
            text = text.replace(place, value)
        address = urlsplit(self.served.url)
        length = f"Content-Length: {len(body)}\r\n" if body or recorded.method == "POST" else ""
        last = f"\r\nHost: {address.netloc}\r\n{length}Connection: close\r\n\r\n"
        with closing(socket.create_connection((address.hostname or "", address.port or 0))) as one:
            one.settimeout(PATIENCE_S)
            one.sendall(text.encode() + last.encode() + body)
            response = HTTPResponse(one, method=recorded.method)
            response.begin()
            kind = response.getheader("Content-Type") or ""
            return Answer(response.status, kind, response.read())

    def key(self) -> str:
        """Return a token."""
        return str(self.served.client.headers["Authorization"]).removeprefix("Bearer ")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for all tests of the module, each of which has banks of its own."""
    with serving_media(_Media()) as media:
        settings = Settings.model_validate(
            {
                "data_dir": tmp_path_factory.mktemp("platform"),
                "intake": {"isolation": "none"},
                "service": {
                    "fetch_hosts": [urlsplit(media.url).netloc],
                    "hma_networks": ["127.0.0.1"],
                    "hma_scopes": ["scan", "review", "curate"],
                },
                "outbox": {"private_hosts": ["127.0.0.1"]},
            }
        )
        with closing(Database(settings.database_url, busy_timeout_s=PATIENCE_S)) as database:
            upgrade(database)
            import_text(database, "one", list_of(1, 2, algorithms=("pdq", "sha256")))
            import_text(database, "films", FILMS)
            with serving(settings, database) as served:
                yield Platform(served, media)


Check: TypeAlias = Callable[[Answer], None]


def _is_bank(answer: Answer) -> None:
    """All clients want 2xx and JSON; the Ruby client a ratio that is written as a decimal."""
    assert answer.status in (200, 201)
    bank = answer.json()
    assert isinstance(bank["name"], str)
    assert isinstance(bank["matching_enabled_ratio"], float)
    assert 0.0 <= bank["matching_enabled_ratio"] <= 1.0


def _is_made_bank(answer: Answer) -> None:
    assert answer.status == 201
    _is_bank(answer)


def _is_hashes(answer: Answer) -> None:
    """Coop looks every key up, policyserv wants text in each, altitude exactly these two."""
    assert answer.status == 200
    assert answer.json() == {"pdq": PDQ, "video_md5": MD5}


def _is_pdq(answer: Answer) -> None:
    assert answer.status == 200
    assert answer.json() == {"pdq": PDQ}


def _is_video_hash(answer: Answer) -> None:
    assert answer.status == 200
    assert answer.json() == {"video_md5": VIDEO_MD5}


def _is_added(answer: Answer) -> None:
    assert answer.status == 200
    added = answer.json()
    assert type(added["id"]) is int
    assert added["signals"] == {"pdq": PDQ}


def _are_matches(banks: dict[str, Any], bank: str = "ONE") -> None:
    """Every value has to be an array of ids as integers and distances as decimal text."""
    assert bank in banks
    for entries in banks.values():
        assert entries
        for one in entries:
            assert type(one["bank_content_id"]) is int
            assert re.fullmatch(r"\d+(\.\d+)?", one["distance"])


def _is_lookup(answer: Answer) -> None:
    assert answer.status == 200
    _are_matches(answer.json())


def _is_typed_lookup(answer: Answer) -> None:
    assert answer.status == 200
    assert set(answer.json()) <= KNOWN
    _are_matches(answer.json()["pdq"])
    for banks in answer.json().values():
        _are_matches(banks, next(iter(banks)))


def _is_raw_lookup(answer: Answer) -> None:
    assert answer.status == 200
    assert answer.json()["matches"]
    assert {type(one) for one in answer.json()["matches"]} == {int}


def _is_raw_lookup_with_distance(answer: Answer) -> None:
    assert answer.status == 200
    _are_matches({"ONE": answer.json()["matches"]})


def _is_empty_lookup(answer: Answer) -> None:
    assert (answer.status, answer.json()) == (200, {})


def _is_no_lookup(answer: Answer) -> None:
    """Coop and Ruby read the status; policyserv takes any JSON object for an answer."""
    assert answer.status in (401, 422)
    assert not isinstance(json.loads(answer.body), dict)


def _is_alive(answer: Answer) -> None:
    assert (answer.status, answer.body) == (200, b"I-AM-ALIVE")


def _is_no_exchange(answer: Answer) -> None:
    """Coop then has none for the bank, or its own schema; Ruby, that it does not exist."""
    assert answer.status == 404
    assert isinstance(answer.json()["message"], str)


def _is_no_type(answer: Answer) -> None:
    """Coop reads no failure of these; Ruby has an error of its own for it."""
    assert answer.status == 400
    assert isinstance(answer.json()["message"], str)


def _are_types(answer: Answer) -> None:
    assert (answer.status, answer.json()) == (200, ["hashmatch"])


def _is_refused(answer: Answer) -> None:
    assert answer.status == 405
    assert isinstance(answer.json()["message"], str)


def _is_done(answer: Answer) -> None:
    assert answer.status == 200
    assert isinstance(answer.json(), dict)


CHECKS: dict[str, Check] = {
    "create bank": _is_made_bank,
    "create bank, ratio": _is_made_bank,
    "create bank, disabled": _is_made_bank,
    "verify bank": _is_bank,
    "list banks, one per bank": _is_bank,
    "bank": _is_bank,
    "update ratio": _is_bank,
    "hash by address": _is_hashes,
    "hash by address, all options": _is_pdq,
    "hash photo": _is_hashes,
    "hash from memory": _is_hashes,
    "hash for comparison": _is_hashes,
    "hash, curl": _is_hashes,
    "hash bytes": _is_hashes,
    "hash address": _is_hashes,
    "hash video": _is_video_hash,
    "lookup by signal": _is_lookup,
    "lookup": _is_lookup,
    "lookup video": _is_empty_lookup,
    "lookup with an empty hash": _is_no_lookup,
    "lookup without a key": _is_no_lookup,
    "lookup by address": _is_typed_lookup,
    "lookup by address, all options": _is_typed_lookup,
    "lookup by file": _is_typed_lookup,
    "lookup, curl": _is_typed_lookup,
    "raw lookup": _is_raw_lookup,
    "raw lookup with distance": _is_raw_lookup_with_distance,
    "add by address": _is_added,
    "add by address with metadata": _is_added,
    "add by address with metadata and note": _is_added,
    "add by file": _is_added,
    "add by file with metadata": _is_added,
    "add by file with metadata and note": _is_added,
    "add by blob with content id": _is_added,
    "add by signal": _is_added,
    "add by signal with note": _is_added,
    "remove content": _is_done,
    "delete bank": _is_done,
    "status": _is_alive,
    "exchange types": _are_types,
    "exchange type": _is_no_type,
    "exchange schema": _is_no_type,
    "exchange of a bank": _is_no_exchange,
    "exchange": _is_no_exchange,
    "exchange fetch status": _is_no_exchange,
    "create exchange": _is_no_type,
    "set credentials": _is_refused,
}


@pytest.mark.parametrize("number", range(len(ALL)), ids=[f"{o.client}: {o.name}" for o in ALL])
def test_a_client_reads_what_it_needs(platform: Platform, number: int) -> None:
    recorded, bank = ALL[number], f"BANK_{number}"
    if not recorded.name.startswith("create bank"):
        made = platform.served.client.post("/c/banks", json={"name": bank})
        assert made.status_code == 201
    # HMA's own pages are in a browser, from which nothing is accepted without a token.
    token = f"Bearer {platform.key()}"
    headers = {"Authorization": token} if recorded.client == "hma-ui" else {}
    CHECKS[recorded.name](platform.send(recorded, bank, **headers))


def _named(client: str, name: str) -> Recorded:
    return next(one for one in ALL if (one.client, one.name) == (client, name))


def test_coop_keeps_its_banks_unless_they_are_gone(platform: Platform) -> None:
    for name in ("verify bank", "list banks, one per bank"):
        gone = platform.send(_named("coop", name), "GONE")
        assert (gone.status, isinstance(gone.json(), dict)) == (404, True)


def test_ruby_and_coop_learn_that_a_bank_exists(platform: Platform) -> None:
    for client in ("coop", "ruby"):
        for status in (201, 403):
            answer = platform.send(_named(client, "create bank"), f"TWICE_{client.upper()}")
            assert answer.status == status
        assert "already exists" in answer.json()["message"]


def test_a_hash_that_matches_nothing_is_an_empty_object(platform: Platform) -> None:
    """Coop and Ruby look for banks in it; policyserv takes every key for one."""
    for client, name in (("coop", "lookup by signal"), ("policyserv", "lookup")):
        recorded = _named(client, name)
        other = Recorded(
            client,
            name,
            recorded.method,
            recorded.path.replace("{SIGNAL}", OTHER),
            recorded.headers,
        )
        _is_empty_lookup(platform.send(other, "X"))


def test_coop_links_a_list_of_others_by_an_exchange(platform: Platform) -> None:
    """Coop knows only banks that it made, and makes none that is there."""
    made = _named("coop", "create exchange")
    body = b'{"bank":"{BANK}","api":"hashmatch","api_json":{}}'
    wanted = Recorded("", "", made.method, made.path, made.headers, body)
    assert platform.send(wanted, "ONE").status == 201
    assert platform.send(wanted, "NOPE").status == 404
    exchange = _named("coop", "exchange of a bank")
    shown = platform.send(exchange, "ONE")
    assert (shown.status, shown.json()["api"], shown.json()["enabled"]) == (200, "hashmatch", True)
    _is_bank(platform.send(_named("coop", "verify bank"), "ONE"))
    _are_matches(platform.send(_named("coop", "lookup by signal"), "").json(), "ONE")


def test_a_page_of_hma_in_a_browser_needs_a_token(platform: Platform) -> None:
    assert platform.send(_named("hma-ui", "bank"), "ONE").status == 401


def test_policyserv_blocks_what_could_not_be_screened(platform: Platform) -> None:
    """It takes any status but 200 of the first call for a failure, and blocks the event."""
    recorded = _named("policyserv", "hash photo")
    body = recorded.body.replace(b"@FILE@", b"no picture")
    unscreened = Recorded("", "", recorded.method, recorded.path, recorded.headers, body)
    assert platform.send(unscreened, "X").status == 415
