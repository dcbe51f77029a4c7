"""The policy in force: recorded once by many processes, with its reason, and never in a flood."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from hashmatch.audit import verify
from hashmatch.config import Settings
from hashmatch.errors import ConfigError, InputError, NotFoundError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Level
from hashmatch.policy import note_policy, policy_of, read_policy_state
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.policies import explain_policy, read_changes
from hashmatch.store.schema import PolicyChange, RecordedPolicy, utc_now
from hashmatch.wiring import open_database, open_scanner_with


def _with(settings: Settings, level: str, **policy: Any) -> Settings:
    return settings.model_copy(
        update={
            "intake": settings.intake.model_copy(update={"level": Level(level)}),
            "policy": settings.policy.model_copy(update=policy),
        }
    )


def _start(database: Database, settings: Settings) -> str:
    return note_policy(database, settings, policy_of(settings, ALGORITHMS), "somebody")


def _records(database: Database) -> list[dict[str, Any]]:
    with database.reading() as session:
        return [
            {**one, "facts": json.loads(one["facts"])}
            for one in read_audit_records(session)
            if one["action"].startswith("policy.")
        ]


def _actions(database: Database) -> list[str]:
    return [one["action"] for one in _records(database)]


def _explain(database: Database, settings: Settings, reason: str = "review") -> None:
    policy = policy_of(settings, ALGORITHMS)
    with database.writing() as session:
        explain_policy(session, policy, reason=reason, evaluation=None, actor="alice")


def test_the_first_policy_is_recorded_without_alarm(database: Database, settings: Settings) -> None:
    assert _start(database, settings) == ""
    assert _actions(database) == ["policy.recorded", "policy.in_force"]
    assert _start(database, settings) == ""
    assert len(_actions(database)) == 2
    state = read_policy_state(database, policy_of(settings, ALGORITHMS))
    assert state.is_in_force
    assert not state.is_unexplained


def test_a_change_is_recorded_with_old_and_new_and_warned_of_until_it_is_explained(
    database: Database, settings: Settings
) -> None:
    _start(database, settings)
    changed = _with(settings, "plain")
    assert "without a reason" in _start(database, changed)
    record = _records(database)[-1]
    assert record["action"] == "policy.changed"
    assert record["actor"] == "somebody"
    assert record["facts"]["changes"] == {"intake.level": ["standard", "plain"]}
    assert record["facts"]["reason"] == ""
    assert "without a reason" in _start(database, changed)
    _explain(database, changed)
    assert _start(database, changed) == ""
    last = _records(database)[-1]
    assert (last["action"], last["facts"]["reason"]) == ("policy.explained", "review")
    assert _actions(database).count("policy.changed") == 1


def test_a_policy_that_was_adopted_comes_into_force_with_its_reason(
    database: Database, settings: Settings
) -> None:
    _start(database, settings)
    changed = _with(settings, "plain")
    _explain(database, changed, "half-yearly review")
    assert _actions(database).count("policy.changed") == 0
    assert _start(database, changed) == ""
    facts = _records(database)[-1]["facts"]
    assert facts["reason"] == "half-yearly review"


def test_an_unexplained_change_is_refused_where_a_reason_is_required(
    database: Database, settings: Settings
) -> None:
    strict = _with(settings, "standard", require_reason=True)
    _start(database, strict)
    changed = _with(settings, "plain", require_reason=True)
    with pytest.raises(ConfigError, match=r"changes the policy in force.*intake\.level") as caught:
        _start(database, changed)
    assert "policy adopt" in caught.value.hint
    assert _actions(database) == ["policy.recorded", "policy.in_force"]
    assert _start(database, strict) == ""
    _explain(database, changed)
    assert _start(database, changed) == ""
    # A way back is a change, too.
    with pytest.raises(ConfigError, match="changes the policy in force"):
        _start(database, strict)


def test_a_requirement_that_is_lifted_is_itself_a_change(
    database: Database, settings: Settings
) -> None:
    _start(database, _with(settings, "standard", require_reason=True))
    assert "without a reason" in _start(database, _with(settings, "plain"))
    changes = _records(database)[-1]["facts"]["changes"]
    assert changes["policy.require_reason"] == [True, False]


def test_hosts_under_different_configurations_do_not_flood_the_log(
    database: Database, settings: Settings
) -> None:
    one, other = settings, _with(settings, "plain")
    for _ in range(20):
        _start(database, one)
        _start(database, other)
    changes = [one for one in _records(database) if one["action"] == "policy.changed"]
    assert len(changes) == 5
    assert [one["facts"]["alternates"] for one in changes] == [False, False, False, True, True]
    # The next day the record says again which is in force.
    with database.writing() as session:
        session.execute(
            update(PolicyChange).values(changed_at=utc_now() - timedelta(days=1, minutes=1))
        )
    with database.writing() as session:
        session.execute(update(RecordedPolicy).values(last_seen_at=None))
    _start(database, one)
    _start(database, other)
    assert _actions(database).count("policy.changed") == 7


def test_a_way_back_is_recorded(database: Database, settings: Settings) -> None:
    _start(database, settings)
    _start(database, _with(settings, "plain"))
    assert "without a reason" in _start(database, settings)
    with database.reading() as session:
        found = read_changes(session, limit=10)
    levels = [one.policy.facts["intake.level"] for one in found]
    assert levels == ["standard", "plain", "standard"]


@pytest.mark.parametrize("is_first", [True, False])
def test_many_starts_at_once_record_one_change(
    is_first: bool,
    database: Database,
    settings: Settings,
) -> None:
    if not is_first:
        _start(database, _with(settings, "plain"))
    before = len(_actions(database))

    def start(_: int) -> str:
        with closing(open_database(settings)) as own:
            return _start(own, settings)

    with ThreadPoolExecutor(8) as threads:
        warnings = list(threads.map(start, range(24)))
    assert len(_actions(database)) == before + 2
    assert all(warnings) is not is_first
    _verified(database)


_START = """
import sys
from pathlib import Path
from hashmatch.config import Settings
from hashmatch.wiring import note_policy, open_database
settings = Settings.model_validate_json(sys.stdin.read())
print("ready", flush=True)
note_policy(settings, open_database(settings))
"""


@pytest.mark.long
def test_a_start_that_is_killed_leaves_all_of_a_change_or_nothing(
    database: Database, settings: Settings
) -> None:
    _start(database, settings)
    changed = _with(settings, "plain")
    text = changed.model_dump_json()
    for delay_s in (0.0, 0.02, 0.05, 0.1):
        child = subprocess.Popen(
            [sys.executable, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(text.encode())
        child.stdin.close()
        assert child.stdout.readline()
        try:
            child.wait(delay_s)
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        child.stdout.close()
        actions = _actions(database)
        assert actions.count("policy.recorded") - 1 == actions.count("policy.changed")
    _start(database, changed)
    assert _actions(database).count("policy.changed") == 1
    _verified(database)


def _verified(database: Database) -> None:
    database.seal_records()
    with database.reading() as session:
        assert verify(session, {}).is_intact


def test_a_policy_that_somebody_rewrites_is_found(database: Database, settings: Settings) -> None:
    _start(database, settings)
    database.seal_records()
    with database.writing() as session:
        session.execute(update(RecordedPolicy).values(reason="as ever", explained_by="alice"))
    with database.reading() as session:
        assert not verify(session, {}).is_intact


def test_reasons_are_of_policies_on_record(database: Database, settings: Settings) -> None:
    _start(database, settings)
    digest = policy_of(settings, ALGORITHMS).digest
    with database.writing() as session:
        found = explain_policy(
            session, digest[:8], reason=" r ", evaluation={"kind": "recall"}, actor="a"
        )
        assert (found.reason, found.evaluation) == ("r", {"kind": "recall"})
    for wanted, reason, error in (
        ("zz", "r", NotFoundError),
        (digest, "  ", InputError),
        (digest, "x" * 5_000, InputError),
        (digest, "a\0b", InputError),
        ("%", "r", InputError),
    ):
        with pytest.raises(error), database.writing() as session:
            explain_policy(session, wanted, reason=reason, evaluation=None, actor="a")


def test_a_scanner_notes_its_policy_and_warns_once_it_is_opened(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    plain = settings.model_copy(
        update={"intake": settings.intake.model_copy(update={"isolation": "none"})}
    )
    with open_scanner_with(plain, require_lists=False):
        assert caplog.records == []
    changed = _with(plain, "plain")
    # Options of one command are no policy.
    with open_scanner_with(changed, require_lists=False, configured=plain):
        assert _actions(database).count("policy.changed") == 0
    with caplog.at_level(logging.WARNING), open_scanner_with(changed, require_lists=False):
        assert "without a reason on record" in caplog.text
    assert _records(database)[-1]["actor"].startswith("hashmatch of user ")
