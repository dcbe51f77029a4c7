"""Screening of prompts: verdicts, records, and everything that lists of hashes have, too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from hashmatch.cases.retention import apply_retention
from hashmatch.config import Settings
from hashmatch.errors import InputError, LicenceExpiredError, ListFileError, NoActiveListError
from hashmatch.hashers import ALGORITHMS
from hashmatch.outcome import Action, Reason
from hashmatch.policy import Policy
from hashmatch.prompts import PromptOutcome, PromptScreener
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.lists import (
    ALLOW,
    TERMS,
    create_list,
    disable_entries,
    remove_list,
    set_licence,
)
from hashmatch.store.prompts import read_prompt_totals
from hashmatch.store.schema import PromptMatch, utc_now
from tests.scanning import NOW
from tests.store.importing import import_text

LIST = "term,entry_id,category,tags\nglimmerfish,t1,A,\nteapot ~3 submarine,t2,B,\nqux,t3,,loose\n"


@pytest.fixture
def screener(database: Database, settings: Settings) -> Iterator[PromptScreener]:
    import_text(database, "words", LIST, kind=TERMS)
    with _screener(database) as opened:
        yield opened


class _Open(PromptScreener):
    """A screener that leaves its test's database open."""

    def close(self) -> None:
        self._tally.close()
        self._terms.close()


def _screener(database: Database, **policy: object) -> PromptScreener:
    chosen = Settings.model_validate({"policy": policy})
    return _Open(
        database, Policy(chosen, ALGORITHMS), digest_key=b"key", max_characters=1_000,
        clock=lambda: NOW,
    )  # fmt: skip


def test_a_prompt_is_for_review_by_default_and_nothing_of_it_is_on_record(
    database: Database, screener: PromptScreener
) -> None:
    assert screener.check("a quiet picture").is_clear
    verdict = screener.check("a gl1mmer-fish, quietly", prompt_id="p/1")
    assert verdict.outcome is PromptOutcome.REVIEW
    (match,) = verdict.matches
    assert (match.list_name, match.entry_id, match.category) == ("words", "t1", "A")
    with database.reading() as session:
        (row,) = session.scalars(select(PromptMatch))
        log = list(read_audit_records(session))
    assert (row.prompt_id, row.entry_id, row.action, len(row.digest)) == ("p/1", "t1", "review", 32)
    texts = str([getattr(row, one.name) for one in PromptMatch.__table__.columns]) + str(log)
    assert "fish" not in texts
    assert "quiet" not in texts
    assert any(one["action"] == "prompt.matched" for one in log)


def test_the_same_prompt_is_recorded_once(database: Database, screener: PromptScreener) -> None:
    for _ in range(3):
        screener.check("glimmerfish", prompt_id="p/1")
    screener.check("glimmerfish", prompt_id="p/2")
    with database.reading() as session:
        assert len(session.scalars(select(PromptMatch)).all()) == 2


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [
        ({"prompt_action": "block"}, "block"),
        ({"lists": {"words": {"action": "block"}}}, "block"),
        ({"lists": {"words": {"categories": {"A": "block"}}}}, "block"),
        ({"lists": {"words": {"categories": {"B": "block"}}}}, "review"),
        ({"prompt_action": "allow"}, "clear"),
    ],
)
def test_the_action_is_that_of_the_category_the_list_or_the_policy(
    database: Database, policy: dict[str, object], outcome: str
) -> None:
    import_text(database, "words", LIST, kind=TERMS)
    with _screener(database, **policy) as screener:
        assert screener.check("glimmerfish").outcome == outcome


def test_without_terms_nothing_is_clear(database: Database) -> None:
    with _screener(database) as screener:
        verdict = screener.check("a quiet picture")
        assert (verdict.outcome, verdict.reason) == ("review", Reason.NO_ACTIVE_LIST)
        with pytest.raises(NoActiveListError):
            screener.require_lists()


def test_after_a_licence_has_ended_nothing_is_clear_and_its_terms_match_nothing(
    database: Database, screener: PromptScreener
) -> None:
    with database.writing() as session:
        set_licence(session, "words", licensor="L", end=(NOW - timedelta(days=1)).date())
    verdict = screener.check("glimmerfish")
    assert (verdict.outcome, verdict.reason, verdict.matches) == (
        "review", Reason.LICENCE_EXPIRED, (),
    )  # fmt: skip
    with pytest.raises(LicenceExpiredError):
        screener.require_lists()


def test_a_prompt_that_is_too_long_is_for_review(screener: PromptScreener) -> None:
    verdict = screener.check("quiet " * 400)
    assert (verdict.outcome, verdict.reason) == ("review", Reason.TOO_LARGE)
    assert screener.check("glimmerfish " + "quiet " * 400).matches


def test_a_store_that_fails_makes_prompts_for_review(
    database: Database, screener: PromptScreener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("secret detail")

    monkeypatch.setattr("hashmatch.prompts.screening.record_prompt_matches", fail)
    verdict = screener.check("glimmerfish")
    assert (verdict.outcome, verdict.reason) == ("review", Reason.INTERNAL_ERROR)
    assert "secret" not in verdict.detail


def test_lists_are_followed_at_once(database: Database, screener: PromptScreener) -> None:
    assert screener.check("a wumpet").is_clear
    import_text(database, "words", LIST + "wumpet,t4,,\n")
    assert not screener.check("a wumpet").is_clear
    with database.writing() as session:
        disable_entries(session, "words", ["t4"])
    assert screener.check("a wumpet").is_clear
    import_text(database, "more", "term,entry_id\nwumpet,m1\n", kind=TERMS)
    assert not screener.check("a wumpet").is_clear
    with database.writing() as session:
        remove_list(session, "more")
    assert screener.check("a wumpet").is_clear


def test_an_allowed_phrase_explains_what_lies_in_it_and_nothing_else(
    database: Database, screener: PromptScreener
) -> None:
    row = "term,entry_id,tags,note\nthe glimmerfish inn,a1,by:somebody,a pub\n"
    import_text(database, "fine", row, kind=ALLOW)
    assert screener.check("dinner at the Glimmerfish Inn").is_clear
    assert not screener.check("a glimmerfish at the glimmerfish inn").is_clear
    assert not screener.check("the glimmerfish in").is_clear


@pytest.mark.parametrize(
    "tags", ["by:somebody;until:2026-06-30", "by:somebody;only:another", "until:2030-01-01"]
)
def test_a_phrase_allows_under_its_terms_alone(
    database: Database, screener: PromptScreener, tags: str
) -> None:
    row = f"term,entry_id,tags,note\nthe glimmerfish inn,a1,{tags},a pub\n"
    try:
        import_text(database, "fine", row, kind=ALLOW)
    except ListFileError:  # There is no actor.
        assert "by:" not in tags
    assert not screener.check("dinner at the glimmerfish inn").is_clear


def test_terms_and_hashes_are_never_in_one_list(database: Database) -> None:
    with pytest.raises(ListFileError, match="a term in a list of hashes"):
        import_text(database, "hashes", LIST)
    with pytest.raises(ListFileError, match="a hash in a list of terms"):
        import_text(database, "words", f"algorithm,value\nmd5,{'0f' * 16}\n", kind=TERMS)


def test_a_rejected_term_is_named_by_its_line_and_never_quoted(database: Database) -> None:
    with pytest.raises(ListFileError) as raised:
        import_text(database, "words", "term\nsecret*word\n", kind=TERMS)
    assert "line 2" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_images_are_matched_against_hashes_alone(database: Database) -> None:
    import_text(database, "words", LIST, kind=TERMS)
    with database.writing() as session:
        create_list(session, "empty", kind=TERMS)
    import_text(database, "hashes", f"algorithm,value\nmd5,{'0f' * 16}\n")
    with _screener(database) as screener:
        assert not screener.check("glimmerfish").is_clear


def test_prompts_are_counted_by_outcome(database: Database, screener: PromptScreener) -> None:
    screener.check("quiet", source="http")
    screener.check("glimmerfish", source="http")
    screener.check("quiet " * 400)
    screener._tally.close()
    with database.reading() as session:
        totals = {(one.source, one.outcome, one.reason): one.count
                  for one in read_prompt_totals(session)}  # fmt: skip
    assert totals == {
        ("http", "clear", ""): 1, ("http", "review", ""): 1, ("python", "review", "too_large"): 1,
    }  # fmt: skip


def test_what_is_on_record_ends_with_its_retention(
    database: Database, screener: PromptScreener
) -> None:
    screener.check("glimmerfish")
    settings = Settings.model_validate({"retention": {"prompt_days": 30}})
    assert apply_retention(database, settings, dry_run=True) == {"prompts": 0}
    with database.writing() as session:
        for row in session.scalars(select(PromptMatch)):
            row.matched_at = utc_now() - timedelta(days=31)
    assert apply_retention(database, settings, dry_run=True) == {"prompts": 1}
    assert apply_retention(database, settings, dry_run=False) == {"prompt_matches": 1}


def test_a_name_that_cannot_be_stored_is_an_error(screener: PromptScreener) -> None:
    with pytest.raises(InputError):
        screener.check("quiet", prompt_id="\0")


def test_an_action_of_a_term_is_one_of_the_policy() -> None:
    assert [one.value for one in Action] == ["allow", "review", "block"]
