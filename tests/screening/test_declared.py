"""Declarations: what a file says of its origin is on record, and makes nothing milder."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL.PngImagePlugin import PngInfo

from hashmatch.cases import CaseOpener, view_case
from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.outcome import Action, Clear, Matched, Nearness, Unscreened, strongest
from hashmatch.policy import Policy
from hashmatch.provenance import Declared, Provenance
from hashmatch.reports import report_rows
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.matches import MatchFilter
from hashmatch.synthetic import draw_picture
from tests.pictures import list_of
from tests.scanning import MakeScanner
from tests.store.importing import import_text

PROMPT = "a secret prompt\nNegative prompt: none\nSteps: 20, Sampler: Euler a, Seed: 7"
GENERATED, PARTLY = Provenance(("png:parameters",)), Provenance(("iptc:EditedCredit",))


def generated(seed: int) -> bytes:
    """Return a drawn picture in a file that declares to be generated."""
    stream, text = io.BytesIO(), PngInfo()
    text.add_text("parameters", PROMPT)
    draw_picture(seed).save(stream, "PNG", pnginfo=text)
    return stream.getvalue()


def _policy(**policy: Any) -> Policy:
    return Policy(Settings.model_validate({"policy": policy}), ALGORITHMS)


@pytest.fixture
def scanned(database: Database) -> Database:
    """A store with a list of one drawn picture."""
    import_text(database, "one", list_of(1))
    return database


def test_by_default_nothing_follows_from_a_declaration(
    scanned: Database, make_scanner: MakeScanner
) -> None:
    scanner = make_scanner()
    clear = scanner.scan(generated(9), content_id="post/9")
    assert isinstance(clear, Clear)
    assert (clear.action, clear.provenance) == (Action.ALLOW, GENERATED)
    matched = scanner.scan(generated(1), content_id="post/1")
    assert isinstance(matched, Matched)
    assert (matched.action, matched.provenance) == (Action.BLOCK, GENERATED)


def test_the_policy_can_have_every_declared_image_reviewed(
    scanned: Database, make_scanner: MakeScanner
) -> None:
    scanner = make_scanner(generated_action="review", unscreened_action="allow")
    clear = scanner.scan(generated(9), content_id="post/9")
    assert isinstance(clear, Clear)
    assert clear.action is Action.REVIEW
    matched = scanner.scan(generated(1), content_id="post/1")
    assert isinstance(matched, Matched)
    assert matched.action is Action.BLOCK
    cut = scanner.scan(generated(1)[:-40_000], content_id="post/2")
    assert isinstance(cut, Matched | Unscreened)
    assert cut.action is not Action.ALLOW


@pytest.mark.parametrize("general", ["allow", "review", "block"])
@pytest.mark.parametrize("own", ["allow", "review", "block"])
def test_a_declaration_makes_no_match_milder(general: str, own: str) -> None:
    policy = _policy(action=general, lists={"one": {"generated_action": own}})
    plain = policy.action("one", "")
    for provenance in (GENERATED, PARTLY):
        declared = policy.action("one", "", Nearness.MATCH, provenance)
        assert declared is strongest((plain, Action(own)))
    assert policy.action("other", "", Nearness.MATCH, GENERATED) is plain
    assert policy.action("one", "", Nearness.NEAR, GENERATED) is not Action.BLOCK


def test_what_is_declared_in_part_has_an_action_of_its_own() -> None:
    policy = _policy(generated_action="block", partly_generated_action="review")
    assert policy.declared_action(GENERATED) is Action.BLOCK
    assert policy.declared_action(PARTLY) is Action.REVIEW
    assert policy.declared_action(Provenance()) is policy.declared_action(None) is Action.ALLOW


def test_a_match_has_the_declaration_on_record_and_never_its_text(
    scanned: Database, make_scanner: MakeScanner
) -> None:
    make_scanner().scan(generated(1), content_id="post/1")
    with scanned.reading() as session:
        (row,) = report_rows(session, MatchFilter())
        log = str(list(read_audit_records(session)))
    assert (row.declared, row.evidence, row.c2pa, row.issuer) == (
        "generated", "png:parameters", "none", "",
    )  # fmt: skip
    assert "png:parameters" in log
    assert "secret" not in log


def test_an_action_of_a_list_for_declared_pictures_is_recorded(
    scanned: Database, make_scanner: MakeScanner
) -> None:
    scanner = make_scanner(action="review", lists={"one": {"generated_action": "block"}})
    scanner.scan(generated(1), content_id="post/1")
    with scanned.reading() as session:
        (row,) = report_rows(session, MatchFilter())
    assert row.action == "block"


def test_a_case_shows_what_the_file_declares(scanned: Database, make_scanner: MakeScanner) -> None:
    scanner = make_scanner(listeners=(CaseOpener(Settings().cases),))
    assert isinstance(scanner.scan(generated(1), content_id="post/1"), Matched)
    with scanned.reading() as session:
        (evidence,) = view_case(session, 1)["evidence"]
    assert evidence["provenance"] == {
        "declared": Declared.GENERATED, "evidence": ["png:parameters"], "c2pa": "none",
        "issuer": None,
    }  # fmt: skip
