"""Text chunks of a PNG file (third edition, 11.3.3), unpacked within a limit."""

from __future__ import annotations

import zlib

_MAX_KEY_BYTES = 79
# The chunks that are of any interest; a file may have thousands of others.
_KEYS = frozenset(
    {
        "parameters", "prompt", "workflow", "invokeai_metadata", "invokeai_workflow",
        "invokeai_graph", "sd-metadata", "dream", "software", "source", "title", "description",
        "comment", "author", "fooocus_scheme", "sui_image_params", "aigc", "xml:com.adobe.xmp",
        "raw profile type exif", "raw profile type app1", "raw profile type xmp",
        "use_stable_diffusion_model", "usercomment", "make",
    }
)  # fmt: skip


def read_text_chunk(kind: bytes, body: bytes, limit: int) -> tuple[str, bytes] | None:
    """Return the key and the value of a chunk, None where it is of no interest or damaged.

    The value is in Latin-1, and in UTF-8 for `iTXt`; at most `limit` bytes are unpacked.
    """
    end = body.find(b"\0", 0, _MAX_KEY_BYTES + 1)
    key = body[:end].decode("latin-1")
    if end < 1 or not limit or key.casefold() not in _KEYS:
        return None
    rest = body[end + 1 :]
    if kind == b"tEXt":
        return key, rest
    if kind == b"zTXt":
        return _unpacked(key, rest[1:], limit)
    # Of iTXt: whether it is packed, how, then a language and a translated key.
    is_packed, rest = rest[:1] == b"\1", rest[2:]
    for _ in range(2):
        _, found, rest = rest.partition(b"\0")
        if not found:
            return None
    return _unpacked(key, rest, limit) if is_packed else (key, rest)


def _unpacked(key: str, packed: bytes, limit: int) -> tuple[str, bytes] | None:
    try:
        return key, zlib.decompressobj().decompress(packed, limit)
    except zlib.error:
        return None
