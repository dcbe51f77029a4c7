"""The XMP data of a gain map (Adobe, Gain Map 1.0, which Android's Ultra HDR uses)."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from .colour import GainParameters

NAMESPACE = b"http://ns.adobe.com/hdr-gain-map/"
_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_PREFIX = "{http://ns.adobe.com/hdr-gain-map/1.0/}"
_OFFSET = 1 / 64


def read_gain_xmp(body: bytes) -> GainParameters | None:
    """Return the parameters in an XMP segment, None where it has none.

    Raises `ValueError` for data that cannot be read, or that say something twice.
    """
    try:
        packet = fromstring(body.removeprefix(_HEADER).strip(b"\0"))
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise ValueError("XMP data that cannot be read") from error
    found: dict[str, tuple[float, ...]] = {}
    is_base_hdr: list[bool] = []
    for name, words in _properties(packet):
        if name == "Version":
            continue
        if name in found or (name == "BaseRenditionIsHDR" and is_base_hdr):
            raise ValueError("a property that is there twice")
        if name == "BaseRenditionIsHDR":
            is_base_hdr.append({"true": True, "false": False}[" ".join(words).lower()])
        else:
            found[name] = _threefold([float(one) for one in words])
    if not found:
        return None
    return _as_parameters(found, is_base_hdr=is_base_hdr == [True])


def _as_parameters(found: dict[str, tuple[float, ...]], *, is_base_hdr: bool) -> GainParameters:
    def value(name: str, default: float) -> tuple[float, ...]:
        return found.get(name, (default,) * 3)

    lowest, highest = (value(f"HDRCapacity{one}", default)[0]
                       for one, default in (("Min", 0.0), ("Max", 1.0)))  # fmt: skip
    gains = value("GainMapMin", 0.0), value("GainMapMax", 1.0), value("Gamma", 1.0)
    sdr, hdr = value("OffsetSDR", _OFFSET), value("OffsetHDR", _OFFSET)
    if is_base_hdr:
        return GainParameters(highest, lowest, *gains, hdr, sdr)
    return GainParameters(lowest, highest, *gains, sdr, hdr)


def _properties(packet: Element) -> Iterator[tuple[str, list[str]]]:
    """Yield each property of a gain map with its words: an attribute, or an element."""
    for element in packet.iter():
        for name, text in element.attrib.items():
            if name.startswith(_PREFIX):
                yield name.removeprefix(_PREFIX), text.split()
        if element.tag.startswith(_PREFIX):
            yield element.tag.removeprefix(_PREFIX), "\n".join(element.itertext()).split()


def _threefold(numbers: list[float]) -> tuple[float, ...]:
    if len(numbers) not in (1, 3):
        raise ValueError("a property of neither one number nor three")
    return tuple(numbers * (3 // len(numbers)))
