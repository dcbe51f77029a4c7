"""`hashmatch evaluate recall`: how many altered copies are found."""

from __future__ import annotations

from pathlib import Path

import click

from ..context import App, pass_app
from .measuring import (
    Wanted,
    measured_recall,
    measuring_options,
    require_thresholds,
    threshold_option,
)
from .showing import Shown, show, showing_options


@click.command("recall")
@click.argument("folder", type=click.Path(path_type=Path))
@measuring_options
@threshold_option
@click.option(
    "--group",
    "groups",
    multiple=True,
    help="Group of alterations, such as 'chat'; may be given several times. By default all.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the results, picture by picture; continued where it stopped.",
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
    groups: tuple[str, ...],
    results: Path | None,
    as_json: bool,
    as_markdown: bool,
    page: Path | None,
    plots: Path | None,
) -> None:
    """Measure how many altered copies of pictures are found.

    The pictures in FOLDER are decoded in this program, not in a locked-down process: use your own.
    """
    from hashmatch.evaluate import Group, recall_document, recall_rows

    shown = Shown(as_json, as_markdown, page, plots)
    shown.require_plots()
    if unknown := set(groups) - set(Group):
        known = "; ".join(Group)
        raise click.UsageError(f"there is no group {'; '.join(sorted(unknown))}, only {known}")
    wanted = Wanted(levels, algorithms, orientations, seed, workers, thresholds)
    require_thresholds(app, wanted)
    figures = measured_recall(app, folder, wanted, results, groups)
    show(recall_document(figures), recall_rows(figures), shown)
