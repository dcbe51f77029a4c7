"""Entries reach exchanges and leave them, whatever becomes of requests: one suite for all kinds."""

from __future__ import annotations

import logging

import pytest

from hashmatch.config import Settings
from hashmatch.errors import InputError, NotFoundError
from hashmatch.sharing import publish_changes, resend, send_to_exchange
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list, remove_list
from hashmatch.store.sharing import drop_entry, lease_exchange, release_exchange
from tests.sharing.sending import Platform, There, there, values
from tests.store.importing import import_text

__all__ = ["there"]


@pytest.fixture
def platform(database: Database, there: There) -> Platform:
    """A platform that sends its own list there."""
    return Platform(database, there.section)


def _values(there: There, *drawings: int) -> set[str]:
    return values(*drawings, algorithms=there.algorithms)


def _pdq(drawing: int) -> set[str]:
    return values(drawing, algorithms=("pdq",))


def _row(drawing: int, entry_id: str, category: str) -> str:
    (value,) = _pdq(drawing)
    return f"algorithm,value,entry_id,category\npdq,{value},{entry_id},{category}\n"


def test_entries_are_sent_once(platform: Platform, there: There) -> None:
    for drawing in (1, 2):
        platform.add(drawing)
    assert platform.send().counts == {"sent": 2}
    assert there.has() == _values(there, 1, 2)
    assert there.requests()
    assert platform.send().counts == {}
    assert there.requests() == []
    assert (platform.facts()["sent"], platform.facts()["waiting"]) == (2, 0)


def test_withdrawals_follow(platform: Platform, there: There) -> None:
    first, _ = platform.add(1), platform.add(2)
    platform.send()
    platform.withdraw(first)
    assert platform.send().counts == {"withdrawn": 1}
    assert there.has() == _values(there, 2)
    assert platform.facts()["withdrawn"] == 1


def test_an_entry_that_is_withdrawn_before_it_was_sent_is_never_sent(
    platform: Platform, there: There
) -> None:
    platform.withdraw(platform.add(1))
    assert platform.send().counts == {}
    assert there.requests() == []
    # Nor where it was taken up already.
    there.service.faults = [500]
    second = platform.add(2)
    platform.send()
    assert there.has() == set()
    there.requests()
    platform.withdraw(second)
    platform.wait()
    platform.send()
    assert there.has() == set()


@pytest.mark.parametrize("fault", ["lost", "before", "reset:0", "reset:3", "slow", 500, 504])
def test_an_attempt_that_failed_is_made_again(
    platform: Platform, there: There, fault: str | int
) -> None:
    platform.section["timeout_s"] = 1.0
    there.service.faults = [there.lost if fault == "lost" else fault]
    platform.add(1)
    assert platform.send().counts["failed"] == 1
    (waiting,) = platform.unsent()
    assert (waiting["state"], waiting["attempts"]) == ("waiting", 1)
    assert waiting["reason"].startswith("127.0.0.1: ")
    # Not at once.
    assert platform.send().counts == {}
    platform.wait()
    assert platform.send().counts == {"sent": 1}
    assert there.has() == _values(there, 1)
    assert platform.unsent() == []


@pytest.mark.parametrize("fault", ["lost", "before"])
def test_a_withdrawal_reaches_what_nobody_knew_to_be_there(
    platform: Platform, there: There, fault: str
) -> None:
    there.service.faults = [there.lost if fault == "lost" else fault]
    entry = platform.add(1)
    platform.send()
    platform.withdraw(entry)
    platform.wait()
    platform.send()
    assert there.has() == set()
    assert platform.unsent() == []


def test_a_withdrawal_whose_answer_was_lost_is_made_again(platform: Platform, there: There) -> None:
    entry = platform.add(1)
    platform.send()
    platform.withdraw(entry)
    there.service.faults = [there.lost]
    assert platform.send().counts["failed"] == 1
    platform.wait()
    platform.send()
    assert there.has() == set()
    assert platform.unsent() == []


def test_an_exchange_that_asks_to_wait_is_left_alone(platform: Platform, there: There) -> None:
    there.service.faults = [429]
    for drawing in (1, 2):
        platform.add(drawing)
    sent = platform.send()
    assert not sent.is_blocked
    assert "asks to wait" in sent.problem
    assert len(there.requests()) == 1
    assert platform.send().problem == sent.problem
    assert there.requests() == []
    assert platform.facts()["state"] == "paused"
    platform.wait()
    assert platform.send().counts == {"sent": 2}
    assert there.has() == _values(there, 1, 2)


@pytest.mark.parametrize("fault", [401, 403, "http://127.0.0.1:1/x"])
def test_one_that_refuses_us_stops_everything_and_loses_nothing(
    platform: Platform, there: There, fault: str | int
) -> None:
    there.service.faults = [fault]
    for drawing in (1, 2):
        platform.add(drawing)
    assert platform.send().is_blocked
    assert len(there.requests()) == 1
    facts = platform.facts()
    assert (facts["state"], facts["waiting"], facts["refused"]) == ("blocked", 2, 0)
    assert "tried again at" in facts["reason"]
    assert platform.send().is_blocked
    assert there.requests() == []
    # A person has mended it, and does not wait.
    platform.send(by_hand=True)
    platform.wait()
    platform.send()
    assert there.has() == _values(there, 1, 2)
    assert platform.facts()["state"] == "ready"


def test_several_failures_in_a_row_are_the_exchanges_own(platform: Platform, there: There) -> None:
    there.service.faults = [500] * 9
    for drawing in range(1, 6):
        platform.add(drawing)
    assert platform.send().counts["failed"] == 3
    assert len(there.requests()) == 3
    assert platform.facts()["state"] == "paused"
    there.service.faults = []
    platform.wait()
    assert platform.send().counts == {"sent": 5}
    assert there.has() == _values(there, *range(1, 6))


def test_an_entry_that_is_refused_is_visible_and_keeps_no_other_waiting(
    platform: Platform, there: There
) -> None:
    first = platform.add(1)
    there.service.faults = [422]
    platform.send()
    platform.add(2)
    platform.send()
    (refused,) = platform.unsent()
    assert (refused["entry"], refused["state"]) == (str(first), "refused")
    assert "422" in refused["reason"]
    assert _values(there, 2) <= there.has()
    assert platform.send().counts == {}
    assert resend(platform.database, "there", None) == 1
    assert platform.send().counts == {"sent": 1}
    assert there.has() == _values(there, 1, 2)
    actions = [action for action, _ in platform.audited() if action != "exchange.sent"]
    assert actions == ["exchange.refused", "exchange.resent"]


def test_a_refused_entry_can_be_dropped_and_is_sent_again_by_hand(
    platform: Platform, there: There
) -> None:
    there.service.faults = [422] * 3
    entry = platform.add(1)
    platform.send()
    there.service.faults = []
    with platform.database.writing() as session:
        drop_entry(session, "there", "ours", str(entry))
    assert platform.send().counts == {}
    assert platform.facts()["dropped"] == 1
    with platform.database.writing() as session, pytest.raises(NotFoundError, match="dropped"):
        drop_entry(session, "there", "ours", str(entry))
    with pytest.raises(NotFoundError):
        resend(platform.database, "there", ("ours", "999"))
    assert resend(platform.database, "there", ("ours", str(entry))) == 1
    assert platform.send().counts == {"sent": 1}
    # Also what is there already.
    there.requests()
    resend(platform.database, "there", ("ours", str(entry)))
    platform.send()
    assert there.requests()
    assert there.has() == _values(there, 1)


def test_a_refused_entry_that_is_withdrawn_needs_nothing(platform: Platform, there: There) -> None:
    there.service.faults = [422] * 3
    entry = platform.add(1)
    platform.send()
    there.service.faults = []
    there.requests()
    platform.withdraw(entry)
    platform.send()
    assert there.requests() == []
    assert platform.facts()["withdrawn"] == 1


def test_only_the_categories_that_it_may_have_are_sent(platform: Platform, there: There) -> None:
    platform.section["categories"] = ["A1"]
    platform.add(1, category="A1")
    platform.add(2, category="B2")
    platform.send()
    assert there.has() == _values(there, 1)
    # Settings that permit other ones decide about all that is there.
    platform.section["categories"] = ["B2"]
    platform.send()
    assert there.has() == _values(there, 2)
    platform.section["categories"] = []
    platform.send()
    assert there.has() == _values(there, 1, 2)


def test_a_licensed_list_is_sent_only_where_its_licence_permits(
    platform: Platform, there: There
) -> None:
    platform.section["lists"] = ["ours", "one"]
    platform.sharing = {"lists": {"ours": {}, "one": {}}}
    import_text(platform.database, "one", _row(5, "e1", "A"))
    platform.add(1)
    sent = platform.send()
    assert there.has() == _values(there, 1)
    assert "licensed" in sent.refused_lists[0].reason.message
    assert "licensed" in platform.facts("one")["reason"]
    platform.sharing = {}
    platform.send()
    assert there.has() == _pdq(5) | _values(there, 1)


def test_changes_of_an_entry_reach_it(platform: Platform, there: There) -> None:
    platform.section |= {"lists": ["one"], "categories": ["A", "B"]}
    database = platform.database
    for drawing, category in ((1, "A"), (1, "B"), (2, "B"), (2, "C"), (3, "A")):
        import_text(database, "one", _row(drawing, "e/1", category))
        platform.send()
        assert there.has() == (set() if category == "C" else _pdq(drawing))
    import_text(database, "one", _row(4, "e/2", "C"))
    platform.send()
    assert there.has() == set()


def test_entries_of_a_list_that_is_removed_are_withdrawn(platform: Platform, there: There) -> None:
    for drawing in (1, 2):
        platform.add(drawing)
    platform.send()
    with platform.database.writing() as session:
        remove_list(session, "ours")
    assert platform.send().counts == {"withdrawn": 2}
    assert there.has() == set()
    assert "removed" in platform.facts()["reason"]


def test_a_list_that_is_not_named_any_more_stays_and_is_shown(
    platform: Platform, there: There
) -> None:
    entry = platform.add(1)
    platform.send()
    platform.section["lists"] = ["one"]
    import_text(platform.database, "one", _row(5, "e1", "A"))
    platform.withdraw(entry)
    platform.send()
    assert there.has() == _pdq(5) | _values(there, 1)
    assert "does not name it any more" in platform.facts()["reason"]


def test_one_process_at_a_time_sends(platform: Platform, there: There) -> None:
    platform.add(1)
    with platform.database.writing() as session:
        lease_exchange(session, "there", "another host's")
    assert platform.send().counts == {}
    assert there.requests() == []
    with platform.database.writing() as session:
        release_exchange(session, "there", "another host's")
    assert platform.send().counts == {"sent": 1}


def test_the_audit_log_has_entries_and_algorithms_and_no_value(
    platform: Platform, there: There, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="hashmatch")
    entry = platform.add(1)
    platform.send()
    platform.withdraw(entry)
    platform.send()
    about = {"exchange": "there", "list": "ours", "entry": str(entry)}
    is_whole = there.section["to"] == "ncmec"
    parts = [{}] if is_whole else [{"algorithm": one} for one in there.algorithms]
    assert platform.audited() == [
        (f"exchange.{action}", {**about, **part})
        for action in ("sent", "withdrawn")
        for part in parts
    ]
    assert not any(one in str(platform.audited()) + caplog.text for one in values(1))


def test_no_secret_is_in_an_address(platform: Platform, there: There) -> None:
    entry = platform.add(1)
    platform.send()
    platform.withdraw(entry)
    platform.send()
    for one in there.requests():
        assert one.query == {}
        assert "secret" not in one.path


def test_an_unknown_exchange_is_a_clear_error(platform: Platform, there: There) -> None:
    with pytest.raises(InputError, match="no exchange named 'nowhere'"):
        send_to_exchange(platform.database, platform.settings, "nowhere")


def test_a_private_address_is_not_sent_to(platform: Platform, there: There) -> None:
    document = platform.document() | {"outbox": {"private_hosts": []}}
    platform.add(1)
    settings = Settings.model_validate(document)
    publish_changes(platform.database, settings)
    sent = send_to_exchange(platform.database, settings, "there")
    assert sent.is_blocked
    assert "https" in sent.problem
    assert there.requests() == []


def test_own_lists_of_the_same_hash_are_one_there(platform: Platform, there: There) -> None:
    first, second = platform.add(1), platform.add(1)
    if there.section["to"] == "ncmec":
        pytest.skip("it has entries, and not hashes")
    platform.send()
    assert there.has() == _values(there, 1)
    platform.withdraw(first)
    platform.send()
    assert there.has() == _values(there, 1)
    platform.withdraw(second)
    platform.send()
    assert there.has() == set()
    with platform.database.reading() as session:
        assert find_list(session, "ours").active_entries == 0
