"""The hashes that are looked up farther: few of an image, where that finds most."""

from __future__ import annotations

from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, Orientation, View
from hashmatch.wide import MAX_WIDE, choose_wide

PDQ = ALGORITHMS["pdq"]


def _hash(number: int, view: View = View.FULL, frame: int = 0, rendering: int = 0) -> Hash:
    return Hash(PDQ, bytes([number]) * 32, view=view, frame=frame, rendering=rendering)


def _chosen(*views: View) -> list[View]:
    hashes = [_hash(number, view) for number, view in enumerate(views)]
    return [hashes[place].view for place in sorted(choose_wide(hashes))]


def test_the_picture_and_its_parts_come_before_other_views() -> None:
    views = [
        *(View.NEGATIVE, View.UNFRAMED, View.INNER, View.CENTRE),
        *([View.PART_INNER] * 3 + [View.PART] * 3),
        *(View.RESIZED, View.FULL),
    ]
    assert _chosen(*views) == [
        *([View.PART_INNER] * 2 + [View.PART] * 2),
        *(View.RESIZED, View.FULL),
    ]


def test_without_parts_what_is_inside_the_borders_comes_next_then_the_others_in_order() -> None:
    views = [View.FULL, View.NEGATIVE, View.UNFRAMED, View.CENTRE, View.TURNED, View.INNER]
    assert _chosen(*views, View.RESIZED) == [
        *(View.FULL, View.NEGATIVE, View.UNFRAMED, View.CENTRE),
        *(View.INNER, View.RESIZED),
    ]


def test_all_are_chosen_where_there_are_few() -> None:
    assert choose_wide([]) == frozenset()
    assert choose_wide([_hash(1), _hash(2, View.TILTED)]) == {0, 1}


def test_turned_and_embedded_pictures_are_not_the_picture() -> None:
    turned = [
        Hash(PDQ, bytes([100 + number]) * 32, orientation=one)
        for number, one in enumerate(Orientation)
        if one is not Orientation.ORIGINAL
    ]
    hashes = [*turned, _hash(1, View.EMBEDDED), _hash(2), _hash(3, View.RESIZED)]
    assert {len(hashes) - 1, len(hashes) - 2} <= choose_wide(hashes)
    assert len(hashes) - 3 not in choose_wide(hashes)


def test_the_first_way_of_showing_the_first_frame_comes_first_then_others() -> None:
    first = [_hash(10, View.FULL), _hash(11, View.RESIZED), _hash(12, View.NEGATIVE)]
    second = [_hash(20, View.ON_BLACK, rendering=1), _hash(21, View.RESIZED, rendering=1)]
    later = [_hash(30 + frame, frame=frame) for frame in range(1, 9)]
    hashes = [*later, *second, *first]
    values = {hashes[place].value[0] for place in choose_wide(hashes)}
    assert values == {10, 11, 20, 21, 31, 32}


def test_equal_hashes_take_one_place() -> None:
    hashes = [_hash(1, frame=frame) for frame in range(50)] + [_hash(2, View.TURNED)]
    assert choose_wide(hashes) == {0, 50}


def test_there_are_never_more_than_the_limit() -> None:
    hashes = [_hash(number, View.PART, frame=number % 7) for number in range(200)]
    assert len(choose_wide(hashes)) == MAX_WIDE
