"""`hashmatch cases nca`: the report of a case as a file."""

from __future__ import annotations

import json
import stat

from tests.cli.conftest import append_config
from tests.command_line import CommandLine

_NCA = """
[escalations.nca]
to = "nca"
platform = "The Platform"
reporter = { first_name = "Ann", last_name = "Example", email = "a@b.example" }
"""


def test_a_report_is_written_for_its_owner_alone(desk: CommandLine) -> None:
    append_config(desk, _NCA)
    desk.write("d.json", '{"account": {"screen_name": "unique-user"}}')
    assert desk.run("cases", "details", "1", "d.json").exit_code == 0
    path = desk.folder / "case-1.json"
    written = desk.run("cases", "nca", "1", "--output", path)
    assert written.exit_code == 0, written.output
    assert "case 1: priority 2, due " in written.stderr
    assert "not known: account.billing" in written.stderr
    assert "unique-user" not in written.output
    assert json.loads(path.read_text())["account"]["user_name"] == "unique-user"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = desk.run("cases", "nca", "1", "--to", "nca", "--output", "-", "--without-details")
    assert json.loads(shown.stdout)["uploader_details"] == "withheld"


def test_without_an_escalation_to_the_nca_there_is_no_report(desk: CommandLine) -> None:
    refused = desk.run("cases", "nca", "1", "--output", "-")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "0 escalations to the NCA" in refused.stderr
    other = desk.run("cases", "nca", "1", "--to", "desk", "--output", "-")
    assert "is not one to the NCA" in other.stderr
