"""Is the service alive, can it work, and what is it doing: /health, /ready, /metrics."""

import hmac
import ipaddress
import logging
import os
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import text

from genomehub import __version__
from genomehub.errors import GenomehubError, NotAllowedError, NotAuthenticatedError, NotFoundError
from genomehub.hub.database import schema_version
from genomehub.hub.models import SCHEMA_VERSION
from genomehub.hub.service.context import Hub
from genomehub.hub.service.dependencies import HubDependency
from genomehub.hub.service.metrics import MEDIA_TYPE, exposition
from genomehub.hub.service.problems import problem, problems

router = APIRouter(tags=["service"])
_log = logging.getLogger("genomehub.hub")


class Health(BaseModel):
    """The service is alive."""

    status: Literal["ok"] = "ok"
    version: str = Field(description="of the program", examples=["0.5.0"])


class Ready(BaseModel):
    """What the service needs, and whether it is there."""

    status: Literal["ready"] = "ready"
    checks: dict[str, Literal["ok"]] = Field(examples=[{"database": "ok", "schema": "ok", "storage": "ok"}])


@router.get("/health", summary="Is the service alive?")
def health(hub: HubDependency) -> Health:
    """Answer if the service works and reaches its database; for a monitor that restarts it otherwise."""
    with hub.database.read() as session:
        session.execute(text("SELECT 1"))
    return Health(version=__version__)


@router.get("/ready", summary="Can the service work?", responses=problems(503), response_model=Ready)
def ready(hub: HubDependency) -> Ready | Response:
    """Answer 503 if the database, its schema or the storage is not as it should be; for a load balancer."""
    faults = _faults(hub)
    if faults:
        return problem(503, f"not ready: {', '.join(faults)}; its log says why.")
    return Ready(checks={"database": "ok", "schema": "ok", "storage": "ok"})


def _faults(hub: Hub) -> list[str]:
    try:
        with hub.database.read() as session:
            version = schema_version(session.connection())
    except GenomehubError as error:
        _log.error("not ready: %s", error)
        return ["database"]
    faults = []
    if version != SCHEMA_VERSION:
        _log.error("not ready: the catalogue has schema %s, this program needs %s", version, SCHEMA_VERSION)
        faults.append("schema")
    storage = hub.settings.storage
    if storage is not None and "://" not in storage and not _writable(Path(storage)):
        _log.error("not ready: the storage %s cannot be written", storage)
        faults.append("storage")
    return faults


def _writable(folder: Path) -> bool:
    """Tell whether a folder, or the nearest one above that is there, can be written."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


@router.get(
    "/metrics", summary="Counts for Prometheus", response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401, 403, 404)},
)  # fmt: skip
def metrics(request: Request, hub: HubDependency) -> Response:
    """Requests, times, bytes, open downloads, the database's connections, sizes of the catalogue.

    Who may read them is the setting `metrics`: this machine, or who sends `metrics_token` as a bearer token.
    """
    _require_monitor(request, hub)
    return Response(exposition(request.app.state.sizes), media_type=MEDIA_TYPE)


def _require_monitor(request: Request, hub: Hub) -> None:
    settings = hub.settings
    if settings.metrics == "off":
        raise NotFoundError("metrics are switched off.")
    if settings.metrics == "loopback":
        # A proxy on this machine that does not pass on whom it asks for would open them to the world.
        passed_on = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
        if passed_on or not _is_loopback(request.client.host if request.client else ""):
            raise NotAllowedError("metrics are for this machine only; see the setting metrics.")
        return
    given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
    wanted = settings.metrics_token.get_secret_value().encode() if settings.metrics_token else b""
    if not wanted or not hmac.compare_digest(given, wanted):
        raise NotAuthenticatedError("metrics need the token of the setting metrics_token.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
