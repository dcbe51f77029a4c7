"""One decoding process as the pool sees it: started, asked, and stopped at its deadline."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import hashmatch
from hashmatch.outcome import Failure, Reason

from ..interface import Reading
from ..limits import damaged
from .messages import (
    LENGTH_BYTES,
    OUT_OF_MEMORY_CODE,
    MessageError,
    Request,
    Setup,
    decode_protections,
    decode_reading,
    encode_request,
    encode_setup,
)

# How long a process may take to load everything, on a busy machine.
_START_TIMEOUT_S = 60.0
_MOST_READY_BYTES = 10_000
# How long a process that closed its pipe may take to end.
_END_TIMEOUT_S = 5.0

# The empty environment has these only: numerical libraries would start threads of their own.
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_PROGRAM = (
    "import sys; module = sys.argv.pop(1); sys.path[:] = sys.argv[1:];"
    " from importlib import import_module; import_module(module).main()"
)


class ProcessFailedError(Exception):
    """The process gave no answer to a request, and is gone."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(reason, detail)


class DecodingProcess:
    """A process that runs `main()` of a module: `hashmatch.imaging.pool.worker`, but for tests.

    Used by one thread at a time. Whoever makes one has to `stop` it. `requests` counts the files
    that it got; `is_spent` says that it ran out of memory and had better not be asked again.
    """

    def __init__(self, module: str) -> None:
        """Start the process. Raises `ProcessFailedError`."""
        try:
            self._pipe, theirs = socket.socketpair()
            try:
                self._process = self._spawn(module, theirs)
            except BaseException:
                self._pipe.close()
                raise
            finally:
                theirs.close()
        except OSError as error:
            detail = f"no decoding process could be started: {error.strerror}"
            raise ProcessFailedError(Reason.DECODER_CRASHED, detail) from error
        self.algorithms: frozenset[str] = frozenset()
        self.protections: dict[str, bool] = {}
        self.requests = 0
        self.is_prepared = False
        self.is_spent = False
        self._timeout_s = 0.0

    @staticmethod
    def _spawn(module: str, pipe: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 (this Python, on a module of ours)
            [sys.executable, "-I", "-B", "-c", _PROGRAM, module, *_import_path()],
            stdin=pipe.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            env=_ENVIRONMENT,
            process_group=0,  # Ctrl-C is for the parent to deal with.
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Say whether the process still runs."""
        return self._process.poll() is None

    def prepare(self, setup: Setup) -> None:
        """Say what to load and which limits to keep; does not wait for it to be done.

        Raises `ProcessFailedError`.
        """
        self.is_prepared = True
        self.algorithms = frozenset(setup.algorithms)
        self._timeout_s = setup.timeout_s
        try:
            self._pipe.settimeout(_START_TIMEOUT_S)
            self._pipe.sendall(encode_setup(setup))
        except OSError as error:
            raise self._not_started() from error

    def await_ready(self) -> None:
        """Wait until the process has locked itself in. Raises `ProcessFailedError`."""
        if self.protections:
            return
        try:
            deadline = time.monotonic() + _START_TIMEOUT_S
            payload = self._receive_message(deadline, _MOST_READY_BYTES)
            self.protections = decode_protections(payload)
        except (OSError, EOFError, MessageError) as error:
            raise self._not_started() from error
        if self._process.stderr is not None:
            self._process.stderr.close()

    def send(self, request: Request, data: bytes) -> float:
        """Send a file and return the deadline for its reply. Raises `ProcessFailedError`."""
        deadline = time.monotonic() + self._timeout_s
        self.requests += 1
        try:
            self._pipe.settimeout(self._timeout_s)
            self._pipe.sendall(encode_request(request))
            self._pipe.sendall(data)
        except OSError as error:
            raise self._explained(error) from error
        return deadline

    def receive(self, request: Request, deadline: float) -> Reading:
        """Return the reply to a request. Raises `ProcessFailedError`."""
        try:
            payload = self._receive_message(deadline, request.most_reply_bytes)
            reading = decode_reading(payload, request)
        except (OSError, EOFError, MessageError) as error:
            raise self._explained(error) from error
        failure = reading.failure
        self.is_spent = failure is not None and failure.reason is Reason.OUT_OF_MEMORY
        return reading

    def stop(self) -> None:
        """End the process at once and forget it; may be called again."""
        self._pipe.close()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._kill()
        self._process.wait()

    def _kill(self) -> None:
        """Kill the process and what it may have started, where the system let it start anything."""
        if self._process.returncode is None:  # Else its id may be somebody else's by now.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def abandon(self) -> None:
        """Let go of a process that belongs to the process which this one was forked from."""
        self._pipe.close()
        self._process.returncode = 0  # Nobody's child here, so there is nothing to wait for.

    def _receive_message(self, deadline: float, most_bytes: int) -> bytes:
        length = int.from_bytes(self._receive(LENGTH_BYTES, deadline), "big")
        if length > most_bytes:
            raise MessageError("a reply of far too many bytes")
        return self._receive(length, deadline)

    def _receive(self, size_bytes: int, deadline: float) -> bytes:
        """Return exactly so many bytes; a process that sends them one by one gains no time."""
        parts, missing = [], size_bytes
        while missing:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            self._pipe.settimeout(left_s)
            part = self._pipe.recv(missing)
            if not part:
                raise EOFError
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _explained(self, error: Exception) -> ProcessFailedError:
        """Stop the process and return what its silence means."""
        timed_out = f"the file took more than {self._timeout_s:g} s; see intake.timeout_s"
        if isinstance(error, TimeoutError):
            self.stop()
            return ProcessFailedError(Reason.TIMED_OUT, timed_out)
        if isinstance(error, MessageError):
            self.stop()
            detail = "the decoding process gave an answer that makes no sense"
            return ProcessFailedError(Reason.DECODER_CRASHED, detail)
        code = self._end()
        if code == -signal.SIGXCPU:
            return ProcessFailedError(Reason.TIMED_OUT, timed_out)
        if code == OUT_OF_MEMORY_CODE:
            failure = damaged(MemoryError())
            return ProcessFailedError(failure.reason, failure.detail)
        return ProcessFailedError(Reason.DECODER_CRASHED, f"the decoding process {_ending(code)}")

    def _end(self) -> int:
        """Return the exit code of a process that closed its pipe."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_TIMEOUT_S)
        self.stop()
        return self._process.returncode

    def _not_started(self) -> ProcessFailedError:
        """Stop the process and return why it never was ready, in its own last words."""
        self._kill()
        words = b"" if self._process.stderr is None else self._process.stderr.read()
        self.stop()
        last = words.decode(errors="replace").strip().rpartition("\n")[2]
        detail = f"the decoding process did not start: {last or _ending(self._process.returncode)}"
        return ProcessFailedError(Reason.DECODER_CRASHED, detail)


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _import_path() -> list[str]:
    """Return where the process finds what this one found, the current folder left out."""
    here = str(Path(hashmatch.__file__).absolute().parents[1])
    return [*(path for path in sys.path if path), here]
