"""Checks of the installation, the configuration, the database and the lists."""

from __future__ import annotations

import platform
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from hashmatch.config import Settings
from hashmatch.errors import HashmatchError
from hashmatch.hashers import ALGORITHMS, BYTES_HASHERS, PIXEL_HASHERS, hash_bytes
from hashmatch.imaging import (
    PoolIntake,
    ProcessFailedError,
    are_core_dumps_forbidden,
    can_read_credentials,
    load_jxl,
)
from hashmatch.index import IndexFolder, inspect
from hashmatch.lists import ListReach, forecast_words, reach_of_list
from hashmatch.outbox import require_signing
from hashmatch.policy import SHORT
from hashmatch.store.engine import Database, read_unsealed
from hashmatch.store.lists import MATCH, OWN, count_active_entries, read_lists, read_quarantines
from hashmatch.store.schema import utc_now
from hashmatch.wiring import (
    open_database,
    open_intake,
    open_policy,
    read_policy,
    read_trust_anchors,
)

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


# False matches of a million images above which a list deserves a warning: where it blocks, and
# where people review what it finds.
_MAX_FALSE_BLOCKS = 1.0
_MAX_FALSE_REVIEWS = 100.0
# A record is sealed within about a second.
_MAX_UNSEALED = timedelta(minutes=1)


class Health(StrEnum):
    """The severity of a finding."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked subject, its health and the next step."""

    subject: str
    health: Health
    detail: str
    hint: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Run all checks and return their findings; a check that raises yields a finding, too."""
    checks = (
        _look_at_program,
        _look_at_config,
        _look_at_hashers,
        _look_at_formats,
        _look_at_content_credentials,
        _look_at_isolation,
        _look_at_core_dumps,
        _look_at_webhooks,
        _look_at_guards,
    )
    findings = [finding for check in checks for finding in _guarded(check, settings)]
    try:
        with closing(open_database(settings)) as database:
            for look in (
                _look_at_database,
                _look_at_audit_log,
                _look_at_recorded_policy,
                _look_at_index,
                _look_at_lists,
                _look_at_reach,
            ):
                findings.extend(look(settings, database))
    except HashmatchError as error:
        findings.append(Finding("database", Health.BAD, error.message, error.hint))
    return findings


def _guarded(
    check: Callable[[Settings], Iterator[Finding]], settings: Settings
) -> Iterator[Finding]:
    try:
        yield from check(settings)
    except HashmatchError as error:
        yield Finding(check.__name__.removeprefix("_look_at_"), Health.BAD, error.message)


def _look_at_program(_: Settings) -> Iterator[Finding]:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    detail = f"hashmatch {version('hashmatch')}, Python {platform.python_version()}"
    yield Finding("program", Health.GOOD, f"{detail}, SQLite {sqlite3.sqlite_version}, {libraries}")


def _look_at_config(settings: Settings) -> Iterator[Finding]:
    open_policy(settings)
    yield Finding("configuration", Health.GOOD, str(settings.source or "defaults, no file"))


def _look_at_hashers(_: Settings) -> Iterator[Finding]:
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


def _look_at_formats(settings: Settings) -> Iterator[Finding]:
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


def _look_at_content_credentials(settings: Settings) -> Iterator[Finding]:
    anchors = read_trust_anchors(settings)
    if not can_read_credentials():
        # Only those who asked for it lack something.
        health = Health.WARNING if anchors else Health.GOOD
        detail = "unread without the extra provenance"
        yield Finding("content credentials", health, detail, "Install the extra 'provenance'.")
    else:
        by = f"trusted by {settings.intake.trust_anchors}" if anchors else "without trust anchors"
        yield Finding("content credentials", Health.GOOD, f"verified, {by}")


def _look_at_isolation(settings: Settings) -> Iterator[Finding]:
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


def _look_at_core_dumps(_: Settings) -> Iterator[Finding]:
    """Check that this process, which opened an intake as the service does, leaves no core dump."""
    if are_core_dumps_forbidden():
        yield Finding("core dumps", Health.GOOD, "none of a process that holds images")
    else:
        detail = "a crash may leave a file with the bytes of images"
        hint = "Set a limit of 0 (ulimit -c 0, or LimitCORE=0 in a unit) where it is started."
        yield Finding("core dumps", Health.WARNING, detail, hint)


def _look_at_webhooks(settings: Settings) -> Iterator[Finding]:
    """Check that the messages of each webhook can be signed."""
    for name, one in settings.webhooks.items():
        try:
            require_signing(one)
        except HashmatchError as error:
            yield Finding(f"webhook {name}", Health.BAD, error.message, error.hint)
        else:
            yield Finding(f"webhook {name}", Health.GOOD, "messages can be signed")


def _look_at_guards(settings: Settings) -> Iterator[Finding]:
    """Check that what sources add to lists is compared with harmless pictures."""
    unguarded = [
        name
        for name, one in settings.lists.items()
        if one.kind == MATCH and not (one.guards or settings.guards).benign_sample
    ]
    if unguarded:
        detail = f"no benign sample shows whether sources flood {', '.join(unguarded)}"
        hint = "Write one: hashmatch hash FILES... --json; then set guards.benign_sample."
        yield Finding("guards", Health.WARNING, detail, hint)


def _look_at_database(_: Settings, database: Database) -> Iterator[Finding]:
    try:
        database.require_writable()
    except HashmatchError as error:
        yield Finding("database", Health.BAD, error.message, error.hint)
        return
    path = database.sqlite_path()
    if path is not None and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        detail = f"{path}: other users of this machine can read the lists in it"
        yield Finding("database", Health.WARNING, detail, f"Run: chmod 600 {path}")
    else:
        yield Finding("database", Health.GOOD, f"{database.name()}, writable")


def _look_at_audit_log(_: Settings, database: Database) -> Iterator[Finding]:
    """Check that records are sealed soon after they are written."""
    with database.reading() as session:
        found = read_unsealed(session)
    if found.oldest is None or utc_now() - found.oldest < _MAX_UNSEALED:
        yield Finding("audit log", Health.GOOD, "its records are sealed")
        return
    detail = (
        f"{found.records} records are not sealed, the oldest since {found.oldest:%Y-%m-%d %H:%M}"
    )
    hint = (
        "Run 'hashmatch audit verify'. If they are intact, the service or the next command that"
        " writes seals them; without a signature, one without audit.signing_key."
    )
    yield Finding("audit log", Health.WARNING, detail, hint)


def _look_at_recorded_policy(settings: Settings, database: Database) -> Iterator[Finding]:
    """Check that the policy is on record with its reason."""
    state = read_policy(settings, database)
    if state.is_unexplained:
        health = Health.WARNING
        if not state.is_in_force:  # Nothing has started under it.
            health = Health.BAD if settings.policy.require_reason else Health.GOOD
        yield Finding("policy", health, *state.problem())
    else:
        word = "in force" if state.is_in_force else "in force from the next start on"
        yield Finding("policy", Health.GOOD, f"{state.policy.digest[:SHORT]}, {word}")


def _look_at_index(settings: Settings, database: Database) -> Iterator[Finding]:
    found = inspect(database, IndexFolder(settings.index_dir), ALGORITHMS)
    if found.problem:
        may = "it is rebuilt at the next scan" if settings.index.rebuild else found.hint
        yield Finding("index", Health.WARNING, found.problem, may)
    elif found.manifest is None or found.behind:
        detail = "it is built at the next scan"
        yield Finding("index", Health.GOOD, f"{settings.index_dir}: {detail}")
    else:
        size = found.manifest.size_bytes() / 1e6
        yield Finding("index", Health.GOOD, f"{settings.index_dir}: sound, {size:.1f} MB")


def _look_at_lists(settings: Settings, database: Database) -> Iterator[Finding]:
    today = utc_now().date()
    with database.reading() as session:
        lists = read_lists(session)
        counts = count_active_entries(session)
        quarantined = read_quarantines(session)
    for one in lists:
        subject = f"list {one.name}"
        counted = ", ".join(f"{number} {kind}" for name, kind, number in counts if name == one.name)
        if not counted and one.kind == OWN:
            yield Finding(subject, Health.GOOD, "your own list, which has no entries yet")
        elif not counted:
            hint = f"Import it: hashmatch lists import {one.name} FILE.csv"
            yield Finding(subject, Health.WARNING, "it has no entries", hint)
        elif one.licence_has_ended(today):
            hint = "Nothing is clear until 'lists licence' extends it or 'lists remove' removes it."
            yield Finding(subject, Health.BAD, f"its licence ended {one.licence_end}", hint)
        elif one.licence_ends_soon(today):
            yield Finding(subject, Health.WARNING, f"{counted}; its licence ends {one.licence_end}")
        else:
            yield Finding(subject, Health.GOOD, f"{counted}, generation {one.generation}")
        if one.name in quarantined:
            hint = f"Look at it: hashmatch lists diff {one.name}"
            yield Finding(subject, Health.WARNING, "a delivery of its source is quarantined", hint)
    if not any(one.active_entries for one in lists):
        hint = "Import one: hashmatch lists import NAME FILE.csv"
        yield Finding("lists", Health.BAD, "there is nothing to match against", hint)
    known = {one.name for one in lists}
    named = [(f"policy.lists.{name}", name) for name in open_policy(settings).named_lists()]
    named += [
        (f"webhooks.{key}", name) for key, one in settings.webhooks.items() for name in one.lists
    ]
    for section, name in sorted(named):
        if name not in known:
            detail = f"[{section}] names a list that does not exist: {name}"
            yield Finding("configuration", Health.WARNING, detail)


def _look_at_reach(settings: Settings, database: Database) -> Iterator[Finding]:
    """Check that each list is matched, and how many false matches it leads to."""
    policy = open_policy(settings)
    with database.reading() as session:
        counts = count_active_entries(session)
        reaches = [
            (
                one,
                reach_of_list(
                    session, policy, one, {k: n for name, k, n in counts if name == one.name}
                ),
            )
            for one in read_lists(session)
        ]
    for one, reach in reaches:
        subject = f"list {one.name}"
        if reach.not_matched:
            yield _look_at_unmatched(subject, one.name, reach)
        blocks = policy.may_block(one.name)
        limit = _MAX_FALSE_BLOCKS if blocks else _MAX_FALSE_REVIEWS
        if reach.forecast.false_matches > limit:
            consequence = "which are blocked" if blocks else "for people to review"
            detail = (
                f"about {forecast_words(reach.forecast)} false matches are to be expected of a"
                f" million images, {consequence}"
            )
            hint = f"Lower policy.lists.{one.name}.thresholds_bits."
            if blocks:
                hint = f"{hint} Or set policy.lists.{one.name}.action to review."
            yield Finding(subject, Health.WARNING, detail, hint)
        if reach.near_forecast.false_matches > _MAX_FALSE_REVIEWS:
            detail = (
                f"about {forecast_words(reach.near_forecast)} pictures of a million are to be"
                " expected near it that are none of it, for people to review"
            )
            hint = f"Lower policy.lists.{one.name}.review_bits."
            yield Finding(subject, Health.WARNING, detail, hint)


def _look_at_unmatched(subject: str, name: str, reach: ListReach) -> Finding:
    """Return the finding on a list with hashes that are not matched."""
    algorithms = ", ".join(reach.not_matched)
    key = f"policy.lists.{name}.thresholds_bits.{next(iter(reach.not_matched))}"
    if not reach.is_matched:
        detail = f"nothing of it is matched, which has {algorithms} hashes alone"
        hint = f"Nothing is clear until {key} is set or the list is removed."
        return Finding(subject, Health.BAD, detail, hint)
    numbers = ", ".join(f"{number} {one}" for one, number in reach.not_matched.items())
    detail = f"not matched without a threshold: {numbers}"
    if not reach.entries_not_matched:
        return Finding(subject, Health.GOOD, f"{detail}; each entry has another hash")
    detail += f"; {reach.entries_not_matched} entries have no other hash"
    return Finding(subject, Health.WARNING, detail, f"Set {key}, or ask for PDQ or exact hashes.")


def _self_test_pixels() -> NDArray[np.uint8]:
    """Return a picture of shape (80, 96, 3) that needs no decoder and no random numbers."""
    y, x = np.mgrid[0:80, 0:96]
    bands = (x * x // 37 + y * 3, y * y // 29 + x * 5, x * y // 17 + x + y)
    return (np.stack(bands, axis=2) % 256).astype(np.uint8)
