"""JSON documents as streams of records, of any length, in bounded memory, refused when hostile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias

import ijson

from hashmatch.errors import ListFileError

from .watched import MAX_DEPTH, MAX_RECORD_PARTS, WatchedStream

# The path to where something stands, "item" for the elements of an array, and what stands there: an
# event and its value, as ijson gives them. The path is one list that changes from event to event.
JSONEvent: TypeAlias = tuple[list[str], str, Any]


def json_events(stream: BinaryIO) -> Iterator[JSONEvent]:
    """Yield the events of a JSON document. Raises `ListFileError` where it is none, or hostile."""
    watched = WatchedStream(stream)
    path: list[str] = []
    try:
        # Not ijson's own paths: it writes one for each event of a chunk before anybody can look,
        # which of arrays in arrays are gigabytes.
        for event, value in ijson.basic_parse(watched, buf_size=1 << 16):
            watched.bytes_unheard = 0
            if event == "map_key":
                path[-1] = value
            elif event in ("end_map", "end_array"):
                path.pop()
            yield path, event, value
            if event in ("start_map", "start_array"):
                path.append("item" if event == "start_array" else "")
                if len(path) > MAX_DEPTH:
                    raise ListFileError(f"the file is nested more than {MAX_DEPTH} deep")
    except (ijson.JSONError, ValueError, ArithmeticError) as error:
        # The parser's own words quote the file.
        raise ListFileError(
            "the file is not JSON, or breaks off",
            hint="Nothing was changed; fetch the file again, or name its format with --format.",
        ) from error


def records_at(events: Iterator[JSONEvent], path: list[str]) -> Iterator[object]:
    """Yield the values at a path, such as ["value", "item"], each as a whole."""
    for place, event, value in events:
        if place == path and event not in ("map_key", "end_map", "end_array"):
            yield _record(events, event, value)


def _record(events: Iterator[JSONEvent], event: str, value: object) -> object:
    """Return the value that begins with an event."""
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
