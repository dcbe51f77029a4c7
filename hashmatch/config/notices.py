"""Settings of the register of notices, which are requests to remove intimate images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .lists import Section

NoticePart = Literal["signature", "identification", "good_faith", "contact", "standing"]


class NoticeSettings(Section):
    """`[notices]`: the time that there is for a request, and the parts that make it valid."""

    due_hours: float = Field(default=48.0, gt=0, le=10_000, allow_inf_nan=False)
    # TOML has no tuples: not strict, so that its arrays are accepted.
    parts: tuple[NoticePart, ...] = Field(
        default=("signature", "identification", "good_faith", "contact"),
        min_length=1,
        strict=False,
    )
