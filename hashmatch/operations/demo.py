"""The demo: the whole flow on drawn pictures and a made-up list, in its own folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance

from hashmatch.config import Settings, load_settings
from hashmatch.errors import InputError
from hashmatch.hashes import Level
from hashmatch.lists import ImportSummary, find_format, import_list
from hashmatch.outcome import Outcome
from hashmatch.reports import CSVReport, ReportRow, private_file, report_rows
from hashmatch.store.matches import MatchFilter
from hashmatch.synthetic import draw_picture
from hashmatch.wiring import open_database, open_intake, open_scanner_with

from .first_run import initialise

LIST = "demo"
_SEEDS = {"harbour": 1, "orchard": 2, "viaduct": 3}  # on the list
LISTED_SEEDS = tuple(_SEEDS.values())
_UNLISTED = {"meadow": 11, "skyline": 12, "pebbles": 13}  # not on the list
_LIST_FILE = "list.csv"
_LISTED = frozenset({"pdq", "sha256"})
_CATEGORIES = {"harbour": "A", "orchard": "B", "viaduct": "C"}


@dataclass(frozen=True, slots=True)
class Screened:
    """One demo upload: the file, its description and its outcome."""

    file: Path
    description: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The files and outcomes of the demo."""

    folder: Path
    config: Path
    list_file: Path
    uploads: Path
    report: Path
    imported: ImportSummary
    screened: list[Screened]


def prepare_demo(folder: Path) -> tuple[Path, Settings, ImportSummary]:
    """Return the configuration of a demo in `folder`, and its made-up list, which is imported.

    Raises `InputError` when the folder is not empty and not a demo.
    """
    config = folder / "hashmatch.toml"
    if folder.exists() and not config.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty and not a demo", hint="Choose another --dir.")
    folder.mkdir(parents=True, exist_ok=True)
    # The environment is ignored: a made-up list must not get into a real store.
    initialise(config, folder / "data", use_environment=False)
    settings = load_settings(config, use_environment=False)
    return config, settings, _import_demo_list(settings, folder / _LIST_FILE)


def run_demo(folder: Path) -> DemoResult:
    """Run the demo in `folder`; running it there again changes nothing.

    The `uploads` folder stands for the platform's own storage; hashmatch itself writes only hashes
    and records. Raises `InputError` when the folder is not empty and not a demo.
    """
    config, settings, imported = prepare_demo(folder)
    list_file, uploads, report = folder / _LIST_FILE, folder / "uploads", folder / "report.csv"
    uploads.mkdir(exist_ok=True)
    descriptions = dict(_write_uploads(uploads))
    with open_scanner_with(settings) as scanner:
        screened = [
            Screened(path, description, scanner.scan_file(path, content_id=f"demo/{path.name}"))
            for path, description in descriptions.items()
        ]
    _export(settings, report)
    return DemoResult(folder, config, list_file, uploads, report, imported, screened)


def _import_demo_list(settings: Settings, list_file: Path) -> ImportSummary:
    """Write the made-up list, with several hashes per entry as in real lists, and import it."""
    with (
        closing(open_intake(settings)) as intake,
        list_file.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(["algorithm", "value", "entry_id", "category", "note"])
        for name, seed in _SEEDS.items():
            reading = intake.read(_jpeg(draw_picture(seed)), _LISTED, Level.PLAIN)
            if reading.failure is not None:
                # Without its perceptual hashes the list would find exact copies alone.
                detail = f"the demo's pictures cannot be hashed: {reading.failure.detail}"
                raise InputError(detail, hint="'hashmatch doctor' looks for the cause.")
            for one in reading.hashes:
                row = (one.algorithm.name, one.value.hex(), name, _CATEGORIES[name], "drawn")
                writer.writerow(row)
    with closing(open_database(settings)) as database, list_file.open("rb") as file:
        return import_list(database, LIST, file, find_format(list_file.name), source="demo")


def _write_uploads(folder: Path) -> Iterator[tuple[Path, str]]:
    """Write the uploads; yield (path, description) of each."""
    for number, (name, description, data) in enumerate(_uploads(), start=1):
        path = folder / f"upload-{number:02}.{name}"
        path.write_bytes(data)
        yield path, description


def _uploads() -> Iterator[tuple[str, str, bytes]]:
    """Yield (file ending, description, bytes) of each upload."""
    harbour, orchard, viaduct = (draw_picture(seed) for seed in _SEEDS.values())
    yield "jpg", "exact copy of harbour", _jpeg(harbour)
    yield "jpg", "harbour, re-encoded at quality 30", _jpeg(harbour, quality=30)
    yield "png", "orchard, half the size", encoded(orchard.resize((320, 240)), "PNG")
    yield "webp", "orchard, twice the size", encoded(orchard.resize((1280, 960)), "WEBP")
    yield "jpg", "viaduct, without colour", _jpeg(viaduct.convert("L"))
    yield "jpg", "viaduct, brighter and more colourful", _jpeg(_recoloured(viaduct))
    for name, seed in _UNLISTED.items():
        yield "jpg", f"{name}, on no list", _jpeg(draw_picture(seed))
    unlisted = _jpeg(draw_picture(_UNLISTED["meadow"]))
    yield "jpg", "meadow, cut off half way", unlisted[: len(unlisted) // 2]


def _recoloured(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Color(ImageEnhance.Brightness(picture).enhance(1.15)).enhance(1.8)


def _jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    return encoded(picture, "JPEG", quality=quality)


def encoded(picture: Image.Image, image_format: str, **options: int) -> bytes:
    """Return a picture as a file of a format."""
    stream = io.BytesIO()
    picture.save(stream, image_format, **options)
    return stream.getvalue()


def _export(settings: Settings, report: Path) -> None:
    with (
        closing(open_database(settings)) as database,
        database.reading() as session,
        private_file(report) as stream,
    ):
        CSVReport().write(ReportRow, report_rows(session, MatchFilter()), stream)
