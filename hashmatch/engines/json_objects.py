"""JSON objects that others wrote: a key that is repeated is refused, since which of them counts?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def read_object(text: bytes | str) -> dict[str, Any]:
    """Return a JSON object. Raises `ValueError` for anything else."""
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found
