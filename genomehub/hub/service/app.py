"""The application: routers, errors, and what surrounds every request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from genomehub import __version__
from genomehub.hub.service.context import Hub
from genomehub.hub.service.desk import sealing
from genomehub.hub.service.problems import add_handlers
from genomehub.hub.service.readers import add_error_pages
from genomehub.hub.service.routes import ROUTERS


def create_app(hub: Hub) -> FastAPI:
    """Return the application over an opened hub; the caller closes the hub's catalogue."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with sealing(hub):
            yield

    app = FastAPI(
        title=hub.settings.name,
        version=__version__,
        summary="One door to describe, find, ask for and fetch genome data sets.",
        lifespan=lifespan,
        docs_url=None,  # its default page loads scripts from an outside host
        redoc_url=None,
    )
    app.state.hub = hub
    add_handlers(app)
    add_error_pages(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
