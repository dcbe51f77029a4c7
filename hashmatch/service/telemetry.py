"""OpenTelemetry, an extra: a span for each request, sent where the usual variables say."""

from __future__ import annotations

import os

from fastapi import FastAPI

from hashmatch import __version__
from hashmatch.errors import ConfigError


def instrument(app: FastAPI) -> None:
    """Let every request be traced; addresses and queries, which hold hashes, are left out.

    Raises `ConfigError` where the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            "service.telemetry needs an extra", hint="pip install 'hashmatch[telemetry]'"
        ) from error
    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "hashmatch"}
    resource = Resource.create({**name, "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        server_request_hook=_hide_callers_words,
        exclude_spans=["receive", "send"],  # They are one for every piece of a body.
    )


_CALLERS_WORDS = (
    "http.url",
    "http.target",
    "url.full",
    "url.query",
    "http.user_agent",
    "user_agent.original",
    "http.server_name",
    "http.host",
)


def _hide_callers_words(span: object, _scope: dict[str, object]) -> None:
    for name in _CALLERS_WORDS:
        span.set_attribute(name, "")  # type: ignore[attr-defined]
