"""Rows of retained hashes, as a process spools them: a JSON array a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, View


class Row(NamedTuple):
    """A hash of an upload. `at` is when it was retained, in seconds since 1970."""

    content_id: str
    at: int
    algorithm: str
    value: bytes
    frame: int
    view: str
    rendering: int
    quality: int | None

    @classmethod
    def of(cls, content_id: str, at: int, one: Hash) -> Row:
        """Return the row of a hash."""
        return cls(
            content_id, at, one.algorithm.name, one.value, one.frame, one.view.value,
            one.rendering, one.best_quality,
        )  # fmt: skip

    def as_hash(self) -> Hash:
        """Return the hash of the row."""
        return Hash(
            ALGORITHMS[self.algorithm],
            self.value,
            quality=self.quality,
            frame=self.frame,
            view=View(self.view),
            rendering=self.rendering,
        )


def write_line(row: Row) -> str:
    """Return a row as a line."""
    shown = [one.hex() if isinstance(one, bytes) else one for one in row]
    return json.dumps(shown, separators=(",", ":")) + "\n"


def read_lines(data: bytes) -> Iterator[Row]:
    """Yield the rows of complete lines: a process that was killed may have left half a one."""
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            row = Row(*json.loads(line))
            yield row._replace(value=bytes.fromhex(str(row.value)))
        except (ValueError, TypeError):
            continue
