"""The application: routers, errors, and what surrounds every request.

From the outside in: ``observation`` (number, log, counts), ``headers``, ``limits``, the framework's own
layers (size of bodies, other origins), ``methods``, routes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from genomehub import __version__
from genomehub.hub.service import openapi
from genomehub.hub.service.context import Hub
from genomehub.hub.service.desk import sealing
from genomehub.hub.service.headers import AnswerHeaders
from genomehub.hub.service.limits import Limits
from genomehub.hub.service.methods import OtherMethods
from genomehub.hub.service.metrics import CatalogueSizes, forget_process
from genomehub.hub.service.observation import REQUEST_ID, Observation
from genomehub.hub.service.postman import posting
from genomehub.hub.service.problems import add_handlers
from genomehub.hub.service.readers import add_error_pages
from genomehub.hub.service.routes import ROUTERS

#: Headers that scripts of other origins may send.
_ALLOWED = ["Authorization", "Content-Type", "If-None-Match", "Range", "X-API-Key", REQUEST_ID]
#: Headers of answers that scripts of other origins may read.
_EXPOSED = [
    "Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Link", "Location", "Repr-Digest",
    "Retry-After", "WWW-Authenticate", REQUEST_ID,
]  # fmt: skip


class Application(FastAPI):
    """FastAPI with our layers outside of its own, so that they see every answer, also those to its errors."""

    def build_middleware_stack(self) -> ASGIApp:
        hub: Hub = self.state.hub
        inner = Limits(super().build_middleware_stack(), hub.settings)
        return Observation(AnswerHeaders(inner, hub.settings), hub.database)

    def openapi(self) -> dict[str, Any]:
        return openapi.describe(self)


def create_app(hub: Hub) -> FastAPI:
    """Return the application over an opened hub; the caller closes the hub's catalogue."""
    settings = hub.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        with sealing(hub), posting(hub):
            yield
        forget_process()

    app = Application(
        title=settings.name,
        version=__version__,
        summary="One door to describe, find, ask for and fetch genome data sets.",
        lifespan=lifespan,
        docs_url=None,  # its default page loads scripts from an outside host
        redoc_url=None,
        max_body_size=settings.max_body_bytes,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.hub = hub
    app.state.sizes = CatalogueSizes(hub.database)
    add_handlers(app)
    add_error_pages(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"],
            allow_headers=_ALLOWED, expose_headers=_EXPOSED, max_age=86_400,
        )  # fmt: skip
    app.router.routes.insert(0, OtherMethods(app.router.routes))
    for router in ROUTERS:
        app.include_router(router)
    return app
