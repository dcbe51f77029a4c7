"""`hashmatch evaluate thresholds`: recall against false matches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..context import App, pass_app
from .measuring import (
    Wanted,
    measured_false_matches,
    measured_recall,
    measuring_options,
    platform_options,
)
from .showing import Shown, show, showing_options


@click.command("thresholds")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--recall",
    "recall_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Results of evaluate recall, in place of measuring it.",
)
@click.option(
    "--false-matches",
    "false_match_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Results of evaluate false-matches, in place of measuring them.",
)
@measuring_options
@platform_options
@click.option(
    "--false-matches-per-day",
    "allowed",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="False matches a day that the configuration to paste may cause.",
)
@showing_options
@pass_app
def command(
    app: App,
    folder: Path | None,
    *,
    recall_file: Path | None,
    false_match_file: Path | None,
    levels: tuple[str, ...],
    algorithms: tuple[str, ...],
    orientations: bool | None,
    seed: int,
    workers: int | None,
    entries: int,
    images_a_day: int,
    allowed: float,
    as_json: bool,
    as_markdown: bool,
    page: Path | None,
    plots: Path | None,
) -> None:
    """Weigh recall against false matches for each threshold.

    With FOLDER, both are measured with the pictures in it; without, they come from the results of
    the other two commands.
    """
    from hashmatch.evaluate import Platform, threshold_document, threshold_rows

    if folder is None and (recall_file is None or false_match_file is None):
        raise click.UsageError("give FOLDER, or both --recall and --false-matches")
    shown = Shown(as_json, as_markdown, page, plots)
    shown.require_plots()
    wanted = Wanted(levels, algorithms, orientations, seed, workers)
    found = _trade_offs(app, folder, wanted, recall_file, false_match_file)
    platform = Platform(entries, images_a_day)
    show(threshold_document(found, platform, allowed), threshold_rows(found, platform), shown)


def _trade_offs(
    app: App,
    folder: Path | None,
    wanted: Wanted,
    recall_file: Path | None,
    false_match_file: Path | None,
) -> Any:
    """Return the trade-offs by level and algorithm, of all that both measurements have."""
    from hashmatch.errors import InputError
    from hashmatch.evaluate import (
        COPIES_BITS,
        FalseMatchFigures,
        RecallFigures,
        read_results,
        trade_offs,
    )
    from hashmatch.hashers import find_algorithm

    if recall_file is not None:
        recall = RecallFigures(*read_results(recall_file, "recall"))
    elif folder is not None:
        recall = measured_recall(app, folder, wanted, None)
    if false_match_file is not None:
        header, _ = read_results(false_match_file, "false-matches")
        false_matches = FalseMatchFigures.from_record(header)
    elif folder is not None:
        false_matches = measured_false_matches(app, folder, wanted, None, COPIES_BITS)
    levels = [one for one in recall.levels if one in wanted.levels]
    if not levels:
        raise InputError(
            "none of the levels was measured",
            hint=f"The results are of {', '.join(recall.levels)}.",
        )
    return {
        (level, algorithm): trade_offs(recall, false_matches, level, algorithm)
        for level in levels
        for algorithm in dict.fromkeys(find_algorithm(one).name for one in wanted.algorithms)
    }
