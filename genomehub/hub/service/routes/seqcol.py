"""GA4GH sequence collections 1.0: which sequences the hub's reference genomes hold, for everybody."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from genomehub import __version__
from genomehub.errors import GenomehubError, NotFoundError
from genomehub.hub.delivery.references import ATTRIBUTES, TRANSIENT, compare
from genomehub.hub.service.deliveries import references
from genomehub.hub.service.dependencies import HubDependency
from genomehub.hub.service.dialects import dialect
from genomehub.hub.service.problems import problem, problems

VERSION = "1.0.0"
_OPEN = {"Access-Control-Allow-Origin": "*"}
_PAIR = {
    "type": "object",
    "properties": {"length": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["length", "name"],
}
SCHEMA: dict[str, Any] = {
    "$id": "https://ga4gh.github.io/refget/schemas/seqcol_extended_v1.0.0.json",
    "description": "A collection of biological sequences.",
    "type": "object",
    "properties": {
        "lengths": {
            "type": "array", "collated": True, "items": {"type": "integer"},
            "description": "Number of bases of each sequence.",
        },
        "names": {
            "type": "array", "collated": True, "items": {"type": "string"},
            "description": "What each sequence is called.",
        },
        "sequences": {
            "type": "array", "collated": True, "items": {"type": "string"},
            "description": "Refget digest of each sequence.",
        },
        "name_length_pairs": {
            "type": "array", "collated": True, "items": _PAIR,
            "description": "Name and length of each sequence.",
        },
        "sorted_name_length_pairs": {
            "type": "array", "collated": False, "items": {"type": "string"},
            "description": "Digests of the name and length pairs, sorted: a coordinate system.",
        },
    },
    "required": ["names", "lengths", "sequences"],
    "ga4gh": {"inherent": ["names", "sequences"], "transient": list(TRANSIENT)},
}  # fmt: skip


def _error(request: Request, status: int, error: GenomehubError | None, sentence: str) -> Response:
    answer = problem(status, sentence)
    answer.headers.update(_OPEN)
    return answer


router = APIRouter(prefix="/seqcol", tags=["sequence collections"], route_class=dialect(_error))


class Level2(BaseModel):
    """A collection as a client sends it: arrays by name."""

    model_config = ConfigDict(extra="allow")

    lengths: list[int] = Field(max_length=200_000)
    names: list[str] = Field(max_length=200_000)
    sequences: list[str] | None = Field(None, max_length=200_000)


_ERRORS = problems(404)
DigestPath = Annotated[str, Path(max_length=200, description="of a sequence collection")]


@router.get("/service-info")
def service_info(hub: HubDependency) -> JSONResponse:
    """Say what this service is, and the schema of its collections."""
    settings = hub.settings
    host = settings.public_url.partition("://")[2].partition("/")[0].partition(":")[0]
    body = {
        "id": f"{'.'.join(reversed(host.split('.')))}.seqcol",
        "name": f"{settings.name}: sequence collections",
        "type": {"group": "org.ga4gh", "artifact": "refget-seqcol", "version": VERSION},
        "description": f"Reference genomes of {settings.name}.",
        "organization": {"name": settings.organisation, "url": settings.organisation_url},
        "contactUrl": f"mailto:{settings.contact_email}",
        "documentationUrl": f"{settings.public_url}/openapi.json",
        "version": __version__,
        "seqcol": {"schema": SCHEMA},
    }
    return JSONResponse(body, headers=_OPEN)


@router.get("/collection/{digest}", responses=_ERRORS)
def collection(
    hub: HubDependency, digest: DigestPath, level: Annotated[int, Query(ge=1, le=2)] = 2
) -> JSONResponse:
    """Return a collection: arrays (level 2), or their digests (level 1)."""
    genome = references(hub).collection(digest)
    return JSONResponse(genome.collection_digests if level == 1 else genome.collection, headers=_OPEN)


@router.get("/comparison/{digest1}/{digest2}", responses=_ERRORS)
def comparison(hub: HubDependency, digest1: DigestPath, digest2: DigestPath) -> JSONResponse:
    """Compare two collections of this hub."""
    known = references(hub)
    a, b = known.collection(digest1), known.collection(digest2)
    digests = {"digests": {"a": digest1, "b": digest2}}
    return JSONResponse(digests | compare(a.collection, b.collection), headers=_OPEN)


@router.post("/comparison/{digest1}", responses=_ERRORS)
def comparison_with(hub: HubDependency, digest1: DigestPath, local: Level2) -> JSONResponse:
    """Compare a collection of this hub with one that is sent (level 2)."""
    a = references(hub).collection(digest1)
    b = {
        name: values
        for name, values in local.model_dump(exclude_none=True).items()
        if isinstance(values, list)
    }
    digests = {"digests": {"a": digest1, "b": None}}
    return JSONResponse(digests | compare(a.collection, b), headers=_OPEN)


@router.get("/list/collection")
def list_collections(
    hub: HubDependency,
    page: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 100,
    lengths: Annotated[str | None, Query(max_length=200)] = None,
    names: Annotated[str | None, Query(max_length=200)] = None,
    sequences: Annotated[str | None, Query(max_length=200)] = None,
    name_length_pairs: Annotated[str | None, Query(max_length=200)] = None,
    sorted_name_length_pairs: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List collections, all or those of which the named attributes have the digests given."""
    values = (lengths, names, sequences, name_length_pairs, sorted_name_length_pairs)
    filters = zip((*ATTRIBUTES, *TRANSIENT), values, strict=True)
    found = references(hub).collections({name: value for name, value in filters if value is not None})
    body = {
        "results": found[page * page_size : (page + 1) * page_size],
        "pagination": {"page": page, "page_size": page_size, "total": len(found)},
    }
    return JSONResponse(body, headers=_OPEN)


@router.get("/attribute/collection/{name}/{digest}", responses=_ERRORS)
def attribute(
    hub: HubDependency, name: Annotated[str, Path(max_length=100)], digest: DigestPath
) -> JSONResponse:
    """Return the values of an attribute by their digest."""
    if name in TRANSIENT:
        raise NotFoundError(f"{name}: is known by its digest only (it is transient).")
    return JSONResponse(references(hub).attribute(name, digest), headers=_OPEN)


@router.options("/comparison/{digest1}", status_code=204)
def may_compare(digest1: DigestPath) -> Response:
    """Answer a browser that asks whether a page of another site may ask."""
    allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "content-type"}
    return Response(status_code=204, headers=_OPEN | allowed)
