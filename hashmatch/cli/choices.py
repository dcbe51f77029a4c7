"""Values that options take, written out: to import them from their rooms loads the database.

A test holds them against those rooms.
"""

CASE_STATES = (
    "open", "in_review", "confirmed", "false_positive", "escalated", "reported", "closed",
)  # fmt: skip
DECISIONS = ("review", "confirm", "dismiss", "reported", "close", "reopen")
RESTRICTIONS = (
    "removal", "disabled", "demoted", "age_restricted", "labelled", "account_suspended",
    "account_terminated", "service_suspended", "service_terminated", "monetary", "other",
)  # fmt: skip
GROUNDS = ("illegal", "terms")
AUTOMATIONS = ("none", "partial", "full")
CHANNELS = ("internal", "out_of_court", "court")
APPELLANTS = ("uploader", "notifier", "other")
ANSWERS = ("upheld", "reversed", "partly_reversed", "inadmissible", "withdrawn")
RETENTION_CLASSES = ("standard", "report", "messaging")
NOTICE_STATES = ("incomplete", "valid", "removed", "refused", "duplicate", "withdrawn")
NOTICE_OUTCOMES = ("removed", "refused", "duplicate", "withdrawn")
REFUSALS = (
    "not_intimate", "consensual", "not_the_subject", "not_found", "incomplete", "other",
)  # fmt: skip
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
