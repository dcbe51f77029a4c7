"""What an installation with every extra consists of: its SBOM, its licences, its vulnerabilities.

In a checkout: make supply.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.documents import DOCS, ROOT

LICENCES = DOCS / "reference" / "licences.md"
LOCKED = ROOT / "deploy" / "locked.txt"
_INTRODUCTION = """# Licences

What an installation with every extra consists of, and under which licences, as the packages say
themselves. `make supply` writes this page and an SBOM (CycloneDX), and looks for known
vulnerabilities. hashmatch itself is under Apache-2.0.

| package | version | licence |
| --- | --- | --- |
"""
# Of the environment, and not of an installation.
_NOT_OURS = ("hashmatch", "pip", "setuptools")


def main(folder: Path, python: Path) -> int:
    """Write all of it; return 1 where a vulnerability is known."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_sbom(folder / "sbom.json", python)
    _write_licences(python)
    return _look_for_vulnerabilities(folder / "vulnerabilities.json")


def _write_sbom(path: Path, python: Path) -> None:
    command = ["cyclonedx-py", "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    _tool("cyclonedx-bom", *command, "--output-file", str(path), str(python))
    components = json.loads(path.read_text())["components"]
    print(f"{path}: {len(components)} packages")


def _write_licences(python: Path) -> None:
    command = ["pip-licenses", "--from=mixed", "--format=json", f"--python={python}"]
    found = json.loads(_tool("pip-licenses", *command).stdout)
    rows = [
        f"| {one['Name']} | {one['Version']} | {_in_one_line(one['License'])} |\n"
        for one in sorted(found, key=lambda one: one["Name"].lower())
        if one["Name"].lower() not in _NOT_OURS
    ]
    LICENCES.write_text(_INTRODUCTION + "".join(rows))
    print(f"{LICENCES}: {len(rows)} packages")


def _in_one_line(licence: str) -> str:
    # Some packages give the whole text.
    first = next((line for line in licence.splitlines() if line.strip()), "UNKNOWN")
    return first.strip().replace("|", "/")


def _look_for_vulnerabilities(path: Path) -> int:
    """Ask for those of the locked versions; say so where there is nobody to ask."""
    command = ["pip-audit", "--requirement", str(LOCKED), "--disable-pip", "--format", "json"]
    asked = _tool("pip-audit", *command, check=False)
    if not asked.stdout:
        print(f"vulnerabilities: nobody could be asked: {asked.stderr.strip()[-200:]}")
        return 0
    path.write_text(asked.stdout)
    found: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    unknown = sum("skip_reason" in one for one in found)
    bad = [one for one in found if one.get("vulns")]
    for one in bad:
        names = ", ".join(vulnerability["id"] for vulnerability in one["vulns"])
        print(f"{one['name']} {one['version']}: {names}")
    print(
        f"vulnerabilities: {len(bad)} of {len(found)} packages have some;"
        f" nothing could be learnt about {unknown}"
    )
    return 1 if bad else 0


def _tool(package: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of a package that is installed for this alone."""
    uv = [str(Path(sys.executable).with_name("uv")), "tool", "run", "--quiet", "--from", package]
    return subprocess.run([*uv, *command], capture_output=True, text=True, check=check)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
