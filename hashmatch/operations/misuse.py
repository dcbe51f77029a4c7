"""Correction of misuse: a picture that a generator should not have given, and was reported.

Its hashes go to an own list, which every gate follows; it is screened by that list, so that a case
is open; and content on record that it matches is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hashmatch.config import Settings
from hashmatch.errors import InputError, UnknownListError
from hashmatch.hashers import ALGORITHMS, PDQ
from hashmatch.hashes import FILE_HASH, Hash, Level, is_match
from hashmatch.imaging import Intake, path_as_text, read_file
from hashmatch.lists import add_hashes
from hashmatch.outcome import Failure, Matched
from hashmatch.policy import Policy
from hashmatch.screening import plain_hashes
from hashmatch.store.engine import Database
from hashmatch.store.lists import OWN, create_list, find_list
from hashmatch.store.matches import read_content_values
from hashmatch.wiring import open_database, open_intake, open_policy, open_scanner_with

_LISTED = frozenset({PDQ.name, FILE_HASH})
_NAME_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Correction:
    """One picture that is on the list now: its entry, its case's content id, what it matches.

    `earlier` are the ids of content on record that is within the list's threshold.
    """

    path: Path
    entry: int
    content_id: str
    earlier: tuple[str, ...]


def correct_misuse(
    settings: Settings, list_name: str, paths: Sequence[Path], *, note: str, actor: str
) -> Iterator[Correction]:
    """Put pictures on an own list, which is created if it is new, and yield each when it is.

    Raises `InputError` for a file that cannot be hashed, before anything is added of it, and for a
    list that is no own one.
    """
    with (
        closing(open_database(settings)) as database,
        closing(open_intake(settings)) as intake,
    ):
        policy = open_policy(settings)
        hashed = [(path, _hashes_of(settings, policy, intake, path)) for path in paths]
        _require_own_list(database, list_name, actor)
        added = [
            (path, hashes, add_hashes(database, list_name, hashes, note=note, actor=actor))
            for path, hashes in hashed
        ]
        with open_scanner_with(settings) as scanner:
            for path, hashes, entry in added:
                digest = next(one.value.hex() for one in hashes if one.algorithm.name == FILE_HASH)
                name = f"misuse:{digest[:_NAME_CHARACTERS]}"
                outcome = scanner.scan_file(path, content_id=name)
                if not isinstance(outcome, Matched):
                    raise InputError(
                        f"{path_as_text(path)}: is on list {list_name} and does not match it",
                        hint="'hashmatch doctor' says what keeps the list from being matched.",
                    )
                yield Correction(path, entry, name, _earlier(policy, database, list_name, hashes))


def _hashes_of(settings: Settings, policy: Policy, intake: Intake, path: Path) -> tuple[Hash, ...]:
    """Return the hashes of a file as viewers show it. Raises `InputError`."""
    data = read_file(path, settings.intake.max_bytes)
    if isinstance(data, Failure):
        raise InputError(f"{path_as_text(path)}: {data.detail}")
    reading = intake.read(data, _LISTED, Level.PLAIN)
    if reading.failure is not None:
        raise InputError(f"{path_as_text(path)}: {reading.failure.detail}")
    found = plain_hashes(reading.hashes, _LISTED)
    if any(map(policy.is_low_quality, found)):
        raise InputError(f"{path_as_text(path)}: the picture shows too little to be found again")
    return found


def _require_own_list(database: Database, name: str, actor: str) -> None:
    """Create the list if it is new. Raises `InputError` where it is one of another kind."""
    with database.writing(actor) as session:
        try:
            kind = find_list(session, name).kind
        except UnknownListError:
            create_list(session, name, kind=OWN)
            return
    if kind != OWN:
        raise InputError(
            f"list {name} is not an own list", hint="Name another; it is created if it is new."
        )


def _earlier(
    policy: Policy, database: Database, list_name: str, hashes: Sequence[Hash]
) -> tuple[str, ...]:
    """Return the ids of content on record that the hashes match under the list's thresholds."""
    found = set[str]()
    with database.reading() as session:
        for one in hashes:
            threshold = policy.threshold_bits(list_name, ALGORITHMS[one.algorithm.name])
            if threshold is None:
                continue
            own = np.frombuffer(one.value, np.uint8)
            for content_id, value in read_content_values(session, one.algorithm.name):
                distance = np.bitwise_count(own ^ np.frombuffer(value, np.uint8)).sum()
                if is_match(int(distance), threshold):
                    found.add(content_id)
    return tuple(sorted(found))
