"""Joins the rooms into a working scanner: from a configuration to everything that runs under it."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hashmatch.config import SecretSettings, Settings, load_settings
from hashmatch.errors import ConfigError
from hashmatch.hashers import ALGORITHMS
from hashmatch.imaging import Hashing, InProcessIntake, Intake, Limits, PoolIntake
from hashmatch.index import LiveIndex
from hashmatch.pipeline import Scanner
from hashmatch.policy import Policy
from hashmatch.store import Database

if TYPE_CHECKING:
    from hashmatch.lists import ListSource


def open_scanner(config: str | Path | None = None) -> Scanner:
    """Open a scanner under a configuration file, by default the one in force.

    Raises `ConfigError`, `StoreError` where a match could not be recorded, and
    `NoActiveListError` where there is nothing to match against.
    """
    return open_scanner_with(load_settings(None if config is None else Path(config)))


def open_scanner_with(settings: Settings) -> Scanner:
    """Open a scanner under settings that were read already; see `open_scanner`."""
    policy = open_policy(settings)
    with ExitStack() as opened:
        # First of all, so that its processes load while this one does.
        intake = opened.enter_context(closing(open_intake(settings)))
        database = opened.enter_context(closing(open_database(settings)))
        database.require_writable()
        scanner = Scanner(
            database=database,
            index=open_index(settings, database),
            intake=intake,
            policy=policy,
            max_bytes=settings.intake.max_bytes,
        )
        scanner.require_lists()
        opened.pop_all()  # They are the scanner's now.
    return scanner


def open_database(settings: Settings) -> Database:
    """Open the store, which must have been created. Raises `StoreError`."""
    database = connect(settings)
    try:
        database.require_current_schema()
    except BaseException:
        database.close()
        raise
    return database


def connect(settings: Settings) -> Database:
    """Return the store that the settings name, whether or not it was created."""
    return Database(settings.database_url, busy_timeout_s=settings.database.busy_timeout_s)


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


def open_source(settings: Settings, list_name: str) -> ListSource:
    """Return what a list comes from. Raises `ConfigError`."""
    # Loads the web client, which nothing else needs.
    from hashmatch.lists import FileSource, HTTPSSource, find_format

    source = settings.lists.get(list_name)
    if source is None:
        raise ConfigError(
            f"{settings.source or 'configuration'}: lists.{list_name}: there is no such section",
            hint="sample_config.toml shows what one can say.",
        )
    mapping = settings.mappings.get(source.mapping)
    if source.mapping and mapping is None:
        raise ConfigError(
            f"{settings.source}: lists.{list_name}.mapping: there is no mapping {source.mapping}",
            hint=f"The configuration has {', '.join(settings.mappings)}.",
        )
    find = partial(find_format, name=source.format)
    if source.source == "file":
        return FileSource(Path(source.path), find, mapping)
    password = None if source.password is None else read_secret(source.password)
    auth = None if password is None else (source.username, password)
    return HTTPSSource(source.url, find, mapping, auth=auth, timeout_s=source.timeout_s)


def read_secret(secret: SecretSettings) -> str:
    """Return a secret from the place that the settings name. Raises `ConfigError`."""
    if secret.env:
        if (value := os.environ.get(secret.env, "")) == "":
            raise ConfigError(f"the environment variable {secret.env} holds no secret")
        return value
    try:
        value = Path(secret.file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{secret.file}: the secret cannot be read from there") from error
    if not value:
        raise ConfigError(f"{secret.file}: the file holds no secret")
    return value


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
