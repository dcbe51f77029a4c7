"""The reference of the configuration and the sample of it are held against the settings."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from hashmatch.config import (
    CategorySettings,
    DeadlineSettings,
    DSARuleSettings,
    DSASettings,
    EscalationSettings,
    ExchangeSettings,
    HandoffSettings,
    InterimSettings,
    ListPolicySettings,
    MappingSettings,
    OIDCSettings,
    PolicySettings,
    ReporterSettings,
    SecretSettings,
    Settings,
    SharedListSettings,
    SourceSettings,
    TemplateSettings,
    VaultSettings,
    ViewerSettings,
    WebhookSettings,
    load_settings,
)
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind
from hashmatch.wiring import open_policy
from tests.documents import PAGES, ROOT, names, tables

CONFIGURATION_PAGE = PAGES["docs/reference/configuration.md"]
SAMPLE = ROOT / "sample_config.toml"


def _of_union(kind: Any) -> list[type[BaseModel]]:
    return list(get_args(get_args(kind)[0]))


FIXED = (
    *("database", "intake", "index", "policy", "guards"),
    *("service", "console", "outbox", "cases", "audit", "sharing", "retention", "reports"),
)
SECTIONS: dict[str, list[type[BaseModel]]] = {
    **{f"## `[{name}]`": [type(getattr(Settings(), name))] for name in FIXED},
    "### `[policy.lists.NAME]`": [ListPolicySettings],
    "### `[sharing.lists.NAME]`": [SharedListSettings],
    "### `[reports.dsa]`": [DSASettings],
    "### `[[reports.dsa.rules]]`": [DSARuleSettings],
    "### `[reports.interim]`": [InterimSettings],
    "### `[sharing.exchanges.NAME]`": _of_union(ExchangeSettings),
    "### `[sharing.exchanges.NAME.add]`": [TemplateSettings],
    "### `[console.oidc]`": [OIDCSettings],
    "### `[console.viewer]`": [ViewerSettings],
    "## `[mappings.NAME]`": [MappingSettings],
    "## `[lists.NAME]`": _of_union(SourceSettings),
    "## `[webhooks.NAME]`": [WebhookSettings],
    "### `[cases.categories.NAME]`": [CategorySettings],
    "### `[cases.deadlines.NAME]`": [DeadlineSettings],
    "### `[cases.vault]`": [VaultSettings],
    "## `[escalations.NAME]`": _of_union(EscalationSettings),
    "### `[escalations.NAME.reporter]`": [ReporterSettings],
    "### `[escalations.NAME.file]`": [HandoffSettings],
}
# They have sections of their own, or a key for each algorithm.
ELSEWHERE = {
    *("thresholds_bits", "review_bits", "min_quality", "lists", "categories"),
    *("deadlines", "vault"),
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_page_of_the_configuration_has_every_key_and_no_other(heading: str) -> None:
    rows = tables(CONFIGURATION_PAGE, heading)
    named = {one for row in rows for one in names(row[0])}
    keys = {one for model in SECTIONS[heading] for one in model.model_fields}
    if heading in ("## `[policy]`", "## `[cases]`"):
        keys -= ELSEWHERE
    assert named == keys


@pytest.mark.parametrize("heading", [one for one, models in SECTIONS.items() if len(models) == 1])
def test_the_page_of_the_configuration_has_the_defaults(heading: str) -> None:
    """Those of sources and escalations differ by kind, and are given in words."""
    (model,) = SECTIONS[heading]
    for row in tables(CONFIGURATION_PAGE, heading):
        for key in names(row[0]):
            field = model.model_fields[key]
            if field.is_required():
                assert row[1] == "required"
            elif written := re.fullmatch(r"`([^`]*)`", row[1]):
                default = field.get_default(call_default_factory=True)
                expected = list(default) if isinstance(default, tuple) else default
                assert tomllib.loads(f"key = {written[1]}")["key"] == expected, key


def test_the_page_of_the_configuration_has_every_section() -> None:
    for name in Settings.model_fields.keys() - {"data_dir", "source"}:
        assert re.search(rf"^#+ `\[{name}[].]", CONFIGURATION_PAGE, re.MULTILINE), name


def test_the_sample_configuration_holds_the_defaults() -> None:
    sample, default = load_settings(SAMPLE), Settings()
    assert sample.data_dir == default.data_dir
    assert sample.database == default.database
    assert sample.intake == default.intake
    assert sample.index == default.index
    assert sample.mappings == default.mappings
    assert sample.guards == default.guards
    assert sample.service == default.service
    assert sample.console == default.console
    assert sample.outbox == default.outbox
    for section in ("cases", "audit", "retention", "reports", "escalations"):
        assert getattr(sample, section) == getattr(default, section)
    empty: dict[str, Any] = {"thresholds_bits": {}, "review_bits": {}, "min_quality": {}}
    cleared = sample.policy.model_copy(update=empty)
    assert cleared == default.policy
    perceptual = {n: a for n, a in ALGORITHMS.items() if a.kind is Kind.PERCEPTUAL}
    assert sample.policy.thresholds_bits == {
        n: a.threshold_bits for n, a in perceptual.items() if a.threshold_bits is not None
    }
    assert sample.policy.review_bits == {
        n: a.review_bits for n, a in perceptual.items() if a.review_bits is not None
    }
    assert sample.policy.min_quality == {
        n: a.min_quality for n, a in perceptual.items() if a.min_quality is not None
    }


def test_the_sample_configuration_documents_every_key() -> None:
    text = SAMPLE.read_text()
    sections = [*_of_union(SourceSettings), *_of_union(EscalationSettings)]
    sections += [HandoffSettings, ReporterSettings, CategorySettings, DeadlineSettings]
    sections += [VaultSettings, TemplateSettings]
    sections += _of_union(ExchangeSettings)
    for key in (*_keys(Settings), *chain.from_iterable(one.model_fields for one in sections)):
        assert re.search(rf"^(# )?(\[+[\w.]*\b{key}\b.*\]|{key} = )", text, re.MULTILINE), key


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        yield name
        inner = field.annotation
        if inner is SecretSettings:  # It is shown where it stands, as { env = "NAME" }.
            continue
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _keys(inner)
    for owner, section in (
        (PolicySettings, ListPolicySettings),
        (Settings, MappingSettings),
        (Settings, WebhookSettings),
    ):
        if model is owner:
            yield from _keys(section)


def test_the_sample_configuration_is_right_with_its_examples_switched_on(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=\[|\w+ = )", "", SAMPLE.read_text(), flags=re.MULTILINE)
    config = tmp_path / "hashmatch.toml"
    config.write_text(text)
    assert "iwf" in tomllib.loads(text)["policy"]["lists"]
    settings = load_settings(config)
    assert settings.data_dir == tmp_path / "data"
    open_policy(settings)
