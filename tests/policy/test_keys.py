"""Every key of the configuration is policy or not, and one that is changes the digest."""

from __future__ import annotations

import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hashmatch.config import SecretSettings, Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.policy import NOT_POLICY, POLICY, policy_of

# Sections that a key needs beside itself, for the sources of lists and escalations.
_FILE = '[lists.one]\nsource = "file"\npath = "x"\n'
_HTTPS = '[lists.one]\nsource = "https"\nurl = "https://one.example/list"\n'
_NCMEC = (
    '[lists.one]\nsource = "ncmec"\nbase = "https://one.example"\nusername = "u"\n'
    'password = { env = "X" }\n'
)
_OURS = '[lists.one]\nsource = "hashmatch"\nurl = "https://one.example"\ntoken = { env = "X" }\n'
_META = (
    '[lists.one]\nsource = "threatexchange"\nprivacy_group = "1"\naccess_token = { env = "X" }\n'
)
_TIP = (
    '[escalations.one]\nto = "cybertipline"\nusername = "u"\npassword = { env = "X" }\n'
    '[escalations.one.reporter]\nemail = "a@b.example"\n'
)
_NCA = '[escalations.one]\nto = "nca"\n[escalations.one.reporter]\nemail = "a@b.example"\n'
_EXCHANGE = (
    "[sharing.lists.one]\n[sharing.lists.two]\n"
    '[sharing.exchanges.one]\nto = "threatexchange"\nlists = ["one"]\nprivacy_groups = ["1"]\n'
    'access_token = { env = "X" }\n'
)
_STOPNCII = (
    "[sharing.lists.one]\n[sharing.lists.two]\n"
    '[sharing.exchanges.one]\nto = "stopncii"\nlists = ["one"]\nsubscription_key = { env = "X" }\n'
    'function_key = { env = "X" }\nfeedback_function_key = { env = "X" }\n'
)
_HANDOFF = '[escalations.one.file]\ncommand = ["get", "{content_id}"]\n'
_FETCHED = '[escalations.one.file]\nurl = "https://a.example/{content_id}"\nhosts = ["a.example"]\n'
_HOOK = '[webhooks.one]\nurl = "https://a.example"\nsecret = { env = "X" }\n'
_DUE = '[cases.deadlines.one]\nafter = "confirmed"\nhours = 1.0\n'
_VAULT = '[cases.vault]\nurl = "https://a.example"\nsecret = { env = "X" }\n'
_VIEWER = '[console.viewer]\nurl = "https://v.example/{content_id}"\nhosts = ["v.example"]\n'
_GUARDS = f"{_FILE}[lists.one.guards]\n"
_SHARED = "[sharing.lists.one]\n"
_MAPPED = "[mappings.one]\n"
_OWN = "[policy.lists.one]\n"

# By key, a configuration and another one that differs in that key alone.
CHANGES: dict[str, tuple[str, str]] = {
    "intake.max_bytes": ("", "intake.max_bytes = 1"),
    "intake.max_pixels": ("", "intake.max_pixels = 1"),
    "intake.max_side": ("", "intake.max_side = 1"),
    "intake.max_frames": ("", "intake.max_frames = 1"),
    "intake.max_distinct_frames": ("", "intake.max_distinct_frames = 1"),
    "intake.max_metadata_bytes": ("", "intake.max_metadata_bytes = 1"),
    "intake.max_nesting": ("", "intake.max_nesting = 1"),
    "intake.formats": ("", 'intake.formats = ["JPEG"]'),
    "intake.timeout_s": ("", "intake.timeout_s = 1.0"),
    "intake.max_memory_bytes": ("", "intake.max_memory_bytes = 700_000_000"),
    "intake.isolation": ("", 'intake.isolation = "none"'),
    "index.max_age_s": ("", "index.max_age_s = 1.0"),
    "prompts.max_characters": ("", "prompts.max_characters = 1"),
    "intake.decode": ("", 'intake.decode = "full"'),
    "intake.level": ("", 'intake.level = "plain"'),
    "intake.orientations": ("", "intake.orientations = true"),
    "intake.trust_anchors": ("", 'intake.trust_anchors = "{file}"'),
    "policy.action": ("", 'policy.action = "review"'),
    "policy.unscreened_action": ("", 'policy.unscreened_action = "block"'),
    "policy.generated_action": ("", 'policy.generated_action = "block"'),
    "policy.partly_generated_action": ("", 'policy.partly_generated_action = "block"'),
    "policy.prompt_action": ("", 'policy.prompt_action = "block"'),
    "policy.low_quality": ("", 'policy.low_quality = "clear"'),
    "policy.thresholds_bits.*": ("", "policy.thresholds_bits.pdq = 20"),
    "policy.review_bits.*": ("", "policy.review_bits.pdq = 35"),
    "policy.min_quality.*": ("", "policy.min_quality.pdq = 90"),
    "policy.lists.*.action": ("", f'{_OWN}action = "review"'),
    "policy.lists.*.generated_action": ("", f'{_OWN}generated_action = "block"'),
    "policy.lists.*.thresholds_bits.*": ("", f"{_OWN}thresholds_bits.pdq = 20"),
    "policy.lists.*.review_bits.*": ("", f"{_OWN}review_bits.pdq = 35"),
    "policy.lists.*.categories.*": ("", f'{_OWN}categories.A = "allow"'),
    "policy.require_reason": ("", "policy.require_reason = true"),
    "doors.found_action": ("", 'doors.found_action = "block"'),
    "doors.other_files": ("", 'doors.other_files = "exact"'),
    "lists.*.kind": (_FILE, f'{_FILE}kind = "allow"'),
    "lists.*.source": (_HTTPS, _HTTPS.replace('"https"', '"object-storage"')),
    "lists.*.format": (_FILE, f'{_FILE}format = "csv"'),
    "lists.*.mapping": (_FILE, f'{_FILE}mapping = "iwf"'),
    "lists.*.url": (_HTTPS, _HTTPS.replace("/list", "/other")),
    "lists.*.base": (_NCMEC, _NCMEC.replace("one.ex", "two.ex")),
    "lists.*.list": (_OURS, f'{_OURS}list = "two"'),
    "lists.*.privacy_group": (_META, _META.replace('"1"', '"2"')),
    "lists.*.members": (_NCMEC, f'{_NCMEC}members = ["1"]'),
    "lists.*.public_keys": (_OURS, f'{_OURS}public_keys = ["k"]'),
    "mappings.*.separator": (_MAPPED, f'{_MAPPED}separator = ";"'),
    "mappings.*.rows": (_MAPPED, f'{_MAPPED}rows = "r"'),
    "mappings.*.algorithm": (_MAPPED, f'{_MAPPED}algorithm = "pdq"'),
    "mappings.*.columns.*": (_MAPPED, f'{_MAPPED}columns.id = "entry_id"'),
    "mappings.*.hashes.*": (_MAPPED, f'{_MAPPED}hashes.h = "pdq"'),
    "mappings.*.flags.*": (_MAPPED, f'{_MAPPED}flags.f = "t"'),
    "mappings.*.algorithms.*": (_MAPPED, f'{_MAPPED}algorithms.a = "pdq"'),
    "mappings.*.categories.*": (_MAPPED, f'{_MAPPED}categories.c = "A"'),
    "mappings.*.other_categories": (_MAPPED, f'{_MAPPED}other_categories = "exclude"'),
    "mappings.*.excluded_categories": (_MAPPED, f'{_MAPPED}excluded_categories = ["B"]'),
    "service.sync_interval_s": ("", "service.sync_interval_s = 60.0"),
    **{
        f"{place}.{key}": (before, f"{after}{value}")
        for place, before, after in (
            ("guards", "", "[guards]\n"),
            ("lists.*.guards", _GUARDS, _GUARDS),
        )
        for key, value in {
            "max_withdrawn_share": "max_withdrawn_share = 0.5",
            "max_growth_factor": "max_growth_factor = 9.0",
            "least_changes": "least_changes = 1",
            "benign_sample": 'benign_sample = "x"',
            "max_benign_share": "max_benign_share = 0.5",
            "max_contents_per_entry": "max_contents_per_entry = 7",
        }.items()
    },
    "service.max_near_lookups": ("", "service.max_near_lookups = 3"),
    "lists.*.feedback": (_NCMEC, f"{_NCMEC}feedback = true"),
    "lists.*.negative_reason": (_NCMEC, f'{_NCMEC}negative_reason = "r"'),
    "sharing.enabled": ("", "sharing.enabled = true"),
    "sharing.lists.*.redistribute": (_SHARED, f"{_SHARED}redistribute = true"),
    "sharing.lists.*.tlp": (_SHARED, f'{_SHARED}tlp = "red"'),
    "sharing.lists.*.two_people": (_SHARED, f"{_SHARED}two_people = false"),
    "sharing.classifications.*.*": ("", 'sharing.classifications.A.iwf = "1"'),
    "cases.due_hours": ("", "cases.due_hours = 1.0"),
    "cases.priority": ("", "cases.priority = 1"),
    "cases.four_eyes": ("", 'cases.four_eyes = ["dismiss"]'),
    "cases.categories.*.due_hours": ("", "cases.categories.A.due_hours = 1.0"),
    "cases.categories.*.priority": ("", "cases.categories.A.priority = 1"),
    "cases.retention_class": ("", 'cases.retention_class = "messaging"'),
    "cases.appeal_hours": ("", "cases.appeal_hours = 9.0"),
    "cases.appeals_by_another": ("", "cases.appeals_by_another = false"),
    "cases.deadlines.*.after": (_DUE, _DUE.replace('"confirmed"', '"reported"')),
    "cases.deadlines.*.hours": (_DUE, _DUE.replace("1.0", "2.0")),
    "cases.deadlines.*.basis": (_DUE, f'{_DUE}basis = "a law"'),
    "cases.deadlines.*.met_by": (
        _DUE.replace("confirmed", "measure"),
        f'{_DUE.replace("confirmed", "measure")}met_by = "notification"',
    ),
    "cases.deadlines.*.authority": (
        f'{_DUE}met_by = "reference"\nauthority = "x"',
        f'{_DUE}met_by = "reference"\nauthority = "y"',
    ),
    "cases.deadlines.*.categories": (_DUE, f'{_DUE}categories = ["A"]'),
    "cases.vault.hold_on": (_VAULT, f'{_VAULT}hold_on = "opened"'),
    "webhooks.*.lists": (_HOOK, f'{_HOOK}lists = ["one"]'),
    "escalations.*.to": ("", f'{_HOOK.replace("webhooks", "escalations")}to = "webhook"'),
    "escalations.*.environment": (
        _TIP, _TIP.replace("username", 'environment = "production"\nusername'),
    ),
    "escalations.*.classifications.*": (_TIP, f'{_TIP}[escalations.one.classifications]\nA = "A1"'),
    "escalations.*.declared_generative_ai": (
        _TIP, _TIP.replace("username", "declared_generative_ai = false\nusername"),
    ),
    "escalations.*.generative_ai_lists": (
        _TIP, _TIP.replace("username", 'generative_ai_lists = ["x"]\nusername'),
    ),
    "escalations.*.include_hashes": (
        _TIP, _TIP.replace("username", 'include_hashes = ["pdq"]\nusername'),
    ),
    "escalations.*.file.command": (_TIP, f"{_TIP}{_HANDOFF}"),
    "escalations.*.file.url": (_TIP, f"{_TIP}{_FETCHED}"),
    "escalations.*.max_file_bytes": (
        _TIP, _TIP.replace("username", "max_file_bytes = 7\nusername"),
    ),
    **{
        f"escalations.*.{key}": (_NCA, _NCA.replace('to = "nca"', f'to = "nca"\n{line}'))
        for key, line in {
            "priority": "priority = 1",
            "priorities.*": "priorities.A = 1",
            "due_hours": "due_hours = [0.0, 1.0, 2.0]",
            "when_reported_abroad": 'when_reported_abroad = "send"',
            "authorities_abroad": "authorities_abroad = []",
        }.items()
    },
    "sharing.exchanges.*.to": (_EXCHANGE, _STOPNCII),
    "sharing.exchanges.*.lists": (_EXCHANGE, _EXCHANGE.replace('["one"]', '["two"]')),
    "sharing.exchanges.*.privacy_groups": (_EXCHANGE, _EXCHANGE.replace('["1"]', '["2"]')),
    **{
        f"sharing.exchanges.*.{key}": (_EXCHANGE, f"{_EXCHANGE}{line}")
        for key, line in {
            "base": 'base = "https://one.example"',
            "categories": 'categories = ["A1"]',
            "algorithms.*": 'algorithms.pdq = "HASH_OTHER"',
            "tags.*": 'tags.A1 = ["a1"]',
            "status": 'status = "SUSPICIOUS"',
            "severity": 'severity = "INFO"',
            "confidence": "confidence = 50",
        }.items()
    },
    "notices.due_hours": ("", "notices.due_hours = 24.0"),
    "notices.parts": ("", 'notices.parts = ["signature"]'),
    "console.viewer.looks_a_day": (_VIEWER, f"{_VIEWER}looks_a_day = 1"),
    "console.viewer.looks_before_break": (_VIEWER, f"{_VIEWER}looks_before_break = 1"),
    "console.viewer.break_minutes": (_VIEWER, f"{_VIEWER}break_minutes = 1.0"),
    "audit.signing_key": ("", 'audit.signing_key = { env = "X" }'),
    "retained_hashes.enabled": ("", "retained_hashes.enabled = true"),
    "retained_hashes.algorithms": ("", 'retained_hashes.algorithms = ["pdq"]'),
    "retained_hashes.max_age_days": ("", "retained_hashes.max_age_days = 1.0"),
    **{
        f"retention.{key}": ("", f"retention.{key} = 9.0")
        for key in (
            "false_positive_days", "closed_days", "report_days", "reference_days",
            "messaging_days", "allowed_days", "details_days", "outbox_days",
            "token_days", "prompt_days", "backfill_days", "daily_count_days", "notice_days",
        )
    },
}  # fmt: skip


def _keys(kind: Any, key: str = "") -> Iterator[str]:
    """Yield every key below a type of settings, with a star for names that operators choose."""
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        for one in typing.get_args(kind):
            if one is not type(None):
                yield from _keys(one, key)
    elif origin is dict:
        yield from _keys(typing.get_args(kind)[1], f"{key}.*")
    elif isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not SecretSettings:
        for name, field in kind.model_fields.items():
            yield from _keys(field.annotation, f"{key}.{name}".lstrip("."))
    else:
        yield key


def test_every_key_is_policy_or_is_not() -> None:
    others = [one for some in NOT_POLICY.values() for one in some]
    assert len(others) == len(set(others))

    def is_other(key: str) -> bool:
        return any(key == one or key.startswith(f"{one}.") for one in others)

    keys = set(_keys(Settings))
    assert {one for one in keys if one not in POLICY and not is_other(one)} == set()
    assert {one for one in keys if one in POLICY and is_other(one)} == set()
    assert POLICY.keys() - keys == set()
    assert {
        one for one in others if not any(key == one or key.startswith(f"{one}.") for key in keys)
    } == set()


def test_every_key_of_the_policy_is_tried() -> None:
    assert CHANGES.keys() == POLICY.keys()


@pytest.mark.parametrize("key", POLICY)
def test_a_change_of_a_key_changes_the_policy(key: str, tmp_path: Path) -> None:
    before, after = (_settings(text, tmp_path) for text in CHANGES[key])
    assert policy_of(before, ALGORITHMS).digest != policy_of(after, ALGORITHMS).digest


def _settings(text: str, folder: Path) -> Settings:
    anchors = folder / "anchors.pem"
    anchors.write_text("of no concern here")
    return Settings.model_validate(tomllib.loads(text.replace("{file}", str(anchors))))
