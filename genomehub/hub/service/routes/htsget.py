"""GA4GH htsget 1.3: regions of reads and variants, as tickets and as the blocks they name."""

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from genomehub import __version__
from genomehub.errors import ConfigError, GenomehubError, NotAuthenticatedError, TooLargeError
from genomehub.hub.access.gate import Gate
from genomehub.hub.access.principals import Principal
from genomehub.hub.delivery import tickets
from genomehub.hub.delivery.objects import find_entry
from genomehub.hub.delivery.regions import LARGEST_POSITION, UNPLACED, Asked, RangeError, Region
from genomehub.hub.service.context import Hub
from genomehub.hub.service.deliveries import (
    Access,
    allowed,
    cross_origin,
    links,
    note,
    opener,
    preflight,
    references,
    watched,
)
from genomehub.hub.service.dependencies import HubDependency, PrincipalDependency
from genomehub.hub.service.dialects import dialect

VERSION = "1.3.0"
_BARE_TYPE = f"application/vnd.ga4gh.htsget.v{VERSION}+json"
MEDIA_TYPE = f"{_BARE_TYPE}; charset=utf-8"
MAX_REGIONS = 2000
_REGIONS_A_BLOCK = 50
_FIELDS = {"QNAME", "FLAG", "RNAME", "POS", "MAPQ", "CIGAR", "RNEXT", "PNEXT", "TLEN", "SEQ", "QUAL"}
_NAMES = {
    401: "InvalidAuthentication", 403: "PermissionDenied", 404: "NotFound", 413: "PayloadTooLarge",
    503: "Unavailable",
}  # fmt: skip
_NOTED_REGIONS = 20


def _error(request: Request, status: int, error: GenomehubError | None, sentence: str) -> Response:
    name = _NAMES.get(status, "InvalidInput")
    if isinstance(error, RangeError):
        name = "InvalidRange"
    elif isinstance(error, tickets.UnsupportedFormatError):
        name = "UnsupportedFormat"
    headers = cross_origin(request) | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
    body = {"htsget": {"error": name, "message": sentence}}
    return JSONResponse(body, status if name in _NAMES.values() else 400, headers)


router = APIRouter(prefix="/htsget", tags=["htsget"], route_class=dialect(_error))


class Failure(BaseModel):
    """What went wrong."""

    error: str
    message: str


class FailureAnswer(BaseModel):
    """An error, as htsget has it."""

    htsget: Failure


class Url(BaseModel):
    """A block of the answer; blocks are to be joined in their order."""

    url: str
    headers: dict[str, str] | None = None
    part: Literal["header", "body"] | None = Field(None, serialization_alias="class")


class Ticket(BaseModel):
    """Where the answer is."""

    format: str
    urls: list[Url]


class TicketAnswer(BaseModel):
    """A ticket."""

    htsget: Ticket


class AskedRegion(BaseModel):
    """A region: 0-based, end exclusive."""

    name: str = Field(alias="referenceName", max_length=1000)
    start: int | None = Field(None, ge=0, le=LARGEST_POSITION)
    end: int | None = Field(None, ge=0, le=LARGEST_POSITION)


class Question(BaseModel):
    """What is asked by POST."""

    format: str | None = None
    class_: Literal["header"] | None = Field(None, alias="class")
    fields: list[str] | None = None
    tags: list[str] | None = None
    notags: list[str] | None = None
    regions: list[AskedRegion] | None = Field(None, min_length=1)


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": FailureAnswer} for status in (400, 401, 403, 404, 413, 429, 503)
}
_TICKETS: dict[int | str, dict[str, Any]] = _ERRORS | {
    200: {"content": {_BARE_TYPE: {"schema": {"$ref": "#/components/schemas/TicketAnswer"}}}}
}
DataTypePath = Annotated[tickets.DataType, Path(description="what is asked for")]
IdPath = Annotated[
    str,
    Path(
        max_length=1000,
        description="identifier of a data set, of a version or of a file of one (as DRS names it), "
        "or a data set's name",
    ),
]
Position = Annotated[int | None, Query(ge=0, le=LARGEST_POSITION)]


@router.get("/{datatype}/service-info", responses={400: _ERRORS[400]})
def service_info(hub: HubDependency, datatype: DataTypePath, request: Request) -> JSONResponse:
    """Say what this service is and can."""
    settings = hub.settings
    body = {
        "id": f"{_host_id(settings.public_url)}.htsget.{datatype}",
        "name": f"{settings.name}: htsget",
        "type": {"group": "org.ga4gh", "artifact": "htsget", "version": VERSION},
        "description": f"Regions of {datatype} of the data sets of {settings.name}.",
        "organization": {"name": settings.organisation, "url": settings.organisation_url},
        "contactUrl": f"mailto:{settings.contact_email}",
        "documentationUrl": f"{settings.public_url}/openapi.json",
        "version": __version__,
        "htsget": {
            "datatype": datatype,
            "formats": list(dict.fromkeys(tickets.FORMATS[datatype].values())),
            "fieldsParameterEffective": False,
            "tagsParametersEffective": False,
        },
    }
    return JSONResponse(body, headers=cross_origin(request))


@router.options("/{datatype}/service-info", status_code=204, responses={400: _ERRORS[400]})
def may_ask_service_info(request: Request, datatype: DataTypePath) -> Response:
    """Answer a browser that asks whether a page of another site may ask."""
    return Response(status_code=204, headers=preflight(request))


@router.get("/data/{key}/{name}", responses=_ERRORS, response_class=Response)
def get_block(
    hub: HubDependency,
    request: Request,
    key: Annotated[str, Path(max_length=64)],
    name: Annotated[str, Path(max_length=64)],
    authorization: Annotated[str, Header(max_length=9000)] = "",
) -> Response:
    """Return a block that a ticket names, to who sends the ticket's headers."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or key != _key(token):
        raise NotAuthenticatedError("send the headers that the ticket has beside this URL.")
    made = links(hub, "htsget")
    said = made.read(token)
    with hub.database.read() as session:
        entry = find_entry(session, said["object"])
        access = allowed(hub, session, made.bearer(session, said), entry, said["object"])
        assert entry is not None, "the gate lets nobody read what is not there"
        chosen = tickets.choose_file(entry, said["object"], said["datatype"], None)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(tickets.opened(opener(hub), references(hub), chosen))
        regions = [part if part == "*" else Region(*part) for part in said["regions"]]
        parts = (piece for region in regions for piece in tickets.slice_of(source, region))
        detail = {"object": said["object"], "format": chosen.format, "regions": _named(source, regions)}
        close = stack.pop_all().close
        return watched(hub, access, parts, close, "slice", detail, headers=cross_origin(request))


@router.options("/data/{key}/{name}", status_code=204, responses={400: _ERRORS[400]})
def may_fetch(request: Request, key: str, name: str) -> Response:
    """Answer a browser that asks whether a page of another site may ask."""
    return Response(status_code=204, headers=preflight(request))


@router.get("/{datatype}/{id:path}", response_model=TicketAnswer, responses=_TICKETS)
def get_ticket(
    hub: HubDependency,
    principal: PrincipalDependency,
    request: Request,
    datatype: DataTypePath,
    id: IdPath,
    format: Annotated[str | None, Query(max_length=20)] = None,
    class_: Annotated[Literal["header"] | None, Query(alias="class")] = None,
    reference: Annotated[str | None, Query(alias="referenceName", max_length=1000)] = None,
    start: Position = None,
    end: Position = None,
    fields: Annotated[str | None, Query(max_length=1000)] = None,
    tags: Annotated[str | None, Query(max_length=10_000)] = None,
    notags: Annotated[str | None, Query(max_length=10_000)] = None,
) -> Response:
    """Return a ticket for everything, a region (0-based, end exclusive), or the header alone."""
    placed = reference not in (None, UNPLACED)
    if not placed and (start is not None or end is not None):
        raise ConfigError("start and end: need referenceName, the name of a reference sequence.")
    others = (reference, fields, tags, notags)
    _check(class_, others, _split(fields), _split(tags), _split(notags))
    asked = None if reference is None else [Asked(reference, start, end)]
    return _ticket(hub, principal, request, datatype, id, format, class_ is not None, asked, strict=False)


@router.post("/{datatype}/{id:path}", response_model=TicketAnswer, responses=_TICKETS)
def post_ticket(
    hub: HubDependency,
    principal: PrincipalDependency,
    request: Request,
    datatype: DataTypePath,
    id: IdPath,
    question: Question,
) -> Response:
    """Return a ticket for everything, many regions, or the header alone."""
    if request.query_params:
        raise ConfigError("a POST takes its parameters in the body; remove those of the URL.")
    others = (question.regions, question.fields, question.tags, question.notags)
    _check(question.class_, others, question.fields, question.tags, question.notags)
    if question.regions is not None and len(question.regions) > MAX_REGIONS:
        raise TooLargeError(f"{len(question.regions)} regions; ask for at most {MAX_REGIONS} at a time.")
    asked = None
    if question.regions is not None:
        asked = [Asked(one.name, one.start, one.end) for one in question.regions]
    header_only = question.class_ is not None
    return _ticket(hub, principal, request, datatype, id, question.format, header_only, asked, strict=True)


@router.options("/{datatype}/{id:path}", status_code=204, responses={400: _ERRORS[400]})
def may_ask(request: Request, datatype: DataTypePath, id: IdPath) -> Response:
    """Answer a browser that asks whether a page of another site may ask."""
    return Response(status_code=204, headers=preflight(request))


def _ticket(
    hub: Hub,
    principal: Principal,
    request: Request,
    datatype: tickets.DataType,
    name: str,
    format: str | None,
    header_only: bool,
    asked: list[Asked] | None,
    strict: bool,
) -> Response:
    if format is not None and format.upper() not in tickets.FORMATS[datatype].values():
        raise tickets.UnsupportedFormatError(
            f"format {format[:20]!r}: is none in which {datatype} are given."
        )
    with hub.database.read() as session:
        entry = tickets.find_version(session, Gate(session, principal, hub.clock()), name)
        access = allowed(hub, session, principal, entry, name)
        assert entry is not None, "the gate lets nobody read what is not there"
        chosen = tickets.choose_file(entry, name, datatype, None if format is None else format.upper())
    with tickets.opened(opener(hub), references(hub), chosen) as source:
        if header_only:
            blocks = tickets.header_blocks(source)
        elif asked is None:
            blocks = tickets.whole_blocks(source)
        else:
            blocks = tickets.region_blocks(source, asked, strict)
    urls = list(_urls(hub, access, datatype, chosen, blocks))
    what = "header" if header_only else "all" if asked is None else [list(one) for one in asked]
    note(hub, access, "ticket", object=chosen.id, format=chosen.format, asked=what[:_NOTED_REGIONS])
    answer = TicketAnswer(htsget=Ticket(format=chosen.format, urls=urls))
    return Response(
        answer.model_dump_json(by_alias=True, exclude_none=True),
        headers=cross_origin(request),
        media_type=MEDIA_TYPE,
    )


def _urls(
    hub: Hub, access: Access, datatype: tickets.DataType, chosen: tickets.Chosen, blocks: list[tickets.Block]
) -> Iterator[Url]:
    """Yield the URLs of blocks; small regions share one."""
    base, file_name = hub.settings.public_url.rstrip("/"), chosen.place.rpartition("/")[2]
    slices, files = links(hub, "htsget"), links(hub, "file")
    waiting: list[Any] = []

    def sliced() -> Iterator[Url]:
        if waiting:
            content = {"object": chosen.id, "datatype": datatype, "regions": list(waiting)}
            token = slices.make(access.principal, access.dataset_uuid, content)
            waiting.clear()
            yield Url(
                url=f"{base}/htsget/data/{_key(token)}/{chosen.format.lower()}",
                headers={"Authorization": f"Bearer {token}"},
                part="body",
            )

    whole = files.make(access.principal, access.dataset_uuid, {"object": chosen.id})
    for block in blocks:
        if block.region is not None:
            waiting.append(block.region)
            if len(waiting) >= _REGIONS_A_BLOCK or len(blocks) <= _REGIONS_A_BLOCK:
                yield from sliced()
            continue
        yield from sliced()
        if block.inline is not None:
            inline = base64.b64encode(block.inline).decode()
            yield Url(url=f"data:;base64,{inline}", part=block.part)
        elif block.span is not None:
            first, behind = block.span
            part_of = {"Range": f"bytes={first}-{behind - 1}"}
            yield Url(url=f"{base}/files/{whole}/{quote(file_name)}", headers=part_of, part=None)


def _check(
    class_: str | None,
    others: tuple[object, ...],
    fields: list[str] | None,
    tags: list[str] | None,
    notags: list[str] | None,
) -> None:
    if class_ is not None and any(other is not None for other in others):
        raise ConfigError("class=header: goes with no other parameter than format.")
    unknown = sorted(set(fields or ()) - _FIELDS)
    if unknown:
        raise ConfigError(f"fields: {unknown[0][:20]!r} is none of {', '.join(sorted(_FIELDS))}.")
    both = sorted(set(tags or ()) & set(notags or ()))
    if both:
        raise ConfigError(f"tags and notags: {both[0][:20]!r} is in both.")


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part for part in text.split(",") if part]


def _key(token: str) -> str:
    """Name a token in a URL without telling it, so that different blocks have different URLs."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def _named(source: tickets.Source, regions: list[Any]) -> list[Any]:
    return [
        one if one == "*" else [source.names[one.contig], one.start, one.end]
        for one in regions[:_NOTED_REGIONS]
    ]


def _host_id(public_url: str) -> str:
    """Return the host backwards, as service-info names services.

    >>> _host_id("https://hub.example.org")
    'org.example.hub'
    """
    host = public_url.partition("://")[2].partition("/")[0].partition(":")[0]
    return ".".join(reversed(host.split(".")))
