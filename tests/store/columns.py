"""Every column of the schema, and what it can name: written by hand, so that a new one is noticed.

`CONTENT` can name a content item or hold what was sent of it, `UPLOADER` somebody who uploaded it,
or asked for its removal. These have to end with their retention. `ACTOR` names a person who works
here, or a caller, as the audit log does; `LIST` is text of a list's owner. Anything else is in
`NEITHER`.
"""

from __future__ import annotations

CONTENT: dict[str, str] = {
    "contents": "content_id reference fingerprint format width height frames declared evidence c2pa"
    " issuer",
    "content_hashes": "content_key algorithm version frame orientation view rendering decode value"
    " quality",
    "matches": "content_key value quality frame orientation view decode",
    "allowed_matches": "content_key",
    "cases": "content_key content_id legal_hold",
    "case_notes": "text",
    "ncmec_reports": "report_id file_id without_file content_key",
    "case_appeals": "grounds",
    "outbox": "subject body problem",
    "lookup_anchors": "value",
    "near_lookups": "value",
    "prompt_matches": "prompt_id digest",
    "backfills": "sources planned_position",
    "backfill_shards": "position until",
    "backfill_results": "digest",
    "counted_events": "digest",
    "content_looks": "case_key content_key reason",
    "saved_queues": "query",
    "notices": "reference fingerprint note",
    "notice_items": "content_id url",
}
UPLOADER: dict[str, str] = {
    "uploader_details": "key_id sealed account_digest",
    "notice_contacts": "key_id sealed",
}
ACTOR: dict[str, str] = {
    "audit_records": "actor facts",
    "audit_batches": "records",
    "cases": "assignee proposal proposed_by",
    "case_notes": "actor",
    "case_references": "actor",
    "case_measures": "actor",
    "case_appeals": "decided_by",
    "allowed_matches": "reason actor",
    "entry_activity": "decided_by",
    "review_samples": "drawn_by",
    "tokens": "name",
    "list_syncs": "leased_by",
    "backfill_shards": "leased_by",
    "console_sessions": "name subject",
    "saved_queues": "owner name access",
    "report_schedules": "name owner",
    "content_looks": "name",
    "received_feedback": "consumer_key decided_by decision_reason",
    "contributions": "proposed_by decided_by",
    "consumers": "name",
    "consumer_tokens": "consumer_key",
    "policies": "reason explained_by",
    "notices": "closed_by",
}
LIST: dict[str, str] = {
    "lists": "name licensor",
    "generations": "source",
    "entries": "entry_id value category tags added_at note",
    "entry_changes": "category tags added_at note",
    "unsupported_hashes": "value entry_id category tags added_at note",
    "list_syncs": "source checkpoint",
    "sync_runs": "cause",
    "quarantined_deliveries": "source checkpoint reason",
    "quarantined_rows": "value text entry_id category tags added_at note",
    "matches": "licensor entry_id category",
    "prompt_matches": "licensor entry_id category",
    "allowed_matches": "entry_id allow_entry_id",
    "sampled_matches": "list_name",
    "review_samples": "list_name populations",
    "figures": "name",
    "consumers": "lists categories members",
    "shared_entries": "entry_id categories tags earlier",
    "shared_lists": "next_id",
    "received_feedback": "entry_id reason",
    "contributions": "category classification jurisdiction basis note",
    "exchange_entries": "entry_id problem",
    "exchange_items": "entry_id value remote_id sent_digest",
}
NEITHER: dict[str, str] = {
    "allowed_matches": "audit_id key allowed_at list_key generation entry_key algorithm"
    " distance_bits"
    " allow_list_key allow_entry_key",
    "audit_batches": "key at size records_hash key_id signature",
    "audit_checkpoints": "number record_hash signed_at key_id signature",
    "audit_head": "key number record_hash signed_at key_id signature",
    "audit_records": "number at action subject subject_key state_hash record_hash",
    "backfill_counts": "backfill_key outcome reason count",
    "backfill_results": "backfill_key",
    "backfill_shards": "backfill_key number source is_done leased_until",
    "backfills": "audit_id key fingerprint started_at ended_at planned_source is_planned shards"
    " found screened is_abandoned",
    "case_notes": "audit_id key case_key at",
    # They outlive their case, which they name by a bare number.
    "case_references": "audit_id key case_key authority reference made_at",
    "case_deadlines": "audit_id key case_key duty due_at basis set_at outcome ended_at",
    "case_measures": "audit_id key case_key restriction ground automation territory imposed_at"
    " notified_at lifted_at",
    "case_appeals": "audit_id key case_key channel appellant received_at due_at state decided_at",
    "case_retentions": "audit_id case_key retention_class keep_until",
    "case_preservations": "audit_id case_key sequence state reason until delivered",
    "preservation_checks": "case_key",
    "cases": "audit_id key state priority due_at opened_at changed_at decided_at notified_at"
    " newest_match"
    " reopened revision result",
    "contents": "audit_id key first_matched_at first_near_at",
    "counted_events": "counted_on",
    "console_sessions": "key secret_hash token_id scopes began_at used_at ends_at",
    "saved_queues": "key saved_at",
    "content_looks": "key looked_at",
    "report_schedules": "key form every next_day",
    "made_reports": "key schedule_key since until made_at data",
    "consumers": "audit_id key private revision created_at removed_at",
    "consumer_tokens": "audit_id key token_id",
    "publications": "list_key position published_at",
    "received_feedback": "audit_id key list_key algorithm is_affirmative given_at state decided_at",
    "shared_entries": "list_key entry_key position first_position published_at first_published_at"
    " withdrawn",
    "shared_lists": "list_key generation target stage next_key position secret",
    # The keys of a case and its evidence are bare numbers, which name nothing once these are gone.
    "contributions": "audit_id key list_key case_key content_key entry state generated proposed_at"
    " decided_at",
    "exchanges": "name leased_by leased_until paused_until problem is_blocked failures",
    "exchange_cursors": "exchange list_key position conditions",
    "exchange_entries": "exchange list_key position state attempts next_attempt_at",
    "exchange_items": "key exchange list_key algorithm",
    "retro_matches": "folder list_key generation matched_at",
    "daily_counts": "day outcome reason count",
    "entries": "key list_key algorithm added_generation withdrawn_generation disabled allows"
    " disabled_until",
    "entry_activity": "entry_key list_key day contents flooded_on flooding_since action decided_at",
    "entry_changes": "entry_key list_key generation",
    "figures": "figure day list_key action step slot number seconds",
    "gate_counts": "day adapter role verdict shown count",
    "generations": "list_key number created_at added withdrawn changed prepared_as first_key"
    " last_key",
    "list_figures": "list_key subject name number",
    "list_syncs": "list_key leased_until",
    "lists": "audit_id key kind licence_end generation active_entries created_at removed_at"
    " preparing emptied clear_from",
    "lookup_anchors": "key day algorithm list_key entry_key lookups limited_at",
    "matches": "audit_id entries key matched_at list_key entry_key generation action algorithm"
    " hasher_version"
    " distance_bits threshold_bits",
    "near_lookups": "anchor_key",
    # A request id is random, and ours.
    "notices": "audit_id key request_id state received_at recorded_at completed_at due_at placed_at"
    " has_signature has_identification has_good_faith has_contact has_standing closed_at reason"
    " duplicate_of copies_found copies_removed requester_notified_at",
    "notice_items": "audit_id key notice_key removed_at list_key entry",
    "notice_contacts": "audit_id notice_key",
    "ncmec_reports": "audit_id key case_key target base is_test stage turn created_at began_at"
    " touched_at"
    " finished_at",
    "outbox": "key kind target created_at next_attempt_at attempts case_key sent_at",
    "quarantined_deliveries": "key list_key is_full retain_all created_at rejected_at added"
    " withdrawn changed complete",
    "quarantined_rows": "key delivery_key part line algorithm",
    "review_samples": "audit_id key drawn_at seed size since until by_list nearness",
    # Settings name lists and categories, never content; an evaluation is figures alone.
    "policies": "audit_id key digest facts first_seen_at last_seen_at evaluation explained_at",
    "policy_changes": "audit_id key policy_key before_key changed_at",
    "prompt_counts": "day source outcome reason count",
    "prompt_matches": "audit_id key matched_at list_key entry_key generation action",
    "safeguards": "audit_id key recorded_at gate facts",
    "sampled_matches": "audit_id key sample_key match_key algorithm distance_bits"
    " threshold_bits view"
    " removed_at result",
    "store_identity": "identity",
    "sync_runs": "key list_key started_at ended_at outcome generation added withdrawn changed"
    " rejected_rows",
    "tokens": "audit_id key token_id secret_hash scopes requests_per_minute created_at"
    " expires_at revoked_at"
    " last_used_at",
    "unsupported_hashes": "key list_key algorithm added_generation withdrawn_generation",
    "uploader_details": "audit_id case_key received_at",
}
KINDS = (CONTENT, UPLOADER, ACTOR, LIST, NEITHER)
