"""From pixels and from files to hashes, against pdqhash, threatexchange, imagehash and the decoder.

All run on one core in one process, in turns.
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import imagehash
import numpy as np
import pdqhash
from PIL import Image
from threatexchange.signal_type.pdq.signal import PdqSignal

from benchmarks.measuring import Table, seconds
from benchmarks.photographs import encoded, photograph
from hashmatch.config import Settings
from hashmatch.hashers import PIXEL_HASHERS
from hashmatch.hashes import Decode, Hash
from hashmatch.imaging import Hashing, InProcessIntake
from hashmatch.imaging.hashing import MIN_SHORT_SIDE
from hashmatch.wiring import limits

_SIZES = ((512, 512), (1024, 768), (1920, 1080), (4000, 3000))
_PDQ = PIXEL_HASHERS[0]
_GRAIN = 4.0
# What one measurement may take: large pictures are hashed less often.
_PIXELS_HASHED = 60_000_000
_FEWEST_RUNS, _MAX_RUNS = 5, 60
_SECONDS_A_TURN = 0.005
_DRIFT_PICTURES = 24


def measure() -> list[Table]:
    """Measure pixels to hashes, files to hashes, and what scaling changes."""
    return [_pixels_to_pdq(), _files_to_pdq(), _drift()]


def _pixels_to_pdq() -> Table:
    rows = []
    for width, height in _SIZES:
        picture = _photograph(1, width, height)
        pixels: Any = np.asarray(picture)  # hashed as it is, without Pillow's copy
        peer, ours, eight = _medians_ms(
            width * height,
            partial(pdqhash.compute, pixels),
            partial(_PDQ.hash_pixels, pixels),
            partial(_PDQ.hash_orientations, pixels),
        )
        same = pdqhash.compute(pixels)[0].astype(bool).tolist() == _bits(_PDQ.hash_pixels(picture))
        rows.append(
            (f"{width} × {height}", _ms(peer), _ms(ours), f"{peer / ours:.0f}×",
             "the same" if same else "others", _ms(eight), f"{eight / ours:.1f}×")
        )  # fmt: skip
    what = (
        "PDQ of decoded RGB pixels in a numpy array. To reach: 25× at 512 × 512, 60× at 12 MP, the"
        " same bits; all eight orientations at most 3× one."
    )
    columns = ("pixels", "pdqhash", "hashmatch", "ratio", "bits", "eight orientations", "to one")
    return Table("Pixels to PDQ", what, columns, rows)


def _files_to_pdq() -> Table:
    chosen = limits(Settings())
    scaled = InProcessIntake(chosen, Hashing(Decode.SCALED))
    full = InProcessIntake(chosen, Hashing(Decode.FULL))
    rows = []
    for width, height in _SIZES:
        picture = _photograph(1, width, height)
        for name, image_format, options in (
            ("JPEG", "JPEG", {"quality": 90}),
            ("JPEG, progressive", "JPEG", {"quality": 90, "progressive": True}),
            ("PNG", "PNG", {}),
            ("WebP", "WEBP", {"quality": 85}),
        ):
            data = encoded(picture, image_format, **options)
            te, ih, bare, ours, all_pixels = _medians_ms(
                width * height,
                partial(PdqSignal.hash_from_bytes, data),
                partial(_imagehash, data),
                partial(_bare_decode, data),
                partial(scaled.read, data, {"pdq"}),
                partial(full.read, data, {"pdq"}),
            )
            rows.append(
                (f"{name}, {width} × {height}", _ms(te), _ms(ih), _ms(bare), _ms(ours),
                 f"{te / ours:.1f}×", f"{ours / bare:.2f}×", _ms(all_pixels))
            )  # fmt: skip
    what = (
        "From the bytes of a file to its PDQ hash: hashmatch's whole intake in-process (recognised,"
        " outlined, decoded, borders looked for, hashed) against `PdqSignal.hash_from_bytes` and"
        " imagehash's phash. The bare decode is Pillow's alone, of a JPEG its YCbCr at the same"
        " scale. To reach: 7× threatexchange at 1080p and 25× at 12 MP for JPEG, at most 1.2× the"
        " bare decode."
    )
    columns = (
        *("file", "threatexchange", "imagehash", "bare decode", "hashmatch"),
        *("ratio to threatexchange", "to bare decode", "every pixel"),
    )
    return Table("Files to PDQ", what, columns, rows)


def _drift() -> Table:
    rows = []
    for width, height in ((1920, 1080), (2400, 1800), (4000, 3000)):
        drift: dict[str, list[int]] = {one.algorithm.name: [] for one in PIXEL_HASHERS}
        for seed in range(_DRIFT_PICTURES if width < 4000 else _DRIFT_PICTURES // 3):
            data = encoded(_photograph(seed, width, height), "JPEG", quality=90)
            chosen = limits(Settings())
            pair = [
                InProcessIntake(chosen, Hashing(decode)).read(data, drift.keys()).hashes
                for decode in (Decode.FULL, Decode.SCALED)
            ]
            for one, other in zip(*pair, strict=True):
                drift[one.algorithm.name].append(_distance_bits(one, other))
        found = (f"{statistics.mean(bits):.2f}, {max(bits)}" for bits in drift.values())
        rows.append((f"{width} × {height}", *found))
    what = (
        "Bits that differ between `scaled` and `full`, their mean and the most, drawn pictures with"
        " grain as JPEG of quality 90. To reach: PDQ under 1 on average and 6 at most, the others 2"
        " at most."
    )
    columns = ("picture", *(one.algorithm.name for one in PIXEL_HASHERS))
    return Table("Drift of the scaled path", what, columns, rows)


def _medians_ms(pixels: int, *ways: Callable[[], object]) -> list[float]:
    """Return the median of each way, measured in turns of several milliseconds."""
    runs = max(_FEWEST_RUNS, min(_MAX_RUNS, _PIXELS_HASHED // pixels))
    for way in ways:
        way()
    calls = [max(1, round(_SECONDS_A_TURN / seconds(way))) for way in ways]
    times = [
        [
            seconds(partial(_repeat, way, times)) / times
            for way, times in zip(ways, calls, strict=True)
        ]
        for _ in range(runs)
    ]
    return [1000 * statistics.median(one) for one in zip(*times, strict=True)]


def _repeat(way: Callable[[], object], times: int) -> None:
    for _ in range(times):
        way()


def _imagehash(data: bytes) -> None:
    imagehash.phash(Image.open(io.BytesIO(data)))


def _bare_decode(data: bytes) -> None:
    image = Image.open(io.BytesIO(data))
    if image.format == "JPEG":
        # The colours of these files are stored at half the size.
        factor = 2 if min(image.size) // 2 >= MIN_SHORT_SIDE else 1
        image.draft("YCbCr", (image.width // factor, image.height // factor))
    image.load()


def _photograph(seed: int, width: int, height: int) -> Image.Image:
    return photograph(seed, width, height, grain=_GRAIN, colours=1)


def _bits(one: Hash) -> list[bool]:
    bits: list[bool] = np.unpackbits(np.frombuffer(one.value, np.uint8)).astype(bool).tolist()
    return bits


def _distance_bits(one: Hash, other: Hash) -> int:
    return (int.from_bytes(one.value, "big") ^ int.from_bytes(other.value, "big")).bit_count()


def _ms(time_ms: float) -> str:
    return f"{time_ms:.2f} ms" if time_ms < 10 else f"{time_ms:.1f} ms"
