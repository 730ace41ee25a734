"""Routes that speak a standard's own language for errors, instead of RFC 9457."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from genomehub.errors import GenomehubError, http_status
from genomehub.hub.service.logs import FIELDS
from genomehub.hub.service.refusals import note_refusal

#: (request, status, the error or None for a malformed request, its sentence) -> answer
Render = Callable[[Request, int, GenomehubError | None, str], Response]
_log = logging.getLogger("genomehub.hub")
_UNKNOWN = "the hub cannot answer now; its staff can see why in its log."


def dialect(render: Render) -> type[APIRoute]:
    """Return a class of routes whose errors are rendered so; those of ours (5xx) are the common handler's."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    return await handle(request)
                except RequestValidationError as error:
                    first = error.errors()[0]
                    place = ".".join(str(part) for part in first["loc"])
                    return render(request, 400, None, f"{place}: {first['msg']}.")
                except GenomehubError as error:
                    status = http_status(error)
                    if status < 500:
                        await run_in_threadpool(note_refusal, request, error)
                        return render(request, status, error, str(error))
                    if status != 503:
                        raise  # the common handler notes it
                    _log.error("%s", error, extra={FIELDS: {"request": request.state.request_id}})
                    return render(request, status, error, _UNKNOWN)

            return handler

    return Route
