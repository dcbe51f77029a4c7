"""Hand-over of a report's file by the platform: read into memory, checked, and never stored."""

from __future__ import annotations

import hashlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import quote, urlsplit

from hashmatch.config import HandoffSettings, read_secret
from hashmatch.errors import InputError, OutboxError
from hashmatch.outbound import send_request
from hashmatch.store.schema import Content, ContentHash

_PIECE_BYTES = 1 << 20


def fetch_file(
    settings: HandoffSettings,
    content_id: str,
    reference: str,
    *,
    max_bytes: int,
    private_hosts: Sequence[str],
) -> bytes:
    """Return the bytes that the platform hands over now for its two names of a content item.

    Raises `OutboxError` where they do not arrive, in time or at all, or are more than `max_bytes`,
    and `InputError` for a name that cannot be passed to a command.
    """
    names = {"content_id": content_id, "reference": reference}
    if settings.command:
        return _run(settings, names, max_bytes)
    return _download(settings, names, max_bytes, private_hosts)


def is_same_file(data: bytes, content: Content, hashes: Sequence[ContentHash]) -> bool | None:
    """Say whether these bytes are the file that matched; None where no hash can decide it."""
    # A content item has a format only where the file itself was screened; its fingerprint is then
    # the SHA-256 of the file.
    if content.format:
        return hashlib.sha256(data).digest() == content.fingerprint
    # By the strongest of them: files that share a weaker one can be made on purpose.
    for algorithm in ("sha256", "sha1", "md5"):
        if values := {one.value for one in hashes if one.algorithm == algorithm}:
            return hashlib.new(algorithm, data, usedforsecurity=False).digest() in values
    return None


def _run(settings: HandoffSettings, names: dict[str, str], max_bytes: int) -> bytes:
    """Return the output of a command, run without a shell, and kill it with all its children."""
    command = [settings.command[0]]
    for one in settings.command[1:]:
        command.append(_fill_in(one, names))
        # The command would read such a name as one of its options.
        if command[-1].startswith("-") and not one.startswith("-"):
            raise InputError(
                "the platform's name of the file begins with -, and is not passed to the command"
            )
    try:
        process = subprocess.Popen(  # noqa: S603 (the program is fixed by the configuration)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # A process group of its own, so that its children can be killed with it.
            start_new_session=True,
        )
    except OSError as error:
        raise OutboxError(f"the hand-over command: {error.strerror}") from error
    deadline_s = time.monotonic() + settings.timeout_s
    try:
        data = _read(process, max_bytes, deadline_s)
        status = process.wait(max(0.0, deadline_s - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise _too_slow(settings) from error
    except TimeoutError as error:
        raise _too_slow(settings) from error
    finally:
        # Also after success: a child of the command may still run, and hold the pipe open.
        _kill(process)
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
    if status != 0:
        raise OutboxError(f"the hand-over command failed with exit status {status}")
    return data


def _read(process: subprocess.Popen[bytes], max_bytes: int, deadline_s: float) -> bytes:
    """Return the output of a command until its pipe is closed. Raises `TimeoutError`.

    Reads with a deadline, since a child of the command may hold the pipe open for ever.
    """
    data = bytearray()
    stream = process.stdout
    if stream is None:
        return b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not selector.select(left_s):
                raise TimeoutError
            piece = os.read(stream.fileno(), _PIECE_BYTES)
            if not piece:
                return bytes(data)
            data += piece
            if len(data) > max_bytes:
                raise OutboxError(f"the platform handed over more than {max_bytes} bytes")


def _too_slow(settings: HandoffSettings) -> OutboxError:
    return OutboxError(f"the hand-over command took longer than {settings.timeout_s:g} s")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _download(
    settings: HandoffSettings, names: dict[str, str], max_bytes: int, private_hosts: Sequence[str]
) -> bytes:
    # Quoted completely, so that a name cannot add a path or a query to the URL.
    quoted = {name: quote(value, safe="") for name, value in names.items()}
    url = _fill_in(settings.url, quoted)
    host = urlsplit(url).hostname
    # A name in the URL comes from the platform's callers, who must not choose the host with it.
    if host not in settings.hosts:
        raise OutboxError(f"{host}: not among the hosts that files may be fetched from")
    headers = {}
    if settings.secret is not None:
        headers[settings.header or "Authorization"] = read_secret(settings.secret)
    answer = send_request(
        "GET",
        url,
        timeout_s=settings.timeout_s,
        private_hosts=private_hosts,
        headers=headers,
        max_answer_bytes=max_bytes,
    )
    if answer.status != 200:
        raise OutboxError(f"{host}: answered the request for a file with status {answer.status}")
    return answer.body


def _fill_in(text: str, names: dict[str, str]) -> str:
    """Return the text with the names filled in.

    All at once: a name that contains `{reference}` is not filled in a second time.
    """
    pieces = text.split("{")
    filled = pieces[0]
    for piece in pieces[1:]:
        name, closing, rest = piece.partition("}")
        filled += names[name] + rest if closing and name in names else "{" + piece
    return filled
