"""A decoding process that does what the file says: whatever a decoder taken over by it could do.

It starts, loads and locks itself in as the real one does, and then treats each file as an order.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Set
from contextlib import suppress
from pathlib import Path

from hashmatch.imaging import Hashing, Limits, Reading
from hashmatch.imaging.decoding import open_decoder
from hashmatch.imaging.pool import worker as real
from hashmatch.imaging.reading import read_pixels
from hashmatch.outcome import Failure, Reason


def main() -> None:
    """Serve orders instead of files."""
    real.main(_obey)


def _obey(
    data: bytes, algorithms: Set[str], limits: Limits, hashing: Hashing, _: object
) -> Reading:
    order, _, argument = data.decode("latin-1").partition(" ")
    if order in _ORDERS:
        _ORDERS[order](argument)
        return _claim("done")
    if order in _ATTEMPTS:
        return _claim(_attempt(_ATTEMPTS[order], argument))
    return read_pixels(data, algorithms, limits, hashing)


def _claim(detail: str) -> Reading:
    return Reading(None, (), Failure(Reason.UNDECODABLE, detail))


def _attempt(action: Callable[[str], object], argument: str) -> str:
    try:
        return f"succeeded: {action(argument)}"
    except Exception as error:  # noqa: BLE001
        return f"failed: {type(error).__name__}"


def _loop(_: str) -> None:
    while True:
        pass


def _answer(text: str) -> None:
    """Send an answer of one's own, framed as it should be, and leave."""
    socket.socket(fileno=0).sendall(len(text).to_bytes(4, "big") + text.encode("latin-1"))
    time.sleep(60)


def _announce(_: str) -> None:
    """Send the length of an answer that nobody would want to hold in memory."""
    socket.socket(fileno=0).sendall(b"\xff\xff\xff\xff")
    time.sleep(60)


def _dribble(argument: str) -> None:
    """Send the length of an answer, and then one byte of it now and again."""
    pipe = socket.socket(fileno=0)
    pipe.sendall((1000).to_bytes(4, "big"))
    for _ in range(1000):
        pipe.sendall(b"x")
        time.sleep(0.1)


def _leak(port: str) -> None:
    """Give up the pipe, to have its number for a socket, and send something out."""
    os.close(0)
    with suppress(OSError):
        socket.socket(type=socket.SOCK_DGRAM).sendto(b"kept", ("127.0.0.1", int(port)))
    os._exit(0)


def _work(seconds: str) -> None:
    """Use up processor time."""
    until = time.process_time() + float(seconds)
    while time.process_time() < until:
        pass


def _time_left_s() -> float:
    return resource.getrlimit(resource.RLIMIT_CPU)[0] - time.process_time()


def _share_memory(_: str) -> int:
    """Make memory that outlives this process."""
    identifier: int = ctypes.CDLL(None, use_errno=True).shmget(0x6861, 4096, 0o1600)
    if identifier < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    return identifier


def _decoder_of(text: str) -> str:
    """Return the class of a file's decoded picture: Pillow's plugins return their own."""
    wide = Limits(10**8, 10**8, 10**6, 10, 10, 60.0, 10**7, 8, ("PNG", "WEBP"))
    (frame,) = open_decoder(text.encode("latin-1"), wide).frames()
    return type(frame.image).__name__


_ORDERS: dict[str, Callable[[str], object]] = {
    "loop": _loop,
    "sleep": lambda _: time.sleep(600),
    "stop": lambda _: os.kill(os.getpid(), signal.SIGSTOP),
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "crash": lambda _: ctypes.string_at(0),
    "exit": lambda _: os._exit(0),
    "swell": lambda _: bytearray(4 << 30),
    "swell-slowly": lambda _: [bytearray(1 << 20) for _ in range(4096)],
    "answer": _answer,
    "announce": _announce,
    "dribble": _dribble,
    "leak": _leak,
    "use-up-time": lambda _: os.kill(os.getpid(), signal.SIGXCPU),
    "work": _work,
}
_ATTEMPTS: dict[str, Callable[[str], object]] = {
    "read": lambda path: Path(path).read_bytes()[:10],
    "list": os.listdir,
    "write": lambda path: Path(path).write_bytes(b"kept"),
    "write-to": lambda descriptor: os.write(int(descriptor), b"kept"),
    "memory-file": lambda _: os.memfd_create("kept"),
    "connect": lambda port: socket.create_connection(("127.0.0.1", int(port)), timeout=5),
    "send-datagram": lambda port: socket.socket(type=socket.SOCK_DGRAM).sendto(
        b"kept", ("127.0.0.1", int(port))
    ),
    "run": lambda program: subprocess.run([program], check=True),
    "signal": lambda pid: os.kill(int(pid), signal.SIGTERM),
    "time-left": lambda _: _time_left_s(),
    "may-be-debugged": lambda _: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    "fork": lambda _: os.fork(),
    "new-session": lambda _: os.setsid(),
    "share-memory": _share_memory,
    "environment": lambda _: json.dumps(sorted(os.environ)),
    "modules": lambda name: sys.modules[name].__name__,
    "import": __import__,
    "decoder-of": _decoder_of,
}
