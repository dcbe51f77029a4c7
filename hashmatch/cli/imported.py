"""What `hashmatch lists import` tells of an import."""

from __future__ import annotations

from collections.abc import Mapping

from hashmatch.lists import ImportSummary

from .output import print_json, print_table, say

_MOST_ROWS_NAMED = 20
# An import that withdraws more than this share of a list is worth a word.
_MUCH = 0.1


def numbered(counts: Mapping[str, int]) -> str:
    """Return counts in words, such as "3 pdq, 5 md5"."""
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def show_import(summary: ImportSummary, *, as_json: bool) -> None:
    """Tell what an import did: people on stderr, programs on stdout."""
    compared, set_aside = summary.comparison, summary.set_aside
    counts = {
        "rows": summary.rows,
        "added": compared.added,
        "withdrawn": compared.withdrawn,
        "changed": compared.changed,
        "unchanged": compared.unchanged,
        "set_aside": set_aside.count,
        "held_by_operator": compared.held,
        "spared": compared.spared,
        "left_out": summary.left_out,
    }
    _say_what_did_not_go_in(summary)
    if as_json:
        bad = [{set_aside.unit: row.line, "problem": row.problem} for row in set_aside.rows]
        fields = {"list": summary.list_name, "generation": summary.generation}
        print_json({**fields, **counts, "kept": summary.kept, "bad_rows": bad})
        return
    print_table(f"List {summary.list_name}", tuple(counts), [tuple(counts.values())])
    if summary.is_new:
        say(f"made list {summary.list_name}; 'hashmatch lists licence' sets when its licence ends")
    if compared.change is None:
        say(f"nothing changed; generation {summary.generation} stays in force")
    else:
        say(f"generation {summary.generation} is in force")
    if compared.withdrawn > _MUCH * (compared.unchanged + compared.changed + compared.withdrawn):
        say(f"note: the file lacked {compared.withdrawn} entries, which no longer match")


def _say_what_did_not_go_in(summary: ImportSummary) -> None:
    compared, set_aside = summary.comparison, summary.set_aside
    for row in set_aside.rows[:_MOST_ROWS_NAMED]:
        say(f"{set_aside.unit} {row.line}: {row.problem}; set aside")
    if set_aside.count > _MOST_ROWS_NAMED:
        say(f"and {set_aside.count - _MOST_ROWS_NAMED} more; --json names the first 1000")
    if summary.unknown_columns:
        say(f"passed over as unknown: {', '.join(summary.unknown_columns)}")
    if compared.spared:
        say(
            f"{compared.spared} entries stay although the file lacks them, since damaged rows could"
            " be theirs; mend the file, or see --withdraw-missing"
        )
    if compared.held:
        say(f"{compared.held} rows stay out: an operator withdrew those entries")
    if summary.kept:
        say(f"kept, though nothing here matches them: {numbered(summary.kept)}")
