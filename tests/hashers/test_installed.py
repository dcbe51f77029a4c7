"""Algorithms that other packages bring: installed, listed, computed and matched."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures import drawn

# A made-up algorithm: the mean brightness of 4 by 4 fields, as a vector of bytes.
_PACKAGE = """
from hashmatch.hashers import Algorithm, Hash, PixelHasher
from hashmatch.hashes import Kind

class FieldsHasher(PixelHasher):
    algorithm = Algorithm("fields", "1", 128, Kind.VECTOR, threshold_bits=400)

    def hash_pixels(self, picture, reduction=None):
        return Hash(self.algorithm, picture.convert("L").resize((4, 4), 4).tobytes())

hasher = FieldsHasher()
looked_up_only = Algorithm("elsewhere", "1", 128, Kind.VECTOR, threshold_bits=400)
photodna = Algorithm("photodna", "1", 128, Kind.VECTOR, threshold_bits=400)
not_a_hasher = 7
"""


class _Program:
    """hashmatch as a program, beside an installed package that brings hashers."""

    def __init__(self, folder: Path, **entries: str) -> None:
        self.folder = folder
        packages = folder / "packages"
        info = packages / "madeup-1.0.dist-info"
        info.mkdir(parents=True)
        (packages / "madeup.py").write_text(_PACKAGE)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: madeup\nVersion: 1.0\n")
        lines = [f"{name} = {place}" for name, place in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[hashmatch.hashers]", *lines]) + "\n")
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(packages),
            "HASHMATCH_CONFIG": str(folder / "hashmatch.toml"),
        }
        (folder / "hashmatch.toml").write_text('data_dir = "data"\n[intake]\nisolation = "none"\n')

    def run(self, *arguments: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "hashmatch", *arguments],
            env=self._environment, cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == expected, done.stderr
        return done


def test_an_installed_hasher_is_computed_listed_and_matched(tmp_path: Path) -> None:
    program = _Program(tmp_path, fields="madeup:hasher")
    program.run("init")
    for seed in (1, 2):
        (tmp_path / f"{seed}.jpg").write_bytes(drawn(seed))
    (tmp_path / "small.jpg").write_bytes(drawn(1, quality=20))
    hashed = json.loads(program.run("hash", "1.jpg", "--algorithm", "fields", "--json").stdout)
    (tmp_path / "list.csv").write_text(f"algorithm,value\nfields,{hashed['value']}\n")
    program.run("lists", "import", "one", "list.csv")
    scanned = program.run("scan", "small.jpg", "--json", expected=1)
    (match,) = json.loads(scanned.stdout)["matches"]
    assert (match["algorithm"], match["threshold_bits"]) == ("fields", 400)
    assert 0 < match["distance_bits"] <= 400
    program.run("scan", "2.jpg", expected=0)
    assert "fields" in program.run("doctor", expected=0).stdout


def test_what_was_only_kept_is_matched_once_something_can(tmp_path: Path) -> None:
    program = _Program(tmp_path, elsewhere="madeup:photodna")
    packages = tmp_path / "packages"
    packages.rename(tmp_path / "aside")
    program.run("init")
    text = base64.b64encode(b"\x10" * 16).decode()  # as VICS writes it
    rows = f"photodna,{text},e1\nphotodna,?,e2\nmd5,{'0' * 32},e3\n"
    (tmp_path / "list.csv").write_text(f"algorithm,value,entry_id\n{rows}")
    program.run("lists", "import", "one", "list.csv")
    program.run("lists", "withdraw", "one", "e3")
    program.run("lookup", f"photodna:{'10' * 16}", expected=2)
    (tmp_path / "aside").rename(packages)
    program.run("lookup", f"photodna:{'11' * 16}", expected=1)
    (status,) = map(json.loads, program.run("lists", "status", "--json").stdout.splitlines())
    assert (status["entries"], status["kept"]) == ({"photodna": 1}, {"photodna": 1})
    assert status["generation"] == 3
    program.run("lookup", f"photodna:{'11' * 16}", expected=1)
    assert json.loads(program.run("lists", "status", "--json").stdout)["generation"] == 3


def test_hashes_that_only_others_compute_are_looked_up(tmp_path: Path) -> None:
    program = _Program(tmp_path, elsewhere="madeup:looked_up_only")
    program.run("init")
    (tmp_path / "list.csv").write_text(f"algorithm,value\nelsewhere,{'10' * 16}\n")
    program.run("lists", "import", "one", "list.csv")
    program.run("lookup", f"elsewhere:{'11' * 16}", expected=1)
    program.run("lookup", f"elsewhere:{'90' * 16}", expected=0)
    (tmp_path / "1.jpg").write_bytes(drawn(1))
    unscreened = program.run("scan", "1.jpg", expected=2)
    assert "elsewhere" in unscreened.stdout + unscreened.stderr


@pytest.mark.parametrize(
    ("place", "problem"),
    [("madeup:gone", "cannot be loaded"), ("madeup:not_a_hasher", "is no hasher and no algorithm")],
)
def test_a_package_that_cannot_be_used_is_named_and_not_passed_over(
    tmp_path: Path, place: str, problem: str
) -> None:
    program = _Program(tmp_path, broken=place)
    done = program.run("scan", "1.jpg", expected=2)
    assert f"broken of madeup {problem}" in done.stderr
