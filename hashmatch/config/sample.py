"""The sample configuration, in an installed package or in a checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from hashmatch.errors import ConfigError

_NAME = "sample_config.toml"


def read_sample() -> str:
    """Return the sample configuration, which documents every key. Raises `ConfigError`."""
    package = Path(str(files("hashmatch")))
    for path in (package / _NAME, package.parent / _NAME):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise ConfigError(
        "the sample configuration is missing from this installation", hint="Install it again."
    )
