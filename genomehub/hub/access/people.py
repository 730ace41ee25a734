"""People, their roles and their tokens: made, found, and turned into principals."""

import dataclasses
import hashlib
import secrets
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from genomehub.errors import ConflictError, InputError, NotAuthenticatedError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.principals import Grant, Principal, Role, VisaGrant

#: Tokens begin like this, so that scanners for leaked secrets find them.
TOKEN_PREFIX = "ghub_"
#: Tokens that a person may have at a time.
MAXIMAL_TOKENS = 50


def add_person(session: Session, name: str, email: str | None, now: datetime) -> models.Person:
    """Make a person without roles."""
    person = models.Person(uuid=str(uuid.uuid4()), name=name, email=normal_email(email), created_at=now)
    session.add(person)
    session.flush()
    return person


def normal_email(email: str | None) -> str | None:
    """Return an address as it is kept and compared: without spaces around it, in small letters."""
    return None if email is None else email.strip().lower()


def find_person(session: Session, person_uuid: str) -> models.Person:
    """Return a person.

    Raises
    ------
    NotFoundError
    """
    person = session.scalar(select(models.Person).where(models.Person.uuid == person_uuid))
    if person is None:
        raise NotFoundError(f"{person_uuid[:80]!r}: no such person. Look at the list of people.")
    return person


def search_people(
    session: Session, words: str, limit: int, offset: int
) -> tuple[Sequence[models.Person], int]:
    """Return people whose name or address contains the words, by name, and how many there are."""
    found = select(models.Person)
    for word in words.split()[:10]:
        part = word.lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        found = found.where(
            or_(
                func.lower(models.Person.name).like(f"%{part}%", escape="\\"),
                models.Person.email.like(f"%{part}%", escape="\\"),
            )
        )
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    page = found.order_by(models.Person.name, models.Person.id).limit(limit).offset(offset)
    return session.scalars(page.options(selectinload(models.Person.roles))).all(), total


# ------------------------------------------------------------------------------------------------- roles


def _held(
    person: models.Person, role: Role, project: models.Project | None
) -> Select[tuple[models.RoleGrant]]:
    grant = models.RoleGrant
    where = grant.project_id.is_(None) if project is None else grant.project_id == project.id
    return select(grant).where(grant.person_id == person.id, grant.role == role.value, where)


def grant_role(session: Session, person: models.Person, role: Role, project: models.Project | None) -> bool:
    """Give a role, in one project or everywhere; tell whether it is new."""
    if project is not None and role not in (Role.HOLDER, Role.STEWARD):
        raise InputError(f"role {role}: is held everywhere, not in one project. Leave the project out.")
    if session.scalar(_held(person, role, project)) is not None:
        return False
    project_id = None if project is None else project.id
    session.add(models.RoleGrant(person_id=person.id, role=role.value, project_id=project_id))
    session.flush()
    session.expire(person, ["roles"])
    return True


def revoke_role(session: Session, person: models.Person, role: Role, project: models.Project | None) -> bool:
    """Take a role away; tell whether it was there.

    Raises
    ------
    ConflictError
        It is the last administrator's.
    """
    held = session.scalar(_held(person, role, project))
    if held is None:
        return False
    if role is Role.ADMINISTRATOR:
        _keep_an_administrator(session, person)
    session.delete(held)
    session.flush()
    session.expire(person, ["roles"])
    return True


def find_project(session: Session, name: str | None) -> models.Project | None:
    """Return the project that holds data sets under this name; None for None.

    Raises
    ------
    NotFoundError
    """
    if name is None:
        return None
    project = session.scalar(select(models.Project).where(models.Project.name == name))
    if project is None:
        raise NotFoundError(f"project {name[:80]!r}: there is none. Name one that holds data sets.")
    return project


def _keep_an_administrator(session: Session, leaving: models.Person) -> None:
    others = (
        select(func.count())
        .select_from(models.RoleGrant)
        .join(models.Person)
        .where(
            models.RoleGrant.role == Role.ADMINISTRATOR.value,
            models.RoleGrant.project_id.is_(None),
            models.Person.disabled_at.is_(None),
            models.Person.id != leaving.id,
        )
    )
    if not session.scalar(others):
        raise ConflictError(
            f"{leaving.name!r} is the last administrator. Make another one first: nobody else could."
        )


def disable(session: Session, person: models.Person, now: datetime) -> None:
    """Shut a person out, with the next request: sessions and tokens are worth nothing."""
    if any(grant.role == Role.ADMINISTRATOR.value for grant in person.roles):
        _keep_an_administrator(session, person)
    person.disabled_at = person.disabled_at or now
    session.flush()


def enable(session: Session, person: models.Person) -> None:
    """Let a person in again."""
    person.disabled_at = None
    session.flush()


# ------------------------------------------------------------------------------------------------ tokens


def new_token(
    session: Session, person: models.Person, label: str, now: datetime, expires_at: datetime | None
) -> str:
    """Make a token and return its secret, which is told this once: only its SHA-256 is kept.

    Raises
    ------
    ConflictError
        The person has ``MAXIMAL_TOKENS`` that hold.
    """
    if len(tokens(session, person.id, now)) >= MAXIMAL_TOKENS:
        raise ConflictError(f"you have {MAXIMAL_TOKENS} tokens. Revoke one that is no longer used.")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    session.add(
        models.ApiToken(
            person_id=person.id, label=label, digest=digest_of(secret), created_at=now, expires_at=expires_at
        )
    )
    session.flush()
    return secret


def tokens(session: Session, person_id: int, now: datetime) -> Sequence[models.ApiToken]:
    """Return the tokens of a person that hold, the newest first."""
    token = models.ApiToken
    found = select(token).where(
        token.person_id == person_id,
        token.revoked_at.is_(None),
        or_(token.expires_at.is_(None), token.expires_at > now),
    )
    return session.scalars(found.order_by(token.id.desc())).all()


def revoke_token(session: Session, person_id: int, number: int, now: datetime) -> models.ApiToken:
    """Revoke a token of this person.

    Raises
    ------
    NotFoundError
        There is none of this number that holds, or it is somebody else's.
    """
    token = next((token for token in tokens(session, person_id, now) if token.id == number), None)
    if token is None:
        raise NotFoundError(f"token {number}: you have none of this number. Look at your account.")
    token.revoked_at = now
    session.flush()
    return token


def digest_of(secret: str) -> str:
    """Return what is kept of a secret of 32 random bytes: nobody can search so many."""
    return hashlib.sha256(secret.encode()).hexdigest()


# -------------------------------------------------------------------------------------------- principals


def principal_of(person: models.Person, means: str, credential: tuple[str, int] | None = None) -> Principal:
    """Return a person as a principal."""
    grants = frozenset(Grant(Role(grant.role), grant.project_id) for grant in person.roles)
    return Principal(person.id, person.uuid, person.name, grants, means, credential)


def principal_of_token(session: Session, secret: str, now: datetime) -> Principal:
    """Return whose token this is.

    Raises
    ------
    NotAuthenticatedError
        It is unknown, expired or revoked, or its person is disabled; which of these is not told.
    """
    whose = joinedload(models.ApiToken.person).joinedload(models.Person.roles)  # each request asks: one query
    found = select(models.ApiToken).where(models.ApiToken.digest == digest_of(secret)).options(whose)
    token = session.scalars(found).unique().one_or_none()
    if token is None or not token_holds(token, now) or token.person.disabled_at is not None:
        raise NotAuthenticatedError(
            "the token is unknown, expired or revoked. Make a new one: your account page."
        )
    return principal_of(token.person, "token", ("token", token.id))


def token_holds(token: models.ApiToken, now: datetime) -> bool:
    """Tell whether a token is neither revoked nor expired."""
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > now)


class Remembered(TypedDict):
    """A principal as a signed link carries it, as JSON."""

    person: int | None
    credential: tuple[str, int] | None
    visas: list[tuple[str, str, float]]
    subject: str


def remember(principal: Principal) -> Remembered:
    """Return what a signed link must carry to know later who may use it."""
    visas = [(visa.issuer, visa.dataset_uuid, visa.until.timestamp()) for visa in principal.visas]
    return Remembered(
        person=principal.person_id, credential=principal.credential, visas=visas, subject=principal.subject
    )


def recall(session: Session, remembered: Remembered, now: datetime, means: str) -> Principal:
    """Return who was remembered, with the roles of now.

    Raises
    ------
    NotAuthenticatedError
        The person is disabled, or the token or session they came with has ended.
    """
    known = Principal(means=means if remembered["subject"] else "anonymous")
    if remembered["person"] is not None:
        credential = remembered["credential"]
        credential = None if credential is None else (credential[0], credential[1])
        person = session.get(models.Person, remembered["person"])
        if person is None or person.disabled_at is not None or not _still(session, credential, now):
            raise NotAuthenticatedError("the login that this was made with has ended. Log in again.")
        known = principal_of(person, means, credential)
    visas = visa_grants(remembered["visas"])
    return dataclasses.replace(known, visas=visas, subject=remembered["subject"])


def visa_grants(kept: Iterable[Sequence[Any]]) -> frozenset[VisaGrant]:
    """Return visas from JSON: lists of issuer, data set and seconds since 1970."""
    return frozenset(
        VisaGrant(issuer, dataset, datetime.fromtimestamp(until, UTC)) for issuer, dataset, until in kept
    )


def _still(session: Session, credential: tuple[str, int] | None, now: datetime) -> bool:
    """Tell whether a token or a session has not ended."""
    if credential is None:
        return True
    kind, number = credential
    if kind == "token":
        token = session.get(models.ApiToken, number)
        return token is not None and token_holds(token, now)
    login = session.get(models.LoginSession, number)
    return login is not None and login.ended_at is None and login.expires_at > now
