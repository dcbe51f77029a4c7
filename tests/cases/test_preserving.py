"""Preservation: the platform's vault is told to hold and to destroy, signed, at least once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from hashmatch.audit import verify
from hashmatch.cases import (
    CaseAction,
    apply_retention,
    case_senders,
    destroy,
    hold,
    queue_preservations,
    retain,
    view_case,
)
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, ConfigError, ForbiddenError
from hashmatch.outbox import send_due, sign
from hashmatch.store.engine import Database
from hashmatch.store.schema import (
    Case,
    CaseRetention,
    OutboxMessage,
    PreservationCheck,
    RetentionClass,
    utc_now,
)
from tests.cases.making import ADMINISTRATOR, REVIEWER, act, make_match, settings_with
from tests.lists.loopback import Answer, Request, Service, serving


class _Vault(Service):
    """Vault of a platform, which keeps the newest call of each case, as its interface says."""

    def __init__(self) -> None:
        super().__init__()
        self.newest: dict[int, dict[str, Any]] = {}

    def answer(self, request: Request, fault: str) -> Answer:
        body = json.loads(request.body)
        data = {"call": body["type"].partition(".")[2], **body["data"]}
        known = self.newest.get(data["case"])
        if known is None or known["sequence"] < data["sequence"]:
            self.newest[data["case"]] = data
        return Answer(204)

    def calls(self) -> list[str]:
        """Return all calls in their order, with their reasons."""
        bodies = [json.loads(one.body) for one in self.requests]
        return [f"{one['type'].partition('.')[2]} {one['data']['reason']}" for one in bodies]


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Vault]:
    monkeypatch.setenv("VAULT", "secret-of-the-vault")
    with serving(_Vault(), "/calls") as served:
        yield served


@pytest.fixture
def chosen(settings: Settings, vault: _Vault) -> Settings:
    return _with(settings, vault)


def _with(settings: Settings, vault: _Vault, **more: Any) -> Settings:
    section = {"url": vault.url, "secret": {"env": "VAULT"}, **more}
    return settings_with(
        settings,
        cases={"vault": section},
        outbox={"private_hosts": ["127.0.0.1"]},
        retention={"closed_days": 30},
    )


def _tell(database: Database, settings: Settings) -> dict[str, int]:
    queue_preservations(database, settings)
    return dict(send_due(database, case_senders(settings, database)).counts)


def _preservation(database: Database, case: int) -> dict[str, Any]:
    with database.reading() as session:
        found: dict[str, Any] = view_case(session, case)["preservation"]
    return found


def test_a_confirmed_case_is_preserved_and_a_dismissed_one_destroyed(
    listed: Database, chosen: Settings, vault: _Vault
) -> None:
    case = make_match(listed, reference="s3://bucket/1", settings=chosen)
    assert _tell(listed, chosen) == {}
    act(listed, case, CaseAction.CONFIRM)
    vault.faults = [500]
    assert _tell(listed, chosen) == {"failed": 1}
    assert _preservation(listed, case)["accepted"] is False
    with listed.writing() as session:
        session.execute(update(OutboxMessage).values(next_attempt_at=utc_now()))
    assert _tell(listed, chosen) == {"sent": 1}
    assert _preservation(listed, case) == {
        "state": "preserved", "reason": "confirmed", "until": None, "accepted": True,
    }  # fmt: skip
    request = vault.requests[-1]
    body, headers = json.loads(request.body), request.headers
    assert body["type"] == "preservation.hold"
    assert body["data"] == {
        "case": case, "content_id": "post/1", "references": ["s3://bucket/1"], "sequence": 1,
        "reason": "confirmed", "until": None,
    }  # fmt: skip
    expected = sign(
        "secret-of-the-vault",
        headers["webhook-id"],
        int(headers["webhook-timestamp"]),
        request.body,
    )
    assert headers["webhook-signature"] == expected
    assert _tell(listed, chosen) == {}
    act(listed, case, CaseAction.DISMISS)
    assert _tell(listed, chosen) == {"sent": 1}
    assert vault.newest[case]["call"] == "destroy"
    with listed.reading() as session:
        assert verify(session, {}).problems == []


def test_a_legal_hold_stands_above_all_else(
    listed: Database, chosen: Settings, vault: _Vault
) -> None:
    case = make_match(listed, settings=chosen)
    act(listed, case, CaseAction.CONFIRM)
    with listed.writing() as session:
        hold(session, case, "order 1", ADMINISTRATOR)
    act(listed, case, CaseAction.DISMISS)
    _tell(listed, chosen)
    with listed.writing() as session:
        with pytest.raises(CaseStateError, match="legal hold"):
            destroy(session, chosen, case, ADMINISTRATOR, note="the police asked")
        hold(session, case, "", ADMINISTRATOR)
    _tell(listed, chosen)
    assert vault.calls() == ["hold legal_hold", "destroy false_positive"]


def test_destruction_by_order_is_for_seniors_and_stays(
    listed: Database, settings: Settings, chosen: Settings, vault: _Vault
) -> None:
    case = make_match(listed, settings=chosen)
    act(listed, case, CaseAction.CONFIRM)
    _tell(listed, chosen)
    with listed.writing() as session:
        with pytest.raises(ForbiddenError):
            destroy(session, chosen, case, REVIEWER, note="the police asked")
        with pytest.raises(ConfigError, match="no vault"):
            destroy(session, settings, case, ADMINISTRATOR, note="the police asked")
        destroy(session, chosen, case, ADMINISTRATOR, note="the police asked")
    act(listed, case, CaseAction.REOPEN)
    act(listed, case, CaseAction.CONFIRM)
    _tell(listed, chosen)
    assert vault.calls() == ["hold confirmed", "destroy ordered"]


def test_with_hold_on_opened_content_is_preserved_from_its_first_match_on(
    listed: Database, settings: Settings, vault: _Vault
) -> None:
    early = _with(settings, vault, hold_on="opened")
    cases = [make_match(listed, f"post/{number}", settings=early) for number in range(60)]
    assert _tell(listed, early) == {"sent": 60}
    act(listed, cases[0], CaseAction.DISMISS)
    _tell(listed, early)
    make_match(listed, "post/0", entries=(3,), settings=early)
    _tell(listed, early)
    of_first = [one for one in vault.requests if json.loads(one.body)["data"]["case"] == cases[0]]
    types = [json.loads(one.body)["type"] for one in of_first]
    assert types == ["preservation.hold", "preservation.destroy", "preservation.hold"]


def test_content_of_the_class_messaging_expires(
    listed: Database, chosen: Settings, vault: _Vault
) -> None:
    case = make_match(listed, settings=chosen)
    act(listed, case, CaseAction.CONFIRM)
    with listed.writing() as session:
        retain(session, chosen, case, RetentionClass.MESSAGING, ADMINISTRATOR, note="EU chat")
    _tell(listed, chosen)
    until = vault.newest[case]["until"]
    with listed.reading() as session:
        opened_at = session.get_one(Case, case).opened_at
    assert until == (opened_at + timedelta(days=365)).isoformat()
    short = chosen.retention.model_copy(update={"messaging_days": 1e-9})
    past = chosen.model_copy(update={"retention": short})
    with listed.writing() as session:
        retain(session, past, case, RetentionClass.MESSAGING, ADMINISTRATOR, note="EU chat")
    _tell(listed, past)
    assert vault.calls() == ["hold confirmed", "destroy expired"]
    # Nothing is left to look at.
    with listed.reading() as session:
        assert session.scalars(select(PreservationCheck)).all() == []
    assert apply_retention(listed, past, dry_run=True)["cases"] == 1
    assert apply_retention(listed, past, dry_run=False)["cases"] == 1
    assert _tell(listed, past) == {}


def test_what_retention_removes_is_destroyed(
    listed: Database, chosen: Settings, vault: _Vault
) -> None:
    case = make_match(listed, settings=chosen)
    act(listed, case, CaseAction.CONFIRM)
    act(listed, case, CaseAction.REPORTED)
    act(listed, case, CaseAction.CLOSE)
    _tell(listed, chosen)
    assert vault.newest[case]["until"] is not None
    with listed.writing() as session:
        session.execute(update(Case).values(changed_at=utc_now() - timedelta(days=60)))
        for row in session.scalars(select(CaseRetention)):
            row.keep_until = None
    assert apply_retention(listed, chosen, dry_run=False)["cases"] == 1
    assert _tell(listed, chosen) == {"sent": 1}
    assert vault.newest[case] == {
        "call": "destroy", "case": case, "content_id": "post/1", "references": [], "sequence": 2,
        "reason": "removed", "until": None,
    }  # fmt: skip


def test_what_changed_before_there_was_a_vault_is_told_to_the_first(
    listed: Database, settings: Settings, chosen: Settings, vault: _Vault
) -> None:
    case = make_match(listed, settings=settings)
    act(listed, case, CaseAction.CONFIRM)
    queue_preservations(listed, settings)
    assert _tell(listed, chosen) == {"sent": 1}
    assert vault.newest[case]["call"] == "hold"
