"""Picture files with signed manifests of every state."""

from __future__ import annotations

import datetime
import io
import time
from collections.abc import Callable
from functools import cache, partial

import pillow_heif
from PIL import Image

from .carriers import (
    encoded,
    jpeg_with,
    picture,
    png_chunk,
    png_chunks,
    png_text,
    png_with,
    segment,
    xmp_segment,
)
from .cases import Case, Credentials, Declared
from .signing import (
    CAPTURE,
    COMPOSITE,
    EMPTY,
    MIMES,
    OFFLINE,
    SOURCES,
    TRAINED,
    Authority,
    Manifest,
    action,
    authority,
    manifest,
    other_authority,
    sign,
)

__all__ = ["CREDENTIAL_CASES", "OFFLINE", "Authority", "Manifest", "authority"]


def _of(source: str, kind: str = "JPEG") -> bytes:
    return sign(manifest(action(source)), kind)


def _tampered(kind: str) -> bytes:
    signed = _of(TRAINED, kind)
    if kind == "PNG":
        pixels = png_chunks(encoded("PNG", picture().rotate(180)))
        kept = [chunk for chunk in png_chunks(signed) if chunk[0] != b"IDAT"]
        drawn = [chunk for chunk in pixels if chunk[0] == b"IDAT"]
        chunks = [*kept[:-1], *drawn, kept[-1]]
        return signed[:8] + b"".join(png_chunk(*chunk) for chunk in chunks)
    plain = encoded(kind)
    # Some single bits break the coded picture altogether; take the first that does not.
    for part in range(20, 39):
        at = signed.rindex(plain[len(plain) * part // 40 :][:12]) + 6
        changed = signed[:at] + bytes([signed[at] ^ 0x01]) + signed[at + 1 :]
        if _decodes(changed):
            return changed
    raise AssertionError(kind)


def _decodes(data: bytes) -> bool:
    pillow_heif.register_heif_opener()
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
    except (OSError, RuntimeError, ValueError):
        return False
    return True


def _cut_png(keep: float) -> bytes:
    return png_with(
        [
            (kind, content[: int(len(content) * keep)])
            for kind, content in png_chunks(_of(TRAINED, "PNG"))
            if kind == b"caBX"
        ]
    )


def manifest_store(signed: bytes) -> bytes:
    """Return the manifest store of a signed PNG file."""
    return next(content for kind, content in png_chunks(signed) if kind == b"caBX")


def store_segments(store: bytes, size: int = 60_000) -> list[bytes]:
    """Return the APP11 segments of a JPEG file for a manifest store."""
    head, body = store[:8], store[8:]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return [
        segment(0xEB, b"JP\x02\x11" + number.to_bytes(4, "big") + head + part)
        for number, part in enumerate(parts, 1)
    ]


def _foreign_store(keep: float = 1.0, *, turned: bool = False) -> bytes:
    store = manifest_store(_of(TRAINED, "PNG"))
    segments = store_segments(store[: int(len(store) * keep)], 2_000)
    return jpeg_with(*(reversed(segments) if turned else segments))


def _expired() -> bytes:
    end = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(seconds=2)
    signed = sign(manifest(action(TRAINED)), signer=authority().signer(end))
    time.sleep(max(0.0, (end - datetime.datetime.now(datetime.UTC)).total_seconds() + 1.1))
    return signed


def _opened(parent: bytes, *parts: bytes) -> bytes:
    opened = action(None, "c2pa.opened", parameters={"ingredientIds": ["parent"]})
    placed = [
        action(None, "c2pa.placed", parameters={"ingredientIds": [f"part{number}"]})
        for number, _ in enumerate(parts)
    ]
    ingredients = [("parent", "parentOf", parent)]
    ingredients += [(f"part{n}", "componentOf", part) for n, part in enumerate(parts)]
    return sign(manifest(opened, *placed), ingredients=tuple(ingredients))


def _with_parts(source: str, *parts: bytes) -> bytes:
    placed = [
        action(None, "c2pa.placed", parameters={"ingredientIds": [f"part{number}"]})
        for number, _ in enumerate(parts)
    ]
    ingredients = [(f"part{n}", "componentOf", part) for n, part in enumerate(parts)]
    return sign(manifest(action(source), *placed), ingredients=tuple(ingredients))


def _chain(depth: int) -> bytes:
    signed = _of(TRAINED)
    for _ in range(depth):
        signed = _opened(signed)
    return signed


def _remote_xmp(element: bool) -> bytes:
    url = "http://manifests.example/store.c2pa"
    named = f"<dcterms:provenance>{url}</dcterms:provenance>" if element else ""
    attribute = "" if element else f' dcterms:provenance="{url}"'
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
        'syntax-ns#"><rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/"'
        f"{attribute}>{named}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    if element:
        return png_with([png_text("XML:com.adobe.xmp", packet, "iTXt")])
    return jpeg_with(xmp_segment(packet.encode()))


_URL = "http://manifests.example/store.c2pa"
_MINING = {
    "label": "c2pa.training-mining",
    "data": {"entries": {"c2pa.ai_generative_training": {"use": "notAllowed"}}},
}
_CONTENT = {
    "label": "c2pa.ai_generated_content",
    "data": {"model": "Example.2", "prompt": "AI generated image", "ai_generated": True},
}


def _case(
    make: Callable[[], bytes],
    declared: Declared,
    hint: str,
    state: Credentials = "trusted",
    without: Credentials | None = None,
) -> Case:
    bare: Credentials = "valid" if state == "trusted" else state
    return Case(cache(make), declared, hint, state, without or bare)


_SOURCES: tuple[tuple[str, str, Declared], ...] = (
    ("leading_blank", " " + TRAINED, "generated"),
    ("https", TRAINED.replace("http:", "https:"), "generated"),
    ("lower_case", TRAINED.lower(), "generated"),
    ("bare_word", "trainedAlgorithmicMedia", "generated"),
    ("trained_data", EMPTY.replace("empty", "trainedAlgorithmicData"), "generated"),
    ("misspelt", SOURCES + "compositedWithTrainedAlgorithmicMedia", "partly"),
    ("synthetic", SOURCES + "compositeSynthetic", "partly"),
    ("algorithmic", SOURCES + "algorithmicMedia", "none"),
    ("enhanced", SOURCES + "algorithmicallyEnhanced", "none"),
    ("free_text", "made with the help of friends", "none"),
)
_MAIN: tuple[tuple[str, str, Declared], ...] = (
    ("trained", TRAINED, "generated"),
    ("composite", COMPOSITE, "partly"),
    ("capture", CAPTURE, "none"),
)
_FILL = action(COMPOSITE, "c2pa.edited", softwareAgent={"name": "Example Fill"})
_EMPTY = action(EMPTY)
CREDENTIAL_CASES: dict[str, Case] = {
    **{
        f"c2pa_{kind.lower()}_{name}": _case(
            partial(_of, source, kind), declared, f"c2pa action digitalSourceType {source}"
        )
        for kind in MIMES
        for name, source, declared in _MAIN
    },
    **{
        f"c2pa_{kind.lower()}_tampered": _case(
            partial(_tampered, kind), "generated", "c2pa, pixels changed", "invalid"
        )
        for kind in MIMES
        if kind != "GIF"
    },
    **{
        f"c2pa_{kind.lower()}_remote": _case(
            partial(sign, manifest(action(TRAINED)), kind, remote=_URL),
            "none",
            "XMP dcterms:provenance",
            "remote",
        )
        for kind in MIMES
    },
    **{
        f"c2pa_source_{name}": _case(partial(_of, source), declared, "c2pa " + source)
        for name, source, declared in _SOURCES
    },
    "c2pa_actions_v1": _case(
        lambda: sign(manifest(action(TRAINED, softwareAgent="Example"), label="c2pa.actions")),
        "generated",
        "c2pa.actions (first version)",
    ),
    "c2pa_edited_part": _case(
        lambda: sign(manifest(action(CAPTURE), _FILL)), "partly", "c2pa.edited with composite"
    ),
    "c2pa_content_assertion": _case(
        lambda: sign(manifest(_EMPTY, assertions=(_CONTENT,))),
        "generated",
        "c2pa.ai_generated_content",
    ),
    "c2pa_training_mining": _case(
        lambda: sign(manifest(_EMPTY, assertions=(_MINING,))), "none", "c2pa.training-mining only"
    ),
    "c2pa_opened_generated": _case(
        lambda: _opened(_of(TRAINED)), "generated", "c2pa parent ingredient only"
    ),
    "c2pa_part_generated": _case(
        lambda: _with_parts(CAPTURE, _of(TRAINED)), "partly", "c2pa component ingredient only"
    ),
    "c2pa_opened_capture": _case(lambda: _opened(_of(CAPTURE)), "none", "c2pa no AI"),
    "c2pa_nested": _case(
        lambda: _opened(_chain(2), _of(CAPTURE), _with_parts(CAPTURE, _of(COMPOSITE))),
        "generated",
        "c2pa ingredients, three deep",
    ),
    "c2pa_chain_8": _case(lambda: _chain(8), "generated", "c2pa parent, eight deep"),
    "c2pa_other_authority": _case(
        lambda: sign(manifest(action(TRAINED)), signer=other_authority().signer()),
        "generated",
        "c2pa, unknown authority",
        "valid",
    ),
    "c2pa_expired": _case(_expired, "generated", "c2pa, certificate ended, no time", "expired"),
    "c2pa_moved": _case(_foreign_store, "generated", "c2pa of another file", "invalid"),
    "c2pa_png_cut": _case(partial(_cut_png, 0.5), "none", "caBX cut in half", "invalid"),
    "c2pa_jpeg_cut": _case(partial(_foreign_store, 0.5), "none", "APP11 cut in half", "invalid"),
    "c2pa_remote_element": _case(
        partial(_remote_xmp, True), "none", "XMP dcterms:provenance element", "remote"
    ),
    "c2pa_remote_attribute": _case(
        partial(_remote_xmp, False), "none", "XMP dcterms:provenance attribute", "remote"
    ),
}
