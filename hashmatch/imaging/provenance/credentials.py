"""Content credentials: the C2PA manifest in a file, read and verified by c2pa-python.

The library is an extra. It never asks the network: a manifest that is stored elsewhere is an
address that the uploader chose.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from hashmatch.provenance import Credentials

from .marks import is_generator, source_type

# Manifests of a file that are followed from ingredient to ingredient.
_MAX_MANIFESTS = 100
_AI_CONTENT = "c2pa.ai_generated_content"
# Assertions that hold properties of IPTC's.
_METADATA = ("cawg.metadata", "c2pa.metadata", "stds.iptc")
# Failures of credentials that are intact.
_OUTLIVED = frozenset({"signingCredential.expired", "signingCredential.untrusted"})
# About as many times the size of a file are taken.
_COPIES = 24
_STATES = {
    "Trusted": Credentials.TRUSTED,
    "Valid": Credentials.VALID,
    "Invalid": Credentials.INVALID,
}
_OFFLINE: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"allowed_network_hosts": []},
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """State of a file's credentials, the marks in them, and the signer's name."""

    state: Credentials
    evidence: tuple[str, ...] = ()
    issuer: str | None = None


class CredentialsReader:
    """Reader of content credentials, loaded before a process locks itself down."""

    def __init__(self, trust_anchors: str) -> None:
        """Load the library; `trust_anchors` are certificates in PEM, empty for none.

        Raises `ImportError` where it is not installed, and an error of its own for anchors that it
        cannot read.
        """
        import c2pa

        trust = {"trust": {"user_anchors": trust_anchors}} if trust_anchors else {}
        self._library = c2pa
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        self._max_bytes = sys.maxsize if limit == resource.RLIM_INFINITY else limit // _COPIES
        self._context = c2pa.Context.from_dict({**_OFFLINE, **trust})

    def read(self, data: bytes) -> Manifest:
        """Return what a file's manifest says; a damaged one is invalid.

        One of a file that the memory is too small for is unread: the library would end the process.
        """
        if len(data) > self._max_bytes:
            return Manifest(Credentials.UNREAD)
        try:
            with self._library.Reader(None, io.BytesIO(data), context=self._context) as reader:
                state = _STATES.get(str(reader.get_validation_state()), Credentials.INVALID)
                if state is Credentials.INVALID and _is_outlived(reader.get_validation_results()):
                    state = Credentials.EXPIRED
                return _manifest(state, json.loads(reader.json()))
        except Exception as error:  # noqa: BLE001 (the content of a file makes the library raise)
            if str(error).startswith("Remote"):
                return Manifest(Credentials.REMOTE)
            return Manifest(Credentials.INVALID)


def load_credentials(trust_anchors: str = "") -> CredentialsReader | None:
    """Return a reader of content credentials, None where its library is not installed."""
    with suppress(ImportError):
        return CredentialsReader(trust_anchors)
    return None


def _is_outlived(results: Any) -> bool:
    """Say whether nothing is wrong but that the signer's certificate has ended."""
    parts = [results.get("activeManifest") or {}]
    parts += [one.get("validationDeltas") or {} for one in results.get("ingredientDeltas") or ()]
    codes = {failure.get("code") for one in parts for failure in one.get("failure") or ()}
    return bool(codes) and codes <= _OUTLIVED


def can_read_credentials() -> bool:
    """Say whether the library is installed."""
    return find_spec("c2pa") is not None


def _manifest(state: Credentials, table: Mapping[str, Any]) -> Manifest:
    manifests = table.get("manifests") or {}
    name = table.get("active_manifest")
    active = manifests.get(name) or {}
    issuer = (active.get("signature_info") or {}).get("issuer")
    if state is Credentials.INVALID or not isinstance(issuer, str):
        issuer = None
    return Manifest(state, tuple(dict.fromkeys(_evidence(manifests, name))), issuer)


def _evidence(manifests: Mapping[str, Any], active: str | None) -> Iterator[str]:
    """Yield the marks of the active manifest, and of the ingredients that it was made of.

    A parent is the picture itself before it was edited, unless the active manifest says otherwise.
    """
    waiting, seen = [(active, True)], set[tuple[str | None, bool]]()
    while waiting and len(seen) < _MAX_MANIFESTS:
        name, is_whole = waiting.pop(0)
        if (name, is_whole) in seen:
            continue
        seen.add((name, is_whole))
        manifest = manifests.get(str(name)) or {}
        marks = list(_own_marks(manifest))
        if is_whole:
            yield from marks
        elif marks:
            yield "c2pa:ingredient"
        for one in manifest.get("ingredients") or ():
            is_parent = one.get("relationship") == "parentOf"
            waiting.append((one.get("active_manifest"), is_whole and is_parent))


def _own_marks(manifest: Mapping[str, Any]) -> Iterator[str]:
    software = [str(one.get("name", "")) for one in manifest.get("claim_generator_info") or ()]
    if any(map(is_generator, (*software, str(manifest.get("claim_generator") or "")))):
        yield "c2pa:softwareAgent"
    for assertion in manifest.get("assertions") or ():
        label, data = str(assertion.get("label", "")), assertion.get("data")
        if label.startswith(_AI_CONTENT):
            yield "c2pa:aiGeneratedContent"
        elif isinstance(data, dict):
            for value in _source_types(label, data):
                if kind := source_type(str(value)):
                    yield f"c2pa:{kind}"
            if any(map(is_generator, _agents(label, data))):
                yield "c2pa:softwareAgent"


def _source_types(label: str, data: Mapping[str, Any]) -> Iterator[object]:
    if label.startswith("c2pa.actions"):
        for action in data.get("actions") or ():
            yield action.get("digitalSourceType")
    elif label.startswith(_METADATA):
        yield from (data[name] for name in data if name.endswith(":DigitalSourceType"))


def _agents(label: str, data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the software that created or changed the picture."""
    actions = data.get("actions") if label.startswith("c2pa.actions") else None
    for action in actions or ():
        agent = action.get("softwareAgent")
        yield str(agent.get("name", "") if isinstance(agent, dict) else agent or "")
