"""Words of the console: how it names what the record holds, and how it says distances and times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind, View
from hashmatch.outcome import BAND_BITS

from .labels import EVENTS, LABELS, REASONS, VIEWS
from .texts import N_, Translations

# Characters that would change how others beside them are shown, or that nobody sees.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
# What stands between thousands; a comma elsewhere.
_GROUPS = {"de": "."}
_MINUTES_AN_HOUR, _HOURS_A_DAY, _MANY_HOURS = 60, 24, 48


def label(texts: Translations, name: str) -> str:
    """Return the word for a value of the record; one that has none stands for itself."""
    found = LABELS.get(name)
    return name if found is None else texts.gettext(found)


def reason(texts: Translations, name: str) -> str:
    """Return why images of a reason had no verdict, for people."""
    found = REASONS.get(name)
    return name if found is None else texts.gettext(found)


def number(language: str, value: int) -> str:
    """Return a whole number as a language groups its digits."""
    return f"{value:,}".replace(",", _GROUPS.get(language, ","))


def event(texts: Translations, name: str) -> str:
    """Return the words for a deed of the audit log."""
    found = EVENTS.get(name)
    return visible(name) if found is None else texts.gettext(found)


def visible(text: str) -> str:
    """Return a text of others with what is hidden in it made visible."""
    return _HIDDEN.sub(lambda one: f"\\u{ord(one[0]):04x}", text)


def closeness(texts: Translations, match: Mapping[str, Any], *, is_exact_shown: bool = True) -> str:
    """Return in words how close a match of a case is to its entry.

    Unless `is_exact_shown`, its distance is the largest that it may be.
    """
    algorithm = ALGORITHMS.get(match["algorithm"])
    if algorithm is not None and algorithm.kind is Kind.EXACT:
        return texts.gettext(N_("exact copy: the same file"))
    view, orientation = View(match["view"]), match["orientation"]
    altered = texts.gettext(VIEWS[view]) if view in VIEWS else ""
    # A resized view says of itself how the picture is turned.
    if orientation != "original":
        turned = label(texts, orientation)
        altered = turned if not altered or view is View.RESIZED else f"{altered}, {turned}"
    if match["nearness"] == "near":
        near = texts.gettext(N_("only alike: beyond the list's threshold"))
        return f"{near} ({altered})" if altered else near
    if altered:
        return texts.gettext(N_("the same picture altered: %(how)s")) % {"how": altered}
    if not is_exact_shown and match["distance_bits"] < BAND_BITS:
        return texts.gettext(N_("the same picture, or saved again"))
    if match["distance_bits"] == 0:
        return texts.gettext(N_("the same picture"))
    return texts.gettext(N_("near copy: probably the same picture, saved again"))


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
