"""The Helm chart: its files, and what helm renders of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource

from tests.deploy.places import DEPLOY, ROOT

CHART = DEPLOY / "helm" / "hashmatch"
TOOLS = ROOT / ".venv" / "helm"
TEMPLATES = sorted((CHART / "templates").iterdir())

Values = Mapping[str, Any]
Path = tuple[str, ...]


@cache
def read_chart() -> dict[str, Any]:
    chart: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())
    return chart


@cache
def read_values() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return values


@cache
def read_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return schema


def find_helm() -> str:
    """Helm as `make helm` installs it, or else the system's; skips the test where there is none."""
    program = shutil.which("helm", path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")
    return program or _miss("helm")


def _miss(what: str) -> str:
    if os.environ.get("HASHMATCH_TESTS_NEED_PROGRAMS"):
        pytest.fail(f"{what} is missing, and HASHMATCH_TESTS_NEED_PROGRAMS asks for it")
    pytest.skip(f"{what} is not installed; 'make helm' does it")


def run_helm(*arguments: str, values: Values | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm with some values, and without what this user has of it."""
    command = [find_helm(), *arguments, str(CHART), "--values", "-"]
    folders = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
    environment = {**os.environ, **dict.fromkeys(folders, "/nonexistent")}
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        input=json.dumps(values or {}),
        env=environment,
        timeout=60,
    )


def render_text(values: Values | None = None, release: str = "hashmatch") -> str:
    """Render the chart, as a cluster of the oldest version would get it."""
    return _render(json.dumps(values), release)


@cache
def _render(values: str, release: str) -> str:
    done = run_helm("template", "--kube-version", "1.30.0", release, values=json.loads(values))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def render(values: Values | None = None, release: str = "hashmatch") -> list[dict[str, Any]]:
    """Render the chart's objects."""
    # PyYAML's own loader takes ten times as long.
    text = render_text(values, release)
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def merged(values: Values, others: Values) -> dict[str, Any]:
    """Merge values as Helm does: maps key by key, lists as a whole."""
    result = deepcopy(dict(values))
    for key, other in others.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(other, Mapping):
            result[key] = merged(old, other)
        else:
            result[key] = deepcopy(other)
    return result


def problems(values: Values) -> list[str]:
    """Return what the schema has against the defaults with these values."""
    errors = _validator().iter_errors(merged(read_values(), values))
    return [one.message for one in errors]


@cache
def _validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(read_schema())


def leaves(values: Values, path: Path = ()) -> Iterator[Path]:
    """Yield the path of each value; what is for Kubernetes is one value."""
    for key, value in values.items():
        is_ours = isinstance(value, dict) and value and key != "resources"
        if is_ours:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def at(values: Values, path: Path) -> Any:
    for key in path:
        values = values[key]
    return values


def replaced(values: Values, path: Path, value: object) -> dict[str, Any]:
    """Return a copy of the values with another one at a path."""
    result = deepcopy(dict(values))
    at(result, path[:-1])[path[-1]] = value
    return result


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the pods' specifications by the names of their objects."""
    found = {}
    for one in objects:
        spec = one["spec"] if one["kind"] == "Deployment" else None
        if one["kind"] == "CronJob":
            spec = one["spec"]["jobTemplate"]["spec"]
        if spec is not None:
            found[one["metadata"]["name"]] = spec["template"]["spec"]
    return found


def containers(pod: Values) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


@cache
def _schema_of(version: str, name: str) -> tuple[dict[str, Any], Registry[Any]]:
    folder = TOOLS / "schemas" / version
    if not folder.is_dir():
        _miss("a folder with Kubernetes' schemas")
    schema, shared = (json.loads((folder / one).read_text()) for one in (name, "_definitions.json"))
    return schema, Resource.from_contents(shared) @ Registry()


def kubernetes_problems(one: Values, version: str) -> list[str]:
    """Return what Kubernetes' own schemas have against an object, unknown fields included."""
    group, _, api = one["apiVersion"].rpartition("/")
    prefix = f"{group.partition('.')[0]}-" if group else ""
    schema, registry = _schema_of(version, f"{one['kind'].lower()}-{prefix}{api}.json")
    validator = jsonschema.Draft202012Validator(schema, registry=registry)
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(one)]
