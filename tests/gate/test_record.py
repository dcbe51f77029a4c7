"""A gate is on record: its decisions by day, and its safeguards as they change."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from PIL import Image

from hashmatch.audit import verify
from hashmatch.config import load_settings
from hashmatch.errors import NoActiveListError
from hashmatch.gate import Context, ImageGate, Role, open_gate
from hashmatch.gate.report import gate_report
from hashmatch.hashes import Level
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.safeguards import read_safeguards
from hashmatch.synthetic import draw_picture
from tests.command_line import CommandLine

LISTED, OTHER = draw_picture(1), draw_picture(9)


@pytest.fixture
def line(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A platform with a list of two drawings."""
    monkeypatch.setattr("hashmatch.gate.record._LOOK_EVERY_S", 3600)
    command_line.import_pictures("one", 1, 2)
    return command_line


@contextmanager
def _gate(line: CommandLine, **more: object) -> Iterator[ImageGate]:
    with open_gate(line.folder / "hashmatch.toml", budget_s=60, **more) as gate:  # type: ignore[arg-type]
        yield gate


def _recorded(line: CommandLine) -> list[dict[str, object]]:
    settings = load_settings(line.folder / "hashmatch.toml")
    database = Database(settings.database_url)
    with database.reading() as session:
        found = [dict(one.facts) for one in read_safeguards(session)]
    database.close()
    return found


def test_decisions_are_counted_by_adapter_and_side(line: CommandLine) -> None:
    with _gate(line) as gate:
        gate.check([OTHER, LISTED, Image.new("L", (64, 64))])
        gate.check([OTHER, OTHER], context=Context("comfyui", Role.INPUT))
        gate.check(b"no image", context=Context("comfyui"))
    (report,) = line.json("gate", "report")
    sides = {(one["adapter"], one["role"]): one for one in report["gates"]}
    python = sides["python", "output"]
    assert (python["pictures"], python["withheld"], python["coverage"]) == (3, 1, 1.0)
    assert python["verdicts"] == {
        "clear": 1, "near": 0, "matched": 1, "plain": 1, "unscreened": 0,
    }  # fmt: skip
    assert sides["comfyui", "input"]["verdicts"]["clear"] == 2
    assert sides["comfyui", "output"]["coverage"] == 0.0
    assert report["coverage"] == pytest.approx(5 / 6)


def test_safeguards_are_recorded_when_they_change_and_not_before(line: CommandLine) -> None:
    for _ in range(2):
        with _gate(line):
            pass
    (first,) = _recorded(line)
    assert (first["fails_closed"], first["level"]) == (True, "standard")
    assert first["lists"] == {"one": {"generation": 1, "thresholds_bits": {
        "md5": 0, "sha1": 0, "sha256": 0, "pdq": 31, "phash": 2,
    }}}  # fmt: skip
    line.import_pictures("two", 3)
    with _gate(line):
        pass
    with _gate(line, level=Level.PLAIN, shows_review=True):
        pass
    _, second, third = _recorded(line)
    assert set(second["lists"]) == {"one", "two"}  # type: ignore[call-overload]
    assert (third["level"], third["shows_review"]) == ("plain", True)


def test_a_change_of_the_lists_is_recorded_while_a_gate_is_open(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.gate.record._LOOK_EVERY_S", 0.05)
    with _gate(line):
        line.import_pictures("two", 3)
        while len(_recorded(line)) < 2:
            pass


def test_safeguards_are_on_the_audit_chain(line: CommandLine) -> None:
    with _gate(line, name="images"):
        pass
    settings = load_settings(line.folder / "hashmatch.toml")
    database = Database(settings.database_url)
    database.seal_records()
    with database.reading() as session:
        records = [
            one for one in read_audit_records(session) if one["action"] == "safeguards.recorded"
        ]
        assert verify(session, {}).is_intact
    with database.connection() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE safeguards SET facts = '{}'")
    with database.reading() as session:
        assert [one.place for one in verify(session, {}).problems] == ["safeguards 1"]
    database.close()
    (facts,) = (json.loads(one["facts"]) for one in records)
    assert (facts["gate"], facts["fails_closed"]) == ("images", True)


def test_a_report_of_a_period_has_the_safeguards_in_force(line: CommandLine) -> None:
    with _gate(line) as gate:
        gate.check(OTHER)
    (later,) = line.json("gate", "report", "--since", "2999-01-01")
    assert (later["gates"], later["coverage"]) == ([], None)
    assert [one["gate"] for one in later["safeguards"]] == ["gate"]
    (before,) = line.json("gate", "report", "--until", "2020-01-01")
    assert (before["gates"], before["safeguards"]) == ([], [])


def test_a_report_is_for_people_too(line: CommandLine) -> None:
    assert "no gate decided anything" in line.run("gate", "report").output
    with _gate(line) as gate:
        gate.check([OTHER, LISTED])
    shown = line.run("gate", "report").stdout
    assert "100.00%" in shown
    assert "one 1" in shown


def test_without_a_list_no_gate_opens(command_line: CommandLine) -> None:
    with pytest.raises(NoActiveListError), _gate(command_line):
        pass


def test_a_report_needs_no_more_than_the_store(line: CommandLine) -> None:
    settings = load_settings(line.folder / "hashmatch.toml")
    database = Database(settings.database_url)
    with database.reading() as session:
        assert gate_report(session, None, None)["coverage"] is None
    database.close()


def test_a_program_that_ends_without_closing_its_gate_has_its_decisions_on_record(
    line: CommandLine,
) -> None:
    """As the guide's first example does: its last second was lost."""
    script = (
        "from hashmatch.gate import open_gate\n"
        "from hashmatch.synthetic import draw_picture\n"
        f"gate = open_gate({str(line.folder / 'hashmatch.toml')!r}, budget_s=60)\n"
        "gate.check([draw_picture(9), draw_picture(1)])\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)
    (report,) = line.json("gate", "report")
    (python,) = report["gates"]
    assert (python["pictures"], python["withheld"]) == (2, 1)
