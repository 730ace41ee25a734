"""Permits after they were granted: looked at, amended, extended, withdrawn; the public register.

Whatever changes here counts with the next question to the gate, and for downloads that run (``watch``).
"""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session, selectinload

from genomehub.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.access.requests import LONGEST, documents, is_member


class PermitState(enum.StrEnum):
    """Of a permit, at a time."""

    FUTURE = "not yet begun"
    VALID = "valid"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


def state_of(permit: models.Permit, now: datetime) -> PermitState:
    """Return a permit's state."""
    if permit.withdrawn_at is not None:
        return PermitState.WITHDRAWN
    if permit.ends_at <= now:
        return PermitState.EXPIRED
    return PermitState.FUTURE if permit.starts_at > now else PermitState.VALID


def find_permit(session: Session, gate: Gate, permit_uuid: str) -> models.Permit:
    """Return a permit of one's own study, or of data sets that one decides about.

    Raises
    ------
    NotFoundError
        There is none, or it is others': which of these is not told.
    """
    permit = session.scalar(select(models.Permit).where(models.Permit.uuid == permit_uuid))
    if permit is None or not (is_member(permit.study, gate.principal) or decided_datasets(gate, permit)):
        raise NotFoundError(f"{permit_uuid[:80]!r}: you see no such permit. Look at your studies.")
    return permit


def permits_of(
    session: Session,
    principal: Principal,
    limit: int,
    offset: int,
    *,
    decided: bool = True,
    study: models.Study | None = None,
) -> tuple[Sequence[models.Permit], int]:
    """Return the permits of one's studies (or of one of them), the newest first.

    decided : also those of data sets that one decides about
    """
    permit = models.Permit
    mine = select(models.StudyMember.study_id).where(models.StudyMember.person_id == principal.person_id)
    own = permit.study_id.in_(mine)
    found = select(permit).where(or_(own, permit.id.in_(about_mine(principal))) if decided else own)
    if study is not None:
        found = found.where(permit.study_id == study.id)
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    return session.scalars(found.order_by(permit.id.desc()).limit(limit).offset(offset)).all(), total


def ending(
    session: Session,
    principal: Principal,
    now: datetime,
    days: Sequence[int],
    study: models.Study | None = None,
) -> Sequence[models.Permit]:
    """Return permits of one's studies (or of one of them) that end within the most of so many days."""
    permit = models.Permit
    mine = select(models.StudyMember.study_id).where(models.StudyMember.person_id == principal.person_id)
    found = select(permit).where(
        permit.study_id.in_(mine),
        permit.withdrawn_at.is_(None),
        permit.starts_at <= now,
        permit.ends_at > now,
        permit.ends_at <= now + timedelta(days=max(days, default=0)),
    )
    if study is not None:
        found = found.where(permit.study_id == study.id)
    return session.scalars(found.order_by(permit.ends_at, permit.id).limit(50)).all()


def about_mine(principal: Principal) -> Select[tuple[int]]:
    """Select numbers of permits about data sets that the principal decides about."""
    projects = [grant.project_id for grant in principal.grants if grant.role is Role.STEWARD]
    about = select(models.PermitDataset.permit_id).join(models.Dataset)
    return about if None in projects else about.where(models.Dataset.project_id.in_(projects))


def decided_datasets(gate: Gate, permit: models.Permit) -> list[models.Dataset]:
    """Return the permit's data sets that the principal decides about."""
    return [dataset for dataset in permit.datasets if gate.decide(Action.DECIDE, dataset).allowed]


def _require_all(gate: Gate, permit: models.Permit, now: datetime) -> None:
    """Return if the principal decides about all the permit's data sets, and it still holds."""
    if len(decided_datasets(gate, permit)) < len(permit.datasets):
        raise NotAllowedError("only a steward of all the permit's data sets may do this.")
    if is_member(permit.study, gate.principal):
        raise NotAllowedError("you are in the study: another steward must do this.")
    state = state_of(permit, now)
    if state in (PermitState.WITHDRAWN, PermitState.EXPIRED):
        raise ConflictError(f"permit {permit.uuid}: is {state}. A new request is needed.")


def add_person(
    session: Session, gate: Gate, permit: models.Permit, person_uuid: str, now: datetime
) -> models.Person:
    """Let another member of the study use the data."""
    _require_all(gate, permit, now)
    people = {member.person.uuid: member.person for member in permit.study.members}
    if person_uuid not in people:
        raise InputError(f"{person_uuid[:80]!r}: is not in the study. They must join it first.")
    if people[person_uuid] not in permit.people:
        permit.people.append(people[person_uuid])
        session.flush()
    return people[person_uuid]


def remove_person(session: Session, gate: Gate, permit: models.Permit, person_uuid: str) -> models.Person:
    """Take a person out of a permit: a steward of any of its data sets may, and who leads the study."""
    leads = any(one.lead and one.person_id == gate.principal.person_id for one in permit.study.members)
    if not leads and not decided_datasets(gate, permit):
        raise NotAllowedError("only a steward, or who leads the study, may do this.")
    person = next((one for one in permit.people if one.uuid == person_uuid), None)
    if person is None:
        raise NotFoundError(f"{person_uuid[:80]!r}: is not in the permit. Look at its people.")
    permit.people.remove(person)
    session.flush()
    return person


def extend(session: Session, gate: Gate, permit: models.Permit, ends: datetime, now: datetime) -> None:
    """Let a permit hold until another day, within ten years of its beginning."""
    _require_all(gate, permit, now)
    if not now < ends <= permit.starts_at + LONGEST:
        raise InputError(
            f"ends: {ends:%Y-%m-%d} is past, or more than ten years after the permit's beginning."
        )
    permit.ends_at = ends
    session.flush()


def withdraw(
    session: Session, gate: Gate, permit: models.Permit, reason: str, now: datetime
) -> list[models.Dataset]:
    """Withdraw a permit; return the data sets that are no longer given out.

    A steward of only some of its data sets takes those out; the permit holds on for the others.
    """
    mine = decided_datasets(gate, permit)
    if not mine:
        raise NotAllowedError("only a steward of the permit's data sets may do this.")
    if permit.withdrawn_at is not None:
        raise ConflictError(f"permit {permit.uuid}: is withdrawn already.")
    if len(mine) == len(permit.datasets):
        permit.withdrawn_at, permit.withdrawn_by_id, permit.withdrawal = now, gate.principal.person_id, reason
    else:
        permit.datasets = [dataset for dataset in permit.datasets if dataset not in mine]
    session.flush()
    return mine


# --------------------------------------------------------------------------------------- public register


class RegisteredDataset(BaseModel):
    """A data set in the register, its title by language."""

    uuid: str
    title: dict[str, str]


class RegisteredPermit(BaseModel):
    """A permit as everybody may see it: no person is named."""

    uuid: str
    study: str
    purpose: str
    duo: list[str]
    datasets: list[RegisteredDataset]  # that the public sees; others are only counted
    other_datasets: int
    n_people: int
    starts_at: datetime
    ends_at: datetime
    state: PermitState


def register(session: Session, now: datetime, limit: int, offset: int) -> tuple[list[RegisteredPermit], int]:
    """Return the public register of permits, the newest first, and how many there are."""
    permit = models.Permit
    total = session.scalar(select(func.count()).select_from(permit)) or 0
    page = session.scalars(
        select(permit)
        .order_by(permit.id.desc())
        .limit(limit)
        .offset(offset)
        .options(selectinload(permit.datasets), selectinload(permit.people), selectinload(permit.study))
    ).all()
    purposes = _purposes(session, page)
    shown = {dataset.id for each in page for dataset in each.datasets} & _public(session, page)
    texts = documents(session, {dataset for each in page for dataset in each.datasets if dataset.id in shown})
    return [_registered(each, purposes, texts, shown, now) for each in page], total


def _purposes(session: Session, page: Sequence[models.Permit]) -> dict[int, str]:
    request = models.AccessRequest
    numbers = [permit.request_id for permit in page if permit.request_id is not None]
    rows = session.execute(select(request.id, request.purpose).where(request.id.in_(numbers)))
    return {row.id: row.purpose for row in rows}


def _public(session: Session, page: Sequence[models.Permit]) -> set[int]:
    """Return numbers of the page's data sets that everybody sees."""
    publication = models.Publication
    on_page = exists().where(
        models.PermitDataset.dataset_id == publication.dataset_id,
        models.PermitDataset.permit_id.in_([permit.id for permit in page]),
    )
    found = select(publication.dataset_id).where(publication.state.in_(("published", "withdrawn")), on_page)
    return set(session.scalars(found))


def _registered(
    permit: models.Permit,
    purposes: dict[int, str],
    texts: dict[int, dict[str, Any]],
    shown: set[int],
    now: datetime,
) -> RegisteredPermit:
    public = [dataset for dataset in permit.datasets if dataset.id in shown]
    return RegisteredPermit(
        uuid=permit.uuid,
        study=permit.study.title,
        purpose=purposes.get(permit.request_id or 0, permit.study.summary),
        duo=permit.duo,
        datasets=[
            RegisteredDataset(uuid=one.uuid, title=texts.get(one.id, {}).get("title") or {}) for one in public
        ],
        other_datasets=len(permit.datasets) - len(public),
        n_people=len(permit.people),
        starts_at=permit.starts_at,
        ends_at=permit.ends_at,
        state=state_of(permit, now),
    )
