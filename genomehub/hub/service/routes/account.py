"""Oneself: who one is here, tokens, logins, invitations, what one may do with a data set."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access import sessions, studies
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.people import new_token, revoke_token, tokens
from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.service import cookies
from genomehub.hub.service.dependencies import HubDependency, PersonDependency, PrincipalDependency
from genomehub.hub.service.fields import Name, Number, Uuid
from genomehub.hub.service.problems import problems

router = APIRouter(tags=["access"])
#: How long a token may hold.
LONGEST_DAYS = 730


class WantedNotices(BaseModel, extra="forbid"):
    """E-mails that the hub sends to one. language : null for the hub's."""

    wanted: bool
    language: Literal["en", "fr"] | None = None


class HeldRole(BaseModel):
    """A role; project : of data sets, None for everywhere."""

    role: Role
    project: str | None


class Account(BaseModel):
    """Who one is here. csrf_token : for scripts of pages, with unsafe requests that a cookie comes with."""

    uuid: str
    name: str
    email: str | None
    roles: list[HeldRole]
    means: Literal["session", "token", "oidc", "passport", "link"]
    csrf_token: str | None
    notices: WantedNotices


@router.get("/api/account", responses=problems(401))
def account(hub: HubDependency, who: PersonDependency, request: Request) -> Account:
    """Tell who one is."""
    csrf = None
    if who.means == "session":
        csrf = cookies.csrf_token(hub, cookies.read(hub, request, "session"))
    with hub.database.read() as session:
        person = session.get_one(models.Person, who.person_id)
        return Account.model_validate(
            {
                "uuid": who.uuid,
                "name": who.name,
                "email": person.email,
                "roles": held_roles(session, person),
                "means": who.means,
                "csrf_token": csrf,
                "notices": _notices(person),
            }
        )


def _notices(person: models.Person) -> WantedNotices:
    return WantedNotices.model_validate(
        {"wanted": person.unsubscribed_at is None, "language": person.language}
    )


@router.put("/api/account/notices", responses=problems(401))
def change_notices(hub: HubDependency, who: PersonDependency, wanted: WantedNotices) -> WantedNotices:
    """Choose whether the hub writes e-mails to one, and in which language."""
    with hub.database.write() as session:
        person = session.get_one(models.Person, who.person_id)
        person.language = wanted.language
        person.unsubscribed_at = None if wanted.wanted else person.unsubscribed_at or hub.clock()
        return _notices(person)


def held_roles(session: Session, person: models.Person) -> list[HeldRole]:
    """Return a person's roles, by the names of projects."""
    numbers = [grant.project_id for grant in person.roles if grant.project_id is not None]
    project = models.Project
    rows = session.execute(select(project.id, project.name).where(project.id.in_(numbers)))
    names = {row.id: row.name for row in rows}
    held = [HeldRole(role=Role(one.role), project=names.get(one.project_id or 0)) for one in person.roles]
    return sorted(held, key=lambda one: (one.role, one.project or ""))


class Token(BaseModel):
    """A token, without its secret."""

    id: int
    label: str
    created_at: datetime
    expires_at: datetime | None


class WantedToken(BaseModel, extra="forbid"):
    """A token to be made."""

    label: Name
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS, description="how long it holds")] = 90


class NewToken(BaseModel):
    """A new token with its secret, which is told this once."""

    secret: str
    token: Token


@router.get("/api/account/tokens", responses=problems(401))
def list_tokens(hub: HubDependency, who: PersonDependency) -> list[Token]:
    """List one's tokens that hold."""
    with hub.database.read() as session:
        held = tokens(session, who.person_id or 0, hub.clock())
        return [Token.model_validate(one, from_attributes=True) for one in held]


@router.post("/api/account/tokens", status_code=201, responses=problems(401, 403, 409))
def make_token(
    hub: HubDependency, who: PersonDependency, wanted: WantedToken, response: Response
) -> NewToken:
    """Make a token. One that is made with a token ends with that one at the latest."""
    now = hub.clock()
    response.headers["Cache-Control"] = "no-store"
    with hub.database.write() as session:
        person = session.get_one(models.Person, who.person_id)
        ends = now + timedelta(days=wanted.days)
        if who.credential is not None and who.credential[0] == "token":
            parent = session.get_one(models.ApiToken, who.credential[1])
            ends = min(ends, parent.expires_at or ends)
        secret = new_token(session, person, wanted.label, now, ends)
        made = tokens(session, person.id, now)[0]
        hub.note(session, who, "token-make", token=made.id, label=wanted.label)
        return NewToken(secret=secret, token=Token.model_validate(made, from_attributes=True))


@router.delete("/api/account/tokens/{number}", status_code=204, responses=problems(401, 403, 404))
def delete_token(hub: HubDependency, who: PersonDependency, number: Number) -> None:
    """Revoke a token: it is worth nothing from now on, also for downloads that run."""
    with hub.database.write() as session:
        revoke_token(session, who.person_id or 0, number, hub.clock())
        hub.note(session, who, "token-revoke", token=number)


class Ended(BaseModel):
    """How many logins were ended."""

    n_sessions: int


@router.delete("/api/account/sessions", responses=problems(401, 403))
def end_sessions(hub: HubDependency, who: PersonDependency) -> Ended:
    """Log out everywhere."""
    with hub.database.write() as session:
        ended = sessions.end_all(session, who.person_id or 0, hub.clock())
        hub.note(session, who, "logout", n_sessions=ended)
        return Ended(n_sessions=ended)


class Invitation(BaseModel):
    """An invitation to a study."""

    uuid: str
    study: str
    expires_at: datetime


@router.get("/api/account/invitations", responses=problems(401))
def list_invitations(hub: HubDependency, who: PersonDependency) -> list[Invitation]:
    """List invitations to one's own e-mail address."""
    with hub.database.read() as session:
        person = session.get_one(models.Person, who.person_id)
        held = studies.open_invitations(session, hub.clock(), email=person.email) if person.email else []
        return [Invitation(uuid=one.uuid, study=one.study.title, expires_at=one.expires_at) for one in held]


class Joined(BaseModel):
    """The study that was joined."""

    study: str


@router.post("/api/account/invitations/{uuid}/accept", responses=problems(401, 403, 404))
def accept_invitation(hub: HubDependency, who: PersonDependency, uuid: Uuid) -> Joined:
    """Join the study of an invitation."""
    with hub.database.write() as session:
        person = session.get_one(models.Person, who.person_id)
        study = studies.accept(session, person, uuid, hub.clock())
        hub.note(session, who, "study-join", study=study.uuid)
        return Joined(study=study.uuid)


class Access(BaseModel):
    """What one may do with a data set. until : end of the permit; request : state of the newest request."""

    see: bool
    read: bool
    reason: Literal["role", "permit", "visa", "none"]
    permit: str | None = None
    until: datetime | None = None
    request: str | None = None


@router.get("/api/datasets/{uuid}/access", responses=problems(401, 404))
def access(hub: HubDependency, principal: PrincipalDependency, uuid: Uuid) -> Access:
    """Tell whether one may read a data set's files, why, and until when; or how far one's request is."""
    with hub.database.read() as session:
        dataset = session.scalar(select(models.Dataset).where(models.Dataset.uuid == uuid))
        gate = Gate(session, principal, hub.clock())
        gate.require(Action.SEE, dataset, uuid)
        assert dataset is not None
        decision = gate.decide(Action.READ, dataset)
        found = select(models.Permit.ends_at).where(models.Permit.uuid == decision.permit_uuid)
        return Access.model_validate(
            {
                "see": True,
                "read": decision.allowed,
                "reason": decision.reason,
                "permit": decision.permit_uuid,
                "until": session.scalar(found) if decision.permit_uuid else None,
                "request": _newest_request(session, principal, dataset),
            }
        )


def _newest_request(session: Session, principal: Principal, dataset: models.Dataset) -> str | None:
    request, about = models.AccessRequest, models.AccessRequestDataset
    found = (
        select(request.state)
        .join(about, about.request_id == request.id)
        .join(models.StudyMember, models.StudyMember.study_id == request.study_id)
        .where(about.dataset_id == dataset.id, models.StudyMember.person_id == principal.person_id)
        .order_by(request.id.desc())
    )
    return session.scalar(found.limit(1))
