"""The event log, for auditors."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from genomehub.hub.access.audit import EventLine, Filter, Soundness, events
from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.service.context import Hub
from genomehub.hub.service.dependencies import (
    BoundsDependency,
    HubDependency,
    PrincipalDependency,
    require_role,
)
from genomehub.hub.service.fields import Moment, Word
from genomehub.hub.service.problems import problems

router = APIRouter(tags=["audit"])
#: Events that are read at a time for CSV.
CSV_PAGE = 1000
COLUMNS = ("id", "time", "actor", "name", "action", "dataset", "dataset_name", "detail")


class EventPage(BaseModel):
    """A page of events, the newest first. next : ``before`` of the next page, None at the end."""

    events: list[EventLine]
    next: int | None


@router.get(
    "/api/audit",
    response_model=EventPage,
    responses={200: {"content": {"text/csv": {}}}, **problems(401, 403)},
)
def read_log(
    hub: HubDependency,
    principal: PrincipalDependency,
    bounds: BoundsDependency,
    actor: Word | None = None,
    action: Word | None = None,
    dataset: Word | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    format: Literal["json", "csv"] = "json",
) -> EventPage | Response:
    """Read who did what and when. With ``format=csv`` all events that were asked for, not a page."""
    require_role(principal, Role.AUDITOR)
    wanted = Filter(actor, action, dataset, since, until, before)
    note_reading(hub, principal, wanted, format)
    if format == "csv":
        return as_csv(hub, wanted)
    with hub.database.read() as session:
        found = events(session, wanted, bounds.limit)
    return EventPage(events=found, next=found[-1].id if len(found) == bounds.limit else None)


def note_reading(hub: Hub, principal: Principal, wanted: Filter, format: str) -> None:
    """Note that an auditor reads the log, and which part of it."""
    hub.desk.journal.record(
        principal, "audit-read", format=format,
        filter={name: str(value) for name, value in vars(wanted).items() if value is not None},
    )  # fmt: skip


def as_csv(hub: Hub, wanted: Filter) -> StreamingResponse:
    """Answer with all events that were asked for."""
    headers = {"Content-Disposition": 'attachment; filename="events.csv"'}
    return StreamingResponse(_csv(hub, wanted), media_type="text/csv", headers=headers)


def _csv(hub: Hub, wanted: Filter) -> Iterator[str]:
    """Yield all events, a page of the database at a time: a slow reader holds up nobody who writes."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    while True:
        with hub.database.read() as session:
            page = events(session, wanted, CSV_PAGE)
        for event in page:
            row = event.model_dump(mode="json") | {"detail": json.dumps(event.detail, ensure_ascii=False)}
            writer.writerow([_harmless(row[column]) for column in COLUMNS])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        if len(page) < CSV_PAGE:
            return
        wanted = dataclasses.replace(wanted, before=page[-1].id)


def _harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: names come from outside.

    >>> _harmless("=1+1"), _harmless("Ada")
    ("'=1+1", 'Ada')
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


class Head(BaseModel):
    """The log's head, signed; keep it, and send it back to ``verify`` to see that nothing was cut off."""

    seal: str


@router.get("/api/audit/head", responses=problems(401, 403))
def show_head(hub: HubDependency, principal: PrincipalDependency) -> Head:
    """Get the log's head, signed by the hub."""
    require_role(principal, Role.AUDITOR)
    with hub.database.read() as session:
        return Head(seal=hub.desk.seals.head(session, hub.clock()))


@router.get("/api/audit/verify", responses=problems(401, 403))
def verify_log(
    hub: HubDependency,
    principal: PrincipalDependency,
    seal: Annotated[list[Annotated[str, Field(max_length=2000)]], Query(max_length=10)] = [],  # noqa: B006
) -> Soundness:
    """Check that the log is what was written: the chain, the service's seals, and seals that one has kept."""
    require_role(principal, Role.AUDITOR)
    with hub.database.read() as session:
        return hub.desk.seals.verify(session, seal)
