"""Signing in at a certified provider in a real browser, without and with a role."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.service.console.browsing import browsing
from tests.service.console.oidc.consoles import MEMBER
from tests.service.serving import PATIENCE_S


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser of the test's own."""
    with browsing() as found:
        yield found


@pytest.mark.parametrize(("account", "is_member"), [("reviewer", True), ("stranger", False)])
def test_people_sign_in_at_their_provider_and_come_to_their_page(
    real: str, browser: Browser, account: str, *, is_member: bool
) -> None:
    context = browser.new_context(base_url=real)
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    page.goto("/console/queue?state=all")
    page.get_by_role("link", name="Sign in with your organisation's account").click()
    page.locator("input[name=login]").fill(account)
    page.locator("input[name=password]").fill("any")
    page.locator("input[name=password]").press("Enter")
    page.get_by_role("button", name="Continue").click()
    if is_member:
        page.wait_for_url("**/console/queue?state=all")
        expect(page.locator(".who")).to_contain_text(MEMBER)
    else:
        expect(page.get_by_role("alert")).to_contain_text("has no role in the console")
    context.close()
