"""`hashmatch cases`, `audit`, `retention` and the reports of cases."""

from __future__ import annotations

import json
import stat
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import text

from hashmatch.config import load_settings
from hashmatch.store.engine import Database
from tests.command_line import CommandLine
from tests.cybertip.server import SCHEMA, load_schema


def _good(desk: CommandLine, *arguments: str | Path, stdin: str | None = None) -> str:
    result = desk.run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_case_is_decided_on_the_command_line(desk: CommandLine) -> None:
    assert [row["case"] for row in desk.json("cases", "list")] == [1, 2]
    _good(desk, "cases", "assign", "1", "2", "--to", "alice")
    _good(desk, "cases", "plan", "2", "--priority", "0", "--due", "2026-01-01")
    assert [row["case"] for row in desk.json("cases", "list", "--overdue")] == [2]
    _good(desk, "cases", "note", "1", "seen before")
    _good(desk, "cases", "decide", "1", "--as", "review")
    _good(desk, "cases", "decide", "1", "2", "--as", "confirm")
    _good(desk, "cases", "escalate", "1", "--to", "desk", "--note", "look")
    _good(desk, "cases", "decide", "1", "--as", "reported", "--note", "by phone")
    _good(desk, "cases", "decide", "1", "--as", "close")
    _good(desk, "cases", "hold", "2", "--reason", "order 1")
    assert [row["case"] for row in desk.json("cases", "list")] == [2]
    assert len(desk.json("cases", "list", "--all")) == 2
    (facts,) = desk.json("cases", "show", "1")
    assert facts["state"] == "closed"
    assert "seen before" in _good(desk, "cases", "show", "1")
    assert [row["event"] for row in desk.json("outbox", "list")] == ["case.escalated"]


def test_a_failure_of_one_case_is_named_and_the_others_are_done(desk: CommandLine) -> None:
    result = desk.run("cases", "decide", "1", "99", "2", "--as", "close")
    assert result.exit_code == 2
    assert "case 99: there is no case" in result.stderr
    result = desk.run("cases", "decide", "2", "1", "99", "--as", "confirm")
    assert result.exit_code == 2
    assert "case 1: confirmed" in result.stderr


def test_two_actors_approve_by_their_names(desk: CommandLine) -> None:
    dismiss = ("cases", "decide", "1", "--as", "dismiss", "--note", "a logo")
    assert "needs a second approval" in _good(desk, *dismiss, "--by", "alice")
    again = desk.run(*dismiss, "--by", "Alice")
    assert (again.exit_code, "somebody other than alice" in again.stderr) == (2, True)
    assert "case 1: false_positive" in _good(desk, *dismiss, "--by", "bob")


WRONG = [
    ("cases", "decide", "1", "--as", "fly"),
    ("cases", "decide", "x", "--as", "review"),
    ("cases", "decide", "--as", "review"),
    ("cases", "escalate", "1", "--to", "nowhere"),
    ("cases", "show", "99"),
    ("cases", "hold", "1"),
    ("cases", "hold", "1", "--release", "--reason", "x"),
    ("cases", "plan", "1"),
    ("cases", "details", "1", "gone.json"),
    ("cases", "settle", "1"),
    ("cases", "settle", "1", "--finished"),
    ("cases", "retract", "1"),
    ("cases", "make-key", "details.key"),
    ("audit", "verify", "--known", "x"),
    ("audit", "verify", "--public-key", "x"),
    ("report", "export", "--format", "html", "--of", "cases"),
    ("report", "export", "--format", "cybertip"),
    ("report", "export", "--case", "1"),
    ("report", "export", "--until", "0001-01-01T00:00"),
    ("report", "export", "--since", "0001-01-01T00:00+05:00"),
    ("cases", "plan", "1", "--due", "9999-12-31T23:59:59-10:00"),
    ("cases", "note", "1", "\udcff"),
    ("cases", "list", "--content-id", "\udcff"),
]


def test_wrong_words_end_in_2_with_a_reason(desk: CommandLine) -> None:
    for arguments in WRONG:
        result = desk.run(*arguments)
        assert result.exit_code == 2, arguments
        assert len(result.stderr) > 10
        assert "Traceback" not in result.stderr


def test_a_decision_in_the_place_of_a_case_is_understood(desk: CommandLine) -> None:
    result = desk.run("cases", "decide", "1", "dismiss")
    assert (result.exit_code, "--as dismiss" in result.stderr) == (2, True)


def test_details_are_stored_shown_and_reencrypted(desk: CommandLine) -> None:
    details = {"account": {"id": "someone"}}
    _good(desk, "cases", "details", "1", "-", stdin=json.dumps(details))
    assert "someone" not in _good(desk, "cases", "show", "1")
    (facts,) = desk.json("cases", "show", "1", "--details")
    assert facts["details"] == details
    _good(desk, "cases", "make-key", "new.key")
    config = desk.folder / "hashmatch.toml"
    both = 'detail_keys = [{ file = "new.key" }, { file = "details.key" }]'
    config.write_text(config.read_text().replace('detail_keys = [{ file = "details.key" }]', both))
    assert "details of 1 cases" in _good(desk, "cases", "change-key")
    config.write_text(config.read_text().replace(', { file = "details.key" }]', "]"))
    (facts,) = desk.json("cases", "show", "1", "--details")
    assert facts["details"] == details


def test_keys_are_for_their_owner_alone(desk: CommandLine) -> None:
    for name in ("sign.key", "details.key"):
        assert stat.S_IMODE((desk.folder / name).stat().st_mode) == 0o600


def test_an_evidence_pack_is_written_for_its_owner_alone(desk: CommandLine) -> None:
    target = desk.folder / "case-1.zip"
    assert "case 1:" in desk.run("cases", "pack", "1", "--output", target).stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with zipfile.ZipFile(target) as archive:
        assert {"case.json", "case.pdf", "audit.jsonl", "manifest.json"} <= set(archive.namelist())
        assert "Ed25519 signature" in archive.read("README.txt").decode()
    result = desk.run("cases", "pack", "99", "--output", desk.folder / "none.zip")
    assert (result.exit_code, "there is no case" in result.stderr) == (2, True)
    assert not (desk.folder / "none.zip").exists()


def test_the_audit_log_is_verified_and_exported(desk: CommandLine) -> None:
    result = desk.run("audit", "verify")
    assert (result.exit_code, "no problems" in result.stderr) == (0, True)
    known = result.stdout.strip()
    _good(desk, "audit", "export", "-o", "chain.jsonl")
    lines = [json.loads(line) for line in (desk.folder / "chain.jsonl").read_text().splitlines()]
    assert (lines[0]["kind"], lines[-1]["kind"]) == ("chain", "end")
    assert desk.run("audit", "verify", "--known", known).exit_code == 0
    with_wrong = desk.run("audit", "verify", "--known", f"3:{'00' * 32}")
    assert (with_wrong.exit_code, "record 3" in with_wrong.stdout) == (2, True)
    with closing(Database(load_settings(desk.folder / "hashmatch.toml").database_url)) as store:
        with store.writing() as session:
            session.execute(text("UPDATE cases SET state = 'closed'"))
    (found,) = desk.json("audit", "verify")
    assert [one["place"] for one in found["problems"]] == ["cases 1", "cases 2"]
    assert desk.run("audit", "verify").exit_code == 2


def test_reports_of_cases_and_figures_are_written(desk: CommandLine) -> None:
    _good(desk, "cases", "decide", "1", "--as", "confirm")
    assert "1,post/1," in _good(desk, "report", "export", "--of", "cases")
    for name, start in (("r.html", b"<!doctype html>"), ("r.pdf", b"%PDF"), ("r.csv", b"match_id")):
        _good(desk, "report", "export", "-o", name)
        assert (desk.folder / name).read_bytes().startswith(start)
    counts = json.loads(desk.run("report", "export", "--format", "transparency").stdout)
    assert counts["cases_by_state"] == {"confirmed": 1, "open": 1}


@pytest.mark.skipif(not SCHEMA.exists(), reason="needs NCMEC's schema, in shared/data")
def test_cases_are_exported_in_the_schema_of_ncmec(desk: CommandLine) -> None:
    details = {"account": {"id": "someone", "emails": ["a@b.example"]}}
    _good(desk, "cases", "details", "1", "-", stdin=json.dumps(details))
    _good(desk, "cases", "decide", "1", "--as", "confirm")
    _good(desk, "report", "export", "--format", "cybertip", "-o", "reports")
    (document,) = (desk.folder / "reports").iterdir()
    assert "someone" not in document.read_text()
    export = ("report", "export", "--case", "1", "--show-details", "-o", "one.xml")
    _good(desk, *export)
    schema = load_schema()
    assert schema is not None
    for path in (document, desk.folder / "one.xml"):
        schema.assertValid(etree.parse(str(path)))
    assert "someone" in (desk.folder / "one.xml").read_text()


@pytest.mark.parametrize("folder", ["new", "new/deep/down", "old"])
def test_a_failed_export_of_cases_leaves_everything_as_it_was(
    desk: CommandLine, folder: str
) -> None:
    """The second case fails: the key of its details is gone."""
    _good(desk, "cases", "details", "2", "-", stdin='{"account": {"id": "someone"}}')
    _good(desk, "cases", "decide", "1", "2", "--as", "confirm")
    _good(desk, "cases", "make-key", "other.key")
    config = desk.folder / "hashmatch.toml"
    right = config.read_text()
    config.write_text(right.replace('[{ file = "details.key" }]', '[{ file = "other.key" }]'))
    desk.write("old/case-1.xml", "an older report")
    before = _tree(desk.folder)
    export = ("report", "export", "--format", "cybertip", "--show-details", "-o", folder)
    result = desk.run(*export)
    assert (result.exit_code, "Traceback" in result.stderr) == (2, False)
    assert _tree(desk.folder) == before
    config.write_text(right)
    _good(desk, *export)
    written = [desk.folder / folder / f"case-{case}.xml" for case in (1, 2)]
    assert all(one.read_bytes().startswith(b"<?xml") for one in written)
    assert stat.S_IMODE(written[1].stat().st_mode) == 0o600
    assert _tree(desk.folder).keys() - before.keys() <= {desk.folder / folder, *written} | {
        *(desk.folder / folder).parents
    }


@pytest.mark.parametrize("place", ["taken.txt", "taken.txt/below", "old"])
def test_cases_are_not_exported_over_what_cannot_be_replaced(desk: CommandLine, place: str) -> None:
    _good(desk, "cases", "decide", "1", "--as", "confirm")
    desk.write("taken.txt", "a file")
    desk.write("old/case-1.xml/notes.txt", "in a folder with the name of a report")
    before = _tree(desk.folder)
    result = desk.run("report", "export", "--format", "cybertip", "-o", place)
    assert (result.exit_code, "cannot be written" in result.stderr) == (2, True)
    assert _tree(desk.folder) == before


def _tree(folder: Path) -> dict[Path, bytes | None]:
    """Return the content of every file below a folder but those of the store."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.is_relative_to(folder / "data") and path.name != "hashmatch.toml"
    }


def test_old_cases_are_removed(desk: CommandLine) -> None:
    for by in ("alice", "bob"):
        _good(desk, "cases", "decide", "1", "--as", "dismiss", "--note", "x", "--by", by)
    _good(desk, "cases", "decide", "1", "--as", "close")
    assert "1 cases would be removed" in _good(desk, "retention", "apply", "--dry-run")
    (done,) = desk.json("retention", "apply")
    assert done["removed"]["cases"] == 1
    assert len(desk.json("cases", "list", "--all")) == 1
    assert desk.run("audit", "verify").exit_code == 0
