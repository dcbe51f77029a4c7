"""Typesetting of PDFs from templates, to which all text is data and never markup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from hashmatch.errors import ConfigError, InputError

TEMPLATES = files("hashmatch.reports") / "templates"


def can_typeset() -> bool:
    """Say whether the extra for PDF is installed."""
    return find_spec("typst") is not None


def typeset(template: str, content: Mapping[str, Any]) -> bytes:
    """Return the PDF of a template with its content as `report`.

    Raises `ConfigError` where the extra is not installed, `InputError` where it cannot be done.
    """
    try:
        import typst
    except ImportError as error:
        raise ConfigError(
            "reports as PDF need the extra 'pdf'", hint="pip install 'hashmatch[pdf]'"
        ) from error
    source = (TEMPLATES / template).read_bytes()
    try:
        document: bytes = typst.compile(source, sys_inputs={"report": json.dumps(content)})
    except typst.TypstError as error:
        raise InputError("the report cannot be typeset as PDF") from error
    return document
