"""From what an OpenID provider asserts to a person of this hub."""

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import NotAllowedError, NotAuthenticatedError
from genomehub.hub import models
from genomehub.hub.access.oidc import Assertion
from genomehub.hub.access.people import add_person, grant_role, normal_email
from genomehub.hub.access.principals import Role


def person_of_identity(session: Session, issuer: str, subject: str) -> models.Person | None:
    """Return whom a provider means by a subject, if they have logged in before."""
    identity = models.Identity
    found = select(identity).where(identity.issuer == issuer, identity.subject == _kept(subject))
    known = session.scalar(found)
    return None if known is None else known.person


def admit(session: Session, said: Assertion, now: datetime, *, everybody: bool) -> tuple[models.Person, str]:
    """Return the person who logs in, and "known", "linked" or "new".

    Somebody whom the staff has entered by e-mail, or who was invited to a study, is linked at the first login
    if the provider has verified that address. Others become new people who may ask for data if ``everybody``
    may come in.

    Raises
    ------
    NotAuthenticatedError
        The person is disabled.
    NotAllowedError
        Only people whom the staff has entered may come in, or the address is another login's.
    """
    person = person_of_identity(session, said.issuer, said.subject)
    if person is not None:
        _let_in(person)
        return person, "known"
    person, how = _by_email(session, said), "linked"
    if person is None:
        if not everybody:
            raise NotAllowedError(
                "nobody of this verified e-mail address is entered here. Ask the hub's staff to enter you."
            )
        person, how = add_person(session, said.name, said.email, now), "new"
        grant_role(session, person, Role.RESEARCHER, None)
    _let_in(person)
    session.add(models.Identity(person_id=person.id, issuer=said.issuer, subject=_kept(said.subject)))
    session.flush()
    return person, how


def _kept(subject: str) -> str:
    """Return a subject as it is kept: providers may send longer ones than the column holds."""
    if len(subject) <= models.NAME_LENGTH:
        return subject
    return f"sha256:{hashlib.sha256(subject.encode()).hexdigest()}"


def _let_in(person: models.Person) -> None:
    if person.disabled_at is not None:
        raise NotAuthenticatedError("this account is disabled. Ask the hub's staff.")


def _by_email(session: Session, said: Assertion) -> models.Person | None:
    """Return whom the staff entered under this address and who never logged in by this provider."""
    email = normal_email(said.email)
    if email is None:
        return None
    people = session.scalars(
        select(models.Person).where(models.Person.email == email).order_by(models.Person.id).limit(2)
    ).all()
    if not people:
        return None
    taken = select(models.Identity.id).where(
        models.Identity.person_id == people[0].id, models.Identity.issuer == said.issuer
    )
    if len(people) > 1 or session.scalar(taken) is not None:
        raise NotAllowedError(
            "this e-mail address belongs to another login here. Ask the hub's staff to sort it out."
        )
    return people[0]
