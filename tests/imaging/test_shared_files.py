"""Files that a browser shows as a listed picture, one of each kind of fault that was found."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Decode
from hashmatch.imaging import Hashing
from hashmatch.policy import Policy
from hashmatch.screening.matching import low_quality_failure
from tests.conftest import SHARED_DATA
from tests.oracle import distance_bits
from tests.pictures import read

FOLDER = SHARED_DATA / "intake"
POLICY = Policy(Settings(), ALGORITHMS)


def _manifest() -> dict[str, str]:
    path = FOLDER / "manifest.json"
    if not path.is_file():
        return {}
    return {name: one["want"] for name, one in json.loads(path.read_text()).items()}


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared files are not beside this checkout")
@pytest.mark.parametrize("decode", list(Decode))
@pytest.mark.parametrize("name", _manifest())
def test_a_file_that_shows_a_listed_picture_is_not_clear(name: str, decode: Decode) -> None:
    with (FOLDER / "list.csv").open() as file:
        listed = [bytes.fromhex(row["value"]) for row in csv.DictReader(file)]
    reading = read((FOLDER / name).read_bytes(), "pdq", hashing=Hashing(decode))
    is_matched = any(
        distance_bits(one.value, value) <= 31
        for one in reading.hashes
        if not POLICY.is_low_quality(one)
        for value in listed
    )
    failure = reading.failure or low_quality_failure(POLICY, reading.hashes)
    # JPEG XL is supported where its extra is installed, as it is for the tests.
    if "matched" in _manifest()[name]:
        assert is_matched
    assert is_matched or failure is not None


def test_the_folder_of_shared_files_is_read_as_a_whole() -> None:
    if not FOLDER.is_dir():
        pytest.skip("the shared files are not beside this checkout")
    drawn = {
        path.name for path in Path(FOLDER).iterdir() if path.suffix not in (".md", ".csv", ".json")
    }
    assert drawn == _manifest().keys()
