"""Secrets and files that settings name: read when they are needed, never a part of the settings."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from hashmatch.errors import ConfigError

from .lists import SecretSettings

# Keys that name what has to be there, unlike folders that are made when they are needed.
_FILES = frozenset(
    ("trust_anchors", "tls_certificate", "tls_key", "ca_file", "template", "benign_sample")
)


def read_secret(secret: SecretSettings) -> str:
    """Return a secret from the place that the settings name. Raises `ConfigError`."""
    if secret.env:
        if (value := os.environ.get(secret.env, "")) == "":
            raise ConfigError(f"the environment variable {secret.env} is not set, or is empty")
        return value
    try:
        # Editors end a file with a new line, which is no part of the secret.
        value = Path(secret.file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{secret.file}: the secret cannot be read") from error
    if not value:
        raise ConfigError(f"{secret.file}: the file of the secret is empty")
    return value


def settings_problems(settings: BaseModel, *, but: Container[str] = ()) -> list[str]:
    """Return, with their places, which secrets and files that settings name cannot be read.

    `but` has the names of sections that are not looked at.
    """
    return [
        f"{place}: {problem}"
        for place, problem in _problems("", settings)
        if place.partition(".")[0] not in but
    ]


def require_secrets(settings: BaseModel, *, but: Container[str] = ()) -> None:
    """Raise `ConfigError` where settings name a secret or a file that cannot be read."""
    if problems := settings_problems(settings, but=but):
        hint = "Set them or remove their sections; 'hashmatch config check' looks for all of them."
        raise ConfigError("; ".join(problems), hint=hint)


def _problems(place: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case SecretSettings():
            try:
                read_secret(value)
            except ConfigError as error:
                yield place, error.message
        case BaseModel():
            for name in type(value).model_fields:
                yield from _problems(f"{place}.{name}" if place else name, getattr(value, name))
        case Mapping():
            for name, one in value.items():
                yield from _problems(f"{place}.{name}", one)
        case list() | tuple():
            for number, one in enumerate(value):
                yield from _problems(f"{place}.{number}", one)
        case str() if value and place.rpartition(".")[2] in _FILES and not Path(value).exists():
            yield place, f"{value}: there is no such file"
        case _:
            return
