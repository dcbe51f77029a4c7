"""`hashmatch config`, and how commands, keys and versions are found by who does not know them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from hashmatch import __version__
from hashmatch.store.engine import HEAD_REVISION
from tests.command_line import CommandLine
from tests.documents import ROOT


def test_the_sample_is_a_configuration_to_begin_with(command_line: CommandLine) -> None:
    shown = command_line.run("config", "sample").stdout
    assert shown == (ROOT / "sample_config.toml").read_text()


def test_the_wheel_brings_the_sample() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    wheel = built["targets"]["wheel"]
    assert "sample_config.toml" in wheel["only-include"]
    assert wheel["sources"]["sample_config.toml"] == "hashmatch/sample_config.toml"


def test_a_check_names_each_secret_and_file_that_is_missing(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    config = command_line.folder / "hashmatch.toml"
    assert command_line.run("config", "check").exit_code == 0
    config.write_text(
        f"""{config.read_text()}
[audit]
signing_key = {{ env = "NOWHERE" }}
[cases]
detail_keys = [{{ file = "gone.key" }}]
[webhooks.desk]
url = "https://desk.example/hook"
secret = {{ env = "NOWHERE" }}
[guards]
benign_sample = "gone"
"""
    )
    result = command_line.run("config", "check")
    assert result.exit_code == 2
    for place in (
        "audit.signing_key", "cases.detail_keys.0", "webhooks.desk.secret", "guards.benign_sample",
    ):  # fmt: skip
        assert f"{place}: " in result.stderr
    assert "problems: 4" in result.stderr


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[polcy]\naction = 1", "polcy: there is no such key; did you mean policy?"),
        ("[intake]\nmax_byts = 1", "did you mean max_bytes?"),
        ('[lists.iwf]\nsource = "file"\npath = "x"\nformt = "csv"', "did you mean format?"),
        ("[policy.lists.iwf]\nthreshold_bits = {}", "did you mean thresholds_bits?"),
        ("[[reports.dsa.rules]]\nkeyord = 'x'", "did you mean keyword?"),
        ("[cases.deadlines.x]\nafter = 'report'\nhour = 1", "did you mean hours?"),
        ("[zzzz]\nx = 1", "zzzz: there is no such key\n"),
    ],
)
def test_a_key_that_is_misspelt_is_named_with_the_one_that_was_meant(
    command_line: CommandLine, written: str, meant: str
) -> None:
    (command_line.folder / "hashmatch.toml").write_text(f"{written}\n")
    result = command_line.run("config", "check")
    assert result.exit_code == 2
    assert meant in result.stderr


def test_a_command_that_is_misspelt_is_named_with_the_one_that_was_meant(
    command_line: CommandLine,
) -> None:
    for words, meant in ((("scna",), "scan"), (("lists", "staus"), "status")):
        result = command_line.run(*words)
        assert result.exit_code == 2
        assert f"Did you mean '{meant}'?" in result.stderr
    assert "Did you mean" not in command_line.run("xyzzy").stderr


def test_the_configuration_may_be_named_after_the_command(
    command_line: CommandLine, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[polcy]\n")
    for words in (("config", "check"), ("lists", "status"), ("doctor",)):
        for place in range(len(words) + 1):
            given = [*words[:place], "--config", str(other), *words[place:]]
            result = command_line.run(*given)
            assert result.exit_code == 2, given
            assert f"{other}: polcy" in result.stderr, given


def test_the_other_name_of_postgresql_is_understood(command_line: CommandLine) -> None:
    config = command_line.folder / "hashmatch.toml"
    config.write_text('[database]\nurl = "postgres://nobody@127.0.0.1:1/none"\n')
    result = command_line.run("lists", "status")
    assert result.exit_code == 2
    assert "none at 127.0.0.1:1" in result.stderr


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_versions_are_those_that_a_report_of_a_defect_needs(
    command_line: CommandLine, option: str
) -> None:
    first, *rest = command_line.run(option).stdout.splitlines()
    assert first == f"hashmatch {__version__}"
    assert f"  schema {HEAD_REVISION}" in rest
    assert any(re.fullmatch(r"  pillow [0-9.]+", one) for one in rest)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(command_line: CommandLine, shell: str) -> None:
    result = command_line.run("completion", shell)
    assert result.exit_code == 0
    assert "_HASHMATCH_COMPLETE" in result.stdout
