"""The image's build, step by step, where no engine is: its steps are run in a folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.places import CONTAINERFILE, ROOT

LOCKED = ROOT / "deploy" / "locked.txt"
_PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def _stage() -> tuple[dict[str, str], list[str]]:
    """Return the arguments of the stage that builds, and its COPY and RUN steps in order."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE)
    stage = text.replace("\\\n", "").split("FROM ")[1]
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", stage, re.MULTILINE))
    return arguments, re.findall(r"^(?:COPY|RUN) .*$", stage, re.MULTILINE)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_steps_of_the_build_make_an_installation_that_runs(tmp_path: Path) -> None:
    """Every package has the hash that was locked, and is installed from these files alone."""
    arguments, steps = _stage()
    builder, source, opt = tmp_path / "builder", tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    subprocess.run([sys.executable, "-m", "venv", builder], check=True)
    environment = {
        **{one: value for one, value in os.environ.items() if one != "PYTHONPATH"},
        **arguments,
        "PATH": f"{builder}/bin:{os.environ['PATH']}",
    }
    for step in steps:
        kind, _, rest = step.partition(" ")
        if kind == "COPY":
            *names, target = rest.split()
            for name in names:
                place = source / (name if target == "./" else target)
                place.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / name).is_dir():
                    shutil.copytree(
                        ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__")
                    )
                else:
                    shutil.copyfile(ROOT / name, place)
            continue
        script = rest.replace("/wheels", f"{tmp_path}/wheels").replace("/opt/hashmatch", str(opt))
        ran = subprocess.run(
            ["sh", "-c", script], cwd=source, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, f"{step}\n{ran.stderr[-2000:]}"
    demo = [str(opt / "bin" / "hashmatch"), "demo", "--dir", "demo"]
    ran = subprocess.run(
        demo, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count(" matched ") == 6


def test_what_is_locked_is_what_was_tested_and_has_hashes() -> None:
    tested = set(_PIN.findall((ROOT / "constraints.txt").read_text()))
    locked = set(_PIN.findall(LOCKED.read_text()))
    assert locked <= tested
    for requirement in re.split(r"^(?=[\w.-]+==)", LOCKED.read_text(), flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in requirement, requirement.splitlines()[0]


def test_every_requirement_is_locked() -> None:
    names = {name for name, _ in _PIN.findall(LOCKED.read_text())}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        required += extra
    assert {re.split(r"[\[<>=;\s]", one)[0].lower() for one in required} <= names
    # The build backend is of the group that is locked.
    *build, pip = project["dependency-groups"]["build"]
    assert build == project["build-system"]["requires"]
    assert pip.startswith("pip>=")


def test_every_locked_package_has_its_licence_on_the_page() -> None:
    page = (ROOT / "docs" / "reference" / "licences.md").read_text()
    listed = {
        name.lower().replace("_", "-") for name in re.findall(r"^\| ([\w.-]+) \|", page, re.M)
    }
    here = re.findall(r"^([\w.-]+)==[^\s;]+ *\\?$", LOCKED.read_text(), re.MULTILINE)
    # What is of the build alone, or of another system or Python, is not installed.
    build = {"hatchling", "hatch-fancy-pypi-readme", "pathspec", "pluggy", "tomlkit"}
    build.add("trove-classifiers")
    assert {name.replace(".", "-") for name in here} - {
        one.replace(".", "-") for one in listed
    } <= (build | {"packaging", "pip", "setuptools"})
    assert "UNKNOWN" not in page
