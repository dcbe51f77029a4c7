"""A service in another process, and connections to it."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@contextmanager
def served(config: Path) -> Iterator[int]:
    """Serve in another process until the end of the block, and give the port."""
    port = free_port()
    command = [sys.executable, "-m", "hashmatch", "--config", str(config)]
    command += ["serve", "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not is_ready(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the service did not start")
            time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def is_ready(port: int) -> bool:
    """Say whether a service says that it can screen."""
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
    except OSError:
        return False


def request_of(port: int, token: str, path: str, body: bytes, kind: str = "image/jpeg") -> bytes:
    """Return a request that posts a body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """A connection that sends bytes as they are, and costs this machine as little as it can.

    `body` is that of the last answer.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.body = b""
        self._open()

    def _open(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def ask(self, request: bytes | tuple[bytes, bytes]) -> int:
        """Send a request and return the status of the answer, which is read to its end.

        Of one in two parts the second is sent only where the first is welcome.
        """
        if isinstance(request, tuple):
            self._socket.sendall(request[0])
            while b"\r\n\r\n" not in self._buffer:
                self._receive()
            if not self._buffer.startswith(CONTINUE):
                # It is not welcome; the service would wait for it on this connection all the same.
                status = int(self._buffer[9:12])
                self.close()
                self._open()
                return status
            self._buffer = self._buffer[len(CONTINUE) :]
            self._socket.sendall(request[1])
        else:
            self._socket.sendall(request)
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._receive()
        head = self._buffer[:end].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(self._buffer) < end + 4 + length:
            self._receive()
        self.body = self._buffer[end + 4 : end + 4 + length]
        self._buffer = self._buffer[end + 4 + length :]
        return int(head[9:12])

    def _receive(self) -> None:
        more = self._socket.recv(1 << 20)
        if not more:
            raise ConnectionError("the service hung up")
        self._buffer += more

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def in_threads(work: Callable[[float], int], threads: int, seconds: float) -> list[int]:
    """Call `work` in so many threads with the time until which to go on; return its results."""
    until = time.perf_counter() + seconds
    done: list[int] = []
    running = [threading.Thread(target=lambda: done.append(work(until))) for _ in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return done
