"""Marks: what generators, and labels that the law asks for, write into files.

Each is recognised by its form and not by its key alone: other tools use the same keys. Sources:
the tools' own code, IPTC Photo Metadata 2025.1, and GB 45438-2025 (TC260).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from hashmatch.provenance import COMPOSITE_SOURCES, GENERATED_SOURCES

from . import exif
from .exif import Tags, tag_text

# As much of a text as is looked at; a prompt comes before the parameters that give it away.
_MAX_CHARACTERS = 1 << 18
_SOURCES = {one.casefold(): one for one in GENERATED_SOURCES | COMPOSITE_SOURCES}
# A misspelling in use.
_SOURCES["compositedwithtrainedalgorithmicmedia"] = "compositeWithTrainedAlgorithmicMedia"
_IPTC_AI = frozenset(
    {"AISystemUsed", "AISystemVersionUsed", "AIPromptInformation", "AIPromptWriterName"}
)
_LABEL_TYPE = re.compile(r'"aigc_label_type"\s*:\s*"?[1-9]')
_STEPS = re.compile(r"\bSteps: ?\d+\b")
_SAMPLING = re.compile(r"\b(?:Sampler|CFG scale):")
_MAX_STEPS, _PARAMETERS_CHARACTERS = 20, 4_096
_GEN_AI_TYPE = re.compile(r"genAIType\W{1,4}(\d+)")
_EDITED = re.compile(r"\s*edited with google ai\b", re.IGNORECASE)
_CREDIT = re.compile(r"\s*(?:made with google ai|ai[- ]?generated|generated (?:with|by) ai)\b",
                     re.IGNORECASE)  # fmt: skip
# The names under which generators, and nothing else, give themselves as software.
_GENERATORS = re.compile(
    r"\b(?:midjourney|dall[-·]e|stable[- ]diffusion|comfyui|invokeai|automatic1111|fooocus"
    r"|adobe firefly|ideogram|leonardo\.ai|draw things|easy diffusion|swarmui|stability\.ai"
    r"|black forest labs|bing image creator|gpt-image|seedream|tensor\.art|diffusionbee|luma ai"
    r"|aphrodite ai|dreamina|higgsfield|chatgpt|gpt-4o|openai-api)\b",
    re.IGNORECASE,
)
_MIDJOURNEY = re.compile(r"\bJob ID: ?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SIGNATURE = re.compile(r"Signature: ?[A-Za-z0-9+/=]{32,}")
_LABEL = re.compile(r"""["']?Label["']?\s*:\s*["']?([0-9A-Za-z]{1,16})""")
_LABELS = {"0": "", "1": "tc260:generated", "2": "tc260:possible", "3": "tc260:suspected"}
# The names in an object that only one tool writes, and the mark of each; the first counts.
_OBJECTS = (
    (("exportType", "product", "generation"), "aigc_info"),
    (("sui_image_params",), "sui_image_params"),
    (("class_type", "inputs"), "prompt"),
    (("nodes", "links", "widgets_values"), "workflow"),
    (("nodes", "links", "last_node_id", "version"), "workflow"),
    (("c", "v2", "uc", "steps", "sampler", "seed"), "DrawThings"),
    (("uc", "steps", "sampler", "seed"), "NovelAI"),
    (("prompt", "seed", "base_model"), "fooocus"),
    (("prompt", "seed", "styles", "sampler"), "fooocus"),
    (("prompt", "seed", "metadata_scheme"), "fooocus"),
    (("prompt", "seed", "num_inference_steps"), "EasyDiffusion"),
    (("app_version", "generation_mode"), "invokeai_metadata"),
    (("positive_prompt", "negative_prompt"), "invokeai_metadata"),
)
# Keys of PNG text that only one tool writes, and the mark of each.
_OWN_KEYS = {
    "invokeai_metadata": "invokeai_metadata",
    "invokeai_workflow": "invokeai_workflow",
    "invokeai_graph": "invokeai_graph",
    "sd-metadata": "sd-metadata",
    "sui_image_params": "sui_image_params",
    "fooocus_scheme": "fooocus_scheme",
    "use_stable_diffusion_model": "EasyDiffusion",
}


def source_type(value: str) -> str | None:
    """Return the mark of a digital source type of generated media, None for any other.

    It is the last part of an address of IPTC's or C2PA's, however it begins.
    """
    return _SOURCES.get(value.strip().rstrip("/").rpartition("/")[2].strip().casefold())


def is_remote_manifest(name: str, value: str) -> bool:
    """Say whether a property points to content credentials that are stored elsewhere."""
    return name == "provenance" and value.strip().startswith(("http://", "https://"))


def marks_of_property(name: str, value: str) -> Iterator[str]:
    """Yield the marks in a property of an XMP packet."""
    if name in ("DigitalSourceType", "DigitalSourceFileType"):
        if kind := source_type(value):
            yield f"iptc:{kind}"
    elif name in _IPTC_AI:
        if value.strip():
            yield f"iptc:{name}"
    elif name == "AIGC":
        yield from _label(value)
    elif name == "Credit":
        yield from _credit(value)
    elif name in ("CreatorTool", "Software", "Make"):
        yield from _software("xmp", value)
    elif name != "provenance":
        yield from _text("xmp", value)


def marks_of_png_text(key: str, value: str) -> Iterator[str]:
    """Yield the marks in a text chunk of a PNG file."""
    folded = key.casefold()
    if folded == "aigc":
        yield from _label(value)
    elif folded in _OWN_KEYS and value.strip():
        yield f"png:{_OWN_KEYS[folded]}"
    elif folded == "dream" and re.search(r"\s-[sSCAW]\s?\S", value):
        yield "png:Dream"
    elif folded in ("software", "source", "make"):
        yield from _software("png", value)
    yield from _text("png", value)


def marks_of_text(carrier: str, value: str) -> Iterator[str]:
    """Yield the marks in a comment, in IPTC's credit, or in another text without a key."""
    if carrier == "iptc":
        yield from _credit(value)
        return
    yield from _text(carrier, value)
    if (found := _GEN_AI_TYPE.search(value)) and int(found[1][:9]):
        yield f"{carrier}:genAIType"


def is_generator(name: str) -> bool:
    """Say whether a piece of software, as it names itself, makes nothing but generated media."""
    return _GENERATORS.search(name[:1_000].replace("_", " ")) is not None


def marks_of_tags(tags: Tags) -> Iterator[str]:
    """Yield the marks in the EXIF tags of a file."""
    texts = {tag: tag_text(tag, value)[:_MAX_CHARACTERS] for tag, value in tags.items()}
    for tag in (exif.MAKE, exif.SOFTWARE):
        if text := texts.get(tag):
            yield from _software("exif", text)
    for tag in (exif.DESCRIPTION, exif.MAKE, exif.MODEL, exif.USER_COMMENT, exif.XP_COMMENT):
        if text := texts.get(tag):
            yield from _text("exif", text)
    if "fooocus" in texts.get(exif.MAKER_NOTE, "").casefold():
        yield "exif:fooocus"
    signature, artist = texts.get(exif.DESCRIPTION, ""), texts.get(exif.ARTIST, "").strip()
    if _SIGNATURE.match(signature) and _UUID.fullmatch(artist):
        yield "exif:Grok"


def _credit(value: str) -> Iterator[str]:
    if _CREDIT.match(value):
        yield "iptc:Credit"
    elif _EDITED.match(value):
        yield "iptc:EditedCredit"


def _label(value: str) -> Iterator[str]:
    """Yield the mark of a label of TC260's, an object in JSON, whatever is in it."""
    if value.lstrip().startswith("{"):
        found = _LABEL.search(value[:_MAX_CHARACTERS])
        if mark := _LABELS.get(found[1] if found else "", "tc260:label"):
            yield mark


def _software(carrier: str, value: str) -> Iterator[str]:
    name = value.strip()[:1_000]
    if name == "NovelAI":
        yield f"{carrier}:NovelAI"
    elif name.startswith("Ideogram"):
        yield f"{carrier}:Ideogram"
    elif re.search(r"\breve\.(?:com|art)\b", name):
        yield f"{carrier}:Reve"
    elif name.startswith("Fooocus"):
        yield f"{carrier}:fooocus"
    elif _GENERATORS.search(name):
        yield f"{carrier}:Software"


def _text(carrier: str, value: str) -> Iterator[str]:
    """Yield the marks that a text has by its form, whatever it is called."""
    text = value[:_MAX_CHARACTERS].strip()
    if _MIDJOURNEY.search(text):
        yield f"{carrier}:Midjourney"
    name, _, rest = text[:16].partition(":")
    # ComfyUI writes its two graphs into tags of a camera, each after its name.
    if name.casefold() in ("prompt", "workflow") and rest.lstrip().startswith("{"):
        text = text[len(name) + 1 :].lstrip()
    if text.startswith("AIGC"):
        yield from _label(text[4:].lstrip(" :=\0"))
    elif not text.startswith("{"):
        if _has_parameters(text):
            yield f"{carrier}:parameters"
        return
    yield from _object(carrier, text)


def _has_parameters(text: str) -> bool:
    """Say whether a text ends like the parameters of Stable Diffusion's web UI."""
    return any(
        _SAMPLING.search(text, one.end(), one.end() + _PARAMETERS_CHARACTERS)
        for one in islice(_STEPS.finditer(text), _MAX_STEPS)
    )


def _object(carrier: str, text: str) -> Iterator[str]:
    """Yield the marks of an object in JSON.

    It is not parsed: some tools write what is not JSON, and only names are looked for.
    """
    text = text.replace('\\"', '"')  # Of an object in a text of another.
    if _has(text, "AIGC") or _has(text, "Label", "ContentProducer"):
        yield from _label(text)
    if _LABEL_TYPE.search(text):
        yield f"{carrier}:aigc_info"
    for names, mark in _OBJECTS:
        if _has(text, *names):
            yield f"{carrier}:{mark}"
            return


def _has(text: str, *names: str) -> bool:
    return all(f'"{name}"' in text for name in names)
