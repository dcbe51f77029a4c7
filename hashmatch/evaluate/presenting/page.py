"""Documents as one HTML page that loads nothing: no script, no font, no picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from .interface import Bars, Curve, Curves, Document, Table
from .scales import Scale, scales_of

_TEMPLATES = files("hashmatch.evaluate.presenting") / "templates"
# Of the drawing, whose units are about pixels on a phone: left, right, top, bottom.
_WIDTH, _HEIGHT = 400, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 382, 18, 222


def as_page(document: Document) -> str:
    """Return the document as HTML, in a light and a dark theme, for wide and narrow windows."""
    # Imported here, since most commands do not need it.
    from jinja2 import Environment, StrictUndefined

    source = (_TEMPLATES / "page.html.j2").read_text(encoding="utf-8")
    # Names of files come from outside, and must not become markup.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(
        document=document,
        sections=[(_form(one), one) for one in document.sections],
        written_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        draw=_draw,
    )


def _form(section: object) -> str:
    match section:
        case Table():
            return "table"
        case Bars():
            return "bars"
        case _:
            return "curves"


@dataclass(frozen=True, slots=True)
class _DrawnCurve:
    """One curve as paths of SVG."""

    label: str
    line: str
    dashes: str
    band: str


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Places of everything in a chart of curves: ticks and marks are (place, text)."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    marks: list[tuple[float, str]]
    curves: list[_DrawnCurve]


def _draw(chart: Curves) -> _Drawing:
    x, y = scales_of(chart)
    return _Drawing(
        _WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM,
        [(_across(x, value), text) for value, text in x.ticks()],
        [(_down(y, value), text) for value, text in y.ticks()],
        [(_across(x, value), text) for value, text in chart.marks.items()],
        [_drawn(one, x, y) for one in chart.curves],
    )  # fmt: skip


def _across(scale: Scale, value: float) -> float:
    return round(_LEFT + scale.place(value) * (_RIGHT - _LEFT), 1)


def _down(scale: Scale, value: float) -> float:
    return round(_BOTTOM - scale.place(value) * (_BOTTOM - _TOP), 1)


def _drawn(curve: Curve, x: Scale, y: Scale) -> _DrawnCurve:
    edge = [(place, low) for place, low, _ in curve.band]
    edge += [(place, high) for place, _, high in reversed(curve.band)]
    return _DrawnCurve(
        curve.label,
        _path(curve.points, x, y),
        _path(curve.extrapolated, x, y),
        f"{_path(edge, x, y)}Z" if edge else "",
    )


def _path(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    places = [f"{_across(x, one)} {_down(y, other)}" for one, other in points]
    return f"M{'L'.join(places)}" if places else ""
