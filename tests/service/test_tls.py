"""TLS of the service itself: what is served with a certificate is encrypted, and nothing else."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time

import httpx
import pytest

from tests.command_line import CommandLine
from tests.lists.certificates import write_certificate
from tests.service.serving import PATIENCE_S, free_port, quieten_clients


@pytest.mark.long
def test_with_a_certificate_the_service_speaks_tls_alone(command_line: CommandLine) -> None:
    quieten_clients()
    file, port = write_certificate(command_line.folder, "127.0.0.1", days=1), free_port()
    config = command_line.folder / "hashmatch.toml"
    served = f'[service]\ntls_certificate = "{file}"\ntls_key = "{file}"\n'
    config.write_text(config.read_text() + served)
    command = [sys.executable, "-m", "hashmatch", "--config", str(config), "serve"]
    process = subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        _await(port, ssl.create_default_context(cafile=str(file)), process)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _await(port: int, context: ssl.SSLContext, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        assert process.poll() is None, "the service did not start"
        try:
            if httpx.get(f"https://127.0.0.1:{port}/healthz", verify=context).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError("the service did not answer")
