"""Thresholds: the widest that stays within the false matches allowed."""

from __future__ import annotations

import tomllib

from hashmatch.evaluate import Group, Platform
from hashmatch.evaluate.false_match_figures import Rate
from hashmatch.evaluate.statistics import Basis
from hashmatch.evaluate.thresholds import TradeOff, configuration, is_promised, widest_within
from hashmatch.hashes import Level

PLATFORM = Platform(entries=1000, images_a_day=1000)


def _trade_off(bits: int, share: float) -> TradeOff:
    rate = Rate(bits, share, share / 2, share * 2, Basis.SEEN, without_hubs=share)
    return TradeOff(bits, {Group.CHAT: 0.5}, 0.5, rate)


def test_the_widest_threshold_is_judged_by_the_upper_end() -> None:
    some = [_trade_off(30, 1e-8), _trade_off(31, 4e-7), _trade_off(32, 6e-7)]
    chosen = widest_within(some, PLATFORM, 1.0)
    assert chosen is not None
    assert chosen.bits == 31


def test_where_no_threshold_is_narrow_enough_none_is_chosen() -> None:
    assert widest_within([_trade_off(0, 1e-3)], PLATFORM, 1.0) is None


def test_the_configuration_can_be_pasted() -> None:
    text = configuration({"pdq": 36, "phash": 2})
    assert tomllib.loads(text) == {"policy": {"thresholds_bits": {"pdq": 36, "phash": 2}}}
    assert configuration({}) == ""


def test_plain_is_judged_by_the_promises_of_standard() -> None:
    assert is_promised(Group.CHAT, Level.PLAIN)
    assert not is_promised(Group.CROP_5, Level.PLAIN)
    assert is_promised(Group.CROP_5, Level.THOROUGH)
