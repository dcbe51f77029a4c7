"""Files, pictures in memory and many of them, also from an event loop: one outcome for each."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashmatch import open_async_scanner
from hashmatch.errors import InputError, NoActiveListError
from hashmatch.outcome import Clear, Matched, Outcome, OutcomeName, outcome_name
from hashmatch.screening import AsyncScanner, Scanner, in_order
from hashmatch.synthetic import draw_picture
from tests.command_line import CommandLine
from tests.pictures import drawn
from tests.scanning import MakeScanner, recorded

_PICTURE = draw_picture(1)
_PIXELS = np.asarray(_PICTURE.convert("RGB"))


class _Tensor:
    """What a framework's tensor is asked for, with the channels first."""

    def __init__(self, pixels: np.ndarray[Any, Any]) -> None:
        self._pixels = pixels
        self.shape, self.dtype = pixels.shape, "torch.float32"

    def detach(self) -> _Tensor:
        return self

    def cpu(self) -> _Tensor:
        return self

    def float(self) -> _Tensor:
        return self

    def numpy(self) -> np.ndarray[Any, Any]:
        return self._pixels


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(_PICTURE, id="Pillow"),
        pytest.param(_PIXELS, id="bytes"),
        pytest.param(_PIXELS.astype(np.float32) / 255, id="floats"),
        pytest.param(np.moveaxis(_PIXELS, -1, 0), id="channels first"),
        pytest.param(_PIXELS[np.newaxis], id="a batch of one"),
        pytest.param(np.asarray(_PICTURE.convert("L")), id="grey"),
        pytest.param(_Tensor(np.moveaxis(_PIXELS / np.float32(255), -1, 0)), id="tensor"),
    ],
)
def test_a_listed_picture_in_memory_matches_and_is_on_record(
    make_scanner: MakeScanner, image: object
) -> None:
    outcome = make_scanner().scan_image(image, content_id="made/1", reference="job/7")
    assert isinstance(outcome, Matched)
    assert outcome.content_id == "made/1"
    assert {one.algorithm for one in outcome.matches} == {"pdq"}


def test_a_stranger_in_memory_is_clear(make_scanner: MakeScanner) -> None:
    assert isinstance(make_scanner().scan_image(draw_picture(9), content_id="made/9"), Clear)


Call = Callable[[Scanner], object]


@pytest.mark.parametrize(
    ("call", "kind", "advice"),
    [
        (lambda one: one.scan("a.png", content_id="1"), "str", "scan_file takes a path"),
        (lambda one: one.scan(_PICTURE, content_id="1"), "Image", "scan_image a Pillow image"),
        (lambda one: one.scan(None, content_id="1"), "NoneType", "not the bytes of a file"),
        (lambda one: one.scan_video(3, content_id="1"), "int", "not the bytes of a file"),
        (lambda one: one.scan_image(b"GIF", content_id="1"), "bytes", "scan takes the bytes"),
        (lambda one: one.scan_image("a.png", content_id="1"), "str", "scan_file a path"),
        (lambda one: one.scan_image([[1]], content_id="1"), "list", "no picture"),
        (lambda one: one.scan_file(b"a.png"), "bytes", "no path"),
        (lambda one: list(one.scan_many([("1", 7)])), "int", "no picture"),
    ],
)
def test_what_is_no_image_is_a_type_error_that_says_what_to_call(
    make_scanner: MakeScanner, call: Call, kind: str, advice: str
) -> None:
    with pytest.raises(TypeError, match=f"a {kind} .*{advice}"):
        call(make_scanner())


def test_two_pictures_in_one_array_need_a_content_id_each(make_scanner: MakeScanner) -> None:
    with pytest.raises(InputError, match="holds 2 pictures") as caught:
        make_scanner().scan_image(np.stack([_PIXELS, _PIXELS]), content_id="made/1")
    assert "scan_many" in caught.value.hint


def test_other_buffers_are_the_bytes_of_a_file(make_scanner: MakeScanner) -> None:
    scanner = make_scanner()
    for data in (bytearray(drawn(1)), memoryview(drawn(1))):
        assert isinstance(scanner.scan(data, content_id="post/1"), Matched)  # type: ignore[arg-type]


def _uploads(folder: Path) -> Iterator[tuple[str, object]]:
    """Yield six images of every kind, of which those with an odd number are listed."""
    (folder / "one.png").write_bytes(drawn(1))
    yield "1", drawn(1)
    yield "2", drawn(8)
    yield "3", folder / "one.png"
    yield "4", folder / "missing.png"
    yield "5", draw_picture(2)
    yield "6", np.asarray(draw_picture(9))


def _summary(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(one.content_id, outcome_name(one)) for one in outcomes]


_EXPECTED = [
    *(("1", "matched"), ("2", "clear"), ("3", "matched")),
    *(("4", "unscreened"), ("5", "matched"), ("6", "clear")),
]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_many_images_of_every_kind_have_their_outcomes_in_order(
    make_scanner: MakeScanner, tmp_path: Path, workers: int
) -> None:
    outcomes = list(make_scanner().scan_many(_uploads(tmp_path), workers=workers))
    assert _summary(outcomes) == _EXPECTED


def test_many_images_are_taken_only_a_few_ahead() -> None:
    taken = 0

    def jobs() -> Iterator[Callable[[], int]]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield partial(int, number)

    results = in_order(jobs(), 2)
    assert [next(results) for _ in range(10)] == list(range(10))
    assert taken <= 10 + 2 * 2 + 1
    results.close()


def test_an_event_loop_goes_on_while_images_are_screened(
    make_scanner: MakeScanner, tmp_path: Path
) -> None:
    released = threading.Event()

    async def screen() -> tuple[list[Outcome], list[Outcome]]:
        def wait_first() -> Iterator[tuple[str, object]]:
            released.wait(30)
            yield from _uploads(tmp_path)

        async with AsyncScanner(make_scanner()) as scanner:
            many = scanner.scan_many(wait_first())
            first = asyncio.ensure_future(anext(many))
            # The loop is free while the images are waited for in a thread.
            ones = await asyncio.gather(
                scanner.scan(drawn(1), content_id="a"),
                scanner.scan_file(tmp_path / "missing.png", content_id="b"),
                scanner.scan_image(draw_picture(9), content_id="c"),
            )
            released.set()
            return list(ones), [await first] + [outcome async for outcome in many]

    ones, outcomes = asyncio.run(screen())
    assert _summary(ones) == [("a", "matched"), ("b", "unscreened"), ("c", "clear")]
    assert _summary(outcomes) == _EXPECTED


def test_a_scan_whose_task_is_cancelled_is_on_record(
    make_scanner: MakeScanner, database: Any
) -> None:
    async def cancel() -> None:
        async with AsyncScanner(make_scanner()) as scanner:
            task = asyncio.ensure_future(scanner.scan(drawn(1), content_id="post/1"))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            deadline_s = time.monotonic() + 30
            while not recorded(database) and time.monotonic() < deadline_s:
                await asyncio.sleep(0.01)

    asyncio.run(cancel())
    assert recorded(database) == 2


def test_a_configuration_opens_it_for_async_with(command_line: CommandLine) -> None:
    async def screen() -> Outcome:
        async with open_async_scanner("hashmatch.toml") as scanner:
            return await scanner.scan(drawn(1), content_id="post/1")

    with pytest.raises(NoActiveListError):
        asyncio.run(screen())
    command_line.import_pictures("one", 1)
    assert outcome_name(asyncio.run(screen())) is OutcomeName.MATCHED


def test_what_is_no_hash_is_a_type_error(make_scanner: MakeScanner) -> None:
    for wrong in ("pdq:abc", [("pdq", "abc")], [b"abc"]):
        with pytest.raises(TypeError, match=r"is no hash: give objects of hashmatch\.hashes\.Hash"):
            make_scanner().lookup(wrong, content_id="post/1")  # type: ignore[arg-type]
