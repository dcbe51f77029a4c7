"""The OpenAPI document is the truth: every request is answered as it says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.service.conftest import Serve
from tests.service.serving import Served

_CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
# The server's answers before the service sees anything: to bytes that are no HTTP request, and to
# too long a head.
_TOO_LONG = 431
_NO_HTTP = "Invalid HTTP request received."


@pytest.fixture
def exposed(serve: Serve) -> Iterator[Served]:
    with serve(lists={"one": {"source": "file", "path": "/nowhere"}}) as served:
        yield served


@pytest.mark.parametrize("examples", [5, pytest.param(50, marks=pytest.mark.long)])
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.timeout(900)
def test_every_request_is_answered_as_the_document_says_and_breaks_nothing(
    exposed: Served, mode: GenerationMode, examples: int
) -> None:
    document = exposed.client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    # On a busy machine the service may wait for its store, and the machine for its disk.
    schema.config.update(base_url=exposed.url, request_timeout=60)
    headers = {"Authorization": exposed.client.headers["Authorization"]}
    statuses = set[int]()
    for result in schema.get_all_operations():
        operation: Any = result
        statuses |= _ask(operation.ok(), mode, headers, examples)
    assert statuses >= {200, 400} if mode is GenerationMode.POSITIVE else {400}
    assert 500 not in statuses


def _ask(operation: Any, mode: GenerationMode, headers: dict[str, str], examples: int) -> set[int]:
    """Make requests that one call allows, or does not allow, and return the statuses."""
    statuses = set[int]()

    @settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call(headers=headers)
        if response.content == _NO_HTTP.encode() or response.status_code == _TOO_LONG:
            return
        statuses.add(response.status_code)
        case.validate_response(response, checks=_CHECKS)

    # A call without arguments cannot be called wrongly.
    with suppress(Unsatisfiable):
        ask()
    return statuses


def test_every_call_says_what_is_wrong_without_a_token(exposed: Served) -> None:
    document = exposed.client.get("/openapi.json").json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if "security" in call:
                assert "Needs a token with the scope" in call["description"]
                assert "401" in call["responses"], path
                answer = exposed.anonymous.request(method, path)
                assert answer.status_code in (400, 401), path
