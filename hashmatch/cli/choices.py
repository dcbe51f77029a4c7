"""Values that options take, written out: to import them from their rooms loads the database.

A test holds them against those rooms.
"""

CASE_STATES = (
    "open", "in_review", "confirmed", "false_positive", "escalated", "reported", "closed",
)  # fmt: skip
DECISIONS = ("review", "confirm", "dismiss", "reported", "close", "reopen")
FLOOD_ACTIONS = ("keep", "review", "disable")
VERDICTS = ("confirmed", "false-positive")
SCOPES = (
    "scan",
    "review",
    "export",
    "admin",
    "metrics",
    "details",
    "curate",
    "senior",
    "lists",
    "audit",
)
LIST_FORMATS = ("csv", "tsv", "jsonl", "json", "vics", "caid", "ncmec", "pytx")
REPORT_FORMATS = ("csv", "jsonl")
REGULATORS = ("dsa", "interim", "ofcom", "australia")
REGULATOR_FORMS = ("json", "csv", "html", "pdf", "zip")
# Those that come with hashmatch; installed packages may add others.
ALGORITHMS = ("md5", "sha1", "sha256", "pdq", "phash", "dhash", "whash", "ahash")
