"""Reading of a file's provenance: from its bytes to the names of its marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hashmatch.provenance import Credentials, Provenance, provenance_of

from .carriers import Carriers, find_carriers
from .credentials import CredentialsReader, Manifest
from .marks import (
    is_remote_manifest,
    marks_of_png_text,
    marks_of_property,
    marks_of_tags,
    marks_of_text,
)
from .xmp import read_properties

# The most manifests, their size, and the packed ones of which each may become 32 MB: for more, the
# library takes seconds. No honest file is known that has them.
_MAX_MANIFESTS, _MAX_MANIFEST_BYTES = 16, 4 << 20
_PACKED, _MAX_PACKED = b"brob", 1


def read_provenance(
    data: bytes, credentials: CredentialsReader | None = None, more: Iterable[str] = ()
) -> Provenance:
    """Return what a file declares of its origin; no content makes it raise.

    Where a part of it makes a library fail, only what was found in its pixels counts.

    `more` are marks that were found in its pixels. Without a reader of `credentials`, those of a
    file are unread.
    """
    try:
        return _read(data, credentials, more)
    except Exception:  # noqa: BLE001 (the content of a file can make libraries raise)
        return provenance_of(more)


def _read(data: bytes, credentials: CredentialsReader | None, more: Iterable[str]) -> Provenance:
    found = find_carriers(data)
    evidence = [*more, *_marks(found)]
    manifest = Manifest(Credentials.NONE)
    properties = [one for packet in found.packets for one in read_properties(packet)]
    for name, value in properties:
        evidence += marks_of_property(name, value)
        if is_remote_manifest(name, value):
            manifest = Manifest(Credentials.REMOTE)
    is_too_much = (
        found.manifests > _MAX_MANIFESTS
        or found.manifest_bytes > _MAX_MANIFEST_BYTES
        or (found.manifests and data.count(_PACKED) > _MAX_PACKED)
    )
    if is_too_much:
        manifest = Manifest(Credentials.UNREAD)
    elif found.manifests:
        manifest = Manifest(Credentials.UNREAD) if credentials is None else credentials.read(data)
    return provenance_of([*evidence, *manifest.evidence], manifest.state, manifest.issuer)


def _marks(found: Carriers) -> Iterator[str]:
    for carrier, key, value in found.texts:
        if carrier == "png":
            yield from marks_of_png_text(key, value)
        else:
            yield from marks_of_text(carrier, value)
    for tags in found.tags:
        yield from marks_of_tags(tags)
