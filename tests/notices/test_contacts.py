"""Those who made requests: encrypted, shown on record, and in no log, export or view."""

from __future__ import annotations

import io
import logging

import pytest
from sqlalchemy import inspect, text

from hashmatch.audit import verify
from hashmatch.cases import apply_retention
from hashmatch.config import Settings
from hashmatch.errors import ConfigError
from hashmatch.notices import (
    NoticeRow,
    figures_document,
    notice_rows,
    read_notice_figures,
    reencrypt_contacts,
    show_contact,
    view_notice,
)
from hashmatch.reports import FORMATS
from hashmatch.store.engine import Database
from hashmatch.store.schema import utc_now
from hashmatch.uploaders import make_detail_key, open_sealer
from tests.cases.making import settings_with
from tests.notices.making import add, close, supplement

SECRETS = ("Unique Requester", "unique-requester@example.org", "unique words", "U. Requester")


def _everything(database: Database) -> str:
    """Return all that the database holds, as text."""
    path = database.sqlite_path()
    if path is not None:
        files = [one.read_bytes() for one in path.parent.iterdir() if one.is_file()]
        return b"".join(files).decode("latin-1")
    with database.connection() as connection:
        names = inspect(connection).get_table_names()
        return repr([connection.execute(text(f'SELECT t::text FROM "{n}" t')).all() for n in names])


def test_a_requester_is_in_nothing_but_the_command_that_shows_them(
    database: Database, chosen: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request_id = add(database, chosen).request_id
    supplement(database, chosen, request_id, requester={"phones": ["unique-requester@example.org"]})
    close(database, request_id)
    out = io.StringIO()
    with database.reading() as session:
        out.write(str(view_notice(session, chosen.notices, request_id, utc_now())))
        for one in FORMATS:
            rows = list(notice_rows(session, chosen.notices, None, None))
            assert one.write(NoticeRow, rows, out) == 1
        out.write(str(figures_document(session, read_notice_figures(session, None, None))))
    for place in (out.getvalue(), caplog.text, _everything(database)):
        assert [one for one in SECRETS if one in place] == []


def test_who_looks_at_a_requester_is_on_record(database: Database, chosen: Settings) -> None:
    request_id = add(database, chosen).request_id
    with database.writing("token 9 (eve)") as session:
        found = show_contact(session, open_sealer(chosen), request_id, "service")
    assert found is not None
    assert found.emails == ["unique-requester@example.org"]
    with database.reading() as session:
        last = view_notice(session, chosen.notices, request_id, utc_now())["history"][-1]
        assert verify(session, {}).problems == []
    assert (last["what"], last["by"], last["purpose"]) == (
        "contact.shown", "token 9 (eve)", "service",
    )  # fmt: skip


def test_parts_that_come_later_leave_the_earlier_ones(database: Database, chosen: Settings) -> None:
    request_id = add(database, chosen).request_id
    supplement(database, chosen, request_id, requester={"phones": ["1"], "name": "Other"})
    with database.writing() as session:
        found = show_contact(session, open_sealer(chosen), request_id, "test")
    assert found is not None
    assert (found.name, found.phones) == ("Other", ["1"])
    assert found.emails == ["unique-requester@example.org"]


def test_a_platform_that_has_the_contact_sends_none(database: Database, chosen: Settings) -> None:
    request_id = add(database, chosen, requester=None, contact_on_file=True).request_id
    with database.writing() as session:
        assert show_contact(session, open_sealer(chosen), request_id, "test") is None
        found = view_notice(session, chosen.notices, request_id, utc_now())
    assert not found["has_contact_here"]
    assert "contact" in found["parts"]


def test_keys_can_be_changed(
    database: Database, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [add(database, chosen, f"form/{number}").request_id for number in range(3)]
    monkeypatch.setenv("NEW_KEY", make_detail_key())
    both = {"detail_keys": [{"env": "NEW_KEY"}, {"env": "DETAIL_KEY"}]}
    changing = open_sealer(settings_with(chosen, cases=both))
    new = open_sealer(settings_with(chosen, cases={"detail_keys": [{"env": "NEW_KEY"}]}))
    with database.writing() as session, pytest.raises(ConfigError, match="is not configured"):
        show_contact(session, new, ids[0], "test")
    with database.writing() as session:
        assert [reencrypt_contacts(session, changing, limit=2) for _ in range(3)] == [2, 1, 0]
    with database.writing() as session:
        assert all(show_contact(session, new, one, "test") for one in ids)


def test_a_requester_of_another_notice_is_not_taken_for_its_own(
    database: Database, chosen: Settings
) -> None:
    one, two = (add(database, chosen, f"form/{number}").request_id for number in range(2))
    with database.writing() as session:
        session.execute(text("DELETE FROM notice_contacts WHERE notice_key = 2"))
        session.execute(text("UPDATE notice_contacts SET notice_key = 2"))
    assert one != two
    with database.writing() as session, pytest.raises(ConfigError, match="was altered"):
        show_contact(session, open_sealer(chosen), two, "test")


def test_retention_leaves_nothing_of_a_notice(database: Database, chosen: Settings) -> None:
    places = [{"content_id": "unique-post", "url": "https://unique.example/x"}]
    request_id = add(database, chosen, "unique-form", places=places).request_id
    close(database, request_id)
    left = ("unique-post", "unique.example", "unique-form")
    assert [one for one in left if one not in _everything(database)] == []
    days = settings_with(chosen, retention={"notice_days": 1e-9})
    apply_retention(database, days, dry_run=False)
    assert [one for one in left if one in _everything(database)] == []
