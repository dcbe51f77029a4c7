"""Reports beside the templates of their regulators, column by column and point by point.

`templates/` has what the regulators say, apart from the package's own: the blank files of the DSA's
template as the Commission publishes them (digital-strategy.ec.europa.eu, library, "Implementing
Regulation laying down templates concerning the transparency reporting obligations", CSV and XLSX,
which agree), and the points of the others.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from hashmatch.config import Settings
from hashmatch.regulators import (
    Form,
    MadeReport,
    Regulator,
    Span,
    document_of,
    files_of,
    make_regulator_report,
)
from hashmatch.store.engine import Database
from tests.regulators.year import SECTIONS, SINCE, UNTIL, fill_year

TEMPLATES = Path(__file__).parent / "templates"
PARTS = sorted(path.name for path in (TEMPLATES / "dsa").iterdir())
# What the template has where the provider's own values go.
_PERIOD, _FREE = "YYYY-MM-DD/YYYY-MM-DD", 'Text to detail the "Other" keyword.'
_LANGUAGES = 24
Make = Callable[[Regulator], MadeReport]


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Make:
    """Makes reports of a generated year."""
    import shutil
    from contextlib import closing

    path = tmp_path_factory.mktemp("year") / "hashmatch.db"
    shutil.copy(prepared, path)
    with closing(Database(f"sqlite:///{path}")) as database:
        fill_year(database, 5)

    def make(regulator: Regulator, **sections: Any) -> MadeReport:
        settings = Settings.model_validate({**SECTIONS, **sections})
        with closing(Database(f"sqlite:///{path}")) as database, database.reading() as session:
            return make_regulator_report(session, settings, regulator, Span(SINCE, UNTIL))

    return make


@pytest.mark.parametrize("name", PARTS)
def test_each_part_has_the_columns_of_the_template_in_their_order(made: Make, name: str) -> None:
    (text,) = [one.text for one in made(Regulator.DSA).parts if one.name == name]
    template = _rows((TEMPLATES / "dsa" / name).read_text(encoding="utf-8"))
    rows = _rows(text)
    assert rows[0] == template[0]
    assert {len(row) for row in rows} == {len(template[0])}


@pytest.mark.parametrize("name", PARTS)
def test_each_part_has_the_rows_of_the_template_in_their_order(made: Make, name: str) -> None:
    """By the cells that the template fills: who it applies to, category, indicator, scope."""
    (text,) = [one.text for one in made(Regulator.DSA).parts if one.name == name]
    template = _rows((TEMPLATES / "dsa" / name).read_text(encoding="utf-8"))
    columns = [
        place
        for place, title in enumerate(template[0])
        if title
        not in (
            "Service", "Reporting period", "Value", "Contextual information",
            "Contextual Information", 'Description of the sub-category "Other"',
        )
        and any(row[place] for row in template[1:])
    ]  # fmt: skip
    expected = [tuple(row[place] for place in columns) for row in template[1:]]
    found = [tuple(row[place] for place in columns) for row in _rows(text)[1:]]
    if name.startswith("8_"):
        expected, found = _without_languages(expected), _without_languages(found)
        assert found[: len(expected)] == expected
        # Annex II asks for rows of each classifier.
        others = {one[2:] for one in found[len(expected) :]}
        assert {scope for _, scope in others} == {"Own-initiative "}
    else:
        assert found == expected


def _without_languages(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Leave out the rows of languages, which the template abbreviates."""
    return [row for row in rows if not (len(row[-1]) == 2 or row[-1] == "[...]")]


def test_each_language_has_a_row_of_each_indicator(made: Make) -> None:
    (text,) = [one.text for one in made(Regulator.DSA).parts if one.name.startswith("8_")]
    rows = [row for row in _rows(text)[1:] if len(row[5]) == 2]
    for _, some in groupby(rows, key=lambda row: row[4]):
        scopes = [row[5] for row in some]
        assert (scopes[0], scopes[-1], len(set(scopes))) == ("bg", "sv", _LANGUAGES)
    assert len(rows) == 5 * _LANGUAGES
    assert {(row[0], row[6], row[7]) for row in rows} == {("Only for VLOPs", "", "")}


def test_the_files_are_as_rfc_4180_and_the_regulation_want_them(made: Make) -> None:
    """UTF-8 without a mark, lines that end with CR LF, all of one length; numbers as they say."""
    for one in made(Regulator.DSA).parts:
        data = one.text.encode("utf-8")
        assert not data.startswith(b"\xef\xbb\xbf")
        assert data.endswith(b"\r\n")
        assert data.replace(b"\r\n", b"").count(b"\n") == 0
        assert _PERIOD not in one.text
        assert _FREE not in one.text
    for part in ("5_own_initiative_illegal.csv", "6_own_initiative_TC.csv"):
        (text,) = [one.text for one in made(Regulator.DSA).parts if one.name == part]
        for row in _rows(text)[1:]:
            assert all(cell == "" or cell.isdigit() for cell in row[5:21]), row
            assert row[1:3] == ["Example", "2026-01-01/2026-12-31"]


@pytest.mark.parametrize("name", ["interim", "ofcom", "australia"])
def test_each_point_of_a_template_is_a_section_in_its_order(made: Make, name: str) -> None:
    points = (TEMPLATES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    expected = [tuple(one.split("\t")) for one in points if one and not one.startswith("#")]
    report = json.loads(document_of(made(Regulator(name)), Form.JSON))
    assert [(one["code"], one["title"]) for one in report["sections"]] == expected


def test_the_files_of_the_dsa_go_together(made: Make) -> None:
    report = made(Regulator.DSA)
    assert list(files_of(report)) == [
        "1_report_identification.csv",
        "2_categories_names.csv",
        "5_own_initiative_illegal.csv",
        "6_own_initiative_TC.csv",
        "7_appeals_and_recidivism.csv",
        "8_automated_means.csv",
        "11_qualitative.csv",
        "definitions.csv",
        "definitions.html",
    ]
    assert document_of(report, Form.ZIP) == document_of(report, Form.ZIP)
