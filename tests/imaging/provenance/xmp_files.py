"""Picture files whose mark is in an XMP packet, in each carrier and each form."""

from __future__ import annotations

from functools import partial

from .carriers import (
    extended_segments,
    jpeg_with,
    png_text,
    png_with,
    raw_profile,
    segment,
    webp_with,
    xmp_segment,
)
from .cases import Case, Declared, each_kind, one
from .marked_packets import (
    CREATOR,
    IPTC,
    PHOTOSHOP,
    label_packet,
    one_property,
    packet,
    source_packet,
)
from .placed_items import bmff_with_item
from .signing import COMPOSITE, SOURCES, TRAINED

GUID = "0123456789ABCDEF0123456789ABCDEF"


def _png(text: str, form: str = "iTXt", *, late: bool = False) -> bytes:
    chunks = [png_text(_XMP_PNG, text, form)]
    return png_with((), chunks) if late else png_with(chunks)


def _extended(turned: bool) -> bytes:
    names = f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{GUID}"'
    long = source_packet(form="element").replace(
        "</rdf:Description>", "<!--" + "x" * 150_000 + "--></rdf:Description>"
    )
    parts = extended_segments(long.encode(), GUID)
    first = xmp_segment(packet("", "", names).encode())
    return jpeg_with(first, *(reversed(parts) if turned else parts))


def _late_xmp() -> bytes:
    filler = [segment(0xE4, b"FILLER\0" + b"x" * 65_000)] * 60
    return jpeg_with(*filler, xmp_segment(source_packet().encode()))


def _utf_16(codec: str) -> bytes:
    return jpeg_with(xmp_segment(source_packet().encode(codec)))


_SOURCES: tuple[tuple[str, str, Declared], ...] = (
    ("bare", "trainedAlgorithmicMedia", "generated"),
    ("https", TRAINED.replace("http:", "https:"), "generated"),
    ("blank", f" {TRAINED}\n", "generated"),
    ("lower", TRAINED.lower(), "generated"),
    ("synthetic", SOURCES + "compositeSynthetic", "partly"),
    ("misspelt", SOURCES + "compositedWithTrainedAlgorithmicMedia", "partly"),
    ("algorithmic", SOURCES + "algorithmicMedia", "none"),
)
_DST = "XMP Iptc4xmpExt:DigitalSourceType"
_XMP_PNG = "XML:com.adobe.xmp"
XMP_CASES: dict[str, Case] = {
    **each_kind("xmp_attribute", "generated", _DST, source_packet()),
    **each_kind("xmp_element", "generated", _DST, source_packet(form="element")),
    **each_kind("xmp_composite", "partly", _DST, source_packet(COMPOSITE)),
    **each_kind("xmp_label", "generated", "XMP TC260:AIGC", label_packet()),
    **each_kind(
        "xmp_reve",
        "generated",
        "XMP xmp:CreatorTool",
        one_property("CreatorTool", "reve.com", CREATOR, "xmp", "element"),
    ),
    **{
        f"xmp_{form.lower()}": one(
            partial(lambda f: jpeg_with(xmp_segment(source_packet(form=f).encode())), form), _DST
        )
        for form in ("Bag", "Seq", "Alt", "resource", "value")
    },
    **{
        f"xmp_source_{name}": one(
            partial(lambda s: jpeg_with(xmp_segment(source_packet(s).encode())), source),
            _DST,
            declared,
        )
        for name, source, declared in _SOURCES
    },
    "xmp_prefix": one(
        lambda: jpeg_with(xmp_segment(source_packet(prefix="iptcExt").encode())), _DST
    ),
    "xmp_odd_prefix": one(
        lambda: jpeg_with(
            xmp_segment(
                source_packet(prefix="q", form="element")
                .replace("rdf:", "r:")
                .replace(":rdf=", ":r=")
                .encode()
            )
        ),
        _DST,
    ),
    "xmp_late": one(_late_xmp, _DST + " after 3.9 MB of segments"),
    "xmp_late_png": one(
        lambda: png_with(
            [(b"prVt", bytes(3_000_000))], [png_text(_XMP_PNG, source_packet(), "iTXt")]
        ),
        _DST,
    ),
    "xmp_extended": one(partial(_extended, turned=False), _DST + " in extended XMP"),
    "xmp_extended_turned": one(partial(_extended, turned=True), _DST + " in extended XMP"),
    "xmp_utf_16": one(partial(_utf_16, "utf-16"), _DST + " in UTF-16"),
    "xmp_utf_16_be": one(partial(_utf_16, "utf-16-be"), _DST + " in UTF-16"),
    "xmp_png_zipped": one(lambda: _png(source_packet(), "iTXt zip"), _DST),
    "xmp_png_after": one(lambda: _png(source_packet(), late=True), _DST),
    "xmp_png_profile": one(
        lambda: png_with([raw_profile("xmp", source_packet().encode())]), "PNG Raw profile xmp"
    ),
    "xmp_webp_before": one(
        lambda: webp_with((b"XMP ", source_packet().encode()), flags=4, before=True), _DST
    ),
    "xmp_webp_unflagged": one(
        lambda: webp_with((b"XMP ", source_packet().encode()), flags=0), _DST
    ),
    **{
        f"xmp_{kind.lower()}_{place}": one(
            partial(bmff_with_item, kind, source_packet().encode(), place), _DST
        )
        for kind in ("AVIF", "HEIC")
        for place in ("extents", "idat", "end")
    },
    "xmp_midjourney": one(
        lambda: png_with(
            [
                png_text("Description", "a boat --ar 4:3 --v 7 Job ID: 2b6e053b"),
                png_text("Author", "a name"),
                png_text(_XMP_PNG, source_packet(prefix="iptcExt"), "iTXt"),
            ]
        ),
        "PNG Description and " + _DST,
    ),
    "xmp_google": one(
        lambda: png_with(
            (),
            [
                png_text(
                    _XMP_PNG,
                    packet(
                        "<photoshop:Credit>Made with Google AI</photoshop:Credit>",
                        f'Iptc4xmpExt:DigitalSourceType="{TRAINED}"',
                        f'xmlns:Iptc4xmpExt="{IPTC}" xmlns:photoshop="{PHOTOSHOP}"',
                    ),
                    "iTXt",
                )
            ],
        ),
        "XMP photoshop:Credit and " + _DST,
    ),
    "xmp_google_credit": one(
        lambda: jpeg_with(
            xmp_segment(
                one_property(
                    "Credit", "Made with Google AI", PHOTOSHOP, "photoshop", "attribute"
                ).encode()
            )
        ),
        "XMP photoshop:Credit",
    ),
    **{
        f"xmp_{name.lower()}": one(
            partial(
                lambda n: jpeg_with(
                    xmp_segment(
                        one_property(n, "an example", IPTC, "Iptc4xmpExt", "element").encode()
                    )
                ),
                name,
            ),
            f"XMP Iptc4xmpExt:{name}",
        )
        for name in ("AISystemUsed", "AISystemVersionUsed", "AIPromptInformation")
    },
    "xmp_label_attribute": one(
        lambda: jpeg_with(xmp_segment(label_packet("attribute").encode())), "XMP TC260:AIGC"
    ),
    "xmp_label_2": one(
        lambda: jpeg_with(xmp_segment(label_packet(Label="2").encode())),
        "XMP TC260:AIGC Label 2 (possible)",
        "partly",
    ),
    "xmp_label_3": one(
        lambda: jpeg_with(xmp_segment(label_packet(Label="3").encode())),
        "XMP TC260:AIGC Label 3 (suspected)",
        "partly",
    ),
    "xmp_label_word": one(
        lambda: jpeg_with(xmp_segment(label_packet(Label="AIGC").encode())),
        "XMP TC260:AIGC Label AIGC",
    ),
}
