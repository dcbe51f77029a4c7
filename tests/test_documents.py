"""The documents are held against the code."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import get_args

import click
import pytest
from pydantic import BaseModel

from hashmatch import __version__
from hashmatch.cli.main import cli
from hashmatch.config import (
    CategorySettings,
    EscalationSettings,
    HandoffSettings,
    ListPolicySettings,
    MappingSettings,
    PolicySettings,
    ReporterSettings,
    SecretSettings,
    Settings,
    SourceSettings,
    WebhookSettings,
    load_settings,
)
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind
from hashmatch.outcome import Reason
from hashmatch.wiring import open_policy

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SAMPLE = ROOT / "sample_config.toml"


def _commands(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from _commands(command, (*words, name))
            else:
                yield (*words, name)


COMMANDS = [" ".join(words) for words in _commands(cli, ("hashmatch",))]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readmes_table(command: str) -> None:
    assert re.search(rf"^\| `{command}` \| ", README, re.MULTILINE)


def test_the_readmes_table_names_no_other_command() -> None:
    assert set(re.findall(r"^\| `(hashmatch [a-z -]+)` \|", README, re.MULTILINE)) == set(COMMANDS)


def _shell_lines() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("hashmatch")]


@pytest.mark.parametrize("line", _shell_lines())
def test_every_example_in_the_readme_is_understood(line: str) -> None:
    """Its options and arguments are parsed by the command, which is not run."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command | None = cli
    with click.Context(cli) as context:
        while isinstance(command, click.Group):
            command = command.get_command(context, words.pop(0))
        assert command is not None
        command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_explains_itself(command: str) -> None:
    found: click.Command | None = cli
    with click.Context(cli) as context:
        for word in command.split()[1:]:
            assert isinstance(found, click.Group)
            found = found.get_command(context, word)
    assert found is not None
    assert found.help
    for option in found.params:
        if isinstance(option, click.Option):
            assert option.help, f"{command} {option.opts}"


def test_the_readme_knows_every_reason() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^`|]", README, re.MULTILINE)
    assert set(Reason) <= set(rows)


def test_the_readme_opens_with_the_two_commands() -> None:
    assert README.index("make demo") < README.index("make test") < README.index("## ")


def test_the_readme_knows_every_algorithm_and_its_threshold() -> None:
    for name, algorithm in ALGORITHMS.items():
        row = re.search(rf"^\|.*`{name}`.*$", README, re.MULTILINE)
        assert row is not None
        assert str(algorithm.bits) in row[0]
        if algorithm.kind is Kind.PERCEPTUAL:
            assert f"{algorithm.threshold_bits} bits" in row[0]


def test_the_changelog_has_this_version() -> None:
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_sample_configuration_holds_the_defaults() -> None:
    sample, default = load_settings(SAMPLE), Settings()
    assert sample.data_dir == default.data_dir
    assert sample.database == default.database
    assert sample.intake == default.intake
    assert sample.index == default.index
    assert sample.mappings == default.mappings
    assert sample.guards == default.guards
    assert sample.service == default.service
    assert sample.outbox == default.outbox
    for section in ("cases", "audit", "retention", "escalations"):
        assert getattr(sample, section) == getattr(default, section)
    cleared = sample.policy.model_copy(update={"thresholds_bits": {}, "min_quality": {}})
    assert cleared == default.policy
    perceptual = {n: a for n, a in ALGORITHMS.items() if a.kind is Kind.PERCEPTUAL}
    assert sample.policy.thresholds_bits == {n: a.threshold_bits for n, a in perceptual.items()}
    assert sample.policy.min_quality == {
        n: a.min_quality for n, a in perceptual.items() if a.min_quality is not None
    }


def test_the_sample_configuration_documents_every_key() -> None:
    text = SAMPLE.read_text()
    kinds = (SourceSettings, EscalationSettings)
    sections: list[type[BaseModel]] = [one for kind in kinds for one in get_args(get_args(kind)[0])]
    sections += [HandoffSettings, ReporterSettings, CategorySettings]
    for key in (*_keys(Settings), *chain.from_iterable(one.model_fields for one in sections)):
        assert re.search(rf"^(# )?(\[[\w.]*\b{key}\b.*\]|{key} = )", text, re.MULTILINE), key


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        yield name
        inner = field.annotation
        if inner is SecretSettings:  # It is shown where it stands, as { env = "NAME" }.
            continue
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _keys(inner)
    for owner, section in (
        (PolicySettings, ListPolicySettings),
        (Settings, MappingSettings),
        (Settings, WebhookSettings),
    ):
        if model is owner:
            yield from _keys(section)


def test_the_sample_configuration_is_right_with_its_examples_switched_on(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=\[|\w+ = )", "", SAMPLE.read_text(), flags=re.MULTILINE)
    config = tmp_path / "hashmatch.toml"
    config.write_text(text)
    assert "iwf" in tomllib.loads(text)["policy"]["lists"]
    settings = load_settings(config)
    assert settings.data_dir == tmp_path / "data"
    open_policy(settings)
