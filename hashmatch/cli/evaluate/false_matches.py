"""`hashmatch evaluate false-matches`: how near unrelated pictures come to each other."""

from __future__ import annotations

from pathlib import Path

import click

from ..context import App, pass_app
from .measuring import (
    Wanted,
    measured_false_matches,
    measuring_options,
    platform_options,
    require_thresholds,
    threshold_option,
)
from .showing import Shown, show, showing_options


@click.command("false-matches")
@click.argument("folder", type=click.Path(path_type=Path))
@measuring_options
@threshold_option
@platform_options
@click.option(
    "--copies-bits",
    type=click.IntRange(0, 96),
    default=40,
    show_default=True,
    help="PDQ distance up to which two pictures are taken for copies of each other.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the figures, for evaluate thresholds.",
)
@showing_options
@pass_app
def command(
    app: App,
    folder: Path,
    *,
    levels: tuple[str, ...],
    algorithms: tuple[str, ...],
    orientations: bool | None,
    seed: int,
    workers: int | None,
    thresholds: tuple[str, ...],
    entries: int,
    images_a_day: int,
    copies_bits: int,
    results: Path | None,
    as_json: bool,
    as_markdown: bool,
    page: Path | None,
    plots: Path | None,
) -> None:
    """Measure how near unrelated pictures come to each other.

    Subfolders of FOLDER are kinds of pictures, such as photographs and documents. The pictures are
    decoded in this program, not in a locked-down process: use your own.
    """
    from hashmatch.evaluate import Platform, false_match_document, false_match_rows

    shown = Shown(as_json, as_markdown, page, plots)
    shown.require_plots()
    wanted = Wanted(levels, algorithms, orientations, seed, workers, thresholds)
    require_thresholds(app, wanted)
    figures = measured_false_matches(app, folder, wanted, results, copies_bits)
    platform = Platform(entries, images_a_day)
    show(false_match_document(figures, platform), false_match_rows(figures, platform), shown)
