"""The wheel holds all that a running installation needs."""

from __future__ import annotations

import os
import subprocess
import sys
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
