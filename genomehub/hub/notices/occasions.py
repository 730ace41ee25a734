"""Who is told of what. Nobody is told of what they did themselves, nor of what they may not see."""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.principals import Principal
from genomehub.hub.access.requests import stewards_of
from genomehub.hub.notices.outbox import put, put_stranger


@dataclasses.dataclass(frozen=True)
class Occasions:
    """What happens in a transaction, for those who are to be told of it.

    by : who does it; on : whether the hub sends e-mail at all
    strangers : whether whoever proves an e-mail address may log in, so that inviting one leads somewhere
    """

    session: Session
    by: Principal
    now: datetime
    on: bool
    strangers: bool

    def request_submitted(self, request: models.AccessRequest) -> None:
        """A request waits for the stewards of its data sets."""
        self._tell("request-waits", self._stewards(request.datasets, request.study), request.uuid)

    def request_returned(self, request: models.AccessRequest) -> None:
        """A steward asks something."""
        self._tell("request-returned", _leads(request.study), request.uuid)

    def request_decided(self, request: models.AccessRequest) -> None:
        """The last steward has decided; those who may now read the data hear of it, too."""
        granted = request.state == "granted"
        people = [*_leads(request.study), *(request.people if granted else [])]
        self._tell("request-granted" if granted else "request-refused", people, request.uuid)

    def permit_changed(self, permit: models.Permit) -> None:
        """A steward has set another end."""
        self._tell("permit-changed", _of_permit(permit), permit.uuid)

    def permit_withdrawn(self, permit: models.Permit) -> None:
        """A permit, or a part of it, is withdrawn."""
        self._tell("permit-withdrawn", _of_permit(permit), permit.uuid)

    def extension_asked(self, extension: models.PermitExtension) -> None:
        """A study asks for a permit to hold longer."""
        permit = extension.permit
        self._tell("extension-waits", self._stewards(permit.datasets, permit.study), extension.uuid)

    def extension_decided(self, extension: models.PermitExtension) -> None:
        """It was granted, or not."""
        kind = "extension-granted" if extension.state == "granted" else "extension-refused"
        self._tell(kind, _leads(extension.permit.study), extension.uuid)

    def study_invited(self, invitation: models.StudyInvitation) -> None:
        """A study invites the people of an address, whether or not the hub knows them."""
        found = select(models.Person).where(models.Person.email == invitation.email)
        people = self.session.scalars(found).all()
        self._tell("study-invites", people, invitation.uuid, "invited")
        if not people and self.on and self.strangers:
            put_stranger(self.session, "study-invites", invitation.email, invitation.uuid, self.now)

    def _tell(self, kind: str, people: Iterable[models.Person], about: str, mark: str | None = None) -> None:
        """Tell people; ``mark`` is for what is told once only, however often it is done."""
        if self.on:
            told = [person for person in _once(people) if person.id != self.by.person_id]
            mark = mark or self.now.isoformat(timespec="seconds")
            put(self.session, kind, told, about, mark, self.now)

    def _stewards(self, datasets: Iterable[models.Dataset], study: models.Study) -> list[models.Person]:
        """Return who decides about any of the data sets, and is not in the study."""
        members = {member.person_id for member in study.members}
        return [one for one in stewards_of(self.session, datasets) if one.id not in members]


def _once(people: Iterable[models.Person]) -> list[models.Person]:
    return list({person.id: person for person in people}.values())


def _leads(study: models.Study) -> list[models.Person]:
    return [member.person for member in study.members if member.lead]


def _of_permit(permit: models.Permit) -> list[models.Person]:
    return [*_leads(permit.study), *permit.people]


def ending(
    session: Session, days: Sequence[int], now: datetime
) -> list[tuple[models.Permit, list[models.Person], str]]:
    """Return permits that end soon, whom to tell, and a mark of the warning.

    Parameters
    ----------
    days : before the end at which to warn; a warning of the time before the permit was given is left out
    """
    permit, found = models.Permit, []
    soon = (
        select(permit)
        .where(
            permit.withdrawn_at.is_(None),
            permit.starts_at <= now,
            permit.ends_at > now,
            permit.ends_at <= now + timedelta(days=max(days, default=0)),
        )
        .order_by(permit.ends_at, permit.id)
    )
    for one in session.scalars(soon):
        reached = [n for n in days if one.ends_at - timedelta(days=n) <= now]
        at = min(reached)
        if one.ends_at - timedelta(days=at) > one.granted_at:
            found.append((one, _once(_of_permit(one)), f"{one.ends_at:%Y-%m-%d}-{at}"))
    return found


def warn(session: Session, days: Sequence[int], now: datetime) -> int:
    """Put warnings of permits that end soon into the outbox; return how many are new."""
    return sum(
        put(session, "permit-ends", people, one.uuid, mark, now)
        for one, people, mark in ending(session, days, now)
    )


def unwarned(session: Session, days: Sequence[int], now: datetime) -> bool:
    """Tell whether somebody is still to be warned, without taking the write lock."""
    wanted = {
        f"permit-ends:{one.uuid}:{mark}:{person.id}"
        for one, people, mark in ending(session, days, now)
        for person in people
    }
    told = select(models.Notice.once).where(models.Notice.kind == "permit-ends")
    return bool(wanted) and bool(wanted - set(session.scalars(told)))
