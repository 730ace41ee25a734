"""Extensions: a study asks that its permit hold longer, and a steward of the permit's data sets decides.

One is open at a time. What is granted is the permit's new end (``permits.extend``): its data sets, people and
conditions stay. A permit that has ended is not extended; the study asks anew.
"""

import enum
import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from genomehub.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access import permits
from genomehub.hub.access.gate import Gate
from genomehub.hub.access.permits import PermitState
from genomehub.hub.access.principals import Principal
from genomehub.hub.access.requests import LONGEST, is_member
from genomehub.hub.access.studies import require_lead


class ExtensionState(enum.StrEnum):
    """Of a wish for a longer permit."""

    SUBMITTED = "submitted"
    GRANTED = "granted"
    REFUSED = "refused"
    CANCELLED = "cancelled"


def ask(
    session: Session, gate: Gate, permit: models.Permit, until: datetime, reason: str, now: datetime
) -> models.PermitExtension:
    """Ask that a permit hold longer; who leads its study may.

    Raises
    ------
    NotAllowedError, ConflictError, InputError
    """
    require_lead(permit.study, gate.principal)
    state = permits.state_of(permit, now)
    if state in (PermitState.EXPIRED, PermitState.WITHDRAWN):
        raise ConflictError(f"permit {permit.uuid}: is {state}. A new request is needed.")
    if open_of(session, permit) is not None:
        raise ConflictError(f"permit {permit.uuid}: its extension is asked for already.")
    if not permit.ends_at < until <= permit.starts_at + LONGEST:
        raise InputError(
            f"until: {until:%Y-%m-%d} is not after the permit's end, {permit.ends_at:%Y-%m-%d}, or more "
            "than ten years after its beginning."
        )
    asked = models.PermitExtension(
        uuid=str(uuid.uuid4()), permit_id=permit.id, until=until, reason=reason,
        state=ExtensionState.SUBMITTED.value, asked_at=now, asked_by_id=gate.principal.person_id,
    )  # fmt: skip
    asked.permit = permit
    session.add(asked)
    session.flush()
    return asked


def open_of(session: Session, permit: models.Permit) -> models.PermitExtension | None:
    """Return the extension of a permit that waits for its decision."""
    extension = models.PermitExtension
    waits = extension.state == ExtensionState.SUBMITTED.value
    return session.scalar(select(extension).where(extension.permit_id == permit.id, waits))


def of_permit(session: Session, permit: models.Permit) -> Sequence[models.PermitExtension]:
    """Return what was asked for a permit, the newest first."""
    extension = models.PermitExtension
    found = select(extension).where(extension.permit_id == permit.id)
    return session.scalars(found.order_by(extension.id.desc())).all()


def find_extension(session: Session, gate: Gate, extension_uuid: str) -> models.PermitExtension:
    """Return what was asked for a permit of one's own study, or of data sets that one decides about.

    Raises
    ------
    NotFoundError
        There is none, or it is others': which of these is not told.
    """
    extension = models.PermitExtension
    found = session.scalar(select(extension).where(extension.uuid == extension_uuid))
    if found is not None and (is_member(found.permit.study, gate.principal) or _decides(gate, found)):
        return found
    raise NotFoundError(f"{extension_uuid[:80]!r}: you see no such extension. Look at your studies.")


def _decides(gate: Gate, extension: models.PermitExtension) -> bool:
    return bool(permits.decided_datasets(gate, extension.permit))


def waiting(
    session: Session, principal: Principal, now: datetime, limit: int, offset: int
) -> tuple[Sequence[models.PermitExtension], int]:
    """Return what waits for one's decision, of permits that still hold, the next to end first; how many."""
    extension, permit = models.PermitExtension, models.Permit
    found: Select[tuple[models.PermitExtension]] = (
        select(extension)
        .join(permit, permit.id == extension.permit_id)
        .where(
            extension.state == ExtensionState.SUBMITTED.value,
            permit.withdrawn_at.is_(None),
            permit.ends_at > now,
            permit.id.in_(permits.about_mine(principal)),
        )
    )
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    ordered = found.order_by(permit.ends_at, extension.id)
    return session.scalars(ordered.limit(limit).offset(offset)).all(), total


def decide(
    session: Session,
    gate: Gate,
    extension: models.PermitExtension,
    *,
    granted: bool,
    reason: str,
    ends: datetime | None,
    now: datetime,
) -> None:
    """Grant an extension, until the day asked for or another; or refuse it.

    To grant it takes a steward of all the permit's data sets, to refuse it one of any of them.

    Raises
    ------
    NotAllowedError, ConflictError, InputError
    """
    _require_open(extension)
    if not _decides(gate, extension):
        raise NotAllowedError("only a steward of the permit's data sets may do this.")
    if is_member(extension.permit.study, gate.principal):
        raise NotAllowedError("you are in the study: another steward must decide about its permit.")
    if granted:
        former = extension.permit.ends_at
        if (ends or extension.until) <= former:
            raise InputError(
                f"ends: is not after the permit's end, {former:%Y-%m-%d}. Refuse, or give longer."
            )
        permits.extend(session, gate, extension.permit, ends or extension.until, now)
        extension.ends_at = extension.permit.ends_at
    extension.state = (ExtensionState.GRANTED if granted else ExtensionState.REFUSED).value
    extension.decided_at, extension.decided_by_id, extension.decision = now, gate.principal.person_id, reason
    session.flush()


def cancel(session: Session, gate: Gate, extension: models.PermitExtension) -> None:
    """Take a wish back; who leads the study may."""
    require_lead(extension.permit.study, gate.principal)
    _require_open(extension)
    extension.state = ExtensionState.CANCELLED.value
    session.flush()


def _require_open(extension: models.PermitExtension) -> None:
    if extension.state != ExtensionState.SUBMITTED:
        raise ConflictError(f"extension {extension.uuid}: is {extension.state} already.")
