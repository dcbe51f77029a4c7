"""Exchange of python-threatexchange for a list that hashmatch shares."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from threatexchange.exchanges import auth, fetch_state, signal_exchange_api
from threatexchange.exchanges.collab_config import CollaborationConfigWithDefaults
from threatexchange.signal_type.md5 import VideoMD5Signal
from threatexchange.signal_type.pdq.signal import PdqSignal
from threatexchange.signal_type.signal_base import SignalType

from .feed import ExpiredError, Feed

_API_NAME = "hashmatch"


@dataclass
class HashmatchCheckpoint(fetch_state.FetchCheckpointBase):
    """The cursor of the last answer; an expired one begins the list anew."""

    cursor: str = ""
    is_expired: bool = False

    def is_stale(self) -> bool:
        """Say whether what was fetched is to be deleted and fetched from the beginning."""
        return self.is_expired


@dataclass
class HashmatchEntry:
    """One entry: its hashes by algorithm, and what the publisher says of it."""

    hashes: dict[str, list[str]]
    category: str = ""
    tags: list[str] = field(default_factory=list)


@dataclass
class HashmatchMetadata(fetch_state.FetchedSignalMetadata):
    """What is known of one hash: the entries that have it, with their categories and tags."""

    entries: dict[str, list[str]]

    def get_as_opinions(self) -> t.Sequence[fetch_state.SignalOpinion]:
        """Return the publisher's opinion: the hash is of what the list is of."""
        category = fetch_state.SignalOpinionCategory.POSITIVE_CLASS
        return [
            fetch_state.SignalOpinion(is_mine=False, category=category, tags=set(tags))
            for tags in self.entries.values()
        ]


@dataclass
class _RequiredFields:
    url: str = field(metadata={"help": "address of the publisher, as https://hashes.example"})
    list_name: str = field(metadata={"help": "name of the list there"})


@dataclass
class HashmatchCollabConfig(CollaborationConfigWithDefaults, _RequiredFields):
    """Which list of which publisher is fetched."""

    api: str = field(init=False, default=_API_NAME)
    public_key: str = field(
        default="", metadata={"help": "the publisher's public key, which signs answers"}
    )


@dataclass
class HashmatchCredentials(auth.CredentialHelper):
    """The token that the publisher gave."""

    ENV_VARIABLE: t.ClassVar[str] = "TX_HASHMATCH_TOKEN"
    FILE_NAME: t.ClassVar[str] = "~/.tx_hashmatch_token"

    token: str = field(metadata={"help": "token that the publisher gave"})

    @classmethod
    def _from_str(cls, s: str) -> HashmatchCredentials:
        return cls(s.strip())

    def _are_valid(self) -> bool:
        return bool(self.token)


class HashmatchExchangeAPI(
    auth.SignalExchangeWithAuth[HashmatchCollabConfig, HashmatchCredentials],
    signal_exchange_api.SignalExchangeAPI[
        HashmatchCollabConfig, HashmatchCheckpoint, HashmatchMetadata, str, HashmatchEntry
    ],
):
    """A shared list, in the order in which its publisher changed it."""

    def __init__(self, collab: HashmatchCollabConfig, token: str) -> None:
        super().__init__()
        self._feed = Feed(collab.url, collab.list_name, token, collab.public_key)

    @classmethod
    def for_collab(
        cls,
        collab: HashmatchCollabConfig,
        credentials: HashmatchCredentials | None = None,
    ) -> HashmatchExchangeAPI:
        """Return the exchange of a configured list."""
        credentials = credentials or HashmatchCredentials.get(cls)
        return cls(collab, credentials.token)

    @classmethod
    def get_name(cls) -> str:
        """Return the name of the exchange."""
        return _API_NAME

    @staticmethod
    def get_config_cls() -> type[HashmatchCollabConfig]:
        """Return the class of its configuration."""
        return HashmatchCollabConfig

    @staticmethod
    def get_checkpoint_cls() -> type[HashmatchCheckpoint]:
        """Return the class of its checkpoints."""
        return HashmatchCheckpoint

    @staticmethod
    def get_record_cls() -> type[HashmatchMetadata]:
        """Return the class of what is known of a hash."""
        return HashmatchMetadata

    @staticmethod
    def get_credential_cls() -> type[HashmatchCredentials]:
        """Return the class of its credentials."""
        return HashmatchCredentials

    def fetch_iter(
        self,
        supported_signal_types: t.Sequence[type[SignalType]],
        checkpoint: HashmatchCheckpoint | None,
    ) -> t.Iterator[fetch_state.FetchDelta[str, HashmatchEntry, HashmatchCheckpoint]]:
        """Yield the changes since a checkpoint, an answer at a time."""
        cursor = "" if checkpoint is None else checkpoint.cursor
        while True:
            try:
                page = self._feed.read(cursor)
            except ExpiredError:
                # The next fetch deletes what there is, and begins anew.
                expired = HashmatchCheckpoint(cursor, is_expired=True)
                yield fetch_state.FetchDelta({}, expired)
                return
            updates: dict[str, HashmatchEntry | None] = {}
            for line in page.lines:
                if "withdraw" in line:
                    updates[line["withdraw"]] = None
                elif "add" in line:
                    updates[line["add"]] = HashmatchEntry(
                        line.get("hashes", {}), line.get("category", ""), line.get("tags", [])
                    )
            cursor = page.cursor
            yield fetch_state.FetchDelta(updates, HashmatchCheckpoint(cursor))
            if page.is_complete:
                return

    @classmethod
    def naive_convert_to_signal_type(
        cls,
        signal_types: t.Sequence[type[SignalType]],
        collab: HashmatchCollabConfig,
        fetched: t.Mapping[str, HashmatchEntry],
    ) -> dict[type[SignalType], dict[str, HashmatchMetadata]]:
        """Return what is known of every hash, by its kind."""
        found: dict[type[SignalType], dict[str, HashmatchMetadata]] = {}
        for entry_id, entry in fetched.items():
            words = [*([entry.category] if entry.category else []), *entry.tags]
            for kind, algorithm in _kinds(signal_types, entry):
                for value in entry.hashes.get(algorithm, []):
                    try:
                        kind.validate_signal_str(value)
                    except ValueError:
                        continue
                    own = found.setdefault(kind, {}).setdefault(value, HashmatchMetadata({}))
                    own.entries[entry_id] = words
        return found


def _kinds(
    signal_types: t.Sequence[type[SignalType]], entry: HashmatchEntry
) -> t.Iterator[tuple[type[SignalType], str]]:
    for kind in signal_types:
        if kind is PdqSignal:
            yield kind, "pdq"
        elif kind is VideoMD5Signal and "video" in entry.tags:
            yield kind, "md5"
        elif kind.get_name() in entry.hashes:
            yield kind, kind.get_name()
