"""Server-sent events of servers of images, screened one by one as they come.

https://html.spec.whatwg.org/multipage/server-sent-events.html has the format. Partial images are
dropped where they are withheld; in place of a finished one comes an event of an error.
"""

from __future__ import annotations

import json
import re
from typing import TypeAlias

from .answers import Bounds, Check, Refusal, RefusedError, screen_words

_Fields: TypeAlias = list[tuple[bytes, bytes]]

_END_OF_LINE = re.compile(rb"\r\n|\n|\r")
_DONE = b"[DONE]"  # How many servers end a stream.
_PARTIAL = re.compile(rb"partial|delta|preview|progress")
# Names and comments are short; no client looks for a picture there, and none gets one.
_MAX_OTHER_BYTES = 1024
_MESSAGES = {
    Refusal.BLOCKED: ("moderation_blocked", "The picture was blocked by a safety check."),
    Refusal.UNSCREENED: ("moderation_unavailable", "The picture could not be checked."),
}


class EventScreen:
    """Takes a stream of events in pieces, and gives each event back once it is decided."""

    def __init__(self, check: Check, bounds: Bounds) -> None:
        self._check = check
        self._bounds = bounds
        self._lines: list[bytes] = []
        self._rest = b""

    def feed(self, piece: bytes, *, is_last: bool) -> bytes:
        """Return the events that end in this piece, without what is withheld.

        Raises `RefusedError` for an event that is longer than the bound.
        """
        data = self._rest + piece
        lines = _END_OF_LINE.split(data)
        self._rest = lines.pop()
        if data.endswith(b"\r") and not is_last:
            self._rest = lines.pop() + b"\r"  # The other half of an end of line may follow.
        finished = []
        for line in lines:
            if line:
                self._lines.append(line)
            elif self._lines:
                finished.append(self._event())
        if len(self._rest) + sum(map(len, self._lines)) > self._bounds.max_bytes:
            raise RefusedError(Refusal.UNSCREENED, "an event that is too long")
        # What was not ended is no event, and is left out.
        return b"".join(finished)

    def _event(self) -> bytes:
        lines, self._lines = self._lines, []
        fields = [_field(one) for one in lines]
        data = b"\n".join(value for name, value in fields if name == b"data")
        if not data or data.strip() == _DONE:
            return _written(fields, data)
        try:
            return _written(fields, screen_words(data, self._check, self._bounds))
        except RefusedError as error:
            return b"" if _is_partial(fields, data) else error_event(error.refusal)


def error_event(refusal: Refusal) -> bytes:
    """Return an event that says that a picture is withheld, as servers of images say it."""
    text = json.dumps({"type": "error", **error_body(refusal)})
    return b"event: error\ndata: " + text.encode() + b"\n\n"


def error_body(refusal: Refusal) -> dict[str, object]:
    """Return an error in the shape of the images API; it names no list and no distance."""
    code, message = _MESSAGES[refusal]
    kind = "image_generation_user_error" if refusal is Refusal.BLOCKED else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value.removeprefix(b" ")


def _written(fields: _Fields, data: bytes) -> bytes:
    lines = [
        name + b": " + value if name else b": " + value
        for name, value in fields
        if name != b"data" and len(name) + len(value) <= _MAX_OTHER_BYTES
    ]
    lines.extend(b"data: " + one for one in data.split(b"\n") if data)
    return b"\n".join(lines) + b"\n\n"


def _is_partial(fields: _Fields, data: bytes) -> bool:
    """Say whether an event is of a picture that is not finished, by its name or type."""
    names = [value for name, value in fields if name == b"event"]
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        names.extend(str(value.get(key, "")).encode() for key in ("type", "object"))
    return any(_PARTIAL.search(one) for one in names)
