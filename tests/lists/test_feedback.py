"""Feedback: the verdict on a match reaches the list's owner, once, sooner or later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import update
from threatexchange.exchanges.clients.fb_threatexchange.api import ThreatExchangeAPI
from threatexchange.exchanges.clients.ncmec.hash_api import FeedbackType as NCMECFeedback
from threatexchange.exchanges.clients.ncmec.hash_api import (
    FingerprintType,
    NCMECEnvironment,
    NCMECHashAPI,
)
from threatexchange.exchanges.clients.stopncii.api import (
    StopNCIIAPI,
    StopNCIICSPFeedbackValue,
    StopNCIIEndpoint,
    StopNCIISignalType,
)

from hashmatch.config import Settings
from hashmatch.errors import InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.lists import Verdict, feedback_senders, open_source, queue_feedback, sync_list
from hashmatch.outbox import send_due
from hashmatch.store.engine import Database
from hashmatch.store.lists import remove_list
from hashmatch.store.outbox import read_outbox, retry_message
from hashmatch.store.schema import utc_now
from hashmatch.store.schema.outbox import OutboxMessage
from tests.command_line import CommandLine
from tests.lists.exchanges import (
    Exchange,
    NCMECServer,
    StopNCIIServer,
    ThreatExchangeServer,
    indicator_id,
)
from tests.lists.loopback import serving
from tests.scanning import scanner_maker

SERVERS: tuple[type[Exchange], ...] = (NCMECServer, StopNCIIServer, ThreatExchangeServer)
HASH = f"{7:064x}"


@pytest.fixture(params=SERVERS, ids=lambda one: one.__name__)
def server(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    with serving(request.param()) as started:
        started.put("picture", 7)
        started.pass_time(minutes=1)
        yield started


def _section(server: Exchange) -> dict[str, Any]:
    common = {"base": server.url, "feedback": True, "timeout_s": 2.0}
    if isinstance(server, NCMECServer):
        own: dict[str, Any] = {"source": "ncmec", "username": "user", "password": {"env": "NCMEC"}}
    elif isinstance(server, StopNCIIServer):
        own = {
            "source": "stopncii",
            "function_key": {"env": "FUNCTION"},
            "subscription_key": {"env": "SUBSCRIPTION"},
            "feedback_function_key": {"env": "FEEDBACK"},
        }
    else:
        assert isinstance(server, ThreatExchangeServer)
        own = {
            "source": "threatexchange",
            "privacy_group": server.privacy_group,
            "access_token": {"env": "TOKEN"},
        }
    return common | own


@pytest.fixture
def settings(server: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in {
        "NCMEC": NCMECServer.password,
        "FUNCTION": StopNCIIServer.function_key,
        "SUBSCRIPTION": StopNCIIServer.subscription_key,
        "FEEDBACK": StopNCIIServer.feedback_key,
        "TOKEN": ThreatExchangeServer.access_token,
    }.items():
        monkeypatch.setenv(name, value)
    return Settings.model_validate({"data_dir": tmp_path, "lists": {"one": _section(server)}})


def _match(database: Database, settings: Settings, server: Exchange) -> str:
    """Match the one entry of the server and return the match."""
    sync_list(database, "one", open_source(settings, "one"), settings)
    name = "md5" if isinstance(server, NCMECServer) else "pdq"
    algorithm = ALGORITHMS[name]
    value = (7).to_bytes(algorithm.bits // 8, "big")
    with scanner_maker(settings, database)() as scanner:
        outcome = scanner.lookup([Hash(algorithm, value)], content_id="post/1")
    return str(cast("Any", outcome).matches[0].match_id)


def _queue(database: Database, settings: Settings, match_id: str, verdict: Verdict) -> bool:
    with database.writing() as session:
        return queue_feedback(session, settings, match_id, verdict)


# The same feedback, sent by the clients of others.


def _say_to_ncmec(server: NCMECServer, is_right: bool) -> None:
    environment = cast("NCMECEnvironment", SimpleNamespace(value=server.url))
    api = NCMECHashAPI(server.username, server.password, environment)
    vote = NCMECFeedback.upvote if is_right else NCMECFeedback.downvote
    api.submit_feedback(7, "picture", FingerprintType.md5, vote)


def _say_to_stopncii(server: StopNCIIServer, is_right: bool) -> None:
    api = StopNCIIAPI(
        server.subscription_key,
        server.function_key,
        {StopNCIIEndpoint.SubmitFeedback: server.feedback_key},
        server.url,
    )
    value = StopNCIICSPFeedbackValue
    said = value.Blocked if is_right else value.NotBlocked
    api.submit_feedback(StopNCIISignalType.ImagePDQ, HASH, said)


def _say_to_threatexchange(server: ThreatExchangeServer, is_right: bool) -> None:
    api: Any = ThreatExchangeAPI(server.access_token, endpoint_override=server.url)
    (descriptor,) = api.get_threat_descriptors_from_indicator(int(indicator_id("picture")))
    react = api.react_upvote_threat_descriptor if is_right else api.react_downvote_threat_descriptor
    react(descriptor["id"])


PEERS: dict[type[Exchange], Callable[[Any, bool], None]] = {
    NCMECServer: _say_to_ncmec,
    StopNCIIServer: _say_to_stopncii,
    ThreatExchangeServer: _say_to_threatexchange,
}


@pytest.mark.parametrize("verdict", list(Verdict))
def test_it_arrives_as_the_clients_of_others_send_it(
    database: Database, settings: Settings, server: Exchange, verdict: Verdict
) -> None:
    match_id = _match(database, settings, server)
    assert _queue(database, settings, match_id, verdict)
    assert not _queue(database, settings, match_id, verdict)
    assert server.opinions == []
    assert send_due(database, feedback_senders(database, settings)).counts == {"sent": 1}
    assert send_due(database, feedback_senders(database, settings)).counts == {}
    (ours,) = server.opinions
    server.inner.feedback.clear()
    if not (isinstance(server, NCMECServer) and verdict is Verdict.FALSE_POSITIVE):
        # That client looks for the reasons of a refusal one level too deep.
        PEERS[type(server)](server, verdict is Verdict.CONFIRMED)
        assert server.opinions == [ours]
    with database.reading() as session:
        (message,) = read_outbox(session, limit=10)
    assert (message.state, HASH[-32:] in str(message)) == ("sent", False)


def _pass_time(database: Database) -> None:
    with database.writing() as session:
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.next_attempt_at.is_not(None))
            .values(next_attempt_at=utc_now())
        )


def test_failed_feedback_is_retried_later_and_dies_visibly(
    database: Database, settings: Settings, server: Exchange
) -> None:
    _queue(database, settings, _match(database, settings, server), Verdict.CONFIRMED)
    server.faults = [418] * 100
    assert send_due(database, feedback_senders(database, settings)).counts == {"failed": 1}
    assert send_due(database, feedback_senders(database, settings)).counts == {}  # Not at once.
    server.faults = []
    _pass_time(database)
    assert send_due(database, feedback_senders(database, settings)).counts == {"sent": 1}
    _queue(database, settings, "1", Verdict.FALSE_POSITIVE)
    server.faults = [403] * 100
    assert send_due(database, feedback_senders(database, settings)).counts == {"dead": 1}
    _pass_time(database)
    assert send_due(database, feedback_senders(database, settings)).counts == {}
    with database.writing() as session:
        dead, _ = read_outbox(session, limit=10)
        assert (dead.state, "refused with status 403" in dead.problem) == ("dead", True)
        retry_message(session, dead.key)
    server.faults = []
    assert send_due(database, feedback_senders(database, settings)).counts == {"sent": 1}
    assert len(server.opinions) == 2


def test_twelve_failures_are_enough(
    database: Database, settings: Settings, server: Exchange
) -> None:
    _queue(database, settings, _match(database, settings, server), Verdict.CONFIRMED)
    with database.writing() as session:
        session.execute(update(OutboxMessage).values(attempts=11))
    server.faults = [418] * 100
    assert send_due(database, feedback_senders(database, settings)).counts == {"dead": 1}
    with database.reading() as session:
        assert read_outbox(session, limit=1)[0].state == "dead"


def test_feedback_is_off_unless_it_is_switched_on(
    database: Database, settings: Settings, server: Exchange
) -> None:
    match_id = _match(database, settings, server)
    section = settings.lists["one"].model_copy(update={"feedback": False})
    for lists in ({}, {"one": section}):
        off = settings.model_copy(update={"lists": lists})
        with pytest.raises(InputError, match="not enabled for list one"):
            _queue(database, off, match_id, Verdict.CONFIRMED)


def test_nothing_is_sent_about_a_list_that_was_removed(
    database: Database, settings: Settings, server: Exchange
) -> None:
    _queue(database, settings, _match(database, settings, server), Verdict.CONFIRMED)
    with database.writing() as session:
        remove_list(session, "one")
    assert send_due(database, feedback_senders(database, settings)).counts == {"dead": 1}
    assert server.opinions == []


@pytest.mark.parametrize("server", [NCMECServer], indirect=True)
@pytest.mark.parametrize(
    ("reason", "given"), [("", None), ("Not CSAM", "guid-1"), ("guid-2", "guid-2"), ("x", None)]
)
def test_a_false_positive_for_ncmec_needs_one_of_its_reasons(
    database: Database,
    server: Exchange,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    given: str | None,
) -> None:
    assert isinstance(server, NCMECServer)
    server.reasons = {"guid-1": "Not CSAM", "guid-2": "Blurred"}
    section = _section(server) | {"negative_reason": reason}
    settings = Settings.model_validate({"lists": {"one": section}})
    sync_list(database, "one", open_source(settings, "one"), settings)
    with scanner_maker(settings, database)() as scanner:
        value = (7).to_bytes(16, "big")
        scanner.lookup([Hash(ALGORITHMS["md5"], value)], content_id="post/1")
    _queue(database, settings, "1", Verdict.FALSE_POSITIVE)
    counts = send_due(database, feedback_senders(database, settings)).counts
    assert counts == ({"sent": 1} if given else {"dead": 1})
    assert server.opinions == ([("picture", f"no: {given}")] if given else [])
    with database.reading() as session:
        problem = read_outbox(session, limit=1)[0].problem
    assert bool(given) or "one of these reasons: Not CSAM, Blurred" in problem


def test_the_commands_queue_show_and_send(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", ThreatExchangeServer.access_token)
    with serving(ThreatExchangeServer()) as server:
        server.put("picture", 7)
        with (command_line.folder / "hashmatch.toml").open("a") as config:
            config.write(
                f'[lists.one]\nsource = "threatexchange"\nbase = "{server.url}"\nfeedback = true\n'
                f'privacy_group = "4242"\naccess_token = {{ env = "TOKEN" }}\n'
            )
        assert command_line.run("lists", "sync", "one").exit_code == 0
        assert command_line.run("lookup", f"pdq:{HASH}").exit_code == 1
        assert "the outbox is empty" in command_line.run("outbox", "list").stderr
        feedback = ("matches", "feedback", "1", "confirmed")
        assert "queued;" in command_line.run(*feedback).stderr
        assert "already queued" in command_line.run(*feedback).stderr
        server.faults = [418]
        sent = command_line.run("outbox", "send")
        assert (sent.exit_code, "'hashmatch outbox list' says why" in sent.stderr) == (2, True)
        (row,) = command_line.json("outbox", "list")
        assert (row["state"], row["to"], row["event"]) == ("waiting", "one", "confirmed")
        assert command_line.run("outbox", "retry", str(row["message"])).exit_code == 0
        synced = command_line.run("lists", "sync", "--all")
        assert (synced.exit_code, "outbox: 1 sent" in synced.stderr) == (0, True)
        assert "sent" in command_line.run("outbox", "list").stdout
        for wrong in (["retry", "9"], ["retry", str(row["message"])]):
            assert command_line.run("outbox", *wrong).exit_code == 2
        assert command_line.run("matches", "feedback", "9", "confirmed").exit_code == 2
