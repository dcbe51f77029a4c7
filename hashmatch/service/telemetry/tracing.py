"""OpenTelemetry tracing, an extra: a span for each request.

The standard environment variables of OpenTelemetry say where the spans go.
"""

from __future__ import annotations

import os

from fastapi import FastAPI

from hashmatch._version import __version__
from hashmatch.errors import ConfigError


def instrument(app: FastAPI) -> None:
    """Trace every request. Addresses and queries are left out, since they may hold hashes.

    Raises `ConfigError` where the extra is not installed.
    """
    # Imported here, since the extra may not be installed.
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
    # A name from the environment wins.
    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "hashmatch"}
    resource = Resource.create({**name, "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        server_request_hook=_clear_caller_attributes,
        exclude_spans=["receive", "send"],  # One span for each piece of a body.
    )


_CALLER_ATTRIBUTES = (
    "http.url",
    "http.target",
    "url.full",
    "url.query",
    "http.user_agent",
    "user_agent.original",
    "http.server_name",
    "http.host",
)


def _clear_caller_attributes(span: object, _scope: dict[str, object]) -> None:
    for name in _CALLER_ATTRIBUTES:
        span.set_attribute(name, "")  # type: ignore[attr-defined]
