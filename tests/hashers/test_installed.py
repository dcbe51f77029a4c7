"""Algorithms that other packages bring: installed, listed, computed and matched."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import hashmatch
from tests.command_line import CommandLine, Run, one_process
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


_CHECKOUT = Path(hashmatch.__file__).parents[1]


class _Program:
    """hashmatch as a program, beside an installed package that brings hashers."""

    def __init__(self, line: CommandLine, **entries: str) -> None:
        self.folder = folder = line.folder
        packages = folder / "packages"
        info = packages / "madeup-1.0.dist-info"
        info.mkdir(parents=True)
        (packages / "madeup.py").write_text(_PACKAGE)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: madeup\nVersion: 1.0\n")
        lines = [f"{name} = {place}" for name, place in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[hashmatch.hashers]", *lines]) + "\n")
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(packages), str(_CHECKOUT)]),
            "HASHMATCH_CONFIG": str(folder / "hashmatch.toml"),
        }
        (folder / "hashmatch.toml").write_text('data_dir = "data"\n[intake]\nisolation = "none"\n')

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command as a program."""
        return subprocess.run(
            [sys.executable, "-m", "hashmatch", *arguments],
            env=self._environment, cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def running(self) -> AbstractContextManager[Run]:
        """Run commands one after another in one process, which loads everything once."""
        return one_process(self.folder, self._environment)


def test_an_installed_hasher_is_computed_listed_and_matched(command_line: CommandLine) -> None:
    for seed in (1, 2):
        command_line.write(f"{seed}.jpg", drawn(seed))
    command_line.write("small.jpg", drawn(1, quality=20))
    with _Program(command_line, fields="madeup:hasher").running() as run:
        hashed = json.loads(run("hash", "1.jpg", "--algorithm", "fields", "--json").stdout)
        command_line.write("list.csv", f"algorithm,value\nfields,{hashed['value']}\n")
        run("lists", "import", "one", "list.csv")
        (match,) = json.loads(run("scan", "small.jpg", "--json", expected=1).stdout)["matches"]
        assert (match["algorithm"], match["threshold_bits"]) == ("fields", 400)
        assert 0 < match["distance_bits"] <= 400
        run("scan", "2.jpg")
        assert "fields" in run("doctor").stdout


def test_an_unsupported_hash_is_matched_once_something_can(command_line: CommandLine) -> None:
    program = _Program(command_line, elsewhere="madeup:photodna")
    packages = command_line.folder / "packages"
    packages.rename(command_line.folder / "aside")
    text = base64.b64encode(b"\x10" * 16).decode()  # as VICS writes it
    rows = f"photodna,{text},e1\nphotodna,?,e2\nmd5,{'0' * 32},e3\n"
    command_line.write("list.csv", f"algorithm,value,entry_id\n{rows}")
    with program.running() as run:
        run("lists", "import", "one", "list.csv")
        run("lists", "disable", "one", "e3")
        run("lookup", f"photodna:{'10' * 16}", expected=2)
    (command_line.folder / "aside").rename(packages)
    with program.running() as run:
        run("lookup", f"photodna:{'11' * 16}", expected=1)
        status = json.loads(run("lists", "status", "--json").stdout)
        assert (status["entries"], status["unsupported"]) == ({"photodna": 1}, {"photodna": 1})
        assert status["generation"] == 3
        run("lookup", f"photodna:{'11' * 16}", expected=1)
        assert json.loads(run("lists", "status", "--json").stdout)["generation"] == 3


def test_hashes_that_only_others_compute_are_looked_up(command_line: CommandLine) -> None:
    command_line.write("list.csv", f"algorithm,value\nelsewhere,{'10' * 16}\n")
    command_line.write("1.jpg", drawn(1))
    with _Program(command_line, elsewhere="madeup:looked_up_only").running() as run:
        run("lists", "import", "one", "list.csv")
        run("lookup", f"elsewhere:{'11' * 16}", expected=1)
        run("lookup", f"elsewhere:{'90' * 16}", expected=0)
        assert "elsewhere" in run("scan", "1.jpg", expected=2).stdout


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("madeup:gone", "cannot be loaded"),
        ("madeup:not_a_hasher", "is neither a hasher nor an algorithm"),
    ],
)
def test_a_package_that_cannot_be_used_is_named_and_not_passed_over(
    command_line: CommandLine, place: str, problem: str
) -> None:
    done = _Program(command_line, broken=place).run("scan", "1.jpg")
    assert done.returncode == 2, done.stderr
    assert f"broken of madeup {problem}" in done.stderr
