"""Choice of the hashes of an image that are looked up farther than the threshold, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hashmatch.hashes import EMBEDDED_VIEWS, SEARCH_VIEWS, Hash, Orientation, View

# A look-up gets dear with the distance, so that only as many hashes of an image are looked up far.
MAX_WIDE = 6
# How many of such a view count before anything else. Of what people make of a picture, a distance
# of 40 bits instead of 31 finds more of screenshots of chats (by 30 points of a hundred) and
# photographs of screens (by 12) than of anything else: in both, the picture is a part.
_MOST = {View.FULL: 1, View.RESIZED: 1, View.PART: 2, View.PART_INNER: 2, View.INNER: 1}
_ORDER = list(_MOST)


def choose_wide(hashes: Sequence[Hash]) -> frozenset[int]:
    """Return the places of at most `MAX_WIDE` of an image's hashes of one algorithm.

    The first way of showing the first frame comes first: all of it, that again by way of a small
    picture, its parts, and what is inside its borders. Then come the same of other ways of showing
    it and of other frames, then all others in order. Of equal hashes one is chosen.
    """
    if len(hashes) == 1:
        return frozenset((0,))
    chosen: dict[bytes, int] = {}
    for place in _ranked(hashes):
        if len(chosen) == MAX_WIDE:
            break
        chosen.setdefault(hashes[place].value, place)
    return frozenset(chosen.values())


def _ranked(hashes: Sequence[Hash]) -> Iterator[int]:
    """Yield the places of hashes, those that are looked up farther first."""
    seen = Counter[tuple[View, int, int]]()
    ranks: list[tuple[int, int, int, int]] = []
    others: list[int] = []
    for place, one in enumerate(hashes):
        view = _kind(one)
        if view is None or seen[view, one.frame, one.rendering] == _MOST[view]:
            others.append(place)
            continue
        seen[view, one.frame, one.rendering] += 1
        ranks.append((one.frame, one.rendering, _ORDER.index(view), place))
    yield from (place for *_, place in sorted(ranks))
    yield from others


def _kind(one: Hash) -> View | None:
    """Return which of the views that come first a hash is of; None for another.

    Ways of showing a frame differ in the names of their views: each is the full one of its own.
    """
    if one.orientation is not Orientation.ORIGINAL or one.view in EMBEDDED_VIEWS:
        return None
    if one.view in SEARCH_VIEWS:
        return one.view if one.view in _MOST else None
    return View.INNER if one.view.is_inner else View.FULL
