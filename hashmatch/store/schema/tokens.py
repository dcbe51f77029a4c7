"""Table of the service's access tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import KEYS_ARE_NEVER_REUSED, Audited, utc_now


class AccessToken(Audited):
    """Access token of the service; of its secret only the SHA-256 is stored.

    `scopes` are a JSON array.
    """

    __tablename__ = "tokens"
    __table_args__ = (KEYS_ARE_NEVER_REUSED,)
    audited = (
        "key", "token_id", "name", "secret_hash", "scopes", "requests_per_minute", "expires_at",
        "revoked_at",
    )  # fmt: skip

    key: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[str] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(Text)
    secret_hash: Mapped[bytes]
    scopes: Mapped[str] = mapped_column(Text)
    requests_per_minute: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
