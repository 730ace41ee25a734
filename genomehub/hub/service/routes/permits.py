"""Permits: one's own, those one decides about, and the public register."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access import extensions, permits
from genomehub.hub.access.extensions import ExtensionState
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.permits import PermitState, RegisteredPermit
from genomehub.hub.service.dependencies import BoundsDependency, HubDependency, PersonDependency
from genomehub.hub.service.fields import Identifier, Moment, Reason, Uuid
from genomehub.hub.service.problems import problems

router = APIRouter(tags=["access"])


class Named(BaseModel):
    """A data set or a person."""

    uuid: str
    name: str


class PermitAnswer(BaseModel):
    """A permit. may_decide : whether one is a steward of any of its data sets."""

    uuid: str
    study: str
    study_title: str
    state: PermitState
    duo: list[str]
    conditions: str | None
    datasets: list[Named]
    people: list[Named]
    granted_at: datetime
    starts_at: datetime
    ends_at: datetime
    withdrawn_at: datetime | None
    withdrawal: str | None
    may_decide: bool


class PermitPage(BaseModel):
    """A page of permits."""

    total: int
    permits: list[PermitAnswer]


class Register(BaseModel):
    """A page of the public register."""

    total: int
    permits: list[RegisteredPermit]


def _permit(gate: Gate, permit: models.Permit, now: datetime) -> PermitAnswer:
    return PermitAnswer(
        uuid=permit.uuid,
        study=permit.study.uuid,
        study_title=permit.study.title,
        state=permits.state_of(permit, now),
        duo=permit.duo,
        conditions=permit.conditions,
        datasets=[Named(uuid=one.uuid, name=one.name) for one in permit.datasets],
        people=[Named(uuid=one.uuid, name=one.name) for one in permit.people],
        granted_at=permit.granted_at,
        starts_at=permit.starts_at,
        ends_at=permit.ends_at,
        withdrawn_at=permit.withdrawn_at,
        withdrawal=permit.withdrawal,
        may_decide=any(gate.decide(Action.DECIDE, one).allowed for one in permit.datasets),
    )


@router.get("/api/permits/register")
def show_register(hub: HubDependency, bounds: BoundsDependency) -> Register:
    """Show who may use which data sets for what: everybody may read this."""
    with hub.database.read() as session:
        page, total = permits.register(session, hub.clock(), bounds.limit, bounds.offset)
        return Register(total=total, permits=page)


@router.get("/api/permits", responses=problems(401))
def list_permits(hub: HubDependency, who: PersonDependency, bounds: BoundsDependency) -> PermitPage:
    """List the permits of one's studies and those that one decides about, the newest first."""
    with hub.database.read() as session:
        found, total = permits.permits_of(session, who, bounds.limit, bounds.offset)
        gate = Gate(session, who, hub.clock())
        return PermitPage(total=total, permits=[_permit(gate, one, hub.clock()) for one in found])


@router.get("/api/permits/{uuid}", responses=problems(401, 404))
def show_permit(hub: HubDependency, who: PersonDependency, uuid: Uuid) -> PermitAnswer:
    """Show a permit."""
    with hub.database.read() as session:
        gate = Gate(session, who, hub.clock())
        return _permit(gate, permits.find_permit(session, gate, uuid), hub.clock())


class WantedPerson(BaseModel, extra="forbid"):
    """A member of the study."""

    person: Identifier


@router.post("/api/permits/{uuid}/people", responses=problems(401, 403, 404, 409))
def add_person(hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: WantedPerson) -> PermitAnswer:
    """Let another member of the study use the data."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        permit = permits.find_permit(session, gate, uuid)
        permits.add_person(session, gate, permit, wanted.person, now)
        _note(hub, session, who, "permit-person-add", permit, person=wanted.person)
        return _permit(gate, permit, now)


@router.delete("/api/permits/{uuid}/people/{person}", responses=problems(401, 403, 404))
def remove_person(hub: HubDependency, who: PersonDependency, uuid: Uuid, person: Uuid) -> PermitAnswer:
    """Take a person out of a permit, at once."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        permit = permits.find_permit(session, gate, uuid)
        permits.remove_person(session, gate, permit, person)
        _note(hub, session, who, "permit-person-remove", permit, person=person)
        return _permit(gate, permit, now)


class Extension(BaseModel, extra="forbid"):
    """The permit's new end."""

    ends: Moment


@router.post("/api/permits/{uuid}/extend", responses=problems(401, 403, 404, 409))
def extend_permit(hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: Extension) -> PermitAnswer:
    """Let a permit end on another day, later or sooner."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        permit = permits.find_permit(session, gate, uuid)
        former = permit.ends_at
        permits.extend(session, gate, permit, wanted.ends, now)
        ends = {"former": former.isoformat(), "ends": permit.ends_at.isoformat()}
        _note(hub, session, who, "permit-extend", permit, **ends)
        hub.tell(session, who).permit_changed(permit)
        return _permit(gate, permit, now)


class Withdrawal(BaseModel, extra="forbid"):
    """Why a permit is withdrawn."""

    reason: Reason


@router.post("/api/permits/{uuid}/withdraw", responses=problems(401, 403, 404, 409))
def withdraw_permit(
    hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: Withdrawal
) -> PermitAnswer:
    """Withdraw a permit, at once: also signed links and downloads that run end."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        permit = permits.find_permit(session, gate, uuid)
        for dataset in permits.withdraw(session, gate, permit, wanted.reason, now):
            hub.note(session, who, "permit-withdraw", dataset, permit=uuid, reason=wanted.reason)
        hub.tell(session, who).permit_withdrawn(permit)
        return _permit(gate, permit, now)


# -------------------------------------------------------------------------------------------- extensions


class WantedExtension(BaseModel, extra="forbid"):
    """Until when a permit should hold, and why."""

    until: Moment
    reason: Reason


class ExtensionAnswer(BaseModel):
    """What a study asks for its permit. permit_ends : as it is now; ends : what was granted."""

    uuid: str
    permit: str
    study_title: str
    state: ExtensionState
    until: datetime
    reason: str
    permit_ends: datetime
    asked_at: datetime
    decided_at: datetime | None
    decision: str | None
    ends: datetime | None
    may_decide: bool


class ExtensionPage(BaseModel):
    """A page of extensions."""

    total: int
    extensions: list[ExtensionAnswer]


def _extension(gate: Gate, one: models.PermitExtension) -> ExtensionAnswer:
    return ExtensionAnswer(
        uuid=one.uuid,
        permit=one.permit.uuid,
        study_title=one.permit.study.title,
        state=ExtensionState(one.state),
        until=one.until,
        reason=one.reason,
        permit_ends=one.permit.ends_at,
        asked_at=one.asked_at,
        decided_at=one.decided_at,
        decision=one.decision,
        ends=one.ends_at,
        may_decide=bool(permits.decided_datasets(gate, one.permit)),
    )


@router.post("/api/permits/{uuid}/extensions", status_code=201, responses=problems(401, 403, 404, 409))
def ask_extension(
    hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: WantedExtension
) -> ExtensionAnswer:
    """Ask that a permit of one's study hold longer; its stewards decide."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        permit = permits.find_permit(session, gate, uuid)
        asked = extensions.ask(session, gate, permit, wanted.until, wanted.reason, now)
        _note(hub, session, who, "extension-ask", permit, extension=asked.uuid, until=asked.until.isoformat())
        hub.tell(session, who).extension_asked(asked)
        return _extension(gate, asked)


@router.get("/api/permits/{uuid}/extensions", responses=problems(401, 404))
def list_extensions(hub: HubDependency, who: PersonDependency, uuid: Uuid) -> list[ExtensionAnswer]:
    """List what was asked for a permit, the newest first."""
    with hub.database.read() as session:
        gate = Gate(session, who, hub.clock())
        permit = permits.find_permit(session, gate, uuid)
        return [_extension(gate, one) for one in extensions.of_permit(session, permit)]


@router.get("/api/extensions", responses=problems(401))
def list_waiting_extensions(
    hub: HubDependency, who: PersonDependency, bounds: BoundsDependency
) -> ExtensionPage:
    """List the extensions that wait for one's decision, those of permits that end first before others."""
    now = hub.clock()
    with hub.database.read() as session:
        gate = Gate(session, who, now)
        found, total = extensions.waiting(session, who, now, bounds.limit, bounds.offset)
        return ExtensionPage(total=total, extensions=[_extension(gate, one) for one in found])


class WantedAnswer(BaseModel, extra="forbid"):
    """A steward's decision. ends : if another day than was asked for."""

    granted: bool
    reason: Reason
    ends: Moment | None = None


@router.post("/api/extensions/{uuid}/decision", responses=problems(401, 403, 404, 409))
def decide_extension(
    hub: HubDependency, who: PersonDependency, uuid: Uuid, wanted: WantedAnswer
) -> ExtensionAnswer:
    """Grant an extension (as a steward of all the permit's data sets) or refuse it (of any of them)."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, who, now)
        one = extensions.find_extension(session, gate, uuid)
        former = one.permit.ends_at
        extensions.decide(
            session, gate, one, granted=wanted.granted, reason=wanted.reason, ends=wanted.ends, now=now
        )
        told = {"extension": uuid, "granted": str(wanted.granted).lower(), "reason": wanted.reason}
        if wanted.granted:
            told |= {"former": former.isoformat(), "ends": one.permit.ends_at.isoformat()}
        _note(hub, session, who, "extension-decide", one.permit, **told)
        hub.tell(session, who).extension_decided(one)
        return _extension(gate, one)


@router.post("/api/extensions/{uuid}/cancel", responses=problems(401, 403, 404, 409))
def cancel_extension(hub: HubDependency, who: PersonDependency, uuid: Uuid) -> ExtensionAnswer:
    """Take back what one's study asked."""
    with hub.database.write() as session:
        gate = Gate(session, who, hub.clock())
        one = extensions.find_extension(session, gate, uuid)
        extensions.cancel(session, gate, one)
        _note(hub, session, who, "extension-cancel", one.permit, extension=uuid)
        return _extension(gate, one)


def _note(
    hub: HubDependency,
    session: Session,
    who: PersonDependency,
    action: str,
    permit: models.Permit,
    **detail: str,
) -> None:
    for dataset in permit.datasets:
        hub.note(session, who, action, dataset, None, permit=permit.uuid, **detail)
