"""Telemetry: logs, access log, metrics and tracing."""
