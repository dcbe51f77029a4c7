"""ASGI app: all routes and middleware, and the background tasks that run while it is served."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from hashmatch._version import __version__
from hashmatch.config import Settings, load_settings
from hashmatch.errors import HashmatchError, StoreError

from .api import (
    cases,
    duties,
    hma,
    lists,
    notices,
    probes,
    prompts,
    regulators,
    reports,
    scans,
    shared,
)
from .api import matches as records
from .api.documentation import correct, docs_page
from .api.load_shedding import LoadShedding
from .console import Console, create_console
from .console.pages import PREFIX as CONSOLE_PREFIX
from .console.pages import go
from .doors import open_doors
from .http.paths import LeadingSlashes
from .http.problems import answer_http, answer_invalid
from .http.queries import StrictQueries
from .runtime import background
from .runtime.state import ServiceState
from .telemetry import logs
from .telemetry import tracing as telemetry
from .telemetry.access_log import AccessLog
from .telemetry.metrics import Metrics

# In the order of the documentation.
_PARTS = (
    *(scans, prompts, records, cases, duties, notices, reports, regulators, lists),
    *(*hma.PARTS, *shared.PARTS, probes),
)
# Environment variable by which `serve` passes the number of processes to each of them.
WORKERS = "HASHMATCH_SERVICE_WORKERS"
# Routes that only read run in so many threads; screening and reports have threads of their own.
_READERS = 4
_log = logs.logger("hashmatch.service")

_DESCRIPTION = (
    "Checks whether an image is already known abuse material, without storing the image. Every"
    " request except those to the probes needs a token with the scope that is named with it."
)


def create_app(settings: Settings) -> FastAPI:
    """Return the service as an ASGI app. The database and the index are opened when it starts."""
    metrics = Metrics()
    app = _App(
        title="hashmatch",
        version=__version__,
        description=_DESCRIPTION,
        # FastAPI's own pages load scripts from other hosts; `docs_page` stands in for them.
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings, app.state.metrics = settings, metrics
    for part in _PARTS:
        app.include_router(part.router)
    app.add_api_route("/docs", lambda: docs_page(app), include_in_schema=False)
    if settings.console.enabled:
        app.state.console = create_console()
        app.mount(CONSOLE_PREFIX, app.state.console)
        app.add_api_route("/", lambda: go("/"), include_in_schema=False)
    app.add_exception_handler(HashmatchError, scans.answer_failure)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, answer_http)
    # The middleware added last sees a request first: all the others see the path that is answered,
    # and load shedding comes before the access log, and both before anything that costs more.
    app.add_middleware(
        TrustedHostMiddleware,
        allowed_hosts=list(settings.service.allowed_hosts),
        www_redirect=False,
    )
    app.add_middleware(StrictQueries)
    app.add_middleware(AccessLog, metrics=metrics)
    app.add_middleware(LoadShedding, metrics=metrics)
    app.add_middleware(LeadingSlashes)
    if settings.service.telemetry:
        telemetry.instrument(app)
    return app


def create_app_from_configuration() -> FastAPI:
    """Return the service under the configuration in force, for servers that start processes."""
    logs.configure()
    settings = load_settings()
    # The command line wins over the file. The number decides each process's share of the processors
    # and of rate limits.
    workers = int(os.environ.get(WORKERS, settings.service.workers))
    service = settings.service.model_copy(update={"workers": workers})
    return create_app(settings.model_copy(update={"service": service}))


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, which is built once."""
        if self.openapi_schema is None:
            self.openapi_schema = correct(
                super().openapi(), [route for one in _PARTS for route in one.router.routes]
            )
        return self.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    has_served = False
    try:
        # Closed in reverse order: the tasks end before the scanner and the database that they use.
        with ExitStack() as opened:
            state = ServiceState(app.state.settings, app.state.metrics)
            service = opened.enter_context(closing(state))
            for one in background.start_tasks(service):
                opened.enter_context(closing(one))
            app.state.service = service
            if service.settings.console.enabled:
                opened.enter_context(closing(Console(app.state.console, service)))
            # What people read, each in a short time, must not take all connections to the database.
            current_default_thread_limiter().total_tokens = _READERS
            async with open_doors(service):
                has_served = True
                yield
    except StoreError as error:
        if not has_served:
            raise
        # Such as a database that was exchanged: there is nowhere to write to any more.
        _log.warning("the last counts were not written", problem=error.message)
