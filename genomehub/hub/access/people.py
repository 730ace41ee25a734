"""People, their roles and their tokens: made, found, and turned into principals."""

import hashlib
import secrets
import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import NotAuthenticatedError
from genomehub.hub import models
from genomehub.hub.access.principals import Grant, Principal, Role

#: Tokens begin like this, so that scanners for leaked secrets find them.
TOKEN_PREFIX = "ghub_"


def add_person(session: Session, name: str, email: str | None, now: datetime) -> models.Person:
    """Make a person without roles."""
    person = models.Person(uuid=str(uuid.uuid4()), name=name, email=email, created_at=now)
    session.add(person)
    session.flush()
    return person


def grant_role(session: Session, person: models.Person, role: Role, project: models.Project | None) -> None:
    """Give a role, in one project or everywhere; harmless if it is there."""
    project_id = None if project is None else project.id
    held = select(models.RoleGrant).where(
        models.RoleGrant.person_id == person.id,
        models.RoleGrant.role == role.value,
        models.RoleGrant.project_id.is_(None)
        if project_id is None
        else models.RoleGrant.project_id == project_id,
    )
    if session.scalar(held) is None:
        session.add(models.RoleGrant(person_id=person.id, role=role.value, project_id=project_id))
        session.flush()


def new_token(
    session: Session, person: models.Person, label: str, now: datetime, expires_at: datetime | None
) -> str:
    """Make a token and return its secret, which is told this once: only its SHA-256 is kept."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    session.add(
        models.ApiToken(
            person_id=person.id, label=label, digest=_digest(secret), created_at=now, expires_at=expires_at
        )
    )
    session.flush()
    return secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def principal_of(person: models.Person, means: str) -> Principal:
    """Return a person as a principal."""
    grants = frozenset(Grant(Role(grant.role), grant.project_id) for grant in person.roles)
    return Principal(person.id, person.uuid, person.name, grants, means)


def principal_of_token(session: Session, secret: str, now: datetime) -> Principal:
    """Return whose token this is.

    Raises
    ------
    NotAuthenticatedError
        It is unknown, expired or revoked, or its person is disabled; which of these is not told.
    """
    token = session.scalar(select(models.ApiToken).where(models.ApiToken.digest == _digest(secret)))
    if (
        token is None
        or token.revoked_at is not None
        or (token.expires_at is not None and token.expires_at <= now)
        or token.person.disabled_at is not None
    ):
        raise NotAuthenticatedError(
            "the token is unknown, expired or revoked. Make a new one: your account page."
        )
    return principal_of(token.person, "token")
