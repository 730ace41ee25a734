"""Data in: resumable uploads by the tus protocol 1.0.0, registered when whole.

Core, and its extensions creation, checksum, termination and expiration. A piece is written to the disk as it
comes; nothing large is held in memory. The work behind it is in ``hub/intake``.
"""

import asyncio
import base64
import binascii
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Header, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from genomehub.errors import ConfigError, NotAuthenticatedError, TooLargeError
from genomehub.hub import models
from genomehub.hub.access.principals import Principal
from genomehub.hub.intake import completion
from genomehub.hub.intake.receiving import ChecksumError, Receiver
from genomehub.hub.intake.uploads import ALGORITHMS, LockedError, Uploads, Wish
from genomehub.hub.service.context import Hub
from genomehub.hub.service.dependencies import BoundsDependency, HubDependency, PrincipalDependency
from genomehub.hub.service.problems import problem, problems

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,termination,expiration"
_OCTETS = "application/offset+octet-stream"
#: Bytes that are gathered before they are written, and seconds after which a silent sender is given up.
_GATHERED, _SILENT_SECONDS = 1 << 20, 60
_METADATA_BYTES = 16_384


def uploads_of(hub: Hub) -> Uploads:
    """Return the room that keeps uploads."""
    return Uploads(hub.database, hub.settings, hub.clock)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Go on with what was being checked when the service was killed."""
    await run_in_threadpool(completion.resume, uploads_of(app.state.hub))
    yield


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return problems(401, 403, 404, *statuses)


router = APIRouter(prefix="/api/uploads", tags=["uploads"], lifespan=_lifespan)


class FileView(BaseModel):
    """A file of an upload."""

    id: str
    url: str = Field(description="where to send it: HEAD, PATCH, DELETE of tus")
    name: str
    kind: str
    size: int
    offset: int = Field(description="bytes that have come")
    sha256: str | None


class UploadView(BaseModel):
    """An upload: files for a new version of a data set."""

    id: str
    url: str
    project: str
    dataset: str
    state: Literal["open", "checking", "registered", "refused", "cancelled", "expired"]
    step: str | None = Field(description="what the hub does with it now")
    problems: list[str] = Field(description="why it was refused, or could not be stored")
    created: datetime
    expires: datetime | None
    files: list[FileView]
    outcome: str | None = Field(description="registered: a new version; unchanged: this content was there")
    entry: str | None = Field(description="identifier of the version that it became")
    dataset_id: str | None


class UploadPage(BaseModel):
    """A page of one's uploads, the newest first."""

    total: int
    uploads: list[UploadView]


class Completion(BaseModel):
    """What you say about the result; all of it may be left out."""

    model_config = ConfigDict(extra="forbid")

    samples: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default=[], max_length=100_000, description="names; by default those in the files"
    )
    sex: Literal["female", "male", "unknown"] | None = Field(default=None, description="of the only sample")
    reference: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_-]{32}$", description="digest; by default it is recognised"
    )
    title: str | None = Field(default=None, max_length=1000)
    description: str | None = Field(default=None, max_length=100_000)
    software: dict[str, Annotated[str, Field(max_length=200)]] = Field(
        default={}, max_length=100, description="name to version of what made it"
    )
    qc: dict[str, Any] | None = Field(default=None, description="JSON of genomehub qc, or any object")
    parents: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default=[], max_length=1000)
    other_names: bool = Field(default=False, description="the files rightly name the samples otherwise")
    correct_sex: bool = Field(default=False, description="the sex that is known of the sample was wrong")


def _view(uploads: Uploads, row: models.UploadSession) -> UploadView:
    base = uploads.settings.public_url.rstrip("/")
    url = f"{base}/api/uploads/{row.uuid}"
    files = [
        FileView(
            id=file.uuid, url=f"{url}/files/{file.uuid}", name=file.name, kind=file.kind,
            size=file.size_bytes, offset=uploads.offset(file), sha256=file.sha256,
        )
        for file in row.files
    ]  # fmt: skip
    state: Any = row.state
    if state in ("open", "refused") and row.expires_at <= uploads.clock():
        state = "expired"
    return UploadView(
        id=row.uuid, url=url, project=row.project, dataset=row.dataset, state=state,
        step=(row.progress or {}).get("step"), problems=row.problems or [], created=row.created_at,
        expires=row.expires_at if state in ("open", "refused") else None, files=files, outcome=row.outcome,
        entry=None if row.entry is None else row.entry.digest,
        dataset_id=None if row.entry is None else row.entry.dataset.uuid,
    )  # fmt: skip


SessionId = Annotated[str, Path(max_length=64)]
TusVersion = Annotated[str | None, Header(alias="Tus-Resumable")]


def _require_known(principal: Principal) -> None:
    if not principal.known:
        raise NotAuthenticatedError("log in, or send a token, to upload.")


def _require_tus(version: str | None) -> None:
    if version != VERSION:
        raise HTTPException(
            412, f"Tus-Resumable: {VERSION} is expected, not {str(version)[:20]!r}.", {"Tus-Version": VERSION}
        )


def _tus(**more: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Tus-Resumable": VERSION, "Cache-Control": "no-store", **named}


@router.options("", status_code=204)
def what_is_supported(hub: HubDependency) -> Response:
    """Tell which tus versions, extensions and checksums are known, and how large a file may be."""
    size = str(hub.settings.upload_max_bytes)
    return Response(
        status_code=204,
        headers=_tus(
            Tus_Version=VERSION, Tus_Extension=EXTENSIONS, Tus_Max_Size=size,
            Tus_Checksum_Algorithm=",".join(ALGORITHMS),
        ),
    )  # fmt: skip


@router.get("", responses=_errors())
def my_uploads(hub: HubDependency, principal: PrincipalDependency, bounds: BoundsDependency) -> UploadPage:
    """List one's own uploads."""
    _require_known(principal)
    uploads = uploads_of(hub)
    with hub.database.read() as session:
        mine = models.UploadSession.person_id == principal.person_id
        total = session.scalar(select(func.count()).select_from(models.UploadSession).where(mine)) or 0
        wanted = select(models.UploadSession).where(mine).order_by(models.UploadSession.id.desc())
        rows = session.scalars(wanted.limit(bounds.limit).offset(bounds.offset))
        return UploadPage(total=total, uploads=[_view(uploads, row) for row in rows])


@router.post("", status_code=201, response_class=Response, responses=_errors(409, 412, 413, 503))
def begin(
    hub: HubDependency,
    principal: PrincipalDependency,
    tus_resumable: TusVersion = None,
    upload_length: Annotated[str | None, Header(max_length=20)] = None,
    upload_metadata: Annotated[str, Header(max_length=_METADATA_BYTES)] = "",
) -> Response:
    """Begin the upload of a file (tus creation).

    Upload-Metadata holds `name` and `dataset` (name or identifier), and may hold `project`, `kind`, `sha256`
    and `upload` (identifier of an upload that it belongs to), each in Base64.
    """
    _require_known(principal)
    _require_tus(tus_resumable)
    wish = _wish(upload_length, upload_metadata)
    uploads = uploads_of(hub)
    with hub.database.write() as session:
        file = uploads.create(session, principal, wish)
        row = file.session
        hub.note(session, principal, "begin-upload", upload=row.uuid, size_bytes=file.size_bytes)
        location = f"{hub.settings.public_url.rstrip('/')}/api/uploads/{row.uuid}/files/{file.uuid}"
        headers = _tus(Location=location, Upload_Expires=_date(row.expires_at), Upload_Session=row.uuid)
    return Response(status_code=201, headers=headers)


def _wish(length: str | None, metadata: str) -> Wish:
    if length is None or not re.fullmatch(r"[0-9]{1,18}", length):
        raise ConfigError("Upload-Length: the size of the file in bytes is expected; it cannot be deferred.")
    told = _metadata(metadata)
    if lacking := [name for name in ("name", "dataset") if not told.get(name)]:
        raise ConfigError(f"Upload-Metadata: {lacking[0]} is lacking; name and dataset are expected.")
    known = {"name", "dataset", "project", "kind", "sha256", "upload"}
    more = {key: value for key, value in told.items() if key in known and value}
    session = more.pop("upload", None)
    return Wish(size_bytes=int(length), session=session, **more)


def _metadata(header: str) -> dict[str, str]:
    told = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            told[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError, ValueError) as error:
            raise ConfigError(
                f"Upload-Metadata: the value of {key[:40]!r} is not UTF-8 in Base64."
            ) from error
    return told


def _date(time: datetime) -> str:
    return format_datetime(time, usegmt=True)


@router.get("/{upload}", responses=_errors())
def show(hub: HubDependency, principal: PrincipalDependency, upload: SessionId) -> UploadView:
    """Tell what has come of an upload, and what became of it."""
    _require_known(principal)
    uploads = uploads_of(hub)
    with hub.database.read() as session:
        view = _view(uploads, uploads.find(session, principal, upload))
    if view.state == "checking":
        completion.start(uploads, view.id)  # in case the process that did it was killed
    return view


@router.delete("/{upload}", status_code=204, response_class=Response, responses=_errors(409))
def cancel(hub: HubDependency, principal: PrincipalDependency, upload: SessionId) -> Response:
    """End an upload; its files are removed."""
    _require_known(principal)
    uploads = uploads_of(hub)
    with hub.database.write() as session:
        row = uploads.find(session, principal, upload)
        uploads.cancel(session, row)
        hub.note(session, principal, "cancel-upload", upload=row.uuid)
    return Response(status_code=204, headers=_tus())


@router.post("/{upload}/complete", status_code=202, responses=_errors(409))
def complete(
    hub: HubDependency,
    principal: PrincipalDependency,
    upload: SessionId,
    said: Completion | None = None,
    wait: Annotated[float, Query(ge=0, le=60, description="seconds to wait for the outcome")] = 0,
) -> UploadView:
    """All files are sent: have them checked and registered. Ask again, or GET the upload, for the outcome."""
    _require_known(principal)
    uploads = uploads_of(hub)
    with hub.database.write() as session:
        row = uploads.find(session, principal, upload)
        completion.ask(uploads, session, row, (said or Completion()).model_dump(exclude_defaults=True))
        identifier = row.uuid
    completion.start(uploads, identifier)
    until = time.monotonic() + wait
    while True:
        with hub.database.read() as session:
            view = _view(uploads, uploads.find(session, principal, upload))
        if view.state != "checking" or time.monotonic() >= until:
            return view
        time.sleep(0.1)


@router.head("/{upload}/files/{file}", response_class=Response, responses=_errors(412))
def how_much(
    hub: HubDependency,
    principal: PrincipalDependency,
    upload: SessionId,
    file: SessionId,
    tus_resumable: TusVersion = None,
) -> Response:
    """Tell from which byte to go on (tus)."""
    _require_known(principal)
    _require_tus(tus_resumable)
    uploads = uploads_of(hub)
    with hub.database.read() as session:
        found = uploads.find_file(session, principal, upload, file)
        headers = _tus(
            Upload_Offset=str(uploads.offset(found)), Upload_Length=str(found.size_bytes),
            Upload_Expires=_date(found.session.expires_at),
        )  # fmt: skip
    return Response(headers=headers)


@router.delete(
    "/{upload}/files/{file}", status_code=204, response_class=Response, responses=_errors(409, 412)
)
def remove_file(
    hub: HubDependency,
    principal: PrincipalDependency,
    upload: SessionId,
    file: SessionId,
    tus_resumable: TusVersion = None,
) -> Response:
    """Take a file out of an upload (tus termination)."""
    _require_known(principal)
    _require_tus(tus_resumable)
    uploads = uploads_of(hub)
    try:
        with hub.database.write() as session:
            uploads.remove_file(session, uploads.find_file(session, principal, upload, file))
    except LockedError as error:
        raise HTTPException(423, str(error)) from error
    return Response(status_code=204, headers=_tus())


@router.patch(
    "/{upload}/files/{file}",
    status_code=204,
    max_body_size=2**63,  # settings.upload_max_bytes bounds the file; its bytes do not pass through memory
    response_class=Response,
    responses=_errors(409, 412, 413, 415, 423, 460, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {_OCTETS: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def take(
    request: Request,
    hub: HubDependency,
    principal: PrincipalDependency,
    upload: SessionId,
    file: SessionId,
    tus_resumable: TusVersion = None,
    upload_offset: Annotated[str | None, Header(max_length=20)] = None,
    upload_checksum: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Take the next piece of a file (tus). What has come when the connection breaks is kept."""
    _require_known(principal)
    _require_tus(tus_resumable)
    if request.headers.get("content-type") != _OCTETS:
        raise HTTPException(415, f"Content-Type: {_OCTETS} is expected.")
    if upload_offset is None or not re.fullmatch(r"[0-9]{1,18}", upload_offset):
        raise ConfigError("Upload-Offset: the number of bytes that have come is expected.")
    checksum = _checksum(upload_checksum)
    uploads = uploads_of(hub)

    def receiver() -> Receiver:
        with hub.database.write() as session:
            found = uploads.find_file(session, principal, upload, file)
            if found.session.state not in ("open", "refused"):
                raise HTTPException(409, f"this upload is {found.session.state}; nothing more is taken.")
            length = request.headers.get("content-length", "")
            if length.isdigit() and int(upload_offset) + int(length) > found.size_bytes:
                raise TooLargeError(f"{found.name}: {found.size_bytes} bytes were announced and more come.")
            taken = Receiver(uploads, found, int(upload_offset), checksum)
            found.session.expires_at = uploads.expiry()
            return taken

    try:
        taken = await run_in_threadpool(receiver)
    except LockedError as error:
        raise HTTPException(423, str(error), {"Retry-After": "2"}) from error
    try:
        whole = await _receive(request, taken)
        offset = await run_in_threadpool(taken.finish, whole=whole)
    except ChecksumError as error:
        answer = problem(460, str(error))
        answer.headers.update(_tus())
        return answer
    finally:
        taken.abandon()
    headers = _tus(Upload_Offset=str(offset), Upload_Expires=_date(uploads.expiry()))
    return Response(status_code=204, headers=headers)


async def _receive(request: Request, taken: Receiver) -> bool:
    """Write the body as it comes; return whether all of it came."""
    stream = aiter(request.stream())
    gathered: list[bytes] = []
    size = 0
    whole = False
    try:
        while True:
            chunk = await asyncio.wait_for(anext(stream), _SILENT_SECONDS)
            gathered.append(chunk)
            size += len(chunk)
            if size >= _GATHERED:
                data, gathered, size = b"".join(gathered), [], 0
                await run_in_threadpool(taken.write, data)
    except StopAsyncIteration:
        whole = True
    except (ClientDisconnect, TimeoutError):
        pass
    if gathered:
        await run_in_threadpool(taken.write, b"".join(gathered))
    return whole


def _checksum(header: str | None) -> tuple[str, bytes] | None:
    if header is None:
        return None
    algorithm, _, value = header.partition(" ")
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"Upload-Checksum: one of {', '.join(ALGORITHMS)} is expected.")
    try:
        return algorithm, base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError(
            "Upload-Checksum: the algorithm and the checksum in Base64 are expected."
        ) from error
