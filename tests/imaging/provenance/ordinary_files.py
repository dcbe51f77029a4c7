"""Ordinary files that declare nothing, and files with the marks that fewer readers know."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial

from .carriers import (
    EXTENSION_ID,
    Entry,
    comment_entry,
    encoded,
    exif_block,
    exif_segment,
    gif_with,
    jpeg_with,
    picture,
    png_text,
    png_with,
    raw_profile,
    riff_chunk,
    segment,
    text_entry,
    tiff_with,
    xmp_segment,
)
from .cases import Case, Declared
from .marked_packets import COMPOSITE_CREDIT, CREATOR, IPTC, PHOTOSHOP, one_property, packet
from .signing import CAPTURE, EMPTY, TRAINED, action, manifest, sign

Make = Callable[[], bytes]

CAMERA: tuple[Entry, ...] = (
    text_entry(0x010F, "Example Cameras"),
    text_entry(0x0110, "EX-100"),
    text_entry(0x0131, "Adobe Photoshop 26.0 (Windows)"),
    text_entry(0x0132, "2025:06:01 12:00:00"),
    text_entry(0x013B, "Anna Example"),
)


def _exif(*ifd0: Entry, exif: tuple[Entry, ...] = ()) -> Make:
    return lambda: jpeg_with(exif_segment(exif_block(ifd0, exif)))


def _xmp(text: str) -> Make:
    return lambda: jpeg_with(xmp_segment(text.encode()))


def _text(keyword: str, text: str, form: str = "tEXt") -> Make:
    return lambda: png_with([png_text(keyword, text, form)])


def _source(source: str) -> str:
    return one_property("DigitalSourceType", source, IPTC, "Iptc4xmpExt", "attribute")


def _noise() -> bytes:
    drawn = picture().convert("RGBA")
    drawn.putalpha(picture().convert("L"))
    return encoded("PNG", drawn)


def _near_signature() -> bytes:
    """A picture of which only the first half of the stealth signature is there."""
    drawn = picture().convert("RGBA")
    bits = [byte >> place & 1 for byte in b"stealth_" for place in range(7, -1, -1)]
    alpha = drawn.getchannel("A")
    for at, bit in enumerate(bits):
        alpha.putpixel((0, at), 254 | bit)
    drawn.putalpha(alpha)
    return encoded("PNG", drawn)


ORDINARY: dict[str, Make] = {
    "plain": lambda: encoded("JPEG"),
    "camera": _exif(*CAMERA, exif=(comment_entry("at the lake", "ascii"),)),
    "camera_tiff": lambda: tiff_with(b"", CAMERA),
    "editor": _exif(text_entry(0x0131, "Adobe Photoshop 26.0 (Windows)")),
    "drawing_program": _text("Software", "Krita 5.2"),
    "empty_comment": _exif(exif=(comment_entry("", "ascii"),)),
    "blank_comment": _exif(exif=((0x9286, 7, b"ASCII\0\0\0" + b" " * 200),)),
    "zero_comment": _exif(exif=((0x9286, 7, bytes(264)),)),
    "comment_with_steps": _exif(exif=(comment_entry("Steps: first stir, then bake.", "ascii"),)),
    "artist_name": _exif(text_entry(0x013B, "Anna Example")),
    "artist_uuid": _exif(text_entry(0x013B, "01234567-89ab-4cde-8f01-23456789abcd")),
    "signature_word": _exif(
        text_entry(0x010E, "Signature: Anna Example"), text_entry(0x013B, "Anna Example")
    ),
    "description": _exif(text_entry(0x010E, "OLYMPUS DIGITAL CAMERA")),
    "description_prompt": _exif(text_entry(0x010E, "She was prompt: at noon by the lake")),
    "model_prompt": _exif(text_entry(0x010F, "workflow: none"), text_entry(0x0110, "prompt: no")),
    "named_flux": _exif(text_entry(0x010E, "A flux of people, Leonardo museum, Firefly Lane")),
    "maker_note": _exif(exif=((0x927C, 7, b"EXAMPLE\0parameters AIGC" + bytes(100)),)),
    "png_parameters_camera": _text("parameters", "ISO 100, 1/250 s, f/8, 50 mm"),
    "png_parameters_plot": _text("parameters", '{"dpi": 100, "figure": "two axes"}'),
    "png_prompt": _text("prompt", "please enter", "iTXt"),
    "png_prompt_json": _text("prompt", '{"question": "please enter"}', "iTXt"),
    "png_workflow": _text("workflow", "scan, crop, print"),
    "png_workflow_json": _text("workflow", '{"steps": ["scan", "print"], "nodes": 2}'),
    "png_comment": _text("Comment", "Created with GIMP"),
    "png_comment_json": _text("Comment", '{"note": "a prompt answer"}'),
    "png_description": _text("Description", "Our job ID: card, photographed"),
    "png_title_source": lambda: png_with(
        [png_text("Title", "Lake"), png_text("Source", "Example scanner")]
    ),
    "png_software_plot": _text("Software", "Matplotlib version3.10, https://matplotlib.org/"),
    "png_aigc_word": _text("AIGC", "no"),
    "png_raw_profile": lambda: png_with([raw_profile("exif", b"Exif\0\0" + exif_block(CAMERA))]),
    "png_late_text": lambda: png_with((), [png_text("date:create", "2025-06-01T12:00:00+00:00")]),
    "png_private_chunk": lambda: png_with([(b"vpAg", bytes(9)), (b"comf", b"settings\0soft")]),
    "png_alpha": _noise,
    "png_half_signature": _near_signature,
    "gif_comment": lambda: gif_with(b"", b"Created with GIMP"),
    "jpeg_comment": lambda: jpeg_with(segment(0xFE, b"CREATOR: gd-jpeg v1.0, quality = 90")),
    "jpeg_other_app9": lambda: jpeg_with(segment(0xE9, b"AIGCamera settings")),
    "jpeg_other_app11": lambda: jpeg_with(segment(0xEB, b"HDR_RI ver=11" + bytes(40))),
    "jpeg_lone_extension": lambda: jpeg_with(segment(0xE1, EXTENSION_ID + b"0" * 40)),
    "xmp_capture": _xmp(_source(CAPTURE)),
    "xmp_human_edits": _xmp(_source(CAPTURE.replace("digitalCapture", "humanEdits"))),
    "xmp_algorithmic": _xmp(_source(CAPTURE.replace("digitalCapture", "algorithmicMedia"))),
    "xmp_free_text": _xmp(_source("not trainedAlgorithmicMedia but a photograph")),
    "xmp_other_namespace": _xmp(
        one_property("DigitalSourceType", TRAINED, "http://example.org/ns/", "ex", "element")
    ),
    "xmp_described": _xmp(packet(f"<!-- {TRAINED} -->")),
    "xmp_title": _xmp(
        one_property(
            "title",
            "trainedAlgorithmicMedia explained",
            "http://purl.org/dc/elements/1.1/",
            "dc",
            "Alt",
        )
    ),
    "xmp_credit": _xmp(one_property("Credit", "Anna Example", PHOTOSHOP, "photoshop", "element")),
    "xmp_tool": _xmp(
        one_property("CreatorTool", "Adobe Photoshop 26.0", CREATOR, "xmp", "element")
    ),
    "xmp_empty_source": _xmp(_source("")),
    "xmp_empty_system": _xmp(one_property("AISystemUsed", "", IPTC, "Iptc4xmpExt", "element")),
    "trailing_words": lambda: jpeg_with(tail=b"trainedAlgorithmicMedia AIGC stealth_pngcomp c2pa"),
    "pixels_words": lambda: png_with([(b"prVt", b"jumb c2pa TC260:AIGC parameters\0Steps: 20")]),
    "c2pa_capture": lambda: sign(manifest(action(CAPTURE))),
    "c2pa_mining": lambda: sign(
        manifest(
            action(EMPTY),
            assertions=(
                {
                    "label": "c2pa.training-mining",
                    "data": {"entries": {"c2pa.ai_training": {"use": "allowed"}}},
                },
            ),
        )
    ),
    "samsung_no_generation": lambda: jpeg_with(
        tail=b'PhotoEditor_Re_Edit_Data{"originalPath":"/a.jpg","genAIType":0}SEFT'
    ),
}


def _samsung(kind: int) -> bytes:
    """A JPEG with Samsung's directory of extra data after its end."""
    name = b"PhotoEditor_Re_Edit_Data"
    value = json.dumps({"originalPath": "/data/a.jpg", "genAIType": kind}).encode()
    block = b"\0\0\xa1\x0b" + len(name).to_bytes(4, "little") + name + value
    entry = b"\0\0\xa1\x0b" + len(block).to_bytes(4, "little") * 2
    head = b"SEFH" + (107).to_bytes(4, "little") + (1).to_bytes(4, "little") + entry
    return jpeg_with(tail=block + head + len(head).to_bytes(4, "little") + b"SEFT")


def _iim(credit: str) -> bytes:
    record = b"\x1c\x02\x6e" + len(credit).to_bytes(2, "big") + credit.encode()
    padded = record + b"\0" * (len(record) % 2)
    resource = b"8BIM\x04\x04\0\0" + len(record).to_bytes(4, "big") + padded
    return jpeg_with(segment(0xED, b"Photoshop 3.0\0" + resource))


def _case(make: Make, hint: str, *, partly: bool = False, trusted: bool = False) -> Case:
    declared: Declared = "partly" if partly else "generated"
    if trusted:
        return Case(cache(make), declared, hint, "trusted", "valid")
    return Case(cache(make), declared, hint)


_DRAW_THINGS = json.dumps({"c": "a boat", "model": "flux_1.ckpt", "sampler": "DPM++", "steps": 8})
_APP = json.dumps({"data": {"product": "dreamina", "exportType": "generation"},
                   "aigc_info": {"aigc_label_type": 1}})  # fmt: skip
_ASSERTED = {
    "label": "cawg.metadata",
    "data": {
        "@context": {"Iptc4xmpExt": IPTC},
        "Iptc4xmpExt:DigitalSourceType": TRAINED,
    },
}
FURTHER: dict[str, Case] = {
    "samsung": _case(partial(_samsung, 1), "after JPEG EOI, genAIType", partly=True),
    "bytedance_export": _case(
        _exif(exif=(comment_entry(_APP, "ascii"),)), "EXIF UserComment aigc_info"
    ),
    "luma": _case(
        lambda: png_with(
            [
                png_text("Source", "Luma AI"),
                png_text("Comment", "Generated by Luma AI's Uni-1 model (https://lumalabs.ai)"),
            ]
        ),
        "PNG Source, Comment",
    ),
    "draw_things": _case(
        _xmp(
            packet(
                "<exif:UserComment><rdf:Alt><rdf:li>"
                + _DRAW_THINGS.replace('"', "&quot;")
                + "</rdf:li></rdf:Alt></exif:UserComment>",
                'xmp:CreatorTool="Draw Things"',
                f'xmlns:xmp="{CREATOR}" xmlns:exif="http://ns.adobe.com/exif/1.0/"',
            )
        ),
        "XMP xmp:CreatorTool, exif:UserComment",
    ),
    "easy_diffusion": _case(
        lambda: png_with(
            [
                png_text("prompt", "a boat"),
                png_text("seed", "1"),
                png_text("use_stable_diffusion_model", "sd-v1-5"),
                png_text("num_inference_steps", "25"),
                png_text("sampler_name", "euler_a"),
            ]
        ),
        "PNG use_stable_diffusion_model",
    ),
    "aphrodite": _case(_exif(text_entry(0x010F, "Aphrodite AI")), "EXIF Make"),
    "google_edited": _case(
        _xmp(COMPOSITE_CREDIT), "XMP photoshop:Credit Edited with Google AI", partly=True
    ),
    "google_edited_credit": _case(
        _xmp(one_property("Credit", "Edited with Google AI", PHOTOSHOP, "photoshop", "element")),
        "XMP photoshop:Credit only",
        partly=True,
    ),
    "google_iim": _case(partial(_iim, "Made with Google AI"), "JPEG APP13 IIM 2:110"),
    "jpeg_comment_parameters": _case(
        lambda: jpeg_with(
            segment(0xFE, b"a boat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 8x8")
        ),
        "JPEG COM (a converted PNG)",
    ),
    "dreamina_generator": _case(
        lambda: sign(manifest(action(EMPTY), generator="Dreamina/7.0.0")),
        "c2pa claim generator only",
        trusted=True,
    ),
    "c2pa_metadata_assertion": _case(
        lambda: sign(manifest(action(EMPTY), assertions=(_ASSERTED,))),
        "c2pa cawg.metadata DigitalSourceType",
        trusted=True,
    ),
    "webp_simple_form": _case(
        lambda: _unusual_webp(_source(TRAINED).encode()), "WebP chunk XMP, no VP8X header"
    ),
}


def _unusual_webp(text: bytes) -> bytes:
    """A WebP file of the simple form with an XMP chunk that it may not have."""
    body = encoded("WEBP")[12:] + riff_chunk(b"XMP ", text)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body
