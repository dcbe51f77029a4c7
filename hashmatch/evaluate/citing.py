"""Evaluations as evidence: what a change of policy says that it rests on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.hashes import Level

from .false_match_figures import ALL_KINDS, FalseMatchFigures
from .recall_figures import RecallFigures
from .results import Header, Record, parse_results
from .review_samples import sample_line_of

_MAX_BYTES = 500_000_000


def cite_evaluation(session: Session, named: str) -> dict[str, Any]:
    """Return kind, date, SHA-256 and key figures of a file of results, or of a reviewed sample.

    A number is the id of a sample. Without names of pictures. Raises `InputError` for a file that
    is no evaluation, and `NotFoundError`.
    """
    if named.isascii() and named.isdecimal():
        return _cite_sample(session, int(named))
    path = Path(named)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: larger than any file of results")
        data = path.read_bytes()
        written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    header, records = parse_results(path, data, "recall", "false-matches")
    try:
        figures = _figures_of(header, records)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a whole file of results of hashmatch evaluate",
            hint="Make one with: hashmatch evaluate recall FOLDER --results FILE",
        ) from error
    return {
        "kind": header["kind"],
        "sha256": hashlib.sha256(data).hexdigest(),
        "date": written_at.isoformat(timespec="seconds"),
        **figures,
    }


def _cite_sample(session: Session, sample: int) -> dict[str, Any]:
    line = sample_line_of(session, sample)
    if not line["confirmed"] + line["false_positives"]:
        raise InputError(
            f"sample {sample}: none of its matches is decided yet",
            hint=f"'hashmatch evaluate review --id {sample}' shows them.",
        )
    text = json.dumps(line, sort_keys=True, separators=(",", ":"))
    names = (
        "sample", "size", "list", "nearness", "population", "drawn", "confirmed",
        "false_positives", "open", "precision", "precision_low", "precision_high",
    )  # fmt: skip
    return {
        "kind": "review",
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "date": line["drawn_at"],
        **{name: line[name] for name in names},
    }


def _figures_of(header: Header, records: Mapping[str, Record]) -> dict[str, Any]:
    """Return the key figures of results, whose shape nobody has looked at."""
    if header["kind"] == "recall":
        return _recall_figures(header, records)
    if header["kind"] == "false-matches":
        return _false_match_figures(FalseMatchFigures.from_record(header))
    raise ValueError(header["kind"])


def _recall_figures(header: Header, records: Mapping[str, Record]) -> dict[str, Any]:
    figures = RecallFigures(header, records)
    if not figures.pictures:
        raise ValueError("no picture was measured")
    found: dict[str, Any] = {}
    for level in figures.levels:
        for one in figures.thresholds():
            bits = one.bits if one.review_bits is None else one.review_bits
            found[f"{level} {one.algorithm} {int(bits)}"] = {
                group.value: round(figures.of_group(group, level, one).share, 4)
                for group in figures.groups()
            }
    version = str(header["version"])
    return {"version": version, "pictures": figures.pictures, "recall": found}


def _false_match_figures(figures: FalseMatchFigures) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in figures.of_kind(ALL_KINDS):
        for bits in figures.thresholds_bits.get(one.algorithm, ()):
            if (rate := one.rate(int(bits))) is not None:
                key = f"{Level(one.level)} {one.algorithm} {int(bits)}"
                found[key] = [float(rate.share), float(rate.low), float(rate.high)]
    return {"pictures": int(figures.pictures), "false_matches_a_pair": found}
