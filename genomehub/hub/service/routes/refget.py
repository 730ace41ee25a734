"""GA4GH refget 2.0: sequences of the hub's reference genomes by their digests, for everybody."""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from genomehub import __version__
from genomehub.errors import ConfigError, GenomehubError
from genomehub.hub.delivery.regions import LARGEST_POSITION, RangeError
from genomehub.hub.delivery.spans import parse_span
from genomehub.hub.service.deliveries import references
from genomehub.hub.service.dependencies import HubDependency
from genomehub.hub.service.dialects import dialect
from genomehub.hub.service.problems import problem, problems
from genomehub.store.sequences import Sequence, Sequences

VERSION = "2.0.0"
_TEXT = f"text/vnd.ga4gh.refget.v{VERSION}+plain"
_JSON = f"application/vnd.ga4gh.refget.v{VERSION}+json"
_TEXTS = (_TEXT, "text/plain", "text/vnd.ga4gh.refget.v1.0.0+plain", "text/*", "*/*")
_JSONS = (_JSON, "application/json", "application/vnd.ga4gh.refget.v1.0.0+json", "application/*", "*/*")
_PIECE = 1 << 20
_REVERSED = re.compile(r"bytes=\d{1,18}-\d{1,18}")
_OPEN = {"Access-Control-Allow-Origin": "*"}


class NotAcceptableError(ConfigError):
    """The form asked for is none that is given."""


class NotSupportedError(ConfigError):
    """The request is understood and not supported."""


def _error(request: Request, status: int, error: GenomehubError | None, sentence: str) -> Response:
    if isinstance(error, NotAcceptableError):
        status = 406
    elif isinstance(error, NotSupportedError):
        status = 501
    elif isinstance(error, RangeError):
        status = 416
    answer = problem(status, sentence)
    answer.headers.update(_OPEN)
    return answer


router = APIRouter(prefix="/sequence", tags=["refget"], route_class=dialect(_error))


class Alias(BaseModel):
    """Another name of a sequence."""

    alias: str
    naming_authority: str


class Metadata(BaseModel):
    """What is known of a sequence."""

    md5: str
    ga4gh: str
    length: int
    aliases: list[Alias]


class MetadataAnswer(BaseModel):
    """Metadata."""

    metadata: Metadata


_ERRORS = problems(404, 406, 416, 501)
DigestPath = Annotated[
    str, Path(max_length=200, description="MD5 or SQ. digest, with or without md5: or ga4gh:")
]
Accept = Annotated[str | None, Header(max_length=2000)]
Position = Annotated[int | None, Query(ge=0, le=LARGEST_POSITION)]


class JsonAnswer(JSONResponse):
    """JSON of refget."""

    media_type = f"{_JSON}; charset=us-ascii"

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode("ascii")


@router.get("/service-info", response_class=JsonAnswer, responses=problems(406))
def service_info(hub: HubDependency, accept: Accept = None) -> Response:
    """Say what this service is and can."""
    _accepted(accept, _JSONS)
    settings = hub.settings
    host = settings.public_url.partition("://")[2].partition("/")[0].partition(":")[0]
    body = {
        "id": f"{'.'.join(reversed(host.split('.')))}.refget",
        "name": f"{settings.name}: refget",
        "type": {"group": "org.ga4gh", "artifact": "refget", "version": VERSION},
        "description": f"Reference sequences of {settings.name}.",
        "organization": {"name": settings.organisation, "url": settings.organisation_url},
        "contactUrl": f"mailto:{settings.contact_email}",
        "documentationUrl": f"{settings.public_url}/openapi.json",
        "version": __version__,
        "refget": {
            "circular_supported": False,
            "subsequence_limit": None,
            "algorithms": ["md5", "ga4gh"],
            "identifier_types": [],
        },
    }
    return _json(body)


@router.get("/{digest}/metadata", response_model=MetadataAnswer, response_class=JsonAnswer, responses=_ERRORS)
def metadata(hub: HubDependency, digest: DigestPath, accept: Accept = None) -> Response:
    """Return digests, length and names of a sequence."""
    _accepted(accept, _JSONS)
    known = references(hub)
    _, one = known.sequence(digest)
    aliases = [Alias(alias=name, naming_authority="unknown") for name in known.names_of(one.refget)]
    said = Metadata(md5=one.md5, ga4gh=one.refget, length=one.length, aliases=aliases)
    return _json(MetadataAnswer(metadata=said).model_dump())


@router.get("/{digest}", responses=_ERRORS, response_class=Response)
def sequence(
    hub: HubDependency,
    digest: DigestPath,
    start: Position = None,
    end: Position = None,
    range: Annotated[str | None, Header(max_length=200)] = None,
    accept: Accept = None,
) -> Response:
    """Return a sequence or a part of it: ``start`` and ``end`` (0-based, end exclusive), or a Range."""
    genome, one = references(hub).sequence(digest)
    _accepted(accept, _TEXTS)
    by_parameters = start is not None or end is not None
    if by_parameters and range is not None:
        raise ConfigError("start or end, and Range: give one or the other.")
    if range is not None:
        first, behind = _span(range, one.length)
    else:
        first, behind = _bounds(start, end, one.length)
    whole = (first, behind) == (0, one.length)
    headers = {"Content-Length": str(behind - first), "ETag": f'"{one.refget}"', **_OPEN}
    headers["Accept-Ranges"] = "none" if by_parameters else "bytes"
    if range is not None:
        headers["Content-Range"] = f"bytes {first}-{behind - 1}/{one.length}"
    return StreamingResponse(
        _letters(genome, one, first, behind),
        206 if range is not None else 200,
        headers | ({"Cache-Control": "public, max-age=31536000, immutable"} if whole else {}),
        f"{_TEXT}; charset=us-ascii",
    )


def _bounds(start: int | None, end: int | None, length: int) -> tuple[int, int]:
    """Return what start and end mean; which error is which is settled by GA4GH's compliance suite."""
    first, behind = start or 0, length if end is None else end
    if end is None and first > length:
        raise ConfigError(f"start {first}: the sequence is {length} bp long.")
    if (first and first >= length) or behind > length:
        raise RangeError(f"start {first}, end {behind}: the sequence is {length} bp long.")
    if first > behind:
        raise NotSupportedError(f"start {first} is behind end {behind}: no sequence here is circular.")
    return first, behind


def _span(header: str, length: int) -> tuple[int, int]:
    span = parse_span(header, length)
    if span is None and _REVERSED.fullmatch(header):
        raise RangeError(f"Range {header[:60]!r}: the last base is before the first.")
    if span is None:
        raise ConfigError(f"Range {header[:60]!r}: 'bytes=FIRST-LAST' is expected, once.")
    return span


def _letters(genome: Sequences, one: Sequence, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _PIECE):
        yield genome.letters(one, at, min(at + _PIECE, end))


def _accepted(accept: str | None, given: tuple[str, ...]) -> None:
    """Let pass if one of the forms that the client takes is given.

    Raises
    ------
    NotAcceptableError
    """
    wanted = [part.partition(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    if not any(one in given for one in wanted):
        raise NotAcceptableError(f"Accept {str(accept)[:60]!r}: this is given as {given[0]} or {given[1]}.")


def _json(body: dict[str, Any]) -> Response:
    return JsonAnswer(body, headers=_OPEN)
