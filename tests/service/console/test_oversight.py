"""Lists, reports, the audit log, retention, tokens and evidence packs at the console."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hashmatch.reports import make_due_reports
from hashmatch.store.engine import read_audit_records
from hashmatch.store.lists import find_list
from tests.service.console.signing import Person, signed_in
from tests.service.serving import Served, quarantine_delivery


def test_a_quarantined_delivery_is_shown_and_decided_about(desk: Served, tmp_path: Path) -> None:
    quarantine_delivery(desk.database, tmp_path)
    with signed_in(desk, role="lists") as person:
        assert "a quarantined delivery" in person.get("/lists").text
        page = person.get("/lists/two/delivery").text
        assert "withdrawn" in page
        found = re.search(r'name="number" value="(\d+)"', page)
        assert found
        sent = {"number": found[1], "decision": "accept"}
        assert person.post("/lists/two/delivery", **sent).status_code == 303
        assert _active(desk, "two") == 2
        assert person.post("/lists/two/delivery", **sent).status_code == 404
    with desk.database.reading() as session:
        actors = [one["actor"] for one in read_audit_records(session)]
    assert any(one.endswith("(ana), console") for one in actors)


def test_a_list_is_kept_from_its_page(desk: Served) -> None:
    with signed_in(desk, role="lists") as person:
        page = person.get("/lists/one").text
        assert "False matches expected" in page
        person.post("/lists/one/change", change="licence", licensor="IWF", end="2031-01-31")
        assert "2031-01-31" in person.get("/lists").text
        entry = _first_entry(desk)
        person.post("/lists/one/change", change="disable", entries=f"{entry}\n")
        assert _active(desk, "one") < 4
        person.post("/lists/one/change", change="enable", entries=entry)
        answer = person.post("/lists/one/change", change="remove", confirm="two")
        assert answer.status_code == 400
        assert person.post("/lists/one/change", change="sync").status_code in (400, 404, 409, 303)


def _first_entry(served: Served) -> str:
    facts = served.client.get("/v1/cases/1").json()
    return str(facts["matches"][0]["entry_id"])


def _active(served: Served, name: str) -> int:
    with served.database.reading() as session:
        return find_list(session, name).active_entries


def test_own_and_allow_lists_are_filled_and_their_hashes_never_shown(desk: Served) -> None:
    hashed = "md5:" + hashlib.md5(b"x").hexdigest()
    with signed_in(desk) as person:
        person.post("/own-lists", name="ours")
        assert (
            person.post("/own-lists/ours", change="add", hash=hashed, note="ours").status_code
            == 303
        )
        page = person.get("/own-lists/ours").text
        assert "ours" in page
        assert hashed.partition(":")[2] not in page
        found = re.search(r'name="entry" value="(\d+)"', page)
        assert found
        for change in ("disable", "enable", "withdraw"):
            answer = person.post("/own-lists/ours", change=change, entry=found[1])
            assert answer.status_code == 303, answer.text
        assert "It has no active entries." in person.get("/own-lists/ours").text
        assert person.post("/own-lists/ours", change="add", hash="md5:zz").status_code == 400
        assert person.post("/own-lists/one", change="add", hash=hashed).status_code == 404
        person.post("/allow-lists", name="ok", match="1", reason="a logo", until="2031-01-31")
        page = person.get("/allow-lists/ok").text
        assert "a logo" in page
        assert "by:ana" in page
        answer = person.post("/allow-lists", name="ok", match="1", reason="")
        assert answer.status_code == 400


def test_reports_are_shown_and_downloaded_and_recorded(desk: Served) -> None:
    with signed_in(desk, role="auditor") as person:
        assert "images screened" in person.get("/reports").text
        table = person.post("/reports/file", format="csv", of="cases")
        assert table.headers["content-disposition"].startswith("attachment")
        assert table.text.splitlines()[0].startswith("case,")
        page = person.post("/reports/file", format="html", since="2026-01-01")
        assert "hashmatch-2026-01-01.html" in page.headers["content-disposition"]
        answer = person.post("/reports/file", format="csv", show_hashes="1")
        assert answer.status_code == 400
        assert person.post("/reports/file", format="exe").status_code == 400
    with desk.database.reading() as session:
        exported = [
            one for one in read_audit_records(session) if one["action"] == "report.exported"
        ]
    assert len(exported) == 2


def test_a_report_to_a_regulator_is_downloaded_and_recorded(desk: Served) -> None:
    period = {"since": "2026-01-01", "until": "2100-01-01"}
    with signed_in(desk, role="auditor") as person:
        assert "Report to a regulator" in person.get("/reports").text
        page = person.post("/reports/regulator", regulator="ofcom", format="html", **period)
        assert "ofcom-2026-01-01.html" in page.headers["content-disposition"]
        assert "What this report cannot know" in page.text
        files = person.post("/reports/regulator", regulator="dsa", format="zip", **period)
        assert files.content.startswith(b"PK")
        for wrong in (
            {"regulator": "ofcom", "format": "zip", **period},
            {"regulator": "nobody", "format": "json", **period},
            {"regulator": "ofcom", "format": "json"},
        ):
            assert person.post("/reports/regulator", **wrong).status_code == 400
    with desk.database.reading() as session:
        exported = [
            json.loads(one["facts"])
            for one in read_audit_records(session)
            if one["action"] == "report.exported"
        ]
    assert [one["regulator"] for one in exported] == ["ofcom", "dsa"]


def test_a_report_is_scheduled_and_downloaded(desk: Served) -> None:
    with signed_in(desk, role="senior") as person:
        answer = person.post("/reports/schedules", name="monthly", format="html", every="month")
        assert answer.status_code == 303
        make_due_reports(desk.database, "Example")
        page = person.get("/reports").text
        assert "monthly" in page
        assert "Made so far" in page
        answer = person.post("/reports/made", report="1")
        assert answer.headers["content-disposition"].startswith('attachment; filename="hashmatch-')
        assert "Example: matches and cases" in answer.text
        person.post("/reports/schedules", remove="1")
        assert "Made so far" not in person.get("/reports").text


def test_the_audit_log_is_browsed_verified_and_exported(desk: Served) -> None:
    with signed_in(desk, role="auditor") as person:
        desk.service.database.seal_records()
        assert "console.signed_in" in person.get("/audit").text
        verified = person.post("/audit/verify")
        assert "Nothing was changed, removed or added." in verified.text, verified.text
        lines = person.post("/audit/export").text.splitlines()
        assert json.loads(lines[0])["kind"] == "chain"
        assert json.loads(lines[-1])["kind"] == "end"


def test_a_token_is_made_shown_once_and_revoked(desk: Served) -> None:
    with signed_in(desk) as person:
        page = person.post("/people", name="new one", role="reviewer", days="30").text
        found = re.search(r'id="created">(hm_([0-9a-f]{12})_[\w-]{43})<', page)
        assert found
        assert found[1] not in person.get("/people").text
        with Person(desk) as new:
            assert new.sign_in(found[1]).status_code == 303
            assert new.get("/people").status_code == 403
            assert "new one" in person.get("/people").text
            person.post("/people/revoke", token=found[2])
            assert new.get("/queue").status_code == 303
        assert person.post("/people", name=" ", role="reviewer").status_code == 400
        assert person.post("/people", name="x", role="").status_code == 400


def test_health_says_whether_images_are_screened_and_why_not(desk: Served) -> None:
    desk.client.post("/v1/scan", params={"content_id": "x"}, content=b"no picture")
    with signed_in(desk, role="lists") as person:
        page = person.get("/health").text
        assert "Images are screened." in page
        assert "How old the lists are" in page


def _unpacked(data: bytes) -> Mapping[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_evidence_pack_is_verified_without_hashmatch(desk: Served) -> None:
    """As an outsider would: the signature, the digests, and the chain of the records."""
    desk.client.put("/v1/matches/1/details", json={"account": {"id": "user-4711"}})
    with signed_in(desk, role="auditor") as person:
        answer = person.post("/cases/1/pack")
    assert answer.headers["content-type"] == "application/zip"
    files = _unpacked(answer.content)
    manifest = json.loads(files["manifest.json"])
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(manifest["public_key"]))
    key.verify(base64.b64decode(files["manifest.sig"]), files["manifest.json"])
    assert manifest["made_by"] == "ana"
    for name, digest in manifest["files"].items():
        assert hashlib.sha256(files[name]).hexdigest() == digest
    assert set(files) == {*manifest["files"], "manifest.json", "manifest.sig"}
    case = json.loads(files["case.json"])
    assert case["content_id"] == "post/0"
    assert files["case.pdf"].startswith(b"%PDF")
    *records, end = map(json.loads, files["audit.jsonl"].decode().splitlines())
    assert end["kind"] == "end"
    assert {"case.opened", "match.recorded", "content.recorded"} <= {
        one["action"] for one in records
    }
    for one in records:
        names = ("number", "at", "actor", "action", "subject", "subject_key", "facts", "state_hash")
        text = json.dumps([one[name] for name in names], separators=(",", ":"))
        previous = bytes.fromhex(one["previous_hash"])
        assert hashlib.sha256(previous + text.encode()).hexdigest() == one["record_hash"]
    assert b"user-4711" not in b"".join(files.values())
    with desk.database.reading() as session:
        (made,) = [one for one in read_audit_records(session) if one["action"] == "case.exported"]
    assert hashlib.sha256(files["manifest.json"]).hexdigest() in made["facts"]
