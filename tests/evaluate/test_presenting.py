"""Documents as Markdown, pages and plots."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from hashmatch.evaluate import Document, as_markdown, as_page, write_plots
from hashmatch.evaluate.presenting import Bar, Bars, Curve, Curves, Table
from hashmatch.evaluate.presenting.interface import percent, small_number
from hashmatch.evaluate.presenting.scales import Scale

DOCUMENT = Document(
    "Recall",
    "A lead.",
    {"pictures": "3"},
    (
        Table("Left out", ("picture", "bits"), (("<b>|&.png", 1234), ("b.png", None)), "A note."),
        Bars("recall", "By group", "", {"chat": (Bar("plain", 80, 60, 70, 90, 85),)}),
        Curves(
            "curves", "By threshold", "", "bits", "a day",
            (Curve("plain", ((1, 0.0), (2, 10)), ((0, 1e-9), (1, 1e-3)), ((0, 0, 1), (2, 1, 20))),),
            is_log_y=True, marks={1: "31"},
        ),
    ),
    "[policy.thresholds_bits]\npdq = 31\n",
)  # fmt: skip


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "action"}]


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    tags = _Tags()
    page = as_page(DOCUMENT)
    tags.feed(page)
    assert not {"script", "img", "link", "iframe", "b" * 9} & set(tags.names)
    assert tags.links == []
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_names_of_files_are_not_markup() -> None:
    page = as_page(DOCUMENT)
    assert "<b>|&.png" not in page
    assert "&lt;b&gt;|&amp;.png" in page
    assert "| <b>\\|&.png | 1,234 |" in as_markdown(DOCUMENT)


def test_a_page_has_both_themes_and_says_its_own_width() -> None:
    page = as_page(DOCUMENT)
    assert "prefers-color-scheme: dark" in page
    assert 'data-theme="dark"' in page
    assert "width=device-width" in page


def test_every_number_that_is_drawn_is_one() -> None:
    page = as_page(DOCUMENT)
    assert not re.search(r"(nan|inf)\b", page.partition("<figure>")[2])


def test_markdown_has_facts_tables_and_configuration() -> None:
    text = as_markdown(DOCUMENT)
    assert "- pictures: 3" in text
    assert "## Left out" in text
    assert "```toml\n[policy.thresholds_bits]\npdq = 31\n```" in text


def test_every_chart_is_a_plot(tmp_path: Path) -> None:
    assert write_plots(DOCUMENT, tmp_path / "plots") == ["recall.png", "curves.png"]
    for name in ("recall.png", "curves.png"):
        with Image.open(tmp_path / "plots" / name) as picture:
            assert picture.width > 800


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.9999, "99.9 %"), (0.5, "50.0 %"), (0.0, "0 %"), (1e-6, "0.1 %")],
)
def test_only_all_is_100_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (4e-7, "4e-07"), (0.0213, "0.021"), (3.14, "3.1"), (1234, "1,200")],
)
def test_numbers_have_two_digits(value: float, text: str) -> None:
    assert small_number(value) == text


def test_scales_place_their_ends_and_name_round_numbers() -> None:
    scale = Scale.over([3e-5, 200], is_log=True)
    assert (scale.place(scale.low), scale.place(scale.high)) == (0, 1)
    assert (10.0, "10") in Scale(1e-5, 1e3, is_log=True).ticks() or len(scale.ticks()) <= 8
    assert [text for _, text in Scale(0, 100, is_log=False).ticks()] == [
        "0", "20", "40", "60", "80", "100",
    ]  # fmt: skip
