"""Claims about security: each names a test that is there; the promises are the README's."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.documents import DOCS, PAGES, ROOT, tables

PROMISES_PAGE = "docs/security.md"
THREATS_PAGE = "docs/threat-model.md"
_BOUNDARIES = re.findall(r"^## ([A-Z])\. (.+)$", PAGES[THREATS_PAGE], re.MULTILINE)
_PROMISES = dict(re.findall(r"^## (\d+)\. (.+)$", PAGES[PROMISES_PAGE], re.MULTILINE))
_HELD_BY = re.compile(r"\[([^\]]+)\]\(\.\./(tests/[\w/]+\.py)\)")


def _claims() -> list[tuple[str, list[str]]]:
    """Return each row that claims something, with the heading that it is under."""
    headings = [(PROMISES_PAGE, f"## {one}. {title}") for one, title in _PROMISES.items()]
    headings.append((PROMISES_PAGE, "## Further protections"))
    headings += [(THREATS_PAGE, f"## {letter}. {title}") for letter, title in _BOUNDARIES]
    rows = [(heading, row) for page, heading in headings for row in tables(PAGES[page], heading)]
    return [(heading, row) for heading, row in rows if "held by" not in row]


@cache
def _tests_in(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    module = ast.parse(path.read_text())
    return {one.name for one in module.body if isinstance(one, functions)}


def _missing(text: str, file: str) -> str:
    """Return what a link to a test names and is not there, "" where all of it is."""
    path = ROOT / file
    if not path.exists():
        return file
    name = "test_" + text.replace(" ", "_")
    found = _tests_in(path)
    is_there = any(one.startswith("test_") for one in found) if text == path.name else name in found
    return "" if is_there else f"{file}: {name}"


@pytest.mark.parametrize("page", [PROMISES_PAGE, THREATS_PAGE])
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    named = _HELD_BY.findall(PAGES[page])
    assert named
    assert [one for text, file in named if (one := _missing(text, file))] == []


def test_every_claim_names_a_test() -> None:
    claims = _claims()
    assert len(claims) > 100
    assert [row for _, row in claims if not any(map(_HELD_BY.search, row))] == []


def test_every_table_of_the_pages_is_of_claims_or_of_what_is_at_stake() -> None:
    """No table is added to the pages that no test looks at."""
    rows = sum(
        line.startswith("| ") and not line.startswith("| ---")
        for page in (PROMISES_PAGE, THREATS_PAGE)
        for line in PAGES[page].splitlines()
    )
    headers = len(_PROMISES) + 1 + len(_BOUNDARIES)
    at_stake = [
        *tables(PAGES[THREATS_PAGE], "## Assets"),
        *tables(PAGES[THREATS_PAGE], "## Actors"),
    ]
    assert rows == len(_claims()) + headers + len(at_stake)


def test_the_promises_are_those_of_the_readme() -> None:
    _, _, rest = PAGES["README.md"].partition("\n## Security promises\n")
    promised = re.findall(r"^(\d+)\. \*\*(.+?)\.?\*\*", rest.partition("\n## ")[0], re.MULTILINE)
    assert promised
    assert list(_PROMISES.items()) == promised


def test_each_promise_says_what_it_covers_and_what_not() -> None:
    for number, title in _PROMISES.items():
        _, _, rest = PAGES[PROMISES_PAGE].partition(f"\n## {number}. {title}\n")
        section = rest.partition("\n## ")[0]
        for part in ("**Promised.**", "**Enforced.**", "**Not covered.**"):
            assert part in section, f"{number}: {part}"


def test_every_boundary_has_threats_of_all_six_kinds_and_somebody_who_meets_it() -> None:
    _, *actors = tables(PAGES[THREATS_PAGE], "## Actors")
    met = {letter for *_, cell in actors for letter in cell.split(", ")}
    assert met == {letter for letter, _ in _BOUNDARIES}
    for letter, title in _BOUNDARIES:
        _, *rows = tables(PAGES[THREATS_PAGE], f"## {letter}. {title}")
        assert {row[0] for row in rows} == set("STRIDE"), letter


def test_every_asset_is_covered_by_promises_that_there_are() -> None:
    _, *assets = tables(PAGES[THREATS_PAGE], "## Assets")
    named = {number for *_, cell in assets for number in cell.split(", ")}
    assert named == _PROMISES.keys()


def test_the_pages_are_short_enough_to_be_read() -> None:
    for name in ("security.md", "threat-model.md"):
        assert len((DOCS / name).read_text().splitlines()) < 250
