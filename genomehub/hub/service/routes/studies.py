"""Studies and their requests for data sets."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access import duo, requests, studies
from genomehub.hub.access.audit import EventLine, study_events
from genomehub.hub.access.duo import Code, Use
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Principal
from genomehub.hub.access.requests import DecisionClock, Ruling, State, Wish
from genomehub.hub.service.context import Hub
from genomehub.hub.service.dependencies import (
    BoundsDependency,
    HubDependency,
    PersonDependency,
    PrincipalDependency,
)
from genomehub.hub.service.fields import Identifier, LongText, Moment, Name, Reason, Title, Uuid
from genomehub.hub.service.problems import problems

router = APIRouter(tags=["access"])
Uuids = Annotated[list[Identifier], Field(max_length=200)]
Before = Annotated[int | None, Query(ge=1, le=2**62)]


class Member(BaseModel):
    """A member of a study."""

    uuid: str
    name: str
    lead: bool


class StudyAnswer(BaseModel):
    """A study; invited : addresses that may still accept."""

    uuid: str
    title: str
    summary: str
    created_at: datetime
    members: list[Member]
    invited: list[str]


class StudyPage(BaseModel):
    """A page of studies."""

    total: int
    studies: list[StudyAnswer]


class WantedStudy(BaseModel, extra="forbid"):
    """A study: what it is called and what it wants to find out. The title stands in the public register."""

    title: Title
    summary: LongText = ""


def _study(session: Session, study: models.Study, now: datetime) -> StudyAnswer:
    members = [
        Member(uuid=one.person.uuid, name=one.person.name, lead=one.lead)
        for one in sorted(study.members, key=lambda member: (not member.lead, member.person.name))
    ]
    invited = [one.email for one in studies.open_invitations(session, now, study_id=study.id)]
    return StudyAnswer(
        uuid=study.uuid, title=study.title, summary=study.summary, created_at=study.created_at,
        members=members, invited=invited,
    )  # fmt: skip


@router.post("/api/studies", status_code=201, responses=problems(401, 403, 409))
def make_study(hub: HubDependency, who: PersonDependency, wanted: WantedStudy) -> StudyAnswer:
    """Make a study; who makes it leads it."""
    with hub.database.write() as session:
        study = studies.make_study(session, who.person_id or 0, wanted.title, wanted.summary, hub.clock())
        hub.note(session, who, "study-make", study=study.uuid)
        return _study(session, study, hub.clock())


@router.get("/api/studies", responses=problems(401))
def list_studies(hub: HubDependency, who: PersonDependency, bounds: BoundsDependency) -> StudyPage:
    """List one's studies, the newest first."""
    with hub.database.read() as session:
        found, total = studies.studies_of(session, who.person_id or 0, bounds.limit, bounds.offset)
        return StudyPage(total=total, studies=[_study(session, study, hub.clock()) for study in found])


@router.get("/api/studies/{uuid}", responses=problems(401, 404))
def show_study(hub: HubDependency, who: PersonDependency, uuid: Uuid) -> StudyAnswer:
    """Show a study of one's own."""
    with hub.database.read() as session:
        return _study(session, studies.find_study(session, who, uuid), hub.clock())


@router.put("/api/studies/{uuid}", responses=problems(401, 403, 404))
def change_study(hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: WantedStudy) -> StudyAnswer:
    """Change a study's title and summary."""
    with hub.database.write() as session:
        study = studies.find_study(session, who, uuid)
        studies.require_lead(study, who)
        hub.note(session, who, "study-change", study=uuid, former_title=study.title)
        study.title, study.summary = wanted.title, wanted.summary
        return _study(session, study, hub.clock())


class WantedInvitation(BaseModel, extra="forbid"):
    """An address to be invited."""

    email: Name


@router.post("/api/studies/{uuid}/invitations", status_code=201, responses=problems(401, 403, 404, 409, 429))
def invite(hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: WantedInvitation) -> StudyAnswer:
    """Invite an e-mail address. Whether somebody of it is here is not told.

    Its owner gets an e-mail, if the hub sends any, and finds the invitation when they log in with that
    address. Somebody whom the hub does not know is told neither the study nor who invites, and is written to
    once in 30 days at most. A person invites at most 50 addresses in a day.
    """
    with hub.database.write() as session:
        study = studies.find_study(session, who, uuid)
        studies.require_lead(study, who)
        made = studies.invite(session, study, wanted.email, who.person_id or 0, hub.clock())
        hub.note(session, who, "study-invite", study=uuid, invitation=made.uuid)
        hub.tell(session, who).study_invited(made)
        return _study(session, study, hub.clock())


@router.delete("/api/studies/{uuid}/members/{member}", responses=problems(401, 403, 404, 409))
def remove_member(hub: HubDependency, who: PersonDependency, uuid: Uuid, member: Uuid) -> StudyAnswer:
    """Take a member out of the study and all its permits, at once; members may leave by themselves."""
    with hub.database.write() as session:
        study = studies.find_study(session, who, uuid)
        if member != who.uuid:
            studies.require_lead(study, who)
        studies.leave(session, study, member)
        hub.note(session, who, "study-leave", study=uuid, person=member)
        return _study(session, study, hub.clock())


@router.post("/api/studies/{uuid}/members/{member}/lead", responses=problems(401, 403, 404))
def make_lead(hub: HubDependency, who: PersonDependency, uuid: Uuid, member: Uuid) -> StudyAnswer:
    """Let another member lead the study, too."""
    with hub.database.write() as session:
        study = studies.find_study(session, who, uuid)
        studies.require_lead(study, who)
        studies.make_lead(session, study, member)
        hub.note(session, who, "study-lead", study=uuid, person=member)
        return _study(session, study, hub.clock())


@router.get("/api/studies/{uuid}/accesses", responses=problems(401, 404))
def list_accesses(
    hub: HubDependency, who: PersonDependency, uuid: Uuid, bounds: BoundsDependency, before: Before = None
) -> list[EventLine]:
    """List who accessed what under the study's permits, the newest first; then ``before`` the last id."""
    with hub.database.read() as session:
        return study_events(session, studies.find_study(session, who, uuid), bounds.limit, before)


# ---------------------------------------------------------------------------------------------- requests


class WantedRequest(BaseModel, extra="forbid"):
    """A request. purpose : in words, for the steward and the public register; people : of the study."""

    purpose: Reason
    duo: Annotated[list[Code], Field(max_length=30)] = []
    use: Use = Use()
    datasets: Uuids
    people: Uuids
    until: Moment

    def wish(self) -> Wish:
        return Wish(**{name: getattr(self, name) for name in type(self).model_fields})


class Requested(BaseModel):
    """A data set of a request; granted, reason : None until its steward decides."""

    uuid: str
    name: str | None
    granted: bool | None = None
    reason: str | None = None


class RequestAnswer(BaseModel):
    """A request. may_decide : whether one is a steward of any of its data sets; steps : that may follow."""

    uuid: str
    study: str
    study_title: str
    state: State
    purpose: str
    duo: list[str]
    use: Use
    datasets: list[Requested]
    people: list[Member]
    until: datetime
    created_at: datetime
    decision: str | None
    clock: DecisionClock | None
    may_decide: bool
    steps: list[requests.Step]


class RequestPage(BaseModel):
    """A page of requests."""

    total: int
    requests: list[RequestAnswer]


def _request(session: Session, gate: Gate, request: models.AccessRequest, now: datetime) -> RequestAnswer:
    decided = requests.verdicts(session, request)
    asked = [
        Requested(
            uuid=one.uuid,
            name=one.name if gate.decide(Action.SEE, one).allowed else None,
            granted=decided[one.id].granted if one.id in decided else None,
            reason=decided[one.id].reason if one.id in decided else None,
        )
        for one in request.datasets
    ]
    leads = {member.person_id for member in request.study.members if member.lead}
    return RequestAnswer(
        uuid=request.uuid,
        study=request.study.uuid,
        study_title=request.study.title,
        state=State(request.state),
        purpose=request.purpose,
        duo=request.duo,
        use=Use.model_validate(request.statement or {}),
        datasets=asked,
        people=[Member(uuid=one.uuid, name=one.name, lead=one.id in leads) for one in request.people],
        until=request.until,
        created_at=request.created_at,
        decision=request.decision,
        clock=requests.decision_clock(session, request, now),
        may_decide=bool(requests.decides(gate, request)),
        steps=sorted(taken for state, taken in requests.TRANSITIONS if state == request.state),
    )


@router.post("/api/studies/{uuid}/requests", status_code=201, responses=problems(401, 403, 404))
def draft_request(
    hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: WantedRequest
) -> RequestAnswer:
    """Write a request for data sets; it is a draft until it is submitted."""
    now = hub.clock()
    with hub.database.write() as session:
        study = studies.find_study(session, who, uuid)
        studies.require_lead(study, who)
        gate = Gate(session, who, now)
        request = requests.draft(session, gate, study, wanted.wish(), now)
        hub.note(session, who, "request-draft", request=request.uuid, study=uuid)
        return _request(session, gate, request, now)


@router.get("/api/requests", responses=problems(401))
def list_requests(
    hub: HubDependency, who: PersonDependency, bounds: BoundsDependency, inbox: bool = False
) -> RequestPage:
    """List the requests of one's studies; with ``inbox`` those that wait for one's decision, oldest first."""
    with hub.database.read() as session:
        found, total = requests.requests_of(
            session, who, inbox=inbox, limit=bounds.limit, offset=bounds.offset
        )
        gate = Gate(session, who, hub.clock())
        answers = [_request(session, gate, one, hub.clock()) for one in found]
        return RequestPage(total=total, requests=answers)


@router.get("/api/requests/{uuid}", responses=problems(401, 404))
def show_request(hub: HubDependency, who: PersonDependency, uuid: Uuid) -> RequestAnswer:
    """Show a request of one's own study, or one that one decides about."""
    with hub.database.read() as session:
        gate = Gate(session, who, hub.clock())
        return _request(session, gate, requests.find_request(session, gate, uuid), hub.clock())


@router.put("/api/requests/{uuid}", responses=problems(401, 403, 404, 409))
def change_request(
    hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: WantedRequest
) -> RequestAnswer:
    """Change a request that is a draft, or was returned."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        request = requests.find_request(session, gate, uuid)
        studies.require_lead(request.study, who)
        requests.edit(session, gate, request, wanted.wish(), now)
        hub.note(session, who, "request-change", request=uuid)
        return _request(session, gate, request, now)


@router.post("/api/requests/{uuid}/submit", responses=problems(401, 403, 404, 409))
def submit_request(hub: HubDependency, who: PersonDependency, uuid: Uuid) -> RequestAnswer:
    """Hand a request to the stewards of its data sets."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        request = requests.find_request(session, gate, uuid)
        studies.require_lead(request.study, who)
        requests.submit(session, request, now)
        for dataset in request.datasets:
            hub.note(session, who, "request-submit", dataset, request=uuid)
        hub.tell(session, who).request_submitted(request)
        return _request(session, gate, request, now)


@router.post("/api/requests/{uuid}/cancel", responses=problems(401, 403, 404, 409))
def cancel_request(hub: HubDependency, who: PersonDependency, uuid: Uuid) -> RequestAnswer:
    """Give a request up."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        request = requests.find_request(session, gate, uuid)
        studies.require_lead(request.study, who)
        requests.cancel(request)
        hub.note(session, who, "request-cancel", request=uuid)
        return _request(session, gate, request, now)


class Returned(BaseModel, extra="forbid"):
    """What a steward asks."""

    question: Reason


@router.post("/api/requests/{uuid}/return", responses=problems(401, 403, 404, 409))
def return_request(hub: HubDependency, who: PersonDependency, uuid: Uuid, asked: Returned) -> RequestAnswer:
    """Return a request with a question; the clock stops until it is submitted again."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        request = requests.find_request(session, gate, uuid)
        requests.give_back(request, gate, asked.question, now)
        hub.note(session, who, "request-return", request=uuid, question=asked.question)
        hub.tell(session, who).request_returned(request)
        return _request(session, gate, request, now)


class WantedRuling(BaseModel, extra="forbid"):
    """A decision. datasets : uuids, None for all that one decides about; starts, ends : of the permit."""

    granted: bool
    reason: Reason
    conditions: LongText = ""
    datasets: Uuids | None = None
    starts: Moment | None = None
    ends: Moment | None = None


class Decided(BaseModel):
    """The request after a decision, and the permit if it was the last that was missing."""

    request: RequestAnswer
    permit: str | None


@router.post("/api/requests/{uuid}/decision", responses=problems(401, 403, 404, 409))
def decide_request(hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: WantedRuling) -> Decided:
    """Grant or refuse the data sets that one is steward of."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        request = requests.find_request(session, gate, uuid)
        advice = requests.matches(session, request, now, hub.diseases)
        ruling = Ruling(**wanted.model_dump())
        decided, permit = requests.decide(session, gate, request, ruling, now)
        for dataset in decided:
            hub.note(
                session, who, "request-decide", dataset, request=uuid, granted=wanted.granted,
                reason=wanted.reason, match=advice[dataset.uuid].answer.value,
            )  # fmt: skip
        if permit is not None:
            for dataset in permit.datasets:
                hub.note(session, who, "permit-grant", dataset, permit=permit.uuid, request=uuid)
        if request.state != State.SUBMITTED:
            hub.tell(session, who).request_decided(request)
        answer = _request(session, gate, request, now)
        return Decided(request=answer, permit=None if permit is None else permit.uuid)


@router.get("/api/requests/{uuid}/match", responses=problems(401, 404))
def match_request(hub: HubDependency, who: PersonDependency, uuid: Uuid) -> dict[str, duo.Match]:
    """Compare a request with what its data sets may be used for (DUO), code by code; a human decides."""
    with hub.database.read() as session:
        gate = Gate(session, who, hub.clock())
        request = requests.find_request(session, gate, uuid)
        return requests.matches(session, request, hub.clock(), hub.diseases)


# ------------------------------------------------------------------------------------------- DUO, terms


class DuoCode(BaseModel):
    """A code of the Data Use Ontology."""

    code: str
    shorthand: str
    label: str
    permission: bool


@router.get("/api/duo")
def list_duo() -> list[DuoCode]:
    """List the codes of the Data Use Ontology."""
    return [
        DuoCode(code=f"DUO:{code}", shorthand=short, label=label, permission=short in duo.PERMISSIONS)
        for code, (short, label) in duo.CODES.items()
    ]


@router.get("/api/datasets/{uuid}/terms", responses=problems(401, 404))
def show_terms(hub: HubDependency, principal: PrincipalDependency, uuid: Uuid) -> duo.Terms:
    """Show what the DUO codes of a data set leave open: diseases, countries, months and so on."""
    with hub.database.read() as session:
        dataset = session.scalar(select(models.Dataset).where(models.Dataset.uuid == uuid))
        Gate(session, principal, hub.clock()).require(Action.SEE, dataset, uuid)
        assert dataset is not None
        terms = requests.terms_of(session, dataset)
        if not Gate(session, principal, hub.clock()).decide(Action.DESCRIBE, dataset).allowed:
            terms.people = []  # addresses
        return terms


@router.put("/api/datasets/{uuid}/terms", responses=problems(401, 403, 404))
def change_terms(
    hub: HubDependency, principal: PrincipalDependency, uuid: Uuid, wanted: duo.Terms
) -> duo.Terms:
    """Write the terms of a data set."""
    with hub.database.write() as session:
        return write_terms(hub, session, principal, uuid, wanted)


def write_terms(hub: Hub, session: Session, principal: Principal, uuid: str, wanted: duo.Terms) -> duo.Terms:
    """Write the terms of a data set, and what they were before into the log."""
    dataset = session.scalar(select(models.Dataset).where(models.Dataset.uuid == uuid))
    Gate(session, principal, hub.clock()).require(Action.DESCRIBE, dataset, uuid)
    assert dataset is not None
    former = requests.terms_of(session, dataset)
    requests.write_terms(session, dataset, wanted, principal.person_id, hub.clock())
    hub.note(session, principal, "terms", dataset, former=_told(former), terms=_told(wanted))
    return wanted


def _told(terms: duo.Terms) -> dict[str, Any]:
    """Return terms as the log keeps them for ever: people are counted, their addresses are not written."""
    told: dict[str, Any] = terms.model_dump(mode="json", exclude_defaults=True)
    return told | ({"people": len(terms.people)} if terms.people else {})
