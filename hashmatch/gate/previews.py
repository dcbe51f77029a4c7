"""Messages of WebSockets with previews, as ComfyUI sends them while it draws.

A binary message begins with its type in four bytes, big-endian: 1 is a preview after four bytes of
its format, 4 one after the length of a JSON text and that text (ComfyUI, `protocol.py` and
`server.py`). Others, of types that are not known here, do not leave.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TypeAlias

from .answers import (
    Bounds,
    Check,
    Refusal,
    RefusedError,
    require_shown,
    screen_json,
    screen_text,
    screen_words,
)

Message: TypeAlias = MutableMapping[str, Any]

_PREVIEW, _TEXT, _PREVIEW_WITH_FACTS = 1, 3, 4
_NUMBER_BYTES = 4
_SEND = "websocket.send"


def screen_message(message: Message, check: Check, bounds: Bounds) -> Message | None:
    """Return a message to a client without what is withheld; None for one that must not leave."""
    text, data = message.get("text"), message.get("bytes")
    try:
        if data is None and text is not None:
            words = screen_words(text.encode("utf-8", "replace"), check, bounds)
            return {"type": _SEND, "text": words.decode()}
        if text is None and data is not None and len(data) <= bounds.max_bytes:
            _screen_binary(bytes(data), check, bounds)
            return {"type": _SEND, "bytes": data}
    except RefusedError:
        pass
    return None


def _screen_binary(data: bytes, check: Check, bounds: Bounds) -> None:
    """Check a binary message. Raises `RefusedError` for one that must not leave."""
    kind, second = (
        int.from_bytes(data[at : at + _NUMBER_BYTES], "big") for at in (0, _NUMBER_BYTES)
    )
    head, rest = data[2 * _NUMBER_BYTES :][:second], data[2 * _NUMBER_BYTES + second :]
    if kind == _TEXT:
        screen_text(head + b" " + rest, check)
        return
    if kind == _PREVIEW:
        rest = data[2 * _NUMBER_BYTES :]
    elif kind == _PREVIEW_WITH_FACTS:
        screen_json(head, check, bounds)
    else:
        raise RefusedError(Refusal.UNSCREENED, "a binary message of an unknown type")
    require_shown(check([rest]))
