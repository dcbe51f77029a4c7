"""Settings of sharing: who publishes, which lists, under which markings, and who is sent them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from .exchanges import ExchangeName, ExchangeSettings
from .lists import SecretSettings, Section

# The labels of the Traffic Light Protocol, version 2.0.
TrafficLight = Literal["clear", "green", "amber", "amber+strict", "red"]
Scheme = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class SharedListSettings(Section):
    """`[sharing.lists.NAME]`: one list that is shared, and how.

    `redistribute` says that the licence of a list that is not our own permits it.
    """

    redistribute: bool = False
    tlp: TrafficLight = "amber+strict"
    # Whether contributions need a second person.
    two_people: bool = True


class SharingSettings(Section):
    """`[sharing]`: lists that others may pull, each with a token of its own, or that are sent.

    `classifications` has for a category of ours the codes of other schemes.
    """

    enabled: bool = False
    publisher: str = Field(default="", max_length=200)
    # The publisher's id as a member, in the shape of NCMEC's Hash Sharing.
    member_id: int = Field(default=1, ge=1, le=2_000_000_000)
    signing_key: SecretSettings | None = None
    # The key of private membership: answers to partners who are given no hash.
    membership_key: SecretSettings | None = None
    # The most entries of one answer.
    max_entries: int = Field(default=1_000, ge=1, le=5_000)
    lists: dict[str, SharedListSettings] = {}
    classifications: dict[str, dict[Scheme, Code]] = {}
    exchanges: dict[ExchangeName, ExchangeSettings] = {}

    @model_validator(mode="after")
    def _require_lists_of_exchanges(self) -> SharingSettings:
        for name, exchange in self.exchanges.items():
            for one in exchange.lists:
                if one not in self.lists:
                    raise ValueError(f"exchange {name} needs a section [sharing.lists.{one}]")
        return self
