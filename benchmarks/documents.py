"""Importing a VICS document of a million records, against only parsing it."""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import Table, run_process

_RECORDS = 1_000_000
_CONFIG = """
data_dir = "data"
[mappings.vics]
categories = { 1 = "A", 2 = "B", 3 = "C" }
"""
_IMPORT = """
import sys
from pathlib import Path
from hashmatch.config import load_settings
from hashmatch.lists import find_format, import_list
from hashmatch.wiring import open_database
settings = load_settings()
with open(sys.argv[1], "rb") as stream:
    import_list(open_database(settings), "alone", stream, find_format("", "vics"),
                source="a benchmark", mapping=settings.mappings["vics"])
"""
_PARSE = "import json, sys; print(len(json.load(open(sys.argv[1], encoding='utf-8'))['value']))"


def measure() -> list[Table]:
    """Run whole processes and look at the most memory that each ever had."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        document = folder / "set.json"
        _write_document(document)
        alone, whole = folder / "alone", folder / "whole"
        python, hashmatch = (sys.executable, "-c"), (sys.executable, "-m", "hashmatch")
        for one in (alone, whole):
            one.mkdir()
            (one / "hashmatch.toml").write_text(_CONFIG, encoding="utf-8")
            run_process(one, *hashmatch, "db", "upgrade")
        layout = ("--format", "vics", "--mapping", "vics")
        command = (*hashmatch, "lists", "import", "big", str(document), *layout)
        found = {
            "`json.load`, nothing else (the comparison)": run_process(
                alone, *python, _PARSE, str(document)
            ),
            "`import_list`, a new list": run_process(alone, *python, _IMPORT, str(document)),
            "`lists import`, a new list, and its index": run_process(whole, *command),
            "`lists import`, the same file again": run_process(whole, *command),
        }
        size = document.stat().st_size / 1e6
    base = next(iter(found.values()))
    rows = [
        (
            way,
            f"{one.time_s:.0f} s",
            f"{_RECORDS / one.time_s:,.0f}",
            f"{one.megabytes:,.0f} MB",
            f"{one.megabytes / base.megabytes:.2f}×",
        )
        for way, one in found.items()
    ]
    what = (
        f"A hash set of VICS 1.3 with {_RECORDS:,} records of MD5, SHA-1 and PDQ ({size:.0f} MB),"
        " imported into SQLite: parsed as a stream, checked, compared with the list, committed. The"
        " command then indexes the three million hashes, too. Whole processes, one run each. To"
        " reach: an import under 300 MB."
    )
    columns = ("way", "time", "records a second", "most memory", "memory, ratio")
    return [Table("Import of a VICS document", what, columns, rows)]


def _write_document(file: Path) -> None:
    rng = random.Random(1)
    with file.open("w", encoding="utf-8") as stream:
        stream.write('{"odata.metadata": "http://x/DataModels/1.3.xml#Media", "value": [')
        for number in range(_RECORDS):
            record = {
                "MediaID": number,
                "Category": 1 + number % 3,
                "MD5": rng.randbytes(16).hex().upper(),
                "SHA1": rng.randbytes(20).hex().upper(),
                "PhotoDNA": None,
                "MediaSize": rng.randrange(10_000_000),
                "DateUpdated": "2026-01-02T03:04:05Z",
                "VictimIdentified": "False",
                "OffenderIdentified": "False",
                "IsDistributed": "True",
                "Series": f"series {number % 50}",
                "Tags": "",
                "Comments": "",
                "MimeType": "image/jpeg",
                "AlternativeHashes": [{"HashName": "PDQ", "HashValue": rng.randbytes(32).hex()}],
            }
            stream.write(("," if number else "") + json.dumps(record))
        stream.write("]}")
