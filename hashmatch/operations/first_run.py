"""The first run: a configuration file and the database that it names."""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hashmatch.config import CONFIG_NAME, load_settings
from hashmatch.errors import ConfigError, StoreError
from hashmatch.store.migrations import upgrade
from hashmatch.wiring import connect


@dataclass(frozen=True, slots=True)
class Initialised:
    """The configuration and database of a first run, and whether they were created."""

    config: Path
    config_was_written: bool
    database: str
    database_was_created: bool


def initialise(
    config: Path | None = None, data_dir: Path | None = None, *, use_environment: bool = True
) -> Initialised:
    """Create the configuration file and the database unless they exist.

    The file is `config`, else the one that HASHMATCH_CONFIG names, else `./hashmatch.toml`. For
    `use_environment` see `load_settings`. Raises `StoreError`, and `ConfigError` also where the
    data folder is set to another one already.
    """
    path = config or Path(os.environ.get("HASHMATCH_CONFIG") or CONFIG_NAME)
    if use_environment and data_dir is not None and os.environ.get("HASHMATCH_DATA_DIR"):
        raise ConfigError(
            "HASHMATCH_DATA_DIR: this variable would win over --data-dir",
            hint="Unset it, or leave out --data-dir.",
        )
    written = not path.exists()
    if written:
        _write(path, data_dir)
    try:
        return _initialised(path, data_dir, written=written, use_environment=use_environment)
    except BaseException:
        if written:  # With another folder it can then be run again.
            path.unlink(missing_ok=True)
        raise


def _initialised(
    path: Path, data_dir: Path | None, *, written: bool, use_environment: bool
) -> Initialised:
    settings = load_settings(path, use_environment=use_environment)
    if data_dir is not None and settings.data_dir != data_dir.absolute():
        raise ConfigError(
            f"{path}: data_dir: the data folder is already set to {settings.data_dir}",
            hint="Change it in that file, or name another file with --config.",
        )
    try:
        with closing(connect(settings)) as database:
            created = upgrade(database)
            return Initialised(path, written, database.name(), created)
    except PermissionError as error:
        raise StoreError(
            f"{error.filename or settings.data_dir}: {error.strerror}",
            hint="Choose a folder that you may write to with --data-dir.",
        ) from error


def _write(path: Path, data_dir: Path | None) -> None:
    lines = ["# hashmatch's configuration. 'hashmatch config sample' documents every key.", ""]
    if data_dir is not None:
        # A JSON string is a TOML string.
        lines.append(f"data_dir = {json.dumps(str(data_dir.absolute()), ensure_ascii=False)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
