"""Picture files that carry marks of generators, and ordinary files that carry none.

CASES has all marked files, those of `signed_files` with them. FURTHER has marks that fewer
readers know. ORDINARY has files that must be read as declaring nothing.
"""

from __future__ import annotations

import json
from functools import partial

from .carriers import (
    BYTE,
    Chunk,
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
    segment,
    stealth,
    text_entry,
    webp_with,
)
from .cases import Case, each_kind, one
from .marked_packets import (
    LABEL,
    source_packet,
)
from .ordinary_files import FURTHER, ORDINARY
from .signed_files import CREDENTIAL_CASES
from .signing import authority
from .xmp_files import XMP_CASES

__all__ = ["CASES", "FURTHER", "ORDINARY", "Case", "authority", "picture"]

SETTINGS = (
    "a drawn lighthouse, <lora:ink:0.8>\nNegative prompt: blurry, text\n"
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1234567890, "
    "Size: 200x150, Model hash: 6ce0161689, Model: v1-5-pruned, Version: v1.10.1"
)
GRAPH = json.dumps(
    {
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "model": ["4", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    }
)
FLOW = json.dumps(
    {"last_node_id": 4, "nodes": [{"id": 3, "type": "KSampler"}], "links": [], "version": 0.4}
)
SWARM = json.dumps(
    {
        "sui_image_params": {"prompt": "a drawn boat", "model": "a", "seed": 1, "steps": 20},
        "sui_extra_data": {"date": "2025-10-01"},
        "sui_models": [],
    }
)
INVOKE = json.dumps(
    {"app_version": "5.6.0", "generation_mode": "txt2img", "positive_prompt": "a boat", "seed": 1}
)
NOVEL = json.dumps({"prompt": "a boat", "steps": 28, "sampler": "k_euler", "seed": 1, "uc": "bad"})
NOVEL_TEXTS = {
    "Title": "NovelAI generated image",
    "Description": "a boat",
    "Software": "NovelAI",
    "Source": "NovelAI Diffusion V4.5 4BDE2A90",
    "Generation time": "4.2",
    "Comment": NOVEL,
}
FOOOCUS = json.dumps(
    {"prompt": "a boat", "base_model": "a", "seed": "1", "steps": 30, "version": "Fooocus v2.5.5"}
)
GROK_SIGNATURE = "Signature: " + "IoR6YcSlkWo/83blBnOA15zT7nnWuDE3tT3xAgkhEQ5l" * 5 + "mJs4="
GROK = (
    text_entry(0x010E, GROK_SIGNATURE),
    text_entry(0x013B, "01234567-89ab-4cde-8f01-23456789abcd"),
)


def _png(*texts: tuple[str, str], form: str = "tEXt", late: bool = False) -> bytes:
    chunks = [png_text(*text, form) for text in texts]
    return png_with((), chunks) if late else png_with(chunks)


def _of_exif(block: bytes) -> bytes:
    return jpeg_with(exif_segment(block))


def _comf() -> list[Chunk]:
    return [(b"comf", b"prompt\0" + GRAPH.encode()), (b"comf", b"workflow\0" + FLOW.encode())]


_COMMENT = "EXIF UserComment"
_SETTINGS = (comment_entry(SETTINGS),)
_EXIF: dict[str, Case] = {
    **each_kind("a1111", "generated", _COMMENT, "", (), _SETTINGS),
    **{
        f"a1111_{charset.replace('-', '_')}_{order}": one(
            partial(
                lambda c, o: _of_exif(exif_block((), [comment_entry(SETTINGS, c)], o)),
                charset,
                order,
            ),
            f"{_COMMENT} {charset}",
        )
        for charset in (
            "ascii",
            "unicode-be",
            "unicode-le",
            "unicode-bom",
            "unicode-utf-8",
            "jis",
            "undefined",
            "none",
        )
        for order in ("little", "big")
    },
    "a1111_png_profile": one(
        lambda: png_with([raw_profile("exif", b"Exif\0\0" + exif_block((), _SETTINGS))]),
        "PNG Raw profile exif",
    ),
    "a1111_png_app1": one(
        lambda: png_with([raw_profile("APP1", b"Exif\0\0" + exif_block((), _SETTINGS), "tEXt")]),
        "PNG Raw profile APP1",
    ),
    "a1111_png_exif_after": one(
        lambda: png_with((), [(b"eXIf", exif_block((), _SETTINGS))]), "PNG eXIf"
    ),
    "a1111_webp_prefixed": one(
        lambda: webp_with((b"EXIF", b"Exif\0\0" + exif_block((), _SETTINGS)), flags=8), _COMMENT
    ),
    "a1111_gif": one(lambda: gif_with(b"", SETTINGS.encode()), "GIF comment"),
    **each_kind(
        "comfyui",
        "generated",
        "EXIF Model prompt:, Make workflow:",
        "",
        (text_entry(0x010F, "workflow:" + FLOW), text_entry(0x0110, "prompt:" + GRAPH)),
        (),
        "webp jpeg avif",
    ),
    "comfyui_description": one(
        lambda: _of_exif(
            exif_block(
                [text_entry(0x010E, "Workflow:" + FLOW), text_entry(0x010F, "Prompt:" + GRAPH)]
            )
        ),
        "EXIF ImageDescription Workflow:, Make Prompt:",
    ),
    **each_kind("swarmui", "generated", _COMMENT, "", (), (comment_entry(SWARM),), "jpeg webp"),
    "swarmui_model": one(lambda: _of_exif(exif_block([text_entry(0x0110, SWARM)])), "EXIF Model"),
    **each_kind(
        "fooocus",
        "generated",
        "EXIF UserComment and MakerNote in IFD0",
        "",
        (
            text_entry(0x0131, "Fooocus v2.5.5"),
            text_entry(0x927C, "fooocus"),
            text_entry(0x9286, FOOOCUS),
        ),
        (),
        "jpeg webp",
    ),
    **each_kind(
        "ideogram",
        "generated",
        "EXIF Make",
        "",
        (text_entry(0x010F, "Ideogram AI"),),
        (),
        "jpeg png webp",
    ),
    **each_kind(
        "reve", "generated", "EXIF Software", "", (text_entry(0x0131, "reve.com"),), (), "jpeg webp"
    ),
    **each_kind(
        "grok",
        "generated",
        "EXIF Artist and ImageDescription",
        "",
        GROK,
        (comment_entry(GROK_SIGNATURE, "ascii"),),
        "jpeg",
    ),
    **each_kind(
        "label",
        "generated",
        _COMMENT + " AIGC",
        "",
        (),
        (comment_entry(json.dumps({"AIGC": LABEL}), "none"),),
        "jpeg webp",
    ),
    "label_tencent": one(
        lambda: _of_exif(
            exif_block(
                [
                    text_entry(
                        0x010E,
                        json.dumps(
                            {
                                "AIGC": {
                                    "ServiceProvider": "\u817e\u8baf\u4e91",
                                    "ServiceUser": "1",
                                    "Time": "2025-10-01",
                                }
                            },
                            ensure_ascii=False,
                        ),
                    )
                ]
            )
        ),
        "EXIF ImageDescription AIGC",
    ),
    "label_segment": one(
        lambda: jpeg_with(segment(0xE9, b"AIGC" + json.dumps(LABEL).encode())), "JPEG APP9 AIGC{"
    ),
    "exif_xmp_tag": one(
        lambda: _of_exif(exif_block([(700, BYTE, source_packet().encode())])), "EXIF tag 700"
    ),
}
_FORMS = {
    "text": ("tEXt", False),
    "text_after": ("tEXt", True),
    "ztxt": ("zTXt", False),
    "itxt": ("iTXt", False),
    "itxt_zip": ("iTXt zip", False),
    "itxt_after": ("iTXt", True),
}
_TEXTS: dict[str, tuple[tuple[str, str], ...]] = {
    "parameters": (("parameters", SETTINGS),),
    "comfyui": (("prompt", GRAPH), ("workflow", FLOW)),
    "comfyui_workflow": (("workflow", FLOW),),
    "swarmui": (("parameters", SWARM),),
    "invokeai": (("invokeai_metadata", INVOKE), ("invokeai_graph", '{"id": "a", "nodes": {}}')),
    "invokeai_workflow": (("invokeai_workflow", '{"name": "a", "nodes": []}'),),
    "invokeai_older": (
        ("sd-metadata", '{"model": "stable diffusion", "image": {"seed": 1}}'),
        ("Dream", '"a boat" -s 50 -S 1 -W 512 -H 512 -C 7.5 -A k_lms'),
    ),
    "invokeai_dream": (("Dream", '"a boat" -s 50 -S 1 -W 512 -H 512 -C 7.5 -A k_lms'),),
    "novelai": tuple(NOVEL_TEXTS.items()),
    "fooocus": (("parameters", FOOOCUS), ("fooocus_scheme", "fooocus")),
    "fooocus_a1111": (("parameters", SETTINGS), ("fooocus_scheme", "a1111")),
    "midjourney": (
        ("Description", "a boat --v 7 Job ID: 2b6e053b-9a65-4ca9-9e13-b6f4465164d4"),
        ("Author", "a name"),
        ("Creation Time", "Sat, 09 Aug 2025 10:41:50 GMT"),
    ),
    "label": (("AIGC", json.dumps(LABEL)),),
}
_TEXT_CASES: dict[str, Case] = {
    f"png_{name}_{form}": one(
        partial(_png, *texts, form=kind, late=late), f"PNG {kind} {texts[0][0]}"
    )
    for name, texts in _TEXTS.items()
    for form, (kind, late) in _FORMS.items()
    if form == "text" or name in {"parameters", "comfyui", "novelai"}
}
_STEALTH: dict[str, Case] = {
    f"{signature}_{kind.lower()}": one(
        partial(
            lambda s, k: encoded(
                k,
                stealth(json.dumps(NOVEL_TEXTS) if "comp" in s else SETTINGS, s),
                **({} if k == "PNG" else {"lossless": True, "exact": True}),
            ),
            signature,
            kind,
        ),
        f"pixels {signature}",
    )
    for signature in ("stealth_pngcomp", "stealth_pnginfo", "stealth_rgbcomp", "stealth_rgbinfo")
    for kind in ("PNG", "WEBP")
}
_PLAIN = {
    f"plain_{kind.lower()}": one(partial(encoded, kind), "nothing", "none")
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "HEIC", "TIFF", "GIF")
}
CASES: dict[str, Case] = {
    **_PLAIN,
    **XMP_CASES,
    **_EXIF,
    **_TEXT_CASES,
    **_STEALTH,
    **CREDENTIAL_CASES,
    "comfyui_animated_png": one(lambda: png_with((), _comf()), "PNG comf prompt, workflow"),
    "novelai_stealth_corrected": one(
        lambda: encoded(
            "PNG", stealth(json.dumps(NOVEL_TEXTS), trailing=b"\0\0\0\x80" + b"c" * 16)
        ),
        "pixels stealth_pngcomp, with correction data after it",
    ),
}
