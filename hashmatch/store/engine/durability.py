"""Durability of the commits of one connection, for long work in short turns.

The log of a database is in order: where a commit is found after a crash, so are those before it. A
connection of which it was changed must not be given back.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

# Each turn of long work writes about a megabyte, and SQLite's log is best kept at a few.
_TURNS_A_CHECKPOINT = 8


def commit_soon(connection: Connection) -> None:
    """Let what this connection commits reach the disk with its next durable commit.

    SQLite moves its log to the file within a commit, for which other writers wait; from here on it
    is moved by `shorten_log` alone.
    """
    if connection.dialect.name == "sqlite":
        _set(connection, "synchronous = NORMAL")
        _set(connection, "wal_autocheckpoint = 0")
    else:
        _run(connection, "SET synchronous_commit = off")


def commit_durably(connection: Connection) -> None:
    """Let what this connection commits be on the disk, as it is with all others."""
    if connection.dialect.name == "sqlite":
        _set(connection, "synchronous = FULL")
    else:
        _run(connection, "RESET synchronous_commit")


def shorten_log(connection: Connection) -> None:
    """Move SQLite's log to the file, beside other writers, at every so many calls."""
    if connection.dialect.name != "sqlite":
        return
    calls = connection.info["calls"] = connection.info.get("calls", 0) + 1
    if calls % _TURNS_A_CHECKPOINT == 0:
        _set(connection, "wal_checkpoint(PASSIVE)")


def _set(connection: Connection, pragma: str) -> None:
    driver = connection.connection.driver_connection
    if driver is not None:
        driver.execute(f"PRAGMA {pragma}").fetchall()


def _run(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))
    connection.commit()
