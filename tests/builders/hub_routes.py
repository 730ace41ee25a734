"""Small real routes in the place of those that the application does not have (yet), for tests of clients.

They answer from the same tables and files, through the same gate. ``missing(app)`` returns a router of those
whose path the application lacks; where it has them all, the tests run against the real ones alone.
"""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pysam
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from itsdangerous import BadSignature
from pydantic import BaseModel
from sqlalchemy import select

from genomehub.errors import NotAuthenticatedError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.lookup import absolute_path
from genomehub.hub.service.dependencies import BoundsDependency, HubDependency, PrincipalDependency

router = APIRouter()
_KINDS = {"bam": "reads", "vcf": "variants"}


def _document(session: Any, dataset: models.Dataset) -> dict[str, Any]:
    entry = session.scalars(
        select(models.Entry)
        .where(models.Entry.dataset_id == dataset.id)
        .order_by(models.Entry.version.desc())
    ).first()
    publication = session.get(models.Publication, dataset.id)
    described = publication.description.document if publication and publication.description else {}
    return {
        "uuid": dataset.uuid, "title": described.get("title", {"en": dataset.name}), "description": described,
        "entry": entry.digest if entry else None,
    }  # fmt: skip


@router.get("/api/search")
def search(
    hub: HubDependency, who: PrincipalDependency, bounds: BoundsDependency, q: str = ""
) -> dict[str, Any]:
    with hub.database.read() as session:
        gate = Gate(session, who, hub.clock())
        seen = [
            _document(session, one)
            for one in session.scalars(select(models.Dataset).order_by(models.Dataset.id))
            if q.lower() in one.name.lower() and gate.decide(Action.SEE, one).allowed
        ]
    page = seen[bounds.offset : bounds.offset + bounds.limit]
    values = [{"value": "NON_PUBLIC", "label": {}, "count": len(seen), "chosen": False}]
    facets = [{"name": "access", "values": values, "more": 0}]
    return {
        "total": len(seen),
        "limit": bounds.limit,
        "offset": bounds.offset,
        "datasets": page,
        "facets": facets,
    }


def _seen(session: Any, hub: Any, who: Any, identifier: str, action: Action) -> models.Dataset:
    found = session.scalar(
        select(models.Dataset)
        .outerjoin(models.Entry)
        .where((models.Dataset.uuid == identifier) | (models.Entry.digest == identifier.partition(".")[0]))
    )
    Gate(session, who, hub.clock()).require(action, found, identifier)
    return found


@router.get("/api/datasets/{identifier}")
def dataset(hub: HubDependency, who: PrincipalDependency, identifier: str) -> dict[str, Any]:
    with hub.database.read() as session:
        return _document(session, _seen(session, hub, who, identifier, Action.SEE))


def _files(session: Any, identifier: str) -> list[models.File]:
    entry = session.scalar(select(models.Entry).where(models.Entry.digest == identifier.partition(".")[0]))
    return [file for file in entry.files if file.role == "result"]


@router.get("/ga4gh/drs/v1/objects/{identifier}")
def drs_object(hub: HubDependency, who: PrincipalDependency, identifier: str) -> dict[str, Any]:
    with hub.database.read() as session:
        _seen(session, hub, who, identifier, Action.SEE)
        files = _files(session, identifier)
        digest, _, number = identifier.partition(".")
        if not number:
            contents = [
                {"name": file.path.rpartition("/")[2], "id": f"{digest}.{n}"}
                for n, file in enumerate(files, 1)
            ]
            size = sum(file.size_bytes for file in files)
            return {"id": digest, "name": "bundle", "size": size, "checksums": [], "contents": contents}
        file = files[int(number) - 1]
        methods: list[dict[str, Any]] = [{"type": "https", "access_id": "https"}]
        if kind := _KINDS.get(file.kind):
            url = f"{hub.settings.public_url}/htsget/{kind}/{identifier}"
            methods.append({"type": "htsget", "access_url": {"url": url}})
        return {
            "id": identifier, "name": file.path.rpartition("/")[2], "size": file.size_bytes,
            "checksums": [{"type": "sha-256", "checksum": file.sha256}], "access_methods": methods,
        }  # fmt: skip


@router.get("/ga4gh/drs/v1/objects/{identifier}/access/{access}")
def drs_access(hub: HubDependency, who: PrincipalDependency, identifier: str, access: str) -> dict[str, str]:
    with hub.database.read() as session:
        _seen(session, hub, who, identifier, Action.READ)
    return {"url": f"{hub.settings.public_url}/files/{hub.signer('file').dumps(identifier)}/bytes"}


@router.get("/files/{token}/bytes")
def file_bytes(hub: HubDependency, token: str) -> FileResponse:
    try:
        identifier = hub.signer("file").loads(token, max_age=hub.settings.link_seconds)
    except BadSignature as error:
        raise NotAuthenticatedError("the link has ended.") from error
    with hub.database.read() as session:
        file = _files(session, identifier)[int(identifier.partition(".")[2]) - 1]
        return FileResponse(absolute_path(hub.database.location.folder, file))


@router.get("/htsget/{kind}/{identifier}")
def ticket(
    hub: HubDependency, who: PrincipalDependency, request: Request, kind: str, identifier: str
) -> JSONResponse:
    with hub.database.read() as session:
        found = _seen(session, hub, who, identifier, Action.READ)
        if identifier == found.uuid:
            identifier = _document(session, found)["entry"]
    link = hub.signer("htsget").dumps([identifier, kind, dict(request.query_params)])
    urls = [
        {"url": f"{hub.settings.public_url}/htsget-data/x", "headers": {"Authorization": f"Bearer {link}"}}
    ]
    form = "BAM" if kind == "reads" else "VCF"
    return JSONResponse({"htsget": {"format": form, "urls": urls}})


@router.get("/htsget-data/x")
def slice_bytes(hub: HubDependency, request: Request) -> FileResponse:
    link = request.headers["authorization"].removeprefix("Bearer ")
    identifier, kind, asked = hub.signer("htsget").loads(link, max_age=60)
    with hub.database.read() as session:
        (path,) = [
            absolute_path(hub.database.location.folder, file)
            for file in _files(session, identifier)
            if _KINDS.get(file.kind) == kind
        ]
    out = hub.settings.secret_file.with_name(f"{uuid.uuid4().hex}.slice.vcf.gz")
    span = asked.get("referenceName"), int(asked.get("start", 0)), int(asked.get("end", 2**29))
    opener: Callable[..., Any] = pysam.AlignmentFile if kind == "reads" else pysam.VariantFile
    mode = "wb" if kind == "reads" else "wz"
    with opener(str(path)) as file, opener(str(out), mode, header=file.header) as written:
        for record in file.fetch(*span) if span[0] else file.fetch():
            written.write(record)
    return FileResponse(out)


@router.get("/api/account")
def account(who: PrincipalDependency) -> dict[str, Any]:
    if not who.known:
        raise NotAuthenticatedError("log in, or send a token, to do this.")
    return {"uuid": who.uuid, "name": who.name, "roles": [{"role": str(one.role)} for one in who.grants]}


class Study(BaseModel):
    title: str


@router.post("/api/studies", status_code=201)
def make_study(hub: HubDependency, who: PrincipalDependency, wanted: Study) -> dict[str, Any]:
    with hub.database.write() as session:
        made = models.Study(uuid=str(uuid.uuid4()), title=wanted.title, summary="", created_at=hub.clock())
        session.add(made)
        session.flush()
        session.add(models.StudyMember(study_id=made.id, person_id=who.person_id, lead=True))
        return {"uuid": made.uuid, "title": made.title}


@router.get("/api/studies")
def studies(hub: HubDependency, who: PrincipalDependency) -> dict[str, Any]:
    with hub.database.read() as session:
        mine = select(models.StudyMember).where(models.StudyMember.person_id == who.person_id)
        found = [member.study for member in session.scalars(mine)]
        return {"total": len(found), "studies": [{"uuid": one.uuid, "title": one.title} for one in found]}


class Wish(BaseModel):
    purpose: str
    duo: list[str]
    datasets: list[str]
    people: list[str]
    until: datetime


def _answer(request: models.AccessRequest) -> dict[str, Any]:
    return {
        "uuid": request.uuid, "state": request.state, "purpose": request.purpose, "duo": request.duo,
        "study_title": request.study.title, "datasets": [{"uuid": one.uuid} for one in request.datasets],
    }  # fmt: skip


@router.post("/api/studies/{study}/requests", status_code=201)
def draft(hub: HubDependency, who: PrincipalDependency, study: str, wanted: Wish) -> dict[str, Any]:
    with hub.database.write() as session:
        found = session.scalars(select(models.Study).where(models.Study.uuid == study)).one()
        made = models.AccessRequest(
            uuid=str(uuid.uuid4()), study_id=found.id, purpose=wanted.purpose, duo=wanted.duo,
            until=wanted.until, state="draft", created_at=hub.clock(), created_by_id=who.person_id,
        )  # fmt: skip
        made.datasets = [_seen(session, hub, who, one, Action.SEE) for one in wanted.datasets]
        session.add(made)
        session.flush()
        return _answer(made)


@router.post("/api/requests/{request}/submit")
def submit(hub: HubDependency, request: str) -> dict[str, Any]:
    with hub.database.write() as session:
        found = session.scalars(
            select(models.AccessRequest).where(models.AccessRequest.uuid == request)
        ).one()
        found.state, found.submitted_at = "submitted", hub.clock()
        return _answer(found)


@router.get("/api/requests")
def requests(hub: HubDependency, who: PrincipalDependency) -> dict[str, Any]:
    account(who)
    with hub.database.read() as session:
        mine = select(models.AccessRequest).where(models.AccessRequest.created_by_id == who.person_id)
        return {"requests": [_answer(one) for one in session.scalars(mine)]}


#: Of each of these groups all routes are taken, or none.
GROUPS = ("/api/search", "/api/datasets", "/ga4gh/drs", "/files", "/htsget", "/api/account", "/api/studies",
          "/api/requests")  # fmt: skip


def missing(app: FastAPI) -> APIRouter:
    """Return a router of the routes whose group the application does not have."""
    there = app.openapi()["paths"]
    lacking = tuple(group for group in GROUPS if not any(path.startswith(group) for path in there))
    chosen = APIRouter()
    chosen.routes.extend(route for route in router.routes if lacking and route.path.startswith(lacking))
    return chosen
