"""Tables for people: they fit into the terminal, and break neither words nor times."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta, timezone

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from hashmatch.cli.output import print_facts, print_table


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _printed(
    patch: pytest.MonkeyPatch, columns: list[str], rows: list[list[object]], width: int | None
) -> str:
    """Return a table as a terminal of that width shows it, or as a file holds it."""
    stream = io.StringIO() if width is None else _Terminal()
    with patch.context() as inner:
        inner.setattr(sys, "stdout", stream)
        if width is not None:
            inner.setenv("COLUMNS", str(width))
        print_table("Title", columns, rows)
    return click.unstyle(stream.getvalue())


_COLUMNS = ["case", "content_id", "state", "due_at", "entries", "cause"]
_DUE = datetime(2026, 3, 9, 14, 5, 59, tzinfo=UTC)
_ROWS: list[list[object]] = [
    [1, "post/1", "open", _DUE, "2 md5, 13 pdq", "a delivery is quarantined: it withdraws much"],
    [23, "post/2345", "escalated", None, "none", ""],
]


@pytest.mark.parametrize("width", [80, 60])
def test_a_table_fits_and_breaks_no_word_and_no_time(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    lines = _printed(monkeypatch, _COLUMNS, _ROWS, width).splitlines()
    assert max(map(len, lines)) <= width
    words = set(" ".join(lines).replace("│", " ").replace("┃", " ").split())
    assert words >= {"quarantined:", "withdraws", "escalated", "post/2345", "(UTC)"}
    assert any("2026-03-09 14:05" in line for line in lines)


def test_where_the_words_do_not_fit_each_row_is_a_record_of_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "https://platform.example/posts/" + "1234567890" * 5
    text = _printed(
        monkeypatch, ["case", "content_id", "due_at"], [[1, url, _DUE], [2, "x", None]], 60
    )
    assert text.splitlines() == [
        "Title",
        "",
        "  case        1",
        f"  content id  {url}",
        "  due (UTC)   2026-03-09 14:05",
        "",
        "  case        2",
        "  content id  x",
        "  due (UTC)",
    ]


def test_in_a_file_nothing_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _printed(monkeypatch, ["cause"], [["word " * 500]], None).splitlines()
    assert max(map(len, lines)) > 2000


def test_times_are_in_utc_to_the_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    east = datetime(2026, 3, 9, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    rows: list[list[object]] = [[east, "2026-03-09T14:05:59.123456+00:00", "2026-03-09"]]
    text = _printed(monkeypatch, ["opened_at", "due_at", "day"], rows, 80)
    assert "2026-03-08 23:30" in text
    assert "2026-03-09 14:05 " in text
    assert text.count("(UTC)") == 2


def test_facts_are_names_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts("Case 1", {"legal_hold": "order 1", "revision": 3})
    text = capsys.readouterr().out
    assert "legal hold" in text
    assert {"name", "value", "order", "3"} <= set(text.replace("│", " ").replace("┃", " ").split())


def test_facts_within_facts_are_words(capsys: pytest.CaptureFixture[str]) -> None:
    within = {"retention_class": None, "keep_until": "2027-01-01", "is_held": True}
    print_facts("Case", {"means": ["exact_hash", "perceptual_hash"], "merged": [], "of": within})
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()[3:]]
    assert lines == [
        "means   exact_hash, perceptual_hash",
        "merged",
        "of      keep until: 2027-01-01; is held: yes",
    ]


_WORDS = st.text("abcdefgh漢Ω", min_size=1, max_size=24)
_CELLS = st.one_of(
    st.none(),
    st.integers(0, 10**9),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(_WORDS, max_size=9).map(" ".join),
)


@settings(max_examples=50)
@given(
    rows=st.integers(1, 7).flatmap(
        lambda columns: st.lists(
            st.lists(_CELLS, min_size=columns, max_size=columns), min_size=1, max_size=3
        )
    ),
    width=st.sampled_from([60, 80]),
)
def test_no_table_is_too_wide_or_loses_a_word(rows: list[list[object]], width: int) -> None:
    columns = [f"column_{number}" for number in range(len(rows[0]))]
    with pytest.MonkeyPatch.context() as patch:
        text = _printed(patch, columns, rows, width)
    found = text.split()
    for cell in (cell for row in rows for cell in row):
        if isinstance(cell, datetime):
            assert cell.strftime("%Y-%m-%d %H:%M") in text
        elif isinstance(cell, str):
            assert set(cell.split()) <= set(found)
    if "─" in text:  # Records of lines are as long as their values.
        assert max(map(cell_len, text.splitlines())) <= width


def test_text_that_looks_like_a_time_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    time = "2026-01-31T12:00:59+00:00"
    text = _printed(monkeypatch, ["content_id", "due_at"], [[time, time]], None)
    assert text.count(time) == 1
    assert text.count("2026-01-31 12:00") == 1
    assert "due (UTC)" in text
    assert "content id (UTC)" not in text
