"""Pages over HTTP: who reads, in which language; answers and their headers; forms; errors as pages."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from genomehub.errors import GenomehubError, InputError
from genomehub.hub.access.principals import ANONYMOUS, Principal
from genomehub.hub.pages.rendering import Reader, render
from genomehub.hub.pages.texts import LANGUAGES, choose
from genomehub.hub.service import cookies
from genomehub.hub.service.dependencies import HubDependency, PrincipalDependency, hub_of, principal_of

LANGUAGE_COOKIE = "genomehub_language"
_YEAR = 365 * 86_400
#: Nothing from elsewhere, nothing inline; igv.js and swagger-ui need what their pages add.
POLICY = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
MOST_FIELDS = 5000
Model = TypeVar("Model", bound=BaseModel)


def reader_of(request: Request, principal: PrincipalDependency) -> Reader:
    """Return who reads, and in which language."""
    return _reader(request, principal)


def _reader(request: Request, principal: Principal) -> Reader:
    settings = hub_of(request).settings
    path, prefix = request.url.path, ""
    first = path.split("/", 2)[1]
    if first in LANGUAGES:
        language, prefix = first, f"/{first}"
        path = path.removeprefix(prefix) or "/"
    else:
        cookie, accepted = request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
        language = choose(cookie, accepted, settings.default_language)
    return Reader(
        principal=principal,
        language=language,
        prefix=prefix,
        path=path,
        query=request.url.query if request.method == "GET" else "",
        site=settings.name,
        organisation=settings.organisation,
        contact_email=settings.contact_email,
        public_url=settings.public_url.rstrip("/"),
        single_sign_on=settings.oidc_issuer is not None,
    )


ReaderDependency = Annotated[Reader, Depends(reader_of)]


def page(
    reader: Reader, template: str, status: int = 200, policy: Mapping[str, str] | None = None, **shown: Any
) -> HTMLResponse:
    """Return a page; ``policy`` widens the content security policy for it."""
    answer = HTMLResponse(render(reader, template, **shown), status)
    rules = POLICY | dict(policy or {})
    answer.headers.update(
        {
            "Content-Security-Policy": "; ".join(f"{what} {where}" for what, where in rules.items()),
            "Content-Language": reader.language,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
            "Cache-Control": "private, no-cache" if reader.principal.known else "no-cache",
            "Vary": "Accept-Language, Cookie, Authorization",
        }
    )
    if reader.prefix:
        answer.set_cookie(LANGUAGE_COOKIE, reader.language, _YEAR, samesite="lax", httponly=True)
    return answer


def go(reader: Reader, path: str, **query: object) -> Response:
    """Send the browser to another page after a form."""
    return RedirectResponse(reader.to(path, **query), 303)


Posted = dict[str, list[str]]


async def posted(request: Request, hub: HubDependency, reader: ReaderDependency) -> Posted:
    """Return the fields of a form; where it came with a cookie, ``reader`` has made sure that it is ours.

    Raises
    ------
    InputError
        It is no form, or a file is in it.
    NotAllowedError
        Another site sent it.
    """
    cookies.require_same_site(hub, request)
    fields: Posted = {}
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                raise InputError(f"{name[:40]!r}: a text is expected, not a file.")
            fields.setdefault(name, []).append(value)
    return fields


PostedDependency = Annotated[Posted, Depends(posted)]


def one(fields: Posted, name: str, most: int = 20_000) -> str:
    """Return a field of a form; "" where it is missing."""
    text = (fields.get(name) or [""])[0].replace("\r\n", "\n").strip()
    if len(text) > most:
        raise InputError(f"{name}: {len(text)} characters; at most {most} are expected.")
    return text


def checked(model: type[Model], **fields: object) -> Model:
    """Return what somebody wrote into a form as what the interface for programs takes.

    Raises
    ------
    InputError
        A field is not what is expected.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{where}: {first['msg']}. Go back and correct it.") from error


def add_error_pages(app: FastAPI) -> None:
    """Show errors as pages to browsers; programs get what the handlers before this one answer."""
    for kind in (GenomehubError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _for_browsers(app.exception_handlers[kind]))


def _for_browsers(handler: Callable[[Request, Any], Any]) -> Callable[[Request, Any], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        answer: Response = await handler(request, error)
        if not _is_a_browser(request):
            return answer
        problem = json.loads(bytes(answer.body))
        reader = _reader(request, await _principal_if_any(request))
        shown = page(
            reader, "error.html", answer.status_code, code=answer.status_code, detail=problem["detail"]
        )
        for name, value in answer.headers.items():
            if name not in ("content-length", "content-type", "www-authenticate"):
                shown.headers.setdefault(name, value)
        return shown

    return handle


def _is_a_browser(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and not request.url.path.startswith("/api/")


async def _principal_if_any(request: Request) -> Principal:
    """Return who reads an error page; a visitor where that itself is the error."""
    try:
        return await run_in_threadpool(principal_of, request)
    except Exception:  # whatever it was: the error page must come
        return ANONYMOUS
