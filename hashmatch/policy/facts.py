"""Facts of a policy: the settings that decide verdicts and duties, by key, and their digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel

from hashmatch.config import Settings
from hashmatch.errors import ConfigError
from hashmatch.hashes import Algorithm

from .keys import POLICY, Form
from .rules import Policy

# Numbers, texts and lists of texts, by the key of the configuration.
Facts: TypeAlias = Mapping[str, Any]
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_NOTHING: tuple[object, ...] = ("", None, (), {})


def policy_facts(settings: Settings, algorithms: Mapping[str, Algorithm]) -> dict[str, Any]:
    """Return the facts of the policy of a configuration: the same ones for the same policy.

    Distances and qualities are those in force, defaults included: a release that changes a default
    changes the policy. Raises `ConfigError` where a file that decides verdicts cannot be read.
    """
    policy = Policy(settings, algorithms)
    facts = dict(_facts_of(settings, "", ""))
    for name, one in algorithms.items():
        # No list has an empty name: these are the distances of all lists without their own.
        in_force = {
            "thresholds_bits": policy.threshold_bits("", one),
            "review_bits": policy.review_bits("", one),
            "min_quality": settings.policy.min_quality.get(name, one.min_quality),
        }
        for key, value in in_force.items():
            if value is not None:
                facts[f"policy.{key}.{_quoted(name)}"] = value
    return dict(sorted(facts.items()))


def digest_of(facts: Facts) -> str:
    """Return the digest of a policy: the SHA-256 of its facts as canonical JSON."""
    return hashlib.sha256(facts_text(facts).encode()).hexdigest()


def facts_text(facts: Facts) -> str:
    """Return facts as canonical JSON: sorted, in ASCII, without any space."""
    return json.dumps(dict(facts), sort_keys=True, separators=(",", ":"))


def changes_between(before: Facts, after: Facts) -> dict[str, list[Any]]:
    """Return by key the value before and after; None where a key was not set."""
    keys = sorted({*before, *after})
    return {
        key: [before.get(key), after.get(key)] for key in keys if before.get(key) != after.get(key)
    }


def _facts_of(value: object, key: str, pattern: str) -> Iterator[tuple[str, Any]]:
    """Yield the facts of a section, a table, or one setting."""
    if isinstance(value, BaseModel) and pattern not in POLICY:
        for name in type(value).model_fields:
            dot = "." if key else ""
            yield from _facts_of(getattr(value, name), f"{key}{dot}{name}", f"{pattern}{dot}{name}")
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _facts_of(one, f"{key}.{_quoted(name)}", f"{pattern}.*")
    elif (form := POLICY.get(pattern)) is not None and value not in _NOTHING:
        yield key, _in_form(value, form, key)


def _quoted(name: str) -> str:
    """Return a name as a part of a key: names with a dot in quotes, as in the file."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name)


def _in_form(value: object, form: Form, key: str) -> object:
    match form:
        case Form.PRESENCE:
            return True
        case Form.PLACE:
            return _place(str(value))
        case Form.CONTENT:
            return _content(Path(str(value)), key)
        case Form.VALUE:
            return _plain(value)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        # Their order says nothing.
        return sorted(str(_plain(one)) for one in value)
    return value.value if isinstance(value, Enum) else value


def _place(address: str) -> str:
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else parts.path


def _content(path: Path, key: str) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read: {error.strerror}") from error
