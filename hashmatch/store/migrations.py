"""The schema's versions: bring a database to this program's, or say how it differs."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError

from .engine import HEAD_REVISION, Database, audit, create_private_file, is_sqlite
from .schema import FIGURE_TRIGGERS, Base, Case, utc_now

# What PostgreSQL calls the turn to change the schema.
_TURN_TO_MIGRATE = 0x686D00
# The revision that opened cases for the matches of before, due when these were found.
_WITH_CASES = "0011"
_CASES_A_PAGE = 1000


def migrations_folder() -> Path:
    """Return the folder of the migrations, in an installed package or in a checkout."""
    package = Path(str(files("hashmatch")))
    for folder in (package / "_migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise StoreError("the migrations are missing from this installation", hint="Install it again.")


def newest_revision() -> str:
    """Return the revision of the newest migration in the folder."""
    return ScriptDirectory(str(migrations_folder())).get_current_head() or ""


def upgrade(
    database: Database,
    revision: str = HEAD_REVISION,
    *,
    finish: Callable[[Session], object] = lambda _: None,
) -> bool:
    """Create the database or bring it up to `revision`; say whether anything changed.

    Cases that this opens, for matches of a time without cases, are due from now on. `finish` is
    called in the same transaction, where there was a database of another revision.
    """
    path = database.sqlite_path()
    if path is not None and not path.exists():
        create_private_file(path)
    found = database.schema_revision()
    if found == revision:
        return False
    if found is not None and found > HEAD_REVISION:  # They are numbered.
        database.require_current_schema()
    database.use_write_ahead_log()
    with database.connection() as connection, database.transaction(connection) as session:
        if not is_sqlite(session):
            # Several hosts may begin at once; the others then find nothing left to do.
            session.execute(select(func.pg_advisory_xact_lock(_TURN_TO_MIGRATE)))
        command.upgrade(_alembic_config(session.connection()), revision)
        if found is not None:
            if found < _WITH_CASES and revision == HEAD_REVISION:
                _make_cases_due_now(session)
            finish(session)
    return True


def _make_cases_due_now(session: Session) -> None:
    """Let no case be overdue that nobody could have worked on."""
    now, last = utc_now(), 0
    query = select(Case).where(Case.due_at < now).order_by(Case.key).limit(_CASES_A_PAGE)
    while page := session.scalars(query.where(Case.key > last)).all():
        for case in page:
            case.due_at = case.changed_at = now
            case.revision += 1
            audit(session, "case.due", case, {"due_at": now.isoformat()})
        last = page[-1].key
        session.flush()


def downgrade(database: Database, revision: str) -> None:
    """Take the database back to an older revision, "base" for none at all."""
    with database.connection() as connection, database.transaction(connection) as session:
        command.downgrade(_alembic_config(session.connection()), revision)


def schema_differences(database: Database) -> list[str]:
    """Return in words where the database's schema is not that of the models; empty when it is."""
    with database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        found = [_difference(one) for one in compare_metadata(context, Base.metadata)]
        return found + [f"missing trigger: {one}" for one in _missing_triggers(session)]


def _missing_triggers(session: Session) -> list[str]:
    """Return the names of triggers without which the figures would no longer be true."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if is_sqlite(session)
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    )
    found = set(session.scalars(text(query)))
    return [one for one in FIGURE_TRIGGERS if one not in found]


def integrity_problems(database: Database) -> list[str]:
    """Return what the database's own check finds wrong with its file; empty when sound."""
    if database.sqlite_path() is None:
        return []
    with database.reading() as session:
        found = [str(row[0]) for row in session.execute(text("PRAGMA quick_check(20)"))]
        orphans = len(session.execute(text("PRAGMA foreign_key_check")).all())
    problems = [line for line in found if line != "ok"]
    return problems + ([f"{orphans} rows refer to rows that are missing"] if orphans else [])


def _alembic_config(connection: object) -> Config:
    config = Config()
    # Alembic reads the option with Python's own interpolation, to which "%" is special.
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _difference(one: object) -> str:
    # Alembic gives nested tuples; the kind of difference and the names in it are enough here.
    if isinstance(one, list):
        return "; ".join(_difference(part) for part in one)
    if not isinstance(one, tuple):
        return str(one)
    names = [str(getattr(part, "name", part)) for part in one[1:] if part is not None]
    return f"{one[0]}: {' '.join(names)}"
