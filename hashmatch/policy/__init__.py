"""Policy: what counts as a match and what follows, and which policy is in force since when."""

from .facts import Facts, changes_between, digest_of, policy_facts
from .in_force import SHORT, PolicyState, note_policy, policy_of, read_policy_state
from .keys import NOT_POLICY, POLICY, Form
from .rules import Policy

__all__ = [
    "NOT_POLICY",
    "POLICY",
    "SHORT",
    "Facts",
    "Form",
    "Policy",
    "PolicyState",
    "changes_between",
    "digest_of",
    "note_policy",
    "policy_facts",
    "policy_of",
    "read_policy_state",
]
