"""Rest of those who look at content: a limit a day, and breaks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from hashmatch.config import ViewerSettings
from hashmatch.errors import ForbiddenError
from hashmatch.service.console.viewing import require_rest
from hashmatch.store.schema import utc_now

_NOW = utc_now()


def _viewer(**values: float) -> ViewerSettings:
    chosen = {"looks_a_day": 10, "looks_before_break": 3, "break_minutes": 15, **values}
    url = "https://viewer.example/{content_id}"
    return ViewerSettings.model_validate({"url": url, "hosts": ["viewer.example"], **chosen})


def _ago(*minutes: float) -> list[datetime]:
    return [_NOW - timedelta(minutes=one) for one in minutes]


@pytest.mark.parametrize(
    ("minutes", "is_permitted"),
    [
        ((), True),
        ((1, 2), True),
        ((1, 2, 3), False),
        ((16, 17, 18), True),
        ((14, 15, 16), False),
        # A break between the second and the third look counts.
        ((1, 2, 20), True),
        ((1, 2, 3, 100), False),
    ],
)
def test_after_some_looks_without_a_break_one_is_due(
    minutes: tuple[float, ...], *, is_permitted: bool
) -> None:
    times = _ago(*minutes)
    if is_permitted:
        require_rest(_viewer(), times, _NOW)
    else:
        with pytest.raises(ForbiddenError) as caught:
            require_rest(_viewer(), times, _NOW)
        assert "Take a break of" in caught.value.hint


def test_a_day_has_a_limit_and_either_may_be_off() -> None:
    many = _ago(*(20 * one for one in range(1, 12)))
    with pytest.raises(ForbiddenError, match="which is the limit"):
        require_rest(_viewer(), many, _NOW)
    require_rest(_viewer(looks_a_day=0, looks_before_break=0), _ago(*range(50)), _NOW)


@pytest.mark.parametrize(
    "url",
    [
        "http://viewer.example/{content_id}",
        "https://other.example/{content_id}",
        "https://viewer.example/",
        "https://{content_id}.viewer.example/",
        "javascript:alert({content_id})",
        "https://viewer.example@evil.example/{content_id}",
    ],
)
def test_a_viewer_is_on_a_permitted_host_by_https(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        ViewerSettings.model_validate({"url": url, "hosts": ["viewer.example"]})
