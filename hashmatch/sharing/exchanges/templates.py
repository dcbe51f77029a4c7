"""Templates of XML that an operator writes: names in braces stand for what is sent.

A template is read as a document, and filled as one: no value can add an element to it. An element
of which a value is missing is left out, and one with several is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import quote
from xml.dom import minidom
from xml.dom.minidom import Document, Element, Node, Text
from xml.parsers.expat import ExpatError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from defusedxml.minidom import parseString

from hashmatch.errors import ConfigError, InputError

Values: TypeAlias = Mapping[str, Sequence[str]]
_NAME = re.compile(r"\{([^{}]*)\}")
_MAX_BYTES = 1 << 20
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%?/-]+")


class XMLTemplate:
    """Template of a body, whose names in braces are among `names`, or begin with one of them."""

    def __init__(self, path: str, names: Collection[str]) -> None:
        self._path = path
        self.text = _read(path)
        self._root = _parse(path, self.text)
        for text in _texts(self._root):
            _require_known(path, text, names)
        for node in _nodes(self._root):
            if node.nodeType == Node.PROCESSING_INSTRUCTION_NODE:
                raise ConfigError(f"{path}: a template holds no processing instructions")

    def fill(self, values: Values) -> bytes:
        """Return the document with these values.

        Raises `InputError` where nothing is left of it, or XML cannot hold a value.
        """
        filled = Document()
        roots = _filled(self._root, values)
        if len(roots) != 1:
            raise InputError(f"{self._path}: the entry lacks what the outermost element needs")
        filled.appendChild(roots[0])
        try:
            content: bytes = filled.toxml(encoding="utf-8")
            fromstring(content, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError) as error:
            raise InputError(f"{self._path}: the entry has a value that XML cannot hold") from error
        return content


class PathTemplate:
    """Template of an address below the exchange's base."""

    def __init__(self, text: str, names: Collection[str], key: str) -> None:
        plain = _NAME.sub("x", text)
        parts = plain.partition("?")[0].split("/")
        if not _PATH.fullmatch(plain) or plain.startswith("/") or {"", ".", ".."} & set(parts[:-1]):
            raise ConfigError(f"{key}: the path has to be one below base, without a / before it")
        _require_known(key, text, names)
        self._text = text

    def fill(self, values: Values) -> str:
        """Return the address with these values. Raises `InputError` where one is missing."""

        def value_of(found: re.Match[str]) -> str:
            given = values.get(found[1], ())
            if not given or given[0] in ("", ".", ".."):
                raise InputError(f"the entry has no {found[1]}, which the path needs")
            return quote(given[0], safe="")

        return _NAME.sub(value_of, self._text)


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ConfigError(f"{path}: the template has more than {_MAX_BYTES} bytes")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the template cannot be read") from error


def _parse(path: str, text: str) -> Element:
    try:
        root = parseString(text, forbid_dtd=True).documentElement
    except (ExpatError, DefusedXmlException, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path}: the template is not a document of XML without a DTD, in UTF-8"
        ) from error
    # No document is without one.
    if not isinstance(root, Element):
        raise ConfigError(f"{path}: the template has no element")
    return root


def _require_known(place: str, text: str, names: Collection[str]) -> None:
    for name in _NAME.findall(text):
        prefix, dot, _ = name.partition(".")
        if name not in names and prefix + dot not in names:
            raise ConfigError(
                f"{place}: {{{name[:64]}}} stands for nothing here",
                hint=f"Known are {', '.join(sorted(names))}.",
            )
    if re.search(r"[{}]", _NAME.sub("", text)):
        raise ConfigError(f"{place}: a brace without its other one")


def _nodes(element: Element) -> Iterator[minidom.Node]:
    for node in element.childNodes:
        yield node
        if isinstance(node, Element):
            yield from _nodes(node)


def _texts(element: Element) -> Iterator[str]:
    """Yield all texts and values of attributes."""
    yield from (value for _, value in element.attributes.items())
    for node in element.childNodes:
        if isinstance(node, Text):
            yield node.data
        elif isinstance(node, Element):
            yield from _texts(node)


def _filled(element: Element, values: Values) -> list[Element]:
    """Return an element with its values: none where one is missing, several where one has many."""
    own = [value for _, value in element.attributes.items()]
    own += [node.data for node in element.childNodes if isinstance(node, Text)]
    named = list(dict.fromkeys(name for text in own for name in _NAME.findall(text)))
    if any(not any(values.get(name, ())) for name in named):
        return []
    many = [name for name in named if len(values[name]) > 1]
    if not many:
        return [_copy(element, values)]
    # Of two with several values each, all combinations would be sent: the first one's count.
    chosen = many[0]
    return [_copy(element, {**values, chosen: (one,)}) for one in values[chosen] if one]


def _copy(element: Element, values: Values) -> Element:
    def put(text: str) -> str:
        return _NAME.sub(lambda found: values[found[1]][0], text)

    new = cast("Element", element.cloneNode(deep=False))
    for name, value in element.attributes.items():
        new.setAttribute(name, put(value))
    for node in element.childNodes:
        if isinstance(node, Text):
            # As plain text also what was written as CDATA, whose end a value could hold.
            text = Text()
            text.data = put(node.data)
            new.appendChild(text)
        elif isinstance(node, Element):
            for child in _filled(node, values):
                new.appendChild(child)
    return new
