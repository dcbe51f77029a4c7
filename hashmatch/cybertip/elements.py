"""Elements of an XML document for NCMEC, with the limits that its service has beyond the schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET

from hashmatch.uploaders import Address, Device

# Longer text is refused: free text, and that of some elements, by what their documentation says.
MAX_CHARACTERS = 3_000
_MAX_BY_NAME = {
    **dict.fromkeys(("url", "profileUrl", "legalURL", "locationOfFile", "idValue"), 2_083),
    "originalFileName": 2_056,
    **dict.fromkeys(("platform", "screenName"), 256),
    **dict.fromkeys(("chatClient", "chatRoomName", "gameName", "console", "email", "idType"), 255),
    **dict.fromkeys(("espIdentifier", "groupIdentifier", "schoolName"), 255),
    **dict.fromkeys(("firstName", "lastName", "espService"), 100),
    "phone": 50,
}
_CUT = " [cut]"
# What has no room for a mark.
_WORDS = frozenset({"email", "phone"})
_URLS = frozenset({"url", "profileUrl", "legalURL", "locationOfFile"})


def add(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    """Add an element and return it; its text is cut to what the service takes of it."""
    element = ET.SubElement(parent, name)
    if text is None:
        return element
    limit = _MAX_BY_NAME.get(name, MAX_CHARACTERS)
    if name in _URLS:
        # An address with white space is refused, as is a mark in it, or half an escape at its end.
        address = escaped(re.sub(r"\s", lambda found: quote(found[0]), text))
        element.text = re.sub(r"%[0-9A-F]?$", "", _beginning(address, limit))
    elif name in _WORDS:
        element.text = _beginning(escaped(text), limit)
    else:
        element.text = cut(escaped(text), limit)
    return element


def add_optional(
    parent: ET.Element,
    name: str,
    value: str | int | bool | datetime | None,  # noqa: FBT001 (a value, not a switch)
) -> None:
    """Add an element unless the value is None or empty."""
    match value:
        case None | "":
            return
        case bool():
            add(parent, name, "true" if value else "false")
        case datetime():
            add(parent, name, timestamp(value))
        case _:
            add(parent, name, str(value))


def add_each(parent: ET.Element, name: str, values: Iterable[str | int]) -> None:
    """Add an element for each value."""
    for value in values:
        add(parent, name, str(value))


def add_address(parent: ET.Element, address: Address) -> None:
    """Add an IP address that was seen."""
    event = add(parent, "ipCaptureEvent")
    add(event, "ipAddress", address.ip)
    add(event, "eventName", address.event)
    add_optional(event, "dateTime", address.at)
    add_optional(event, "possibleProxy", address.possible_proxy)
    add_optional(event, "port", address.port or None)  # Port 0 is refused.


def add_device(parent: ET.Element, device: Device) -> None:
    """Add a device that was seen."""
    one = add(parent, "deviceId")
    add(one, "idType", device.type)
    add(one, "idValue", device.value)
    add(one, "eventName", device.event)
    add_optional(one, "dateTime", device.at)


def timestamp(moment: datetime) -> str:
    """Return a time in UTC, as the schema writes it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def escaped(text: str) -> str:
    """Return the text with escapes in place of the characters that XML 1.0 cannot hold."""
    return "".join(one if _is_xml_character(ord(one)) else f"\\u{ord(one):04x}" for one in text)


def serialize(root: ET.Element) -> bytes:
    """Return the document."""
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document


def cut(text: str, characters: int) -> str:
    """Return the text, or its beginning with a mark where it has more characters."""
    if _beginning(text, characters) == text:
        return text
    return _beginning(text, characters - len(_CUT)) + _CUT


def _beginning(text: str, characters: int) -> str:
    """Return what fits of a text; the service may count in UTF-16, as its language does."""
    if len(text) <= characters // 2:
        return text
    return text.encode("utf-16-le")[: 2 * characters].decode("utf-16-le", "ignore")


def _is_xml_character(code: int) -> bool:
    # The production Char of XML 1.0, section 2.2.
    return (
        code in (0x9, 0xA, 0xD)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or (code >= 0x10000)
    )
