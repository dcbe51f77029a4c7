"""The diagrams of the documentation are those that the code gives today."""

from __future__ import annotations

import pytest

from docs.site.diagrams import drawn
from docs.site.diagrams.sequences import Call, recorded
from tests.documents import DOCS


def test_every_diagram_is_what_the_code_gives_and_is_shown_somewhere() -> None:
    pages = "".join(path.read_text() for path in DOCS.rglob("*.md"))
    for name, svg in drawn().items():
        # Draw them again: python -m docs.site.diagrams.
        assert (DOCS / "pictures" / name).read_text() == svg, name
        assert f"pictures/{name})" in pages


def test_a_scan_is_drawn_with_calls_in_the_order_in_which_they_are_made() -> None:
    calls = recorded()["scan"]
    order = [
        Call("platform", "screening", "ScanMethods.scan_file"),
        Call("screening", "index", "LiveIndex.snapshot"),
        Call("screening", "imaging", "PoolIntake.read"),
        Call("screening", "index", "Snapshot.search_distinct"),
        Call("screening", "store", "record_items"),
        Call("screening", "cases", "CaseOpener.on_new_matches"),
    ]
    assert [one for one in calls if one in order] == order


def test_what_imports_do_not_bear_out_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from docs.site.diagrams import structure

    monkeypatch.setattr(structure, "_PROGRAMS", (("a program", "of its own", "client"),))
    with pytest.raises(AssertionError, match="client"):
        structure.draw_programs()
