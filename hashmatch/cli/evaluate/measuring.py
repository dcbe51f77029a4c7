"""Options that the commands of `hashmatch evaluate` share, and the measurements they ask for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hashmatch.errors import InputError
from hashmatch.hashes import Kind, Level

from ..context import App
from ..output import progress

if TYPE_CHECKING:
    from hashmatch.config import Settings
    from hashmatch.policy import Policy

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Options of a measurement, as they were given."""

    levels: tuple[str, ...]
    algorithms: tuple[str, ...]
    orientations: bool | None
    seed: int
    workers: int | None
    thresholds: tuple[str, ...] = ()


def measuring_options(command: _Command) -> _Command:
    """Add the options of `Wanted` to a command."""
    for option in reversed(
        (
            click.option(
                "--level",
                "levels",
                multiple=True,
                type=click.Choice(["plain", "standard", "thorough"]),
                default=("plain", "standard", "thorough"),
                show_default=True,
                help="Extent of the search; may be given several times.",
            ),
            click.option(
                "--algorithm",
                "algorithms",
                multiple=True,
                default=("pdq",),
                show_default=True,
                help="Perceptual hash algorithm; may be given several times.",
            ),
            click.option(
                "--orientations",
                is_flag=True,
                default=None,
                help="Hash all eight orientations of each picture, rotated and mirrored.",
            ),
            click.option(
                "--seed", type=click.IntRange(0), default=1, show_default=True,
                help="Seed of all chance; the same seed gives the same figures.",
            ),
            click.option(
                "--workers",
                type=click.IntRange(1, 1000),
                help="Processes to measure in; by default one per processor.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


threshold_option = click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="ALGORITHM=BITS",
    help="A threshold in place of the policy's, such as pdq=24; repeatable.",
)


def platform_options(command: _Command) -> _Command:
    """Add the size of the platform to a command."""
    for option in reversed(
        (
            click.option(
                "--entries", type=click.IntRange(1), default=1_000_000, show_default=True,
                help="Entries in the lists, together.",
            ),
            click.option(
                "--images-per-day", "images_a_day", type=click.IntRange(1), default=1_000_000,
                show_default=True, help="Images that are screened a day.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def measured_recall(
    app: App, folder: Path, wanted: Wanted, results: Path | None, groups: tuple[str, ...] = ()
) -> Any:
    """Return the `RecallFigures` of a folder, and write the results where a file is given."""
    from hashmatch.evaluate import (
        Group,
        RecallFigures,
        RecallPlan,
        find_pictures,
        measure_recall,
        open_results,
    )
    from hashmatch.wiring import hashing, limits

    settings = app.settings_with(orientations=wanted.orientations)
    names = tuple(find_pictures(folder))
    plan = RecallPlan(
        folder, names, _levels(wanted), _perceptual(wanted), wanted.seed, limits(settings),
        hashing(settings), _policy(settings, wanted), tuple(map(Group, groups)) or tuple(Group),
    )  # fmt: skip
    with open_results(results, plan.header()) as found:
        done = {name: record for name, record in found.records.items() if name in names}
        with progress("pictures", total=len(names)) as bar:
            bar.advance(bar.task_ids[0], len(done))
            measure_recall(
                plan, found, workers=_workers(wanted), advance=lambda: bar.advance(bar.task_ids[0])
            )
        measured = {name: found.records[name] for name in names}
    _require_some(folder, len(measured) - sum("failure" in one for one in measured.values()), 1)
    return RecallFigures(plan.header(), measured)


def measured_false_matches(
    app: App, folder: Path, wanted: Wanted, results: Path | None, copies_bits: int
) -> Any:
    """Return the `FalseMatchFigures` of a folder, and write them where a file is given."""
    from hashmatch.evaluate import (
        COPIES_ALGORITHM,
        FalseMatchPlan,
        figures_of,
        find_pictures,
        measure_false_matches,
    )
    from hashmatch.reports import private_file
    from hashmatch.wiring import hashing, limits

    settings = app.settings_with(orientations=wanted.orientations)
    names = tuple(find_pictures(folder))
    asked = _perceptual(wanted)
    # Always with PDQ, which says which pictures are copies.
    algorithms = tuple(dict.fromkeys((*asked, COPIES_ALGORITHM)))
    plan = FalseMatchPlan(
        folder, names, _levels(wanted), algorithms, limits(settings), hashing(settings),
        _policy(settings, wanted), copies_bits,
    )  # fmt: skip
    with progress("pictures", total=len(names)) as bar:
        measured = measure_false_matches(
            plan, workers=_workers(wanted), advance=lambda: bar.advance(bar.task_ids[0])
        )
    _require_some(folder, len(measured.names), 2)
    figures = figures_of(
        measured, plan.thresholds_bits(), copies_bits=copies_bits, seed=wanted.seed
    )
    if results is not None:
        with private_file(results) as file:
            file.write(json.dumps({"kind": "false-matches", **figures.as_record()}) + "\n")
    return figures


def require_thresholds(app: App, wanted: Wanted) -> None:
    """Raise `InputError` for an algorithm that has no threshold, or a threshold that has no use."""
    from hashmatch.evaluate import parse_bits
    from hashmatch.hashers import ALGORITHMS

    policy, measured = _policy(app.settings, wanted), _perceptual(wanted)
    if unused := parse_bits(wanted.thresholds).keys() - set(measured):
        name = min(unused)
        raise InputError(
            f"{name} has a threshold and is not measured", hint=f"Give --algorithm {name}, too."
        )
    for name in measured:
        if policy.threshold_bits("", ALGORITHMS[name]) is None:
            raise InputError(
                f"{name} is off: the policy has no threshold for it",
                hint=f"Give --threshold {name}=BITS, or set policy.thresholds_bits.{name}.",
            )


def _policy(settings: Settings, wanted: Wanted) -> Policy:
    """Return the policy with the thresholds that were given in place of its own."""
    from hashmatch.evaluate import parse_bits
    from hashmatch.wiring import open_policy

    given = parse_bits(wanted.thresholds)
    thresholds = {**settings.policy.thresholds_bits, **given}
    policy = settings.policy.model_copy(update={"thresholds_bits": thresholds})
    # What the file says was checked before: an error here is one of the option.
    source = Path("--threshold") if given else settings.source
    return open_policy(settings.model_copy(update={"policy": policy, "source": source}))


def _levels(wanted: Wanted) -> tuple[Level, ...]:
    return tuple(one for one in Level if one in wanted.levels)


def _perceptual(wanted: Wanted) -> tuple[str, ...]:
    """Return the names of the algorithms. Raises `InputError` for one that is not perceptual."""
    from hashmatch.hashers import PIXEL_HASHERS, find_algorithm

    hashed = {one.algorithm.name for one in PIXEL_HASHERS}
    found = [find_algorithm(name) for name in wanted.algorithms]
    for one in found:
        if one.kind is not Kind.PERCEPTUAL or one.name not in hashed:
            raise InputError(
                f"{one.name} cannot be measured: only perceptual hashes of pictures can",
                hint="Give --algorithm pdq, phash, dhash, whash or ahash.",
            )
    return tuple(dict.fromkeys(one.name for one in found))


def _workers(wanted: Wanted) -> int:
    return wanted.workers or os.cpu_count() or 1


def _require_some(folder: Path, pictures: int, least: int) -> None:
    if pictures < least:
        raise InputError(
            f"{folder}: {pictures} of its files can be measured, but {least} are needed",
            hint="Give a folder of pictures, such as JPEG or PNG files.",
        )
