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


# Where a mark can be: content credentials, IPTC's properties, other XMP properties, EXIF, text of a
# PNG file, comments and other segments of a JPEG file, China's label (GB 45438-2025), lowest bits.
CARRIERS = frozenset({"c2pa", "iptc", "xmp", "exif", "png", "jpeg", "gif", "tc260", "stealth"})
# IPTC's digital source types of generated media, and what C2PA adds to them.
GENERATED_SOURCES = frozenset({"trainedAlgorithmicMedia", "trainedAlgorithmicData"})
COMPOSITE_SOURCES = frozenset({"compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"})
_PARTLY = COMPOSITE_SOURCES | {"ingredient", "possible", "suspected", "EditedCredit", "genAIType"}
_GENERATED = GENERATED_SOURCES | {
    # C2PA, IPTC and TC260.
    "aiGeneratedContent", "softwareAgent", "AISystemUsed", "AISystemVersionUsed",
    "AIPromptInformation", "AIPromptWriterName", "Credit", "generated", "label",
    # Keys and names of tools; see hashmatch/imaging/provenance/marks.py.
    "parameters", "prompt", "workflow", "sui_image_params", "invokeai_metadata",
    "invokeai_workflow", "invokeai_graph", "sd-metadata", "Dream", "fooocus", "fooocus_scheme",
    "NovelAI", "Midjourney", "Ideogram", "Reve", "Grok", "DrawThings", "EasyDiffusion", "Software",
    "aigc_info",
    # Magic numbers in the lowest bits of pixels.
    "pnginfo", "pngcomp", "rgbinfo", "rgbcomp",
}  # fmt: skip
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
        marks = {one.partition(":")[2] for one in self.evidence}
        if marks & _GENERATED:
            return Declared.GENERATED
        return Declared.PARTLY if marks & _PARTLY else Declared.NONE


def provenance_of(
    evidence: Iterable[str], c2pa: Credentials = Credentials.NONE, issuer: str | None = None
) -> Provenance:
    """Return a provenance from the names of marks, each once, and an issuer's printable part.

    Raises `ValueError` for a name that is not one of a mark.
    """
    names = sorted(set(evidence))
    for name in names:
        carrier, _, mark = name.partition(":")
        if carrier not in CARRIERS or mark not in _GENERATED | _PARTLY:
            raise ValueError("not the name of a mark")
    if issuer is not None:
        issuer = "".join(one for one in issuer if one.isprintable())[:_ISSUER_CHARACTERS] or None
    # The strongest marks stay where there are too many to list.
    names.sort(key=lambda name: name.partition(":")[2] not in _GENERATED)
    return Provenance(tuple(sorted(names[:_MOST_EVIDENCE])), c2pa, issuer)
