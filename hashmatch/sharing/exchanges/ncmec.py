"""NCMEC's Hash Sharing: requests by templates of the operator, since its XML is not public."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hashmatch.config import NCMECExchange, TemplateSettings, read_secret
from hashmatch.errors import InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.outbound import Answer
from hashmatch.store.sharing import SentItem, Wanted

from .answers import Caller
from .interface import Accepted, Answered, ExchangeClient, OutgoingEntry, Refused
from .templates import PathTemplate, Values, XMLTemplate

# What is known of an entry that is withdrawn.
_NAMES = ("id", "entry", "list", "moment")
_WORDS = (
    "publisher", "tlp", "category", "tags", "added_at", "generated", "jurisdiction",
)  # fmt: skip
# Followed by the name of a scheme.
_SCHEMES = "classification."
# Statuses of one request: the others say something of the exchange.
_REFUSALS = frozenset({404, 405, 409, 410})
_IS_THERE = 409


@dataclass(frozen=True, slots=True)
class _Request:
    """One of the operator's requests."""

    settings: TemplateSettings
    path: PathTemplate
    body: XMLTemplate | None

    def text(self) -> str:
        return self.body.text if self.body is not None else ""


class NCMECClient(ExchangeClient):
    """Client of one list, or environment, of NCMEC's; an entry is there as a whole."""

    are_shared = False

    def __init__(
        self,
        settings: NCMECExchange,
        key: str,
        private_hosts: Collection[str],
    ) -> None:
        self._settings = settings
        known = (*_NAMES, *_WORDS, *ALGORITHMS, _SCHEMES)
        self._add = _open(settings.add, known, f"{key}.add")
        update = settings.update
        self._update = None if update is None else _open(update, known, f"{key}.update")
        self._withdraw = _open(settings.withdraw, _NAMES, f"{key}.withdraw")
        secret = f"{settings.username}:{read_secret(settings.password)}".encode()
        self._authorization = f"Basic {base64.b64encode(secret).decode()}"
        self._caller = Caller(settings.base, settings.timeout_s, private_hosts)

    def conditions(self) -> str:
        """Return the texts of the templates."""
        return "\n".join((self._add.text(), self._update.text() if self._update else ""))

    def parts(self, entry: OutgoingEntry) -> Sequence[Wanted]:
        """Return the entry as a whole, if it has a hash at all."""
        if not any(entry.shared.hashes.values()):
            return []
        values = {**self._values(entry), "moment": ()}
        text = json.dumps([values, self.conditions()], sort_keys=True)
        return [Wanted("", b"", hashlib.sha256(text.encode()).hexdigest())]

    def put(self, entry: OutgoingEntry, item: SentItem) -> Answered:
        """Add the entry, or update one that is known to be there."""
        values, update = self._values(entry), self._update
        if item.remote_id and update is not None:
            return self._judged(self._ask(update, values), values)
        answer = self._ask(self._add, values)
        if isinstance(answer, Answer) and answer.status == _IS_THERE and update is not None:
            # As after an attempt whose answer was lost.
            answer = self._ask(update, values)
        return self._judged(answer, values)

    def withdraw(self, list_name: str, entry_id: str, item: SentItem) -> Answered:
        """Withdraw the entry."""
        values = _identity(list_name, entry_id)
        answer = self._ask(self._withdraw, values)
        if isinstance(answer, Answer) and answer.status in self._settings.gone_statuses:
            return Accepted()
        return self._judged(answer, values)

    def _values(self, entry: OutgoingEntry) -> Values:
        own, facts = entry.shared, entry.shared.facts
        return {
            **_identity(entry.list_name, own.entry_id),
            "publisher": (entry.publisher,),
            "tlp": (entry.tlp,),
            "category": (own.category,),
            "tags": tuple(own.tags),
            "added_at": (own.added_at,),
            "generated": (facts.generated if facts else "unknown",),
            "jurisdiction": (facts.jurisdiction if facts else "",),
            **{f"{_SCHEMES}{scheme}": (code,) for scheme, code in entry.codes.items()},
            **{name: tuple(value.hex() for value in values) for name, values in own.hashes.items()},
        }

    def _ask(self, request: _Request, values: Values) -> Answer | Answered:
        headers = {"Authorization": self._authorization}
        try:
            path = request.path.fill(values)
            content = b"" if request.body is None else request.body.fill(values)
        except InputError as error:
            return Refused(error.message)
        if request.body is not None:
            headers["Content-Type"] = request.settings.content_type
        return self._caller.send(request.settings.method, path, headers, content)

    def _judged(self, answer: Answer | Answered, values: Values) -> Answered:
        if not isinstance(answer, Answer):
            return answer
        problem = self._caller.judge(answer, refusals=_REFUSALS)
        # Its own id, by which an entry that is changed is known to be there.
        return problem or Accepted(values["id"][0])


def _open(settings: TemplateSettings, names: Collection[str], key: str) -> _Request:
    body = XMLTemplate(settings.template, names) if settings.template else None
    return _Request(settings, PathTemplate(settings.path, names, f"{key}.path"), body)


def _identity(list_name: str, entry_id: str) -> Values:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": (f"{list_name}-{entry_id}",),
        "entry": (entry_id,),
        "list": (list_name,),
        "moment": (moment,),
    }
