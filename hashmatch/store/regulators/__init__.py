"""Counts for reports to regulators: the database counts, and no case is loaded."""

from .appeals import SEVERAL, AppealCount, AppealTimes, count_appeals, read_appeal_times
from .currency import ListChanges, count_list_changes
from .grouping import CaseClass, MatchRule, Span
from .measures import MeasureCount, count_lifted, count_measures
from .outcomes import OutcomeCount, TechnologyCount, count_by_algorithm, count_outcomes
from .policies import PolicyDeed, read_policy_changes
from .recipients import count_finished_reports, count_references, read_beginning

__all__ = [
    "SEVERAL",
    "AppealCount",
    "AppealTimes",
    "CaseClass",
    "ListChanges",
    "MatchRule",
    "MeasureCount",
    "OutcomeCount",
    "PolicyDeed",
    "Span",
    "TechnologyCount",
    "count_appeals",
    "count_by_algorithm",
    "count_finished_reports",
    "count_lifted",
    "count_list_changes",
    "count_measures",
    "count_outcomes",
    "count_references",
    "read_appeal_times",
    "read_beginning",
    "read_policy_changes",
]
