"""Arithmetic of scale: from what one core does to what a platform needs, checked by a run here."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hashes import realistic
from benchmarks.measuring import Table
from benchmarks.photographs import encoded, photograph
from hashmatch.config import load_settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.index import LiveIndex
from hashmatch.wiring import open_database, open_index, open_intake

# Uploads as a platform has them: width, height and share.
_KINDS = ((800, 600, 0.5), (1920, 1280, 0.4), (4000, 3000, 0.1))
_PICTURES, _COPIES, _CALIBRATED, _ROUNDS = 10, 80, 5, 4
_ENTRIES = 1_000_000
_SEED = 700_000
_DAY_S = 86_400

# What is assumed, and not measured: change it to yours.
UTILISATION = 0.6  # so that an hour with more than the mean does not queue
CORE_HOUR_PRICE = 0.04  # in any currency, for a virtual core with 4 GB of memory
PEAK = 1.0  # the load of the busiest hour to the mean; 1 for back-fills


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one machine: core seconds for an upload of the mix, by its parts, and its size."""

    intake_s: float
    lookup_s: float
    size_bytes: float


@dataclass(frozen=True, slots=True)
class Need:
    """Hardware for a load: cores, the memory of a host for the index, and the network."""

    cores: float
    index_bytes: float
    network_bits_s: float

    @property
    def price_a_day(self) -> float:
        """Price of the cores for a day."""
        return self.cores * 24 * CORE_HOUR_PRICE


# Bytes of an index for each PDQ hash, and time of a look-up to that among a million entries, from
# the tables of look-ups and indexes in RESULTS.md. Among 100 million it is not measured: it grows
# from one to ten million by a factor that is taken once more.
_BYTES_PER_ENTRY = 110
_LOOKUP_RATIO = {1_000_000: 1.0, 10_000_000: 6.0, 100_000_000: 36.0}


def need(measured: Measured, images_a_day: int, entries: int) -> Need:
    """Return what a load needs: images a day, against lists with so many PDQ hashes."""
    rate = images_a_day * PEAK / _DAY_S
    core_s = measured.intake_s + measured.lookup_s * _LOOKUP_RATIO[entries]
    return Need(
        cores=rate * core_s / UTILISATION,
        index_bytes=entries * _BYTES_PER_ENTRY,
        network_bits_s=rate * measured.size_bytes * 8,
    )


def predicted_s(measured: Measured, images: int, cores: int) -> float:
    """Return how long a back-fill takes on so many cores, all of them busy."""
    return images * (measured.intake_s + measured.lookup_s) / cores


def measure() -> list[Table]:
    """Measure the parts on one core, predict a back-fill on two, and run it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = _make(folder)
        cores = os.cpu_count() or 1
        measured = _calibrate_on_all(folder, cores)
        expected_s = predicted_s(measured, images, cores)
        took_s = _run(folder, "uploads") - _run(folder, "one")
    parts = (
        f"{1e3 * measured.intake_s:.1f} ms decoding and hashing at the level standard,"
        f" {1e3 * measured.lookup_s:.1f} ms looking up among {_ENTRIES:,} PDQ hashes,"
        f" {measured.size_bytes / 1e6:.2f} MB"
    )
    checked = Table(
        "A prediction of scale, and a run",
        f"{images:,} uploads of three sizes, a back-fill on {cores} cores, without its start; the"
        " prediction from single calls in a process for each core, all at once, since virtual cores"
        f" may share one: {parts} for each upload of the mix.",
        ("predicted", "measured", "ratio"),
        [(f"{expected_s:.1f} s", f"{took_s:.1f} s", f"{took_s / expected_s:.2f}")],
    )
    return [checked, needs_at_scale(measured)]


def needs_at_scale(measured: Measured) -> Table:
    """Return the table of what loads and lists of different sizes need."""
    rows = []
    for images_a_day in (1_000_000, 100_000_000, 1_000_000_000):
        for entries in _LOOKUP_RATIO:
            one = need(measured, images_a_day, entries)
            rows.append(
                (
                    f"{images_a_day:,}",
                    f"{entries:,}",
                    f"{max(1, one.cores):,.0f}",
                    f"{one.index_bytes / 1e9:,.1f} GB",
                    f"{one.network_bits_s / 1e9:,.2f} Gbit/s",
                    f"{one.price_a_day:,.0f}",
                )
            )
    what = (
        f"From the figures above, at {UTILISATION:.0%} of the cores and {CORE_HOUR_PRICE} a core"
        " and hour; look-ups among 100 million are extrapolated. The index is for each host."
    )
    columns = "images a day", "PDQ hashes", "cores", "index", "network", "cost a day"
    return Table("Needs at scale", what, columns, rows)


def _make(folder: Path) -> int:
    """Write a list and uploads, and return how many uploads."""
    with (folder / "list.csv").open("w") as stream:
        stream.write("algorithm,value\n")
        stream.writelines(f"pdq,{one.tobytes().hex()}\n" for one in realistic(_ENTRIES, seed=1))
    (folder / "uploads").mkdir()
    (folder / "one").mkdir()
    count = 0
    for kind, (width, height, share) in enumerate(_KINDS):
        for number in range(_PICTURES):
            picture = photograph(_SEED + number, width, height, grain=9.0, colours=3)
            data = encoded(picture, "JPEG", quality=88)
            for copy in range(round(_COPIES * share)):
                # What follows the end of a JPEG shows nothing.
                path = folder / "uploads" / f"{number:02}-{kind}-{copy:02}.jpg"
                path.write_bytes(data + b"%d" % copy)
                count += 1
    (folder / "one" / "one.jpg").write_bytes(data)
    command = [sys.executable, "-m", "hashmatch"]
    for words in (["init", "--data-dir", "data"], ["lists", "import", "list", "list.csv"]):
        # Some made-up hashes are refused, which an import ends with 2 for.
        subprocess.run([*command, *words], cwd=folder, check=False, capture_output=True)
    return count


def _calibrate_on_all(folder: Path, cores: int) -> Measured:
    """Time single calls in as many processes as there are cores, and return their means."""
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as processes:
        found = list(processes.map(_calibrate, [folder] * cores))
    return Measured(
        sum(one.intake_s for one in found) / cores,
        sum(one.lookup_s for one in found) / cores,
        found[0].size_bytes,
    )


def _calibrate(folder: Path) -> Measured:
    """Time single calls in this process on a few uploads of each size, and weigh them."""
    settings = load_settings(folder / "hashmatch.toml")
    alone = settings.intake.model_copy(update={"isolation": "none"})
    settings = settings.model_copy(update={"intake": alone})
    intake_s = lookup_s = size_bytes = 0.0
    with (
        closing(open_database(settings)) as database,
        closing(open_intake(settings)) as intake,
        closing(open_index(settings, database)) as index,
    ):
        for kind, (_, _, share) in enumerate(_KINDS):
            paths = sorted((folder / "uploads").glob(f"*-{kind}-00.jpg"))[:_CALIBRATED]
            times = []
            for path in (paths[0], *_ROUNDS * paths):  # The first warms up.
                data = path.read_bytes()
                begun_s = time.process_time()
                hashes = intake.read(data, {"pdq", "sha256"}).hashes
                read_s = time.process_time() - begun_s
                times.append((read_s, _look_up(index, hashes), len(data)))
            means = [sum(column) / len(times[1:]) for column in zip(*times[1:], strict=True)]
            intake_s += share * means[0]
            lookup_s += share * means[1]
            size_bytes += share * means[2]
    return Measured(intake_s, lookup_s, size_bytes)


def _look_up(index: LiveIndex, hashes: Sequence[Hash]) -> float:
    values = [one.value for one in hashes if one.algorithm.name == "pdq"]
    snapshot, algorithm = index.snapshot(), ALGORITHMS["pdq"]
    begun_s = time.process_time()
    snapshot.search_many("pdq", values, algorithm.review_bits or 0)
    return time.process_time() - begun_s


def _run(folder: Path, uploads: str) -> float:
    command = [sys.executable, "-m", "hashmatch", "backfill", uploads]
    begun_s = time.perf_counter()
    ran = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    took_s = time.perf_counter() - begun_s
    if ran.returncode == 2:
        raise SystemExit(ran.stderr)
    return took_s
