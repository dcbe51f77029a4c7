"""No byte of an image stays in anything that a run has written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hashmatch.synthetic import draw_picture
from tests.command_line import one_process
from tests.imagery import holds_a_piece, pieces_of, pixels_of
from tests.pictures import drawn, encoded, list_of


def _traces(folder: Path, secrets: list[bytes]) -> list[str]:
    """Return the files under the folder that hold a piece of any of the secrets."""
    pieces = pieces_of(secrets)
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and holds_a_piece(path.read_bytes(), pieces)
    ]


def _secrets() -> dict[str, bytes]:
    """Return the files that are scanned, by name."""
    return {
        "known.jpg": drawn(1),
        "known.png": drawn(2, "PNG"),
        "new.webp": drawn(9, "WEBP", quality=90),
        "frames.gif": encoded(
            draw_picture(1, 200, 150),
            "GIF",
            save_all=True,
            append_images=[draw_picture(10, 200, 150)],
        ),
        "damaged.jpg": drawn(11)[:20_000],
        "text.txt": os.urandom(4000),
    }


@pytest.mark.timeout(300)
def test_a_run_writes_no_piece_of_an_image_anywhere(tmp_path: Path) -> None:
    """Every file is searched that a run could have written: data, configuration, temporary."""
    uploads, world = tmp_path / "uploads", tmp_path / "world"
    folders = {name: world / name for name in ("home", "tmp", "work")}
    for folder in (uploads, *folders.values()):
        folder.mkdir(parents=True)
    secrets = _secrets()
    for name, data in secrets.items():
        (uploads / name).write_bytes(data)
    (folders["work"] / "list.csv").write_text(list_of(1, 2, algorithms=("pdq", "sha256", "phash")))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["tmp"]),
        "SQLITE_TMPDIR": str(folders["tmp"]),
    }
    with one_process(folders["work"], environment) as run:
        for number, (arguments, code) in enumerate(
            (
                (["init", "--data-dir", "data"], 0),
                (["lists", "import", "one", "list.csv"], 0),
                (["scan", "--recursive", str(uploads)], 2),
                (["scan", str(uploads / "known.jpg"), "--json", "--show-hashes"], 1),
                (["report", "export", "--output", "report.csv", "--show-hashes"], 0),
            )
        ):
            ran = run(*arguments, expected=code)
            (folders["work"] / f"output-{number}.txt").write_text(ran.stdout + ran.stderr)
    assert (folders["work"] / "data" / "hashmatch.db").stat().st_size > 10_000
    assert _traces(world, [*secrets.values(), *pixels_of(1, 2, 9)]) == []


def test_the_search_would_find_a_piece_of_an_image(tmp_path: Path) -> None:
    data = drawn(1)
    (tmp_path / "innocent").write_bytes(os.urandom(5000))
    (tmp_path / "kept").write_bytes(os.urandom(100) + data[3000:3100] + os.urandom(100))
    pixels = np.asarray(draw_picture(1)).tobytes()
    (tmp_path / "thumbnail").write_bytes(b"x" * 7 + pixels[100_000:100_200])
    assert _traces(tmp_path, [data, pixels]) == ["kept", "thumbnail"]
