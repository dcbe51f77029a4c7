"""Algorithms of others, under licence or not, that an installed package brings along.

A package names a `PixelHasher`, a `BytesHasher`, or the `Algorithm` alone of hashes that are only
looked up, in the entry-point group `hashmatch.hashers`.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TypeAlias

from hashmatch.errors import ConfigError
from hashmatch.hashes import Algorithm

from .interface import BytesHasher, PixelHasher

GROUP = "hashmatch.hashers"

Installed: TypeAlias = BytesHasher | PixelHasher | Algorithm


def installed() -> list[Installed]:
    """Return what installed packages bring. Raises `ConfigError` where one cannot be used.

    To pass it over would leave images unmatched without a word.
    """
    found: list[Installed] = []
    for entry in entry_points(group=GROUP):
        owner = f"{entry.name} of {entry.dist.name if entry.dist else 'an unknown package'}"
        hint = "Repair or remove that package."
        try:
            one = entry.load()
        except Exception as error:
            raise ConfigError(f"{owner} cannot be loaded: {error}", hint=hint) from error
        if not isinstance(one, BytesHasher | PixelHasher | Algorithm):
            raise ConfigError(f"{owner} is no hasher and no algorithm", hint=hint)
        found.append(one)
    return found
