"""A gate fails closed, and gives back what may be shown."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from hashmatch.gate import Checked, Context, ImageGate, Role, Verdict
from hashmatch.hashes import Level
from hashmatch.outcome import Clear, Matched, Outcome, Reason
from hashmatch.screening import Picture
from hashmatch.store.engine import Database
from hashmatch.store.lists import disable_entries, remove_list
from hashmatch.synthetic import draw_picture
from tests.pictures import drawn, list_of
from tests.scanning import MakeScanner, recorded
from tests.store.importing import import_text

LISTED, OTHER = draw_picture(1), draw_picture(9)


def _verdicts(checked: Checked) -> list[str]:
    return [one.verdict.value for one in checked.decisions]


def test_a_listed_picture_is_replaced_and_others_are_the_very_same(gate: ImageGate) -> None:
    pictures = [OTHER, LISTED, draw_picture(10)]
    checked = gate.check(pictures)
    assert _verdicts(checked) == ["clear", "matched", "clear"]
    assert checked.pictures[0] is pictures[0]
    assert checked.pictures[2] is pictures[2]
    assert checked.pictures[1].getextrema() == ((128, 128),) * 3
    assert not checked.are_all_shown


@pytest.mark.parametrize(
    "altered",
    [
        LISTED.resize((320, 240)),
        ImageOps.mirror(LISTED),
        ImageEnhance.Brightness(LISTED).enhance(1.3),
        ImageOps.expand(LISTED, 40, "white"),
        ImageOps.invert(LISTED),
        LISTED.convert("RGBA"),
    ],
)
def test_an_altered_copy_in_memory_is_found_as_one_in_a_file_is(
    gate: ImageGate, altered: Image.Image
) -> None:
    assert _verdicts(gate.check(altered)) == ["matched"]
    assert _verdicts(gate.check(np.asarray(altered))) == ["matched"]


def test_a_match_is_on_record_under_the_platforms_name(gate: ImageGate, database: Database) -> None:
    context = Context(content_id="job/7", reference="gpu3")
    decision, _ = gate.check([LISTED, LISTED], context=context).decisions
    assert isinstance(decision.outcome, Matched)
    assert decision.content_id == decision.outcome.content_id == "job/7/0"
    assert recorded(database) == 2


def test_pictures_without_a_name_never_share_one(gate: ImageGate) -> None:
    names = [one.content_id for _ in range(2) for one in gate.check([OTHER, OTHER]).decisions]
    assert len(set(names)) == 4
    assert all(one.startswith("output:") for one in names)


def test_a_file_in_memory_is_decoded_as_any_file_is(gate: ImageGate) -> None:
    checked = gate.check([drawn(1), drawn(9), b"no image"])
    assert _verdicts(checked) == ["matched", "clear", "unscreened"]
    assert checked.pictures[1] == drawn(9)
    assert checked.pictures[0] == checked.pictures[2]
    assert checked.pictures[0].startswith(b"\x89PNG")


def test_a_plain_picture_is_shown_and_named_so(gate: ImageGate) -> None:
    checked = gate.check([Image.new("RGB", (512, 512)), np.zeros((64, 64, 3), np.uint8)])
    assert _verdicts(checked) == ["plain", "plain"]
    assert checked.are_all_shown


def test_a_picture_that_shows_too_little_is_not_shown(gate: ImageGate) -> None:
    faint = Image.new("RGB", (512, 512))
    faint.putpixel((100, 100), (1, 1, 1))
    (decision,) = gate.check(faint).decisions
    assert (decision.is_shown, decision.reason) == (False, Reason.LOW_QUALITY)


def test_a_mask_may_show_little_and_not_a_listed_picture(gate: ImageGate) -> None:
    mask = Image.new("L", (512, 512))
    mask.paste(255, (200, 200, 230, 220))
    context = Context(role=Role.MASK)
    assert not gate.check(mask).are_all_shown
    assert gate.check(mask, context=context).are_all_shown
    assert not gate.check(LISTED.convert("L"), context=context).are_all_shown


def test_a_picture_with_further_frames_is_not_judged_by_one(gate: ImageGate) -> None:
    stream = io.BytesIO(drawn(9, "GIF", save_all=True, append_images=[draw_picture(1)]))
    (decision,) = gate.check(Image.open(stream)).decisions
    assert (decision.verdict, decision.reason) == (Verdict.UNSCREENED, Reason.UNSUPPORTED)


@pytest.mark.parametrize("level", [Level.PLAIN, Level.STANDARD])
def test_a_gate_searches_as_far_as_it_is_told(make_scanner: MakeScanner, level: Level) -> None:
    with ImageGate(make_scanner(), level=level, budget_s=60) as gate:
        mirrored = gate.check(ImageOps.mirror(LISTED))
    assert mirrored.are_all_shown == (level is Level.PLAIN)


def test_a_match_for_review_is_shown_only_where_the_operator_says_so(
    make_scanner: MakeScanner,
) -> None:
    scanner = make_scanner(action="review")
    for shows_review in (False, True):
        with ImageGate(scanner, shows_review=shows_review, budget_s=60) as gate:
            (decision,) = gate.check(LISTED).decisions
            assert (decision.verdict, decision.is_shown) == (Verdict.MATCHED, shows_review)


def test_without_a_list_nothing_is_shown(gate: ImageGate, database: Database) -> None:
    with database.writing() as session:
        remove_list(session, "one")
    (decision,) = gate.check(OTHER).decisions
    assert (decision.is_shown, decision.reason) == (False, Reason.NO_ACTIVE_LIST)


def test_lists_of_exact_hashes_say_nothing_of_a_picture_in_memory(
    make_scanner: MakeScanner, database: Database
) -> None:
    scanner = make_scanner()
    with database.writing() as session:
        remove_list(session, "one")
    import_text(database, "exact", list_of(1, algorithms=("sha256",)))
    scanner.follow_lists()
    with ImageGate(scanner, budget_s=60) as gate:
        (decision,) = gate.check(OTHER).decisions
        assert (decision.is_shown, decision.reason) == (False, Reason.NO_ACTIVE_LIST)
        assert _verdicts(gate.check(drawn(1))) == ["matched"]


def test_a_gate_follows_the_lists(gate: ImageGate, database: Database) -> None:
    assert _verdicts(gate.check(LISTED)) == ["matched"]
    with database.writing() as session:
        disable_entries(session, "one", ["e1"])
    assert _verdicts(gate.check(LISTED)) == ["clear"]


class _Slow:
    """A scanner that takes its time, or fails, or answers for others."""

    def __init__(self, answer: Any = None) -> None:
        self.may_go_on = threading.Event()
        self._answer = answer

    def scan(self, data: bytes, *, content_id: str, **_: Any) -> Outcome:
        self.may_go_on.wait(60)
        return Clear(content_id, None, (), 0.0)

    def scan_pictures(self, pictures: Sequence[Picture], **_: Any) -> list[Outcome]:
        if isinstance(self._answer, Exception):
            raise self._answer
        if self._answer is not None:
            return self._answer  # type: ignore[no-any-return]
        return [self.scan(b"", content_id=one.content_id) for one in pictures]


@contextmanager
def _slow_gate(answer: Any = None, budget_s: float = 0.05) -> Iterator[tuple[ImageGate, _Slow]]:
    scanner = _Slow(answer)
    with ImageGate(scanner, budget_s=budget_s) as gate:
        yield gate, scanner
        scanner.may_go_on.set()


def test_what_gets_no_verdict_in_time_is_not_shown() -> None:
    with _slow_gate() as (gate, scanner):
        checked = gate.check([OTHER, drawn(9), Image.new("L", (64, 64))])
        assert _verdicts(checked) == ["unscreened", "unscreened", "plain"]
        assert {one.reason for one in checked.decisions[:2]} == {Reason.TIMED_OUT}
        scanner.may_go_on.set()
        assert gate.check(OTHER, context=Context(budget_s=60)).are_all_shown


def test_the_time_is_that_of_the_whole_check() -> None:
    """Many scans hang; those that wait for a thread have no more time than they."""
    with _slow_gate(budget_s=0.2) as (gate, _):
        begun_s = time.monotonic()
        checked = gate.check([drawn(9)] * 30)
        assert time.monotonic() - begun_s < 30 * 0.2
        assert set(_verdicts(checked)) == {"unscreened"}


@pytest.mark.parametrize(
    "answer", [RuntimeError("any"), [], [Clear("other", None, (), 0.0)], MemoryError()]
)
def test_a_scanner_that_fails_or_answers_for_another_shows_nothing(answer: Any) -> None:
    with _slow_gate(answer, budget_s=60) as (gate, _):
        (decision,) = gate.check(OTHER).decisions
        assert (decision.is_shown, decision.reason) == (False, Reason.INTERNAL_ERROR)


def test_a_killed_scanner_shows_nothing(make_scanner: MakeScanner) -> None:
    scanner = make_scanner()
    with ImageGate(scanner, budget_s=60) as gate:
        scanner.close()
        assert not gate.check([OTHER, LISTED]).are_all_shown


def test_every_decision_is_counted_with_its_context(make_scanner: MakeScanner) -> None:
    counted: list[tuple[str, list[str]]] = []
    with ImageGate(
        make_scanner(),
        budget_s=60,
        count=lambda context, some: counted.append(
            (context.adapter, [one.verdict.value for one in some])
        ),
    ) as gate:
        gate.check([OTHER, LISTED], context=Context(adapter="comfyui"))
    assert counted == [("comfyui", ["clear", "matched"])]


def test_where_nothing_was_given_nothing_is_decided(gate: ImageGate) -> None:
    checked = gate.check([])
    assert (checked.decisions, checked.pictures, checked.are_all_shown) == ((), [], True)


def test_a_gate_serves_many_threads(gate: ImageGate) -> None:
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda _: _verdicts(gate.check([OTHER, LISTED])), range(12)))
    assert found == [["clear", "matched"]] * 12


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_gate_decides_after_a_fork() -> None:
    with _slow_gate(budget_s=60) as (gate, scanner):
        scanner.may_go_on.set()
        assert gate.check(OTHER).are_all_shown
        pid = os.fork()
        if pid == 0:
            os._exit(0 if gate.check(OTHER).are_all_shown else 1)
        assert os.waitpid(pid, 0)[1] == 0
