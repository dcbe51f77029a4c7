"""What is under `deploy/` says what it should to systemd, cron and Kubernetes."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from hashmatch.cli.main import cli
from tests.deploy.places import read_containers
from tests.programs import require_program

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICE = DEPLOY / "systemd" / "hashmatch-sync.service"
PROGRAM = "/opt/hashmatch/bin/hashmatch"


def _of_systemd() -> list[str]:
    (line,) = (one for one in SERVICE.read_text().splitlines() if one.startswith("ExecStart="))
    return shlex.split(line.removeprefix("ExecStart="))


def _of_cron() -> list[str]:
    line = (DEPLOY / "cron" / "hashmatch-sync").read_text().splitlines()[-1]
    words = shlex.split(line.rpartition(";")[2])
    return [word for word in words if not word.startswith(">")]


def _cron_job() -> dict[str, Any]:
    job: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / "sync.yaml").read_text())
    return job


def _pod() -> dict[str, Any]:
    pod: dict[str, Any] = _cron_job()["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return pod


def _of_kubernetes() -> list[str]:
    command = _pod()["containers"][0]["command"]
    assert command[0] == "hashmatch"
    return [PROGRAM, *command[1:]]


@pytest.mark.parametrize("read", [_of_systemd, _of_cron, _of_kubernetes])
def test_the_job_is_a_command_that_there_is(read: Any) -> None:
    program, *arguments = read()
    assert program == PROGRAM
    config = ["--config", "/etc/hashmatch/hashmatch.toml"]
    assert arguments == [*config, "lists", "sync", "--all"]
    context = cli.make_context("hashmatch", arguments, resilient_parsing=True)
    lists = cli.get_command(context, "lists")
    assert isinstance(lists, click.Group)
    assert "sync" in lists.list_commands(context)


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    require_program("systemd-analyze")
    units = []
    for one in (SERVICE, SERVICE.with_suffix(".timer")):
        unit = tmp_path / one.name
        unit.write_text(one.read_text().replace(PROGRAM, "/bin/true"))
        units.append(str(unit))
    command = ["systemd-analyze", "verify", *units]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_pod_may_do_no_more_than_it_has_to() -> None:
    pod = _pod()
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert _cron_job()["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod["enableServiceLinks"] is False
    mounted = {one["name"] for one in container["volumeMounts"]}
    assert mounted == {one["name"] for one in pod["volumes"]}


def test_the_pod_syncs_into_the_database_of_the_service_and_no_other() -> None:
    wanted = [one for one in read_containers()["service"]["env"] if "DATABASE" in one["name"]]
    (container,) = _pod()["containers"]
    assert wanted
    assert [one for one in container["env"] if "DATABASE" in one["name"]] == wanted
