"""Wiring: assembles a scanner and its parts under a configuration, and decides nothing.

Each part is loaded when it is opened: a command that only asks the store needs little of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hashmatch.config import SecretSettings, Settings, load_settings, read_secret
from hashmatch.errors import ConfigError, StoreError
from hashmatch.hashers import ALGORITHMS
from hashmatch.policy import Policy, PolicyState, policy_of, read_policy_state
from hashmatch.policy import note_policy as note_start_under
from hashmatch.store.engine import Database

if TYPE_CHECKING:
    from hashmatch.imaging import Hashing, Intake, Limits
    from hashmatch.index import LiveIndex
    from hashmatch.match_listener import MatchListener
    from hashmatch.outbox import Sender
    from hashmatch.prompts import PromptScreener
    from hashmatch.retained import Keeper, RetainedFolder
    from hashmatch.screening import AsyncScanner, Observe, Scanner

# The actor that the audit log names by default.
ACTOR = "hashmatch"
_KEY_BYTES = 32
_log = logging.getLogger("hashmatch.policy")
_ANCHORS_HINT = "Name a file with one or more of them, or leave the key out."


def open_scanner(config: str | Path | None = None) -> Scanner:
    """Open a scanner under a configuration file, by default the one in force.

    Raises `ConfigError`, `StoreError` where a match could not be recorded, and
    `NoActiveListError` where there is nothing to match against.
    """
    return open_scanner_with(load_settings(None if config is None else Path(config)))


@asynccontextmanager
async def open_async_scanner(
    config: str | Path | None = None, *, workers: int = 0
) -> AsyncIterator[AsyncScanner]:
    """Open a scanner whose calls are awaited, at most `workers` at a time; see `open_scanner`.

    For `async with`, which closes it at its end.
    """
    from hashmatch.screening import AsyncScanner

    # It loads the index and starts processes, for which an event loop should not wait.
    async with AsyncScanner(await asyncio.to_thread(open_scanner, config), workers) as scanner:
        yield scanner


def open_scanner_with(
    settings: Settings,
    *,
    observe: Observe = lambda _stage, _seconds: None,
    require_lists: bool = True,
    is_counted: bool = True,
    configured: Settings | None = None,
) -> Scanner:
    """Open a scanner under settings that were read before; see `open_scanner`.

    Without `require_lists` it opens even where nothing could match, and then nothing is clear.
    Without `is_counted`, the caller counts what does not match. `configured` are the settings of
    the configuration where options of one command replaced some of them: the policy is theirs.
    """
    from hashmatch.screening import Scanner

    policy = open_policy(settings)
    with ExitStack() as opened:
        # Opened first, so that its processes load while this one does.
        intake = opened.enter_context(closing(open_intake(settings)))
        database = opened.enter_context(closing(open_database(settings)))
        database.require_writable()
        note_policy(configured or settings, database)
        _promote_supported(database)
        scanner = Scanner(
            database=database,
            index=open_index(settings, database),
            intake=intake,
            policy=policy,
            max_bytes=settings.intake.max_bytes,
            listeners=partial(match_listeners, settings),
            observe=observe,
            is_counted=is_counted,
            keeper=open_keeper(settings),
        )
        if require_lists:
            scanner.require_lists()
        opened.pop_all()  # The scanner owns them now.
    return scanner


def _promote_supported(database: Database) -> None:
    """Match unsupported hashes of lists from now on, where an installed package supports them."""
    from hashmatch.store.lists import find_promotable

    with database.reading() as session:
        if not find_promotable(session, ALGORITHMS):
            return
    # Loads the HTTP client, which nothing else of a scan needs.
    from hashmatch.lists import promote_supported

    promote_supported(database)


def open_prompt_screener(config: str | Path | None = None) -> PromptScreener:
    """Open a screener of prompts under a configuration file, by default the one in force.

    Raises `ConfigError`, `StoreError` where a match could not be recorded, and
    `NoActiveListError` where there is no term to look for.
    """
    return open_prompt_screener_with(load_settings(None if config is None else Path(config)))


def open_prompt_screener_with(settings: Settings, *, require_lists: bool = True) -> PromptScreener:
    """Open a screener of prompts under settings that were read before.

    Without `require_lists` it opens even where no term could match, and then no prompt is clear.
    """
    from hashmatch.prompts import PromptScreener

    policy = open_policy(settings)
    digest_key = read_digest_key(settings, settings.prompts.digest_key, "prompts")
    with ExitStack() as opened:
        database = opened.enter_context(closing(open_database(settings)))
        database.require_writable()
        note_policy(settings, database)
        screener = PromptScreener(
            database,
            policy,
            digest_key=digest_key,
            max_characters=settings.prompts.max_characters,
        )
        opened.pop_all()
    if require_lists:
        try:
            screener.require_lists()
        except BaseException:
            screener.close()
            raise
    return screener


def read_digest_key(settings: Settings, secret: SecretSettings | None, name: str) -> bytes:
    """Return a key of digests; without a secret that of a file, which is made where it is missing.

    Raises `ConfigError` and `StoreError`.
    """
    if secret is not None:
        return read_secret(secret).encode()
    path = settings.data_dir / f"{name}.key"
    try:
        with suppress(FileNotFoundError):
            if key := path.read_bytes():
                return key
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Another process may be making it: the first one has made it for both.
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_bytes(os.urandom(_KEY_BYTES))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        return path.read_bytes()
    except OSError as error:
        hint = f"Set {name}.digest_key, or choose another place with data_dir."
        raise StoreError(f"{path}: cannot be made: {error.strerror}", hint=hint) from error


def match_listeners(settings: Settings) -> tuple[MatchListener, ...]:
    """Return the listeners to new matches, in the order in which they are called."""
    # Loads everything about cases, which a scan without matches does not need.
    from hashmatch.cases import CaseOpener
    from hashmatch.outbox import WebhookNotifier

    return (CaseOpener(settings.cases), WebhookNotifier(settings.webhooks))


def senders(settings: Settings, database: Database) -> dict[str, Sender]:
    """Return the senders of outbox messages, by message kind.

    Some send images, so that from then on this process leaves no core dump.
    """
    from hashmatch.cases import case_senders
    from hashmatch.imaging import forbid_core_dumps
    from hashmatch.lists import feedback_senders
    from hashmatch.outbox import webhook_senders

    forbid_core_dumps()

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
    """Return the store of the settings, whether or not it was created."""
    seal = None
    if settings.audit.signing_key is not None:
        # Loads the cryptography, which most commands do without.
        from hashmatch.audit import open_seal

        seal = open_seal(settings)
    return Database(
        settings.database_url,
        busy_timeout_s=settings.database.busy_timeout_s,
        actor=actor,
        seal=seal,
    )


def open_intake(settings: Settings) -> Intake:
    """Return the intake of the settings, which has to be closed.

    From then on this process, which will hold images, leaves no core dump.
    """
    from hashmatch.imaging import InProcessIntake, PoolIntake, forbid_core_dumps

    forbid_core_dumps()
    if settings.intake.isolation == "none":
        return InProcessIntake(
            limits(settings), hashing(settings), trust_anchors=read_trust_anchors(settings)
        )
    return PoolIntake(
        limits(settings),
        hashing(settings),
        workers=settings.intake.workers,
        timeout_s=settings.intake.timeout_s,
        max_memory_bytes=settings.intake.max_memory_bytes,
        trust_anchors=read_trust_anchors(settings),
    )


def read_trust_anchors(settings: Settings) -> str:
    """Return the certificates by which content credentials are trusted, in PEM; empty for none.

    Raises `ConfigError` for a file that cannot be read or has none.
    """
    if not settings.intake.trust_anchors:
        return ""
    from cryptography.x509 import load_pem_x509_certificates

    path = Path(settings.intake.trust_anchors)
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = f"intake.trust_anchors: {path} cannot be read: {error.strerror}"
        raise ConfigError(problem, hint=_ANCHORS_HINT) from error
    try:
        load_pem_x509_certificates(data)
        return data.decode("ascii")
    except ValueError as error:
        problem = f"intake.trust_anchors: {path} is not a file of certificates in PEM"
        raise ConfigError(problem, hint=_ANCHORS_HINT) from error


def open_keeper(settings: Settings) -> Keeper:
    """Return the keeper of hashes, which keeps nothing unless that is asked for.

    Raises `ConfigError`, and `StoreError` where the folder cannot be made.
    """
    from hashmatch.retained import NO_KEEPER, Keeper

    if not settings.retained_hashes.enabled:
        return NO_KEEPER
    return Keeper(open_retained(settings).spools, settings.retained_hashes.algorithms)


def open_retained(settings: Settings) -> RetainedFolder:
    """Return the folder of retained hashes. Raises as `open_keeper` does."""
    from hashmatch.retained import RetainedFolder

    for name in settings.retained_hashes.algorithms:
        if name not in ALGORITHMS:
            raise ConfigError(
                f"retained_hashes.algorithms: {name!r} is not an algorithm that is computed here",
                hint=f"Those are {', '.join(ALGORITHMS)}.",
            )
    return RetainedFolder(settings.retained_dir)


def open_index(settings: Settings, database: Database) -> LiveIndex:
    """Return the index that follows a store, which has to be closed."""
    from hashmatch.index import LiveIndex

    return LiveIndex(
        database,
        settings.index_dir,
        ALGORITHMS,
        max_age_s=settings.index.max_age_s if settings.index.background else None,
        may_rebuild=settings.index.rebuild,
    )


def open_policy(settings: Settings) -> Policy:
    """Return the policy of the settings. Raises `ConfigError`."""
    return Policy(settings, ALGORITHMS)


def note_policy(settings: Settings, database: Database) -> None:
    """Note in the store that this process starts under the policy of the settings, and warn.

    Raises `ConfigError` where the policy needs a reason first, and `StoreError`.
    """
    policy = policy_of(settings, ALGORITHMS)
    actor = f"{ACTOR} of user {login_name()}"
    if warning := note_start_under(database, settings, policy, actor):
        _log.warning(warning)


def read_policy(settings: Settings, database: Database) -> PolicyState:
    """Return the policy of the settings beside the one in force. Raises `StoreError`."""
    return read_policy_state(database, policy_of(settings, ALGORITHMS))


def login_name() -> str:
    """Return the name of the user who runs this, or their number where the system has no name.

    From the system, not from the environment, which the user can set.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def hashing(settings: Settings) -> Hashing:
    """Return the hashing options of the intake."""
    from hashmatch.imaging import Hashing

    intake = settings.intake
    return Hashing(intake.decode, intake.orientations, intake.level)


def limits(settings: Settings) -> Limits:
    """Return the limits of the intake."""
    from hashmatch.imaging import Limits

    intake = settings.intake
    return Limits(
        max_bytes=intake.max_bytes,
        max_pixels=intake.max_pixels,
        max_side=intake.max_side,
        max_frames=intake.max_frames,
        max_distinct_frames=intake.max_distinct_frames,
        # The rest of the time is for what follows the last frame.
        frames_timeout_s=0.75 * intake.timeout_s,
        max_metadata_bytes=intake.max_metadata_bytes,
        max_nesting=intake.max_nesting,
        formats=intake.formats,
    )
