"""Templates of the operator: what they may hold, and that no value changes their form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hashmatch.errors import ConfigError, InputError
from hashmatch.sharing.exchanges.templates import PathTemplate, XMLTemplate
from hashmatch.store.engine import Database
from tests.pictures import hashes_of
from tests.sharing.sending import Platform, Submission, submission
from tests.store.importing import import_text

__all__ = ["submission"]
_NAMES = ("a", "b", "codes.")


@pytest.fixture
def platform(database: Database, submission: Submission) -> Platform:
    """A platform that sends its own list by templates."""
    return Platform(database, submission.section)


def _template(folder: Path, text: str) -> XMLTemplate:
    path = folder / "template.xml"
    path.write_text(text)
    return XMLTemplate(str(path), _NAMES)


def test_an_entry_is_written_as_the_template_says(
    platform: Platform, submission: Submission
) -> None:
    platform.sharing = {"classifications": {'<A & "1">': {"icse": "base]]>line"}}}
    entry = platform.add(1, category='<A & "1">', tags=("one", "two & <three/>"))
    platform.send()
    own = f"ours-{entry}"
    (image,) = submission.service.entries.values()
    assert (image.get("id"), image.get("by")) == (own, "Platform A")
    texts = submission.service.texts
    assert texts(own, "class") == ['<A & "1">']
    assert texts(own, "icse") == ["base]]>line"]
    assert texts(own, "tag") == ["one", "two & <three/>"]
    hashes = hashes_of(1, "md5", "pdq")
    assert texts(own, "md5") == [hashes["md5"].value.hex()]
    assert texts(own, "pdq") == [hashes["pdq"].value.hex()]
    # It has none of these.
    assert texts(own, "sha1") == texts(own, "country") == []


def test_a_change_is_an_update_and_an_answer_that_was_lost_makes_no_second(
    platform: Platform, submission: Submission
) -> None:
    platform.section["lists"] = ["one"]
    value = hashes_of(1, "pdq")["pdq"].value.hex()
    submission.service.faults = ["lost"]
    for category in ("A", "A", "B"):
        text = f"algorithm,value,entry_id,category\npdq,{value},e/1,{category}\n"
        import_text(platform.database, "one", text)
        platform.wait()
        platform.send()
    methods = [one.method for one in submission.requests()]
    # Added, added again (there already: updated), updated.
    assert methods == ["POST", "POST", "PUT", "PUT"]
    assert submission.service.made == 1
    assert submission.service.texts("one-e/1", "class") == ["B"]


def test_a_withdrawal_of_what_is_gone_is_done(platform: Platform, submission: Submission) -> None:
    entry = platform.add(1)
    platform.send()
    submission.service.entries.clear()
    platform.withdraw(entry)
    assert platform.send().counts == {"withdrawn": 1}


def test_a_wrong_address_of_withdrawals_is_not_taken_for_done(
    platform: Platform, submission: Submission
) -> None:
    platform.section["withdraw"] = {**platform.section["withdraw"], "path": "v3/entries/{id}"}
    entry = platform.add(1)
    platform.send()
    platform.withdraw(entry)
    assert platform.send().counts == {"refused": 1}
    assert submission.has() != set()


def test_it_needs_consent(platform: Platform) -> None:
    platform.section["by_template"] = False
    with pytest.raises(ValidationError, match="by_template"):
        platform.settings  # noqa: B018 (reading them is the test)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<x>{c}</x>", "stands for nothing"),
        ("<x>{a.b}</x>", "stands for nothing"),
        ("<x y='{}'/>", "stands for nothing"),
        ("<x>{a</x>", "brace"),
        ("<x>{{a}}</x>", "brace"),
        ("<x>", "not a document"),
        ("<!DOCTYPE x [<!ENTITY e 'v'>]><x>&e;</x>", "not a document"),
        ("<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>", "not a document"),
        ("<x><?php {a} ?></x>", "processing instructions"),
        ("", "not a document"),
    ],
)
def test_a_template_that_cannot_be_used_is_a_clear_error(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        _template(tmp_path, text)


def test_a_template_that_is_missing_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        XMLTemplate(str(tmp_path / "none.xml"), _NAMES)


@pytest.mark.parametrize(
    "path", ["/x", "//host/x", "http://host/x", "a/../b", "a b", "x/{c}", "x/{a", "a//b"]
)
def test_a_path_leads_nowhere_else(path: str) -> None:
    with pytest.raises(ConfigError):
        PathTemplate(path, _NAMES, "path")


def test_a_value_in_a_path_is_one_part_of_it() -> None:
    path = PathTemplate("x/{a}?y={b}", _NAMES, "path")
    assert path.fill({"a": ["../../e?f#g/"], "b": ["&z=1"]}) == (
        "x/..%2F..%2Fe%3Ff%23g%2F?y=%26z%3D1"
    )
    for wrong in ("", "..", "."):
        with pytest.raises(InputError):
            path.fill({"a": [wrong], "b": ["x"]})


@given(text=st.text(max_size=40), other=st.text(max_size=40))
def test_no_value_changes_the_form_of_a_document(
    tmp_path_factory: pytest.TempPathFactory, text: str, other: str
) -> None:
    template = _template(
        tmp_path_factory.getbasetemp(),
        "<r><x at='-{a}-'>{a}<y><![CDATA[{b}]]></y></x><z>{codes.one}</z></r>",
    )
    values: Mapping[str, Any] = {"a": [text], "b": [other]}
    try:
        root = fromstring(template.fill(values))
    except InputError:
        assert not text.isprintable() or not other.isprintable()
        return
    assert {one.tag for one in root.iter()} <= {"r", "x", "y"}
    if text.isprintable() and other.isprintable() and text:
        (x,) = root.findall("x")
        assert (x.get("at"), x.text) == (f"-{text}-", text)
        assert [y.text for y in x.findall("y")] == ([other] if other else [])


def test_what_lacks_its_outermost_element_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="outermost"):
        _template(tmp_path, "<x>{a}</x>").fill({})
    with pytest.raises(InputError, match="outermost"):
        _template(tmp_path, "<x>{a}</x>").fill({"a": ["1", "2"]})
