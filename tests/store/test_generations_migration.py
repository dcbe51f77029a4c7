"""The migration to prepared generations counts what is there, and takes back what is unseen."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    Terms,
    allow_hash,
    count_unsupported,
    disable_entries,
    find_list,
    read_allowances,
    read_new_entries,
)
from hashmatch.store.migrations import downgrade, integrity_problems, schema_differences, upgrade
from hashmatch.store.schema import utc_now
from tests.store.importing import import_text
from tests.store.test_generations import (
    NAMES,
    assert_figures_are_right,
    crash_before_publication,
    figures_of,
    list_file,
    listed_entries,
)

BEFORE = "0024"
PHOTODNA = "photodna,AAAA,e1,A\nphotodna,BBBB,e2,A\n"


def _fill(database: Database) -> None:
    import_text(database, "one", list_file(1, 2, 3) + PHOTODNA + f"sha1,{9:040x},,A\n")
    import_text(database, "one", list_file(2, 3, 4, category="B") + PHOTODNA)
    with database.writing() as session:
        disable_entries(session, "one", ["e3"])
        allow_hash(session, "fine", "md5", bytes(16), Terms("Jane"), "a logo")


def test_a_store_of_before_is_counted_and_goes_on(database: Database) -> None:
    _fill(database)
    figures, listed = figures_of(database), listed_entries(database)
    downgrade(database, BEFORE)
    upgrade(database)
    assert (figures_of(database), listed_entries(database)) == (figures, listed)
    assert_figures_are_right(database)
    with database.reading() as session:
        key = find_list(session, "one").key
        found = {key for batch in read_new_entries(session, {key: None}) for key in batch.keys}
        since = [key for batch in read_new_entries(session, {key: 1}) for key in batch.keys]
        assert len(read_allowances(session, [("md5", bytes(16))], utc_now().date())) == 1
    assert (len(found), len(since)) == (len(NAMES) * 2, len(NAMES))
    assert (
        import_text(database, "one", list_file(2, 4, category="B") + PHOTODNA).comparison.change
        is None
    )
    assert schema_differences(database) == integrity_problems(database) == []


def test_what_was_not_published_is_taken_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(database)
    listed = listed_entries(database)
    crash_before_publication(
        database, monkeypatch, list_file(4, 5, category="C") + "photodna,CCCC,e5,A\n"
    )
    assert listed_entries(database) == listed
    downgrade(database, BEFORE)
    with database.reading() as session:
        active = text("SELECT count(*) FROM entries WHERE withdrawn_generation IS NULL")
        assert session.scalar(active) == len(NAMES) * 2 + 1
        assert session.scalar(text("SELECT count(*) FROM unsupported_hashes")) == 2
    upgrade(database)
    assert listed_entries(database) == listed
    with database.reading() as session:
        assert count_unsupported(session) == {"one": {"photodna": 2}}
    assert_figures_are_right(database)
