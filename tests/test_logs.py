"""Whoever turns the log up sees what happens, but no hash, no row and no secret."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures import drawn, hashes_of, list_of

_EVERYTHING = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
for name in ("numba", "PIL"):
    logging.getLogger(name).setLevel(logging.INFO)
from pathlib import Path
from hashmatch import open_scanner
from hashmatch.config import load_settings
from hashmatch.lists import open_source, sync_list
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
config = Path(sys.argv[1])
settings = load_settings(config)
database = Database(settings.database_url)
upgrade(database)
sync_list(database, "one", open_source(settings, "one"), settings)
with open_scanner(config) as scanner:
    print(type(scanner.scan(Path(sys.argv[2]).read_bytes(), content_id="post/1")).__name__)
"""


def test_a_sync_and_a_scan_at_the_lowest_level_log_no_hash(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(list_of(1, algorithms=("pdq", "md5", "sha256")))
    (tmp_path / "a.jpg").write_bytes(drawn(1))
    config = tmp_path / "hashmatch.toml"
    config.write_text(
        'data_dir = "data"\n[intake]\nisolation = "none"\n'
        '[lists.one]\nsource = "file"\npath = "one.csv"\n'
    )
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-c", _EVERYTHING, str(config), str(tmp_path / "a.jpg")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert "Matched" in said
    assert "DEBUG" in said
    for one in hashes_of(1, "pdq", "md5", "sha256").values():
        assert one.value.hex() not in said.lower()
        assert repr(one.value)[2:12] not in said


def test_the_watch_over_the_log_sees_what_it_is_for(caplog: pytest.LogCaptureFixture) -> None:
    from tests.conftest import _Leaks

    leaks = _Leaks()
    logger = logging.getLogger("x")
    logger.addHandler(leaks)
    logger.propagate = False
    logger.warning("value %s", "00" * 16)
    logger.warning("key %s", "secret-x")
    logger.warning("nothing")
    assert [line.split()[1] for line in leaks.lines] == ["value", "key"]
