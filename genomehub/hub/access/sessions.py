"""Logins in a browser: a row in the database, a secret in a cookie. Ended here, the cookie is worthless."""

import dataclasses
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.people import digest_of, principal_of, token_holds, visa_grants
from genomehub.hub.access.principals import Principal, VisaGrant

#: The time of last use is written at most this often: a write for every page would cost more than the page.
SEEN_EVERY = timedelta(minutes=5)


def begin(
    session: Session,
    person: models.Person,
    now: datetime,
    lasts: timedelta,
    visas: frozenset[VisaGrant] = frozenset(),
    token_id: int | None = None,
) -> str:
    """Begin a login and return its secret, for the cookie; only its SHA-256 is kept.

    token_id : of the token that it was begun with, and with which it ends
    """
    secret = secrets.token_urlsafe(32)
    session.add(
        models.LoginSession(
            person_id=person.id, digest=digest_of(secret), created_at=now, seen_at=now,
            expires_at=now + lasts, token_id=token_id,
            visas=[[visa.issuer, visa.dataset_uuid, visa.until.timestamp()] for visa in visas] or None,
        )
    )  # fmt: skip
    session.flush()
    return secret


@dataclasses.dataclass(frozen=True)
class Found:
    """A login that holds: whose, and whether its time of last use is to be written."""

    principal: Principal
    stale: bool


def find(session: Session, secret: str, now: datetime, idle: timedelta) -> Found | None:
    """Return whose login this is; None if it is unknown, has ended, or was not used for too long."""
    login = session.scalar(select(models.LoginSession).where(models.LoginSession.digest == digest_of(secret)))
    if (
        login is None
        or login.ended_at is not None
        or login.expires_at <= now
        or login.seen_at + idle <= now
        or login.person.disabled_at is not None
        or not (login.token is None or token_holds(login.token, now))
    ):
        return None
    principal = principal_of(login.person, "session", ("session", login.id))
    if login.visas:
        principal = dataclasses.replace(principal, visas=visa_grants(login.visas))
    return Found(principal, login.seen_at + min(SEEN_EVERY, idle / 2) <= now)


def touch(session: Session, number: int, now: datetime) -> None:
    """Write that a login is in use."""
    session.execute(update(models.LoginSession).where(models.LoginSession.id == number).values(seen_at=now))


def end(session: Session, number: int, now: datetime) -> None:
    """End one login."""
    login = models.LoginSession
    session.execute(update(login).where(login.id == number, login.ended_at.is_(None)).values(ended_at=now))


def end_all(session: Session, person_id: int, now: datetime) -> int:
    """End all logins of a person; return how many there were."""
    login = models.LoginSession
    held = (login.person_id == person_id, login.ended_at.is_(None), login.expires_at > now)
    ended = session.scalars(select(login.id).where(*held)).all()
    session.execute(update(login).where(login.id.in_(ended)).values(ended_at=now))
    return len(ended)
