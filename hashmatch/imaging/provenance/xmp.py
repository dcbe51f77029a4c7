"""XMP packets (ISO 16684-1): the few properties that say who or what made a picture.

The names of these are looked for first, since nearly all packets have none of them and parsing
takes most of the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import XMLParser

_MAX_DEPTH, _MAX_TEXT_CHARACTERS, _MAX_PROPERTIES, _MAX_ELEMENTS = 64, 1 << 20, 1_000, 20_000
_PIECE_BYTES = 1 << 16
_NAMES = (
    "DigitalSourceType", "DigitalSourceFileType", "AISystemUsed", "AISystemVersionUsed",
    "AIPromptInformation", "AIPromptWriterName", "Credit", "CreatorTool", "Software", "AIGC",
    "provenance", "UserComment", "ImageDescription", "description", "Make",
)  # fmt: skip
_WANTED = frozenset(_NAMES)
# Properties that count in one namespace alone, and a part of its name.
_NAMESPACES = {
    **dict.fromkeys(_NAMES[:6], "iptc.org"), "Credit": "photoshop", "AIGC": "tc260",
    "provenance": "purl.org/dc/terms",
}  # fmt: skip
_MENTIONED = re.compile("|".join(_NAMES).encode())
_END = re.compile(rb"</(?:\w+:)?xmpmeta\s*>")
_UTF_16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


def read_properties(packet: bytes) -> Iterator[tuple[str, str]]:
    """Yield the wanted properties of a packet by name, and of damaged ones those before the damage.

    Each value of a property that has several is yielded by itself.
    """
    if encoding := _UTF_16.get(packet[:2]):
        packet = packet.decode(encoding, "ignore").encode()
        packet = re.sub(rb'^(<\?xml[^>]*?)encoding=["\'][^"\']*["\']', rb"\1", packet)
    if _MENTIONED.search(packet) is None:
        return iter(())
    properties = _Properties()
    parser = XMLParser(target=properties, forbid_dtd=True)
    end = _END.search(packet)  # In some files, other data follow.
    packet = packet[: end.end() if end else len(packet)].strip(b"\0\r\n\t \xef\xbb\xbf")
    with suppress(ParseError, DefusedXmlException, LookupError, ValueError, _EnoughError):
        for at in range(0, len(packet), _PIECE_BYTES):
            parser.feed(packet[at : at + _PIECE_BYTES])
    return iter(properties.found)


class _EnoughError(Exception):
    """A packet that is nested more deeply, or has more properties, than any honest one."""


def _wanted(tag: str) -> str:
    """Return the name of a property, empty if it is not wanted."""
    namespace, _, name = tag.rpartition("}")
    return name if name in _WANTED and _NAMESPACES.get(name, "") in namespace else ""


class _Properties:
    """Target of an XML parser that keeps nothing but the properties that are wanted."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._depth = self._elements = 0
        # The property that is open, at which depth, and the text of its value so far.
        self._name, self._at, self._text = "", 0, list[str]()
        self._characters = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an element, whose attributes may be properties."""
        self._depth += 1
        self._elements += 1
        if (
            self._elements > _MAX_ELEMENTS
            or self._depth > _MAX_DEPTH
            or len(self.found) > _MAX_PROPERTIES
        ):
            raise _EnoughError
        name = _wanted(tag)
        for key, value in attributes.items():
            if own := _wanted(key):
                self.found.append((own, value))
            elif key.endswith("}resource") and name:  # A property whose value is an address.
                self.found.append((name, value))
        if not self._name and name:
            self._name, self._at = name, self._depth

    def data(self, text: str) -> None:
        """Take a piece of text."""
        if self._name and self._characters < _MAX_TEXT_CHARACTERS:
            self._text.append(text)
            self._characters += len(text)

    def end(self, _tag: str) -> None:
        """End an element; one within a property is one of its values."""
        if self._name:
            value = "".join(self._text).strip()
            if value:
                self.found.append((self._name, value))
                self._text.clear()
            if self._depth == self._at:
                self._name = ""
        self._depth -= 1

    def close(self) -> None:
        """End the packet."""
