"""Data sets: descriptions, versions, life cycle, and exports in other formats."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from genomehub import __version__
from genomehub.errors import InputError, NotFoundError, TooLargeError
from genomehub.hub.access.principals import ANONYMOUS, Principal, Role
from genomehub.hub.description import room
from genomehub.hub.description.catalogue import catalogue_graph
from genomehub.hub.description.codecs import Note
from genomehub.hub.description.crate import to_crate
from genomehub.hub.description.crate_zip import to_zip
from genomehub.hub.description.document import DatasetDescription, Words
from genomehub.hub.description.exports import as_text, to_croissant, to_schema_org
from genomehub.hub.description.fields import PROFILES, form_fields, form_groups, label_of, part_fields
from genomehub.hub.description.origin import Origin
from genomehub.hub.description.rdf import MAX_BYTES, from_turtle, to_graph, to_json_ld, to_turtle
from genomehub.hub.description.validation import Finding
from genomehub.hub.description.vocabularies import vocabularies
from genomehub.hub.service.context import Hub
from genomehub.hub.service.dependencies import HubDependency, PrincipalDependency, require_role
from genomehub.hub.service.formats import FILE_NAMES, MEDIA_TYPES, SUFFIXES, Format, accepted
from genomehub.hub.service.problems import Problem, problem, problems

router = APIRouter(tags=["data sets"])

UUID = Annotated[
    str, Path(description="identifier of the data set", max_length=60, pattern=r"^[A-Za-z0-9.-]+$")
]


class FindingAnswer(BaseModel):
    """What a profile asks and the description lacks; ``field`` counts parts of lists from 1."""

    field: str
    label: dict[str, str]
    profiles: list[str]
    rule: dict[str, str]
    remedy: dict[str, str]

    @classmethod
    def of(cls, finding: Finding) -> "FindingAnswer":
        label = {language: label_of(finding.field, language) for language in ("en", "fr")}
        return cls(
            field=finding.field, label=label, profiles=list(finding.profiles), rule=finding.rule,
            remedy=finding.remedy,
        )  # fmt: skip


class NotValidProblem(Problem):
    """A description that was refused, and why."""

    findings: list[FindingAnswer] = Field([], description="none where the request itself is malformed")


class NoteAnswer(BaseModel):
    """Something that the RDF said and the document does not keep as it was."""

    field: str | None
    en: str
    fr: str

    @classmethod
    def of(cls, note: Note) -> "NoteAnswer":
        return cls(field=note.field, en=note.en, fr=note.fr)


class DatasetAnswer(BaseModel):
    """A data set and its description, as who asks may see it.

    version : of the description; entry : of the data, their newest version as DRS knows it
    description : what people wrote over what the engine knows; written : what people wrote, for editors
    """

    uuid: str
    iri: str
    page: str
    state: Literal["draft", "published", "withdrawn"]
    version: int
    entry: str | None
    modified: datetime
    description: DatasetDescription
    written: DatasetDescription | None

    @classmethod
    def of(cls, view: room.View) -> "DatasetAnswer":
        return cls(
            uuid=view.uuid, iri=view.subject, page=view.page, state=view.state, version=view.version,
            entry=view.entry, modified=view.modified, description=view.document, written=view.written,
        )  # fmt: skip


class VersionAnswer(BaseModel):
    """One version of a description."""

    version: int
    source: str
    created_at: datetime
    created_by: str
    title: dict[str, str]
    public: bool


class ChangeAnswer(BaseModel):
    """A field that differs between two versions."""

    field: str
    before: Any
    after: Any


class ValidationAnswer(BaseModel):
    """What each profile says of a description, without keeping it."""

    valid: dict[str, bool]
    findings: list[FindingAnswer]
    notes: list[NoteAnswer]
    description: DatasetDescription


class Reason(BaseModel):
    """Why a data set is withdrawn; kept in the log."""

    reason: Annotated[Words, Field(max_length=1000)]


class FieldAnswer(BaseModel):
    """One field of the form."""

    name: str
    group: str
    label: dict[str, str]
    help: dict[str, str]
    control: str
    vocabulary: str | None
    required: list[str]
    engine: bool


class FormAnswer(BaseModel):
    """The form: its groups and fields in order, and the fields of parts."""

    profiles: dict[str, str]
    groups: dict[str, dict[str, str]]
    fields: list[FieldAnswer]
    parts: list[FieldAnswer]


class ConceptAnswer(BaseModel):
    """One entry of a vocabulary."""

    code: str
    iri: str
    label: dict[str, str]
    definition: dict[str, str]


class VocabularyAnswer(BaseModel):
    """A controlled vocabulary."""

    name: str
    title: dict[str, str]
    scheme: str
    concepts: list[ConceptAnswer]


_NOT_FOUND = problems(404)
_REFUSED = problems(401, 403, 404)
_NOT_VALID: dict[int | str, dict[str, Any]] = {422: {"model": NotValidProblem}}
_TURTLE_BODY = {"text/turtle": {"schema": {"type": "string"}}}
_EXPORTS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/turtle": {"schema": {"type": "string"}},
            "application/ld+json": {"schema": {"type": "object"}},
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
        }
    },
    304: {"description": "unchanged"},
    **problems(406, 410),
}


def descriptions(hub: Hub, session: Session, principal: Principal) -> room.Descriptions:
    """Return the room of descriptions for who asks."""
    return room.Descriptions(
        session,
        principal,
        hub.clock(),
        hub.settings.public_url.rstrip("/"),
        hub.catalogue.location.folder,
        tuple(hub.settings.profiles),
    )


@contextmanager
def reading(hub: Hub, principal: Principal) -> Iterator[room.Descriptions]:
    """Open the room to read."""
    with hub.database.read() as session:
        yield descriptions(hub, session, principal)


@contextmanager
def writing(hub: Hub, principal: Principal) -> Iterator[room.Descriptions]:
    """Open the room to write; all or nothing."""
    with hub.database.write() as session:
        yield descriptions(hub, session, principal)


def refusal(error: room.NotValidError) -> Response:
    """Return the answer to a description that is refused, with its findings."""
    return problem(422, str(error), findings=[FindingAnswer.of(one).model_dump() for one in error.findings])


async def body(request: Request) -> bytes:
    """Return the body, if it is not larger than a description may be.

    Raises
    ------
    TooLargeError
    InputError
        It is compressed: what it would grow to is not known.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InputError("the body is compressed; send the description as it is.")
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MAX_BYTES:
            raise TooLargeError(
                f"the description has more than {MAX_BYTES:,} bytes. Send one data set at a time."
            )
    return bytes(content)


BodyDependency = Annotated[bytes, Depends(body)]


@router.get("/api/catalogue.ttl", response_class=Response, responses={200: {"content": _TURTLE_BODY}})
def catalogue(
    hub: HubDependency,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    size: Annotated[int, Query(ge=1, le=200)] = 50,
    modified_since: datetime | None = None,
) -> Response:
    """List the published data sets for harvesters: a dcat:Catalog in Turtle, page by page (Hydra).

    With ``modified_since`` only those changed since, and on the first page those withdrawn since.
    """
    settings = hub.settings
    since = None if modified_since is None else _utc(modified_since)
    with reading(hub, ANONYMOUS) as there:
        listed = there.catalogue(page, size, since)
    names = (settings.name, settings.organisation, settings.organisation_url, settings.contact_email)
    graph = catalogue_graph(listed, settings.public_url.rstrip("/"), names, since)
    return Response(to_turtle(graph), media_type="text/turtle")


@router.get("/api/description/fields")
def fields() -> FormAnswer:
    """Return the form of a description: fields, explanations, controls, vocabularies."""
    shown = [
        FieldAnswer.model_validate(vars(one) | {"required": list(one.required)})
        for one in form_fields().values()
    ]
    parts = [
        FieldAnswer.model_validate(vars(one) | {"required": list(one.required)})
        for one in part_fields().values()
    ]
    return FormAnswer(
        profiles=dict[str, str](PROFILES.items()), groups=form_groups(), fields=shown, parts=parts
    )


@router.get("/api/vocabularies")
def vocabulary_names() -> dict[str, dict[str, str]]:
    """Return the controlled vocabularies and their titles."""
    return {name: one.title for name, one in vocabularies().items()}


@router.get("/api/vocabularies/{name}", responses=problems(404))
def vocabulary(name: Annotated[str, Path(max_length=60)]) -> VocabularyAnswer:
    """Return a controlled vocabulary: codes, IRIs, labels in English and French."""
    found = vocabularies().get(name)
    if found is None:
        raise NotFoundError(f"{name[:60]!r}: no such vocabulary. See /api/vocabularies.")
    concepts = [ConceptAnswer.model_validate(vars(one)) for one in found.concepts.values()]
    return VocabularyAnswer(name=name, title=found.title, scheme=found.scheme, concepts=concepts)


@router.post(
    "/api/validate",
    responses=problems(401, 404, 413, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {**_TURTLE_BODY, "application/json": {"schema": {"type": "object"}}},
        }
    },
)
def check(
    hub: HubDependency,
    principal: PrincipalDependency,
    content: BodyDependency,
    content_type: Annotated[str, Header()] = "text/turtle",
    dataset: Annotated[str | None, Query(max_length=60, pattern=r"^[A-Za-z0-9-]+$")] = None,
) -> ValidationAnswer:
    """Say what the profiles ask and a description lacks, and keep nothing.

    The body is Turtle, or the document in JSON. With ``dataset`` what the engine knows of it is laid under.
    """
    require_role(principal, *Role)
    notes: tuple[Note, ...] = ()
    if content_type.partition(";")[0].strip().lower() == "application/json":
        document = document_of(content)
    else:
        read = from_turtle(content)
        document, notes = read.document, read.notes
    with reading(hub, principal) as there:
        found = there.check(document, dataset)
    valid: dict[str, bool] = {
        profile: all(profile not in one.profiles for one in found) for profile in PROFILES
    }
    return ValidationAnswer(
        valid=valid,
        findings=[FindingAnswer.of(one) for one in found],
        notes=[NoteAnswer.of(one) for one in notes],
        description=document,
    )


def document_of(content: bytes) -> DatasetDescription:
    """Return the document in JSON.

    Raises
    ------
    InputError
        It is none; the first fault is named.
    """
    try:
        return DatasetDescription.model_validate_json(content)
    except ValueError as error:
        faults: list[Any] = getattr(error, "errors", list)()
        place = ".".join(str(step) for step in faults[0]["loc"]) if faults else ""
        what = faults[0]["msg"] if faults else "no JSON"
        raise InputError(
            f"the description: {place or 'document'}: {what}. See /api/description/fields."
        ) from error


@router.get(
    "/api/datasets/{uuid}",
    response_model=DatasetAnswer,
    responses={**_REFUSED, **_EXPORTS},
)
def dataset(
    request: Request,
    hub: HubDependency,
    principal: PrincipalDependency,
    uuid: UUID,
    format: Annotated[Format | None, Query(description="instead of the header Accept")] = None,
    version: Annotated[int | None, Query(ge=1, le=10**9)] = None,
    draft: bool = False,
) -> Response:
    """Return a data set's description in what is accepted: JSON, Turtle, JSON-LD, or an RO-Crate in a zip.

    Instead of ``Accept`` the end of the address may say it: ``.json``, ``.ttl``, ``.jsonld``,
    ``.schema.jsonld`` (schema.org), ``.croissant.json``, ``.rocrate.json`` (RO-Crate) or ``.rocrate.zip``
    (the whole crate); or ``?format=``. ``version`` and ``draft`` are for those who may edit.
    """
    name, _, suffix = uuid.partition(".")
    wanted = format or (SUFFIXES.get(suffix) if suffix else accepted(request.headers.get("accept", "*/*")))
    if suffix and suffix not in SUFFIXES:
        raise NotFoundError(f"{uuid[:80]!r}: no such data set. Look for it in the catalogue.")
    with reading(hub, principal) as there:
        view = there.view(name, version=version, draft=draft)
        origin = there.origin(view) if wanted in FILE_NAMES else None
    if wanted is None:
        return problem(
            406,
            "the description is to be had as application/json, text/turtle, application/ld+json or "
            "application/zip.",
        )
    if view.state == "withdrawn" and view.written is None and wanted != "json":
        return problem(410, "the data set was withdrawn.")
    headers = _validators(view, origin, wanted, principal, hub)
    if _unchanged(request, headers["ETag"], view.modified):
        return Response(status_code=304, headers=headers)
    if wanted in FILE_NAMES:
        kept = "attachment" if wanted == "rocrate-zip" else "inline"
        headers["Content-Disposition"] = f'{kept}; filename="{FILE_NAMES[wanted]}"'
    content = _exported(view, origin, wanted, hub)
    return Response(content, media_type=MEDIA_TYPES[wanted], headers=headers)


def _exported(view: room.View, origin: Origin | None, wanted: Format, hub: Hub) -> str | bytes:
    document, subject = view.document, view.subject
    if wanted in FILE_NAMES:
        crate = to_crate(view, origin, hub.settings.public_url.rstrip("/"), hub.settings.name)
        return as_text(crate) if wanted == "rocrate" else to_zip(crate, view.modified)
    if wanted == "json":
        return DatasetAnswer.of(view).model_dump_json()
    if wanted == "schema":
        return as_text(to_schema_org(document, subject, view.page, hub.settings.name))
    if wanted == "croissant":
        return as_text(to_croissant(document, subject, view.page))
    graph = to_graph(document, subject)
    return to_turtle(graph) if wanted == "turtle" else to_json_ld(graph)


def _validators(
    view: room.View, origin: Origin | None, wanted: Format, principal: Principal, hub: Hub
) -> dict[str, str]:
    parts = f"{view.stamp}|{origin}|{__version__}|{wanted}|{hub.settings.name}|{hub.settings.public_url}"
    return {
        "ETag": f'"{hashlib.sha256(parts.encode()).hexdigest()[:32]}"',
        "Last-Modified": format_datetime(view.modified.astimezone(UTC).replace(microsecond=0), usegmt=True),
        "Cache-Control": "private, no-cache" if principal.known else "no-cache",
        "Vary": "Accept, Authorization, X-API-Key, Cookie",
    }


def _unchanged(request: Request, tag: str, modified: datetime) -> bool:
    """Compare as RFC 9110 says: the tag if one was sent, else the date."""
    sent = request.headers.get("if-none-match")
    if sent is not None:
        return sent.strip() == "*" or tag in (one.strip().removeprefix("W/") for one in sent.split(","))
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except (TypeError, ValueError):
        return False
    return modified.replace(microsecond=0) <= _aware(since)


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _utc(time: datetime) -> datetime:
    """Return a time in UTC; one that UTC cannot say, at the ends of time, is refused."""
    try:
        return max(_aware(time).astimezone(UTC), datetime(1970, 1, 1, tzinfo=UTC))
    except OverflowError as error:
        raise InputError(f"modified_since: {time} is no time to ask for.") from error


@router.get("/api/datasets/{uuid}/versions", responses=_NOT_FOUND)
def versions(hub: HubDependency, principal: PrincipalDependency, uuid: UUID) -> list[VersionAnswer]:
    """List the versions of a description; to the public those that were published."""
    with reading(hub, principal) as there:
        return [VersionAnswer.model_validate(vars(one)) for one in there.versions(uuid)]


@router.get("/api/datasets/{uuid}/difference", responses=_NOT_FOUND)
def difference(
    hub: HubDependency,
    principal: PrincipalDependency,
    uuid: UUID,
    first: Annotated[int, Query(ge=1, le=10**9)],
    second: Annotated[int, Query(ge=1, le=10**9)],
) -> list[ChangeAnswer]:
    """Return what differs between two versions of a description."""
    with reading(hub, principal) as there:
        return [ChangeAnswer.model_validate(vars(one)) for one in there.between(uuid, first, second)]


@router.get("/api/datasets/{uuid}/known", responses=_REFUSED)
def known(hub: HubDependency, principal: PrincipalDependency, uuid: UUID) -> DatasetDescription | None:
    """Return what the engine knows of a data set, for those who edit; null if nothing was registered."""
    with reading(hub, principal) as there:
        return there.known(uuid)


@router.put("/api/datasets/{uuid}/description", responses=problems(401, 403, 404, 409))
def save(
    hub: HubDependency,
    principal: PrincipalDependency,
    uuid: UUID,
    document: DatasetDescription,
    expected: Annotated[int | None, Query(ge=0, description="the version that was edited")] = None,
) -> DatasetAnswer:
    """Keep a new version of a description, as a draft: what the public sees does not change."""
    with writing(hub, principal) as there:
        return DatasetAnswer.of(there.save(uuid, document, "form", expected))


@router.post(
    "/api/datasets/{uuid}/publish", response_model=DatasetAnswer, responses={**_REFUSED, **_NOT_VALID}
)
def publish(
    hub: HubDependency,
    principal: PrincipalDependency,
    uuid: UUID,
    version: Annotated[int | None, Query(ge=1, le=10**9)] = None,
) -> DatasetAnswer | Response:
    """Show a version (the newest) to the public, if it satisfies the profiles; else say what it lacks."""
    try:
        with writing(hub, principal) as there:
            return DatasetAnswer.of(there.publish(uuid, version))
    except room.NotValidError as error:
        return refusal(error)


@router.post("/api/datasets/{uuid}/withdraw", responses=problems(401, 403, 404, 409))
def withdraw(hub: HubDependency, principal: PrincipalDependency, uuid: UUID, why: Reason) -> DatasetAnswer:
    """Take a published data set from the catalogue; its page then says so, and no more."""
    with writing(hub, principal) as there:
        return DatasetAnswer.of(there.withdraw(uuid, why.reason))
