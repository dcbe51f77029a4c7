"""Sheet of a case as PDF: what matched, what was decided, and its history, to read and print."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .typesetting import typeset

# Longer texts are in the JSON beside it.
_LONGEST = 4_000


def pdf_case(facts: Mapping[str, Any], made_at: datetime, platform: str) -> bytes:
    """Return a case as PDF; `facts` are those of `view_case`.

    Raises `ConfigError` where the extra is not installed, and `InputError`.
    """
    content = {
        "title": f"Case {facts['case']}",
        "platform": _text(platform),
        "made_at": f"{made_at:%Y-%m-%d %H:%M} UTC",
        "facts": [
            ["content id", _text(facts["content_id"])],
            ["reference", _text(facts["reference"])],
            ["state", facts["state"].replace("_", " ")],
            ["opened", _moment(facts["opened_at"])],
            ["due", _moment(facts["due_at"])],
            ["decided", _moment(facts["decided_at"])],
            ["assigned to", _text(facts["assignee"]) or "nobody"],
            ["legal hold", _text(facts["legal_hold"]) or "none"],
        ],
        **_tables(facts),
    }
    return typeset("case.typ", content)


def _tables(facts: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    """Return the rows of each table of the sheet."""
    return {
        "matches": [
            [
                _text(one["list"]),
                str(one["generation"]),
                _text(one["entry_id"]),
                _text(one["category"]),
                one["algorithm"],
                f"{one['distance_bits']} of {one['threshold_bits']}",
                one["nearness"],
                one["action"],
                _moment(one["matched_at"]),
            ]
            for one in facts["matches"][:500]
        ],
        "evidence": [
            [
                one["format"] or "looked up by its hashes",
                f"{one['width']} x {one['height']}" if one["width"] else "",
                _declared(one["provenance"]),
            ]
            for one in facts["evidence"][:200]
        ],
        "notes": [
            [_moment(one["at"]), _text(one["by"]), _text(one["text"])] for one in facts["notes"]
        ],
        "reports": [
            [
                one["to"],
                "test" if one["is_test"] else "production",
                one["stage"],
                one["report_id"],
                _moment(one["finished_at"]),
            ]
            for one in facts["reports"]
        ],
        "history": [
            [
                _moment(one["at"]),
                _text(one.get("actor") or one["by"]),
                one["what"].removeprefix("case."),
                _text(str(one.get("to", ""))),
            ]
            for one in facts["history"][-1_000:]
        ],
    }


def _moment(text: str | None) -> str:
    return "" if text is None else text[:16].replace("T", " ")


def _text(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... ({len(text)} characters)"


def _declared(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "not read"
    marks = ", ".join(found["evidence"])
    return f"{found['declared']}{f': {marks}' if marks else ''}"
