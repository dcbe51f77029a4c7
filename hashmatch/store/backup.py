"""Backups of the store: one file that holds all of it, made while others read and write."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hashmatch.errors import InputError, StoreError, StoreSchemaError

from .dumping import check_dump, dump_postgresql, restore_postgresql
from .engine import HEAD_REVISION, Database, audit
from .schema import utc_now

_PAGES_AT_ONCE = 5_000
# What SQLite writes next to a database; a log of another one must never be read into it.
_COMPANIONS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup: its file, its size in bytes, and the revision of its schema where that is known."""

    path: Path
    size_bytes: int
    revision: str | None


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored store: its revision, and what the database before it was renamed to."""

    revision: str | None
    renamed: Path | None


def back_up(database: Database, path: Path) -> Backup:
    """Write all of the store, in one state of it, to a new file that its owner alone may read.

    Others read and write meanwhile. The audit log records it, which the backup has, too. Raises
    `InputError` where the file exists, and `StoreError`.
    """
    if path.exists():
        raise InputError(f"{path}: exists already", hint="Name another file.")
    with database.writing() as session:
        audit(session, "store.backed_up", None, {"file": path.name})
    with _made(path) as made:
        if (source := database.sqlite_path()) is not None:
            _copy_sqlite(source, made)
            revision: str | None = _check_sqlite(made)
        else:
            dump_postgresql(database, made)
            check_dump(made)
            revision = database.schema_revision()
    return Backup(path, path.stat().st_size, revision)


def restore(database: Database, path: Path, *, replace: bool = False) -> Restored:
    """Put a backup in the place of the store; the audit log records it.

    A database in SQLite that is there is renamed where it is to be replaced, and loses nothing.
    PostgreSQL needs an empty one. Raises `InputError`, `StoreSchemaError` for a backup of a newer
    version, and `StoreError`.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    renamed = None
    if (target := database.sqlite_path()) is not None:
        _require_known(path, _check_sqlite(path))
        renamed = _put_in_place(path, target, replace=replace)
    else:
        check_dump(path)
        if database.schema_revision() is not None:
            raise InputError(
                f"{database.name()}: the database is not empty",
                hint="Create an empty one, and name it in database.url.",
            )
        restore_postgresql(database, path)
    revision = database.schema_revision()
    if revision == HEAD_REVISION:
        database.use_write_ahead_log()
        with database.writing() as session:
            audit(session, "store.restored", None, {"file": path.name})
    return Restored(revision, renamed)


def _require_known(path: Path, revision: str) -> None:
    if revision > HEAD_REVISION:  # They are numbered.
        raise StoreSchemaError(
            f"{path}: the backup is of schema {revision}, this program knows {HEAD_REVISION}",
            hint="A newer hashmatch wrote it: install that one.",
        )


@contextmanager
def _made(path: Path) -> Iterator[Path]:
    """Yield a new file next to a place, which is put there once it is complete and on disk."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(_new(part))
    except FileExistsError:
        raise InputError(
            f"{part}: exists already", hint="Remove it where no other backup is being made."
        ) from None
    except OSError as error:
        raise StoreError(f"{part}: cannot be created: {error.strerror}") from error
    try:
        yield part
        _sync(part)
        part.rename(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _copy_sqlite(source: Path, target: Path, *, mode: str = "rw") -> None:
    """Copy one state of a database that others go on changing."""
    address = f"{source.absolute().as_uri()}?mode={mode}"
    try:
        with (
            closing(sqlite3.connect(address, uri=True, isolation_level=None)) as reading,
            closing(sqlite3.connect(target, isolation_level=None)) as writing,
        ):
            # Within one transaction each step sees the same state, and none begins again.
            reading.execute("BEGIN")
            reading.execute("SELECT version_num FROM alembic_version").fetchone()
            # Called after each step, which lets an interrupt through.
            reading.backup(writing, pages=_PAGES_AT_ONCE, progress=lambda *_: None)
            # One file, without a log.
            writing.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"{source}: cannot be copied: {error}") from error


def _check_sqlite(path: Path) -> str:
    """Return the revision of a backup. Raises `StoreError` where it is damaged or none."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            (found,) = opened.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise StoreError(f"{path}: the backup is damaged: {found}")
            row = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"{path}: this is no backup of hashmatch: {error}") from error
    if row is None:
        raise StoreError(f"{path}: this is no backup of hashmatch")
    return str(row[0])


def _put_in_place(path: Path, target: Path, *, replace: bool) -> Path | None:
    """Copy a backup to the place of the database; return what the one before it was renamed to."""
    if target.exists() and not replace:
        raise InputError(
            f"{target}: there is a database already",
            hint="Stop what uses it, and restore with --replace: it is renamed.",
        )
    part = target.with_name(f"{target.name}.restoring")
    renamed = target.with_name(f"{target.name}.before-{utc_now():%Y%m%dT%H%M%S%f}")
    try:
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        os.close(_new(part))
        # As a database: a copy that others made may have a log, which belongs to it.
        _copy_sqlite(path, part, mode="ro")
        _sync(part)
        was_there = target.exists()
        if was_there:
            target.rename(renamed)
        for ending in _COMPANIONS:
            with suppress(FileNotFoundError):
                Path(f"{target}{ending}").rename(f"{renamed}{ending}")
        part.rename(target)
    except OSError as error:
        raise StoreError(f"{target}: cannot be restored: {error.strerror}") from error
    return renamed if was_there else None


def _new(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)


def _sync(path: Path) -> None:
    """Have a file on disk before it gets its name."""
    with path.open("rb") as written:
        os.fsync(written.fileno())
