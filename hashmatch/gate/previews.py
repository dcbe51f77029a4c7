"""Messages of WebSockets with previews, as ComfyUI sends them while it draws.

A binary message begins with its type in four bytes, big-endian: 1 is a preview after four bytes of
its format, 4 one after the length of a JSON text and that text (ComfyUI, `protocol.py` and
`server.py`). Others, of types that are not known here, do not leave.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TypeAlias

from .answers import Bounds, Check, RefusedError, screen_json

Message: TypeAlias = MutableMapping[str, Any]

_PREVIEW, _TEXT, _PREVIEW_WITH_FACTS = 1, 3, 4
_NUMBER_BYTES = 4


def screen_message(message: Message, check: Check, bounds: Bounds) -> Message | None:
    """Return a message to a client without what is withheld; None for one that must not leave."""
    text, data = message.get("text"), message.get("bytes")
    if data is None:
        try:
            body = screen_json((text or "").encode("utf-8", "surrogatepass"), check, bounds)
        except RefusedError:
            return None
        return {**message, "text": body.decode("utf-8", "surrogatepass")}
    if len(data) > bounds.max_bytes:
        return None
    picture = _picture_of(bytes(data))
    if picture is None:
        return None
    return message if all(one.is_shown for one in check([picture])) else None


def _picture_of(data: bytes) -> bytes | None:
    """Return the picture of a binary message, None where there is none that is known."""
    kind, second = (
        int.from_bytes(data[at : at + _NUMBER_BYTES], "big") for at in (0, _NUMBER_BYTES)
    )
    if kind == _PREVIEW:
        return data[2 * _NUMBER_BYTES :]
    if kind == _PREVIEW_WITH_FACTS:
        return data[2 * _NUMBER_BYTES + second :]
    return None
