"""Lines and documents that are written by hand say what encoders and parsers say they do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.config import Settings
from hashmatch.sharing import Pull, Pulled, SharedList, feed_body, ncmec
from hashmatch.sharing.pulling import Resumed
from hashmatch.store.sharing import ConsumerFacts, SharedItem, Standing

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)
SETTINGS = Settings.model_validate({"sharing": {"publisher": 'A & "B" <c>'}}).sharing
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=12)
ITEMS = st.builds(
    SharedItem,
    position=st.integers(1, 1_000),
    entry_id=NAMES.filter(bool),
    published_at=st.just(MOMENT),
    first_position=st.integers(1, 1_000),
    first_published_at=st.just(MOMENT),
    is_withdrawn=st.booleans(),
    category=NAMES,
    tags=st.lists(NAMES, max_size=3).map(tuple),
    added_at=NAMES,
    hashes=st.dictionaries(
        st.sampled_from(["md5", "pdq", "a_b", "1x"]),
        st.lists(st.binary(min_size=1, max_size=16), min_size=1, max_size=3),
        max_size=3,
    ),
)
PAGES = st.lists(ITEMS, max_size=4)


def _pulled(items: list[SharedItem]) -> Pulled:
    consumer = ConsumerFacts(1, "police", ("ours",), (), (), False, 1, None)
    shared = SharedList(1, "ours", "amber", Standing(9, 1, MOMENT))
    return Pulled(shared, consumer, items, Pull(0, 9, 9), Resumed(1, 1), {})


@given(items=PAGES)
def test_a_line_of_the_feed_is_the_json_of_its_entry(items: list[SharedItem]) -> None:
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    expected = [
        {"withdraw": one.entry_id}
        if one.is_withdrawn
        else {
            "add": one.entry_id,
            "hashes": {name: [each.hex() for each in own] for name, own in one.hashes.items()},
            "category": one.category,
            "tags": list(one.tags),
            "added_at": one.added_at,
        }
        for one in items
    ]
    assert feed_body(_pulled(items)) == "".join(f"{encode(one)}\n" for one in expected).encode()


@given(items=PAGES)
def test_a_parser_reads_the_entries_of_a_document(items: list[SharedItem]) -> None:
    window = ncmec.Window(MOMENT, MOMENT)
    document = ncmec.entries_document(_pulled(items), SETTINGS, window, Pull(0, 0, 9))
    images, videos = fromstring(document)
    for group, own in (
        (images, [one for one in items if "video" not in one.tags]),
        (videos, [one for one in items if "video" in one.tags]),
    ):
        assert group.get("count") == str(len(group)) == str(len(own))
        for element, one in zip(group, own, strict=True):
            assert ("}deleted" in element.tag) is one.is_withdrawn
            _require_same(element, one)


def _require_same(element: Element, one: SharedItem) -> None:
    texts = {child.tag.rpartition("}")[2]: child.text for child in element}
    # The member is what precedes the slash; unprintable characters may be none of XML.
    if one.entry_id.isprintable():
        assert (texts["id"] or "") == one.entry_id.partition("/")[2 if "/" in one.entry_id else 0]
    if one.is_withdrawn:
        assert "classification" not in texts
        assert "fingerprints" not in texts
        return
    if one.category.isprintable():
        assert texts.get("classification", "") == one.category
    found = [
        (child.tag.rpartition("}")[2], child.text)
        for child in element.iter()
        if child.tag.rpartition("}")[2] in ("md5", "pdq")
    ]
    assert found == [
        (name, each.hex())
        for name, own in sorted(one.hashes.items())
        if name in ("md5", "pdq")
        for each in own
    ]
