"""Back-fills of a folder with known members, which are killed and gone on with."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy import select

from hashmatch.store.engine import Database
from hashmatch.store.schema import Content

from .ledger import Clock, Ledger
from .pictures import LISTED, UNLISTED, Files
from .plan import Plan
from .world import World

_FILES_A_MINUTE, _MOST_FILES, _LISTED_EVERY, _DAMAGED_EVERY = 60, 1_200, 20, 30
_KILLS = 2
_ATTEMPTS = 60
_LOWEST = 10


@dataclass
class Members:
    """The files of a folder, and which of them are listed or damaged."""

    folder: Path
    count: int = 0
    listed: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)


def write_members(folder: Path, files: Files, minutes: float) -> Members:
    """Write different files into folders, those of some listed pictures among them."""
    members = Members(folder, max(120, min(_MOST_FILES, int(minutes * _FILES_A_MINUTE))))
    for number in range(members.count):
        is_listed = number % _LISTED_EVERY == 0
        group = LISTED if is_listed else UNLISTED
        data = files.exact(group[number % len(group)]).data
        path = folder / f"{number % 7}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not is_listed and number % _DAMAGED_EVERY == 1:
            members.damaged.add(str(path))
            data = data[: len(data) // 2]
        elif is_listed:
            members.listed.add(str(path))
        # What follows the end of a JPEG shows nothing.
        path.write_bytes(data + b"%d" % number)
    return members


@dataclass
class Backfills:
    """Back-fills at their times, in a thread."""

    world: World
    members: Members
    ledger: Ledger
    plan: Plan
    now: Clock
    kills: int = 0
    ended: int = 0
    attempts: int = 0
    counts: list[Counter[str]] = field(default_factory=list)

    def run(self, over: threading.Event) -> None:
        """Begin each when it is due; one that has begun is worked on to its end."""
        for at_s in self.plan.backfills:
            self.now.sleep_until(at_s, over)
            if over.is_set():
                return
            self._run_one()

    def _run_one(self) -> None:
        arguments = ["backfill", str(self.members.folder), "--workers", "1", "--json"]
        restart = ["--restart"]
        for attempt in range(_ATTEMPTS):
            self.attempts += 1
            with self.world.start(
                *arguments, *restart, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as process:
                process.nice(_LOWEST)
                if attempt < _KILLS:
                    self._kill_later(process)
                rows, messages = process.communicate()
            restart = []
            # Without counts it did not come to its end: killed, or the database was not there.
            if rows:
                self._note(rows.decode())
                return
            self.ledger.journal.write(
                "backfills", at_s=round(self.now(), 1), code=process.returncode,
                messages=messages.decode()[-500:],
            )  # fmt: skip
            time.sleep(1)
        self.ledger.note_problem("a back-fill did not come to its end")

    def _kill_later(self, process: psutil.Popen) -> None:
        """Kill it in the midst of its work."""
        try:
            process.wait(4 + 4 * random.random())
        except psutil.TimeoutExpired:
            process.kill()
            self.kills += 1

    def _note(self, text: str) -> None:
        counts: Counter[str] = Counter()
        for line in text.splitlines():
            row = json.loads(line)
            counts[row["outcome"]] += row["count"]
        self.counts.append(counts)
        self.ended += 1
        self.ledger.journal.write("backfills", at_s=round(self.now(), 1), counts=dict(counts))

    def problems(self, database: Database) -> list[str]:
        """Return what differs from the members: in the counts, or in the matches on record."""
        members, found = self.members, list[str]()
        for counts in self.counts:
            expected = {
                "matched": len(members.listed),
                "unscreened": len(members.damaged),
                "clear": members.count - len(members.listed) - len(members.damaged),
            }
            if dict(counts) != expected:
                found.append(f"counted {dict(counts)}, not {expected}")
        with database.reading() as session:
            prefix = f"{members.folder}/"
            query = select(Content.content_id).where(Content.content_id.startswith(prefix))
            recorded = set(session.scalars(query))
        if self.counts and (lost := members.listed - recorded - self.ledger.dismissed):
            found.append(f"{len(lost)} members that match are not on record")
        if more := recorded - members.listed:
            found.append(f"{len(more)} members that do not match are on record")
        return found
