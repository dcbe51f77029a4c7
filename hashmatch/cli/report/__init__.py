"""`hashmatch report`, a file a command."""

from ..groups import LazyGroup

command = LazyGroup(
    "report",
    __name__,
    "Export matches, cases and figures, and report to regulators.",
    {
        "export": "Export the matches, cases or figures of a period.",
        "regulator": "Report a period to a regulator, with definitions and the period before.",
    },
)
