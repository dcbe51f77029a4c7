"""Reports to regulators by name, in any of their forms: made, and on the audit log before that."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import InputError
from hashmatch.store.regulators import Span

from .australia import build_australia
from .dsa import DSAPart, build_dsa, build_parts
from .dsa_measures import unruled_measures
from .forms import Form, Regulator
from .interface import RegulatorReport
from .interim import build_interim
from .ofcom import build_ofcom
from .reading import read_circumstances, read_periods
from .record import Circumstances, Periods, RecallLine
from .rendering import as_csv, as_json, as_page, as_pdf

_BUILDERS: Mapping[Regulator, Callable[[Periods, Circumstances], RegulatorReport]] = {
    Regulator.DSA: build_dsa,
    Regulator.INTERIM: build_interim,
    Regulator.OFCOM: build_ofcom,
    Regulator.AUSTRALIA: build_australia,
}
# A moment that every archive has, so that the same report is the same file.
_ZIP_MOMENT = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class MadeReport:
    """A report that was made: its figures, and for the DSA the parts of its template.

    `warnings` are of the parts: what is on record and in none of them.
    """

    report: RegulatorReport
    parts: tuple[DSAPart, ...] = ()
    warnings: tuple[str, ...] = ()


def make_regulator_report(
    session: Session,
    settings: Settings,
    regulator: Regulator,
    span: Span,
    *,
    recall: tuple[RecallLine, ...] = (),
) -> MadeReport:
    """Return the report of a period, from the record. Raises `InputError` and `ConfigError`."""
    of_messages = regulator is Regulator.INTERIM
    periods = read_periods(session, settings, span, of_messages=of_messages)
    around = read_circumstances(session, settings, periods, recall=recall, of_messages=of_messages)
    report = _BUILDERS[regulator](periods, around)
    if regulator is not Regulator.DSA:
        return MadeReport(report)
    return MadeReport(report, build_parts(periods, around), tuple(_warnings(periods, around)))


def _warnings(periods: Periods, around: Circumstances) -> Iterator[str]:
    if periods.now is not None and (number := unruled_measures(periods.now, around)):
        yield (
            f"{number} restrictions are of no category, and in no row of parts 5 and 6:"
            " [[reports.dsa.rules]] can name their lists"
        )


def require_form(regulator: Regulator, form: Form) -> None:
    """Raise `InputError` where a report has no such form."""
    if form is Form.ZIP and regulator is not Regulator.DSA:
        raise InputError("format: only the DSA's report has parts, which zip puts together")


def document_of(made: MadeReport, form: Form) -> bytes:
    """Return a report in a form; the parts of the DSA's, with its figures, as an archive.

    Raises `ConfigError` for a PDF where the extra is not installed.
    """
    match form:
        case Form.JSON:
            return as_json(made.report).encode()
        case Form.CSV:
            return as_csv(made.report).encode()
        case Form.HTML:
            return as_page(made.report).encode()
        case Form.PDF:
            return as_pdf(made.report)
        case Form.ZIP:
            return _archive(files_of(made))
        case _:
            assert_never(form)


def files_of(made: MadeReport) -> dict[str, bytes]:
    """Return the files of the DSA's report: the parts, and their figures with definitions."""
    return {
        **{one.name: one.text.encode() for one in made.parts},
        "definitions.csv": as_csv(made.report).encode(),
        "definitions.html": as_page(made.report).encode(),
    }


def _archive(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _ZIP_MOMENT)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return target.getvalue()
