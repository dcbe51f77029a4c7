"""Suggestions for keys of the configuration that are misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def suggest_key(model: type[BaseModel], place: Sequence[int | str]) -> str | None:
    """Return the key that was probably meant by an unknown one, None where none is like it.

    `place` leads to the unknown key, as an error of pydantic names it.
    """
    sections: list[type[BaseModel]] = [model]
    annotations: list[Any] = [model]
    for part in place[:-1]:
        # A part that leads nowhere is the tag of a union, whose members are all looked at.
        if following := list(_into(annotations, part)):
            annotations = following
            sections = [one for found in annotations for one in _models(found)]
    known = sorted({name for one in sections for name in one.model_fields})
    return next(iter(difflib.get_close_matches(str(place[-1]), known, n=1)), None)


def _into(annotations: Iterable[Any], part: int | str) -> Iterable[Any]:
    """Yield the annotations of what is at a key, or at a place of a list."""
    for annotation in annotations:
        for one in _alternatives(annotation):
            origin, arguments = get_origin(one), get_args(one)
            if isinstance(one, type) and issubclass(one, BaseModel):
                if part in one.model_fields:
                    yield one.model_fields[str(part)].annotation
            elif isinstance(origin, type) and issubclass(origin, Mapping):
                yield arguments[1]
            elif isinstance(part, int) and arguments:
                yield arguments[0]


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    for one in _alternatives(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one


def _alternatives(annotation: Any) -> Iterable[Any]:
    """Yield the members of a union, with what annotates them taken off; of others, themselves."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for one in get_args(annotation):
            yield from _alternatives(one)
    else:
        yield annotation
