"""XMP packets with a property in each of the forms that writers use."""

from __future__ import annotations

import json
from html import escape

from .signing import COMPOSITE, TRAINED

IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
TC260 = "http://www.tc260.org.cn/ns/AIGC/1.0/"
CREATOR = "http://ns.adobe.com/xap/1.0/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
LABEL = {
    "Label": "1",
    "ContentProducer": "001191110102MACQD9K64010000",
    "ProduceID": "f123b54e",
    "ReservedCode1": "",
    "ContentPropagator": "",
    "PropagateID": "",
    "ReservedCode2": "",
}


def packet(body: str = "", attributes: str = "", names: str = "", rdf: str = "rdf") -> str:
    """Return an XMP packet with the properties as elements and as attributes."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><{rdf}:RDF '
        f'xmlns:{rdf}="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<{rdf}:Description {rdf}:about="" {names} {attributes}>{body}</{rdf}:Description>'
        f'</{rdf}:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
    )


def one_property(name: str, value: str, namespace: str, prefix: str, form: str) -> str:
    """Return an XMP packet with the property in the named form."""
    names = f'xmlns:{prefix}="{namespace}"'
    text, whole = escape(value), f"{prefix}:{name}"
    match form:
        case "attribute":
            return packet("", f'{whole}="{text}"', names)
        case "element":
            inner = text
        case "resource":
            return packet(f'<{whole} rdf:resource="{text}"/>', "", names)
        case "value":
            inner = f"<rdf:Description><rdf:value>{text}</rdf:value></rdf:Description>"
        case "Alt":
            inner = f'<rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt>'
        case _:
            inner = f"<rdf:{form}><rdf:li>{text}</rdf:li></rdf:{form}>"
    return packet(f"<{whole}>{inner}</{whole}>", "", names)


def source_packet(
    source: str = TRAINED, form: str = "attribute", prefix: str = "Iptc4xmpExt"
) -> str:
    """Return an XMP packet that names the digital source type, in the named form."""
    return one_property("DigitalSourceType", source, IPTC, prefix, form)


def label_packet(form: str = "element", **changed: str) -> str:
    """Return an XMP packet with the label of the Chinese standard."""
    return one_property("AIGC", json.dumps({**LABEL, **changed}), TC260, "TC260", form)


COMPOSITE_CREDIT = packet(
    "<photoshop:Credit>Edited with Google AI</photoshop:Credit>",
    f'Iptc4xmpExt:DigitalSourceType="{COMPOSITE}"',
    f'xmlns:Iptc4xmpExt="{IPTC}" xmlns:photoshop="{PHOTOSHOP}"',
)
