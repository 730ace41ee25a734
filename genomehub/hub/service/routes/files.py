"""Whole files: by token, or by a signed link that holds for minutes; resumable."""

import base64
import contextlib
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from genomehub.hub.access.principals import Principal
from genomehub.hub.delivery.objects import MEDIA_TYPES, Objects, find_entry, parse_name
from genomehub.hub.delivery.ranges import body_of, content_range
from genomehub.hub.delivery.regions import RangeError
from genomehub.hub.delivery.spans import parse_spans
from genomehub.hub.service.context import Hub
from genomehub.hub.service.deliveries import allowed, cross_origin, links, opener, preflight, watched
from genomehub.hub.service.dependencies import HubDependency, PrincipalDependency
from genomehub.hub.service.problems import problem

router = APIRouter(prefix="/files", tags=["files"])

_FILE: dict[str, object] = {media_type: {} for media_type in MEDIA_TYPES}
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"description": "the file", "content": _FILE},
    206: {"description": "the range, or several ranges", "content": _FILE | {"multipart/byteranges": {}}},
    401: {"description": "not logged in, or the link has ended"},
    403: {"description": "no permit"},
    404: {"description": "no such file"},
    416: {"description": "nothing of the range is there"},
}
IdPath = Annotated[str, Path(max_length=1000, description="identifier of a file, as DRS gives it")]
RangeHeader = Annotated[str | None, Header(alias="range", max_length=4000)]
IfRange = Annotated[str | None, Header(alias="if-range", max_length=200)]
IfNoneMatch = Annotated[str | None, Header(alias="if-none-match", max_length=2000)]


@router.get("/{id}", responses=_ANSWERS, response_class=Response)
@router.head("/{id}", include_in_schema=False)
def get_file(
    hub: HubDependency,
    principal: PrincipalDependency,
    request: Request,
    id: IdPath,
    range: RangeHeader = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return a file's bytes to who may read it; ranges and HEAD as RFC 9110 has them."""
    return _answer(hub, principal, request, id, range, if_range, if_none_match)


@router.get("/{token}/{name}", responses=_ANSWERS, response_class=Response)
@router.head("/{token}/{name}", include_in_schema=False)
def get_linked_file(
    hub: HubDependency,
    request: Request,
    token: Annotated[str, Path(max_length=4000)],
    name: Annotated[str, Path(max_length=1000, description="for the reader; the token says which file")],
    range: RangeHeader = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return a file's bytes to who has a link to it, while they may read it."""
    made = links(hub, "file")
    said = made.read(token)
    with hub.database.read() as session:
        principal = made.bearer(session, said)
    return _answer(hub, principal, request, said["object"], range, if_range, if_none_match)


@router.get("/{token}/{name}/{path:path}", responses=_ANSWERS, response_class=Response)
@router.head("/{token}/{name}/{path:path}", include_in_schema=False)
def get_file_of_folder(
    hub: HubDependency,
    principal: PrincipalDependency,
    request: Request,
    token: Annotated[str, Path(max_length=4000, description="a link's, or a folder's identifier")],
    name: Annotated[str, Path(max_length=1000, description="of the folder, for the reader")],
    path: Annotated[str, Path(max_length=2000, description="of a file within it")],
    range: RangeHeader = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return a file within a folder, so that programs that read Zarr stores find what they expect where.

    With a link to the folder nothing else is needed; with its identifier, a token in the headers.
    """
    folder = token
    if parse_name(token) is None:
        made = links(hub, "file")
        said = made.read(token)
        folder = said["object"]
        with hub.database.read() as session:
            principal = made.bearer(session, said)
    id = f"{folder}~{path.replace('/', '~')}"
    return _answer(hub, principal, request, id, range, if_range, if_none_match)


@router.options("/{token}/{name}", status_code=204)
def may_fetch(request: Request, token: str, name: str) -> Response:
    """Answer a browser that asks whether a page of another site may ask."""
    return Response(status_code=204, headers=preflight(request))


@router.options("/{token}/{name}/{path:path}", status_code=204)
def may_fetch_within(request: Request, token: str, name: str, path: str) -> Response:
    """Answer a browser that asks whether a page of another site may ask."""
    return Response(status_code=204, headers=preflight(request))


def _answer(
    hub: Hub,
    principal: Principal,
    request: Request,
    id: str,
    range: str | None,
    if_range: str | None,
    if_none_match: str | None,
) -> Response:
    with contextlib.ExitStack() as stack:
        with hub.database.read() as session:
            access = allowed(hub, session, principal, find_entry(session, id), id)
        with hub.database.read() as session:
            found = Objects(session).find(id)
            if found is None or found.file is None or found.parts is not None:
                return problem(404, f"{id[:80]!r}: is no file; a bundle's files are fetched one by one.")
            place = found.file.path + (f"/{found.member}" if found.member else "")
            size, sha256, name, media_type = found.size_bytes, found.sha256, found.name, found.media_type
        digest = base64.b64encode(bytes.fromhex(sha256)).decode()
        headers = {
            "ETag": f'"{sha256}"', "Accept-Ranges": "bytes", "Repr-Digest": f"sha-256=:{digest}:",
            "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-cache",
        } | cross_origin(request)  # fmt: skip
        if if_none_match is not None and headers["ETag"] in if_none_match:
            return Response(status_code=304, headers=headers)
        usable = range if if_range in (None, headers["ETag"]) else None
        try:
            spans = None if usable is None else parse_spans(usable, size)
        except RangeError as error:
            refused = problem(416, str(error))
            refused.headers["Content-Range"] = f"bytes */{size}"
            return refused
        body = body_of(spans or [(0, size)], size, media_type)
        headers["Content-Length"] = str(body.n_bytes)
        if spans is not None and len(spans) == 1:
            headers["Content-Range"] = content_range(spans[0], size)
        status = 200 if spans is None else 206
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type=body.media_type)
        reader = opener(hub)(place)
        stack.callback(reader.close)
        if reader.size != size:
            return problem(503, "the file is not what was registered; tell the hub's staff.")
        detail = {"object": id, "ranges": [list(span) for span in body.spans]}
        return watched(
            hub, access, body.pieces(reader), stack.pop_all().close, "download", detail,
            status_code=status, headers=headers, media_type=body.media_type,
        )  # fmt: skip
