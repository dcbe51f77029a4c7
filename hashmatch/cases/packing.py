"""Evidence pack of a case: one signed archive for authorities and auditors, without imagery.

It holds the case as JSON and as PDF, the records of the audit log about it, a manifest with the
SHA-256 of each file, and an Ed25519 signature over the manifest. docs/guides/console.md says how an
outsider verifies it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from hashmatch._version import __version__
from hashmatch.audit import open_seal, public_key_of
from hashmatch.config import Settings
from hashmatch.errors import ConfigError
from hashmatch.reports import pdf_case
from hashmatch.store.cases import (
    read_case,
    read_case_contents,
    read_case_matches,
    read_merged,
    read_ncmec_reports,
    read_notes,
)
from hashmatch.store.engine import (
    Database,
    audit,
    moment_text,
    read_audit_head,
    read_records_of,
)
from hashmatch.store.lists import read_store_id
from hashmatch.store.schema import AuditRecord, utc_now

from .actors import Actor
from .views import view_case

_FORMAT = "hashmatch evidence pack 1"
_WITHOUT_PDF = "\nThere is no case.pdf: this installation lacks the extra 'pdf'.\n"
_UNSIGNED = "\nThe pack is not signed: this installation has no audit.signing_key.\n"
_README = """This archive is what hashmatch has on record about one case. It holds no imagery.

case.json       the case: what matched, decisions, notes, reports, history
case.pdf        the same to read and print
audit.jsonl     the records of the audit log about it; "previous_hash" is the hash of the record
                before, from which "record_hash" follows; "end" is the signed end of
                the log when the pack was made
manifest.json   the SHA-256 of each of these files, by whom and when the pack was made

The uploader's details are not in it.
"""
_SIGNED = """
manifest.sig has an Ed25519 signature over the bytes of manifest.json, in base64; the public key
is in the manifest, and is to be compared with the one that the platform published.
"""


def evidence_pack(database: Database, settings: Settings, case: int, actor: Actor) -> bytes:
    """Return the evidence pack of a case as a ZIP archive, and record that it was made.

    It is signed with `audit.signing_key`; without one it says that it is not. Raises
    `NotFoundError`, `ConfigError` and `StoreError`.
    """
    # What was done just now is part of it, too.
    database.seal_records()
    with database.reading() as session:
        facts, records = view_case(session, case), _records(session, case)
        store = read_store_id(session)
    made_at = utc_now()
    files = {"case.json": _json(facts), "audit.jsonl": records.encode()}
    readme = _README
    try:
        files["case.pdf"] = pdf_case(facts, made_at, settings.console.platform)
    except ConfigError:
        readme += _WITHOUT_PDF
    seal = open_seal(settings)
    files["README.txt"] = (readme + (_UNSIGNED if seal is None else _SIGNED)).encode()
    manifest = _json(
        {
            "format": _FORMAT,
            "case": case,
            "store": store,
            "made_at": moment_text(made_at),
            "made_by": actor.name,
            "written_by": f"hashmatch {__version__}",
            "public_key": public_key_of(settings),
            "files": {name: _sha256(data) for name, data in sorted(files.items())},
        }
    )
    files["manifest.json"] = manifest
    if seal is not None:
        files["manifest.sig"] = base64.b64encode(seal.sign(manifest)) + b"\n"
    with database.writing(actor.audit_name) as session:
        recorded = {"actor": actor.name, "manifest": _sha256(manifest)}
        audit(session, "case.exported", read_case(session, case).row, recorded)
    return _archive(files, made_at)


def _json(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, indent=2, ensure_ascii=False).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _archive(files: Mapping[str, bytes], made_at: datetime) -> bytes:
    stream = io.BytesIO()
    moment = (made_at.year, made_at.month, made_at.day, made_at.hour, made_at.minute, 0)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            one = zipfile.ZipInfo(name, moment)
            one.compress_type, one.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(one, data)
    return stream.getvalue()


def _records(session: Session, case: int) -> str:
    """Return the sealed records of the case and of what belongs to it, and the end of the log."""
    row = read_case(session, case).row
    keys = {
        "cases": [case, *read_merged(session, row)],
        "contents": [one.key for one in read_case_contents(session, row)],
        "matches": [record.key for record, _ in read_case_matches(session, row)],
        "case_notes": [one.key for one in read_notes(session, case)],
        "ncmec_reports": [one.key for one in read_ncmec_reports(session, case)],
        "uploader_details": [case],
    }
    found = [one for table, some in keys.items() for one in read_records_of(session, table, some)]
    found.sort(key=lambda one: one[0].number)
    lines = [json.dumps(_record(record, before)) for record, before in found]
    if (head := read_audit_head(session)) is not None:
        signature = None if head.signature is None else base64.b64encode(head.signature).decode()
        end = {
            "kind": "end",
            "number": head.number,
            "record_hash": head.record_hash.hex(),
            "signed_at": None if head.signed_at is None else moment_text(head.signed_at),
            "key_id": head.key_id,
            "signature": signature,
        }
        lines.append(json.dumps(end))
    return "\n".join(lines) + "\n"


def _record(record: AuditRecord, before: bytes) -> dict[str, Any]:
    return {
        "kind": "record",
        "number": record.number,
        "at": moment_text(record.at),
        "actor": record.actor,
        "action": record.action,
        "subject": record.subject,
        "subject_key": record.subject_key,
        "facts": record.facts,
        "state_hash": None if record.state_hash is None else record.state_hash.hex(),
        "previous_hash": before.hex(),
        "record_hash": record.record_hash.hex(),
    }
