"""Joins the rooms into a working scanner: from a configuration to everything that runs under it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from hashmatch.config import Settings, load_settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.imaging import Hashing, InProcessIntake, Intake, Limits, PoolIntake
from hashmatch.index import LiveIndex
from hashmatch.outbox import Sender, announcer, webhook_senders
from hashmatch.outcome import Action, Match
from hashmatch.pipeline import Observe, Scanner
from hashmatch.policy import Policy
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_matchable
from hashmatch.store.matches import ContentFacts

# Who is at work, as the audit chain names them where nobody else is known.
ACTOR = "hashmatch"


def open_scanner(config: str | Path | None = None) -> Scanner:
    """Open a scanner under a configuration file, by default the one in force.

    Raises `ConfigError`, `StoreError` where a match could not be recorded, and
    `NoActiveListError` where there is nothing to match against.
    """
    return open_scanner_with(load_settings(None if config is None else Path(config)))


def open_scanner_with(
    settings: Settings,
    *,
    observe: Observe = lambda _stage, _seconds: None,
    require_lists: bool = True,
) -> Scanner:
    """Open a scanner under settings that were read already; see `open_scanner`.

    Without `require_lists` it is opened even where nothing could match, and then clears nothing.
    """
    policy = open_policy(settings)
    with ExitStack() as opened:
        # First of all, so that its processes load while this one does.
        intake = opened.enter_context(closing(open_intake(settings)))
        database = opened.enter_context(closing(open_database(settings)))
        database.require_writable()
        _adopt_kept_hashes(database)
        scanner = Scanner(
            database=database,
            index=open_index(settings, database),
            intake=intake,
            policy=policy,
            max_bytes=settings.intake.max_bytes,
            announce=partial(announce, settings),
            observe=observe,
        )
        if require_lists:
            scanner.require_lists()
        opened.pop_all()  # They are the scanner's now.
    return scanner


def _adopt_kept_hashes(database: Database) -> None:
    """Match with what lists only kept so far, where a package was installed that can."""
    with database.reading() as session:
        if not find_matchable(session, ALGORITHMS):
            return
    # Loads the web client, which nothing else of a scan needs.
    from hashmatch.lists import adopt_kept

    adopt_kept(database)


def announce(
    settings: Settings,
    session: Session,
    content: ContentFacts,
    matches: Sequence[Match],
    actions: Sequence[Action],
) -> None:
    """Open cases for new matches, and queue what webhooks are to be told of them."""
    from hashmatch.cases import take_in

    new = take_in(settings, session, matches)
    told = [(match, action) for match, action in zip(matches, actions, strict=True) if match in new]
    announcer(settings, session, content, told)


def senders(settings: Settings, database: Database) -> dict[str, Sender]:
    """Return what sends the messages of the outbox, by their kind."""
    # Loads the web client, which a scan does not need.
    from hashmatch.cases import case_senders
    from hashmatch.lists import feedback_senders

    return {
        **feedback_senders(database, settings),
        **webhook_senders(settings),
        **case_senders(settings, database),
    }


def open_database(settings: Settings, actor: str = ACTOR) -> Database:
    """Open the store, which must have been created. Raises `StoreError`."""
    database = connect(settings, actor)
    try:
        database.require_current_schema()
    except BaseException:
        database.close()
        raise
    return database


def connect(settings: Settings, actor: str = ACTOR) -> Database:
    """Return the store that the settings name, whether or not it was created."""
    seal = None
    if settings.audit.signing_key is not None:
        # Loads the cryptography, which most do without.
        from hashmatch.audit import open_seal

        seal = open_seal(settings)
    return Database(
        settings.database_url,
        busy_timeout_s=settings.database.busy_timeout_s,
        actor=actor,
        seal=seal,
    )


def open_intake(settings: Settings) -> Intake:
    """Return the intake that the settings ask for, which has to be closed."""
    if settings.intake.isolation == "none":
        return InProcessIntake(limits(settings), hashing(settings))
    return PoolIntake(
        limits(settings),
        hashing(settings),
        workers=settings.intake.workers,
        timeout_s=settings.intake.timeout_s,
        max_memory_bytes=settings.intake.max_memory_bytes,
    )


def open_index(settings: Settings, database: Database) -> LiveIndex:
    """Return the index that follows a store, which has to be closed."""
    return LiveIndex(
        database,
        settings.index_dir,
        ALGORITHMS,
        max_age_s=settings.index.max_age_s if settings.index.background else None,
        may_rebuild=settings.index.rebuild,
    )


def open_policy(settings: Settings) -> Policy:
    """Return the policy that the settings set down. Raises `ConfigError`."""
    return Policy(settings, ALGORITHMS)


def hashing(settings: Settings) -> Hashing:
    """Return how the intake hashes."""
    return Hashing(settings.intake.decode, settings.intake.orientations)


def limits(settings: Settings) -> Limits:
    """Return the limits of the intake."""
    intake = settings.intake
    return Limits(
        max_bytes=intake.max_bytes,
        max_pixels=intake.max_pixels,
        max_side=intake.max_side,
        max_frames=intake.max_frames,
        sampled_frames=intake.sampled_frames,
        max_metadata_bytes=intake.max_metadata_bytes,
        max_nesting=intake.max_nesting,
        formats=intake.formats,
    )
