"""Decoding process as the pool uses it: started, sent files, and stopped at its deadline."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from hashmatch.hashes import Level
from hashmatch.outcome import Failure, Reason

from ..interface import Reading
from ..limits import decoder_failure
from .messages import (
    LENGTH_BYTES,
    MAX_REPLY_BYTES,
    OUT_OF_MEMORY_CODE,
    MessageError,
    Request,
    Setup,
    decode_protections,
    decode_reading,
    encode_request,
    encode_setup,
)

# The time that a process may take to load everything, even on a busy machine. Without a cache, as
# on a new installation, it compiles for half a minute.
_START_TIMEOUT_S = 180.0
_MAX_READY_BYTES = 10_000
# The time that a process may take to exit after it has closed its pipe.
_EXIT_TIMEOUT_S = 5.0

# The complete environment of a process. Numerical libraries would otherwise start threads.
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
    """A process that gave no usable answer to a request, and has been stopped."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(reason, detail)


class DecodingProcess:
    """A process that runs `main()` of a module: `hashmatch.imaging.pool.worker`, except in tests.

    For one thread at a time; the caller has to `stop` it. `requests` counts the files sent to it.
    `is_exhausted` says that it ran out of memory and should be replaced.
    """

    def __init__(self, module: str) -> None:
        """Start the process. Raises `ProcessFailedError`."""
        try:
            self._pipe, child_pipe = socket.socketpair()
            try:
                self._process = self._spawn(module, child_pipe)
            except BaseException:
                self._pipe.close()
                raise
            finally:
                child_pipe.close()
        except OSError as error:
            detail = f"no decoding process could be started: {error.strerror}"
            raise ProcessFailedError(Reason.DECODER_CRASHED, detail) from error
        self.algorithms: frozenset[str] = frozenset()
        self.level = Level.PLAIN
        self.protections: dict[str, bool] = {}
        self.requests = 0
        self.is_prepared = False
        self.is_exhausted = False
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
            process_group=0,  # Ctrl-C must reach the parent only.
        )

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    def prepare(self, setup: Setup) -> None:
        """Send the algorithms to load and the limits to enforce, without waiting for a reply.

        Raises `ProcessFailedError`.
        """
        self.is_prepared = True
        self.algorithms = frozenset(setup.algorithms)
        self.level = setup.hashing.level
        self._timeout_s = setup.timeout_s
        try:
            self._pipe.settimeout(_START_TIMEOUT_S)
            self._pipe.sendall(encode_setup(setup))
        except OSError as error:
            raise self._explain_failed_start() from error

    def await_ready(self) -> None:
        """Wait until the process has locked itself down. Raises `ProcessFailedError`."""
        if self.protections:
            return
        try:
            deadline = time.monotonic() + _START_TIMEOUT_S
            payload = self._receive_message(deadline, _MAX_READY_BYTES)
            self.protections = decode_protections(payload)
        except (OSError, EOFError, MessageError) as error:
            raise self._explain_failed_start() from error
        # Error output explains a failed start only; the process has closed its end by now.
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
            raise self._explain(error) from error
        return deadline

    def receive(self, request: Request, deadline: float) -> Reading:
        """Return the reply to a request. Raises `ProcessFailedError`."""
        try:
            payload = self._receive_message(deadline, MAX_REPLY_BYTES)
            reading = decode_reading(payload, request)
        except (OSError, EOFError, MessageError) as error:
            raise self._explain(error) from error
        failure = reading.failure
        self.is_exhausted = failure is not None and failure.reason is Reason.OUT_OF_MEMORY
        return reading

    def stop(self) -> None:
        """Kill the process and release its pipe; may be called again."""
        self._pipe.close()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._kill()
        self._process.wait()

    def _kill(self) -> None:
        """Kill the process and any children, in case no protection kept it from starting them."""
        if self._process.returncode is None:  # Otherwise its id may have been reused.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def abandon(self) -> None:
        """Release a process that belongs to the parent which this process was forked from."""
        self._pipe.close()
        self._process.returncode = 0  # It is not a child of this process, which cannot wait for it.

    def _receive_message(self, deadline: float, max_bytes: int) -> bytes:
        length = int.from_bytes(self._receive(LENGTH_BYTES, deadline), "big")
        if length > max_bytes:
            raise MessageError("a reply that is too long")
        return self._receive(length, deadline)

    def _receive(self, size_bytes: int, deadline: float) -> bytes:
        """Return exactly the given number of bytes.

        The deadline is for all of them: a process that sends them one by one gains no time.
        """
        parts, missing = [], size_bytes
        while missing:
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise TimeoutError
            self._pipe.settimeout(remaining_s)
            part = self._pipe.recv(missing)
            if not part:
                raise EOFError
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _explain(self, error: Exception) -> ProcessFailedError:
        """Stop the process and return the error that its silence or its answer means."""
        timed_out = f"the file took more than {self._timeout_s:g} s; see intake.timeout_s"
        if isinstance(error, TimeoutError):
            self.stop()
            return ProcessFailedError(Reason.TIMED_OUT, timed_out)
        if isinstance(error, MessageError):
            self.stop()
            detail = "the decoding process gave an answer that makes no sense"
            return ProcessFailedError(Reason.DECODER_CRASHED, detail)
        code = self._await_exit()
        if code == -signal.SIGXCPU:
            return ProcessFailedError(Reason.TIMED_OUT, timed_out)
        if code == OUT_OF_MEMORY_CODE:
            failure = decoder_failure(MemoryError())
            return ProcessFailedError(failure.reason, failure.detail)
        return ProcessFailedError(
            Reason.DECODER_CRASHED, f"the decoding process {_describe_exit(code)}"
        )

    def _await_exit(self) -> int:
        """Return the exit code of a process that has closed its pipe."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_TIMEOUT_S)
        self.stop()
        return self._process.returncode

    def _explain_failed_start(self) -> ProcessFailedError:
        """Stop the process and return why it failed to start: its last line of error output."""
        self._kill()
        output = b"" if self._process.stderr is None else self._process.stderr.read()
        self.stop()
        last_line = output.decode(errors="replace").strip().rpartition("\n")[2]
        cause = last_line or _describe_exit(self._process.returncode)
        detail = f"the decoding process did not start: {cause}"
        return ProcessFailedError(Reason.DECODER_CRASHED, detail)


def _describe_exit(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with code {code}"


def _import_path() -> list[str]:
    """Return the import path of this process, without the current folder.

    The process runs isolated, so it has no import path of its own.
    """
    here = str(Path(__file__).absolute().parents[3])
    return [*(path for path in sys.path if path), here]
