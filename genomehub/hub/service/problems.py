"""Errors over HTTP: RFC 9457 problem details, made from the one table in ``genomehub.errors``.

Nothing of the inside is told: an unforeseen error says only its number, under which the log has it.
"""

import http
import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from genomehub.errors import GenomehubError, http_status
from genomehub.hub.service.logs import FIELDS
from genomehub.hub.service.refusals import note_refusal

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("genomehub.hub")


class Fault(BaseModel):
    """A fault in a request: where, and what."""

    where: str = Field(alias="in", examples=["query.limit"])
    what: str = Field(examples=["Input should be greater than or equal to 1"])


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(description="the status in words", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="a sentence: what was seen, what was expected, what to do")
    errors: list[Fault] | None = Field(None, description="of a request that is not as described")


#: What each status means here, for the description of the API.
MEANINGS = {
    400: "Malformed, or a parameter contradicts another.",
    401: "Nobody is logged in, or the token is unknown, expired or revoked.",
    403: "Who asks is known and may not do this.",
    404: "There is none, or who asks may not know of it.",
    406: "None of the formats that are asked for is available.",
    408: "The body came too slowly.",
    409: "It contradicts what is there already.",
    410: "It was there and is not any more.",
    412: "A condition of the request does not hold.",
    413: "The body is larger than the limit.",
    415: "The body is of a type or encoding that is not taken here.",
    416: "The range lies outside.",
    421: "The hub is not called like that.",
    422: "Not as described here; `errors` says what.",
    423: "Somebody else is writing to it; try again soon.",
    428: "A condition such as If-Match is needed.",
    429: "Too many at a time.",
    431: "The headers are larger or more than the limit.",
    460: "What came is not what its checksum says (tus).",
    500: "An error of ours; its number is in the log.",
    501: "Not done here.",
    503: "Busy, or a part is out of order; try again later.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the declaration of error answers for a route: ``responses=problems(401, 403, 404)``.

    What every route may answer (400, 413, 415, 422, 500, 503) is declared for all by ``openapi``.
    """
    return {
        status: {"model": Problem, "description": MEANINGS[status], "content": {MEDIA_TYPE: {}}}
        for status in statuses
    }


class ProblemAnswer(JSONResponse):
    """JSON that can hold any text that a request held, also halves of characters."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _title(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:  # one of a protocol above HTTP
        return MEANINGS[status].partition(" (")[0].rstrip(".")


def problem(status: int, detail: str, **more: object) -> JSONResponse:
    """Return an answer that says what went wrong."""
    body = {
        "type": "about:blank",
        "title": _title(status),
        "status": status,
        "detail": detail,
    }
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}.get(status)
    return ProblemAnswer(body | more, status, headers)


def add_handlers(app: FastAPI) -> None:
    """Turn errors into answers."""

    @app.exception_handler(GenomehubError)
    async def foreseen(request: Request, error: GenomehubError) -> JSONResponse:
        status = http_status(error)
        await run_in_threadpool(note_refusal, request, error)
        if status >= 500:
            _log.error("%s", error, extra={FIELDS: {"request": request.state.request_id}})
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
        answer = problem(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})  # such as Allow
        return answer

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        number = request.state.request_id
        return problem(500, f"an error of ours, number {number}; tell it to the hub's staff.")
