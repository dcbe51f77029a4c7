"""The demo, and the next steps that it names."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from hashmatch.cli.main import cli
from hashmatch.errors import InputError
from hashmatch.hashers import BYTES_HASHERS, hash_bytes
from hashmatch.imaging import InProcessIntake, Reading
from hashmatch.operations.console_demo import prepare_console_demo
from hashmatch.operations.demo import run_demo
from hashmatch.outcome import Clear, Failure, Matched, Reason, Unscreened
from hashmatch.store.cases import CaseFilter
from hashmatch.store.queue import read_cases
from hashmatch.wiring import open_database
from tests.service.console.signing import Person
from tests.service.serving import serving


def _decode_in_this_process(folder: Path) -> None:
    """Write the configuration that the demo finds; one test lets it write its own."""
    folder.mkdir()
    config = f'data_dir = "{folder}/data"\n[intake]\nisolation = "none"\n'
    (folder / "hashmatch.toml").write_text(config)


def test_the_console_of_the_demo_has_cases_to_play_with(tmp_path: Path) -> None:
    _decode_in_this_process(tmp_path / "demo")
    demo = prepare_console_demo(tmp_path / "demo", 8765)
    with closing(open_database(demo.settings)) as database, serving(demo.settings, database) as run:
        assert run.url.startswith("http://127.0.0.1:")
        with Person(run) as person:
            person.sign_in(demo.token)
            page = person.get("/queue").text
            for words in ("overdue by", "colleague", "confirmed", "demo/user-"):
                assert words in page
            assert "false positive" in person.get("/queue", state="all").text
    again = prepare_console_demo(tmp_path / "demo", 8765)
    with closing(open_database(again.settings)) as database, database.reading() as session:
        assert len(list(read_cases(session, CaseFilter()))) == 46


def test_a_demo_whose_pictures_cannot_be_hashed_says_so_and_calls_nothing_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list once had the exact hashes alone, so that every altered copy was clear."""

    def read(*_: object) -> Reading:
        failure = Failure(Reason.DECODER_CRASHED, "no module named scipy")
        return Reading(None, hash_bytes(b"x", BYTES_HASHERS), failure)

    _decode_in_this_process(tmp_path / "demo")
    monkeypatch.setattr(InProcessIntake, "read", read)
    with pytest.raises(InputError, match=r"cannot be hashed: no module named scipy"):
        run_demo(tmp_path / "demo")


def test_copies_match_strangers_are_clear_and_damage_is_unscreened(tmp_path: Path) -> None:
    result = run_demo(tmp_path / "demo")
    for one in result.screened:
        outcome = one.outcome
        if "cut off" in one.description:
            assert isinstance(outcome, Unscreened)
            assert outcome.reason is Reason.TRUNCATED
        elif "on no list" in one.description:
            assert isinstance(outcome, Clear)
        else:
            assert isinstance(outcome, Matched)
            name = next(
                name for name in ("harbour", "orchard", "viaduct") if name in one.description
            )
            assert {match.entry_id for match in outcome.matches} == {name}
    assert len(result.screened) == 10
    with result.report.open() as file:
        assert len(list(csv.DictReader(file))) == 7


def test_the_same_demo_again_changes_nothing(tmp_path: Path) -> None:
    _decode_in_this_process(tmp_path / "demo")
    first, again = run_demo(tmp_path / "demo"), run_demo(tmp_path / "demo")
    assert again.imported.comparison.change is None
    assert first.report.read_text() == again.report.read_text()


def test_the_next_steps_that_it_names_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _decode_in_this_process(tmp_path / "hashmatch-demo")
    result = CliRunner().invoke(cli, ["demo"])
    assert result.exit_code == 0
    steps = [line.split() for line in result.stderr.splitlines() if " --config " in line]
    assert len(steps) == 5
    codes = [CliRunner().invoke(cli, words[1:]).exit_code for words in steps]
    assert codes == [0, 2, 0, 0, 0]
    rows = [
        json.loads(line)
        for line in CliRunner().invoke(cli, [*steps[0][1:], "--json"]).stdout.splitlines()
    ]
    assert {row["list"] for row in rows} == {"demo"}


def test_the_environment_cannot_lead_the_demo_into_a_real_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _decode_in_this_process(tmp_path / "demo")
    monkeypatch.setenv("HASHMATCH_DATABASE_URL", f"sqlite:///{tmp_path}/real.db")
    monkeypatch.setenv("HASHMATCH_DATA_DIR", str(tmp_path / "real"))
    run_demo(tmp_path / "demo")
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert (tmp_path / "demo" / "data" / "hashmatch.db").exists()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not a demo"):
        run_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
