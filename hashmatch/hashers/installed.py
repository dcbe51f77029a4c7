"""Third-party algorithms, licensed or not, from installed packages.

A package registers a `PixelHasher`, a `BytesHasher`, or only the `Algorithm` of hashes that are
looked up but not computed, in the entry-point group `hashmatch.hashers`.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TypeAlias

from hashmatch.errors import ConfigError
from hashmatch.hashes import Algorithm

from .interface import BytesHasher, PixelHasher

GROUP = "hashmatch.hashers"

Installed: TypeAlias = BytesHasher | PixelHasher | Algorithm


def load_installed() -> list[Installed]:
    """Return the hashers and algorithms of installed packages.

    Raises `ConfigError` if one cannot be used: skipping it would silently leave images unmatched.
    """
    found: list[Installed] = []
    for entry in entry_points(group=GROUP):
        owner = f"{entry.name} of {entry.dist.name if entry.dist else 'an unknown package'}"
        hint = "Repair or remove that package."
        try:
            one = entry.load()
        except Exception as error:  # Loading runs the package's code, which may raise anything.
            raise ConfigError(f"{owner} cannot be loaded: {error}", hint=hint) from error
        if not isinstance(one, BytesHasher | PixelHasher | Algorithm):
            raise ConfigError(f"{owner} is neither a hasher nor an algorithm", hint=hint)
        found.append(one)
    return found
