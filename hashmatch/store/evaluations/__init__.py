"""Evaluations of matches on record: counts of results, other thresholds, samples to review."""

from .counts import (
    IS_NEAR,
    DistanceCount,
    Fate,
    OtherThreshold,
    ResultCounts,
    count_distances,
    count_fates,
    count_results,
)
from .samples import (
    Drawn,
    Sampled,
    draw_matches,
    keep_results,
    read_sample,
    read_sampled,
    read_samples,
    record_sample,
)

__all__ = [
    "IS_NEAR",
    "DistanceCount",
    "Drawn",
    "Fate",
    "OtherThreshold",
    "ResultCounts",
    "Sampled",
    "count_distances",
    "count_fates",
    "count_results",
    "draw_matches",
    "keep_results",
    "read_sample",
    "read_sampled",
    "read_samples",
    "record_sample",
]
