"""What a scan asks of the kernel: no image byte is written to any file, whatever its name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import psutil
import pytest

from hashmatch.synthetic import draw_picture
from tests.command_line import CommandLine
from tests.imaging.samples import FORMATS
from tests.pictures import encoded
from tests.programs import require_program
from tests.service.serving import await_ready, free_port
from tests.tracing import require_unwritten, traced, traces_of

LISTED, DAMAGED = 5, 5


def _trace(command_line: CommandLine, scans: int, *arguments: str) -> list[Path]:
    """Run a command under strace and return one trace for each of its processes."""
    command = traced(command_line, *arguments)
    result = subprocess.run(command, cwd=command_line.folder, capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert (
        f"{scans - LISTED - DAMAGED} clear, {LISTED} matched, {DAMAGED} unscreened" in result.stderr
    )
    return traces_of(command_line)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scans", [20, pytest.param(100, marks=pytest.mark.long)])
def test_scans_write_no_piece_of_an_image_to_any_file(
    command_line: CommandLine, scans: int
) -> None:
    require_program("strace")
    command_line.import_pictures("one", *range(LISTED))
    files = {}
    for number in range(scans):
        image_format = FORMATS[number % len(FORMATS)]
        is_listed = number < LISTED
        picture = draw_picture(number) if is_listed else draw_picture(number, 160, 120)
        data = encoded(picture, image_format)
        files[f"in/{number:03}"] = data[:1000] if number >= scans - DAMAGED else data
    for name, data in files.items():
        command_line.write(name, data)
    traces = _trace(command_line, scans, "scan", "--recursive", "in", "--show-hashes")
    require_unwritten(traces, files)


@pytest.mark.timeout(300)
@pytest.mark.long
def test_a_service_writes_no_piece_of_an_upload_to_any_file(command_line: CommandLine) -> None:
    require_program("strace")
    command_line.import_pictures("one", 0)
    token = command_line.run("tokens", "create", "x", "--scope", "scan").stdout.strip()
    # Larger than what others spool to files, too.
    files = {
        f"{n}": encoded(draw_picture(n, 900, 700), "BMP" if n % 2 else "PNG") for n in range(3)
    }
    port = free_port()
    command = traced(command_line, "serve", "--port", str(port))
    with subprocess.Popen(command, cwd=command_line.folder, stderr=subprocess.DEVNULL) as strace:
        await_ready(port, strace)
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
            for name, data in files.items():
                params = {"content_id": name}
                whole = client.post("/v1/scan", params=params, content=data)
                form = client.post("/v1/scan", params=params, files={"file": data})
                assert whole.json()["media"] == form.json()["media"] is not None
        (served,) = psutil.Process(strace.pid).children()
        served.terminate()
        strace.wait(60)
    require_unwritten(traces_of(command_line), files)
