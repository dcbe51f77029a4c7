"""Settings of reports to regulators: who reports, what is on record, and rules for categories."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from .lists import Section

# As the store has them, and as a person enters them.
Restriction = Literal[
    "removal",
    "disabled",
    "demoted",
    "age_restricted",
    "labelled",
    "account_suspended",
    "account_terminated",
    "service_suspended",
    "service_terminated",
    "monetary",
    "other",
]
Register = Literal["measures", "appeals", "references"]
Keyword = Annotated[str, StringConstraints(pattern=r"^KEYWORD_[A-Z_]{1,80}$")]
Words = Annotated[str, StringConstraints(max_length=5_000)]


class DSARuleSettings(Section):
    """`[[reports.dsa.rules]]`: the keyword of the DSA's template for matches of these kinds.

    A match fits that is of one of the `lists` and of one of the `categories`; none means any.
    """

    keyword: Keyword
    lists: tuple[str, ...] = Field(default=(), strict=False)
    categories: tuple[str, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _require_kind(self) -> DSARuleSettings:
        if not self.lists and not self.categories:
            raise ValueError("a rule needs lists or categories: it would fit every match")
        return self


class DSASettings(Section):
    """`[reports.dsa]`: the restrictions that the platform imposes, and rules for categories.

    The first rule that fits decides; our own for common lists come after them.
    """

    restrictions: tuple[Restriction, ...] = Field(default=(), strict=False)
    rules: tuple[DSARuleSettings, ...] = Field(default=(), strict=False)


class InterimSettings(Section):
    """`[reports.interim]`: the provider's own words for the yearly report on messages."""

    ground: Words = ""
    transfers: Words = ""
    error_limits: Words = ""
    safeguards: Words = ""


class ReportsSettings(Section):
    """`[reports]`: who reports, of which service, and the registers that are kept completely.

    A number of none is written as 0 only of a register that is named here, or has anything.
    """

    provider: str = Field(default="", max_length=200)
    service: str = Field(default="", max_length=200)
    registers: tuple[Register, ...] = Field(default=(), strict=False)
    dsa: DSASettings = DSASettings()
    interim: InterimSettings = InterimSettings()
