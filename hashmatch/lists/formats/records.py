"""Records of JSON documents of any length, streamed in bounded memory; hostile ones are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias

import ijson

from hashmatch.errors import ListFileError

from .bounded import MAX_DEPTH, MAX_RECORD_PARTS, BoundedStream
from .text import open_text

# The path to a place in the document, with "item" for the elements of an array, and the event and
# value of ijson at that place. The path is one list that changes from event to event.
JSONEvent: TypeAlias = tuple[list[str], str, Any]


def json_events(stream: BinaryIO) -> Iterator[JSONEvent]:
    """Yield the events of a JSON document in UTF-8 or UTF-16.

    Raises `ListFileError` where it is not JSON, is truncated, or is hostile.
    """
    bounded = BoundedStream(open_text(stream)[0])
    path: list[str] = []
    try:
        # Not ijson's own paths: it builds one for each event of a chunk before any limit can be
        # checked, which for deeply nested arrays are gigabytes.
        for event, value in ijson.basic_parse(bounded, buf_size=1 << 16):
            bounded.bytes_since_event = 0
            if event == "map_key":
                path[-1] = value
            elif event in ("end_map", "end_array"):
                path.pop()
            yield path, event, value
            if event in ("start_map", "start_array"):
                path.append("item" if event == "start_array" else "")
                if len(path) > MAX_DEPTH:
                    raise ListFileError(f"the file is nested more than {MAX_DEPTH} levels deep")
    except (ijson.JSONError, ValueError, ArithmeticError) as error:
        # The parser's own message quotes the file.
        raise ListFileError(
            "the file is not JSON, or is truncated",
            hint="Nothing was changed; fetch the file again, or set its format with --format.",
        ) from error


def records_at(events: Iterator[JSONEvent], path: list[str]) -> Iterator[object]:
    """Yield the complete values at a path, such as ["value", "item"]."""
    for place, event, value in events:
        if place == path and event not in ("map_key", "end_map", "end_array"):
            yield _record(events, event, value)


def _record(events: Iterator[JSONEvent], event: str, value: object) -> object:
    """Return the complete value that starts with an event."""
    if not event.startswith("start"):
        return value
    builder = ijson.ObjectBuilder()
    builder.event(event, value)
    depth = 1
    for count, (_, event, value) in enumerate(events):
        if count > MAX_RECORD_PARTS:
            raise ListFileError("a record of the file has more than 100,000 parts")
        builder.event(event, value)
        depth += event.startswith("start") - event.startswith("end")
        if not depth:
            break
    return builder.value
