"""A crash leaves nothing of an image: no core dump of a process that holds one."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.service.serving import await_ready, free_port

_SERVE = "from hashmatch.cli.main import main; main()"
_UNPROTECTED = (
    "import hashmatch.imaging; hashmatch.imaging.forbid_core_dumps = lambda: False; " + _SERVE
)
# No program has these bytes by chance.
_MARK = b"the bytes of an upload, again and again; "


def _core_dump_after_a_crash(command_line: CommandLine, program: str) -> bytes:
    """Abort a service in the middle of an upload; return its core dump, empty without one."""
    command_line.import_pictures("one", 0)
    token = command_line.run("tokens", "create", "x", "--scope", "scan").stdout.strip()
    config, port = command_line.folder / "hashmatch.toml", free_port()
    command = [sys.executable, "-c", program, "--config", os.fspath(config), "serve"]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=command_line.folder,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2),
    )
    try:
        await_ready(port, process)
        with socket.create_connection(("127.0.0.1", port)) as upload:
            head = [
                "POST /v1/scan?content_id=x HTTP/1.1",
                "Host: localhost",
                f"Authorization: Bearer {token}",
                "Content-Type: image/jpeg",
                "Content-Length: 1000000",
            ]
            upload.sendall("\r\n".join([*head, "", ""]).encode() + _MARK * 2000)
            time.sleep(1.0)  # Until the service has read what was sent.
            process.send_signal(signal.SIGABRT)
            process.wait(60)
    finally:
        process.kill()
        process.wait(60)
    found = [*command_line.folder.glob("core"), *command_line.folder.glob("core.*")]
    return b"".join(path.read_bytes() for path in found)


def _require_core_files() -> None:
    pattern = Path("/proc/sys/kernel/core_pattern")
    if not pattern.exists() or pattern.read_text().strip() not in ("core", "core.%p"):
        pytest.skip("this machine does not leave core dumps in the folder of a process")
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
        pytest.skip("this machine allows no core dumps")


@pytest.mark.long
def test_a_service_that_crashes_in_an_upload_leaves_nothing_of_it(
    command_line: CommandLine,
) -> None:
    _require_core_files()
    assert _core_dump_after_a_crash(command_line, _SERVE) == b""


@pytest.mark.long
def test_without_protection_the_crash_would_leave_the_upload(
    command_line: CommandLine,
) -> None:
    _require_core_files()
    assert _MARK in _core_dump_after_a_crash(command_line, _UNPROTECTED)
