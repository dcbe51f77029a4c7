"""Outcomes as text or JSON Lines, and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hashmatch.outcome import (
    Action,
    Clear,
    Match,
    Matched,
    Nearness,
    Outcome,
    Unscreened,
    outcome_name,
)
from hashmatch.provenance import Credentials, Declared
from hashmatch.wire import outcome_as_json, shown_hashes

from .exit_codes import EXIT_CLEAR, EXIT_MATCHED, EXIT_UNSCREENED
from .output import print_json, print_line, progress, say


def show_outcomes(
    outcomes: Iterable[tuple[str | None, Outcome]], *, as_json: bool, show_hashes: bool
) -> int:
    """Print (path or None, outcome) pairs and return the exit code."""
    counts: Counter[str] = Counter()
    with progress("screened", data_goes_to_terminal=True) as bar:
        for path, outcome in outcomes:
            counts[outcome_name(outcome)] += 1
            if as_json:
                row = outcome_as_json(outcome, show_hashes=show_hashes)
                location = {} if path is None else {"path": path}
                print_json({"content_id": outcome.content_id, **location, **row})
            else:
                _print_outcome(path or outcome.content_id, outcome)
                if show_hashes:
                    _print_hashes(outcome)
            bar.advance(bar.task_ids[0])
    names = ("clear", "matched", "unscreened")
    say(", ".join(f"{counts[name]} {name}" for name in names))
    if not counts:
        say("nothing to screen")
    if counts["unscreened"] or not counts:
        return EXIT_UNSCREENED
    return EXIT_MATCHED if counts["matched"] else EXIT_CLEAR


def closeness(match: Match) -> str:
    """Return the distance of a match in words."""
    if match.nearness is Nearness.NEAR:
        return f"near, {match.distance_bits} bits beyond {match.threshold_bits}"
    if not match.threshold_bits:
        return "exact"
    return f"{match.distance_bits} of at most {match.threshold_bits} bits"


def _print_hashes(outcome: Outcome) -> None:
    for one in shown_hashes(outcome):
        print_line(f"{'':<10}    {one.algorithm.name} frame {one.frame}: {one.value.hex()}")


def _print_outcome(name: str, outcome: Outcome) -> None:
    line = f"{outcome_name(outcome):<10}  {name}"
    if isinstance(outcome, Matched):
        note = f", but {outcome.reason}" if outcome.reason else ""
        print_line(f"{line}  {outcome.action}{note}")
        for match in outcome.matches:
            category = f" category {match.category}" if match.category else ""
            others = f" and {match.entries - 1} with its hash" if match.entries > 1 else ""
            print_line(
                f"{'':<10}    list {match.list_name} entry {match.entry_id}{others}{category}:"
                f" {match.algorithm} {closeness(match)} (match {match.match_id})"
            )
    elif isinstance(outcome, Unscreened):
        print_line(f"{line}  {outcome.reason}: {outcome.detail}")
    elif isinstance(outcome, Clear):
        print_line(line if outcome.action is Action.ALLOW else f"{line}  {outcome.action}")
    _print_provenance(outcome)
    for one in outcome.allowed:
        print_line(
            f"{'':<10}    allowed: list {one.list_name} entry {one.entry_id}, by entry"
            f" {one.allow_entry_id} of allow list {one.allow_list}"
        )


def _print_provenance(outcome: Outcome) -> None:
    one = outcome.provenance
    if one is None or (one.declared is Declared.NONE and one.c2pa is Credentials.NONE):
        return
    words = {Declared.GENERATED: "to be generated", Declared.PARTLY: "to be generated in part",
             Declared.NONE: "nothing of a generator"}  # fmt: skip
    names = f" ({', '.join(one.evidence)})" if one.evidence else ""
    issuer = f" of {one.issuer}" if one.issuer else ""
    credentials = (
        "" if one.c2pa is Credentials.NONE else f"; content credentials{issuer}: {one.c2pa}"
    )
    print_line(f"{'':<10}    declares {words[one.declared]}{names}{credentials}")
