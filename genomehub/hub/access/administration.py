"""People, roles and tokens as an administrator keeps them: found by what a person would type, and logged.

Each change is an event. What is taken away counts from the next request on: roles are kept nowhere else.
"""

import dataclasses
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from genomehub.errors import ConflictError, InputError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access import people
from genomehub.hub.access.principals import Role
from genomehub.hub.filing import EventLog, check_name

#: Digits of an identifier that are shown, and enough to name a person.
SHORT = 8


@dataclasses.dataclass(frozen=True)
class Administration:
    """Changes by one actor at one time, in one transaction with the write lock."""

    session: Session
    actor: str
    now: datetime

    def add(self, name: str, email: str | None, roles: list[Role], project: str | None) -> models.Person:
        """Make a person with roles, in one project or everywhere.

        Raises
        ------
        ConflictError
            Somebody has this e-mail address.
        """
        check_name("person", name)
        if email is not None:
            check_name("e-mail address", email)
            taken = select(models.Person).where(func.lower(models.Person.email) == email.lower())
            if self.session.scalars(taken).first() is not None:
                raise ConflictError(
                    f"{email}: somebody here has this address. See: genomehub hub person list."
                )
        person = people.add_person(self.session, name, email, self.now)
        self._note("person-add", person)
        for role in roles:
            self.grant(person, role, project)
        return person

    def grant(self, person: models.Person, role: Role, project: str | None) -> None:
        """Give a role; harmless if it is there."""
        people.grant_role(self.session, person, role, self._project(project))
        self._note("role-grant", person, role=role.value, project=project)

    def take(self, person: models.Person, role: Role, project: str | None) -> None:
        """Take a role back.

        Raises
        ------
        NotFoundError
            The person does not have it there.
        """
        where = self._project(project)
        for grant in person.roles:
            if grant.role == role.value and grant.project_id == (None if where is None else where.id):
                self.session.delete(grant)
                self._note("role-take", person, role=role.value, project=project)
                return
        place = f"in project {project}" if project else "everywhere"
        raise NotFoundError(f"{person.name}: is not {role} {place}. See: genomehub hub person list.")

    def disable(self, person: models.Person, disabled: bool = True) -> None:
        """Let a person do nothing any more, or let them in again."""
        person.disabled_at = self.now if disabled else None
        self._note("person-disable" if disabled else "person-enable", person)

    def new_token(self, person: models.Person, label: str, expires_at: datetime | None) -> str:
        """Make a token and return its secret."""
        if person.disabled_at is not None:
            raise ConflictError(
                f"{person.name}: is disabled. Let them in first: genomehub hub person enable."
            )
        secret = people.new_token(self.session, person, check_name("token", label), self.now, expires_at)
        self._note("token-create", person, label=label)
        return secret

    def revoke(self, number: int) -> models.ApiToken:
        """Make a token useless.

        Raises
        ------
        NotFoundError
            There is none of this number.
        """
        token = self.session.get(models.ApiToken, number)
        if token is None:
            raise NotFoundError(f"{number}: no token has this number. See: genomehub hub token list.")
        if token.revoked_at is None:
            token.revoked_at = self.now
            self._note("token-revoke", token.person, label=token.label)
        return token

    def _project(self, name: str | None) -> models.Project | None:
        if name is None:
            return None
        project = self.session.scalar(select(models.Project).where(models.Project.name == name))
        if project is None:
            raise NotFoundError(
                f"{name!r}: no project is called like this; it comes with its first data set. Check the name."
            )
        return project

    def _note(self, action: str, person: models.Person, **detail: object) -> None:
        EventLog(self.session, self.actor, self.now).append(
            action, None, None, {"person": person.uuid, **detail}
        )


def find_person(session: Session, who: str) -> models.Person:
    """Return a person by e-mail address, by name, or by the beginning of the identifier.

    Raises
    ------
    NotFoundError
        There is none.
    InputError
        Several answer to it.
    """
    person = models.Person
    found = session.scalars(
        select(person).where(
            or_(
                func.lower(person.email) == who.lower(),
                person.name == who,
                person.uuid.startswith(who, autoescape=True) if len(who) >= SHORT else person.uuid == who,
            )
        )
    ).all()
    if not found:
        raise NotFoundError(f"{who!r}: nobody here is called like this. See: genomehub hub person list.")
    if len(found) > 1:
        several = ", ".join(one.uuid[:SHORT] for one in found[:5])
        raise InputError(
            f"{who!r}: {len(found)} people are called like this. Name one by its number: {several}."
        )
    return found[0]


def list_people(session: Session, *, disabled: bool) -> list[models.Person]:
    """Return all people by name; also those who are disabled if asked."""
    wanted = select(models.Person).order_by(models.Person.name, models.Person.id)
    if not disabled:
        wanted = wanted.where(models.Person.disabled_at.is_(None))
    return list(session.scalars(wanted))


def list_tokens(session: Session, person: models.Person | None) -> list[models.ApiToken]:
    """Return all tokens, or those of a person, oldest first; none tells its secret."""
    wanted = select(models.ApiToken).order_by(models.ApiToken.id)
    if person is not None:
        wanted = wanted.where(models.ApiToken.person_id == person.id)
    return list(session.scalars(wanted))


def roles_of(session: Session, person: models.Person) -> list[str]:
    """Return a person's roles as text: ``steward``, ``holder of genomes``."""
    names = {project.id: project.name for project in session.scalars(select(models.Project))}
    return sorted(
        grant.role if grant.project_id is None else f"{grant.role} of {names[grant.project_id]}"
        for grant in person.roles
    )
