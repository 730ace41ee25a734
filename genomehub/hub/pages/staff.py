"""Pages of the hub's staff: people and their roles, and the event log."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from genomehub.errors import ConfigError, ConflictError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.people import grant_role
from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.records import iso_time

PER_PAGE = 50
#: Rows of the log in one file.
MOST_ROWS = 100_000


@dataclasses.dataclass(frozen=True)
class LogFilter:
    """What of the log is shown; everything given must hold. Days are in UTC."""

    action: str = ""
    person: str = ""
    dataset: str = ""
    since: str = ""
    until: str = ""


@dataclasses.dataclass(frozen=True)
class LogLine:
    """An event, its actor and data set by name where they have one."""

    number: int
    time: datetime
    actor: str
    actor_name: str
    action: str
    dataset_uuid: str
    dataset_name: str
    detail: dict[str, Any]


def actions(session: Session) -> list[str]:
    """Return what was ever done."""
    return list(session.scalars(select(models.Event.action).distinct().order_by(models.Event.action)))


def log(session: Session, wanted: LogFilter, before: int | None, limit: int) -> Iterator[LogLine]:
    """Yield events, the newest first, up to one number."""
    event, dataset = models.Event, models.Dataset
    rows = select(event, dataset.uuid, dataset.name).outerjoin(dataset, dataset.id == event.dataset_id)
    rows = rows.where(*_conditions(wanted)).order_by(event.id.desc()).limit(limit)
    if before is not None:
        rows = rows.where(event.id < before)
    people = session.execute(select(models.Person.uuid, models.Person.name)).all()
    names = {row.uuid: row.name for row in people}
    for one, uuid, name in session.execute(rows.execution_options(yield_per=500)):
        who = names.get(one.actor.removeprefix("person:"), one.actor)
        yield LogLine(one.id, one.time, one.actor, who, one.action, uuid or "", name or "", one.detail)


def _conditions(wanted: LogFilter) -> list[ColumnElement[bool]]:
    event = models.Event
    conditions: list[ColumnElement[bool]] = []
    if wanted.action:
        conditions.append(event.action == wanted.action)
    if wanted.person:
        person = models.Person
        named = select("person:" + person.uuid).where(person.name.icontains(wanted.person, autoescape=True))
        conditions.append(or_(event.actor == wanted.person, event.actor.in_(named)))
    if wanted.dataset:
        matching = select(models.Dataset.id).where(
            or_(
                models.Dataset.uuid == wanted.dataset,
                models.Dataset.name.icontains(wanted.dataset, autoescape=True),
            )
        )
        conditions.append(event.dataset_id.in_(matching))
    if wanted.since:
        conditions.append(event.time >= _day(wanted.since))
    if wanted.until:
        conditions.append(event.time < _day(wanted.until) + timedelta(days=1))
    return conditions


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError as error:
        raise ConfigError(f"{text[:40]!r} is no day; 2026-11-28 is expected.") from error


def log_csv(session: Session, wanted: LogFilter) -> Iterator[str]:
    """Yield the log as CSV, row by row; a cell that a spreadsheet would take for a formula is quoted."""
    yield _row("number", "time", "actor", "name", "action", "dataset", "dataset_name", "detail")
    for line in log(session, wanted, None, MOST_ROWS):
        cells = (
            str(line.number), iso_time(line.time), line.actor, line.actor_name, line.action,
            line.dataset_uuid,
            line.dataset_name, json.dumps(line.detail, ensure_ascii=False, sort_keys=True),
        )  # fmt: skip
        yield _row(*cells)


def _row(*cells: str) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(
        "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t") else cell for cell in cells
    )
    return line.getvalue()


def people(session: Session, text: str, page: int) -> list[models.Person]:
    """Return a page of people by name or address, and one more if there is another page."""
    person = models.Person
    found = select(person).order_by(person.name, person.id)
    if text:
        found = found.where(
            or_(person.name.icontains(text, autoescape=True), person.email.icontains(text, autoescape=True))
        )
    return list(session.scalars(found.offset((page - 1) * PER_PAGE).limit(PER_PAGE + 1)))


def person_of(session: Session, uuid: str) -> models.Person:
    """Return a person.

    Raises
    ------
    NotFoundError
        There is none.
    """
    person = session.scalar(select(models.Person).where(models.Person.uuid == uuid))
    if person is None:
        raise NotFoundError(f"{uuid[:40]!r}: no such person. See the list of people.")
    return person


def change_role(session: Session, person: models.Person, role: str, project: str, *, give: bool) -> None:
    """Give a role to a person or take it away; without a project it is one everywhere.

    Raises
    ------
    ConfigError, NotFoundError
        There is no such role or project.
    """
    if role not in set(Role):
        raise ConfigError(f"{role[:40]!r} is no role.")
    of = None
    if project:
        of = session.scalar(select(models.Project).where(models.Project.name == project))
        if of is None:
            raise NotFoundError(f"{project[:40]!r}: no such project.")
    if give:
        grant_role(session, person, Role(role), of)
        return
    for grant in list(person.roles):
        if grant.role == role and grant.project_id == (None if of is None else of.id):
            person.roles.remove(grant)
            session.delete(grant)
    session.flush()


def set_enabled(person: models.Person, principal: Principal, now: datetime, *, enabled: bool) -> None:
    """Let a person in again, or keep them out.

    Raises
    ------
    ConflictError
        They would keep out themselves.
    """
    if person.id == principal.person_id:
        raise ConflictError("you cannot disable yourself; ask another administrator.")
    person.disabled_at = None if enabled else now


def projects(session: Session) -> list[models.Project]:
    """Return the projects that hold data sets."""
    return list(session.scalars(select(models.Project).order_by(models.Project.name).limit(1000)))
