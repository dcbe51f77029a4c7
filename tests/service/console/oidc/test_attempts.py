"""Attempts to sign in: each is of one browser, counts once, and leads to no other site."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
import pytest

from tests.command_line import CommandLine
from tests.service.console.oidc.browser import BACK, SESSION, Browser
from tests.service.console.oidc.consoles import (
    OpenConsole,
    assert_refused,
    assert_signed_in,
    back,
    cookies_set,
    section,
    words,
)
from tests.service.console.oidc.faults import FAULTS, VARIANTS
from tests.service.console.oidc.hostile import (
    CLIENT_SECRET,
    HostileProvider,
)
from tests.service.console.oidc.tokens import encoded
from tests.service.serving import free_port, serving_process


def test_the_verifier_is_that_of_the_challenge(console: str, provider: HostileProvider) -> None:
    """RFC 7636, sections 4.1 and 4.6."""
    with Browser(console) as browser:
        browser.sign_in()
    [grant], [asked] = provider.exchanged, provider.authorizations
    assert asked["code_challenge_method"] == "S256"
    digest = hashlib.sha256(grant.verifier.encode()).digest()
    assert encoded(digest) == asked["code_challenge"]
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", grant.verifier)


def test_each_attempt_has_secrets_of_its_own(console: str, provider: HostileProvider) -> None:
    with Browser(console) as browser:
        for _ in range(3):
            browser.agree(browser.begin())
    for name in ("state", "nonce", "code_challenge"):
        values = {asked[name] for asked in provider.authorizations}
        assert len(values) == 3, name
        # RFC 6749, section 10.10: not to be guessed; 128 bits are 22 characters.
        assert min(map(len, values)) >= 22, name
    assert not {asked["state"] for asked in provider.authorizations} & {
        asked["nonce"] for asked in provider.authorizations
    }


def test_scripts_and_other_sites_do_not_get_the_cookies(console: str) -> None:
    with Browser(console) as browser:
        begun = browser.begin()
        ended = browser.come_back(browser.agree(begun))
    assert cookies_set(begun)
    assert any(one.startswith(f"{SESSION}=") for one in cookies_set(ended))
    for one in cookies_set(begun) + cookies_set(ended):
        words = one.lower()
        assert "httponly" in words
        # Strict ones would not come back from the provider.
        assert "samesite=lax" in words
        assert "domain=" not in words


def test_behind_tls_the_cookies_are_for_tls_alone(
    open_console: OpenConsole, new_provider: HostileProvider
) -> None:
    port, url = free_port(), "https://console.example"
    new_provider.redirect_uri = f"{url}{BACK}"
    with open_console(port, new_provider.issuer, url=url) as served, Browser(served.url) as browser:
        begun = browser.begin()
        back = browser.agree(begun)
        assert back.startswith(f"{url}{BACK}?")
        sent = "; ".join(one.partition(";")[0] for one in cookies_set(begun))
        # It would not send them without TLS.
        browser.client.cookies.clear()
        ended = browser.client.get(back.removeprefix(url), headers={"Cookie": sent})
    assert ended.status_code == 303, words(ended)
    assert any(SESSION in one for one in cookies_set(ended))
    for one in cookies_set(begun) + cookies_set(ended):
        assert one.startswith(("__Host-", "__Secure-")), one
        assert "secure" in one.lower().split("; ")


# Successes, and failures where the client knows most.
_LOGGED = (
    VARIANTS["nothing is special"],
    VARIANTS["the claims are in the userinfo alone"],
    FAULTS["the nonce is another"],
    FAULTS["the ID token is signed with an unknown key"],
    FAULTS["the ID token has expired"],
    FAULTS["the userinfo is of somebody else"],
    FAULTS["the userinfo endpoint fails"],
    FAULTS["no groups are given"],
    FAULTS["the token endpoint fails"],
    FAULTS["the token endpoint refuses"],
    FAULTS["the token endpoint's answer is no JSON"],
    FAULTS["the state is another"],
)


def _assert_nothing_secret(said: str, provider: HostileProvider) -> None:
    # It does log these requests.
    assert said.count(BACK) >= len(_LOGGED)
    assert len(provider.secrets) > 2 * len(_LOGGED)
    assert not [one for one in (*provider.secrets, CLIENT_SECRET) if one in said]


def test_nothing_secret_is_logged(
    console: str,
    provider: HostileProvider,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    # As `hashmatch serve` does it: it logs complete URLs.
    caplog.set_level(logging.ERROR, "uvicorn.access")
    _sign_in_to_be_logged(console, provider)
    said, patience = "".join(capsys.readouterr()), time.monotonic() + 30
    # A request is logged once it was answered.
    while said.count(BACK) < len(_LOGGED) and time.monotonic() < patience:
        time.sleep(0.01)
        said += "".join(capsys.readouterr())
    records = "".join(f"{one.getMessage()} {vars(one)}\n" for one in caplog.records)
    _assert_nothing_secret(records + caplog.text + said, provider)


def test_nothing_secret_is_in_the_log_of_a_process(
    command_line: CommandLine, new_provider: HostileProvider
) -> None:
    command_line.import_pictures("one", 1)
    port = free_port()
    new_provider.redirect_uri = back(port)
    chosen = section(port, new_provider.issuer, command_line.folder)
    config = command_line.folder / "hashmatch.toml"
    with config.open("a") as file:
        # Its values are the same in JSON, but for tables.
        file.write("console = " + re.sub(r'("\w+"): ', r"\1 = ", json.dumps(chosen)) + "\n")
    with serving_process(config, port=port):
        _sign_in_to_be_logged(f"http://127.0.0.1:{port}", new_provider)
    [log] = config.parent.glob("*.log")
    _assert_nothing_secret(log.read_text(), new_provider)


def _sign_in_to_be_logged(console: str, provider: HostileProvider) -> None:
    for conduct in _LOGGED:
        provider.conduct = conduct(provider)
        with Browser(console) as browser:
            browser.sign_in()


def test_a_used_answer_of_the_provider_is_of_no_more_use(
    console: str, provider: HostileProvider
) -> None:
    with Browser(console) as browser:
        back = browser.agree(browser.begin())
        assert_signed_in(browser, browser.come_back(back))
        session = browser.cookies[SESSION]
        again = browser.come_back(back)
        assert again.status_code == 403
        assert SESSION not in again.headers.get("set-cookie", "")
        assert browser.cookies[SESSION] == session
        assert len(provider.exchanged) == 1


def test_a_used_answer_is_of_no_use_with_the_cookies_of_before(
    console: str, provider: HostileProvider
) -> None:
    with Browser(console) as browser, Browser(console) as thief:
        back = browser.agree(browser.begin())
        for name, value in browser.cookies.items():
            thief.client.cookies.set(name, value, domain="127.0.0.1", path="/")
        assert_signed_in(browser, browser.come_back(back))
        assert_refused(thief, thief.come_back(back))


def test_the_answer_to_another_browser_is_refused(console: str, provider: HostileProvider) -> None:
    """RFC 6749, section 10.12: nobody is signed in as somebody else by following a link."""
    with Browser(console) as attacker, Browser(console) as victim:
        back = attacker.agree(attacker.begin())
        victim.begin()
        assert_refused(victim, victim.come_back(back))
        assert provider.exchanged == []
        # It is still the attacker's own.
        assert_signed_in(attacker, attacker.come_back(back))


def test_the_code_of_another_browser_is_refused(console: str, provider: HostileProvider) -> None:
    """The nonce and the verifier bind a code to the attempt (RFC 9700, section 2.1.1)."""
    with Browser(console) as attacker, Browser(console) as victim:
        theirs = dict(parse_qsl(urlsplit(attacker.agree(attacker.begin())).query))
        place, _, own = victim.agree(victim.begin()).partition("?")
        query = urlencode({**dict(parse_qsl(own)), "code": theirs["code"]})
        assert_refused(victim, victim.come_back(f"{place}?{query}"))
    # The provider notices it, too, and is right to.
    assert provider.complaints == ["the verifier is not that of the challenge"]
    provider.complaints.clear()


def test_an_answer_without_a_cookie_is_refused(console: str, provider: HostileProvider) -> None:
    with Browser(console) as browser, Browser(console) as bare:
        back = browser.agree(browser.begin())
        assert_refused(bare, bare.come_back(back))
        assert provider.exchanged == []


def test_an_answer_with_the_cookie_of_an_older_attempt_is_refused(
    console: str, provider: HostileProvider
) -> None:
    with Browser(console) as browser, Browser(console) as older:
        browser.begin()
        for name, value in browser.cookies.items():
            older.client.cookies.set(name, value, domain="127.0.0.1", path="/")
        back = browser.agree(browser.begin())
        assert_refused(older, older.come_back(back))
        assert provider.exchanged == []
        assert_signed_in(browser, browser.come_back(back))


def test_a_cookie_that_was_changed_is_refused(console: str, provider: HostileProvider) -> None:
    with Browser(console) as browser:
        begun = browser.begin()
        back = browser.agree(begun)
        [morsel] = SimpleCookie("; ".join(cookies_set(begun))).values()
        for value in ("", "x", "x" * 43, morsel.value[4:], "e30.e30.e30", "%00", '"\\303\\251"'):
            browser.client.cookies.clear()
            sent = {"Cookie": f"{morsel.key}={value}"}
            answer = browser.client.get(back, headers=sent)
            assert_refused(browser, answer)
        assert provider.exchanged == []


def test_a_cookie_does_not_lead_to_another_site(console: str) -> None:
    with Browser(console) as browser:
        begun = browser.begin(to="/console/lists")
        back = browser.agree(begun)
        [morsel] = SimpleCookie("; ".join(cookies_set(begun))).values()
        browser.client.cookies.clear()
        for own in ("/console/lists", quote("/console/lists", safe="")):
            value = morsel.value.replace(own, quote("//evil.example/", safe=""))
        answer = browser.client.get(back, headers={"Cookie": f"{morsel.key}={value}"})
        assert value != morsel.value
        assert_stays(browser, answer)


def test_an_answer_without_an_attempt_is_refused(console: str) -> None:
    with Browser(console) as browser:
        for query in (
            "",
            "?code=x",
            "?state=x",
            "?code=x&state=",
            "?error=x",
            "?code=%00&state=%01",
        ):
            assert_refused(browser, browser.open_page(f"{BACK}{query}"))


def test_a_session_that_somebody_else_chose_is_not_used(console: str) -> None:
    with Browser(console) as browser:
        browser.client.cookies.set(SESSION, "chosen", domain="127.0.0.1", path="/")
        answer = browser.sign_in()
        [given] = (one for one in cookies_set(answer) if one.startswith(f"{SESSION}="))
        assert not given.startswith(f"{SESSION}=chosen")
        browser.client.cookies.clear()
        browser.client.cookies.set(SESSION, "chosen", domain="127.0.0.1", path="/")
        assert browser.open_page().status_code == 303


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "///evil.example/",
        "/console/..//evil.example/",
        "/console@evil.example/",
        "console/queue",
        "javascript:alert(1)",
        "https:evil.example",
        "/console/queue\r\nSet-Cookie: a=b",
        "/v1/cases",
        "",
        "/console/\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    ],
)
def test_nobody_is_sent_to_another_site(console: str, to: str) -> None:
    with Browser(console) as browser:
        answer = browser.sign_in(to=to)
        assert "a" not in browser.cookies
        assert_stays(browser, answer)


def assert_stays(browser: Browser, answer: httpx.Response) -> None:
    if answer.status_code != 303:
        assert_refused(browser, answer)
        return
    # As browsers read it (WHATWG URL): these are left out, and each backslash is a slash.
    read = re.sub(r"[\t\r\n]", "", answer.headers["location"].strip()).replace("\\", "/")
    assert not read.startswith("//")
    place = answer.url.join(read)
    assert (place.scheme, place.netloc) == ("http", answer.url.netloc)
    assert place.path.startswith("/console/")


def test_people_come_to_the_page_that_they_asked_for(console: str) -> None:
    with Browser(console) as browser:
        answer = browser.sign_in(to="/console/queue?state=open&word=a%26b")
        assert answer.status_code == 303
        place = answer.url.join(answer.headers["location"])
        assert str(place) == f"{console}/console/queue?state=open&word=a%26b"
