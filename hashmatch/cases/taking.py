"""Taking of cases: the next one of the queue for a person, and for nobody else."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from hashmatch.store.cases import CaseFilter, lock_case
from hashmatch.store.engine import Database
from hashmatch.store.queue import read_case_page

from .actors import Actor
from .decisions import assign
from .states import State

# States in which a case needs somebody to decide.
_UNDECIDED = (State.OPEN, State.IN_REVIEW)
# Others may take the same cases at the same time: so many are tried at once.
_LOOKED_AT = 20


def take_next(
    database: Database, wanted: CaseFilter, actor: Actor, *, but: int | None = None
) -> int | None:
    """Return the most urgent undecided case of an actor, else of nobody, which becomes theirs.

    `wanted` narrows the queue, `but` is left out. None where there is none. Raises `ForbiddenError`
    for an actor who may not work on cases.
    """
    wanted = replace(wanted, states=_UNDECIDED, limit=_LOOKED_AT, after=None, is_proposed=False)
    # By the name as it is assigned, however it was written.
    mine = replace(wanted, assignee=actor.name.strip())
    with database.reading() as session:
        found = [one.row.key for one in read_case_page(session, mine).cases if one.row.key != but]
    if found:
        return found[0]
    free = replace(wanted, assignee="")
    while True:
        # Read before, since a page may pass many cases by, for which other writers would wait.
        with database.reading() as session:
            page = read_case_page(session, free)
        for one in page.cases:
            if one.row.key == but:
                continue
            with database.writing(actor.audit_name) as session:
                if _take(session, one.row.key, actor):
                    return one.row.key
        if page.following is None:
            return None
        free = replace(free, after=page.following)


def _take(session: Session, case: int, actor: Actor) -> bool:
    """Assign a case to an actor unless somebody else was faster."""
    row = lock_case(session, case)
    if row.assignee or State(row.state) not in _UNDECIDED:
        return False
    assign(session, case, actor.name, actor)
    return True
