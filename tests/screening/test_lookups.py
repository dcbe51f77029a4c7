"""Look-ups of an image by several hashes: it is clear by all of them, or not clear."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from hashmatch.hashes import Hash
from hashmatch.outcome import Clear, Matched, Outcome, Reason
from hashmatch.screening import Scanner, anonymous_content_id
from hashmatch.store.engine import Database
from hashmatch.store.lists import Terms, allow_hash
from hashmatch.store.schema import Content, ContentHash
from tests.pictures import hashes_of, list_of
from tests.scanning import MakeScanner, unscreened
from tests.store.importing import import_text

pytestmark = pytest.mark.sqlite


@pytest.fixture
def scanner(make_scanner: MakeScanner, database: Database) -> Scanner:
    """A scanner over a list of one drawing."""
    scanner = make_scanner()
    import_text(database, "one", list_of(1, algorithms=("pdq", "sha256")))
    return scanner


def _hash(seed: int, algorithm: str = "pdq", quality: int | None = 100) -> Hash:
    found = hashes_of(seed, algorithm)[algorithm]
    return replace(found, quality=quality, stretched_quality=None)


def _look_up(scanner: Scanner, *hashes: Hash) -> Outcome:
    return scanner.lookup(hashes, content_id="post/1")


def test_a_hash_of_low_quality_is_not_made_good_by_another(scanner: Scanner) -> None:
    good, low = _hash(8), _hash(1, quality=0)
    assert isinstance(_look_up(scanner, good), Clear)
    for hashes in ((good, low), (low, good), (good, low, good)):
        assert unscreened(_look_up(scanner, *hashes)).reason is Reason.LOW_QUALITY


def test_the_same_hash_twice_is_one(scanner: Scanner, database: Database) -> None:
    assert isinstance(_look_up(scanner, _hash(8), _hash(8, quality=0)), Clear)
    one, other = _hash(1), _hash(8)
    for hashes in ((one, other), (other, one), (one, other, one)):
        assert isinstance(_look_up(scanner, *hashes), Matched)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Content)) == 1
        assert set(session.scalars(select(ContentHash.value))) == {one.value, other.value}
    assert anonymous_content_id(one, other, one) == anonymous_content_id(other, one)


@pytest.mark.parametrize("algorithm", ["pdq", "sha256"])
def test_an_allowed_file_explains_no_other_file_beside_it(
    scanner: Scanner, database: Database, algorithm: str
) -> None:
    harmless, listed = _hash(8, "sha256", None), _hash(1, "sha256", None)
    with database.writing() as session:
        allow_hash(session, "harmless", "sha256", harmless.value, Terms("Jane Doe"), "a meme")
    found = _hash(1, algorithm, None)
    for hashes in ((harmless, listed, found), (found, listed, harmless)):
        outcome = _look_up(scanner, *hashes)
        assert isinstance(outcome, Matched)
        assert algorithm in {one.algorithm for one in outcome.matches}
    assert isinstance(_look_up(scanner, harmless, _hash(1)), Clear)
