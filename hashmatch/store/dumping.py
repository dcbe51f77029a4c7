"""Backups of PostgreSQL, by its own programs `pg_dump` and `pg_restore`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy.engine import make_url

from hashmatch.errors import StoreError

from .engine import Database

# What of its words says why one of them failed, such as the versions that do not fit.
_LINES = 3


def dump_postgresql(database: Database, path: Path) -> None:
    """Dump all of a database to a file, in one state of it. Raises `StoreError`."""
    _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}",
         database=database)  # fmt: skip


def check_dump(path: Path) -> None:
    """Raise `StoreError` unless a file is a dump of a store of hashmatch."""
    listed = _run("pg_restore", "--list", str(path))
    if " TABLE DATA public alembic_version " not in listed:
        raise StoreError(f"{path}: this is no backup of hashmatch")


def restore_postgresql(database: Database, path: Path) -> None:
    """Restore a dump into an empty database, all of it or nothing. Raises `StoreError`."""
    _run("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
         str(path), database=database)  # fmt: skip


def _run(program: str, *arguments: str, database: Database | None = None) -> str:
    found = shutil.which(program)
    if found is None:
        raise StoreError(
            f"{program} is not installed",
            hint="PostgreSQL's client programs make and restore backups of it: install those of"
            " the server's version, or a later one.",
        )
    environment, more = dict(os.environ), []
    if database is not None:
        url = make_url(database.url).set(drivername="postgresql")
        if url.password is not None:
            # Arguments can be seen by everybody on the host.
            environment["PGPASSWORD"] = str(url.password)
        more = [f"--dbname={url.set(password=None).render_as_string()}"]
    done = subprocess.run(  # noqa: S603 (PostgreSQL's own)
        [found, *arguments, *more], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.replace(f"{program}: ", "").strip().splitlines()[:_LINES]
        raise StoreError(f"{found}: {'; '.join(lines) or f'it ended with {done.returncode}'}")
    return done.stdout
