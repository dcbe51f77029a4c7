"""Templates of regulators: points in their order, and the blank files of the DSA's."""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

Row: TypeAlias = tuple[str, ...]
_FOLDER = files(__name__)
# The column of part 2 with the codes of categories.
_CODE = 2
OTHER_KEYWORD = "KEYWORD_OTHER"
# The parts that hash matching can say anything of; the others are orders, notices, people, users.
DSA_PARTS = (
    "1_report_identification",
    "2_categories_names",
    "5_own_initiative_illegal",
    "6_own_initiative_TC",
    "7_appeals_and_recidivism",
    "8_automated_means",
    "11_qualitative",
)


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a template, by its code and in its words."""

    code: str
    title: str


@dataclass(frozen=True, slots=True)
class Template:
    """A template of points in their order, with the law that it is of.

    `limits` are what the record cannot know of these points.
    """

    title: str
    source: str
    points: tuple[Point, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A blank part of the DSA's template: its columns and its rows, as the Commission has them."""

    columns: Row
    rows: tuple[Row, ...]


@cache
def read_template(name: str) -> Template:
    """Return a template of points."""
    table = _read(name)
    points = tuple(Point(one["code"], one["title"]) for one in table["points"])
    return Template(table["title"], table["source"], points, tuple(table["limits"]))


@cache
def read_limits() -> tuple[str, ...]:
    """Return what the record cannot know, whatever the report."""
    return tuple(_read("every")["limits"])


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def read_part(name: str) -> Part:
    """Return a blank part of the DSA's template."""
    text = (_FOLDER / "dsa" / f"{name}.csv").read_text(encoding="utf-8")
    columns, *rows = (tuple(row) for row in csv.reader(text.splitlines(keepends=True)))
    return Part(columns, tuple(rows))


@cache
def template_keywords() -> frozenset[str]:
    """Return the keywords of categories that a rule can name.

    Those for other kinds, which every category has, need words of the provider's.
    """
    words = {row[_CODE] for row in read_part("2_categories_names").rows}
    return frozenset(one for one in words if one.startswith("KEYWORD_")) - {OTHER_KEYWORD}
