"""Claims about errors that nobody expected: they are unscreened, and never clear."""

from __future__ import annotations

import logging
from collections.abc import Set

import pytest

from hashmatch.hashes import Level
from hashmatch.imaging import Intake, Reading
from hashmatch.outcome import Clear, Matched, Reason, Unscreened
from hashmatch.screening import Query
from tests.pictures import drawn, hashes_of
from tests.scanning import MakeScanner, unscreened

_SECRET = "the name of a file"


class _BrokenIntake(Intake):
    """An intake that raises what no intake should."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        """Raise the error."""
        raise self._error


@pytest.mark.parametrize("error", [RuntimeError(_SECRET), KeyError(_SECRET), MemoryError()])
def test_an_image_is_unscreened_and_the_log_names_the_type_alone(
    make_scanner: MakeScanner, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    kind = type(error).__name__
    with caplog.at_level(logging.ERROR), make_scanner(_BrokenIntake(error)) as scanner:
        outcomes = [
            scanner.scan(drawn(1), content_id="a"),
            scanner.scan_video(drawn(1), content_id="b"),
            scanner.hash_alone(drawn(1), "pdq"),
            scanner.hash_for_lookup(drawn(1), {"pdq"}),
        ]
    for one in outcomes:
        assert isinstance(one, Unscreened)
        assert one.reason is Reason.INTERNAL_ERROR
        assert kind in one.detail
        assert _SECRET not in one.detail
    assert kind in caplog.text
    assert _SECRET not in caplog.text


def test_a_listener_that_fails_leaves_nothing_that_would_be_called_clear(
    make_scanner: MakeScanner,
) -> None:
    class Broken:
        def on_new_matches(self, *_: object) -> None:
            raise ZeroDivisionError

        def on_flooding_entry(self, *_: object) -> None:
            raise ZeroDivisionError

    with make_scanner(listeners=[Broken()]) as scanner:
        queries = [Query((hashes_of(seed, "pdq")["pdq"],), f"post/{seed}") for seed in (1, 9)]
        outcomes = scanner.lookup_many(queries)
        assert {unscreened(one).reason for one in outcomes} == {Reason.INTERNAL_ERROR}
    with make_scanner() as scanner:  # Once it works again.
        assert [type(one) for one in scanner.lookup_many(queries)] == [Matched, Clear]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_who_ends_the_program_ends_it(make_scanner: MakeScanner, kind: type[BaseException]) -> None:
    with make_scanner(_BrokenIntake(kind())) as scanner, pytest.raises(kind):
        scanner.scan(drawn(1), content_id="a")
