"""Secrets, read when they are needed, from the environment or a file, never from the settings."""

from __future__ import annotations

import os
from pathlib import Path

from hashmatch.errors import ConfigError

from .lists import SecretSettings


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
