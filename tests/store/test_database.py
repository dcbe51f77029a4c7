"""Units of work: committed in full or not at all, with clear errors."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text

from hashmatch.config import Settings
from hashmatch.errors import ConfigError, StoreError, StoreLockedError, StoreReadOnlyError
from hashmatch.store.engine import Database
from hashmatch.store.lists import create_list, read_lists
from hashmatch.store.schema import HashList
from tests.store.locking import somebody_writes


def test_a_failure_in_the_middle_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        create_list(session, "half")
        raise ZeroDivisionError
    with database.reading() as session:
        assert read_lists(session) == ()


def test_a_locked_database_is_reported_as_locked(settings: Settings, database: Database) -> None:
    with closing(Database(settings.database_url)) as other, somebody_writes(other):
        with pytest.raises(StoreLockedError, match=r"[\w.]+: the database is locked"):
            with database.writing() as session:
                create_list(session, "one")
        with database.reading() as session:  # Readers go on.
            assert read_lists(session) == ()
    database.require_writable()


@pytest.mark.sqlite
def test_a_read_only_database_is_reported_as_such(settings: Settings, database: Database) -> None:
    database.close()
    path = settings.data_dir / "hashmatch.db"
    with closing(Database(f"sqlite:///file:{path}?mode=ro&uri=true")) as read_only:
        read_only.require_current_schema()
        with pytest.raises(StoreReadOnlyError, match=r"hashmatch\.db"):
            read_only.require_writable()


@pytest.mark.sqlite
@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write what is read-only")
def test_a_file_without_write_permission_is_read_only(
    settings: Settings, database: Database
) -> None:
    database.close()
    path = settings.data_dir / "hashmatch.db"
    path.chmod(0o400)
    with closing(Database(settings.database_url)) as read_only, pytest.raises(StoreReadOnlyError):
        read_only.require_writable()


def test_errors_never_show_parameters(database: Database) -> None:
    with pytest.raises(StoreError) as caught, database.writing() as session:
        session.execute(text("INSERT INTO nowhere VALUES (:value)"), {"value": "secret-value"})
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "secret-value" not in str(chain)
        chain = chain.__cause__


@pytest.mark.parametrize(
    "url", ["nonsense", "nosuchdb://x/y", "://", "sqlite://", "sqlite:///:memory:"]
)
def test_a_url_that_cannot_be_opened_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url"):
        Database(url)


@pytest.mark.sqlite
def test_a_password_in_the_url_is_never_shown(database: Database) -> None:
    database.url = "postgresql://user:hunter2@host/name"
    assert "hunter2" not in database.name()


def test_ctrl_c_stops_a_statement_that_runs_for_ever(database: Database) -> None:
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 - 1 FROM n) SELECT max(i) FROM n"
    )
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), database.reading() as session:
        session.execute(text(endless))
    assert time.monotonic() - begun < 30  # For ever, without the interrupt.


@pytest.mark.sqlite
def test_an_interrupt_is_reported_although_it_took_the_savepoints_with_it(
    database: Database,
) -> None:
    fill = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " INSERT INTO daily_counts SELECT '2026-01-01', hex(randomblob(100)), i, 1 FROM n"
    )
    with pytest.raises(KeyboardInterrupt), database.writing() as session:
        session.begin_nested()
        driver = session.connection().connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(lambda: 1, 100)
        session.execute(text(fill))


def test_moments_come_back_as_they_were_in_utc(database: Database) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    with database.writing() as session:
        create_list(session, "x").created_at = moment
    with database.reading() as session:
        created_at = session.scalars(select(HashList.created_at)).one()
    assert created_at == moment
    assert created_at.tzinfo is UTC


def test_a_moment_without_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="time zone"), database.writing() as session:
        create_list(session, "x").created_at = datetime(2026, 3, 1, 12)
