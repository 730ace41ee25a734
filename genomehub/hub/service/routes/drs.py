"""GA4GH DRS 1.5: versions and their files as bundles and blobs, and signed links to their bytes."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from genomehub import __version__
from genomehub.errors import GenomehubError, NotFoundError, TooLargeError, http_status
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Principal
from genomehub.hub.delivery import objects
from genomehub.hub.records import iso_time
from genomehub.hub.service.context import Hub
from genomehub.hub.service.deliveries import allowed, cross_origin, links, note
from genomehub.hub.service.dependencies import HubDependency, PrincipalDependency, with_passports
from genomehub.hub.service.dialects import dialect
from genomehub.hub.service.refusals import note_refusal

VERSION = "1.5.0"
MAX_BULK = 200
ACCESS = "https"
Found = TypeVar("Found")


class Failure(BaseModel):
    """What went wrong."""

    msg: str
    status_code: int


def _error(request: Request, status: int, error: GenomehubError | None, sentence: str) -> Response:
    headers = cross_origin(request) | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
    return JSONResponse({"msg": sentence, "status_code": status}, status, headers)


router = APIRouter(prefix="/ga4gh/drs/v1", tags=["DRS"], route_class=dialect(_error))


class Checksum(BaseModel):
    """Of the bytes of a blob; of a bundle over the sorted checksums of what it holds."""

    checksum: str
    type: Literal["sha-256", "md5"]


class Authorizations(BaseModel):
    """How to be let in."""

    drs_object_id: str
    supported_types: list[Literal["None", "BasicAuth", "BearerAuth", "PassportAuth"]]
    bearer_auth_issuers: list[str]
    passport_auth_issuers: list[str]


class AccessURL(BaseModel):
    """Where the bytes are."""

    url: str
    headers: list[str] | None = None


class AccessMethod(BaseModel):
    """A way to the bytes."""

    type: Literal["https", "htsget"]
    access_id: str | None = None
    access_url: AccessURL | None = None
    available: bool = True
    authorizations: Authorizations


class Content(BaseModel):
    """What is in a bundle."""

    name: str
    id: str
    drs_uri: list[str]
    contents: list["Content"] | None = None


class DrsObject(BaseModel):
    """A version of a data set (a bundle), a file (a blob), or a folder (a bundle)."""

    id: str
    name: str
    self_uri: str
    size: int
    created_time: str
    updated_time: str
    version: str
    mime_type: str | None = None
    checksums: list[Checksum]
    access_methods: list[AccessMethod] | None = None
    contents: list[Content] | None = None
    description: str | None = None
    aliases: list[str] | None = None


class Summary(BaseModel):
    """Of a bulk request."""

    requested: int
    resolved: int
    unresolved: int


class Unresolved(BaseModel):
    """What could not be answered, by status."""

    error_code: int
    object_ids: list[str]


class BulkAccessURL(AccessURL):
    """One of many links."""

    drs_object_id: str
    drs_access_id: str


class BulkObjects(BaseModel):
    """Answer to a bulk request."""

    summary: Summary
    unresolved_drs_objects: list[Unresolved]
    resolved_drs_object: list[DrsObject]


class BulkAuthorizations(BaseModel):
    """Answer to a bulk request."""

    summary: Summary
    unresolved_drs_objects: list[Unresolved]
    resolved_drs_object: list[Authorizations]


class BulkAccess(BaseModel):
    """Answer to a bulk request."""

    summary: Summary
    unresolved_drs_objects: list[Unresolved]
    resolved_drs_object_access_urls: list[BulkAccessURL]


class Passports(BaseModel):
    """Passports of the one who asks."""

    passports: list[Annotated[str, Field(max_length=200_000)]] = Field(default=[], max_length=10)


class PostObject(Passports):
    """As by GET."""

    expand: bool = False


class BulkIds(Passports):
    """Objects asked for."""

    bulk_object_ids: list[str] = Field(min_length=1)


class BulkAccessId(BaseModel):
    """An object and the ways to it that are asked for."""

    bulk_object_id: str
    bulk_access_ids: list[str] = Field(min_length=1, max_length=10)


class BulkAccessIds(Passports):
    """Objects asked for."""

    bulk_object_access_ids: list[BulkAccessId] = Field(min_length=1)


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure} for status in (400, 401, 403, 404, 429, 503)
}
_BULK_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure} for status in (400, 401, 413, 429, 503)
}
IdPath = Annotated[str, Path(max_length=1000, description="of an object")]
AccessPath = Annotated[str, Path(max_length=100, description="of a way to its bytes")]


@router.get("/service-info")
def service_info(hub: HubDependency, request: Request) -> JSONResponse:
    """Say what this service is, and how much the public can find in it."""
    settings = hub.settings
    with hub.database.read() as session:
        made = session.scalars(select(models.CatalogueInfo.created_at)).one()
        public = (
            select(func.count(models.File.id), func.sum(models.File.size_bytes))
            .join(models.Entry, models.Entry.id == models.File.entry_id)
            .join(models.Publication, models.Publication.dataset_id == models.Entry.dataset_id)
            .where(models.File.role == "result", models.Publication.state == "published")
        )
        n_objects, n_bytes = session.execute(public).one()
    body = {
        "id": f"{_host(hub)}.drs",
        "name": f"{settings.name}: DRS",
        "type": {"group": "org.ga4gh", "artifact": "drs", "version": VERSION},
        "description": f"Files of the data sets of {settings.name}.",
        "organization": {"name": settings.organisation, "url": settings.organisation_url},
        "contactUrl": f"mailto:{settings.contact_email}",
        "documentationUrl": f"{settings.public_url}/openapi.json",
        "createdAt": iso_time(made),
        "version": __version__,
        "maxBulkRequestLength": MAX_BULK,
        "drs": {
            "maxBulkRequestLength": MAX_BULK,
            "objectCount": int(n_objects),
            "totalObjectSize": int(n_bytes or 0),
        },
    }
    return JSONResponse(body, headers=cross_origin(request))


@router.post("/objects", response_model=BulkObjects, response_model_exclude_none=True, responses=_BULK_ERRORS)
def post_objects(
    hub: HubDependency,
    principal: PrincipalDependency,
    request: Request,
    asked: BulkIds,
    expand: Annotated[bool, Query()] = False,
) -> BulkObjects:
    """Return many objects."""
    who = with_passports(hub, request, principal, asked.passports)
    found, missing = _each(request, asked.bulk_object_ids, lambda id: _object(hub, who, id, expand))
    summary = _summary(asked.bulk_object_ids, found)
    return BulkObjects(summary=summary, unresolved_drs_objects=missing, resolved_drs_object=found)


@router.options(  # OpenAPI has no bodies for OPTIONS, DRS has
    "/objects", response_model=BulkAuthorizations, response_model_exclude_none=True, include_in_schema=False
)
def options_objects(
    hub: HubDependency, principal: PrincipalDependency, request: Request, asked: BulkIds
) -> BulkAuthorizations:
    """Say how to be let in to many objects."""
    who = with_passports(hub, request, principal, asked.passports)
    found, missing = _each(request, asked.bulk_object_ids, lambda id: _how(hub, who, id))
    summary = _summary(asked.bulk_object_ids, found)
    return BulkAuthorizations(summary=summary, unresolved_drs_objects=missing, resolved_drs_object=found)


@router.post(
    "/objects/access", response_model=BulkAccess, response_model_exclude_none=True, responses=_BULK_ERRORS
)
def post_accesses(
    hub: HubDependency, principal: PrincipalDependency, request: Request, asked: BulkAccessIds
) -> BulkAccess:
    """Return links to the bytes of many objects."""
    who = with_passports(hub, request, principal, asked.passports)
    wanted = {
        f"{one.bulk_object_id} {access}": (one.bulk_object_id, access)
        for one in asked.bulk_object_access_ids
        for access in one.bulk_access_ids
    }

    def link(key: str) -> BulkAccessURL:
        id, access = wanted[key]
        url = _link(hub, who, id, access)
        return BulkAccessURL(drs_object_id=id, drs_access_id=access, url=url.url)

    found, missing = _each(request, list(wanted), link)
    for one in missing:
        one.object_ids = [wanted[key][0] for key in one.object_ids]
    return BulkAccess(
        summary=_summary(list(wanted), found),
        unresolved_drs_objects=missing,
        resolved_drs_object_access_urls=found,
    )


@router.get(
    "/objects/{object_id}", response_model=DrsObject, response_model_exclude_none=True, responses=_ERRORS
)
def get_object(
    hub: HubDependency,
    principal: PrincipalDependency,
    object_id: IdPath,
    expand: Annotated[bool, Query(description="list bundles within bundles")] = False,
) -> DrsObject:
    """Return what an object is and how its bytes can be had."""
    return _object(hub, principal, object_id, expand)


@router.post(
    "/objects/{object_id}", response_model=DrsObject, response_model_exclude_none=True, responses=_ERRORS
)
def post_object(
    hub: HubDependency, principal: PrincipalDependency, request: Request, object_id: IdPath, asked: PostObject
) -> DrsObject:
    """Return what an object is, to who has a passport."""
    who = with_passports(hub, request, principal, asked.passports)
    return _object(hub, who, object_id, asked.expand)


@router.options(
    "/objects/{object_id}", response_model=Authorizations, response_model_exclude_none=True, responses=_ERRORS
)
def options_object(hub: HubDependency, principal: PrincipalDependency, object_id: IdPath) -> Authorizations:
    """Say how to be let in to an object."""
    return _how(hub, principal, object_id)


@router.get(
    "/objects/{object_id}/access/{access_id}",
    response_model=AccessURL,
    response_model_exclude_none=True,
    responses=_ERRORS,
)
def get_access(
    hub: HubDependency, principal: PrincipalDependency, object_id: IdPath, access_id: AccessPath
) -> AccessURL:
    """Return a link to an object's bytes, good for minutes and for who asked."""
    return _link(hub, principal, object_id, access_id)


@router.post(
    "/objects/{object_id}/access/{access_id}",
    response_model=AccessURL,
    response_model_exclude_none=True,
    responses=_ERRORS,
)
def post_access(
    hub: HubDependency,
    principal: PrincipalDependency,
    request: Request,
    object_id: IdPath,
    access_id: AccessPath,
    asked: Passports,
) -> AccessURL:
    """Return a link to an object's bytes, to who has a passport."""
    who = with_passports(hub, request, principal, asked.passports)
    return _link(hub, who, object_id, access_id)


def _object(hub: Hub, principal: Principal, id: str, expand: bool) -> DrsObject:
    _require_see(hub, principal, id)
    with hub.database.read() as session:
        found = _found(objects.Objects(session).find(id), id)
        entry, made = found.entry, iso_time(found.entry.registered_at)
        whole = found.file is None
        return DrsObject(
            id=found.id,
            name=found.name,
            self_uri=_uri(hub, found.id),
            size=found.size_bytes,
            created_time=made,
            updated_time=made,
            version=str(entry.version),
            mime_type=None if found.parts is not None else found.media_type,
            checksums=_checksums(found),
            access_methods=None if whole else _methods(hub, found),
            contents=None if found.parts is None else [_content(hub, part, expand) for part in found.parts],
            description=entry.dataset.title if whole else None,
            aliases=[entry.dataset.uuid] if whole else None,
        )


def _link(hub: Hub, principal: Principal, id: str, access_id: str) -> AccessURL:
    with hub.database.read() as session:
        entry = objects.find_entry(session, id)
        access = allowed(hub, session, principal, entry, id)
        found = _found(objects.Objects(session).find(id), id)
        if access_id != ACCESS or found.file is None:
            raise NotFoundError(f"{access_id[:40]!r}: no such way to this object; see its access_methods.")
        name = found.name
    token = links(hub, "file").make(principal, access.dataset_uuid, {"object": id})
    note(hub, access, "link", object=id)
    return AccessURL(url=f"{hub.settings.public_url.rstrip('/')}/files/{token}/{quote(name)}")


def _how(hub: Hub, principal: Principal, id: str) -> Authorizations:
    _require_see(hub, principal, id)
    with hub.database.read() as session:
        _found(objects.Objects(session).find(id), id)
    return _authorizations(hub, id)


def _require_see(hub: Hub, principal: Principal, id: str) -> None:
    """Ask the gate whether the version that an object belongs to may be seen."""
    with hub.database.read() as session:
        entry = objects.find_entry(session, id)
        dataset = None if entry is None else entry.dataset
        Gate(session, principal, hub.clock()).require(Action.SEE, dataset, id)


def _found(found: objects.Object | None, id: str) -> objects.Object:
    if found is None:
        raise NotFoundError(f"{id[:80]!r}: no such data set. Look for it in the catalogue.")
    return found


def _checksums(found: objects.Object) -> list[Checksum]:
    made = [Checksum(checksum=found.sha256, type="sha-256")]
    return made if found.md5 is None else [*made, Checksum(checksum=found.md5, type="md5")]


def _methods(hub: Hub, found: objects.Object) -> list[AccessMethod]:
    how = _authorizations(hub, found.id)
    methods = [AccessMethod(type="https", access_id=ACCESS, authorizations=how)]
    kind = "" if found.file is None or found.member or found.parts is not None else found.file.kind
    datatype = "reads" if kind in objects.READS else "variants" if kind in objects.VARIANTS else None
    if datatype is not None:
        url = f"{hub.settings.public_url.rstrip('/')}/htsget/{datatype}/{found.id}"
        methods.append(AccessMethod(type="htsget", access_url=AccessURL(url=url), authorizations=how))
    return methods


def _authorizations(hub: Hub, id: str) -> Authorizations:
    brokers = [issuer.issuer for issuer in hub.settings.visa_issuers if issuer.broker]
    return Authorizations(
        drs_object_id=id,
        supported_types=["BearerAuth", "PassportAuth"],
        bearer_auth_issuers=[hub.settings.public_url],
        passport_auth_issuers=[hub.desk.issuer.url, *brokers],
    )


def _content(hub: Hub, part: objects.Part, expand: bool) -> Content:
    inner = [_content(hub, one, expand) for one in part.parts] if expand and part.parts else None
    return Content(name=part.name, id=part.id, drs_uri=[_uri(hub, part.id)], contents=inner)


def _each(
    request: Request, ids: list[str], answer: Callable[[str], Found]
) -> tuple[list[Found], list[Unresolved]]:
    """Return the answers, and by status what could not be answered."""
    if len(ids) > MAX_BULK:
        raise TooLargeError(f"{len(ids)} objects; ask for at most {MAX_BULK} at a time.")
    found: list[Found] = []
    missing: dict[int, list[str]] = {}
    for id in ids:
        try:
            found.append(answer(id))
        except GenomehubError as error:
            note_refusal(request, error)
            missing.setdefault(http_status(error), []).append(id)
    return found, [Unresolved(error_code=code, object_ids=ids) for code, ids in missing.items()]


def _summary(ids: list[str], found: list[Any]) -> Summary:
    return Summary(requested=len(ids), resolved=len(found), unresolved=len(ids) - len(found))


def _uri(hub: Hub, id: str) -> str:
    return objects.uri_of(hub.settings.public_url, id)


def _host(hub: Hub) -> str:
    host = hub.settings.public_url.partition("://")[2].partition("/")[0].partition(":")[0]
    return ".".join(reversed(host.split(".")))
