"""The event log read by auditors, and seals that show when its end was cut off.

Each event's digest covers the one before (``filing.EventLog``), so a changed, deleted or moved event shows.
Events deleted at the end leave a chain that fits; a *seal* is the chain's head, signed, kept in a file beside
the secret and given to auditors. A log that no longer holds what was sealed was cut off or replaced.
"""

import dataclasses
import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from genomehub.errors import NotAuthenticatedError
from genomehub.hub import models
from genomehub.hub.access.keys import KeyRing
from genomehub.hub.records import iso_time
from genomehub.hub.verification import event_problems

_SEAL_TYPE = "genomehub.seal+jwt"


@dataclasses.dataclass(frozen=True)
class Filter:
    """Which events: of an actor, an action, a data set (uuid), since and until a time, before a number.

    who, about : the same by name, of a person and of a data set, or a part of it
    """

    actor: str | None = None
    action: str | None = None
    dataset: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    who: str | None = None
    about: str | None = None


class EventLine(BaseModel):
    """An event as auditors read it. name : of the person who acts, as it is now."""

    id: int
    time: datetime
    actor: str
    name: str | None
    action: str
    dataset: str | None
    dataset_name: str | None
    detail: dict[str, object]


def _selected(wanted: Filter) -> Select[tuple[models.Event, str, str, str]]:
    event = models.Event
    found = (
        select(event, models.Person.name, models.Dataset.uuid, models.Dataset.name)
        .outerjoin(models.Dataset, models.Dataset.id == event.dataset_id)
        .outerjoin(models.Person, event.actor == "person:" + models.Person.uuid)
        .order_by(event.id.desc())
    )
    tests: dict[str, Callable[[Any], ColumnElement[bool]]] = {
        "actor": lambda value: event.actor == value,
        "action": lambda value: event.action == value,
        "dataset": lambda value: models.Dataset.uuid == value,
        "since": lambda value: event.time >= value,
        "until": lambda value: event.time < value,
        "before": lambda value: event.id < value,
        "who": lambda value: or_(event.actor == value, _holds(models.Person.name, value)),
        "about": lambda value: or_(models.Dataset.uuid == value, _holds(models.Dataset.name, value)),
    }
    given = {name: value for name, value in vars(wanted).items() if value is not None}
    return found.where(*(tests[name](value) for name, value in given.items()))


def _holds(column: ColumnElement[str] | InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    return column.icontains(text, autoescape=True)


def actions(session: Session) -> list[str]:
    """Return what was ever done, for a list to choose from."""
    return list(session.scalars(select(models.Event.action).distinct().order_by(models.Event.action)))


def events(session: Session, wanted: Filter, limit: int) -> list[EventLine]:
    """Return events, the newest first; the next page is ``before`` the last one's number."""
    return [_line(*row) for row in session.execute(_selected(wanted).limit(limit))]


def _line(event: models.Event, name: str | None, dataset: str | None, dataset_name: str | None) -> EventLine:
    return EventLine(
        id=event.id, time=event.time, actor=event.actor, name=name, action=event.action, dataset=dataset,
        dataset_name=dataset_name, detail=event.detail,
    )  # fmt: skip


def study_events(session: Session, study: models.Study, limit: int, before: int | None) -> list[EventLine]:
    """Return who accessed what under the permits of a study, the newest first."""
    permits = select(models.Permit.uuid).where(models.Permit.study_id == study.id)
    found = _selected(Filter(before=before)).where(
        models.Event.dataset_id.is_not(None),
        models.Event.detail["permit"].as_string().in_(permits),
    )
    return [_line(*row) for row in session.execute(found.limit(limit))]


class Soundness(BaseModel):
    """Whether the log is what was written. problems : sentences, none if it is sound.

    n_events, n_seals : that were looked at; head : digest of the last event
    """

    sound: bool
    n_events: int
    n_seals: int
    head: str
    problems: list[str]


class Seals:
    """Signed heads of the log, one a line in a file of the service's own."""

    def __init__(self, file: Path, keys: KeyRing) -> None:
        self._file, self._keys = file, keys
        self._lock, self._last = threading.Lock(), ""

    def head(self, session: Session, now: datetime) -> str:
        """Return the log's head, signed: an auditor who keeps it can show later what the log held now."""
        event = session.scalars(select(models.Event).order_by(models.Event.id.desc()).limit(1)).one()
        claims = {"event": event.id, "digest": event.digest, "sealed_at": iso_time(now)}
        return self._keys.sign(claims, _SEAL_TYPE)

    def seal(self, session: Session, now: datetime) -> bool:
        """Write the head to the file, unless it is the one sealed before; tell whether it was written."""
        digest = session.scalar(select(models.Event.digest).order_by(models.Event.id.desc()).limit(1))
        with self._lock:
            if digest is None or digest == self._last:
                return False
            line = self.head(session, now) + "\n"
            descriptor = os.open(self._file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "a") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._last = digest
        return True

    def verify(self, session: Session, kept: Sequence[str] = ()) -> Soundness:
        """Check the chain, and that it holds every event that was sealed, here or in ``kept``."""
        problems = event_problems(session)
        last = session.scalars(select(models.Event).order_by(models.Event.id.desc()).limit(1)).first()
        lines = self._file.read_text().split() if self._file.exists() else []
        for number, seal in enumerate([*lines, *kept], 1):
            problem = self._compare(session, seal)
            if problem is not None:
                problems.append(f"seal {number}: {problem}")
                break
        return Soundness(
            sound=not problems,
            n_events=0 if last is None else last.id,
            n_seals=len(lines) + len(kept),
            head="" if last is None else last.digest,
            problems=problems,
        )

    def _compare(self, session: Session, seal: str) -> str | None:
        try:
            claims = self._keys.verify(seal)
        except NotAuthenticatedError:
            return "is not signed by this hub's keys."
        digest = session.scalar(select(models.Event.digest).where(models.Event.id == claims["event"]))
        if digest is None:
            return (
                f"the log held event {claims['event']} at {claims['sealed_at']} and does not any more: "
                "its end was cut off, or an older backup was restored."
            )
        if digest != claims["digest"]:
            return (
                f"event {claims['event']} is another one than at {claims['sealed_at']}: the log was replaced."
            )
        return None
