"""Errors over HTTP: RFC 9457 problem details, made from the one table in ``genomehub.errors``.

Nothing of the inside is told: an unforeseen error says only its number, under which the log has it.
"""

import http
import logging
import uuid
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from genomehub.errors import GenomehubError, http_status
from genomehub.hub.service.refusals import note_refusal

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("genomehub.hub")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the declaration of error answers for a route: ``responses=problems(401, 403, 404)``."""
    return {
        status: {
            "model": Problem,
            "description": http.HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {}},
        }
        for status in statuses
    }


def problem(status: int, detail: str, **more: object) -> JSONResponse:
    """Return an answer that says what went wrong."""
    body = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(body | more, status, headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Turn errors into answers."""

    @app.exception_handler(GenomehubError)
    async def foreseen(request: Request, error: GenomehubError) -> JSONResponse:
        status = http_status(error)
        await run_in_threadpool(note_refusal, request, error)
        if status >= 500:
            _log.error("%s %s: %s", request.method, request.url.path, error)
            detail = "the hub cannot answer now; its staff can see why in its log."
            return problem(status, detail)
        return problem(status, str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            {"in": ".".join(str(part) for part in one["loc"]), "what": one["msg"]} for one in error.errors()
        ]
        return problem(422, "the request is not as described in /openapi.json; see errors.", errors=faults)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        number = uuid.uuid4().hex[:12]
        _log.error("%s %s: error %s", request.method, request.url.path, number, exc_info=error)
        return problem(500, f"an error of ours, number {number}; tell it to the hub's staff.")
