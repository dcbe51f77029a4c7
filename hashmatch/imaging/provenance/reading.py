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

# The most parts of a manifest in an honest file. For each the library goes through all others.
_MAX_MANIFESTS = 300


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
    if found.manifests > _MAX_MANIFESTS:
        manifest = Manifest(Credentials.INVALID)
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
