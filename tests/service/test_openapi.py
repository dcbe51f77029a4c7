"""The OpenAPI document is the truth: whatever is asked, it says what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
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
_EXAMPLES = 25
# What the server says of bytes that are no HTTP request, before the service sees any.
_NO_HTTP = "Invalid HTTP request received."


@pytest.fixture
def asked(serve: Serve) -> Iterator[Served]:
    with serve(lists={"one": {"source": "file", "path": "/nowhere"}}) as served:
        yield served


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_asked_is_answered_as_the_document_says_and_breaks_nothing(
    asked: Served, mode: GenerationMode
) -> None:
    document = asked.client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=asked.url)
    headers = {"Authorization": asked.client.headers["Authorization"]}
    statuses = set[int]()
    for result in schema.get_all_operations():
        operation: Any = result
        statuses |= _ask(operation.ok(), mode, headers)
    assert statuses >= {200, 400} if mode is GenerationMode.POSITIVE else {400}
    assert 500 not in statuses


def _ask(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> set[int]:
    """Ask for anything that one call allows, or does not allow, and return the statuses."""
    statuses = set[int]()

    @settings(
        max_examples=_EXAMPLES,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call(headers=headers)
        if response.text == _NO_HTTP:
            return
        statuses.add(response.status_code)
        case.validate_response(response, checks=_CHECKS)

    with suppress(Unsatisfiable):  # A call without arguments cannot be asked wrongly.
        ask()
    return statuses


def test_every_call_says_what_is_wrong_without_a_token(asked: Served) -> None:
    document = asked.client.get("/openapi.json").json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if "security" in call:
                assert "Needs a token with the scope" in call["description"]
                assert "401" in call["responses"], path
                answer = httpx.request(method, f"{asked.url}{path}")
                assert answer.status_code in (400, 401), path
