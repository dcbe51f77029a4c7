"""Traces: a span for each request, and nothing in it of what was asked about."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hashmatch.service.telemetry.tracing import instrument
from tests.service.serving import quieten_clients

SIGNAL = "0123456789abcdef" * 4


async def _look_up() -> dict[str, str]:
    return {}


async def _ask(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hidden.example") as client:
        answer = await client.get("/m/lookup", params={"signal": SIGNAL})
        assert answer.status_code == 200


def test_a_trace_has_no_query_and_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    quieten_clients()
    exporter, app = InMemorySpanExporter(), FastAPI()
    sdk = "opentelemetry.sdk.trace.export.BatchSpanProcessor"
    otlp = "opentelemetry.exporter.otlp.proto.http.trace_exporter.OTLPSpanExporter"
    monkeypatch.setattr(sdk, SimpleSpanProcessor)
    monkeypatch.setattr(otlp, lambda: exporter)
    app.get("/m/lookup")(_look_up)
    instrument(app)
    asyncio.run(_ask(app))
    spans = [one.to_json() for one in exporter.get_finished_spans()]
    assert any("/m/lookup" in one for one in spans)
    assert [one for one in spans if SIGNAL in one or "hidden.example" in one] == []
