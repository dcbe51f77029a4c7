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
        "refer": "Record the reference of a report that was made elsewhere.",
        "due": "Show open deadlines and appeals, those that are due first, first.",
        "deadline": "Record that a deadline of a case was met, or waive it.",
        "impose": "Record a measure that the platform took on content or account.",
        "notified": "Record that uploaders were given the reasons of measures.",
        "lift": "Record that the platform lifted measures.",
        "appeal": "Record an appeal against the decision of a case.",
        "answer": "Answer an appeal, with the reason.",
        "retain": "Set the retention class of cases, with the reason.",
        "destroy": "Have the vault destroy the content of cases, as an authority asked for.",
        "nca": "Write the report of a case for entry in the NCA's portal by hand.",
        "hold": "Place cases under a legal hold, or release them.",
        "pack": "Write the evidence pack of a case.",
        "details": "Store the uploader details of a case, encrypted.",
        "retract": "Retract an unfinished report to NCMEC.",
        "settle": "Settle a report to NCMEC whose status is unknown.",
        "make-key": "Create a key for uploader details.",
        "change-key": "Encrypt all uploader details, and contacts of notices, with the newest key.",
    },
)
