"""Provenance: whether a file declares that a machine made it, and by which marks.

A declaration is no proof: a mark is easily removed, and easily forged. Marks are known by name
alone, since what tools write beside them, such as prompts, can be illegal or personal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Declared(StrEnum):
    """Whether a file declares that its picture was generated, the least first.

    Partly stands for a composite with generated parts, and for a label with a reservation.
    """

    NONE = "none"
    PARTLY = "partly"
    GENERATED = "generated"


class Credentials(StrEnum):
    """State of a file's content credentials (its C2PA manifest).

    Trusted and valid ones are intact; of trusted ones, an anchor of the operator vouches for the
    signer. Expired ones are intact, too, but nothing says that the signer's certificate had not
    ended before. Remote ones are stored elsewhere, and never fetched. Unread ones are in the file,
    but this installation cannot read them.
    """

    TRUSTED = "trusted"
    VALID = "valid"
    EXPIRED = "expired"
    INVALID = "invalid"
    REMOTE = "remote"
    UNREAD = "unread"
    NONE = "none"


# IPTC's digital source types of generated media, and what C2PA adds to them.
GENERATED_SOURCES = frozenset({"trainedAlgorithmicMedia", "trainedAlgorithmicData"})
COMPOSITE_SOURCES = frozenset({"compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"})
# Of composites, and of labels with a reservation; all other marks are of generated pictures.
_PARTLY = COMPOSITE_SOURCES | {"ingredient", "possible", "suspected", "EditedCredit", "genAIType"}
# Keys and names of tools; see hashmatch/imaging/provenance/marks.py.
_OF_TOOLS = frozenset({
    "parameters", "prompt", "workflow", "sui_image_params", "invokeai_metadata",
    "invokeai_workflow", "invokeai_graph", "sd-metadata", "Dream", "fooocus", "fooocus_scheme",
    "NovelAI", "Midjourney", "Ideogram", "Reve", "Grok", "DrawThings", "EasyDiffusion", "Software",
    "aigc_info", "genAIType",
})  # fmt: skip
# The marks by where they can be: content credentials, IPTC's properties, China's label
# (GB 45438-2025), the lowest bits of pixels, and other XMP properties, EXIF, text of a PNG file,
# and comments and other segments of JPEG and GIF files.
_MARKS = {
    "c2pa": GENERATED_SOURCES | COMPOSITE_SOURCES
    | {"ingredient", "aiGeneratedContent", "softwareAgent"},
    "iptc": GENERATED_SOURCES | COMPOSITE_SOURCES
    | {"AISystemUsed", "AISystemVersionUsed", "AIPromptInformation", "AIPromptWriterName", "Credit",
       "EditedCredit"},
    "tc260": frozenset({"generated", "possible", "suspected", "label"}),
    "stealth": frozenset({"pnginfo", "pngcomp", "rgbinfo", "rgbcomp"}),
    **dict.fromkeys(("xmp", "exif", "png", "jpeg", "gif"), _OF_TOOLS),
}  # fmt: skip
_NOTHING: frozenset[str] = frozenset()
_INTACT = (Credentials.TRUSTED, Credentials.VALID, Credentials.EXPIRED)
_MOST_EVIDENCE = 16
_ISSUER_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Provenance:
    """Declaration of one file about its origin.

    `evidence` has the names of the marks found, as carrier and mark: "png:parameters". `issuer` is
    the organisation in the signer's certificate, which only an anchor's trust makes credible.
    """

    evidence: tuple[str, ...] = ()
    c2pa: Credentials = Credentials.NONE
    issuer: str | None = None

    @property
    def declared(self) -> Declared:
        """Return the strongest declaration of the marks."""
        if any(map(_is_generated, self.evidence)):
            return Declared.GENERATED
        return Declared.PARTLY if self.evidence else Declared.NONE


def provenance_of(
    evidence: Iterable[str], c2pa: Credentials = Credentials.NONE, issuer: str | None = None
) -> Provenance:
    """Return a provenance from the names of marks, each once, and an issuer's printable part.

    An issuer counts where the credentials are intact. Raises `ValueError` for a name that is not
    one of a mark.
    """
    names = sorted(set(evidence))
    for name in names:
        carrier, _, mark = name.partition(":")
        if mark not in _MARKS.get(carrier, _NOTHING):
            raise ValueError("not the name of a mark")
    if c2pa not in _INTACT:
        issuer = None
    if issuer is not None:
        issuer = "".join(one for one in issuer if one.isprintable())[:_ISSUER_CHARACTERS] or None
    # The strongest marks stay where there are too many to list.
    names.sort(key=lambda name: not _is_generated(name))
    return Provenance(tuple(sorted(names[:_MOST_EVIDENCE])), c2pa, issuer)


def _is_generated(name: str) -> bool:
    return name.partition(":")[2] not in _PARTLY
