"""Logs: one JSON object a line, on stderr, with the request's id and nothing of its contents."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
# These log addresses, rows or file contents.
_RESTRICTED = (
    "uvicorn.access",
    "httpx",
    "httpcore",
    "numba",
    "PIL",
    "sqlalchemy.engine",
    "python_multipart",
)


def configure() -> None:
    """Configure all logging of this process, that of libraries included."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _RESTRICTED:
        logging.getLogger(name).setLevel(logging.ERROR)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a part of the service."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return found
