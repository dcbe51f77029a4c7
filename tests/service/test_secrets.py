"""The service starts with every secret that it will need, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.command_line import CommandLine

_WEBHOOK = '[webhooks.desk]\nurl = "https://desk.example/"\nsecret = { env = "DESK" }\n'
_SOURCE = (
    '[lists.one]\nsource = "https"\nurl = "https://lists.example/"\nusername = "me"\n'
    'password = { env = "LISTS" }\n'
)
_WORKER = '[worker]\npassword = { env = "BROKER" }\n'
_KEY = '[audit]\nsigning_key = { file = "no.key" }\n'
_PATIENT = "[service]\nsync_interval_s = 0\n"
_SYNCING = "[service]\nsync_interval_s = 3600\n"


def _serve(line: CommandLine, monkeypatch: pytest.MonkeyPatch, config: str) -> tuple[bool, str]:
    """Return whether the service started, and what was said."""
    started: list[Mapping[str, Any]] = []
    monkeypatch.setattr("uvicorn.run", lambda *_, **options: started.append(options))
    path = line.folder / "hashmatch.toml"
    path.write_text(f"{path.read_text()}\n{config}")
    result = line.run("serve", "--port", "0")
    assert result.exit_code == (0 if started else 2)
    return bool(started), result.stderr


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (_WEBHOOK, "webhooks.desk.secret: the environment variable DESK is not set"),
        (_KEY, "audit.signing_key: "),
        (_SOURCE + _SYNCING, "lists.one.password: the environment variable LISTS is not set"),
    ],
)
def test_without_a_secret_that_it_will_need_it_does_not_start(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, config: str, place: str
) -> None:
    started, said = _serve(command_line, monkeypatch, config)
    assert not started
    assert place in said
    assert "hashmatch config check" in said


@pytest.mark.parametrize("config", [_SOURCE + _PATIENT, _WORKER])
def test_it_starts_without_secrets_that_other_commands_need(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    started, said = _serve(command_line, monkeypatch, config)
    assert started, said


def test_with_its_secrets_it_starts(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK", "a secret of the desk, long enough for a key")
    started, said = _serve(command_line, monkeypatch, _WEBHOOK)
    assert started, said
