"""Questions that tests of banks ask of the service and of its store."""

from __future__ import annotations

from typing import Any

from hashmatch.store.engine import Database, read_audit_records
from tests.service.serving import Served


def look_up(served: Served, value: str, signal_type: str = "pdq") -> Any:
    """Return the matches of a hash by bank."""
    query = {"signal_type": signal_type, "signal": value}
    answer = served.client.get("/m/lookup", params=query)
    assert answer.status_code == 200
    return answer.json()


def actions(database: Database) -> list[tuple[str, str]]:
    """Return the actions of the audit log, each with its actor."""
    with database.reading() as session:
        return [(one["action"], one["actor"]) for one in read_audit_records(session)]
