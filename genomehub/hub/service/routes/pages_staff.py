"""Pages of the hub's staff: the event log for auditors, people and roles for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from genomehub.hub.access.principals import Role
from genomehub.hub.pages import staff
from genomehub.hub.service.dependencies import HubDependency, require_role
from genomehub.hub.service.readers import PostedDependency, ReaderDependency, go, one, page

pages = APIRouter()
Text = Annotated[str, Query(max_length=200)]
Day = Annotated[str, Query(max_length=10)]


@pages.get("/audit")
def audit(
    hub: HubDependency,
    reader: ReaderDependency,
    action: Text = "",
    person: Text = "",
    dataset: Text = "",
    since: Day = "",
    until: Day = "",
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The event log, filtered."""
    require_role(reader.principal, Role.AUDITOR)
    wanted = staff.LogFilter(action, person, dataset, since, until)
    with hub.database.read() as session:
        lines = list(staff.log(session, wanted, before, staff.PER_PAGE + 1))
        return page(
            reader, "audit.html", wanted=wanted, lines=lines[: staff.PER_PAGE],
            actions=staff.actions(session), more=len(lines) > staff.PER_PAGE, before=before,
        )  # fmt: skip


@pages.get("/audit.csv")
def audit_csv(
    hub: HubDependency,
    reader: ReaderDependency,
    action: Text = "",
    person: Text = "",
    dataset: Text = "",
    since: Day = "",
    until: Day = "",
) -> Response:
    """The same as CSV; that it was taken is logged."""
    require_role(reader.principal, Role.AUDITOR)
    wanted = staff.LogFilter(action, person, dataset, since, until)
    with hub.database.write() as session:
        rows = list(staff.log_csv(session, wanted))
        hub.note(session, reader.principal, "export-log", rows=len(rows) - 1)
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(iter(rows), media_type="text/csv; charset=utf-8", headers=headers)


@pages.get("/people")
def people(
    hub: HubDependency,
    reader: ReaderDependency,
    q: Text = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    """People, found by name or address."""
    require_role(reader.principal, Role.ADMINISTRATOR)
    with hub.database.read() as session:
        found = staff.people(session, q, number)
        names = {project.id: project.name for project in staff.projects(session)}
        return page(
            reader, "people.html", people=found[: staff.PER_PAGE], more=len(found) > staff.PER_PAGE, q=q,
            number=number, names=names,
        )  # fmt: skip


@pages.get("/people/{uuid}")
def person(uuid: str, hub: HubDependency, reader: ReaderDependency) -> Response:
    """One person: roles to give and to take."""
    require_role(reader.principal, Role.ADMINISTRATOR)
    with hub.database.read() as session:
        found = staff.person_of(session, uuid)
        projects = staff.projects(session)
        names = {project.id: project.name for project in projects}
        return page(reader, "person.html", person=found, projects=projects, names=names)


@pages.post("/people/{uuid}/roles")
def change_role(
    uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Give a role, or take it away."""
    require_role(reader.principal, Role.ADMINISTRATOR)
    role, project, give = (
        one(fields, "role", 20),
        one(fields, "project", 200),
        one(fields, "change") == "give",
    )
    with hub.database.write() as session:
        found = staff.person_of(session, uuid)
        staff.change_role(session, found, role, project, give=give)
        action = "grant-role" if give else "revoke-role"
        hub.note(session, reader.principal, action, person=uuid, role=role, project=project)
    return go(reader, f"/people/{uuid}")


@pages.post("/people/{uuid}/state")
def change_state(
    uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Keep a person out, or let them in again."""
    require_role(reader.principal, Role.ADMINISTRATOR)
    enabled = one(fields, "change") == "enable"
    with hub.database.write() as session:
        found = staff.person_of(session, uuid)
        staff.set_enabled(found, reader.principal, hub.clock(), enabled=enabled)
        hub.note(session, reader.principal, "enable-person" if enabled else "disable-person", person=uuid)
    return go(reader, f"/people/{uuid}")
