"""Signing in by OpenID Connect: at a certified provider, and at one that breaks the rules."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service.console.oidc.browser import SESSION, Browser
from tests.service.console.oidc.consoles import (
    MEMBER,
    ODD_SECRET,
    OpenConsole,
    assert_not_signed_in,
    assert_refused,
    assert_signed_in,
    back,
    console_for,
)
from tests.service.console.oidc.faults import FAULTS, MISLEADING, UNREADABLE, VARIANTS, Fault
from tests.service.console.oidc.hostile import (
    CLIENT_SECRET,
    DRIPPING,
    HANGING,
    Conduct,
    HostileProvider,
    Slow,
    hostile_provider,
)
from tests.service.console.oidc.real import real_provider
from tests.service.console.oidc.tokens import key, signed
from tests.service.serving import free_port


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("userinfo_only", [False, True], ids=["id-token", "userinfo"])
def test_a_member_of_a_group_signs_in_at_a_certified_provider(
    open_console: OpenConsole, method: str, userinfo_only: bool
) -> None:
    port = free_port()
    with (
        real_provider(back(port), userinfo_only=userinfo_only, method=method) as issuer,
        open_console(port, issuer) as served,
        Browser(served.url) as browser,
    ):
        assert_signed_in(browser, browser.sign_in("reviewer"), MEMBER)


def test_somebody_without_a_group_is_refused(real: str) -> None:
    with Browser(real) as browser:
        answer = browser.sign_in("stranger")
        assert answer.status_code == 403
        assert_refused(browser, answer)


def test_somebody_who_cancels_at_the_provider_is_refused(real: str) -> None:
    with Browser(real) as browser:
        form = browser.client.get(browser.begin().headers["location"], follow_redirects=True)
        cancel = re.search(r'href="([^"]*/abort)"', form.text)
        assert cancel is not None
        resumed = browser.client.get(form.url.join(cancel[1]))
        back = browser.client.get(resumed.headers["location"]).headers["location"]
        assert "error=access_denied" in back
        assert_refused(browser, browser.come_back(back))


def test_signing_out_ends_the_session(real: str) -> None:
    with Browser(real) as browser:
        browser.sign_in("reviewer")
        before = dict(browser.cookies)
        answer = browser.submit(browser.open_page(), "/console/sign-out")
        assert answer.status_code == 303
        assert_not_signed_in(browser)
        browser.client.cookies.set(SESSION, before[SESSION], domain="127.0.0.1", path="/")
        assert browser.open_page().status_code == 303


def test_who_is_signed_in_at_the_provider_signs_in_again_without_a_form(real: str) -> None:
    with Browser(real) as browser:
        browser.sign_in("reviewer")
        first = browser.cookies[SESSION]
        browser.submit(browser.open_page(), "/console/sign-out")
        assert_signed_in(browser, browser.sign_in(), MEMBER)
        assert browser.cookies[SESSION] != first


def test_a_certified_provider_gives_nothing_for_a_code_a_second_time(real: str) -> None:
    with Browser(real) as browser:
        back = browser.agree(browser.begin(), "reviewer")
        before = dict(browser.cookies)
        assert browser.come_back(back).status_code == 303
        browser.client.cookies.clear()
        for name, value in before.items():
            browser.client.cookies.set(name, value, domain="127.0.0.1", path="/")
        assert_refused(browser, browser.come_back(back))


def test_a_certified_provider_reads_a_secret_of_any_characters(open_console: OpenConsole) -> None:
    port = free_port()
    with (
        real_provider(back(port), secret=ODD_SECRET) as issuer,
        open_console(port, issuer, secret=ODD_SECRET) as served,
        Browser(served.url) as browser,
    ):
        assert_signed_in(browser, browser.sign_in("reviewer"), MEMBER)


def test_a_certified_provider_gives_nothing_to_another_secret(open_console: OpenConsole) -> None:
    port = free_port()
    with (
        real_provider(back(port)) as issuer,
        open_console(port, issuer, secret="secret-another") as served,
        Browser(served.url) as browser,
    ):
        assert_refused(browser, browser.sign_in("reviewer"))


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_somebody_signs_in_though(
    new_console: str, new_provider: HostileProvider, variant: Fault
) -> None:
    new_provider.conduct = variant(new_provider)
    with Browser(new_console) as browser:
        assert_signed_in(browser, browser.sign_in())


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_somebody_is_refused_where(console: str, provider: HostileProvider, fault: Fault) -> None:
    provider.conduct = fault(provider)
    with Browser(console) as browser:
        answer = browser.sign_in()
        assert_refused(browser, answer)
        assert not [one for one in (*provider.secrets, CLIENT_SECRET) if one in answer.text]
        assert "<script>no" not in answer.text
    assert "/elsewhere" not in provider.visits
    # The fault alone was the reason, and nothing of it stays.
    provider.conduct = Conduct()
    with Browser(console) as browser:
        assert_signed_in(browser, browser.sign_in())


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
def test_nobody_signs_in_while(
    new_console: str, new_provider: HostileProvider, fault: Fault
) -> None:
    new_provider.conduct = fault(new_provider)
    with Browser(new_console) as browser:
        assert_refused(browser, browser.sign_in())
    # Nothing of it stays.
    new_provider.conduct = Conduct()
    with Browser(new_console) as browser:
        assert_signed_in(browser, browser.sign_in())


@pytest.mark.parametrize("fault", MISLEADING.values(), ids=MISLEADING)
def test_metadata_are_not_followed_to(
    new_console: str, new_provider: HostileProvider, fault: Fault
) -> None:
    new_provider.conduct = fault(new_provider)
    with Browser(new_console) as browser:
        assert_refused(browser, browser.sign_in())
    # A host that is not permitted is not even asked.
    assert "/elsewhere" not in new_provider.visits


@pytest.mark.parametrize("slow", [HANGING, DRIPPING], ids=["hangs", "drips"])
def test_a_provider_that_does_not_answer_is_given_up(
    open_console: OpenConsole, new_provider: HostileProvider, slow: Slow
) -> None:
    new_provider.conduct = Conduct(answers={"/token": slow})
    with (
        console_for(open_console, new_provider, timeout_s=2) as console,
        Browser(console) as browser,
    ):
        # A busy machine may not even come as far as that in this time.
        while not new_provider.is_slow.is_set():
            assert_refused(browser, browser.sign_in())
        assert not new_provider.gave_up


def test_a_provider_that_does_not_answer_does_not_stop_others(
    open_console: OpenConsole, new_provider: HostileProvider
) -> None:
    new_provider.conduct = Conduct(answers={"/token": HANGING})
    with (
        console_for(open_console, new_provider) as console,
        Browser(console) as browser,
        Browser(console) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(browser.sign_in)
        new_provider.is_slow.wait()
        assert other.open_page("/console/sign-in").status_code == 200
        assert not waiting.done()
        new_provider.is_over.set()
        assert_refused(browser, waiting.result())


def test_keys_are_read_again_for_a_key_that_is_new(
    new_console: str, new_provider: HostileProvider
) -> None:
    with Browser(new_console) as browser:
        assert_signed_in(browser, browser.sign_in())
    new = key(1, "second")
    new_provider.conduct = Conduct(sign=signed(new), keys=(key(), new))
    with Browser(new_console) as browser:
        assert_signed_in(browser, browser.sign_in())


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_secret_may_have_any_characters(open_console: OpenConsole, method: str) -> None:
    with (
        hostile_provider(secret=ODD_SECRET) as provider,
        console_for(open_console, provider, secret=ODD_SECRET) as console,
        Browser(console) as browser,
    ):
        methods = {"token_endpoint_auth_methods_supported": [method]}
        provider.conduct = Conduct(metadata=methods)
        browser.sign_in()
        assert provider.complaints == []


def test_a_client_without_a_secret_signs_in(open_console: OpenConsole) -> None:
    with (
        hostile_provider(secret=None) as provider,
        console_for(open_console, provider, secret=None) as console,
        Browser(console) as browser,
    ):
        assert_signed_in(browser, browser.sign_in())
        assert provider.complaints == []


@pytest.mark.parametrize("path", ["/tenant", "/tenant/", "/"])
def test_an_issuer_may_have_a_path(open_console: OpenConsole, path: str) -> None:
    """Discovery, section 4.1: a last slash is left out before the path of the metadata."""
    with (
        hostile_provider(path) as provider,
        console_for(open_console, provider) as console,
        Browser(console) as browser,
    ):
        assert_signed_in(browser, browser.sign_in())
        assert provider.complaints == []
