"""Reading of what files declare of their origin."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

from PIL import Image

from benchmarks.measuring import Table, duration
from benchmarks.photographs import photograph
from hashmatch.imaging.provenance import load_credentials, read_provenance
from tests.imaging.provenance.marked_files import CASES
from tests.imaging.provenance.signing import authority

_TURNS = 200
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")


def measure() -> list[Table]:
    """Measure `read_provenance`: best of many."""
    rows = [(name, f"{len(data) // 1000} kB", _best(data)) for name, data in _files()]
    what = (
        f"`read_provenance` with c2pa-python, best of {_TURNS}: added to each scan, in the decoding"
        " process. To reach: 0.2 ms without a manifest, 6 ms with one, 15 ms with nested ones."
    )
    return [Table("Provenance", what, ("file", "size", "time"), rows)]


def _files() -> Iterator[tuple[str, bytes]]:
    picture: Image.Image = photograph(1, 1280, 960, grain=8.0, colours=3)
    for name in _FORMATS:
        stream = io.BytesIO()
        picture.save(stream, name)
        yield f"{name} without marks", stream.getvalue()
    yield "PNG with parameters", CASES["a1111_png"].make()
    yield "JPEG with a manifest", CASES["c2pa_jpeg_trained"].make()
    yield "PNG with a manifest", CASES["c2pa_png_trained"].make()
    yield "nested manifests", CASES["c2pa_chain_8"].make()


def _best(data: bytes) -> str:
    reader = load_credentials(authority().pem)
    times = []
    for _ in range(_TURNS):
        begun_s = time.perf_counter()
        read_provenance(data, reader)
        times.append(time.perf_counter() - begun_s)
    return duration(min(times))
