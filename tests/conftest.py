"""What the tests share: an empty store, a made-up list in it, and the command line."""

from __future__ import annotations

import logging
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeAlias

import hypothesis
import pytest
import structlog
from sqlalchemy import update

from hashmatch.config import Settings
from hashmatch.errors import StoreError
from hashmatch.screening.scanner import Scanner
from hashmatch.store.engine import Database
from hashmatch.store.engine.database import create_private_file
from hashmatch.store.migrations import upgrade
from hashmatch.store.schema import StoreIdentity
from tests import postgresql
from tests.command_line import CommandLine
from tests.pictures import list_of
from tests.scanning import MakeScanner, scanner_maker
from tests.store.importing import DatabaseFactory, import_text

# Timings never decide a test.
hypothesis.settings.register_profile(
    "hashmatch",
    deadline=None,
    # Fixtures make stores, they do not hold one; which database it is of changes with the test.
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("hashmatch")


def pytest_configure(config: pytest.Config) -> None:
    """Let programs of the tests be interrupted, also where they run in the background.

    Such a shell ignores SIGINT for all that it starts. Loops are compiled once, before many
    processes would do so at the same time.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # With the values of all variables, a traceback takes half a minute.
    *others, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, plain])
    if not hasattr(config, "workerinput"):
        subprocess.run([sys.executable, "-c", _COMPILE], check=True)


_COMPILE = """
from PIL import Image
from hashmatch.hashes import Level, View
from hashmatch.imaging.views import Search
search = Search(Level.THOROUGH, 1)
search.begin_frame(0, is_embedded=False)
search.hashes(Image.effect_noise((640, 480), 60), View.FULL)
import hashmatch.index.loops
"""
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Let no test see or touch the user's own configuration and data."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    for name in ("HASHMATCH_CONFIG", "HASHMATCH_DATA_DIR", "HASHMATCH_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


class _Leaks(logging.Handler):
    """Remembers log lines with what looks like a hash, or is one of the tests' secrets."""

    pattern = re.compile(r"secret-|[0-9a-f]{32}", re.IGNORECASE)

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one line."""
        line = record.getMessage()
        if self.pattern.search(line):
            self.lines.append(f"{record.name}: {line}")


@pytest.fixture(autouse=True, scope="session")
def _leaks() -> Iterator[_Leaks]:
    leaks, root = _Leaks(), logging.getLogger()
    root.addHandler(leaks)
    root.setLevel(logging.INFO)
    yield leaks
    root.removeHandler(leaks)


@pytest.fixture(autouse=True)
def _no_hash_or_secret_is_logged(_leaks: _Leaks) -> Iterator[None]:
    """Fail the test during which the log is told what it must not be told."""
    _leaks.lines.clear()
    yield
    assert _leaks.lines == []


# What is tested on PostgreSQL as well: everything that the store does for others. The exchanges are
# left out, whose protocols take long and end in the same deliveries.
_ON_BOTH = (
    # Its protocols ask of the store what these do.
    "sharing/test_exchange",
    "sharing/test_kills",
    "sharing/test_misses",
    "sharing/test_pulling",
    "sharing/test_pytx",
    "sharing/test_serving_exchanges",
    "sharing/test_visibility",
    "sharing/test_writing",
    "notices/",
    "store/",
    "outbox/",
    "cases/",
    "audit/",
    "cybertip/test_submitting",
    "cybertip/test_evidence",
    "cybertip/test_handoff",
    "policy/test_in_force",
    "service/console/test_sharing",
    "regulators/",
    "reports/",
    "evaluate/test_review",
    "evaluate/test_samples",
    "evaluate/test_what_if",
    "lists/test_importing",
    "lists/test_syncing",
    "lists/test_incremental",
    "lists/test_guards",
    "lists/test_kills",
    "lists/test_feedback",
    "lists/test_degenerate",
    "lists/test_promoting",
    "lists/test_reach",
    "index/test_following",
    "engines/test_ledger",
    "engines/test_local",
    "screening/",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests that have a store on both databases, but for those of SQLite's own files."""
    if "backend" in metafunc.fixturenames:
        place = str(Path(str(metafunc.module.__file__)).relative_to(Path(__file__).parent))
        is_of_one = any(metafunc.definition.iter_markers("sqlite"))
        on_both = place.startswith(_ON_BOTH) and not is_of_one
        metafunc.parametrize("backend", ["sqlite", "postgresql"] if on_both else ["sqlite"])


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case by its bytes only where they read as text: others may differ with the clock.

    Compressed bytes have the time in them, and processes that share the tests have to agree.
    """
    is_binary = isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable())
    return argname if is_binary else None


NewURL: TypeAlias = Callable[[Path], AbstractContextManager[str]]


@pytest.fixture
def new_url(backend: str) -> NewURL:
    """Gives, for a folder, the URL of a database of the test's own.

    On PostgreSQL it has its schema, on SQLite it is not there yet: see `_make_store`.
    """
    if backend == "postgresql":
        return lambda _: postgresql.lent_database()
    return lambda folder: nullcontext(f"sqlite:///{folder}/hashmatch.db")


@pytest.fixture
def settings(tmp_path: Path, new_url: NewURL) -> Iterator[Settings]:
    """Settings whose data folder and database are the test's own."""
    folder = tmp_path / "data"
    with new_url(folder) as url:
        yield Settings.model_validate({"data_dir": folder, "database": {"url": url}})


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store at the newest schema in SQLite, to be copied: migrating takes longer."""
    path = tmp_path_factory.mktemp("prepared") / "hashmatch.db"
    with closing(Database(f"sqlite:///{path}")) as database:
        upgrade(database)
    return path


def _make_store(database: Database, prepared: Path) -> None:
    """Bring a new database to the newest schema, each with an identity of its own."""
    if (path := database.sqlite_path()) is not None:
        create_private_file(path)
        with closing(sqlite3.connect(prepared)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)
        database.use_write_ahead_log()
    with database.writing() as session:
        session.execute(update(StoreIdentity).values(identity=secrets.token_hex(16)))


@pytest.fixture
def database(settings: Settings, prepared: Path) -> Iterator[Database]:
    """An empty store at the newest schema."""
    # Long enough for a turn of the thread that seals, also on a busy machine.
    with closing(Database(settings.database_url, busy_timeout_s=12)) as database:
        _make_store(database, prepared)
        yield database


@pytest.fixture
def make_scanner(settings: Settings, database: Database) -> Iterator[MakeScanner]:
    """Makes scanners over the test's store, with a list of drawings 1 and 2."""
    import_text(database, "one", list_of(1, 2, algorithms=("pdq", "sha256")))
    made: list[Scanner] = []
    yield scanner_maker(settings, database, made)
    for scanner in made:
        with suppress(StoreError):  # Some tests end with a store that is gone.
            scanner.close()


@pytest.fixture
def database_factory(
    tmp_path_factory: pytest.TempPathFactory,
    new_url: NewURL,
    prepared: Path,
) -> DatabaseFactory:
    """Makes a new empty store each time it is called, for properties that need many."""

    @contextmanager
    def make() -> Iterator[Database]:
        folder = tmp_path_factory.mktemp("store")
        with new_url(folder) as url, closing(Database(url)) as database:
            _make_store(database, prepared)
            yield database

    return make


@pytest.fixture
def shared_pdq() -> Path:
    """The PDQ reference pictures, which lie beside the checkout where they are to be had."""
    folder = SHARED_DATA / "pdq"
    if not folder.is_dir():
        pytest.skip("the PDQ reference pictures are not beside this checkout")
    return folder


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: Path) -> CommandLine:
    """The command line in a folder of its own, as `hashmatch init` leaves it."""
    line = CommandLine.initialised(tmp_path / "work")
    with closing(Database(f"sqlite:///{line.folder}/data/hashmatch.db")) as database:
        _make_store(database, prepared)
    monkeypatch.chdir(line.folder)
    return line
