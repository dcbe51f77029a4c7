"""A browser of the tests: it keeps cookies, goes where it is sent, and fills in forms."""

from __future__ import annotations

from html.parser import HTMLParser
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx

BACK = "/console/sign-in/oidc/back"
SESSION = "hashmatch-session"
_HERE = "http://127.0.0.1:"
_MOST_STEPS = 30


class Browser:
    """One person's browser, with the address of the console.

    Cookies are shared by all ports of a host, as in real browsers.
    """

    def __init__(self, console: str) -> None:
        self.console = console
        # Without TLS, there is nothing to verify, and certificates take long to load.
        self.client = httpx.Client(base_url=console, timeout=60, verify=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the console and the provider have set, by name."""
        return {one.name: one.value or "" for one in self.client.cookies.jar}

    def begin(self, to: str = "/console/queue") -> httpx.Response:
        """Ask to sign in with the provider; the answer leads to it."""
        return self.client.get("/console/sign-in/oidc", params={"to": to})

    def agree(self, begun: httpx.Response, login: str = "") -> str:
        """Sign in at the provider, and return where it sends the browser back to."""
        at_provider = self._go_on(begun, login)
        assert _is_back(at_provider), at_provider.text
        return _place(at_provider)

    def come_back(self, place: str) -> httpx.Response:
        """Go where the provider has sent the browser."""
        return self.client.get(place)

    def sign_in(self, login: str = "", to: str = "/console/queue") -> httpx.Response:
        """Sign in, and return the console's last word on it: that to the code, or an earlier one.

        At a provider with pages, `login` is the name that is typed there.
        """
        answer = self._go_on(self.begin(to), login)
        return self.come_back(_place(answer)) if _is_back(answer) else answer

    def open_page(self, path: str = "/console/queue") -> httpx.Response:
        """Open a page of the console, and go nowhere else."""
        return self.client.get(path)

    def submit(self, page: httpx.Response, action: str, **values: str) -> httpx.Response:
        """Send the form of a page whose address ends so, with these values typed into it."""
        for place, fields in _forms(page):
            if place.endswith(action):
                return self.client.post(page.url.join(place), data={**fields, **values})
        raise AssertionError(f"there is no form for {action!r}")

    def _go_on(self, answer: httpx.Response, login: str) -> httpx.Response:
        # To the redirect back to the console, or out of here, or to a page without a form.
        for _ in range(_MOST_STEPS):
            if answer.is_redirect:
                if _is_back(answer) or not _place(answer).startswith(_HERE):
                    return answer
                answer = self.client.get(_place(answer))
            elif str(answer.url).startswith(self.console) or not _forms(answer):
                return answer
            else:
                typed = {"login": login, "password": "any"} if 'name="login"' in answer.text else {}
                answer = self.submit(answer, "", **typed)
        raise AssertionError("the sign-in does not end")


def _place(answer: httpx.Response) -> str:
    return urljoin(str(answer.url), answer.headers["location"])


def _is_back(answer: httpx.Response) -> bool:
    return answer.is_redirect and urlsplit(_place(answer)).path == BACK


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append((facts.get("action", ""), {}))
        elif tag == "input" and self.found and "name" in facts:
            self.found[-1][1][facts["name"]] = facts.get("value", "")


def _forms(page: httpx.Response) -> list[tuple[str, dict[str, str]]]:
    parser = _Forms()
    parser.feed(page.text)
    return parser.found
