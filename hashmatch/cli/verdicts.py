"""Outcomes on their way to people, programs and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hashmatch.outcome import Clear, Matched, Outcome, Unscreened, outcome_as_json, outcome_name

from .exit_codes import EXIT_CLEAR, EXIT_MATCHED, EXIT_UNSCREENED
from .output import print_json, print_line, progress, say


def show_outcomes(
    outcomes: Iterable[tuple[str | None, Outcome]], *, as_json: bool, show_hashes: bool
) -> int:
    """Print (path or None, outcome) pairs as they come and return the exit code."""
    counts: Counter[str] = Counter()
    with progress("screened", data_goes_to_terminal=True) as bar:
        for path, outcome in outcomes:
            counts[outcome_name(outcome)] += 1
            if as_json:
                print_json(outcome_as_json(outcome, path=path, show_hashes=show_hashes))
            else:
                _print_outcome(path or outcome.content_id, outcome)
            bar.advance(bar.task_ids[0])
    names = ("clear", "matched", "unscreened")
    say(", ".join(f"{counts[name]} {name}" for name in names))
    if counts["unscreened"]:
        return EXIT_UNSCREENED
    return EXIT_MATCHED if counts["matched"] else EXIT_CLEAR


def _print_outcome(name: str, outcome: Outcome) -> None:
    line = f"{outcome_name(outcome):<10}  {name}"
    if isinstance(outcome, Matched):
        note = f", but {outcome.reason}" if outcome.reason else ""
        print_line(f"{line}  {outcome.action}{note}")
        for match in outcome.matches:
            category = f" category {match.category}" if match.category else ""
            print_line(
                f"{'':<10}    list {match.list_name} entry {match.entry_id}{category}:"
                f" {match.algorithm} {match.distance_bits} of at most {match.threshold_bits} bits"
                f" (match {match.match_id})"
            )
    elif isinstance(outcome, Unscreened):
        print_line(f"{line}  {outcome.reason}: {outcome.detail}")
    elif isinstance(outcome, Clear):
        print_line(line)
