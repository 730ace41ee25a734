"""Pages of the hub's staff: the event log for auditors, people and roles for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select

from genomehub.hub import models
from genomehub.hub.access import people as access_people
from genomehub.hub.access.audit import actions, events
from genomehub.hub.access.principals import Role
from genomehub.hub.pages import staff
from genomehub.hub.service.dependencies import HubDependency, require_role
from genomehub.hub.service.fields import Uuid, Word
from genomehub.hub.service.readers import PostedDependency, ReaderDependency, checked, go, one, page
from genomehub.hub.service.routes import audit as audit_routes
from genomehub.hub.service.routes import people as people_routes

pages = APIRouter()
Day = Annotated[str, Query(max_length=10)]
PER_PAGE = 50
MOST_PROJECTS = 1000


@pages.get("/audit")
def audit(
    hub: HubDependency,
    reader: ReaderDependency,
    action: Word = "",
    person: Word = "",
    dataset: Word = "",
    since: Day = "",
    until: Day = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """The event log, filtered."""
    require_role(reader.principal, Role.AUDITOR)
    wanted = staff.LogFilter(action, person, dataset, since, until)
    asked = wanted.asked(before)
    audit_routes.note_reading(hub, reader.principal, asked, "page")
    with hub.database.read() as session:
        lines = events(session, asked, PER_PAGE + 1)
        return page(
            reader, "audit.html", wanted=wanted, lines=lines[:PER_PAGE], actions=actions(session),
            more=len(lines) > PER_PAGE, before=before,
        )  # fmt: skip


@pages.get("/audit.csv")
def audit_csv(
    hub: HubDependency,
    reader: ReaderDependency,
    action: Word = "",
    person: Word = "",
    dataset: Word = "",
    since: Day = "",
    until: Day = "",
) -> Response:
    """The same as CSV."""
    require_role(reader.principal, Role.AUDITOR)
    asked = staff.LogFilter(action, person, dataset, since, until).asked()
    audit_routes.note_reading(hub, reader.principal, asked, "csv")
    return audit_routes.as_csv(hub, asked)


@pages.get("/audit/verify")
def verify(hub: HubDependency, reader: ReaderDependency) -> Response:
    """Whether the log is what was written; every event is read for it."""
    soundness = audit_routes.verify_log(hub, require_role(reader.principal, Role.AUDITOR))
    return page(reader, "audit_verify.html", soundness=soundness)


@pages.get("/people")
def people(
    hub: HubDependency,
    reader: ReaderDependency,
    q: Word = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    """People, found by name or address."""
    require_role(reader.principal, Role.ADMINISTRATOR)
    first = PER_PAGE * (number - 1)
    with hub.database.read() as session:
        found, total = access_people.search_people(session, q, PER_PAGE, first)
        names = {row.id: row.name for row in session.execute(select(models.Project.id, models.Project.name))}
        return page(
            reader,
            "people.html",
            people=found,
            more=total > first + PER_PAGE,
            q=q,
            number=number,
            names=names,
        )


@pages.get("/people/{uuid}")
def person(uuid: Uuid, hub: HubDependency, reader: ReaderDependency) -> Response:
    """One person: roles to give and to take."""
    found = people_routes.show_person(hub, reader.principal, uuid)
    with hub.database.read() as session:
        projects = session.scalars(
            select(models.Project.name).order_by(models.Project.name).limit(MOST_PROJECTS)
        ).all()
    return page(reader, "person.html", person=found, projects=projects)


@pages.post("/people/{uuid}/roles")
def change_role(
    uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Give a role, or take it away."""
    who = require_role(reader.principal, Role.ADMINISTRATOR)
    wanted = checked(
        people_routes.WantedRole, role=one(fields, "role"), project=one(fields, "project") or None
    )
    if one(fields, "change") == "give":
        people_routes.give_role(hub, who, uuid, wanted)
    else:
        people_routes.take_role(hub, who, uuid, wanted.role, wanted.project)
    return go(reader, f"/people/{uuid}")


@pages.post("/people/{uuid}/state")
def change_state(
    uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Keep a person out, or let them in again."""
    change = (
        people_routes.enable_person if one(fields, "change") == "enable" else people_routes.disable_person
    )
    change(hub, reader.principal, uuid)
    return go(reader, f"/people/{uuid}")
