"""A real browser at the console: Chromium, without a window, in contexts of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.programs import require_program
from tests.service.serving import PATIENCE_S, Served

_PROGRAM = "chromium"
# The standards that pages keep to, and what goes beyond them.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def browsing() -> Iterator[Browser]:
    """Yield a browser; the test is skipped where there is none."""
    require_program(_PROGRAM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which(_PROGRAM),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Browser, served: Served, token: str, **options: Any) -> Iterator[Page]:
    """Yield the page of somebody who has signed in, in a context of their own.

    At the end nothing that the page loads or runs may have failed.
    """
    context: BrowserContext = browser.new_context(base_url=served.url, **options)
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    failed: list[str] = []
    page.on("console", lambda one: failed.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda one: failed.append(str(one)))
    page.on("request", lambda one: _note_other(failed, one.url, served.url))
    try:
        page.goto("/console/")
        page.fill("#token", token)
        page.press("#token", "Enter")
        expect(page.get_by_role("navigation")).to_be_visible()
        yield page
    finally:
        context.close()
    assert not failed, "\n".join(failed)


def _note_other(failed: list[str], url: str, own: str) -> None:
    if not url.startswith(own):
        failed.append(f"a request to {url}")


def problems_of(page: Page) -> list[str]:
    """Return what a page does wrong by the rules, and whether it is wider than the window."""
    result = Axe().run(page, options={"runOnly": _RULES})
    found = [
        f"{one['id']}: {node['html'][:150]}"
        for one in result.response["violations"]
        for node in one["nodes"]
    ]
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    if (beyond := page.evaluate(wide)) > 0:
        found.append(f"{beyond} pixels wider than the window")
    return found
