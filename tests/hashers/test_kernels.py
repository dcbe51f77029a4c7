"""The compiled kernels are kept where they can be, and work where they cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hashmatch

_HASH_AND_COUNT_LOADED = """
from PIL import Image
from hashmatch.hashers import PIXEL_HASHERS, kernels
assert kernels.__file__.startswith({folder!r})
PIXEL_HASHERS[0].hash_pixels(Image.new("L", (64, 64)))
kinds = kernels._weigh_rows, kernels._weigh_columns
print(sum(sum(kind.stats.cache_hits.values()) for kind in kinds))
"""


@pytest.fixture
def install(tmp_path: Path) -> Path:
    """A copy of the package in which nobody can write a cache, not even the superuser."""
    folder = tmp_path / "installed"
    source = Path(hashmatch.__file__).parent
    shutil.copytree(source, folder / "hashmatch", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "hashmatch" / "hashers" / "__pycache__").write_text("in the way")
    return folder


def _kernels_loaded(install: Path, cache: Path) -> int:
    """Hash in a process of its own; return how many kernels it found compiled."""
    environment = {
        **{key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"},
        "PYTHONPATH": str(install),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(cache),
        "XDG_CACHE_HOME": str(cache),
    }
    program = _HASH_AND_COUNT_LOADED.format(folder=str(install))
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_the_kernel_cache_survives_a_read_only_install(install: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert _kernels_loaded(install, cache) == 0
    assert _kernels_loaded(install, cache) == 3


def test_kernels_work_where_nothing_can_be_kept(install: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("in the way")
    assert _kernels_loaded(install, cache) == 0
