"""The file of a report, from the platform's own store: into memory, checked, and never kept."""

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
from hashmatch.outbound import ask
from hashmatch.store.schema import Content, ContentHash

_PIECE_BYTES = 1 << 20


def fetch_file(
    settings: HandoffSettings,
    content: Content,
    *,
    max_bytes: int,
    private_hosts: Sequence[str],
) -> bytes:
    """Return the file of a content item as the platform hands it over now.

    Raises `OutboxError` where it does not come, or is longer than `max_bytes`, and `InputError`.
    """
    if settings.command:
        return _run(settings, content, max_bytes)
    return _download(settings, content, max_bytes, private_hosts)


def is_same_file(data: bytes, content: Content, hashes: Sequence[ContentHash]) -> bool | None:
    """Say whether these bytes are what matched; None where nothing on record can tell."""
    if content.format:
        return hashlib.sha256(data).digest() == content.fingerprint
    for one in hashes:
        if one.algorithm in ("sha256", "sha1", "md5"):
            return hashlib.new(one.algorithm, data, usedforsecurity=False).digest() == one.value
    return None


def _run(settings: HandoffSettings, content: Content, max_bytes: int) -> bytes:
    """Read what a command writes, without any shell, and end it with all that it started."""
    names = {"content_id": content.content_id, "reference": content.reference}
    command = [settings.command[0]]
    for one in settings.command[1:]:
        command.append(_filled(one, names))
        # A name that a command would take for one of its options.
        if command[-1].startswith("-") and not one.startswith("-"):
            raise InputError(
                "the platform's name of the file begins with -, and is handed to nobody"
            )
    try:
        process = subprocess.Popen(  # noqa: S603 (the program is fixed by the configuration)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise OutboxError(f"the command that hands files over: {error.strerror}") from error
    deadline_s = time.monotonic() + settings.timeout_s
    try:
        data = _read(process, max_bytes, deadline_s)
        status = process.wait(max(0.0, deadline_s - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise _too_slow(settings) from error
    except TimeoutError as error:
        raise _too_slow(settings) from error
    finally:
        _end(process)
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
    if status != 0:
        raise OutboxError(f"the command that hands files over ended with {status}")
    return data


def _read(process: subprocess.Popen[bytes], max_bytes: int, deadline_s: float) -> bytes:
    """Read all that a command writes, whoever else may hold its pipe. Raises `TimeoutError`."""
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
    words = f"the command that hands files over took longer than {settings.timeout_s:g} s"
    return OutboxError(words)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _download(
    settings: HandoffSettings, content: Content, max_bytes: int, private_hosts: Sequence[str]
) -> bytes:
    names = {
        "content_id": quote(content.content_id, safe=""),
        "reference": quote(content.reference, safe=""),
    }
    url = _filled(settings.url, names)
    host = urlsplit(url).hostname
    if host not in settings.hosts:
        raise OutboxError(f"{host}: files are not fetched from there; see hosts")
    headers = {}
    if settings.secret is not None:
        headers[settings.header or "Authorization"] = read_secret(settings.secret)
    answer = ask(
        "GET",
        url,
        timeout_s=settings.timeout_s,
        private_hosts=private_hosts,
        headers=headers,
        max_answer_bytes=max_bytes,
    )
    if answer.status != 200:
        raise OutboxError(f"{host}: it answered with status {answer.status} to a file's address")
    return answer.body


def _filled(text: str, names: dict[str, str]) -> str:
    """Put the platform's names in, all at once, so that none can name another."""
    pieces = text.split("{")
    filled = pieces[0]
    for piece in pieces[1:]:
        name, closing, rest = piece.partition("}")
        filled += names[name] + rest if closing and name in names else "{" + piece
    return filled
