"""`hashmatch sharing` by hand: a list is shared, a case contributed, feedback decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hashmatch.cases import CaseAction
from hashmatch.lists import add_entry_of
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list
from hashmatch.store.sharing import save_feedback
from hashmatch.store.sharing.consumers import require_consumer
from tests.cases.making import act, make_match
from tests.command_line import CommandLine
from tests.pictures import hashes_of
from tests.sharing.sending import Graph, graph
from tests.store.importing import import_text

__all__ = ["graph"]
_SHARING = """
[sharing]
enabled = true
publisher = "Platform A"
[sharing.lists.ours]
[sharing.lists.one]
[sharing.lists.theirs]
redistribute = true
"""


@pytest.fixture
def shell(command_line: CommandLine) -> CommandLine:
    """A command line over a store with a licensed list and an own one."""
    config = command_line.folder / "hashmatch.toml"
    config.write_text(config.read_text() + _SHARING)
    command_line.import_pictures("one", 1, 2)
    assert command_line.run("lists", "add", "ours", "--own").exit_code == 0
    return command_line


@pytest.fixture
def store(shell: CommandLine) -> Iterator[Database]:
    """Its store."""
    with closing(Database(f"sqlite:///{shell.folder}/data/hashmatch.db")) as database:
        yield database


def test_status_says_what_is_shared_and_why_not(shell: CommandLine) -> None:
    found = {one["list"]: one for one in shell.json("sharing", "status")}
    assert found["ours"]["state"] == "being published" or found["ours"]["state"] == "shared"
    assert "licensed" in found["one"]["reason"]
    assert "theirs" in found["theirs"]["reason"]


def test_a_consumer_is_registered_given_a_token_and_removed(shell: CommandLine) -> None:
    assert shell.json("sharing", "consumers") == []
    done = shell.run("sharing", "consumer", "hotline", "--list", "ours", "--category", "A1")
    assert done.exit_code == 0, done.output
    token = shell.run("sharing", "token", "hotline", "--days", "30").stdout.strip()
    assert token.startswith("hm_")
    (found,) = shell.json("sharing", "consumers")
    assert (found["consumer"], found["lists"], found["categories"]) == ("hotline", "ours", "A1")
    assert found["tokens"] in token
    assert shell.run("sharing", "remove", "hotline").exit_code == 0
    assert shell.json("sharing", "consumers") == []
    states = {one["token"]: one["state"] for one in shell.json("tokens", "list")}
    assert states[found["tokens"]] == "revoked"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("consumer", "x", "--list", "one"), "licensed"),
        (("consumer", "x", "--list", "nowhere"), "not shared"),
        (("consumer", "X Y", "--list", "ours"), "not a name"),
        (("consumer", "x"), "--list"),
        (("token", "nobody"), "no consumer"),
        (("remove", "nobody"), "no consumer"),
        (("decide", "7", "--accept"), "no feedback"),
        (("decide", "7", "--decline", "--withdraw"), "--accept"),
        (("decide", "7"), "--accept"),
        (("approve", "7"), "no contribution"),
        (("withdraw", "7"), "no contribution"),
        (("contribute", "99", "ours", "--basis", "x"), "no case"),
        (("contribute", "99", "ours"), "--basis"),
        (("ask", "https://x.example", "ours", __file__), "no token"),
    ],
)
def test_wrong_arguments_are_clear_errors(
    shell: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    done = shell.run("sharing", *arguments)
    assert done.exit_code == 2
    assert message in done.output
    assert "Traceback" not in done.output


def test_a_case_is_contributed_by_two_people_and_withdrawn(
    shell: CommandLine, store: Database
) -> None:
    case = make_match(store)
    act(store, case, CaseAction.CONFIRM)
    contribute = (
        "sharing", "contribute", str(case), "ours", "--basis", "two of us", "--category", "A1",
        "--classify", "icse=baseline", "--jurisdiction", "GB", "--generated", "generated",
    )  # fmt: skip
    proposed = shell.run(*contribute, "--by", "alice")
    assert "somebody else" in proposed.output
    assert shell.run("sharing", "approve", "1", "--by", "alice").exit_code == 2
    assert shell.run("sharing", "approve", "1", "--by", "bob").exit_code == 0
    (found,) = shell.json("sharing", "contributions", "--case", str(case))
    assert (found["state"], found["proposed_by"], found["decided_by"]) == ("added", "alice", "bob")
    assert found["classification"] == "icse=baseline"
    assert shell.run("sharing", "withdraw", "1").exit_code == 0
    (found,) = shell.json("sharing", "contributions")
    assert found["state"] == "withdrawn"


def test_feedback_is_decided_and_may_withdraw_the_entry(
    shell: CommandLine, store: Database
) -> None:
    case = make_match(store)
    act(store, case, CaseAction.CONFIRM)
    shell.run("sharing", "contribute", str(case), "ours", "--basis", "x", "--by", "alice")
    shell.run("sharing", "approve", "1", "--by", "bob")
    shell.run("sharing", "consumer", "hotline", "--list", "ours")
    (contributed,) = shell.json("sharing", "contributions")
    with store.writing() as session:
        save_feedback(
            session,
            find_list(session, "ours"),
            require_consumer(session, "hotline"),
            entry_id=str(contributed["entry"]),
            algorithm="pdq",
            is_affirmative=False,
            reason="another picture",
        )
    (given,) = shell.json("sharing", "feedback")
    assert (given["consumer"], given["says"]) == ("hotline", "disagrees")
    done = shell.run("sharing", "decide", str(given["feedback"]), "--accept", "--withdraw")
    assert done.exit_code == 0, done.output
    assert shell.json("sharing", "feedback") == []
    assert shell.run("sharing", "decide", "1", "--decline").exit_code == 2
    statuses = {one["list"]: one for one in shell.json("lists", "status")}
    assert statuses["ours"]["entries"] == {}


def test_feedback_on_a_licensed_list_withdraws_nothing(
    shell: CommandLine, store: Database, tmp_path: Path
) -> None:
    import_text(store, "theirs", f"algorithm,value,entry_id\nmd5,{1:032x},7\n")
    shell.run("sharing", "consumer", "hotline", "--list", "theirs")
    with store.writing() as session:
        save_feedback(
            session,
            find_list(session, "theirs"),
            require_consumer(session, "hotline"),
            entry_id="7",
            algorithm="md5",
            is_affirmative=False,
        )
    done = shell.run("sharing", "decide", "1", "--accept", "--withdraw")
    assert done.exit_code == 2
    assert "licensor" in done.output
    # Nothing is decided by a command that failed.
    assert len(shell.json("sharing", "feedback")) == 1


@pytest.fixture
def sending_shell(shell: CommandLine, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line whose own list is sent to ThreatExchange."""
    config = shell.folder / "hashmatch.toml"
    (shell.folder / "token").write_text(f"{graph.service.token}\n")
    config.write_text(
        config.read_text()
        + f"""
[outbox]
private_hosts = ["127.0.0.1"]
[sharing.exchanges.meta]
to = "threatexchange"
lists = ["ours"]
base = "{graph.service.url}"
access_token = {{ file = "token" }}
privacy_groups = ["1"]
"""
    )
    # Paths of the file are relative to it.
    monkeypatch.chdir("/")
    monkeypatch.setenv("HASHMATCH_CONFIG", str(config))
    return shell


def test_entries_are_sent_by_hand_and_their_standing_is_shown(
    sending_shell: CommandLine, store: Database, graph: Graph
) -> None:
    shell = sending_shell
    hashes = list(hashes_of(5, "pdq", "md5").values())
    with store.writing() as session:
        entry = add_entry_of(session, "ours", hashes)
    graph.service.refuses = {hashes[0].value.hex()}
    done = shell.run("sharing", "send")
    assert done.exit_code == 2
    assert "1 refused" in done.output
    (found,) = shell.json("sharing", "exchanges")
    assert (found["exchange"], found["list"], found["state"]) == ("meta", "ours", "ready")
    assert (found["sent"], found["refused"]) == (0, 1)
    (refused,) = shell.json("sharing", "exchanges", "--entries", "meta")
    assert (refused["entry"], refused["state"]) == (str(entry), "refused")
    assert "error 100" in refused["reason"]
    assert shell.run("sharing", "drop", "meta", "ours", str(entry)).exit_code == 0
    graph.service.refuses = set()
    again = ("sharing", "resend", "meta", "--list", "ours", "--entry", str(entry))
    assert shell.run(*again).exit_code == 0
    done = shell.run("sharing", "send", "--exchange", "meta")
    assert (done.exit_code, "1 sent" in done.output) == (0, True)
    assert len(graph.has()) == 2
    assert shell.json("sharing", "exchanges", "--entries", "meta") == []
    assert "nothing to send" in shell.run("sharing", "send").output


def test_an_exchange_that_cannot_be_used_is_a_clear_error(
    sending_shell: CommandLine, store: Database
) -> None:
    shell = sending_shell
    (shell.folder / "token").unlink()
    done = shell.run("sharing", "send")
    assert done.exit_code == 2
    assert "token: the secret cannot be read" in done.output
    (found,) = shell.json("sharing", "exchanges")
    assert found["state"] == "not ready"
    for arguments, message in (
        (("send", "--exchange", "nowhere"), "no exchange named 'nowhere'"),
        (("exchanges", "--entries", "nowhere"), "no exchange named 'nowhere'"),
        (("resend", "meta", "--list", "ours"), "go together"),
        (("resend", "meta", "--list", "ours", "--entry", "7"), "nothing to do with"),
        (("drop", "meta", "ours", "7"), "nothing to do with"),
    ):
        done = shell.run("sharing", *arguments)
        assert (done.exit_code, message in done.output) == (2, True), done.output


def test_without_an_exchange_there_is_nothing_to_send(shell: CommandLine, store: Database) -> None:
    done = shell.run("sharing", "send")
    assert (done.exit_code, "there is no exchange" in done.output) == (2, True)
    assert shell.json("sharing", "exchanges") == []
