"""`hashmatch notices`: the register on the command line."""

from __future__ import annotations

import json

from tests.command_line import CommandLine
from tests.notices.making import WHOLE

FORM = json.dumps({**WHOLE, "reference": "form/1"})


def _add(line: CommandLine, *options: str, form: str = "{}") -> str:
    result = line.run("notices", "add", "-", *options, stdin=form)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_request_is_worked_on_in_time(desk: CommandLine) -> None:
    request_id = _add(desk, form=FORM)
    assert desk.run("notices", "add", "-", stdin=FORM).stdout.strip() == request_id
    (row,) = desk.json("notices", "list")
    assert (row["request_id"], row["state"], row["missing"]) == (request_id, "valid", [])
    shown = desk.run("notices", "list")
    assert "OVERDUE" not in shown.stdout
    closed = desk.run(
        "notices", "close", request_id, "--as", "removed", "--removed", "post/1",
        "--copies-found", "2", "--copies-removed", "1", "--notified-at", row["received_at"],
    )  # fmt: skip
    assert closed.exit_code == 0, closed.output
    assert desk.run("notices", "record", request_id, "--copies-removed", "2").exit_code == 0
    (facts,) = desk.json("notices", "show", request_id)
    assert (facts["state"], facts["copies_removed"], facts["in_time"]) == ("removed", 2, True)
    assert "Places" in desk.run("notices", "show", request_id).stdout
    assert desk.run("notices", "list").stderr == "no notice waits\n"
    assert len(desk.json("notices", "list", "--all")) == 1
    reopened = desk.run("notices", "reopen", request_id, "--note", "by mistake")
    assert reopened.stderr == f"{request_id}: valid\n"


def test_what_is_missing_is_named_and_supplemented(desk: CommandLine) -> None:
    request_id = _add(
        desk, "--reference", "mail/7", "--content-id", "post/9", "--signed",
        "--received", "2026-10-01T10:00",
    )  # fmt: skip
    (row,) = desk.json("notices", "list")
    assert row["missing"] == ["good_faith", "contact"]
    desk.run("notices", "complete", request_id, "--good-faith")
    done = desk.run(
        "notices", "complete", request_id, "--contact-on-file", "--supplied", "2026-10-02T10:00"
    )
    assert done.stderr == f"{request_id}: valid, due 2026-10-04 10:00 UTC\n"
    assert "OVERDUE" in desk.run("notices", "list", "--overdue").stdout


def test_a_refusal_says_why(desk: CommandLine) -> None:
    request_id = _add(desk, form=FORM)
    refused = desk.run("notices", "close", request_id, "--as", "refused", "--reason", "not_found")
    assert (refused.exit_code, "needs a note" in refused.stderr) == (2, True)
    refused = desk.run(
        "notices", "close", request_id, "--as", "refused", "--reason", "not_found", "--note", "no"
    )
    assert refused.exit_code == 0, refused.output


def test_a_contact_is_shown_by_one_command_on_record(desk: CommandLine) -> None:
    request_id = _add(desk, form=FORM)
    assert "Unique Requester" in desk.run("notices", "contact", request_id).stdout
    (facts,) = desk.json("notices", "contact", request_id)
    assert facts["requester"]["signature"] == "U. Requester"
    (shown,) = desk.json("notices", "show", request_id)
    assert [one["what"] for one in shown["history"]].count("contact.shown") == 2
    other = _add(desk, "--reference", "mail/1", "--contact-on-file")
    assert "is not here" in desk.run("notices", "contact", other).stderr


def test_the_register_is_exported_on_record(desk: CommandLine) -> None:
    request_id = _add(desk, form=FORM)
    written = desk.run("notices", "export", "--output", desk.folder / "register.csv")
    assert written.stderr.startswith("1 notices written to ")
    text = (desk.folder / "register.csv").read_text()
    assert request_id in text
    assert "Unique Requester" not in text
    figures = desk.run("notices", "export", "--format", "figures", "--since", "2026-01-01")
    assert json.loads(figures.stdout)["figures"]["received"] == 1
    log = desk.run("audit", "export").stdout
    assert "report.exported" in log
    assert "unique" not in log.lower()


def test_a_changed_key_opens_contacts(desk: CommandLine) -> None:
    request_id = _add(desk, form=FORM)
    assert desk.run("cases", "make-key", "new.key").exit_code == 0
    config = desk.folder / "hashmatch.toml"
    both = 'detail_keys = [{ file = "new.key" }, { file = "details.key" }]'
    config.write_text(config.read_text().replace('detail_keys = [{ file = "details.key" }]', both))
    changed = desk.run("cases", "change-key")
    assert "the contacts of 1 notices" in changed.stderr
    config.write_text(config.read_text().replace(', { file = "details.key" }]', "]"))
    assert "Unique Requester" in desk.run("notices", "contact", request_id).stdout


def test_requests_that_cannot_be_read_are_refused(desk: CommandLine) -> None:
    for form in ("[]", "{", '{"nme": "Unique Requester"}', '{"places": 5}', '{"places": "ab"}'):
        result = desk.run("notices", "add", "-", stdin=form)
        assert result.exit_code == 2
        assert result.stderr.startswith("hashmatch: "), result.stderr
        assert "Unique" not in result.stderr
    assert desk.run("notices", "show", "NR-1").exit_code == 2
    assert desk.run("notices", "record", "NR-1", "--listed", "x").exit_code == 2
