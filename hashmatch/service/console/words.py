"""Words of the console: how it names what the record holds, and how it says distances and times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind, View

from .texts import N_, Translations

LABELS: Mapping[str, str] = {
    # States of cases.
    "open": N_("open"),
    "in_review": N_("in review"),
    "confirmed": N_("confirmed"),
    "false_positive": N_("false positive"),
    "escalated": N_("escalated"),
    "reported": N_("reported"),
    "closed": N_("closed"),
    # Actions on matches.
    "allow": N_("allow"),
    "review": N_("review"),
    "block": N_("block"),
    # Nearness.
    "match": N_("match"),
    "near": N_("near"),
    # What files declare of their making.
    "generated": N_("made by a machine"),
    "partly": N_("partly made by a machine"),
    "none": N_("nothing declared"),
    # Content credentials.
    "trusted": N_("signed by somebody trusted"),
    "valid": N_("signed by somebody unknown"),
    "invalid": N_("signature broken"),
    "remote": N_("kept elsewhere"),
    # Orientations.
    "original": N_("upright"),
    "rotate-90": N_("turned by 90°"),
    "rotate-180": N_("turned by 180°"),
    "rotate-270": N_("turned by 270°"),
    "flip-x": N_("mirrored"),
    "flip-y": N_("upside down, mirrored"),
    "transpose": N_("mirrored and turned"),
    "transverse": N_("mirrored and turned the other way"),
    # Messages of the outbox.
    "waiting": N_("waiting"),
    "sent": N_("sent"),
    "dead": N_("given up"),
    # Outcomes.
    "clear": N_("clear"),
    "matched": N_("matched"),
    "unscreened": N_("unscreened"),
}
# Deeds of the audit log that a case shows; others are shown as the log names them.
_EVENTS: Mapping[str, str] = {
    "case.opened": N_("opened"),
    "case.match": N_("another match"),
    "case.content": N_("other content under the same id"),
    "case.assign": N_("assigned"),
    "case.plan": N_("planned"),
    "case.note": N_("note"),
    "case.detail": N_("uploader's details arrived"),
    "case.review": N_("review begun"),
    "case.confirm": N_("confirmed"),
    "case.dismiss": N_("dismissed as false positive"),
    "case.escalate": N_("escalated"),
    "case.report": N_("report to NCMEC queued"),
    "case.reported": N_("reported"),
    "case.close": N_("closed"),
    "case.reopen": N_("reopened"),
    "case.hold": N_("legal hold placed"),
    "case.release": N_("legal hold released"),
    "case.proposed": N_("proposed, waits for a second person"),
    "case.undelivered": N_("given back: nobody could be reached"),
    "escalation.sent": N_("delivered"),
    "details.shown": N_("uploader's details were looked at"),
    "content.looked_at": N_("content was looked at"),
    "case.exported": N_("evidence pack made"),
}
# What was undone before a picture was like the listed one.
_VIEWS: Mapping[View, str] = {
    View.INNER: N_("borders added"),
    View.ON_BLACK: N_("transparent, shown over black"),
    View.ON_BLACK_INNER: N_("transparent, shown over black, with borders"),
    View.ON_GREY: N_("transparent, shown over grey"),
    View.ON_GREY_INNER: N_("transparent, shown over grey, with borders"),
    View.OPAQUE: N_("hidden behind transparency"),
    View.OPAQUE_INNER: N_("hidden behind transparency, with borders"),
    View.AS_STORED: N_("shown without its orientation"),
    View.AS_STORED_INNER: N_("shown without its orientation, with borders"),
    View.MANAGED: N_("in its own colour space"),
    View.MANAGED_INNER: N_("in its own colour space, with borders"),
    View.INVERTED: N_("with inverted inks"),
    View.INVERTED_INNER: N_("with inverted inks and borders"),
    View.EMBEDDED: N_("within the file, not shown by itself"),
    View.EMBEDDED_INNER: N_("within the file, not shown by itself, with borders"),
    View.EMBEDDED_ON_BLACK: N_("within the file, not shown by itself, over black"),
    View.EMBEDDED_ON_BLACK_INNER: N_("within the file, not shown by itself, over black, bordered"),
    View.RESIZED: N_("resized, mirrored or turned"),
    View.NEGATIVE: N_("a negative"),
    View.UNFRAMED: N_("a screenshot or frame around it"),
    View.PART: N_("part of a screenshot, post or collage"),
    View.PART_INNER: N_("part of a screenshot, post or collage, with borders"),
    View.PANEL: N_("half or a quarter of a collage"),
    View.CENTRE: N_("something added at its edges"),
    View.EXTENDED: N_("cropped"),
    View.TURNED: N_("turned by a few degrees"),
    View.TILTED: N_("in perspective"),
    View.TILTED_PART: N_("photographed from a screen or print"),
}
# Characters that would change how others beside them are shown, or that nobody sees.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_MINUTES_AN_HOUR, _HOURS_A_DAY, _MANY_HOURS = 60, 24, 48


def label(texts: Translations, name: str) -> str:
    """Return the word for a value of the record; one that has none stands for itself."""
    found = LABELS.get(name)
    return name if found is None else texts.gettext(found)


def event(texts: Translations, name: str) -> str:
    """Return the words for a deed of the audit log."""
    found = _EVENTS.get(name)
    return visible(name) if found is None else texts.gettext(found)


def visible(text: str) -> str:
    """Return a text of others with what is hidden in it made visible."""
    return _HIDDEN.sub(lambda one: f"\\u{ord(one[0]):04x}", text)


def closeness(texts: Translations, match: Mapping[str, Any]) -> str:
    """Return in words how close a match of a case is to its entry."""
    algorithm = ALGORITHMS.get(match["algorithm"])
    if algorithm is not None and algorithm.kind is Kind.EXACT:
        return texts.gettext(N_("exact copy: the same file"))
    view, orientation = View(match["view"]), match["orientation"]
    altered = texts.gettext(_VIEWS[view]) if view in _VIEWS else ""
    # A resized view says of itself how the picture is turned.
    if orientation != "original":
        turned = label(texts, orientation)
        altered = turned if not altered or view is View.RESIZED else f"{altered}, {turned}"
    if match["nearness"] == "near":
        near = texts.gettext(N_("near: alike, but beyond the list's threshold"))
        return f"{near} ({altered})" if altered else near
    if altered:
        return texts.gettext(N_("the same picture altered: %(how)s")) % {"how": altered}
    if match["distance_bits"] == 0:
        return texts.gettext(N_("the same picture"))
    return texts.gettext(N_("near copy: the same picture, saved again"))


def due_words(texts: Translations, due_at: datetime, now: datetime) -> str:
    """Return when something is due, as people say it."""
    left = due_at - now
    length = _length(texts, abs(left))
    if left < timedelta():
        return texts.gettext(N_("overdue by %(time)s")) % {"time": length}
    return texts.gettext(N_("due in %(time)s")) % {"time": length}


def age_words(texts: Translations, moment: datetime, now: datetime) -> str:
    """Return how long ago something was."""
    return texts.gettext(N_("%(time)s ago")) % {"time": _length(texts, now - moment)}


def _length(texts: Translations, length: timedelta) -> str:
    minutes = max(0, int(length.total_seconds() // 60))
    hours, days = minutes // _MINUTES_AN_HOUR, minutes // (_MINUTES_AN_HOUR * _HOURS_A_DAY)
    if minutes < _MINUTES_AN_HOUR:
        number, words = minutes, texts.ngettext("%(n)d minute", "%(n)d minutes", minutes)
    elif hours < _MANY_HOURS:
        number, words = hours, texts.ngettext("%(n)d hour", "%(n)d hours", hours)
    else:
        number, words = days, texts.ngettext("%(n)d day", "%(n)d days", days)
    return words % {"n": number}


def moment_words(moment: datetime) -> str:
    """Return a moment in UTC, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
