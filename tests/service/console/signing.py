"""People at the console: clients that have signed in and send forms as pages ask for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import httpx

from hashmatch.closing import Closing
from hashmatch.store.engine import Database
from hashmatch.store.tokens import ROLE_SCOPES, Scope, create_token
from tests.service.serving import PATIENCE_S, Served

_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


def token_for(database: Database, name: str, scopes: Iterable[Scope | str]) -> str:
    """Return a new token of a person with these scopes, or the role of that name."""
    chosen = ROLE_SCOPES[scopes] if isinstance(scopes, str) else frozenset(map(Scope, scopes))
    with database.writing() as session:
        return create_token(session, name, chosen)


def form_token_of(page: str) -> str:
    """Return the token of the forms on a page."""
    found = _TOKEN.search(page)
    assert found, "the page has no form"
    return found[1]


class Person(Closing):
    """A browser without scripts, in which somebody signs in; use it in a `with` statement."""

    def __init__(self, served: Served) -> None:
        self.client = httpx.Client(
            base_url=f"{served.url}/console", timeout=PATIENCE_S, verify=False
        )

    def close(self) -> None:
        """Close the browser, and keep the session."""
        self.client.close()

    def sign_in(self, token: str, to: str = "") -> httpx.Response:
        """Sign in with a token, and return the answer to the form."""
        page = self.client.get("/sign-in", params={"to": to} if to else {})
        fields = {"form_token": form_token_of(page.text), "token": token, "to": to}
        return self.client.post("/sign-in", data=fields)

    def get(self, path: str, **query: str) -> httpx.Response:
        """Ask for a page."""
        return self.client.get(path, params=query)

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form with the token of the person's session."""
        token = form_token_of(self.client.get("/preferences").text)
        return self.client.post(path, data={"form_token": token, **fields})


def signed_in(served: Served, name: str = "ana", role: str = "admin") -> Person:
    """Return somebody of a role who has signed in."""
    person = Person(served)
    answer = person.sign_in(token_for(served.database, name, role))
    assert answer.status_code == 303, answer.text
    return person
