"""Recording in bulk: as many statements for a hundred images as for one, and nothing mixed up."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from hashmatch.cases import CaseOpener
from hashmatch.config import Settings
from hashmatch.errors import StoreConflictError, StoreError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.match_listener import NewMatches
from hashmatch.outbox import WebhookNotifier
from hashmatch.outcome import Clear, Matched, Unscreened
from hashmatch.screening import Query, Scanner
from hashmatch.store.engine import Database
from hashmatch.store.lists import Terms, allow_hash
from hashmatch.store.matches import FloodingEntry
from hashmatch.store.outbox import read_outbox
from hashmatch.store.schema import Case, MatchRecord, OutboxMessage
from tests.scanning import MakeScanner, recorded
from tests.store.importing import import_text
from tests.store.locking import somebody_writes

MD5, PDQ = ALGORITHMS["md5"], ALGORITHMS["pdq"]
_NUMBER = 100
_HOOK = {"url": "https://desk.example/", "secret": {"env": "X"}}
_SETTINGS = Settings.model_validate({"webhooks": {"desk": _HOOK, "other": _HOOK}})


def _value(number: int) -> bytes:
    return number.to_bytes(16, "big")


@pytest.fixture
def scanner(make_scanner: MakeScanner, database: Database) -> Scanner:
    """A scanner with all listeners, over a list of a hundred hashes and a limit for each entry."""
    rows = "".join(f"md5,{_value(number).hex()},m{number}\n" for number in range(_NUMBER))
    import_text(database, "many", f"algorithm,value,entry_id\n{rows}")
    listeners = (CaseOpener(_SETTINGS.cases), WebhookNotifier(_SETTINGS.webhooks))
    return make_scanner(listeners=listeners, guards={"max_contents_per_entry": 1_000})


def _queries(number: int, name: str) -> list[Query]:
    return [Query((Hash(MD5, _value(n)),), f"{name}/{n}") for n in range(number)]


@contextmanager
def _statements() -> Iterator[list[str]]:
    """Collect the statements of this thread: others seal the audit log, or write counts."""
    found, own = list[str](), threading.get_ident()

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if threading.get_ident() == own:
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_the_statements_of_a_batch_do_not_grow_with_its_images(
    scanner: Scanner, database: Database
) -> None:
    scanner.lookup_many(_queries(1, "warm"))
    counts = []
    for number in (2, _NUMBER):
        with _statements() as made:
            scanner.lookup_many(_queries(number, f"batch-{number}"))
        counts.append(len(made))
    assert counts[0] == counts[1] < 25
    assert recorded(database) == 1 + 2 + _NUMBER
    with database.reading() as session:
        cases, messages = (
            len(session.scalars(select(one.key)).all()) for one in (Case, OutboxMessage)
        )
    assert (cases, messages) == (1 + 2 + _NUMBER, 2 * (1 + 2 + _NUMBER))


def test_images_on_record_take_no_more_statements_than_new_ones(scanner: Scanner) -> None:
    first = scanner.lookup_many(_queries(_NUMBER, "batch"))
    with _statements() as made:
        again = scanner.lookup_many(_queries(_NUMBER, "batch"))
    assert len(made) < 20
    for one, other in zip(first, again, strict=True):
        assert isinstance(one, Matched)
        assert isinstance(other, Matched)
        assert one.matches == other.matches


def test_one_content_twice_in_a_batch_is_recorded_once(
    scanner: Scanner, database: Database
) -> None:
    query = _queries(1, "post")[0]
    first, second = scanner.lookup_many([query, query])
    assert isinstance(first, Matched)
    assert isinstance(second, Matched)
    assert first.matches == second.matches
    assert recorded(database) == 1
    with database.reading() as session:
        assert len(read_outbox(session, limit=9)) == 2  # One for each webhook.


def test_what_is_allowed_of_one_image_allows_nothing_of_another_beside_it(
    scanner: Scanner, database: Database
) -> None:
    """The SHA-256 of a file allows every match of that file, and of no other in the request."""
    sha256 = Hash(ALGORITHMS["sha256"], bytes(32))
    with database.writing() as session:
        allow_hash(session, "harmless", "sha256", sha256.value, Terms("ann"), "a meme")
    listed = Hash(MD5, _value(1))
    own, other = scanner.lookup_many(
        [Query((sha256, listed), "allowed/1"), Query((listed,), "post/1")]
    )
    assert isinstance(own, Clear)
    assert isinstance(other, Matched)


class _Refuses:
    """Listener that refuses the matches of some content."""

    def on_new_matches(self, session: Session, recorded: Sequence[NewMatches]) -> None:
        if any(one.content.content_id.startswith("bad") for one in recorded):
            raise RuntimeError("no")

    def on_flooding_entries(self, session: Session, entries: Sequence[FloodingEntry]) -> None:
        pass


def test_requests_that_wait_are_recorded_together_and_fail_alone(
    make_scanner: MakeScanner, scanner: Scanner, database: Database, settings: Settings
) -> None:
    scanner = make_scanner(listeners=[_Refuses()])
    scanner.lookup_many(_queries(1, "warm"))
    recorder = scanner._recorder
    queries = [*_queries(12, "post"), *_queries(1, "bad")]
    taken: list[int] = []
    together = recorder._record_together

    def note(jobs: Sequence[Any]) -> Any:
        taken.append(len(jobs))
        return together(jobs)

    recorder._record_together = note  # type: ignore[method-assign]
    with ThreadPoolExecutor(len(queries)) as pool, closing(_patient(recorder, settings)):
        with recorder._combiner._turn:  # Nobody records until all of them wait.
            asked = [pool.submit(scanner.lookup_many, [one]) for one in queries]
            while len(recorder._combiner._waiting) < len(queries):
                pass
        *good, bad = asked
        assert all(isinstance(one.result()[0], Matched) for one in good)
        assert isinstance(bad.result()[0], Unscreened)
    # Once all together, which fails, and then each by itself.
    assert taken == [len(queries)] + [1] * len(queries)
    assert recorded(database) == 1 + 12


def _patient(recorder: Any, settings: Settings) -> Database:
    """Let a recorder wait for the store as long as it takes on a busy machine."""
    recorder._database = Database(settings.database_url, busy_timeout_s=60)
    recorder._combiner._patience_s = 60
    database: Database = recorder._database
    return database


def test_a_store_that_is_held_fails_all_that_wait_and_none_of_them_twice(
    scanner: Scanner, database: Database
) -> None:
    scanner.lookup_many(_queries(1, "warm"))
    with somebody_writes(database), pytest.raises(StoreError):
        scanner._recorder.record(*_asked(scanner))
    assert recorded(database) == 1


def _asked(scanner: Scanner) -> Any:
    """Return what a scanner would record of a listed hash."""
    asked = []

    class _Notes:
        def record(self, *arguments: Any) -> Any:
            asked.append(arguments)
            raise StoreError("noted")

    recorder, scanner._recorder = scanner._recorder, _Notes()  # type: ignore[assignment]
    scanner.lookup_many(_queries(2, "noted")[1:])
    scanner._recorder = recorder
    return asked[0]


def test_a_conflict_with_another_writer_is_tried_again(
    scanner: Scanner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflicts = [StoreConflictError("removed meanwhile")] * 2
    recorder, together = scanner._recorder, scanner._recorder._record_together

    def meet(jobs: Sequence[Any]) -> Any:
        if conflicts:
            raise conflicts.pop()
        return together(jobs)

    monkeypatch.setattr(recorder, "_record_together", meet)
    assert isinstance(scanner.lookup_many(_queries(1, "post"))[0], Matched)
    assert recorded(database) == 1


def test_a_match_of_thousands_is_one_message_with_the_strongest_hundred(
    make_scanner: MakeScanner, database: Database
) -> None:
    rows = []
    for number in range(150):
        value = bytearray(32)
        value[:2], value[31] = (1 << number % 16).to_bytes(2, "big"), number // 16 + 64
        rows.append(f"pdq,{value.hex()},n{number}")
    import_text(database, "near", "\n".join(["algorithm,value,entry_id", *rows]))
    hooks = _SETTINGS.webhooks
    scanner = make_scanner(listeners=[WebhookNotifier({"desk": hooks["desk"]})])
    asked = bytes(31) + b"\x40"
    outcome = scanner.lookup([Hash(PDQ, asked, quality=100)], content_id="post/1")
    assert isinstance(outcome, Matched)
    assert len(outcome.matches) == recorded(database) == 150
    with database.reading() as session:
        (message,) = read_outbox(session, limit=9)
        distances = session.scalars(select(MatchRecord.distance_bits)).all()
    data = message.body["data"]
    assert (message.body["type"], data["matches_total"]) == ("match.recorded", 150)
    assert data["match"] == data["matches"][0]
    told = [one["distance_bits"] for one in data["matches"]]
    assert told == sorted(distances)[:100]
