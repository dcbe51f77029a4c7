"""Where the files under `deploy/` are, and what they say."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from hashmatch.cli.main import cli
from hashmatch.config import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "hashmatch.service"
SYNC_UNIT = DEPLOY / "systemd" / "hashmatch-sync.service"
MANIFEST = DEPLOY / "kubernetes" / "service.yaml"
CHART_VALUES = DEPLOY / "helm" / "hashmatch" / "values.yaml"
CONTAINERFILE = DEPLOY / "container" / "Containerfile"
COMPOSE = DEPLOY / "container" / "compose.yaml"
CONTAINER_CONFIG = DEPLOY / "container" / "hashmatch.toml"
ALERTS = DEPLOY / "monitoring" / "alerts.yaml"
DASHBOARD = DEPLOY / "monitoring" / "dashboard.json"
OURS = (UNIT, MANIFEST, CHART_VALUES, CONTAINERFILE, COMPOSE, CONTAINER_CONFIG, ALERTS, DASHBOARD)

CONFIG = "/etc/hashmatch/hashmatch.toml"
DATA = "/var/lib/hashmatch"
DEFAULTS = Settings().service
# What a process may still be at when it is stopped: the scan begun last, and its own threads.
BESIDE_THE_REQUESTS_S = Settings().intake.timeout_s + 15


def read_instructions() -> list[tuple[str, str]]:
    """The instructions of the last stage of the Containerfile, each with what follows it."""
    text = re.sub(r"(?m)^#.*\n", "", CONTAINERFILE.read_text()).replace("\\\n", "")
    lines = [line.partition(" ") for line in text.splitlines() if line]
    found = [(name, rest.strip()) for name, _, rest in lines]
    last = max(place for place, (name, _) in enumerate(found) if name == "FROM")
    return found[last:]


def read_instruction(name: str) -> str:
    (found,) = (rest for one, rest in read_instructions() if one == name)
    return found


def read_image_environment() -> dict[str, str]:
    return dict(one.split("=", 1) for one in shlex.split(read_instruction("ENV")))


def read_services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


def read_our_services() -> dict[str, dict[str, Any]]:
    return {
        name: one for name, one in read_services().items() if one["image"].startswith("hashmatch:")
    }


def read_objects() -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in yaml.safe_load_all(MANIFEST.read_text())}


def read_pod() -> dict[str, Any]:
    pod: dict[str, Any] = read_objects()["Deployment"]["spec"]["template"]["spec"]
    return pod


def read_containers() -> dict[str, dict[str, Any]]:
    pod = read_pod()
    return {one["name"]: one for one in (*pod["initContainers"], *pod["containers"])}


def read_directives(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if not line.startswith(("#", "[")) and "=" in line:
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def in_seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m|min|h)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60, "min": 60, "h": 3600}[unit]


def read_rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def read_panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return panels


def read_command_lines() -> dict[str, list[str]]:
    entry = json.loads(read_instruction("ENTRYPOINT"))
    unit = read_directives(UNIT)
    return {
        "image": [*entry, *json.loads(read_instruction("CMD"))],
        **{
            f"compose {name}": [*entry, *one["command"]]
            for name, one in read_our_services().items()
        },
        **{f"pod {name}": one["command"] for name, one in read_containers().items()},
        **{f"unit {name}": shlex.split(unit[name][0]) for name in ("ExecStartPre", "ExecStart")},
    }


def parse_command(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Take a command line apart as the program does. Raises `click.UsageError`."""
    arguments = list(words[1:])
    context = cli.make_context("hashmatch", list(arguments))
    if arguments[0] == "--config":
        del arguments[:2]
    command: click.Command = cli
    names = []
    while isinstance(command, click.Group):
        names.append(arguments.pop(0))
        found = command.get_command(context, names[-1])
        assert found is not None, f"there is no command {' '.join(names)}"
        command = found
    parsed = command.make_context(names[-1], arguments, parent=context)
    return " ".join(names), {**context.params, **parsed.params}
