"""The file of a report, from the platform's own store: into memory, checked, and never kept."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import quote, urlsplit

from hashmatch.config import HandoffSettings, read_secret
from hashmatch.errors import OutboxError
from hashmatch.outbound import ask
from hashmatch.store import Content, ContentHash


def fetch_file(
    settings: HandoffSettings,
    content: Content,
    *,
    max_bytes: int,
    private_hosts: Sequence[str],
) -> bytes:
    """Return the file of a content item as the platform hands it over now.

    Raises `OutboxError` where it does not come, or is longer than `max_bytes`.
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
    command = [settings.command[0], *(_filled(one, names) for one in settings.command[1:])]
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
    timer = threading.Timer(settings.timeout_s, _end, (process,))
    timer.start()
    try:
        stream = process.stdout
        data = b"" if stream is None else stream.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise OutboxError(f"the platform handed over more than {max_bytes} bytes")
        status = process.wait()
    finally:
        timer.cancel()
        _end(process)
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
    if status != 0:
        raise OutboxError(f"the command that hands files over ended with {status}")
    return data


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
