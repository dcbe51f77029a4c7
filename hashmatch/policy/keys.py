"""Settings that decide a verdict or a duty, and those that do not: every key is in one table.

A star stands for a name that the operator chose. A test walks all settings, so that a new key has
to be put into one of the two.
"""

from __future__ import annotations

from enum import Enum


class Form(Enum):
    """Form in which a setting stands in the facts of a policy."""

    VALUE = "its value"
    # Secrets, and paths that differ from host to host.
    PRESENCE = "whether it is set"
    # An address may hold a password or a token.
    PLACE = "its address without user and query"
    CONTENT = "the SHA-256 of the file"


_V, _P, _A = Form.VALUE, Form.PRESENCE, Form.PLACE

POLICY: dict[str, Form] = {
    # What can be screened at all: all else is unscreened.
    "intake.max_bytes": _V,
    "intake.max_pixels": _V,
    "intake.max_side": _V,
    "intake.max_frames": _V,
    "intake.max_distinct_frames": _V,
    "intake.max_metadata_bytes": _V,
    "intake.max_nesting": _V,
    "intake.formats": _V,
    "intake.timeout_s": _V,
    "intake.max_memory_bytes": _V,
    "intake.isolation": _V,
    "index.max_age_s": _V,
    "prompts.max_characters": _V,
    # How it is hashed and searched.
    "intake.decode": _V,
    "intake.level": _V,
    "intake.orientations": _V,
    "intake.trust_anchors": Form.CONTENT,
    # What matches, and what is done about it.
    "policy.action": _V,
    "policy.unscreened_action": _V,
    "policy.generated_action": _V,
    "policy.partly_generated_action": _V,
    "policy.prompt_action": _V,
    "policy.low_quality": _V,
    "policy.thresholds_bits.*": _V,
    "policy.review_bits.*": _V,
    "policy.min_quality.*": _V,
    "policy.lists.*.action": _V,
    "policy.lists.*.generated_action": _V,
    "policy.lists.*.thresholds_bits.*": _V,
    "policy.lists.*.review_bits.*": _V,
    "policy.lists.*.categories.*": _V,
    "policy.require_reason": _V,
    "doors.found_action": _V,
    "doors.other_files": _V,
    # What gets into lists.
    "lists.*.kind": _V,
    "lists.*.source": _V,
    "lists.*.format": _V,
    "lists.*.mapping": _V,
    "lists.*.url": _A,
    "lists.*.base": _A,
    "lists.*.list": _V,
    "lists.*.privacy_group": _V,
    "lists.*.members": _V,
    "lists.*.public_keys": _V,
    "mappings.*.separator": _V,
    "mappings.*.rows": _V,
    "mappings.*.algorithm": _V,
    "mappings.*.columns.*": _V,
    "mappings.*.hashes.*": _V,
    "mappings.*.flags.*": _V,
    "mappings.*.algorithms.*": _V,
    "mappings.*.categories.*": _V,
    "mappings.*.other_categories": _V,
    "mappings.*.excluded_categories": _V,
    "service.sync_interval_s": _V,
    **{
        f"{section}.{key}": form
        for section in ("guards", "lists.*.guards")
        for key, form in {
            "max_withdrawn_share": _V,
            "max_growth_factor": _V,
            "least_changes": _V,
            "benign_sample": _P,
            "max_benign_share": _V,
            "max_contents_per_entry": _V,
        }.items()
    },
    # What others learn of lists.
    "service.max_near_lookups": _V,
    "lists.*.feedback": _V,
    "lists.*.negative_reason": _V,
    "sharing.enabled": _V,
    "sharing.lists.*.redistribute": _V,
    "sharing.lists.*.tlp": _V,
    "sharing.lists.*.two_people": _V,
    "sharing.classifications.*.*": _V,
    "sharing.exchanges.*.to": _V,
    "sharing.exchanges.*.base": _A,
    "sharing.exchanges.*.lists": _V,
    "sharing.exchanges.*.categories": _V,
    "sharing.exchanges.*.privacy_groups": _V,
    "sharing.exchanges.*.algorithms.*": _V,
    "sharing.exchanges.*.tags.*": _V,
    "sharing.exchanges.*.status": _V,
    "sharing.exchanges.*.severity": _V,
    "sharing.exchanges.*.confidence": _V,
    # Duties of people: due times, four eyes, reports, breaks.
    "cases.due_hours": _V,
    "cases.priority": _V,
    "cases.four_eyes": _V,
    "cases.categories.*.due_hours": _V,
    "cases.categories.*.priority": _V,
    "cases.retention_class": _V,
    "cases.appeal_hours": _V,
    "cases.appeals_by_another": _V,
    "cases.deadlines.*.after": _V,
    "cases.deadlines.*.hours": _V,
    "cases.deadlines.*.basis": _V,
    "cases.deadlines.*.met_by": _V,
    "cases.deadlines.*.authority": _V,
    "cases.deadlines.*.categories": _V,
    "cases.vault.hold_on": _V,
    "webhooks.*.lists": _V,
    "escalations.*.to": _V,
    "escalations.*.environment": _V,
    "escalations.*.classifications.*": _V,
    "escalations.*.declared_generative_ai": _V,
    "escalations.*.generative_ai_lists": _V,
    "escalations.*.include_hashes": _V,
    "escalations.*.file.command": _P,
    "escalations.*.file.url": _P,
    "escalations.*.max_file_bytes": _V,
    "escalations.*.priority": _V,
    "escalations.*.priorities.*": _V,
    "escalations.*.due_hours": _V,
    "escalations.*.when_reported_abroad": _V,
    "escalations.*.authorities_abroad": _V,
    "notices.due_hours": _V,
    "notices.parts": _V,
    "console.viewer.looks_a_day": _V,
    "console.viewer.looks_before_break": _V,
    "console.viewer.break_minutes": _V,
    "audit.signing_key": _P,
    # How long anything stays.
    "retained_hashes.enabled": _V,
    "retained_hashes.algorithms": _V,
    "retained_hashes.max_age_days": _V,
    "retention.false_positive_days": _V,
    "retention.closed_days": _V,
    "retention.report_days": _V,
    "retention.reference_days": _V,
    "retention.messaging_days": _V,
    "retention.allowed_days": _V,
    "retention.details_days": _V,
    "retention.outbox_days": _V,
    "retention.token_days": _V,
    "retention.prompt_days": _V,
    "retention.backfill_days": _V,
    "retention.daily_count_days": _V,
    "retention.notice_days": _V,
}

# Sections and keys, by the reason why they are no policy.
NOT_POLICY: dict[str, tuple[str, ...]] = {
    "place of data": (
        "data_dir", "source", "database", "index.dir", "retained_hashes.dir", "lists.*.path",
    ),
    "speed and load": (
        "intake.workers", "index.background", "index.rebuild", "service.workers", "service.queue",
        "service.max_buffered_bytes", "service.body_timeout_s", "service.shutdown_timeout_s",
        "service.telemetry", "lists.*.timeout_s", "webhooks.*.timeout_s", "cases.vault.timeout_s",
        "escalations.*.timeout_s", "escalations.*.file.timeout_s", "doors.max_connections",
        "sharing.max_entries", "sharing.exchanges.*.timeout_s", "backfill", "worker",
    ),
    "connections": (
        "service.host", "service.port", "service.allowed_hosts", "service.tls_certificate",
        "service.tls_key", "service.fetch_hosts", "outbox", "doors.clamd", "doors.icap",
        "doors.socket_mode", "doors.networks", "lists.*.ca_file", "lists.*.options",
        "webhooks.*.url", "cases.vault.url", "escalations.*.url", "escalations.*.server",
        "escalations.*.port", "escalations.*.encryption", "escalations.*.ca_file",
        "escalations.*.sender", "escalations.*.recipients", "escalations.*.case_url",
        "escalations.*.base", "escalations.*.file.hosts", "escalations.*.file.header",
        "sharing.exchanges.*.add", "sharing.exchanges.*.update", "sharing.exchanges.*.withdraw",
        "sharing.exchanges.*.gone_statuses", "sharing.exchanges.*.by_template",
    ),
    "sign-in and access": (
        "service.hma_networks", "service.hma_scopes", "console.enabled", "console.url",
        "console.token_sign_in", "console.idle_minutes", "console.session_hours", "console.oidc",
        "console.viewer.url", "console.viewer.hosts",
    ),
    "secrets and names of accounts": (
        "prompts.digest_key", "cases.detail_keys", "lists.*.username", "lists.*.password",
        "lists.*.secrets", "lists.*.function_key", "lists.*.subscription_key",
        "lists.*.feedback_function_key", "lists.*.token", "lists.*.access_token",
        "webhooks.*.secret", "cases.vault.secret", "escalations.*.secret", "escalations.*.username",
        "escalations.*.password", "escalations.*.file.secret", "sharing.signing_key",
        "sharing.membership_key", "audit.public_keys", "sharing.exchanges.*.access_token",
        "sharing.exchanges.*.subscription_key", "sharing.exchanges.*.function_key",
        "sharing.exchanges.*.feedback_function_key", "sharing.exchanges.*.username",
        "sharing.exchanges.*.password",
    ),
    "words on pages, reports and answers": (
        "console.platform", "console.language", "doors.found_name", "escalations.*.reporter",
        "escalations.*.platform", "sharing.publisher", "sharing.member_id", "reports",
        "sharing.exchanges.*.description",
    ),
}  # fmt: skip
