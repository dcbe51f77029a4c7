"""Settings of the person who makes reports to authorities."""

from __future__ import annotations

from pydantic import Field

from .lists import Section


class ReporterSettings(Section):
    """`[escalations.NAME.reporter]`: the reporting person and company, as NCMEC requires.

    `phone` is for reports to the NCA alone.
    """

    first_name: str = ""
    last_name: str = ""
    email: str = Field(min_length=3)
    phone: str = ""
    company: str = ""
    terms_of_service: str = ""
    legal_url: str = ""
