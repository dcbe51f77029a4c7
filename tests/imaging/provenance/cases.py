"""What a marked file claims, for the tables of marked files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from .carriers import Entry, in_each

Declared = Literal["generated", "partly", "none"]
Credentials = Literal["trusted", "valid", "expired", "invalid", "remote", "none"]


@dataclass(frozen=True)
class Case:
    """A maker of a file, and what a reader must find in the file.

    The states are those with the test's own authority as an anchor and without any anchor.
    """

    make: Callable[[], bytes]
    declared: Declared
    evidence_hint: str
    c2pa: Credentials = "none"
    c2pa_without_anchor: Credentials = "none"


def each_kind(
    name: str,
    declared: Declared,
    hint: str,
    xmp: str = "",
    ifd0: tuple[Entry, ...] = (),
    exif: tuple[Entry, ...] = (),
    only: str = "jpeg png webp avif heic tiff gif",
) -> dict[str, Case]:
    """Return a case for each container that can hold the XMP or the EXIF entries."""
    return {
        f"{name}_{kind}": Case(cache(make), declared, hint)
        for kind, make in in_each(xmp.encode(), ifd0, exif).items()
        if kind in only
    }


def one(make: Callable[[], bytes], hint: str, declared: Declared = "generated") -> Case:
    """Return a case whose file is made once."""
    return Case(cache(make), declared, hint)
