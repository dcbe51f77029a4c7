"""Charts as PNG files, drawn by matplotlib, which is an extra."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hashmatch.errors import ConfigError
from hashmatch.reports import private_folder

from .interface import Bars, Curves, Document
from .scales import scales_of

_COLOURS = ("#1f6fa8", "#b35900", "#2b7a3d", "#7b3fa0", "#8a6d00", "#a3245f")
_NEAR = "#9cc3e0"
_DOTS_PER_INCH = 150


def write_plots(document: Document, folder: Path) -> list[str]:
    """Write each chart of a document into a folder; return the names of the files.

    Raises `ConfigError` where the extra is not installed, `InputError` where the folder cannot be
    written.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    names = []
    with private_folder(folder) as place:
        for chart in document.charts:
            height = 1.3 + 0.19 * _rows(chart) if isinstance(chart, Bars) else 4.5
            figure = Figure(figsize=(8, height), layout="constrained")
            axes = figure.add_subplot()
            axes.set_title(chart.title, loc="left", fontsize=11, pad=18)
            if isinstance(chart, Bars):
                _plot_bars(axes, chart)
            else:
                _plot_curves(axes, chart)
            axes.spines[["top", "right"]].set_visible(False)
            names.append(f"{chart.name}.png")
            figure.savefig(place / names[-1], dpi=_DOTS_PER_INCH)
    return names


def require_matplotlib() -> None:
    """Raise `ConfigError` where matplotlib is not installed."""
    # Only looked for, since it takes long to load.
    if find_spec("matplotlib") is None:
        raise ConfigError(
            "plots need the extra 'evaluate'", hint="pip install 'hashmatch[evaluate]'"
        )


def _rows(chart: Bars) -> int:
    return sum(len(bars) + 1 for bars in chart.bars.values())


def _plot_bars(axes: Any, chart: Bars) -> None:
    place = 0.0
    ticks = []
    for label, bars in chart.bars.items():
        ticks.append((place + (len(bars) - 1) / 2, label))
        for bar in bars:
            axes.barh(place, bar.share, 0.85, color=_NEAR)
            axes.barh(place, bar.narrow_share, 0.85, color=_COLOURS[0])
            axes.plot([bar.low, bar.high], [place, place], color="black", linewidth=0.8)
            if bar.target is not None:
                axes.plot([bar.target] * 2, [place - 0.5, place + 0.5], color="#b3261e")
            axes.text(101, place, bar.series, fontsize=6, va="center")
            place += 1
        place += 1
    axes.set_yticks([one for one, _ in ticks], [label for _, label in ticks], fontsize=8)
    axes.set_ylim(place - 0.5, -1)
    axes.set_xlim(0, 100)
    axes.set_xlabel("found, in percent (dark: within the threshold; light: near; red: target)")


def _plot_curves(axes: Any, chart: Curves) -> None:
    for number, curve in enumerate(chart.curves):
        colour = _COLOURS[number % len(_COLOURS)]
        if curve.band:
            axes.fill_between(*zip(*curve.band, strict=True), color=colour, alpha=0.16, linewidth=0)
        axes.plot(*_split(curve.points), color=colour, label=curve.label)
        axes.plot(*_split(curve.extrapolated), color=colour, linestyle="--", linewidth=1)
    for place, text in chart.marks.items():
        axes.axvline(place, color="grey", linestyle=":", linewidth=1)
        axes.annotate(text, (place, 1), xycoords=("data", "axes fraction"), fontsize=8, ha="center")
    x, y = scales_of(chart)
    axes.set_xscale("log" if chart.is_log_x else "linear")
    axes.set_yscale("log" if chart.is_log_y else "linear")
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(y.low, y.high)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.grid(color="#e6ebf0")
    axes.legend(fontsize=8, frameon=False)


def _split(points: Any) -> tuple[list[float], list[float]]:
    return [one for one, _ in points], [other for _, other in points]
