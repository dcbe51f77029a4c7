"""The wheel has all that a running installation needs, and the index all that leads to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_installed_wheel_finds_its_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    assert (tmp_path / "installed" / "hashmatch" / "py.typed").exists()
    code = (
        "from hashmatch.store.migrations import migrations_folder\n"
        "from hashmatch.cli.main import main\n"
        "print(migrations_folder())\n"
        "main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "init", "--data-dir", "data"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == str(tmp_path / "installed" / "hashmatch" / "_migrations")
    assert (tmp_path / "data" / "hashmatch.db").exists()


def _build(kind: str, source: Path, target: Path) -> Path:
    build = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (built,) = (one for one in target.iterdir() if one.suffix in (".whl", ".gz"))
    return built


def test_a_wheel_from_the_source_distribution_is_the_wheel_of_the_checkout(tmp_path: Path) -> None:
    sdist = _build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    contents = []
    for place in (ROOT, source):
        with zipfile.ZipFile(_build("wheel", place, tmp_path / place.name)) as wheel:
            contents.append({one.filename: one.CRC for one in wheel.infolist()})
    assert contents[0] == contents[1]
    assert (source / "tests" / "test_packaging.py").exists()


def test_the_metadata_lead_to_the_project_and_hold_elsewhere(tmp_path: Path) -> None:
    with zipfile.ZipFile(_build("wheel", ROOT, tmp_path / "wheel")) as wheel:
        (name,) = (one for one in wheel.namelist() if one.endswith("/METADATA"))
        head, _, readme = wheel.read(name).decode().partition("\n\n")
    links = dict(re.findall(r"^Project-URL: (\w+), (\S+)$", head, re.MULTILINE))
    assert links.keys() == {"Documentation", "Source", "Issues", "Changelog", "Security"}
    assert "Author: " in head
    assert "# hashmatch" in readme
    targets = re.findall(r"\]\(([^)\s]+)\)", readme)
    assert len(targets) > 20
    assert [one for one in targets if not one.startswith("https://")] == []
    code = f"{links['Source']}/blob/main/"
    paths = [one.removeprefix(code).partition("#")[0] for one in targets if one.startswith(code)]
    assert [one for one in paths if not (ROOT / one).exists()] == []
