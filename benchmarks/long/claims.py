"""The verdict on a run: what has to hold, whether it does, and the figure that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from hashmatch.store.engine import Database
from hashmatch.store.schema import Case, Content, MatchRecord

from .expectations import Judgement
from .ledger import Ledger, Share, calm_answers, shares
from .watching import Flatness

# Bounds of growth: so much an hour, or less than what comes and goes in any case.
MEGABYTES_AN_HOUR, NOISE_MEGABYTES = 20.0, 8.0
_MORE_FILES = _MORE_THREADS = _MORE_CONNECTIONS = 8
# Over less, what grows is what was not there at first, such as threads and buffers.
_JUDGED_FROM_S = 600.0
_LONGEST_RECOVERY_S, _LONGEST_FOLLOWING_S = 60.0, 5.0
_CALM_SHARE_WITHOUT = 0.001


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that has to hold, and the figures of it; None where the run was too short."""

    name: str
    holds: bool | None
    figure: str

    def line(self) -> str:
        """Return it as one line."""
        name, word, figure = self.row()
        return f"{word:12}  {name}: {figure}"

    def row(self) -> tuple[str, str, str]:
        """Return it as a row of a table."""
        word = {True: "holds", False: "FAILS", None: "not judged"}[self.holds]
        return self.name, word, self.figure


@dataclass(frozen=True)
class Recorded:
    """Matches and cases on record at the end."""

    matches: Mapping[str, str]
    twice: int
    states: Mapping[int, tuple[str, int]]


def read_recorded(database: Database) -> Recorded:
    """Return what is on record."""
    with database.reading() as session:
        rows = session.execute(
            select(MatchRecord.key, MatchRecord.entry_key, Content.content_id).join(
                Content, Content.key == MatchRecord.content_key
            )
        ).all()
        pairs = Counter((entry, content) for _, entry, content in rows)
        states = session.execute(select(Case.key, Case.state, Case.reopened)).all()
    return Recorded(
        {str(key): content for key, _, content in rows},
        sum(number - 1 for number in pairs.values()),
        {key: (state, reopened) for key, state, reopened in states},
    )


def claims_of_answers(ledger: Ledger) -> Iterator[Claim]:
    """Yield the claims about verdicts."""
    worth = Counter(one.judgement for one in ledger.answers)
    total = f"{len(ledger.answers):,} answers"
    false_clear = worth[Judgement.FALSE_CLEAR]
    yield Claim("nothing listed was called clear", not false_clear, f"{false_clear} of {total}")
    false = worth[Judgement.FALSE_MATCH]
    yield Claim("nothing unlisted matched", not false, f"{false} of {total}")
    internal = sum(one.reason == "internal_error" for one in ledger.answers)
    yield Claim("no internal error", not internal, f"{internal} of {total}")
    screened = Counter(one.kind for one in ledger.answers)
    yield Claim("every kind of request was made", len(screened) >= 4, _counts(screened))
    left = ledger.unanswered
    yield Claim("everything got a verdict in the end", not left, f"{left} without one")
    calm = calm_answers(ledger.answers, ledger.windows)
    without = sum(one.judgement is Judgement.NO_VERDICT for one in calm)
    yield Claim(
        "a verdict each while nothing was disturbed",
        bool(calm) and without <= _CALM_SHARE_WITHOUT * len(calm),
        f"{without} without one of {len(calm):,}",
    )
    worst = max((one.worst_recovery_s for one in shares(ledger.answers, ledger.windows)), default=0)
    yield Claim(
        f"well again within {_LONGEST_RECOVERY_S:.0f} s", worst <= _LONGEST_RECOVERY_S,
        f"{worst:.1f} s at most",
    )  # fmt: skip
    followed_s = ledger.followed_s
    yield Claim(
        f"a synced change counts within {_LONGEST_FOLLOWING_S:.0f} s",
        bool(followed_s) and max(followed_s) <= _LONGEST_FOLLOWING_S,
        f"{max(followed_s, default=0):.1f} s at most, {len(followed_s)} changes",
    )


def claims_of_records(ledger: Ledger, recorded: Recorded) -> Iterator[Claim]:
    """Yield the claims about what is on record and what was notified."""
    lost = [
        one for one, content in ledger.matched.items()
        if one not in recorded.matches and content not in ledger.dismissed
    ]  # fmt: skip
    answered = f"{len(ledger.matched):,} matches answered, {len(recorded.matches):,} on record"
    yield Claim("every answered match is on record", not lost, f"{len(lost)} lost, {answered}")
    yield Claim("no match is on record twice", not recorded.twice, f"{recorded.twice} twice")
    unheard = (ledger.matched.keys() | recorded.matches.keys()) - ledger.notified.keys()
    repeated = sum(ledger.notified.values()) - len(ledger.notified)
    yield Claim(
        "every match was notified at least once", not unheard,
        f"{len(unheard)} never, {len(ledger.notified):,} notified, {repeated} more than once",
    )  # fmt: skip
    gone = [
        case for case, state in ledger.decided.items()
        if not _is_kept(state, recorded.states.get(case))
    ]  # fmt: skip
    yield Claim(
        "every acknowledged decision stands", not gone, f"{len(gone)} lost of {len(ledger.decided)}"
    )


def _is_kept(decided: str, found: tuple[str, int] | None) -> bool:
    """Say whether a case is as decided; later matches reopen it, retention removes dismissed."""
    if found is None:
        return decided == "false_positive"
    state, reopened = found
    return state == decided or reopened > 0


def claims_of_growth(found: Mapping[str, Flatness | None]) -> Iterator[Claim]:
    """Yield the claims about memory, files, threads and connections."""
    for role, flat in found.items():
        if flat is None:
            yield Claim(f"{role}: measured", holds=False, figure="no process lived long enough")
            continue
        memory = flat.memory
        is_judged = memory.span_s >= _JUDGED_FROM_S
        yield Claim(
            f"{role}: memory is flat",
            memory.is_within(MEGABYTES_AN_HOUR, NOISE_MEGABYTES) if is_judged else None,
            f"{memory.per_hour:+.1f} MB an hour, {memory.total:+.1f} MB in {memory.span_s:.0f} s,"
            f" {flat.megabytes:.0f} MB at the end (bound {MEGABYTES_AN_HOUR:.0f} MB an hour)",
        )
        are_flat = flat.files <= _MORE_FILES and flat.threads <= _MORE_THREADS
        yield Claim(
            f"{role}: files and threads are flat",
            are_flat if is_judged else None,
            f"{flat.files:+.0f} files, {flat.threads:+.0f} threads",
        )
        if flat.most_connections:
            yield Claim(
                f"{role}: no connection to the database leaks",
                flat.connections <= _MORE_CONNECTIONS if is_judged else None,
                f"{flat.connections:+.0f}, {flat.most_connections} at most",
            )


def claim_of_search(files: list[str], size: int, pieces: int) -> Claim:
    """Return the claim that no byte of an image is left."""
    searched = f"{size / 1e6:,.0f} MB searched for {pieces:,} pieces"
    names = "".join(f", {Path(one).name}" for one in files[:3])
    return Claim("no byte of an image is on disk", not files, f"{len(files)}{names}; {searched}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.items()))


def disturbance_rows(found: list[Share]) -> list[tuple[str, ...]]:
    """Return the disturbances as rows of a table."""
    return [
        (
            one.kind, f"{one.times}", f"{one.answers:,}",
            f"{one.without / max(one.answers, 1):.1%}", f"{one.worst_recovery_s:.1f} s",
        )
        for one in found
    ]  # fmt: skip
