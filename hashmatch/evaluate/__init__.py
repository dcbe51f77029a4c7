"""Evaluation of matching: precision from decided cases, samples to review, other thresholds."""

from .review import review_rows
from .review_samples import MAX_SAMPLE, SampleRequest, draw_sample, sample_facts, sample_line
from .what_if import WhatIf, parse_thresholds, try_thresholds

__all__ = [
    "MAX_SAMPLE",
    "SampleRequest",
    "WhatIf",
    "draw_sample",
    "parse_thresholds",
    "review_rows",
    "sample_facts",
    "sample_line",
    "try_thresholds",
]
