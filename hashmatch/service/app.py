"""The app: all calls behind one door, with what runs behind them for as long as it is served."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from hashmatch import __version__
from hashmatch.config import Settings, load_settings
from hashmatch.errors import HashmatchError

from . import background, cases, hma, lists, logs, probes, records, reports, scans, telemetry
from .documentation import correct, docs_page
from .metrics import Metrics
from .observing import Observing
from .problems import answer_http, answer_invalid
from .queries import StrictQueries
from .running import Running
from .shedding import Shedding

_PARTS = (scans, records, cases, reports, lists, hma, probes)
# How `serve` tells the processes that it starts how many they are.
WORKERS = "HASHMATCH_SERVICE_WORKERS"

_DESCRIPTION = (
    "Tells a platform whether an image is already known abuse material, without ever keeping the"
    " image. Every call but the probes needs a token with the scope that it names."
)


def create_app(settings: Settings) -> FastAPI:
    """Return the service as an ASGI app; what it needs is opened when it is started."""
    metrics = Metrics()
    app = _App(
        title="hashmatch",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings, app.state.metrics = settings, metrics
    for part in _PARTS:
        app.include_router(part.router)
    app.add_api_route("/docs", lambda: docs_page(app), include_in_schema=False)
    app.add_exception_handler(HashmatchError, scans.answer_failure)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_middleware(
        TrustedHostMiddleware,
        allowed_hosts=list(settings.service.allowed_hosts),
        www_redirect=False,
    )
    app.add_middleware(StrictQueries)
    app.add_middleware(Observing, metrics=metrics)
    app.add_middleware(Shedding, metrics=metrics)
    if settings.service.telemetry:
        telemetry.instrument(app)
    return app


def create_app_from_configuration() -> FastAPI:
    """Return the service under the configuration in force, for servers that start processes."""
    logs.configure()
    settings = load_settings()
    # What the command line says of it wins over the file, and the processes share what there is.
    workers = int(os.environ.get(WORKERS, settings.service.workers))
    service = settings.service.model_copy(update={"workers": workers})
    return create_app(settings.model_copy(update={"service": service}))


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = correct(
                super().openapi(), [route for one in _PARTS for route in one.router.routes]
            )
        return self.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    with ExitStack() as opened:
        running = opened.enter_context(closing(Running(app.state.settings, app.state.metrics)))
        for one in background.begin(running):
            opened.enter_context(closing(one))
        app.state.running = running
        yield
