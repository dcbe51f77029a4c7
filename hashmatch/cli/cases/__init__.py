"""`hashmatch cases`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "cases",
    __name__,
    "Review cases: decide, escalate, report.",
    {
        "list": "Show the queue: most urgent first, then by due time.",
        "show": "Show one case with its matches, notes and history.",
        "assign": "Assign cases to a reviewer.",
        "plan": "Set the due time and the priority of cases.",
        "note": "Add a note to cases.",
        "decide": "Record a decision about cases.",
        "escalate": "Escalate cases to a configured target.",
        "nca": "Write the report of a case for the NCA's portal.",
        "hold": "Place cases under a legal hold, or release them.",
        "pack": "Write the evidence pack of a case.",
        "details": "Store the uploader details of a case, encrypted.",
        "retract": "Retract an unfinished report to NCMEC.",
        "settle": "Settle a report to NCMEC whose status is unknown.",
        "make-key": "Create a key for uploader details.",
        "change-key": "Encrypt all uploader details with the newest key.",
    },
)
