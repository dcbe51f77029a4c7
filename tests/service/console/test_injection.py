"""Texts of others in the console: they are text, whatever is in them, and break no page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from hashmatch.store.lists import create_list, find_list
from hashmatch.store.schema import FeedbackState
from hashmatch.store.sharing import (
    ContributionFacts,
    add_contribution,
    decide_feedback,
    read_feedback,
    save_consumer,
    save_feedback,
)
from hashmatch.store.sharing.consumers import require_consumer
from hashmatch.store.tokens import ROLE_SCOPES, Scope
from tests.pictures import drawn
from tests.service.console.signing import Person, signed_in, token_for
from tests.service.serving import Served

TEXTS = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "quotes": "\"'><svg/onload=alert(3)>&lt;b&gt; `${7*7}` {{7*7}} {% raw %}",
    "right to left": "gpj.\u202eevil\u2066abc \u200fabc",
    "hidden": "a\u200bb\ufeffc\u2028d",
    "placeholders": "%(n)d %s %% {0} ${x}",
    "long": "A" * 900,
    "long words of many letters": "ß你🏳️‍🌈" * 150,
    "a link": "javascript:alert(1)",
}
PATHS = ("/queue", "/queue?state=all", "/cases/4", "/outbox", "/audit", "/people", "/own-lists/own",
         "/allow-lists/ok", "/lists", "/health", "/due", "/sharing", "/sharing/consumers/police",
         "/contributions?state=all", "/feedback?all=1",
         "/notices")  # fmt: skip


class _Elements(HTMLParser):
    """Elements of a page, and whether each is closed by its own end."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "line", "rect", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def give_sharing(served: Served, text: str) -> None:
    """Have a consumer, feedback and a contribution with that text in all that others write."""
    facts = ContributionFacts(text[:200], {"icse": text[:60]}, "GB", text, "partly", text)
    with served.database.writing() as session:
        save_consumer(session, "police", lists=["own"], categories=[text], members=[text])
        row = find_list(session, "own")
        consumer = require_consumer(session, "police")
        for number in range(2):
            save_feedback(
                session, row, consumer, entry_id=f"{text[:200]}{number}", algorithm="pdq",
                is_affirmative=bool(number), reason=text,
            )  # fmt: skip
            add_contribution(session, row, case=1, content_key=1, facts=facts, actor=text[:200])
        first = read_feedback(session, limit=1)[0].number
        decide_feedback(session, first, FeedbackState.DECLINED, text[:200], text)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_of_others_are_text_on_every_page(desk: Served, text: str) -> None:
    with desk.database.writing() as session:
        create_list(session, "own", kind="own")
    params = {"content_id": text, "reference": text}
    desk.client.post("/v1/scan", params=params, content=drawn(1)).raise_for_status()
    with signed_in(desk, "ana", "senior") as ana, Person(desk) as other:
        name = text[:200]
        scopes = ROLE_SCOPES["admin"] | {Scope.AUDIT}
        assert other.sign_in(token_for(desk.database, name, scopes)).status_code == 303
        for duty in (
            {"duty": "reference", "authority": text[:64], "reference": text[:200]},
            {
                "duty": "measure",
                "restriction": "other",
                "ground": "terms",
                "automation": "none",
                "territory": text[:1000],
            },
            {"duty": "appeal", "channel": "court", "appellant": "other", "grounds": text},
        ):
            assert ana.post("/cases/4/duties", **duty).status_code == 303
        notice = ana.post(
            "/notices", reference=text[:1000], content_ids=text[:1000], statement=text, made_by=""
        )
        assert notice.status_code == 303
        notice_path = notice.headers["location"].removeprefix("/console")
        for fields in (
            {"change": "note", "note": text * 10},
            {"change": "hold", "reason": text},
            {"change": "assign", "assignee": name},
        ):
            assert ana.post("/cases/4/change", **fields).status_code == 303
        ana.post("/queue/save", name=name[:100], everybody="1", content_id=text, entry=text)
        hashed = "md5:" + "ab" * 16
        other.post("/own-lists/own", change="add", hash=hashed, note=text)
        other.post("/allow-lists", name="ok", match="1", reason=text, only="")
        give_sharing(desk, text)
        for path in (*PATHS, notice_path):
            answer = other.client.get(path)
            assert answer.status_code == 200, path
            page = answer.text
            found = _Elements()
            found.feed(page)
            assert (found.open, found.wrong) == ([], []), path
            scripts = [one for tag, one in found.tags if tag == "script"]
            assert all(one["src"].startswith("/console/static/") for one in scripts)  # type: ignore[union-attr]
            assert not any(tag in ("img", "iframe", "object") for tag, _ in found.tags)
            for _, attributes in found.tags:
                assert not any(one.startswith("on") for one in attributes)
                link = attributes.get("href") or attributes.get("action") or ""
                assert link.startswith(("/console", "#")) or link == "", link
            # Fields to write in have a value as it is.
            shown = "".join(found.texts)
            for hidden in "\u202e\u2066\u200f\u200b\ufeff\u2028":
                assert hidden not in shown, (path, hex(ord(hidden)))


def test_a_search_shows_what_was_sought_as_text(desk: Served) -> None:
    with signed_in(desk) as person:
        for name in ("category", "assignee", "content_id", "entry", "list"):
            answer = person.get("/queue", **{name: TEXTS["markup"]})
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text


def test_a_text_that_no_database_holds_is_an_error_in_words(desk: Served) -> None:
    with signed_in(desk) as person:
        answer = person.post("/cases/1/change", change="note", note="a\0b")
        assert answer.status_code == 400
        assert "zero character" in answer.text
        answer = person.post("/cases/1/change", change="note", note="x" * 10_001)
        assert answer.status_code == 400
        assert "10000 characters" in answer.text
        answer = person.client.post(
            "/cases/1/change", content=b"a=%ff", headers={"Content-Type": "text/plain"}
        )
        assert answer.status_code == 400
