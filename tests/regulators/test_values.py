"""Values of reports: sums of raw rows, definitions, the period before, and no 0 for unknown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdfium2
import pytest

from hashmatch.config import Settings
from hashmatch.errors import ConfigError, InputError
from hashmatch.regulators import (
    Figure,
    Form,
    MadeReport,
    RecallLine,
    Regulator,
    Span,
    document_of,
    make_regulator_report,
)
from hashmatch.store.engine import Database, audit
from hashmatch.store.migrations import upgrade
from tests.regulators.recount import GENERATED, INTIMATE, MATERIAL, Recount, Rows
from tests.regulators.year import BEFORE, SECTIONS, SINCE, UNTIL, fill_year

YEAR, EARLIER = Span(SINCE, UNTIL), Span(BEFORE, SINCE)
ILLEGAL = {
    "Visibility restriction Removal": "removal",
    "Visibility restriction Disable": "disabled",
    "Visibility restriction Other": "other",
    "Monetary restriction Other": "monetary",
    "Provision of the service Suspension": "service_suspended",
    "Account restriction Suspension": "account_suspended",
    "Account restriction Termination": "account_terminated",
}
FIRST = "Number of measures taken at the provider's own initiative "


def _make(
    database: Database, regulator: Regulator, span: Span = YEAR, recall: Any = (), **sections: Any
) -> MadeReport:
    settings = Settings.model_validate({**SECTIONS, **sections})
    with database.reading() as session:
        return make_regulator_report(session, settings, regulator, span, recall=recall)


@pytest.fixture
def filled(database: Database) -> Database:
    """A store with a generated year."""
    fill_year(database, 7)
    return database


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The same, which tests of this module share and leave as it is."""
    path = tmp_path_factory.mktemp("year") / "hashmatch.db"
    with closing(Database(f"sqlite:///{path}")) as database:
        upgrade(database)
        fill_year(database, 7)
        yield database


def _part(made: MadeReport, begin: str) -> list[dict[str, str]]:
    (text,) = [one.text for one in made.parts if one.name.startswith(begin)]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _figures(made: MadeReport) -> dict[str, Figure]:
    return {
        f"{section.code} {one.name}": one
        for section in made.report.sections
        for one in section.answer.figures
    }


@pytest.mark.parametrize("span", [YEAR, EARLIER], ids=["year", "year before"])
def test_measures_of_the_dsa_are_sums_of_the_raw_rows(filled: Database, span: Span) -> None:
    made = _make(filled, Regulator.DSA, span)
    with filled.reading() as session:
        measures = list(Recount(Rows.read(session), span.since, span.until).measures())
    for begin, ground in (("5_", "illegal"), ("6_", "terms")):
        rows = _part(made, begin)
        own = [(keyword, one) for keyword, one in measures if keyword and one.ground == ground]
        total = rows[0]
        assert total[next(iter(total.keys() - {""}))] is not None
        assert int(total[FIRST]) == len(own) > 0
        code = next(name for name in total if name.startswith("Category of "))
        by_code = {row[code]: row for row in rows}
        for keyword in (MATERIAL, GENERATED, INTIMATE):
            row = by_code[keyword]
            assert int(row[FIRST]) == sum(name == keyword for name, _ in own)
            for column, restriction in ILLEGAL.items():
                expected = sum(n == keyword and m.restriction == restriction for n, m in own)
                assert int(row[column] or 0) == expected
        minors = by_code["STATEMENT_CATEGORY_PROTECTION_OF_MINORS"]
        assert int(minors[FIRST]) == int(by_code[MATERIAL][FIRST]) + int(by_code[GENERATED][FIRST])
        assert sum(int(total[column] or 0) for column in ILLEGAL) <= int(total[FIRST])
    unruled = sum(not keyword for keyword, _ in measures)
    assert unruled > 0
    assert made.warnings[0].startswith(f"{unruled} restrictions")


def test_complaints_of_the_dsa_are_sums_of_the_raw_rows(filled: Database) -> None:
    rows = _part(_make(filled, Regulator.DSA), "7_")
    with filled.reading() as session:
        again = Recount(Rows.read(session), SINCE, UNTIL)
        appeals = list(again.appeals())
    values = {(row["Indicator"], row["Scope"]): row["Value"] for row in rows}
    internal = [(about, one) for about, one in appeals if one.channel == "internal"]
    whole = "Number of complaints submitted to the internal-complaints mechanism"
    assert int(values[whole, "Total number"]) == len(internal) > 0
    for scope, states in (
        ("Decisions upheld", {"upheld"}),
        ("Decisions partially reversed", {"partly_reversed"}),
        ("Decisions reversed", {"reversed"}),
        ("Decision omitted", {"inadmissible", "withdrawn"}),
    ):
        assert int(values[whole, scope]) == sum(one.state in states for _, one in internal)
    assert float(values[whole, "Median time"]) == again.median_hours("internal")
    seen = "Complaint regarding a decision to remove or disable access to or restrict visibility of"
    of_visibility = [one for about, one in internal if about == "visibility"]
    assert int(values[f"{seen} information", "Total number"] or 0) == len(of_visibility)
    # Nothing on record says that a complaint is about a notice.
    assert {value for (name, _), value in values.items() if "Article 16" in name} == {""}


def test_precision_is_that_of_the_raw_rows_with_its_interval(filled: Database) -> None:
    with filled.reading() as session:
        rows = Rows.read(session)
        now, before = (Recount(rows, one.since, one.until).outcomes() for one in (YEAR, EARLIER))

    def of(found: Any, *results: str) -> int:
        return sum(number for (_, result), number in found.items() if result in results)

    figure = _figures(_make(filled, Regulator.OFCOM))["precision precision"]
    assert figure.now is not None
    assert figure.before is not None
    for found, amount in ((now, figure.now), (before, figure.before)):
        share = of(found, "confirmed") / of(found, "confirmed", "false_positive")
        assert amount.value == round(share, 4)
        assert amount.low is not None
        assert amount.high is not None
        assert amount.low < share < amount.high
    (row,) = [
        row
        for row in _part(_make(filled, Regulator.DSA), "8_")
        if (row["Indicator"], row["Scope"], row["Contextual Information"][:3])
        == ("Accuracy of the automated means - Precision", "Own-initiative ", "The")
    ]
    assert float(row["Value"]) == figure.now.value
    assert "95 % interval" in row["Contextual Information"]
    assert f"Period before: {figure.before.value:.4f}" in row["Contextual Information"]


def test_cases_of_messages_are_those_of_their_class(filled: Database) -> None:
    figures = _figures(_make(filled, Regulator.INTERIM))
    with filled.reading() as session:
        found = Recount(Rows.read(session), SINCE, UNTIL, "messaging").outcomes()
    now = figures["4 online child sexual abuse material"].now
    assert now is not None
    assert now.value == found[MATERIAL, "confirmed"] + found[GENERATED, "confirmed"]
    assert figures["4 solicitation of children"].now is None
    # Dismissed ones are removed at once: what is left is no ratio.
    errors = [figures[name] for name in figures if name.startswith(("6 ratio", "7 ratio"))]
    assert errors
    assert all(one.now is None and "at once" in one.reason for one in errors)
    # Images are counted as a whole, of which messages are a part here.
    assert figures["1 images compared"].now is None
    of_all = _make(filled, Regulator.INTERIM, cases={"retention_class": "messaging"})
    assert _figures(of_all)["1 images compared"].now is not None


@pytest.mark.parametrize("regulator", Regulator)
def test_each_figure_has_a_definition_and_stands_beside_the_period_before(
    year: Database, regulator: Regulator
) -> None:
    made = _make(year, regulator)
    assert made.report.before == (BEFORE, SINCE)
    figures = _figures(made)
    assert figures
    for name, one in figures.items():
        assert one.definition.endswith("."), name
        assert (one.now is None) == bool(one.reason), name
    assert any(one.before is not None for one in figures.values())
    assert len(made.report.limits) > 3


def test_each_part_says_what_the_period_before_had(year: Database) -> None:
    made = _make(year, Regulator.DSA)
    for row in _part(made, "5_"):
        if row[FIRST]:
            assert "Period before: " in row[f"Contextual Information on {FIRST}"]
    for row in (*_part(made, "7_"), *_part(made, "8_")):
        if row["Value"] and "Recall" not in row["Indicator"]:
            assert "Period before: " in row["Contextual Information"]


@pytest.mark.sqlite
def test_what_is_not_known_is_never_0(database: Database) -> None:
    """A store without lists, and one where nobody records measures and complaints."""
    for regulator in Regulator:
        made = _make(database, regulator)
        assert all(one.now is None and one.before is None for one in _figures(made).values())
        assert "0" not in {row[FIRST] for row in _part(made, "5_")} if made.parts else True
    fill_year(database, 3, measures=False)
    made = _make(database, Regulator.DSA)
    cells = [row[name] for row in _part(made, "5_") for name in row if "restriction" in name]
    assert "0" not in cells
    assert {row[FIRST] for row in _part(made, "5_")} == {""}
    assert {row["Value"] for row in _part(made, "7_")} == {""}
    figures = _figures(made)
    assert figures["5, 6 restrictions imposed"].now is None
    assert "[reports] registers" in figures["5, 6 restrictions imposed"].reason
    kept = {**SECTIONS["reports"], "registers": ["measures", "appeals"]}
    kept["dsa"] = {**kept["dsa"], "restrictions": ["removal"]}
    made = _make(database, Regulator.DSA, reports=kept)
    rows = {row["Category of illegal content"]: row for row in _part(made, "5_")}
    assert rows[MATERIAL][FIRST] == "0"
    assert rows[MATERIAL]["Visibility restriction Removal"] == "0"
    assert rows[MATERIAL]["Visibility restriction Demoted"] == ""
    assert rows["KEYWORD_ANIMAL_HARM"][FIRST] == ""


def test_recall_is_of_an_evaluation_and_otherwise_not_known(year: Database) -> None:
    lines = (
        RecallLine("pdq", "standard", "encoding", 100, 100, 50, 0.93, 1.0),
        RecallLine("pdq", "standard", "crop of 5 %", 50, 100, 50, 0.37, 0.63),
    )
    rows = _part(_make(year, Regulator.DSA, recall=lines), "8_")
    recall = {
        row["Contextual Information"].partition(".")[0]: row["Value"]
        for row in rows
        if row["Indicator"].endswith("Recall") and row["Scope"] == "Own-initiative "
    }
    assert recall.pop("Hash matching by pdq") == "0.7500"
    assert set(recall.values()) == {""}
    text = document_of(_make(year, Regulator.OFCOM), Form.JSON).decode()
    assert "Not known: no evaluation was named." in text


def test_limits_name_what_retention_may_have_removed(year: Database) -> None:
    limits = _make(year, Regulator.OFCOM, retention={"closed_days": 30}).report.limits
    assert any(one.startswith("Retention removes closed cases") for one in limits)
    assert not any(
        one.startswith("Retention") for one in _make(year, Regulator.OFCOM).report.limits
    )


def test_a_period_before_everything_is_not_compared(year: Database) -> None:
    made = _make(year, Regulator.OFCOM, Span(BEFORE, BEFORE + timedelta(days=200)))
    assert made.report.before is None
    assert all(one.before is None for one in _figures(made).values())
    with pytest.raises(InputError, match="ends before it begins"):
        _make(year, Regulator.OFCOM, Span(UNTIL, SINCE))


@pytest.mark.parametrize("regulator", Regulator)
def test_all_forms_say_the_same_and_run_nothing(year: Database, regulator: Regulator) -> None:
    evil = {"provider": "<script>alert(1)</script>", "service": "=1+1"}
    made = _make(year, regulator, reports={**SECTIONS["reports"], **evil})
    names = [one.name for section in made.report.sections for one in section.answer.figures]
    facts = json.loads(document_of(made, Form.JSON))
    assert [
        one["name"] for section in facts["sections"] for one in section["answer"]["figures"]
    ] == names
    rows = list(csv.DictReader(io.StringIO(document_of(made, Form.CSV).decode(), newline="")))
    assert [row["figure"] for row in rows] == names
    page = document_of(made, Form.HTML).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "not known" in page
    document = pypdfium2.PdfDocument(document_of(made, Form.PDF))
    words = "\n".join(one.get_textpage().get_text_range() for one in document)
    assert made.report.title.split(":")[0] in words.replace("\r\n", " ")
    assert "What this report cannot know" in words
    assert "<script>" in words


def test_a_rule_names_a_keyword_of_the_template(year: Database) -> None:
    wrong = {"dsa": {"rules": [{"keyword": "KEYWORD_NOTHING", "lists": ["x"]}]}}
    with pytest.raises(ConfigError, match="KEYWORD_NOTHING"):
        _make(year, Regulator.DSA, reports=wrong)
    with pytest.raises(ConfigError, match="KEYWORD_OTHER"):
        rule = {"keyword": "KEYWORD_OTHER", "lists": ["x"]}
        _make(year, Regulator.DSA, reports={"dsa": {"rules": [rule]}})


def test_changes_of_settings_stand_with_their_reasons_and_evaluations(filled: Database) -> None:
    """As the audit log has them, also where the reason came later."""
    (section,) = [
        one for one in _make(filled, Regulator.OFCOM).report.sections if one.code == "balance"
    ]
    assert section.answer.figures[0].now is None
    evaluation = {"kind": "recall", "date": "2026-03-01T00:00:00+00:00", "sha256": "ab" * 32}
    changed = {"policy.thresholds_bits.pdq": [31, 27]}
    with filled.writing("alice") as session:
        for action, about, facts in (
            ("policy.in_force", "policy_changes", {"policy": "p1"}),
            ("policy.changed", "policy_changes", {"policy": "p2", "changes": changed}),
            (
                "policy.explained",
                "policies",
                {"policy": "p2", "reason": "fewer errors", "evaluation": evaluation, "actor": "bo"},
            ),
        ):
            audit(session, action, None, facts, removed=(about, 1))
    filled.seal_records()
    now = datetime.now(UTC)
    span = Span(now - timedelta(days=5), now + timedelta(days=5))
    (section,) = [
        one for one in _make(filled, Regulator.OFCOM, span).report.sections if one.code == "balance"
    ]
    (figure,), (table,) = section.answer.figures, section.answer.tables
    assert figure.now is not None
    assert figure.now.value == 1
    # No policy was on record by then.
    assert figure.before is None
    ((_, by, change, reason, cited),) = table.rows
    assert (by, change, reason) == ("bo", "policy.thresholds_bits.pdq: 31 to 27", "fewer errors")
    assert cited == f"recall 2026-03-01T00:00:00+00:00 {'ab' * 32}"
