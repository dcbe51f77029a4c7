"""`POST /v1/prompts`: listed terms, and a status that cannot be taken for a verdict."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from hashmatch.store.engine import Database
from hashmatch.store.lists import TERMS
from tests.service.serving import Served
from tests.store.importing import import_text


@pytest.fixture
def listing(served: Served, database: Database) -> Served:
    """A service with a list of one term."""
    import_text(database, "words", "term,entry_id,category\nglimmerfish,t1,A\n", kind=TERMS)
    return served


def _ask(served: Served, prompt: str, **more: Any) -> httpx.Response:
    return served.client.post("/v1/prompts", json={"prompt": prompt, **more})


def test_a_prompt_is_clear_or_names_the_terms_by_their_ids(
    listing: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clear = _ask(listing, "a quiet picture")
    assert clear.status_code == 200
    assert clear.json() == {"outcome": "clear", "reason": None, "matches": []}
    found = _ask(listing, "a gl1mmer-fish", prompt_id="p/1")
    assert found.status_code == 200
    assert found.json() == {
        "outcome": "review", "reason": None,
        "matches": [{"list": "words", "generation": 1, "entry_id": "t1", "category": "A",
                     "action": "review"}],
    }  # fmt: skip
    assert "fish" not in found.text + caplog.text
    metrics = listing.client.get("/metrics").text
    assert 'hashmatch_prompts_total{outcome="review",reason=""} 1.0' in metrics


def test_without_a_list_of_terms_the_status_is_no_verdict(served: Served) -> None:
    answer = _ask(served, "a quiet picture")
    assert answer.status_code == 503
    assert answer.json()["outcome"] == "review"
    assert answer.json()["reason"] == "no_active_list"


def test_a_prompt_that_is_too_long_is_no_verdict(listing: Served) -> None:
    answer = _ask(listing, "quiet " * 10_000)
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body", [{}, {"prompt": 7}, {"prompt": "x", "more": 1}, {"prompt": "x", "prompt_id": "\0"}, []]
)
def test_another_body_is_refused(listing: Served, body: Any) -> None:
    answer = listing.client.post("/v1/prompts", json=body)
    assert answer.status_code == 400
    assert "outcome" not in answer.json()
