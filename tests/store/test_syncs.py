"""Leases of lists: one process at a time works on a list."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import nullcontext

import pytest
from sqlalchemy import update

from hashmatch.errors import SyncLeaseError
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list, lease_sync, new_lease_holder
from hashmatch.store.schema.lists import ListSync
from tests.store.importing import import_text
from tests.store.test_generations import list_file


def test_the_lease_of_a_process_that_died_here_is_free_at_once(database: Database) -> None:
    import_text(database, "one", list_file(1))
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    gone = re.sub(r"-\d+-", f"-{process.pid}-", new_lease_holder())
    alive = re.sub(r"-\d+-", f"-{os.getppid()}-", new_lease_holder())
    elsewhere = "0" * 12 + gone[12:]
    for holder, is_free in ((gone, True), (alive, False), (elsewhere, False)):
        with database.writing() as session:
            session.execute(update(ListSync).values(leased_by="", leased_until=None))
            lease_sync(session, find_list(session, "one"), holder)
        with nullcontext() if is_free else pytest.raises(SyncLeaseError):
            import_text(database, "one", list_file(1))
