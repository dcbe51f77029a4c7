"""Measurement of matching: recall and false matches of pictures, and precision of the record."""

from __future__ import annotations

from .alterations import CATALOGUE, CATALOGUE_VERSION, Alteration, Group, Surroundings, reduced
from .citing import cite_evaluation
from .false_match_figures import FalseMatchFigures, figures_of
from .false_matches import (
    COPIES_ALGORITHM,
    COPIES_BITS,
    FalseMatchPlan,
    measure_false_matches,
)
from .intervals import Interval, wilson
from .pictures import find_pictures
from .presenting import (
    Document,
    as_markdown,
    as_page,
    false_match_document,
    false_match_rows,
    markdown_of,
    recall_by_group,
    recall_document,
    recall_rows,
    require_matplotlib,
    threshold_document,
    threshold_rows,
    write_plots,
)
from .recall import RecallPlan, measure_recall
from .recall_figures import RecallFigures
from .results import open_results, read_results
from .review import review_rows
from .review_samples import SampleRequest, draw_sample, sample_facts, sample_line
from .thresholds import Platform, trade_offs
from .what_if import WhatIf, parse_bits, parse_thresholds, try_thresholds

__all__ = [
    "CATALOGUE",
    "CATALOGUE_VERSION",
    "COPIES_ALGORITHM",
    "COPIES_BITS",
    "Alteration",
    "Document",
    "FalseMatchFigures",
    "FalseMatchPlan",
    "Group",
    "Interval",
    "Platform",
    "RecallFigures",
    "RecallPlan",
    "SampleRequest",
    "Surroundings",
    "WhatIf",
    "as_markdown",
    "as_page",
    "cite_evaluation",
    "draw_sample",
    "false_match_document",
    "false_match_rows",
    "figures_of",
    "find_pictures",
    "markdown_of",
    "measure_false_matches",
    "measure_recall",
    "open_results",
    "parse_bits",
    "parse_thresholds",
    "read_results",
    "recall_by_group",
    "recall_document",
    "recall_rows",
    "reduced",
    "require_matplotlib",
    "review_rows",
    "sample_facts",
    "sample_line",
    "threshold_document",
    "threshold_rows",
    "trade_offs",
    "try_thresholds",
    "wilson",
    "write_plots",
]
