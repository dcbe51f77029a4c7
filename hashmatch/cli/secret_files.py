"""Key files: readable by their owner alone, never overwritten."""

from __future__ import annotations

import os
from pathlib import Path

from hashmatch.errors import InputError


def write_secret(path: Path, secret: str) -> None:
    """Write a secret into a new file. Raises `InputError`."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secret + "\n")
    except FileExistsError as error:
        raise InputError(
            f"{path}: the file already exists",
            hint="Choose another name; keys are never overwritten.",
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
