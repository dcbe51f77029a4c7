"""Boxes, arrows and texts as SVG, which is the same each time it is drawn."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

_NAMESPACE: Final = "http://www.w3.org/2000/svg"
_INK: Final = "#1b2733"
_LINE: Final = "#5b6b7a"
# What a box is to the one who reads: fill, border, text.
_COLOURS: Final = {
    "program": ("#1d5fa8", "#164a84", "#ffffff"),
    "part": ("#e8f0fa", "#1d5fa8", _INK),
    "other": ("#eceff2", _LINE, _INK),
    "person": ("#12406f", "#0c2c4d", "#ffffff"),
}
_LINE_PX: Final = 15
# Of the font's characters at 12 px, on average.
_CHARACTER_PX: Final = 6.1


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its upper left corner and its size in px."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        """The point in its middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def border_towards(self, other: Box) -> tuple[float, float]:
        """Return where the line from its middle to another's leaves it."""
        (x, y), (to_x, to_y) = self.middle, other.middle
        right, down = to_x - x, to_y - y
        shares = [
            size / 2 / abs(way)
            for size, way in ((self.width, right), (self.height, down))
            if abs(way) > 0
        ]
        share = min(shares, default=0.0)
        return x + right * share, y + down * share


class Drawing:
    """A drawing of a width and a height in px, on white."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._root = ElementTree.Element(
            "svg",
            {"xmlns": _NAMESPACE, "viewBox": f"0 0 {width} {height}", "width": str(width),
             "height": str(height), "role": "img", "font-family": "Helvetica, Arial, sans-serif",
             "font-size": "12"},
        )  # fmt: skip
        self._add("title", {}, title)
        definitions = self._add("defs", {})
        marker = ElementTree.SubElement(
            definitions, "marker",
            {"id": "tip", "viewBox": "0 0 8 8", "refX": "7", "refY": "4", "markerWidth": "8",
             "markerHeight": "8", "orient": "auto-start-reverse"},
        )  # fmt: skip
        ElementTree.SubElement(marker, "path", {"d": "M0 0 8 4 0 8z", "fill": _LINE})
        self._add("rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})

    def box(self, box: Box, name: str, words: str, kind: str) -> None:
        """Draw a box with a name and, below it, words in as many lines as they need."""
        fill, border, ink = _COLOURS[kind]
        place = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
        colours = {"fill": fill, "stroke": border, "stroke-width": "1.5"}
        self._add(
            "rect", {**{one: _px(value) for one, value in place.items()}, "rx": "4", **colours}
        )
        lines = textwrap.wrap(words, int((box.width - 12) / _CHARACTER_PX))
        x, y = box.middle
        y += 4 - len(lines) * _LINE_PX / 2
        self.text((x, y), name, fill=ink, weight="bold")
        for line in lines:
            y += _LINE_PX
            self.text((x, y), line, fill=ink)

    def arrow(self, box: Box, other: Box, words: str = "") -> None:
        """Draw an arrow from one box to another, with words in its middle."""
        start, end = box.border_towards(other), other.border_towards(box)
        self.line(start, end)
        if words:
            x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
            lines = textwrap.wrap(words, 22)
            y += 4 - (len(lines) - 1) * _LINE_PX / 2
            for number, line in enumerate(lines):
                self.text((x, y + number * _LINE_PX), line, edge="#ffffff")

    def line(
        self, start: tuple[float, float], end: tuple[float, float], *, tip: bool = True
    ) -> None:
        """Draw a line, with a tip at its end or, without one, in a light grey."""
        ends = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
        look = {"stroke": _LINE, "marker-end": "url(#tip)"} if tip else {"stroke": "#c3ccd4"}
        self._add("line", {**{one: _px(value) for one, value in ends.items()}, **look})

    def text(
        self,
        place: tuple[float, float],
        words: str,
        *,
        fill: str = _INK,
        weight: str = "normal",
        edge: str = "",
    ) -> None:
        """Write a line whose middle is at a place; an edge covers the lines that cross it."""
        look = {"text-anchor": "middle", "fill": fill, "font-weight": weight}
        if edge:
            look |= {"stroke": edge, "stroke-width": "4", "paint-order": "stroke"}
        self._add("text", {"x": _px(place[0]), "y": _px(place[1]), **look}, words)

    def __str__(self) -> str:
        ElementTree.indent(self._root, " ")
        return ElementTree.tostring(self._root, encoding="unicode") + "\n"

    def _add(self, tag: str, attributes: dict[str, str], text: str = "") -> ElementTree.Element:
        element = ElementTree.SubElement(self._root, tag, attributes)
        element.text = text or None
        return element


def _px(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.1f}".removesuffix(".0")
