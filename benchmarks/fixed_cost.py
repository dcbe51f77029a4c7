"""What a scan costs beside decode and hash, in processor time, its decoding process included."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from PIL import Image

from benchmarks.measuring import Table
from benchmarks.photographs import encoded, photograph
from hashmatch.config import Settings
from hashmatch.hashers import PIXEL_HASHERS
from hashmatch.hashes import Level
from hashmatch.imaging.hashing import MIN_SHORT_SIDE
from hashmatch.lists import find_format, import_list
from hashmatch.screening.scanner import Scanner
from hashmatch.store.engine import Database
from hashmatch.store.migrations import upgrade
from hashmatch.wiring import open_scanner_with

_SIZES = ((640, 480), (1920, 1080), (4000, 3000))
_GRAIN, _QUALITY = 8.0, 90
_PDQ = PIXEL_HASHERS[0]
# Best of so many turns, each of about so many pixels.
_TURNS, _PIXELS_A_TURN = 25, 8_000_000
# Of no picture, but not degenerate either: an import would withdraw such entries.
_VALUE = bytes(range(7, 39)).hex()

# Ways that were tried to make it less, at 640 by 480: lists read through the ORM at each scan, 2.1
# ms; by one statement of SQLAlchemy's core on a connection of the pool, 0.4 ms; as it is, 0.01 ms.
# Memory that is given back after each picture, 2 ms, and 16 ms at 1080p. The pixels as numpy's own
# copy, 0.1 ms, and 1.4 ms at 1080p.


def measure() -> list[Table]:
    """Measure each size at each level, best of many."""
    with tempfile.TemporaryDirectory() as name, _scanner(Path(name)) as scanner:
        rows = [row for size in _SIZES for row in _measure_size(scanner, *size)]
    what = (
        "Processor time of `open_scanner().scan` in the default configuration, this process and its"
        f" decoding process together, best of {_TURNS}, for drawn pictures with grain as JPEG."
        " Decode is Pillow's alone as the scan needs it, its luma what Pillow takes for the luma"
        " plane alone at that scale; hash is PDQ of decoded pixels. To reach at the level plain: at"
        " most 1 ms beside decode and hash, and 1.5× the bare decode at 1080p, 1.2× at 12 MP."
    )
    columns = (
        *("file", "level", "decode", "its luma", "hash", "scan", "beside decode and hash"),
        *("to decode", "to luma"),
    )
    return [Table("The fixed cost of a scan", what, columns, rows)]


def _measure_size(scanner: Scanner, width: int, height: int) -> list[tuple[str, ...]]:
    picture = photograph(1, width, height, grain=_GRAIN, colours=3)
    data = encoded(picture, "JPEG", quality=_QUALITY)
    decoded = _decode(data, "YCbCr")
    calls = max(1, _PIXELS_A_TURN // (width * height))
    decode, luma = (_best_ms(partial(_decode, data, mode), calls) for mode in ("RGB", "L"))
    # As the scan does: a reduced picture is hashed by its luma.
    is_reduced = decoded.width < width
    if is_reduced:
        decode = _best_ms(partial(_decode, data, "YCbCr"), calls)
    hashed = decoded.getchannel(0) if is_reduced else picture
    hash_ms = _best_ms(partial(_PDQ.hash_pixels, hashed), calls)
    rows = []
    for level in Level:
        scan = _best_ms(partial(scanner.scan, data, content_id="x", level=level), calls)
        beside = scan - decode - hash_ms
        rows.append(
            (f"{width} × {height}, {len(data) / 1e6:.2f} MB", level.value, *map(_ms, (decode, luma,
             hash_ms, scan, beside)), f"{scan / decode:.2f}×", f"{scan / luma:.2f}×")
        )  # fmt: skip
    return rows


def _decode(data: bytes, mode: str) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    # The colours of these files are stored at half the size.
    factor = 2 if min(image.size) // 2 >= MIN_SHORT_SIDE else 1
    if mode != "RGB":
        image.draft(mode, (image.width // factor, image.height // factor))
    image.load()
    return image


def _best_ms(work: Callable[[], object], calls: int) -> float:
    """Return the least processor time of one call over some turns, that of children included."""
    work()
    times = []
    for _ in range(_TURNS):
        begun_ns = _processor_ns()
        for _ in range(calls):
            work()
        times.append((_processor_ns() - begun_ns) / calls / 1e6)
    return min(times)


def _processor_ns() -> int:
    own = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    children = (Path(f"/proc/{pid}/schedstat").read_text().split()[0] for pid in own)
    return time.process_time_ns() + sum(map(int, children))


def _scanner(folder: Path) -> Scanner:
    settings = Settings.model_validate({"data_dir": folder})
    values = f"algorithm,value\npdq,{_VALUE}\nsha256,{_VALUE}\n"
    with closing(Database(settings.database_url)) as database:
        upgrade(database)
        stream = io.BytesIO(values.encode())
        import_list(database, "list", stream, find_format("list.csv"), source="benchmark")
    return open_scanner_with(settings)


def _ms(time_ms: float) -> str:
    return f"{time_ms:.2f} ms" if time_ms < 10 else f"{time_ms:.1f} ms"
