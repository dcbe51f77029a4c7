"""The console in a real browser: by keyboard, by several people, and accessible to all."""

from __future__ import annotations

import http.server
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from hashmatch.store.cases import read_case
from hashmatch.store.tokens import ROLE_SCOPES, Scope
from tests.pictures import drawn
from tests.service.conftest import Serve
from tests.service.console.browsing import browsing, page_of, problems_of
from tests.service.console.conftest import add_cases
from tests.service.console.signing import token_for
from tests.service.console.test_injection import TEXTS, give_sharing
from tests.service.serving import PATIENCE_S, Served, quarantine_delivery

pytestmark = pytest.mark.timeout(600)
PAGES = (
    "/queue", "/queue?state=all&list=one", "/cases/1", "/cases/1/hand-over/desk",
    "/cases/1/hand-over/ncmec", "/due", "/outbox", "/lists", "/lists/one", "/lists/two/delivery",
    "/own-lists", "/own-lists/own", "/allow-lists", "/allow-lists/ok", "/reports", "/safeguards",
    "/sharing", "/sharing/consumers/police", "/contributions?state=all", "/feedback?all=1",
    "/cases/2", "/notices?show=all", "/health", "/audit", "/retention", "/people", "/preferences",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of this module."""
    with browsing() as found:
        yield found


def _token(served: Served, name: str = "ana", role: str = "") -> str:
    scopes = ROLE_SCOPES["admin"] | {Scope.DETAILS, Scope.AUDIT}
    return token_for(served.database, name, role or scopes)


def _states(served: Served, cases: range) -> set[str]:
    with served.database.reading() as session:
        return {read_case(session, one).row.state for one in cases}


def test_fifty_cases_are_worked_by_keyboard_alone(desk: Served, browser: Browser) -> None:
    add_cases(desk, 47, prefix="more")
    with page_of(browser, desk, _token(desk, role="reviewer")) as page:
        page.keyboard.press("n")
        for _ in range(50):
            page.wait_for_url("**/console/cases/*")
            case = page.locator("h1").inner_text()
            # A key that is hit by mistake decides nothing: it takes two.
            page.keyboard.press("c")
            expect(page.locator("button[value=confirm]")).to_be_focused()
            expect(page.locator("h1")).to_have_text(case)
            page.keyboard.press("c")
            # It stays: a confirmed case has to be handed over.
            expect(page.locator("[role=status]")).to_contain_text("Confirmed")
            expect(page.locator("h1")).to_have_text(case)
            page.keyboard.press("n")
            expect(page.locator("h1")).not_to_have_text(case)
        expect(page.locator("[role=status]")).to_contain_text("No case waits")
    assert _states(desk, range(1, 51)) == {"confirmed"}


def test_a_reason_is_asked_for_where_one_is_needed(desk: Served, browser: Browser) -> None:
    with page_of(browser, desk, _token(desk)) as page:
        page.goto("/console/cases/1")
        page.keyboard.press("d")
        expect(page.locator("#note")).to_be_focused()
        page.keyboard.type("a drawing of ours")
        page.keyboard.press("Control+Enter")
        expect(page.locator("[role=status]")).to_contain_text("Case 1: Proposed")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        page.keyboard.press("Escape")


def test_two_people_at_one_queue_get_different_cases_and_four_eyes_agree(
    desk: Served, browser: Browser
) -> None:
    with (
        page_of(browser, desk, _token(desk, "ana", "reviewer")) as ana,
        page_of(browser, desk, _token(desk, "ben", "reviewer")) as ben,
    ):
        for page in (ana, ben):
            page.get_by_role("button", name="Next case").click()
            page.wait_for_url("**/console/cases/*")
        assert ana.locator("h1").inner_text() != ben.locator("h1").inner_text()
        case = ana.locator("h1").inner_text().split()[-1]
        ana.fill("#note", "ours")
        ana.uncheck("input[name=next]")
        ana.get_by_role("button", name="Dismiss as false positive").click()
        expect(ana.locator("[role=status]")).to_contain_text("somebody else has to agree")
        ben.goto("/console/queue")
        ben.get_by_role("link", name="wait for my agreement").click()
        ben.get_by_role("link", name=f"Case {case}").click()
        ben.fill("#note", "agreed")
        ben.uncheck("input[name=next]")
        ben.get_by_role("button", name="Dismiss as false positive").click()
        expect(ben.locator(".is-false_positive").first).to_be_visible()


@contextmanager
def _hook() -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a receiver of webhooks, and what it receives."""
    received: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], received
    finally:
        server.shutdown()
        server.server_close()


def test_a_case_is_escalated_to_a_hook_as_its_preview_shows(
    serve: Serve, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK", "secret-desk")
    with _hook() as (port, received):
        desk = {"to": "webhook", "url": f"http://127.0.0.1:{port}/", "secret": {"env": "DESK"}}
        sections: dict[str, Any] = {
            "escalations": {"desk": desk},
            "outbox": {"private_hosts": ["127.0.0.1"]},
        }
        with serve(**sections) as served:
            add_cases(served, 1)
            with page_of(browser, served, _token(served)) as page:
                page.goto("/console/cases/1")
                page.uncheck("input[name=next]")
                page.get_by_role("button", name="Confirm").click()
                page.get_by_role("link", name="Send to desk").click()
                shown = json.loads(page.locator("pre").inner_text())
                page.get_by_role("button", name="Send it").click()
                expect(page.locator(".is-escalated").first).to_be_visible()
                deadline = time.monotonic() + PATIENCE_S
                page.goto("/console/outbox")
                while not page.locator(".is-sent").count() and time.monotonic() < deadline:
                    page.reload()
    sent = json.loads(received[0])
    assert sent["data"]["content_id"] == shown["data"]["content_id"] == "post/0"
    assert sent["data"]["matches"] == shown["data"]["matches"]


def test_a_quarantined_delivery_is_accepted(desk: Served, browser: Browser, tmp_path: Path) -> None:
    quarantine_delivery(desk.database, tmp_path)
    with page_of(browser, desk, _token(desk, role="lists")) as page:
        page.goto("/console/lists")
        page.get_by_role("link", name="a quarantined delivery").click()
        page.get_by_role("button", name="Accept it").click()
        expect(page.locator("[role=status]")).to_have_text("Done.")
        expect(page.locator("dl").first).to_contain_text("2 MD5")


def test_a_report_and_an_evidence_pack_are_downloaded(desk: Served, browser: Browser) -> None:
    with page_of(browser, desk, _token(desk)) as page:
        page.goto("/console/reports")
        with page.expect_download() as table:
            page.get_by_role("button", name="Download", exact=True).click()
        assert table.value.suggested_filename == "matches.csv"
        assert "post/0" in Path(table.value.path()).read_text()
        page.goto("/console/cases/1")
        with page.expect_download() as pack:
            page.get_by_role("button", name="Download the evidence pack").click()
        data = Path(pack.value.path()).read_bytes()
        assert "case.pdf" in zipfile.ZipFile(io.BytesIO(data)).namelist()


def test_a_filter_acts_as_it_is_changed_and_stays_in_the_address(
    desk: Served, browser: Browser
) -> None:
    with page_of(browser, desk, _token(desk)) as page:
        page.get_by_text("Filter", exact=True).click()
        page.select_option("#f-state", "closed")
        expect(page.locator("#cases")).to_contain_text("No case fits")
        page.wait_for_url("**state=closed*")
        page.reload()
        expect(page.locator("#cases")).to_contain_text("No case fits")


def test_everything_works_without_scripts(desk: Served, browser: Browser) -> None:
    token = _token(desk, role="reviewer")
    with page_of(browser, desk, token, java_script_enabled=False) as page:
        page.get_by_role("button", name="Next case").click()
        page.get_by_role("button", name="Confirm").click()
        page.get_by_role("link", name="Queue").first.click()
        page.get_by_text("Filter", exact=True).click()
        page.select_option("#f-state", "confirmed")
        page.get_by_role("button", name="Apply").click()
        expect(page.locator("#cases")).to_contain_text("Case 1")


def _fill(served: Served, folder: Path) -> None:
    """Have something on every page, texts of all kinds among it."""
    quarantine_delivery(served.database, folder)
    for text in TEXTS.values():
        served.client.post("/v1/scan", params={"content_id": text}, content=drawn(1))
    details = {"account": {"id": "user-4711", "display_names": list(TEXTS.values())[:2]}}
    served.client.put("/v1/matches/1/details", json=details)
    for text in TEXTS.values():
        served.client.patch("/v1/cases/1", json={"note": text})
    served.client.patch("/v1/cases/1", json={"decision": "confirm"})
    served.client.post("/v1/cases/1/escalate", json={"to": "desk"})
    served.client.patch("/v1/cases/2", json={"decision": "confirm"})
    served.client.post("/c/banks", json={"name": "OWN"})
    for text in TEXTS.values():
        give_sharing(served, text)
    for text in TEXTS.values():
        notice = {"reference": text[:1000], "places": [{"content_id": text[:1000]}]}
        served.client.post("/v1/notices", json=notice).raise_for_status()
    body = {"video_md5": "0" * 32, "note": TEXTS["long"]}
    served.client.post("/c/bank/OWN/signal", json=body)


def _check(page: Page, paths: tuple[str, ...]) -> list[str]:
    problems = []
    for path in paths:
        page.goto(f"/console{path}", wait_until="load")
        problems += [f"{path}: {one}" for one in problems_of(page)]
    # Its id is nothing that a test can know.
    page.goto("/console/notices")
    page.get_by_role("link", name="NR-").first.click()
    return problems + [f"a notice: {one}" for one in problems_of(page)]


def _allow(page: Page) -> None:
    page.goto("/console/allow-lists")
    page.fill("#name", "ok")
    page.fill("#hash", "md5:" + "ab" * 16)
    page.fill("#reason", TEXTS["markup"])
    page.get_by_role("button", name="Allow").click()


def test_no_page_breaks_the_rules_on_a_telephone(
    desk: Served, browser: Browser, tmp_path: Path
) -> None:
    _fill(desk, tmp_path)
    window = {"width": 360, "height": 740}
    with page_of(browser, desk, _token(desk), viewport=window, color_scheme="dark") as page:
        _allow(page)
        assert _check(page, PAGES) == []


# With the test above each width in both colours; the longer words are German.
_LOOKS = (
    (360, "light", "en"),
    (360, "light", "de"),
    (768, "light", "en"),
    (768, "dark", "de"),
    (1920, "light", "de"),
    (1920, "dark", "en"),
)


@pytest.mark.long
@pytest.mark.parametrize(("width", "colours", "language"), _LOOKS)
def test_no_page_breaks_the_rules_in_any_width_colours_or_language(
    desk: Served, browser: Browser, tmp_path: Path, width: int, colours: str, language: str
) -> None:
    _fill(desk, tmp_path)
    token, window = _token(desk), {"width": width, "height": 900}
    with page_of(browser, desk, token) as page:
        _allow(page)
    with page_of(
        browser, desk, token, viewport=window, color_scheme=colours, locale=language
    ) as page:
        assert _check(page, PAGES) == []
