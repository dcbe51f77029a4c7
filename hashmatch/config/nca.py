"""Settings of reports to the United Kingdom's National Crime Agency (NCA)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from .lists import SecretSettings, Section
from .reporters import ReporterSettings
from .service import EndpointSettings

# 1 is the most urgent: immediately, as soon as reasonably practicable, without undue delay.
NCAPriority = Literal[1, 2, 3]
_Hours = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]


class NCAEscalation(Section):
    """`[escalations.NAME]` with `to = "nca"`: a report for the NCA, to the operator's own desk.

    The NCA's own interface is not public. Without a `url` reports are written by 'cases nca' alone.
    `due_hours` are those of the three priorities, which the law does not give in hours.
    """

    to: Literal["nca"]
    url: str = ""
    secret: SecretSettings | None = None
    timeout_s: float = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)
    reporter: ReporterSettings
    platform: str = ""
    # By category, as the lists name it; the most urgent one of a case counts.
    priorities: dict[str, NCAPriority] = {}
    priority: NCAPriority = 2
    due_hours: tuple[_Hours, _Hours, _Hours] = Field(default=(0.0, 24.0, 72.0), strict=False)
    when_reported_abroad: Literal["skip", "send"] = "skip"
    # Those whose report frees from the duty; a report to any other does not.
    authorities_abroad: tuple[str, ...] = Field(default=("NCMEC",), strict=False)
    declared_generative_ai: bool = True
    generative_ai_lists: tuple[str, ...] = Field(default=(), strict=False)

    @property
    def endpoint(self) -> EndpointSettings | None:
        """The desk that gets the reports, None where there is none."""
        if self.secret is None:
            return None
        return EndpointSettings(url=self.url, secret=self.secret, timeout_s=self.timeout_s)

    @model_validator(mode="after")
    def _require_consistency(self) -> NCAEscalation:
        if bool(self.url) is not (self.secret is not None):
            raise ValueError("set both url and secret, or neither")
        try:
            _ = self.endpoint
        except ValidationError as error:
            # Without the input, as everywhere.
            raise ValueError(f"url: {error.errors(include_input=False)[0]['msg']}") from None
        return self
