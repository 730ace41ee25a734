"""Studies: people with a purpose. Their members, and invitations by e-mail."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, selectinload

from genomehub.errors import ConflictError, InputError, NotAllowedError, NotFoundError, TooOftenError
from genomehub.hub import models
from genomehub.hub.access.people import normal_email
from genomehub.hub.access.principals import Principal

#: How long an invitation may be accepted.
INVITATION_LASTS = timedelta(days=30)
MAXIMAL_MEMBERS, MAXIMAL_STUDIES = 200, 100
#: Invitations of one person in a day: each may send an e-mail to anybody.
MAXIMAL_INVITATIONS = 50


def make_study(session: Session, lead: int, title: str, summary: str, now: datetime) -> models.Study:
    """Make a study; who makes it leads it."""
    led = select(func.count()).select_from(models.StudyMember)
    if (session.scalar(led.where(models.StudyMember.person_id == lead)) or 0) >= MAXIMAL_STUDIES:
        raise ConflictError(f"you are in {MAXIMAL_STUDIES} studies. Leave one that has ended.")
    study = models.Study(uuid=str(uuid.uuid4()), title=title, summary=summary, created_at=now)
    session.add(study)
    session.flush()
    session.add(models.StudyMember(study_id=study.id, person_id=lead, lead=True))
    session.flush()
    return study


def studies_of(
    session: Session, person_id: int, limit: int, offset: int
) -> tuple[Sequence[models.Study], int]:
    """Return a person's studies, the newest first, and how many there are."""
    mine = select(models.Study).join(models.StudyMember).where(models.StudyMember.person_id == person_id)
    total = session.scalar(select(func.count()).select_from(mine.subquery())) or 0
    page = mine.order_by(models.Study.id.desc()).limit(limit).offset(offset)
    return session.scalars(page.options(selectinload(models.Study.members))).all(), total


def find_study(session: Session, principal: Principal, study_uuid: str) -> models.Study:
    """Return a study that the principal is a member of.

    Raises
    ------
    NotFoundError
        There is none, or it is others': which of these is not told.
    """
    study = models.Study
    found = session.scalar(
        select(study)
        .join(models.StudyMember)
        .where(study.uuid == study_uuid, models.StudyMember.person_id == principal.person_id)
    )
    if found is None:
        raise NotFoundError(f"{study_uuid[:80]!r}: you have no such study. Look at your studies.")
    return found


def require_lead(study: models.Study, principal: Principal) -> None:
    """Return if the principal leads the study.

    Raises
    ------
    NotAllowedError
    """
    if not any(member.lead and member.person_id == principal.person_id for member in study.members):
        raise NotAllowedError("only who leads the study may do this. Ask them.")


def invite(
    session: Session, study: models.Study, email: str, by: int, now: datetime
) -> models.StudyInvitation:
    """Ask the owner of an e-mail address to join. They see it when they log in with that address.

    Raises
    ------
    InputError, ConflictError
        It is no address, or a member's, or the study is full.
    TooOftenError
        Who invites has invited many today, whether or not the hub knows them.
    """
    address = normal_email(email) or ""
    if address.count("@") != 1 or not all(address.split("@")) or len(address) > models.NAME_LENGTH:
        raise InputError(f"{email[:80]!r}: is no e-mail address. Write it as name@host.")
    if any(member.person.email == address for member in study.members):
        raise ConflictError(f"{address!r}: is in the study already.")
    held = open_invitations(session, now, study_id=study.id)
    if len(held) + len(study.members) >= MAXIMAL_MEMBERS:
        raise ConflictError(f"a study has at most {MAXIMAL_MEMBERS} members and open invitations.")
    known = next((one for one in held if one.email == address), None)
    if known is not None:
        return known
    lately = select(func.count()).where(
        models.StudyInvitation.created_by_id == by,
        models.StudyInvitation.created_at > now - timedelta(days=1),
    )
    if (session.scalar(lately) or 0) >= MAXIMAL_INVITATIONS:
        raise TooOftenError(f"you have invited {MAXIMAL_INVITATIONS} people in a day. Go on tomorrow.")
    made = models.StudyInvitation(
        uuid=str(uuid.uuid4()), study_id=study.id, email=address, created_at=now, created_by_id=by,
        expires_at=now + INVITATION_LASTS,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def open_invitations(
    session: Session, now: datetime, *, study_id: int | None = None, email: str | None = None
) -> Sequence[models.StudyInvitation]:
    """Return invitations that may still be accepted, of a study or to an address."""
    invitation = models.StudyInvitation
    found = select(invitation).where(invitation.accepted_at.is_(None), invitation.expires_at > now)
    if study_id is not None:
        found = found.where(invitation.study_id == study_id)
    if email is not None:
        found = found.where(invitation.email == email)
    return session.scalars(found.order_by(invitation.id).limit(MAXIMAL_MEMBERS)).all()


def accept(session: Session, person: models.Person, invitation_uuid: str, now: datetime) -> models.Study:
    """Join the study of an invitation to one's own address.

    Raises
    ------
    NotFoundError
        There is none, it has expired, or it is to another address: which of these is not told.
    """
    held = open_invitations(session, now, email=person.email) if person.email else []
    invitation = next((one for one in held if one.uuid == invitation_uuid), None)
    if invitation is None:
        raise NotFoundError(f"{invitation_uuid[:80]!r}: you have no such invitation. Ask for a new one.")
    invitation.accepted_at = now
    if not any(member.person_id == person.id for member in invitation.study.members):
        session.add(models.StudyMember(study_id=invitation.study_id, person_id=person.id, lead=False))
    session.flush()
    session.expire(invitation.study, ["members"])
    return invitation.study


def leave(session: Session, study: models.Study, person_uuid: str) -> models.Person:
    """Take a person out of the study, and out of all its permits.

    Raises
    ------
    NotFoundError, ConflictError
        It has no such member; or that is its last lead.
    """
    member = next((one for one in study.members if one.person.uuid == person_uuid), None)
    if member is None:
        raise NotFoundError(f"{person_uuid[:80]!r}: is not in the study. Look at its members.")
    if member.lead and sum(one.lead for one in study.members) == 1:
        raise ConflictError("this is who leads the study. Make another lead first.")
    person = member.person
    permits = select(models.Permit.id).where(models.Permit.study_id == study.id)
    session.execute(
        delete(models.PermitPerson).where(
            models.PermitPerson.person_id == person.id, models.PermitPerson.permit_id.in_(permits)
        )
    )
    session.delete(member)
    session.flush()
    session.expire(study, ["members"])
    return person


def make_lead(session: Session, study: models.Study, person_uuid: str) -> models.Person:
    """Let another member lead the study, too."""
    member = next((one for one in study.members if one.person.uuid == person_uuid), None)
    if member is None:
        raise NotFoundError(f"{person_uuid[:80]!r}: is not in the study. Look at its members.")
    member.lead = True
    session.flush()
    return member.person
