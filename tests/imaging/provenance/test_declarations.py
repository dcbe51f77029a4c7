"""Provenance of whole files, which were written from the standards and from what tools write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from hashmatch.imaging import InProcessIntake, PoolIntake
from hashmatch.imaging.provenance import load_credentials, read_provenance
from hashmatch.imaging.provenance.carriers import find_carriers
from hashmatch.outcome import Reason
from hashmatch.provenance import Credentials, Declared, Provenance, provenance_of
from tests.imaging.pool.pools import reason_of
from tests.pictures import GENEROUS

from .carriers import encoded, png_text, png_with
from .hostile_files import HOSTILE
from .marked_files import CASES, FURTHER, ORDINARY
from .signing import authority

MARKED = {**CASES, **FURTHER}
FORGED = {name: make for name, make in HOSTILE.items() if not name.startswith("cut_")}
CUT = {name: make for name, make in HOSTILE.items() if name.startswith("cut_")}


@pytest.fixture(scope="module")
def anchored() -> Iterator[InProcessIntake]:
    with closing(InProcessIntake(GENEROUS, trust_anchors=authority().pem)) as intake:
        yield intake


@pytest.fixture(scope="module")
def locked_down() -> Iterator[PoolIntake]:
    pool = PoolIntake(
        GENEROUS, workers=1, timeout_s=60, max_memory_bytes=2_000_000_000,
        trust_anchors=authority().pem,
    )  # fmt: skip
    with closing(pool):
        yield pool


def _provenance(intake: InProcessIntake | PoolIntake, data: bytes) -> Provenance:
    found = intake.read(data, {"pdq"}).provenance
    assert found is not None
    return found


@pytest.mark.parametrize("name", MARKED)
def test_a_mark_is_found(name: str, anchored: InProcessIntake) -> None:
    case = MARKED[name]
    data = case.make()
    found = _provenance(anchored, data)
    assert (found.declared, found.c2pa) == (case.declared, case.c2pa), case.evidence_hint
    assert read_provenance(data, load_credentials()).c2pa == case.c2pa_without_anchor


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_file_declares_nothing(name: str, anchored: InProcessIntake) -> None:
    assert _provenance(anchored, ORDINARY[name]()).declared is Declared.NONE


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "heic"])
def test_signed_files_are_verified_in_the_process_that_is_locked_down(
    kind: str, locked_down: PoolIntake
) -> None:
    found = _provenance(locked_down, CASES[f"c2pa_{kind}_trained"].make())
    assert found.declared is Declared.GENERATED
    assert found.c2pa is Credentials.TRUSTED
    assert found.evidence == ("c2pa:trainedAlgorithmicMedia",)
    assert found.issuer == "Example Generators Ltd"
    tampered = _provenance(locked_down, CASES[f"c2pa_{kind}_tampered"].make())
    assert (tampered.c2pa, tampered.issuer) == (Credentials.INVALID, None)


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_ends_no_process(name: str, locked_down: PoolIntake) -> None:
    reading = locked_down.read(FORGED[name](), {"pdq"})
    ended = (Reason.DECODER_CRASHED, Reason.TIMED_OUT, Reason.OUT_OF_MEMORY)
    assert reason_of(reading) not in ended
    assert reading.provenance is not None


def test_a_file_cut_anywhere_has_at_most_the_marks_of_the_whole() -> None:
    reader = load_credentials()
    for name, make in CUT.items():
        whole = MARKED[name.removeprefix("cut_").rpartition("_")[0]]
        declared = read_provenance(make(), reader).declared
        assert declared in (Declared.NONE, whole.declared), name


def test_without_the_library_a_manifest_is_unread_and_not_absent() -> None:
    found = read_provenance(CASES["c2pa_jpeg_trained"].make(), None)
    assert found == Provenance((), Credentials.UNREAD)


def test_a_file_of_nothing_but_pixels_declares_nothing() -> None:
    assert read_provenance(encoded("png"), load_credentials()) == Provenance()


def test_evidence_has_no_room_for_anything_but_names() -> None:
    assert provenance_of(["png:prompt", "png:prompt"]).evidence == ("png:prompt",)
    for name in ("png:a picture", "elsewhere:prompt", "tc260:prompt", "prompt", ""):
        with pytest.raises(ValueError, match="not the name of a mark"):
            provenance_of([name])


def test_of_many_marks_the_strongest_stay() -> None:
    carriers = ("xmp", "exif", "png", "jpeg", "gif")
    weak = [f"{one}:genAIType" for one in carriers] + ["iptc:EditedCredit", "tc260:possible"]
    strong = [f"{one}:{mark}" for one in carriers for mark in ("prompt", "workflow")]
    found = provenance_of([*weak, *strong])
    assert len(found.evidence) == 16
    assert {*strong} <= {*found.evidence}
    assert found.declared is Declared.GENERATED
    assert provenance_of(weak).declared is Declared.PARTLY


@pytest.mark.parametrize("state", [Credentials.NONE, Credentials.INVALID, Credentials.REMOTE])
def test_nothing_is_said_of_an_issuer_whose_credentials_are_not_intact(state: Credentials) -> None:
    assert provenance_of([], state, "somebody").issuer is None


def test_an_issuer_is_short_and_printable() -> None:
    assert provenance_of([], Credentials.VALID, "A\nB\x1b" + "c" * 500).issuer == "AB" + "c" * 98


def test_of_thousands_of_carriers_a_few_are_read() -> None:
    text = png_text("parameters", "Steps: 20, Sampler: Euler")
    found = find_carriers(png_with([text] * 5_000))
    assert 0 < len(found.texts) <= 64
    assert sum(len(value) for _, _, value in found.texts) < 10_000


def test_packed_text_is_unpacked_within_a_limit_for_all_of_a_file() -> None:
    bomb = png_text("parameters", "a" * (1 << 20), "zTXt")
    found = find_carriers(png_with([bomb] * 50))
    assert sum(len(value) for _, _, value in found.texts) <= 8 << 20
