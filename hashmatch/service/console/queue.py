"""Routes of the queue: what comes next, filters in the address, and cases chosen together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.cases import (
    PENDING,
    ActionDone,
    ActionFailed,
    CaseAction,
    State,
    act_on_each,
    assign,
    case_row,
    decide,
    take_next,
)
from hashmatch.errors import InputError
from hashmatch.outcome import Action, band_end, nearness, strongest
from hashmatch.store.cases import CaseFilter, MatchLine, read_match_lines
from hashmatch.store.lists import read_lists
from hashmatch.store.queue import CasePage, count_cases, read_case_page
from hashmatch.store.saved_queues import read_queues, remove_queue, save_queue
from hashmatch.store.schema import utc_now
from hashmatch.store.tokens import Scope

from ..api.cursors import QUEUE_CURSOR, queue_cursor, queue_place
from ..runtime.state import state_of
from .forms import RequireForm, RequirePerson, Submission
from .pages import READERS, go, page
from .people import Person, read_people, require_known

router = APIRouter()
Reader = Annotated[Person, Depends(RequirePerson(*READERS))]
Reviewing = Annotated[Submission, Depends(RequireForm(Scope.REVIEW))]
Reading = Annotated[Submission, Depends(RequireForm(*READERS))]
_ROWS = 50
_MOST_COUNTED = 100
_MATCHES_A_PAGE = 2_000
# Ends of the bands that people see who may not see exact distances.
DISTANCES = (0, 7, 15, 23, 31)
_DUE_HOURS = (1, 4, 24, 72)
MADE = {"generated": ("generated",), "either": ("generated", "partly")}
# What the addresses of the queue may contain, beside the place in it.
FILTERS = (
    "state", "list", "category", "action", "made", "distance", "assignee", "due", "approval",
    "content_id", "entry",
)  # fmt: skip
_BULK = (CaseAction.REVIEW, CaseAction.CONFIRM, CaseAction.DISMISS, CaseAction.CLOSE)
_MAX_QUERY = 2_000
_CASE_WORDS = frozenset({"", "case", "fall"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filter of the queue as its address has it; `values` leave out what is empty."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Wanted:
        """Return the filter among the fields of an address or form."""
        values = {name: given.get(name, "").strip()[:1000] for name in FILTERS}
        return cls({name: value for name, value in values.items() if value})

    @property
    def query(self) -> str:
        """Return the filter as the query of an address."""
        return urlencode(self.values)

    def get(self, name: str) -> str:
        """Return one of its values, "" for any."""
        return self.values.get(name, "")

    def as_filter(self, person: Person) -> CaseFilter:
        """Return the cases that it selects. Raises `InputError` for values that there are not."""
        states = {"": PENDING, "undecided": (State.OPEN, State.IN_REVIEW), "all": ()}
        state, assignee, due = self.get("state"), self.get("assignee"), self.get("due")
        chosen: Sequence[str] = states[state] if state in states else (_member(State, state),)
        hours = 0 if due == "overdue" else _number("due", due, _DUE_HOURS) if due else None
        distance, action = self.get("distance"), self.get("action")
        made, approval = self.get("made"), self.get("approval")
        if approval not in ("", "mine", "any"):
            raise InputError("approval: there is no such choice")
        if made and made not in MADE:
            raise InputError("made: there is no such choice")
        return CaseFilter(
            states=chosen,
            assignee={"": None, "me": person.name, "nobody": ""}.get(assignee, assignee),
            due_before=None if hours is None else utc_now() + timedelta(hours=hours),
            content_id=self.get("content_id") or None,
            list_name=self.get("list") or None,
            entry_id=self.get("entry") or None,
            category=self.get("category") or None,
            action=_member(Action, action) if action else None,
            max_distance_bits=_number("distance", distance, DISTANCES) if distance else None,
            declared=MADE[made] if made else (),
            is_proposed=bool(approval),
            not_proposed_by=person.name if approval == "mine" else "",
        )


def _member(kind: type[State] | type[Action], value: str) -> str:
    if value not in {one.value for one in kind}:
        raise InputError(f"{kind.__name__.lower()}: there is no such choice")
    return value


def _number(name: str, value: str, choices: Sequence[int]) -> int:
    if value not in map(str, choices):
        raise InputError(f"{name}: there is no such choice")
    return int(value)


@router.get("/queue")
def queue(
    request: Request,
    person: Reader,
    after: Annotated[str | None, Query(pattern=QUEUE_CURSOR)] = None,
) -> Response:
    """Show the cases that need somebody, the most urgent first."""
    service = state_of(request)
    wanted = Wanted.of(request.query_params)
    chosen = replace(
        wanted.as_filter(person), limit=_ROWS, after=None if after is None else queue_place(after)
    )
    with service.reading() as session:
        found = _read_page(session, chosen)
        contents = [one.content.content_id for one in found.cases]
        matches = read_match_lines(session, contents, limit=_MATCHES_A_PAGE)
        facts = {
            "rows": [
                {**case_row(one), **_summary(person, matches[one.content.content_id])}
                for one in found.cases
            ],
            "waiting": _waiting(session, person),
            "lists": [one.name for one in read_lists(session)],
            "people": read_people(session),
            "queues": read_queues(session, person.name, person.scopes),
        }
    following = queue_cursor(found.following)
    return page(
        request,
        "queue",
        {
            **facts,
            "sees_distances": person.sees_distances,
            "wanted": wanted.values,
            "query": wanted.query,
            "following": following,
            "STATES": [one.value for one in State],
            "ACTIONS": [one.value for one in Action],
            "DISTANCES": DISTANCES,
            "DUE_HOURS": _DUE_HOURS,
            "bulk": [one.value for one in _BULK] if person.may(Scope.REVIEW) else [],
        },
    )


def _read_page(session: Session, chosen: CaseFilter) -> CasePage:
    """Return a page; where no case has the content id asked for, of those that contain it."""
    if chosen.content_id is None:
        return read_case_page(session, chosen)
    exact = read_case_page(session, replace(chosen, after=None))
    if exact.cases:
        return exact
    return read_case_page(session, replace(chosen, content_id=None, fragment=chosen.content_id))


def _waiting(session: Session, person: Person) -> dict[str, int]:
    """Return what waits for a person and for everybody, `_MOST_COUNTED` at most of each."""
    undecided = (State.OPEN, State.IN_REVIEW)
    filters = {
        "mine": CaseFilter(states=undecided, assignee=person.name),
        "approval": CaseFilter(is_proposed=True, not_proposed_by=person.name),
        "overdue": CaseFilter(states=PENDING, due_before=utc_now()),
        "free": CaseFilter(states=undecided, assignee=""),
    }
    return count_cases(session, filters, limit=_MOST_COUNTED)


def _summary(person: Person, matches: Sequence[MatchLine]) -> dict[str, Any]:
    """Return what a line of the queue says of the matches of a case."""
    nearest = min(matches, key=lambda one: one.distance_bits, default=None)
    declared = {one.declared for one in matches}
    return {
        "lists": sorted({one.list_name for one in matches}),
        "categories": sorted({one.category for one in matches} - {""}),
        "action": strongest(Action(one.action) for one in matches) if matches else None,
        "distance_bits": None if nearest is None else _shown_distance(person, nearest),
        "nearness": None
        if nearest is None
        else min(nearness(one.distance_bits, one.threshold_bits) for one in matches),
        "declared": next((one for one in ("generated", "partly") if one in declared), ""),
    }


def _shown_distance(person: Person, match: MatchLine) -> int:
    """Return the distance of a match, or the largest of its band for who may not see it."""
    if person.sees_distances:
        return match.distance_bits
    return band_end(match.distance_bits, match.threshold_bits)


@router.get("/find")
def find(_: Reader, what: Annotated[str, Query(max_length=1000)] = "") -> Response:
    """Lead to a case by its number, or to the cases of a content id."""
    text = what.strip()
    # As the pages write it, too, in any of their languages.
    number = text.rpartition(" ")[2].removeprefix("#")
    if number.isdecimal() and text.removesuffix(number).strip(" #").casefold() in _CASE_WORDS:
        text = number
    if text.isdecimal() and text.isascii() and len(text) <= 9:
        return go(f"/cases/{int(text)}")
    return go("/queue", content_id=text, state="all")


@router.post("/queue/next")
def next_case(request: Request, sent: Reviewing) -> Response:
    """Take the next case: the most urgent of the person, else of nobody, which becomes theirs."""
    wanted = Wanted.of(sent.fields.values)
    but = sent.fields.number("but") if sent.fields.text("but") else None
    return go_to_next(request, sent.person, wanted, but=but)


def go_to_next(
    request: Request, person: Person, wanted: Wanted, *, but: int | None, done: str = ""
) -> Response:
    """Return the way to the next case of a person, or to the queue where there is none.

    It says what was `done` on the case that is left out.
    """
    chosen = replace(wanted.as_filter(person), assignee=None)
    found = take_next(state_of(request).database, chosen, person.actor, but=but)
    if found is None:
        return go("/queue", **wanted.values, done="nothing-left")
    last = but if done else None
    return go(f"/cases/{found}", **{"from": wanted.query, "done": done, "last": last})


@router.post("/queue/actions")
def actions(request: Request, sent: Reviewing) -> Response:
    """Take an action on the chosen cases, each by itself, and show what became of each."""
    service, fields, person = state_of(request), sent.fields, sent.person
    assignee = ""
    cases, name = fields.chosen("case-"), fields.text("do")
    if not cases:
        raise InputError("no case was chosen", hint="Tick the boxes of some cases first.")
    if name == "assign":
        given = fields.text("to")
        assignee = person.name if given in ("", "me") else given
        with service.reading() as session:
            require_known(session, assignee)

        def act(session: Session, case: int) -> ActionDone:
            return assign(session, case, assignee, person.actor)

    elif name in map(str, _BULK):
        action, note = CaseAction(name), fields.text("note")

        def act(session: Session, case: int) -> ActionDone:
            return decide(session, service.settings, case, action, person.actor, note=note)

    else:
        raise InputError("do: there is no such choice")
    results = act_on_each(service.database, cases, person.actor, act)
    facts = {
        "done_cases": [one for one in results if isinstance(one, ActionDone)],
        "failed_cases": [one for one in results if isinstance(one, ActionFailed)],
        "assigned_to": assignee if name == "assign" else "",
        "query": Wanted.of(fields.values).query,
    }
    return page(request, "bulk", facts)


@router.post("/queue/save")
def save(request: Request, sent: Reading) -> Response:
    """Save the filter of the queue under a name, for those whom the form names."""
    fields, person = sent.fields, sent.person
    wanted = Wanted.of(fields.values)
    wanted.as_filter(person)
    name = fields.text("name")
    if len(name) > 100 or len(wanted.query) > _MAX_QUERY:
        raise InputError("the name or the filter is too long")
    people = [one.strip() for one in fields.text("people").split(",") if one.strip()]
    access = [*people[:100], *([Scope.REVIEW.value] if fields.is_set("everybody") else [])]
    with state_of(request).database.writing(person.audit_name) as session:
        save_queue(session, person.name, name, wanted.query, access)
    return go("/queue", **wanted.values, done="saved")


@router.post("/queue/forget")
def forget(request: Request, sent: Reading) -> Response:
    """Remove a saved queue of the person's own."""
    with state_of(request).database.writing(sent.person.audit_name) as session:
        remove_queue(session, sent.fields.number("queue"), sent.person.name)
    return go("/queue", done="removed")
