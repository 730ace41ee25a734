"""People and their roles, for administrators."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import ConflictError
from genomehub.hub import models
from genomehub.hub.access import people, sessions
from genomehub.hub.access.people import find_person, find_project
from genomehub.hub.access.principals import Role
from genomehub.hub.service.dependencies import (
    BoundsDependency,
    HubDependency,
    PrincipalDependency,
    require_role,
)
from genomehub.hub.service.fields import Email, Name, Uuid, Word
from genomehub.hub.service.problems import problems
from genomehub.hub.service.routes.account import HeldRole, held_roles

router = APIRouter(tags=["access"])


class PersonAnswer(BaseModel):
    """A person."""

    uuid: str
    name: str
    email: str | None
    roles: list[HeldRole]
    created_at: datetime
    disabled_at: datetime | None


class PeoplePage(BaseModel):
    """A page of people."""

    total: int
    people: list[PersonAnswer]


def _answer(session: Session, person: models.Person) -> PersonAnswer:
    return PersonAnswer(
        uuid=person.uuid, name=person.name, email=person.email, roles=held_roles(session, person),
        created_at=person.created_at, disabled_at=person.disabled_at,
    )  # fmt: skip


@router.get("/api/people", responses=problems(401, 403))
def list_people(
    hub: HubDependency,
    principal: PrincipalDependency,
    bounds: BoundsDependency,
    q: Word = "",
) -> PeoplePage:
    """List people, by words in their name or address."""
    require_role(principal, Role.ADMINISTRATOR)
    with hub.database.read() as session:
        found, total = people.search_people(session, q, bounds.limit, bounds.offset)
        return PeoplePage(total=total, people=[_answer(session, person) for person in found])


class NewPerson(BaseModel, extra="forbid"):
    """A person to be entered; they are linked with their login when the provider says this address."""

    name: Name
    email: Email


@router.post("/api/people", status_code=201, responses=problems(401, 403, 409))
def enter_person(hub: HubDependency, principal: PrincipalDependency, new: NewPerson) -> PersonAnswer:
    """Enter a person before their first login."""
    require_role(principal, Role.ADMINISTRATOR)
    with hub.database.write() as session:
        email = people.normal_email(new.email)
        if session.scalar(select(models.Person.id).where(models.Person.email == email).limit(1)) is not None:
            raise ConflictError(f"{email!r}: somebody of this address is here. Look at the list of people.")
        person = people.add_person(session, new.name, email, hub.clock())
        hub.note(session, principal, "person-add", person=person.uuid)
        return _answer(session, person)


@router.get("/api/people/{uuid}", responses=problems(401, 403, 404))
def show_person(hub: HubDependency, principal: PrincipalDependency, uuid: Uuid) -> PersonAnswer:
    """Show a person."""
    require_role(principal, Role.ADMINISTRATOR)
    with hub.database.read() as session:
        return _answer(session, find_person(session, uuid))


class WantedRole(BaseModel, extra="forbid"):
    """A role; project : of data sets, None for everywhere."""

    role: Role
    project: Name | None = None


@router.post("/api/people/{uuid}/roles", responses=problems(401, 403, 404))
def give_role(
    hub: HubDependency, principal: PrincipalDependency, uuid: Uuid, wanted: WantedRole
) -> PersonAnswer:
    """Give a role; harmless if it is there. It counts with the person's next request."""
    require_role(principal, Role.ADMINISTRATOR)
    with hub.database.write() as session:
        person, project = find_person(session, uuid), find_project(session, wanted.project)
        if people.grant_role(session, person, wanted.role, project):
            hub.note(session, principal, "role-grant", person=uuid, **wanted.model_dump(mode="json"))
        return _answer(session, person)


@router.delete("/api/people/{uuid}/roles/{role}", responses=problems(401, 403, 404, 409))
def take_role(
    hub: HubDependency,
    principal: PrincipalDependency,
    uuid: Uuid,
    role: Role,
    project: Word | None = None,
) -> PersonAnswer:
    """Take a role away; harmless if it is not there. The last administrator stays."""
    require_role(principal, Role.ADMINISTRATOR)
    with hub.database.write() as session:
        person = find_person(session, uuid)
        if people.revoke_role(session, person, role, find_project(session, project)):
            hub.note(session, principal, "role-revoke", person=uuid, role=role.value, project=project)
        return _answer(session, person)


@router.post("/api/people/{uuid}/disable", responses=problems(401, 403, 404, 409))
def disable_person(hub: HubDependency, principal: PrincipalDependency, uuid: Uuid) -> PersonAnswer:
    """Shut a person out at once: logins end, tokens and signed links are refused, downloads stop."""
    require_role(principal, Role.ADMINISTRATOR)
    with hub.database.write() as session:
        person = find_person(session, uuid)
        people.disable(session, person, hub.clock())
        sessions.end_all(session, person.id, hub.clock())
        hub.note(session, principal, "person-disable", person=uuid)
        return _answer(session, person)


@router.post("/api/people/{uuid}/enable", responses=problems(401, 403, 404))
def enable_person(hub: HubDependency, principal: PrincipalDependency, uuid: Uuid) -> PersonAnswer:
    """Let a person in again."""
    require_role(principal, Role.ADMINISTRATOR)
    with hub.database.write() as session:
        person = find_person(session, uuid)
        people.enable(session, person)
        hub.note(session, principal, "person-enable", person=uuid)
        return _answer(session, person)
