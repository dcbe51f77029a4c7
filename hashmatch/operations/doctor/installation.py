"""Checks of the installation: libraries, hashers, formats, and the isolation of decoders."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from hashmatch._version import __version__
from hashmatch.config import Settings
from hashmatch.hashers import BYTES_HASHERS, PIXEL_HASHERS, hash_bytes
from hashmatch.imaging import (
    PoolIntake,
    ProcessFailedError,
    are_core_dumps_forbidden,
    can_read_credentials,
    load_jxl,
)
from hashmatch.wiring import (
    open_intake,
    read_trust_anchors,
)

from .findings import Finding, Health

_LIBRARIES = ("pillow", "pillow-heif", "numpy", "imagehash", "scipy", "sqlalchemy", "alembic")
_OPTIONAL_FORMATS = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}
# The hashes of `_self_test_pixels`, as computed when this version was released. Lists are
# matched with these bits: a library that computes others breaks matching without an error.
_SELF_TEST = {
    "md5": "c3b99bf54f923896658cf1c904fbe747",
    "sha1": "72400ef4b6d778d40f4ea46912f6dfc6e01f8b71",
    "sha256": "295863dd3d4614fe8d1aa8010d68520f0944caa393ac672390c26babc900adc6",
    "pdq": "ef9d98dd6788d86937124865979e6865c788ad2d3ada67a74468ccc1988ed998",
    "phash": "840c38512bf2adff",
    "dhash": "f7e6e6edcad4ad1b",
    "whash": "131337376eeac489",
    "ahash": "131337376eead4c9",
}


def look_at_program(_: Settings) -> Iterator[Finding]:
    """Name the versions, and libraries that are missing."""
    versions = {name: _version_of(name) for name in _LIBRARIES}
    libraries = ", ".join(f"{name} {own}" for name, own in versions.items() if own)
    detail = f"hashmatch {__version__}, Python {platform.python_version()}"
    yield Finding("program", Health.GOOD, f"{detail}, SQLite {sqlite3.sqlite_version}, {libraries}")
    for name in (name for name, own in versions.items() if not own):
        hint = "Install hashmatch again, in an environment of its own."
        yield Finding("program", Health.BAD, f"{name} is not installed", hint)


def _version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def look_at_hashers(_: Settings) -> Iterator[Finding]:
    """Hash a picture whose hashes are known."""
    pixels = _self_test_pixels()
    picture = Image.fromarray(pixels)
    hashes = (
        *hash_bytes(pixels.tobytes(), BYTES_HASHERS),
        *(hasher.hash_pixels(picture) for hasher in PIXEL_HASHERS),
    )
    found = {one.algorithm.name: one for one in hashes}
    wrong = sorted(name for name, bits in _SELF_TEST.items() if found[name].value.hex() != bits)
    if wrong:
        detail = f"{', '.join(wrong)} computes other bits than this release was tested with"
        hint = "Install the library versions of this release, see pyproject.toml."
        yield Finding("hashers", Health.BAD, detail, hint)
    else:
        yield Finding("hashers", Health.GOOD, f"{', '.join(found)} compute the expected bits")


def look_at_formats(settings: Settings) -> Iterator[Finding]:
    """Name the image formats, and those that cannot be decoded."""
    enabled = settings.intake.formats
    missing = [
        name
        for name in enabled
        if name in _OPTIONAL_FORMATS and not features.check(_OPTIONAL_FORMATS[name])
    ]
    without_extra = "; JXL needs the extra jxl" if "JXL" in enabled and not load_jxl() else ""
    if missing:
        detail = f"this build of Pillow cannot decode {', '.join(missing)}"
        hint = "Install a complete Pillow, or such files will be unscreened."
        yield Finding("formats", Health.WARNING, detail, hint)
    else:
        yield Finding("formats", Health.GOOD, ", ".join(enabled) + without_extra)


def look_at_content_credentials(settings: Settings) -> Iterator[Finding]:
    """Say whether content credentials are read, and whom they are trusted from."""
    anchors = read_trust_anchors(settings)
    if not can_read_credentials():
        # Only those who asked for it lack something.
        health = Health.WARNING if anchors else Health.GOOD
        detail = "unread without the extra provenance"
        yield Finding("content credentials", health, detail, "Install the extra 'provenance'.")
    else:
        by = f"trusted by {settings.intake.trust_anchors}" if anchors else "without trust anchors"
        yield Finding("content credentials", Health.GOOD, f"verified, {by}")


def look_at_isolation(settings: Settings) -> Iterator[Finding]:
    """Start a decoding process and report its protections."""
    with closing(open_intake(settings)) as intake:
        if not isinstance(intake, PoolIntake):
            detail = "images are decoded in hashmatch's own process: a crash ends it, no time limit"
            hint = 'Set intake.isolation = "process" unless every file is trusted.'
            yield Finding("isolation", Health.WARNING, detail, hint)
            return
        try:
            protections = intake.protections()
        except ProcessFailedError as error:
            hint = "Nothing can be screened until it does."
            yield Finding("isolation", Health.BAD, error.failure.detail, hint)
            return
    on = ", ".join(name for name, is_on in protections.items() if is_on)
    detail = f"images are decoded in separate processes: {settings.intake.timeout_s:g} s, {on}"
    if off := ", ".join(name for name, is_on in protections.items() if not is_on):
        hint = (
            "Screen untrusted uploads on a Linux that has them, or in a container without network."
        )
        yield Finding("isolation", Health.WARNING, f"{detail}; not available here: {off}", hint)
    else:
        yield Finding("isolation", Health.GOOD, detail)


def look_at_core_dumps(_: Settings) -> Iterator[Finding]:
    """Check that this process, which opened an intake as the service does, leaves no core dump."""
    if are_core_dumps_forbidden():
        yield Finding("core dumps", Health.GOOD, "none of a process that holds images")
    else:
        detail = "a crash may leave a file with the bytes of images"
        hint = "Set a limit of 0 (ulimit -c 0, or LimitCORE=0 in a unit) where it is started."
        yield Finding("core dumps", Health.WARNING, detail, hint)


def _self_test_pixels() -> NDArray[np.uint8]:
    """Return a picture of shape (80, 96, 3) that needs no decoder and no random numbers."""
    y, x = np.mgrid[0:80, 0:96]
    bands = (x * x // 37 + y * 3, y * y // 29 + x * 5, x * y // 17 + x + y)
    return (np.stack(bands, axis=2) % 256).astype(np.uint8)
