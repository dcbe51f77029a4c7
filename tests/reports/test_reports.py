"""Reports as others open them: spreadsheets run nothing, pages and PDFs show the figures."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import subprocess
import tracemalloc
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pypdfium2
import pytest
from lxml import etree
from sqlalchemy import text

from hashmatch.cases import CaseAction
from hashmatch.reports import (
    FORMATS,
    CaseRow,
    CSVReport,
    ReportRow,
    case_rows,
    figures_before,
    html_summary,
    pdf_summary,
    read_figures,
    report_rows,
    report_values,
    transparency,
)
from hashmatch.reports.figures import Figures
from hashmatch.store.cases import CaseFilter
from hashmatch.store.engine import Database
from hashmatch.store.matches import MatchFilter, Tally, read_match_page, read_matches
from hashmatch.store.queue import read_cases_by_opening
from tests.cases.making import act, make_match
from tests.pictures import list_of
from tests.programs import require_program
from tests.store.importing import import_text

EVIL = (
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1", "=cmd|' /C calc'!A0",
    '"=1+1"', ",=1+1", ";=1+1", "'=1+1", " =1+1", '=HYPERLINK("http://evil.example","x")',
    "＝1+1",
)  # fmt: skip


def _fill(database: Database) -> None:
    import_text(database, "one", list_of(1, 2, 3))
    for number, name in enumerate(EVIL):
        case = make_match(database, name, entries=(1, 2), category=f"=A{number % 2}")
        if number % 3:
            act(database, case, CaseAction.CONFIRM if number % 3 == 1 else CaseAction.DISMISS)
    tally = Tally(database)
    tally.add(datetime.now(UTC).date(), "clear")
    tally.add(datetime.now(UTC).date(), "unscreened", "truncated")
    tally.flush()


@pytest.fixture(scope="module")
def filled_once(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    """What `filled` copies on SQLite."""
    path = tmp_path_factory.mktemp("filled") / "hashmatch.db"
    shutil.copy(prepared, path)
    with closing(Database(f"sqlite:///{path}")) as database:
        _fill(database)
    return path


@pytest.fixture
def filled(database: Database, filled_once: Path) -> Database:
    """A store with matches under names that would like to be more, and cases in some states."""
    if (path := database.sqlite_path()) is None:
        _fill(database)
    else:
        with (
            closing(sqlite3.connect(filled_once)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
    return database


def _figures(database: Database) -> Figures:
    with database.reading() as session:
        return read_figures(session, None, None)


@pytest.mark.long  # An office suite takes half a minute to start.
@pytest.mark.sqlite
def test_a_spreadsheet_finds_no_formula_in_a_report(filled: Database, tmp_path: Path) -> None:
    require_program("soffice")
    matches, cases = tmp_path / "matches.csv", tmp_path / "cases.csv"
    with filled.reading() as session:
        with matches.open("w", newline="") as stream:
            CSVReport().write(ReportRow, report_rows(session, MatchFilter()), stream)
        with cases.open("w", newline="") as stream:
            CSVReport().write(
                CaseRow, case_rows(session, read_cases_by_opening(session, CaseFilter())), stream
            )
    # Commas, quotes, UTF-8, every cell as the program understands it by itself.
    how = "CSV:44,34,76,1,,0,false,true,false,false,false,-1"
    command = [
        *("soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless"),
        *(f"--infilter={how}", "--convert-to", "fods", "--outdir", str(tmp_path)),
        *(str(matches), str(cases)),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    table = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
    for path in (matches, cases):
        sheet = etree.parse(str(path.with_suffix(".fods")))
        cells = sheet.getroot().findall(f".//{{{table}}}table-cell")
        assert len(cells) > len(EVIL) * 10
        assert [one for one in cells if one.get(f"{{{table}}}formula") is not None] == []


def test_the_rows_of_both_formats_say_the_same(filled: Database) -> None:
    with filled.reading() as session:
        rows = list(case_rows(session, read_cases_by_opening(session, CaseFilter())))
    as_csv, as_lines = ("".join(one.pieces(CaseRow, rows)) for one in FORMATS)
    lines = [json.loads(line) for line in as_lines.splitlines()]
    read = list(csv.DictReader(io.StringIO(as_csv, newline="")))
    assert [one["case"] for one in read] == [one["case"] for one in lines]
    assert {one["content_id"] for one in lines} == set(EVIL)
    assert [int(one["matches"]) for one in read] == [2] * len(EVIL)
    assert {one["state"] for one in lines} == {"open", "confirmed", "false_positive"}


def test_figures_add_up(filled: Database) -> None:
    figures = _figures(filled)
    assert (figures.matches, figures.contents, figures.opened) == (30, 15, 15)
    assert sum(number for _, number in figures.by_category) == 30
    assert sum(number for _, number in figures.by_time) == 30
    assert dict(figures.by_state) == {"open": 5, "confirmed": 5, "false_positive": 5}
    assert figures.decided == 10
    assert figures.median_hours is not None
    assert figures.p90_hours is not None
    assert figures.p90_hours >= figures.median_hours
    counts = transparency(figures)
    assert (counts["images_screened"], counts["images_clear"], counts["images_unscreened"]) == (
        17,
        1,
        1,
    )
    assert "=1+1" not in json.dumps(counts)
    with filled.reading() as session:
        future = datetime.now(UTC) + timedelta(days=1)
        assert read_figures(session, future, None).matches == 0


def test_many_days_are_charted_by_month(filled: Database) -> None:
    with filled.writing() as session:
        session.execute(text("UPDATE matches SET matched_at = '2026-01-31 12:00:00' WHERE key = 1"))
        session.execute(text("UPDATE matches SET matched_at = '2026-03-01 12:00:00' WHERE key = 2"))
    by_time = _figures(filled).by_time
    assert by_time[:3] == [("2026-01", 1), ("2026-02", 0), ("2026-03", 1)]


class _Page(HTMLParser):
    """What a page loads and says."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _evil_figures(database: Database) -> Figures:
    names = ["<script>alert(1)</script>", "#panic()", "$x$", "*bold*", "\\u{1}", "Ω Ж 漢", "]; #x"]
    return replace(_figures(database), by_list=[(one, 3) for one in names])


@pytest.mark.sqlite
def test_a_page_loads_nothing_and_runs_nothing(filled: Database) -> None:
    page = _Page()
    page.feed(html_summary(_evil_figures(filled)))
    assert "script" not in page.tags
    assert page.loads == []
    words = " ".join(page.words)
    assert "<script>alert(1)</script>" in words
    assert "30" in words


@pytest.mark.sqlite
def test_a_pdf_says_what_the_page_says(filled: Database) -> None:
    document = pypdfium2.PdfDocument(pdf_summary(_evil_figures(filled)))
    words = "\n".join(page.get_textpage().get_text_range() for page in document)
    for one in ("Matches and cases", "matched content items", "#panic()", "*bold*", "Ω Ж", "one"):
        assert one in words
    picture = document[0].render(scale=1).to_pil().convert("L")
    dark = sum(picture.histogram()[:128])
    assert 0.005 < dark / (picture.width * picture.height) < 0.5


@pytest.mark.sqlite
def test_a_report_names_the_platform_and_defines_and_compares_its_figures(
    filled: Database,
) -> None:
    now = datetime.now(UTC)
    with filled.reading() as session:
        figures = read_figures(session, now - timedelta(days=30), now)
        before = figures_before(session, figures)
        assert figures_before(session, read_figures(session, None, now)) is None
    assert before is not None
    assert (before.since, before.until) == (now - timedelta(days=60), now - timedelta(days=30))
    figures = replace(figures, median_hours=0.02, p90_hours=30.0, by_time=[("2026-11-01", 99)])
    page = html_summary(figures, replace(before, matches=1_234_567), platform="<Example> & Co")
    assert "&lt;Example&gt; &amp; Co: matches and cases" in page
    for words in (
        "before: 1,234,567", "the period of the same length before", "What is counted",
        "within the threshold of a list", "<b>1 min</b>", "<b>30.0 h</b>",
        "<span>100</span><span>50</span><span>0</span>",
    ):  # fmt: skip
        assert words in page, words
    document = pypdfium2.PdfDocument(pdf_summary(figures, before, platform="<Example> & Co"))
    words = "\n".join(one.get_textpage().get_text_range() for one in document)
    assert "<Example> & Co: matches and cases" in words
    assert "What is counted" in words


@pytest.mark.parametrize("longest", [0, 1, 2, 7, 99, 100, 101, 1_234, 10**9])
def test_an_axis_ends_at_a_number_that_has_a_half(longest: int, filled: Database) -> None:
    figures = replace(_figures(filled), by_time=[("2026-11-01", longest)])
    ticks = re.search(r'class="ticks"[^>]*>(.*?)</div>', html_summary(figures))
    if longest == 0:
        assert ticks is None
        return
    assert ticks
    top, half, zero = (
        int(one.replace(",", "")) for one in re.findall(r"<span>(.*?)</span>", ticks[1])
    )
    assert (half * 2, zero) == (top, 0)
    assert longest <= top <= max(2, longest * 1.2 + 1)


def test_figures_of_nothing_are_a_report_too(database: Database) -> None:
    figures = _figures(database)
    assert "None in this period." in html_summary(figures)
    assert pdf_summary(figures).startswith(b"%PDF")
    assert transparency(figures)["matches"] == 0


@pytest.mark.sqlite
def test_rows_are_written_as_they_come(database: Database, tmp_path: Path) -> None:
    """Ten times as many rows take no more memory."""
    import_text(database, "one", list_of(1))
    make_match(database)
    database.seal_records()  # Or its thread would do so, and take memory, at any time.
    with database.reading() as session:
        (row,) = report_rows(session, MatchFilter())

    def write(number: int) -> int:
        tracemalloc.start()
        with (tmp_path / "report").open("w") as stream:
            assert CSVReport().write(ReportRow, (row for _ in range(number)), stream) == number
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert write(5_000) < write(500) + 100_000


@pytest.mark.parametrize("show_hashes", [True, False])
def test_an_export_of_plain_values_has_the_bytes_of_one_of_rows(
    filled: Database, show_hashes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "hashmatch.store.matches.exporting.read_match_page", partial(read_match_page, limit=2)
    )
    every = MatchFilter()
    with filled.reading() as session:
        first, *_, last = (one.record.matched_at for one in read_matches(session, every))
        for wanted in (
            every,
            MatchFilter(list_name="one"),
            MatchFilter(since=last),
            MatchFilter(until=last),
            MatchFilter(since=first, until=first),
        ):
            rows = list(report_rows(session, wanted, show_hashes=show_hashes))
            values = list(report_values(session, wanted, show_hashes=show_hashes))
            for one in FORMATS:
                assert list(one.pieces(ReportRow, values)) == list(one.pieces(ReportRow, rows))


@pytest.mark.parametrize("start", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", '"=1', ",=1"])
@pytest.mark.parametrize("place", [0, 1])
def test_no_cell_begins_as_a_formula_wherever_it_stands(start: str, place: int) -> None:
    @dataclass
    class Row:
        one: str
        other: str

    cells = ["a, b", "c"]
    cells[place] = start
    text = "".join(CSVReport().pieces(Row, [Row(*cells), tuple(cells)]))
    _, *read = csv.reader(io.StringIO(text, newline=""))
    assert read == [[f"'{one}" if one[0] in "=+-@\t\r\n" else one for one in cells]] * 2
