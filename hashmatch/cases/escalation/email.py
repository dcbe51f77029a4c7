"""Escalation by e-mail: a message that names the case and little else, as mail is not private."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

from hashmatch.config import EmailEscalation, Settings, read_secret
from hashmatch.errors import OutboxError
from hashmatch.outcome import Nearness
from hashmatch.store.outbox import Message

from .interface import NotificationChannel


class EmailChannel(NotificationChannel[EmailEscalation]):
    """Notifies people."""

    def require_ready(self, settings: Settings, target: EmailEscalation) -> None:
        """Raise `ConfigError` where the password of the mail server is missing."""
        if target.password is not None:
            read_secret(target.password)

    def notify(self, settings: Settings, target: EmailEscalation, message: Message) -> int:
        """Send the message; see `send_email`."""
        return send_email(target, message.body["data"])

    def render(self, target: EmailEscalation, body: Mapping[str, Any]) -> str:
        """Return the message with its addresses and subject."""
        message = write_email(target, body["data"])
        head = "\n".join(f"{name}: {message[name]}" for name in ("From", "To", "Subject"))
        return f"{head}\n\n{message.get_content()}"


def send_email(settings: EmailEscalation, body: Mapping[str, Any]) -> int:
    """Send a message about a case; returns the number of its recipients that were refused.

    Raises `OutboxError` and `ConfigError`.
    """
    message = write_email(settings, body)
    password = None if settings.password is None else read_secret(settings.password)
    try:
        with _connect(settings) as server:
            if settings.encryption == "starttls":
                server.starttls(context=_context(settings))
            if password is not None:
                server.login(settings.username, password)
            refused = server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        # The server's own words may quote the message.
        raise OutboxError(
            f"{settings.server}: the mail was not sent ({type(error).__name__})"
        ) from error
    # The other recipients have it, and must not get it again.
    return len(refused)


def write_email(settings: EmailEscalation, body: Mapping[str, Any]) -> EmailMessage:
    """Return the message: the case, its lists and categories, and how to open it."""
    case = body["case"]
    lists = ", ".join(sorted({one["list"] for one in body["matches"]}))
    # A message that an earlier version queued has only matches within the threshold.
    near = sum(one.get("nearness") == Nearness.NEAR for one in body["matches"])
    categories = ", ".join(sorted({one["category"] for one in body["matches"]} - {""}))
    lines = [
        f"Case {case} was escalated to you.",
        "",
        f"State: {body['state']}",
        f"Priority: {body['priority']} (0 is the most urgent)",
        f"Due: {body['due_at']}",
        f"Matches: {len(body['matches']) - near}, near: {near}, of {lists}"
        if near
        else f"Matches: {len(body['matches'])}, of {lists}",
        *([f"Categories: {categories}"] if categories else []),
        "",
        settings.case_url.replace("{case}", str(case)) or f"hashmatch cases show {case}",
    ]
    message = EmailMessage()
    message["Subject"] = f"hashmatch: case {case} was escalated"
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Message-ID"] = make_msgid("hashmatch", settings.sender.partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(lines))
    return message


def _connect(settings: EmailEscalation) -> smtplib.SMTP:
    place = (settings.server, settings.port)
    if settings.encryption == "tls":
        return smtplib.SMTP_SSL(*place, timeout=settings.timeout_s, context=_context(settings))
    return smtplib.SMTP(*place, timeout=settings.timeout_s)


def _context(settings: EmailEscalation) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        raise OutboxError(f"{settings.ca_file}: the certificates cannot be read") from error
