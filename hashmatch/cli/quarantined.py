"""What `hashmatch lists diff` tells of a delivery that is held back."""

from __future__ import annotations

from hashmatch.lists import QuarantineView

from .output import print_json, print_table, say


def show_quarantine(name: str, view: QuarantineView, *, as_json: bool) -> None:
    """Tell what a delivery would do: people on stderr, programs on stdout."""
    held, counts = view.quarantine, view.quarantine.counts
    facts = {
        "list": name,
        "delivery": held.number,
        "reason": held.reason,
        "source": held.source,
        "since": held.created_at.isoformat(timespec="seconds"),
        "rejected_at": held.rejected_at and held.rejected_at.isoformat(timespec="seconds"),
        "added": counts.added,
        "withdrawn": counts.withdrawn,
        "changed": counts.changed,
    }
    rows = [(one.kind, one.algorithm, one.entry_id, one.category) for one in view.differences]
    columns = ("change", "algorithm", "entry_id", "category")
    if as_json:
        print_json(facts)
        for row in rows:
            print_json(dict(zip(columns, row, strict=True)))
        return
    print_table(f"Held back of list {name}", tuple(facts), [tuple(facts.values())])
    if rows:
        print_table("What it would do", columns, rows)
    if len(rows) < counts.added + counts.withdrawn and not held.rejected_at:
        say(f"the first {len(rows)} of {counts.added + counts.withdrawn}; --limit shows more")
    if held.rejected_at:
        say("it was turned down; the list waits for another delivery")
    else:
        say(
            f"to let it in: hashmatch lists confirm {name} {held.number}\n"
            f"to turn it down: hashmatch lists withdraw {name} --delivery {held.number}"
        )
