"""`python -m benchmarks.long`: run for long, say what holds, and keep the figures."""

from __future__ import annotations

import argparse
import sys

from benchmarks.measuring import Table, duration
from benchmarks.results import keep

from . import TITLES
from .claims import disturbance_rows
from .ledger import calm_answers, quantiles, shares
from .running import Run, run

# Shorter runs are trials: their figures are printed, and not kept.
_KEPT_FROM_MINUTES = 30.0


def main() -> int:
    """Return 0 where everything holds, 1 where anything does not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--database", choices=sorted(TITLES), default="postgresql")
    given = parser.parse_args()
    done = run(given.minutes, given.database)
    claims, disturbances = as_tables(done, given.minutes, given.database)
    print(disturbances.as_markdown())
    for claim in done.claims:
        print(claim.line())
    judged = [one for one in done.claims if one.holds is not None]
    failed = sum(not one.holds for one in judged)
    print(f"{len(judged) - failed} of {len(judged)} claims hold; every figure is in {done.journal}")
    if given.minutes >= _KEPT_FROM_MINUTES:
        keep([claims, disturbances])
    return 1 if failed else 0


def as_tables(done: Run, minutes: float, database: str) -> tuple[Table, Table]:
    """Return the claims and the disturbances of a run as tables."""
    answers, windows = done.ledger.answers, done.ledger.windows
    calm = calm_answers(answers, windows)
    times = []
    for kind in ("scan", "lookup", "page", "decision"):
        number, p50, p99 = quantiles(calm, kind)
        times.append(f"{kind} {duration(p50)} and {duration(p99)} ({number:,})")
    claims = (
        f"`make long`: {minutes:.0f} minutes of `hashmatch serve`, while clients scan files and"
        " look up hashes whose verdict they know, a person works the cases, the list changes,"
        " back-fills are killed and gone on with, retention removes cases, and the receiver of"
        " notifications is down for a time. To reach: every claim holds."
    )
    disturbances = (
        "The share of answers without a verdict from the begin of a disturbance until all was well"
        " again, and the most seconds from the repair of its cause to the last of them. Times of"
        f" undisturbed answers, p50 and p99: {'; '.join(times)}."
    )
    columns = ("disturbance", "times", "answers", "without a verdict", "recovered, at most")
    first, second = TITLES[database]
    rows = [claim.row() for claim in done.claims]
    return (
        Table(first, claims, ("claim", "", "figure"), rows),
        Table(second, disturbances, columns, disturbance_rows(shares(answers, windows))),
    )


if __name__ == "__main__":
    sys.exit(main())
