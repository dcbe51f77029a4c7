"""Guard of a pipeline of diffusers, which is neither installed nor loaded here.

Where the pipeline has the safety checker's hook, the guard is a checker and its feature extractor:
the extractor gets the very pictures that the caller would. Where it has none, such as SDXL, SD3 and
Flux, which drop a checker that they are given, the guard stands in the processors of images and
videos, through which every picture leaves. A pipeline with neither is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import wraps
from threading import local
from typing import Any

from PIL import Image

from hashmatch.errors import BlockedInputError, GuardError
from hashmatch.imaging import is_array

from .decisions import Checked, Context, Role
from .gate import ImageGate

_ADAPTER = "diffusers"
_LATENT = "latent"
# The processors of a pipeline, and by what they give pictures to the caller.
_PROCESSORS = {"image_processor": "postprocess", "video_processor": "postprocess_video"}
# What other pipelines are made of.
_PARTS = frozenset({"components", "from_pipe"})
# Where the result of a call has its pictures.
_RESULTS = ("images", "frames", "rgb")
# Of the named values of a call, those with one of these words are pictures where they are arrays,
# and those with such an ending are not.
_PICTURE_WORDS = ("image", "mask", "video", "control", "frames", "condition")
_NO_PICTURES = ("embeds", "latents")
# Pipelines whose checker looks for watermarks, too, take three results of it.
_WITH_WATERMARKS = "watermark_detected"
# What a replaced picture is where the pipeline does not denormalise it.
_GREY = 0.5


def guard(pipeline: Any, gate: ImageGate, *, checks_inputs: bool = True) -> GuardedPipeline:
    """Return the pipeline with the gate before its outputs and, with `checks_inputs`, its inputs.

    The outputs of the pipeline itself are guarded, too, wherever it is called. What comes back has
    its attributes, refuses latent output, which no gate could see, and checks what left by another
    way. Raises `GuardError` for a pipeline without any hook, and for one that is guarded already.
    """
    if isinstance(pipeline, GuardedPipeline) or hasattr(pipeline, "hashmatch_guard"):
        raise GuardError("the pipeline is guarded already")
    guarded = _Guard(gate)
    has_checker = callable(getattr(pipeline, "run_safety_checker", None))
    processors = [
        (name, method)
        for name, method in _PROCESSORS.items()
        if callable(getattr(getattr(pipeline, name, None), method, None))
    ]
    if not has_checker and not processors:
        raise GuardError(
            f"a {type(pipeline).__name__} has neither a safety checker nor an image processor",
            hint="Check its pictures with ImageGate.check before anybody sees them.",
        )
    if has_checker:
        finds_watermarks = _WITH_WATERMARKS in inspect.getsource(type(pipeline).run_safety_checker)
        pipeline.run_safety_checker = guarded.noting(pipeline.run_safety_checker)
        pipeline.feature_extractor = _Extractor(pipeline.feature_extractor, guarded)
        pipeline.safety_checker = _Checker(guarded, finds_watermarks=finds_watermarks)
    for name, method in processors:
        processor = _Processor(
            getattr(pipeline, name), method, guarded, follows_checker=has_checker
        )
        setattr(pipeline, name, processor)
    pipeline.hashmatch_guard = guarded
    return GuardedPipeline(pipeline, guarded, checks_inputs=checks_inputs)


class GuardedPipeline:
    """A pipeline behind a gate; everything else is the pipeline's own."""

    def __init__(self, pipeline: Any, guarded: _Guard, *, checks_inputs: bool) -> None:
        self.__dict__.update(_pipeline=pipeline, _guard=guarded, _checks_inputs=checks_inputs)

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Call the pipeline. Raises `GuardError` for latent output and blocked inputs."""
        given = _bind(self._pipeline, positional, named)
        if given.get("output_type") == _LATENT:
            raise _latent_error()
        self._guard.require_prompts(
            [text for name, value in given.items() for text in _texts_in(name, value)]
        )
        if self._checks_inputs:
            for name, value in given.items():
                _check_input(self._guard, name, value)
        with self._guard.watching() as watch:
            result = self._pipeline(*positional, **named)
        return self._guard.check_result(result, watch)

    def __getattr__(self, name: str) -> Any:
        if name in _PARTS:
            raise GuardError(
                f"{name} of a guarded pipeline would make another without the gate",
                hint="Make it of the pipeline before, and guard that one as well.",
            )
        value = getattr(self._pipeline, name)
        return self._returning(value) if inspect.ismethod(value) else value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._pipeline, name, value)

    def _returning(self, method: Any) -> Any:
        """Return a method that gives this back where it would give the pipeline itself."""

        @wraps(method)
        def call(*positional: Any, **named: Any) -> Any:
            result = method(*positional, **named)
            return self if result is self._pipeline else result

        return call


class _Watch:
    """Whether any picture of a call went through the gate, and the last that came from a hook."""

    is_checked = False
    last: Any = None


class _Guard:
    """The gate of one pipeline; knows within a call whether the hooks were reached."""

    def __init__(self, gate: ImageGate) -> None:
        self._gate = gate
        self._calls = local()

    def check(self, pictures: Any, role: Role = Role.OUTPUT) -> Checked:
        """Check pictures, and note that the hooks were reached where they are outputs."""
        checked = self._gate.check(pictures, context=Context(_ADAPTER, role))
        if role is Role.OUTPUT and (watch := self._watch):
            watch.is_checked = True
        return checked

    def require_prompts(self, texts: Sequence[str]) -> None:
        """Raise `BlockedInputError` for a prompt that may not be used."""
        if texts and not self._gate.passes_prompts(texts, context=Context(_ADAPTER, Role.INPUT)):
            raise BlockedInputError("the prompt may not be used")

    def left(self, pictures: Any) -> Any:
        """Return pictures that come from a hook, and note them."""
        if watch := self._watch:
            watch.last = pictures
        return pictures

    @property
    def _watch(self) -> _Watch | None:
        return getattr(self._calls, "watch", None)

    @contextmanager
    def watching(self) -> Iterator[_Watch]:
        """Note within a call of the pipeline, in this thread, whether its hooks are reached."""
        before = self._watch
        self._calls.watch = watch = _Watch()
        try:
            yield watch
        finally:
            self._calls.watch = before

    def noting(self, run_safety_checker: Any) -> Any:
        """Return a pipeline's method, during which the extractor's pictures are outputs."""

        def run(*positional: Any, **named: Any) -> Any:
            self._calls.is_checking, self._calls.has_passed = True, False
            try:
                return run_safety_checker(*positional, **named)
            finally:
                self._calls.is_checking = False

        return run

    def pass_on(self) -> None:
        """Note that a batch has passed the checker, and goes to the processor next."""
        self._calls.has_passed = True

    def takes_passed(self) -> bool:
        """Say whether the next batch of a processor passed the checker, or is on its way to it."""
        if self.is_checking:
            return True
        has_passed = bool(getattr(self._calls, "has_passed", False))
        self._calls.has_passed = False
        return has_passed

    @property
    def is_checking(self) -> bool:
        """Return whether a pipeline has its outputs checked, in this thread."""
        return bool(getattr(self._calls, "is_checking", False))

    def check_result(self, result: Any, watch: _Watch) -> Any:
        """Return the result of a pipeline, with its pictures checked unless they come from a hook.

        Others are pasted into a further picture after it, or left without reaching any.
        """
        if isinstance(result, tuple):  # Where the pipeline was called with return_dict=False.
            return (self._checked(result[0], watch), *result[1:])
        if isinstance(result, list) or is_array(result):
            return self._checked(result, watch)
        for name in _RESULTS:
            if (pictures := getattr(result, name, None)) is not None:
                setattr(result, name, self._checked(pictures, watch))
                return result
        raise GuardError(f"a {type(result).__name__} has no pictures that could be checked")

    def _checked(self, pictures: Any, watch: _Watch) -> Any:
        if watch.is_checked and pictures is watch.last:
            return pictures
        return self.check(pictures).pictures


class _Extractor:
    """Stand-in before the feature extractor, which gets the pictures of a batch.

    Adapters of pictures use the same extractor for their inputs.
    """

    def __init__(self, extractor: Any, guarded: _Guard) -> None:
        self._extractor = extractor
        self._guard = guarded

    def __call__(self, images: Any, **options: Any) -> Any:
        if self._guard.is_checking:
            return _Features(self._guard.check(images))
        if self._extractor is None:
            raise GuardError(
                "the pipeline has no feature extractor", hint="Load adapters before the guard."
            )
        return self._extractor(images, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._extractor, name)


class _Features:
    """The decisions on a batch, as the features that a checker gets."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked

    @property
    def pixel_values(self) -> _Features:
        """Return what the checker gets of the features."""
        return self

    def to(self, *_place: Any, **_options: Any) -> _Features:
        """Return the same: decisions are on no device, and of no type."""
        return self


class _Checker:
    """Stand-in for the safety checker, which blanks what may not be shown."""

    def __init__(self, guarded: _Guard, *, finds_watermarks: bool) -> None:
        self._guard = guarded
        self._finds_watermarks = finds_watermarks

    def __call__(self, *, images: Any, clip_input: _Features, **_options: Any) -> tuple[Any, ...]:
        flags = [not one.is_shown for one in clip_input.checked.decisions]
        if len(flags) != len(images):
            raise GuardError(f"{len(flags)} of {len(images)} pictures were checked")
        for number, flag in enumerate(flags):
            if flag:
                # The pipeline does not denormalise what is flagged.
                images[number] = _blank(images[number])
        self._guard.pass_on()
        return (images, flags, [False] * len(flags)) if self._finds_watermarks else (images, flags)

    def to(self, *_place: Any, **_options: Any) -> _Checker:
        """Return the same: it has no weights to move."""
        return self


class _Processor:
    """A processor of a pipeline whose pictures go through the gate, and nothing latent at all."""

    def __init__(
        self, processor: Any, method: str, guarded: _Guard, *, follows_checker: bool
    ) -> None:
        self._processor = processor
        self._guard = guarded
        self._follows_checker = follows_checker
        self.__dict__[method] = self._guarded(getattr(processor, method))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def _guarded(self, finish: Any) -> Any:
        def finish_and_check(*positional: Any, **named: Any) -> Any:
            given = inspect.signature(finish).bind(*positional, **named).arguments
            if given.get("output_type") == _LATENT:
                raise _latent_error()
            pictures = finish(*positional, **named)
            if not (self._follows_checker and self._guard.takes_passed()):
                pictures = self._guard.check(pictures).pictures
            return self._guard.left(pictures)

        return finish_and_check


def _latent_error() -> GuardError:
    return GuardError(
        "latent output would leave unscreened", hint="Use output_type 'pil', 'np' or 'pt'."
    )


def _blank(picture: Any) -> Any:
    return Image.new("RGB", picture.size, "grey") if isinstance(picture, Image.Image) else _GREY


def _bind(pipeline: Any, positional: Sequence[Any], named: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a call by their names."""
    try:
        return (
            inspect.signature(type(pipeline).__call__)
            .bind_partial(pipeline, *positional, **named)
            .arguments
        )
    except (TypeError, ValueError):  # The pipeline itself says what is wrong.
        return {**{str(number): one for number, one in enumerate(positional)}, **named}


def _check_input(guarded: _Guard, name: str, value: Any) -> None:
    pictures = list(_pictures_in(name, value))
    role = Role.MASK if "mask" in name else Role.INPUT
    if pictures and not guarded.check(pictures, role).are_all_shown:
        raise BlockedInputError(f"a picture given as {name} may not be used")


def _texts_in(name: str, value: Any) -> Iterator[str]:
    """Yield the texts in a value of a call, whatever it is called: they steer the pictures."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _texts_in(str(key), one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts_in(name, one)


def _pictures_in(name: str, value: Any) -> Iterator[Any]:
    """Yield the pictures in a value of a call, those in lists and in records among them."""
    if isinstance(value, Image.Image):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _pictures_in(name, one)
    elif isinstance(value, dict) or is_dataclass(value):
        for own, one in (value if isinstance(value, dict) else vars(value)).items():
            yield from _pictures_in(str(own), one)
    elif is_array(value) and len(value.shape) > 1 and _is_of_pictures(name):
        yield value


def _is_of_pictures(name: str) -> bool:
    return any(one in name for one in _PICTURE_WORDS) and not name.endswith(_NO_PICTURES)
