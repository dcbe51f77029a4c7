"""`hashmatch init`, and configurations that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from hashmatch.cli.main import cli
from tests.command_line import CommandLine


def test_init_can_be_run_again_and_keeps_what_is_there(command_line: CommandLine) -> None:
    config = (command_line.folder / "hashmatch.toml").read_text()
    command_line.import_pictures("one", 1)
    result = command_line.run("init")
    assert result.exit_code == 0
    assert result.stderr.count("found") == 2
    assert (command_line.folder / "hashmatch.toml").read_text() == config
    assert len(command_line.json("lists", "status")) == 1


def test_init_does_not_move_the_data_silently(command_line: CommandLine) -> None:
    result = command_line.run("init", "--data-dir", "elsewhere")
    assert result.exit_code == 2
    assert "data folder is" in result.stderr


def test_init_is_not_overruled_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HASHMATCH_DATA_DIR", str(tmp_path / "other"))
    result = CommandLine(tmp_path).run("init", "--data-dir", "mine")
    assert result.exit_code == 2
    assert "HASHMATCH_DATA_DIR" in result.stderr
    assert list(tmp_path.iterdir()) == []
    assert CommandLine(tmp_path).run("init").exit_code == 0


def test_init_writes_where_config_says(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    config = tmp_path / "etc" / "h.toml"
    data = tmp_path / 'odd "name"'
    assert line.run("--config", config, "init", "--data-dir", data).exit_code == 0
    assert (data / "hashmatch.db").exists()
    assert line.run("--config", config, "db", "check").exit_code == 0


def test_init_that_cannot_write_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = CommandLine(tmp_path)
    for config, data in (("file/h.toml", "data"), ("h.toml", "file/data")):
        result = line.run("--config", tmp_path / config, "init", "--data-dir", tmp_path / data)
        assert result.exit_code == 2
        assert str(tmp_path / "file") in result.stderr


def test_a_wrong_configuration_is_one_line_for_every_command(command_line: CommandLine) -> None:
    command_line.write("hashmatch.toml", "[policy.thresholds_bits]\npqd = 31\n")
    for arguments in (("scan", "x"), ("lists", "status"), ("doctor",), ("db", "check")):
        result = command_line.run(*arguments)
        assert result.exit_code == 2
        assert "hashmatch.toml: policy.thresholds_bits.pqd: unknown algorithm" in result.stderr


def test_an_init_that_failed_can_be_run_again_with_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    failed = CliRunner().invoke(cli, ["init", "--data-dir", "file/data"])
    assert failed.exit_code == 2
    assert not (tmp_path / "hashmatch.toml").exists()
    again = CliRunner().invoke(cli, ["init", "--data-dir", "data"])
    assert again.exit_code == 0, again.output
