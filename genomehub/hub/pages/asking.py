"""My studies and requests: make a study, name its people, ask for data sets, follow the clock."""

import dataclasses
import uuid
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import ConfigError, ConflictError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Principal
from genomehub.hub.pages.reading import find_dataset
from genomehub.hub.pages.texts import N_
from genomehub.hub.pages.vocabularies import PROMISES, PURPOSES

LONGEST_YEARS = 10
MOST_TEXT = 20_000


@dataclasses.dataclass
class RequestForm:
    """What somebody wrote into the form; ``faults`` are sentences by field, translated where shown."""

    study: str = ""
    purpose: str = ""
    duo: list[str] = dataclasses.field(default_factory=list)
    until: str = ""
    faults: dict[str, str] = dataclasses.field(default_factory=dict)

    def checked_until(self, now: datetime) -> datetime:
        """Check every field, note the faults, and return until when access is wanted."""
        if not self.study:
            self.faults["study"] = N_("Choose the study that will use the data.")
        if len(self.purpose.strip()) < 20 or len(self.purpose) > MOST_TEXT:
            self.faults["purpose"] = N_(
                "Say in a few sentences what you will do with the data (20 characters or more)."
            )
        if not set(self.duo) & set(PURPOSES):
            self.faults["duo"] = N_("Choose at least one purpose.")
        self.duo = [code for code in self.duo if code in PURPOSES + PROMISES]
        try:
            until = datetime.combine(date.fromisoformat(self.until), time(23, 59, 59), UTC)
        except ValueError:
            self.faults["until"] = N_("Say until which day you need access.")
            return now
        if not now < until <= now + timedelta(days=366 * LONGEST_YEARS):
            self.faults["until"] = N_("Choose a day that is to come, within ten years.")
        return until


def my_studies(session: Session, principal: Principal) -> list[models.Study]:
    """Return the studies that a person belongs to, the newest first."""
    member = models.StudyMember
    own = select(models.Study).join(member, member.study_id == models.Study.id)
    own = own.where(member.person_id == principal.person_id).order_by(models.Study.id.desc())
    return list(session.scalars(own.limit(200)))


def my_study(session: Session, principal: Principal, study_uuid: str) -> models.Study:
    """Return a study of a person.

    Raises
    ------
    NotFoundError
        There is none, or they do not belong to it.
    """
    found = [study for study in my_studies(session, principal) if study.uuid == study_uuid]
    if not found:
        raise NotFoundError(f"{study_uuid[:40]!r}: no such study of yours. See your list of studies.")
    return found[0]


def leads(study: models.Study, principal: Principal) -> bool:
    """Tell whether a person leads a study."""
    return any(member.lead and member.person_id == principal.person_id for member in study.members)


def make_study(
    session: Session, principal: Principal, title: str, summary: str, now: datetime
) -> models.Study:
    """Make a study that the person leads."""
    study = models.Study(
        uuid=str(uuid.uuid4()), title=title[:500], summary=summary[:MOST_TEXT], created_at=now
    )
    session.add(study)
    session.flush()
    assert principal.person_id is not None
    session.add(models.StudyMember(study_id=study.id, person_id=principal.person_id, lead=True))
    session.flush()
    return study


def invite(session: Session, study: models.Study, principal: Principal, email: str) -> models.Person:
    """Add a person of the hub to a study.

    Raises
    ------
    NotFoundError
        Nobody has this address, or the person who asks does not lead the study.
    ConflictError
        They belong to it already.
    """
    if not leads(study, principal):
        raise NotFoundError("only the lead of a study adds people to it.")
    person = session.scalar(
        select(models.Person).where(
            models.Person.email == email.strip().lower(), models.Person.disabled_at.is_(None)
        )
    )
    if person is None:
        raise NotFoundError("nobody here has this e-mail address; they must log in to the hub once.")
    if any(member.person_id == person.id for member in study.members):
        raise ConflictError(f"{person.name} belongs to the study already.")
    session.add(models.StudyMember(study_id=study.id, person_id=person.id, lead=False))
    session.flush()
    return person


def requests_of(session: Session, studies: list[models.Study]) -> list[models.AccessRequest]:
    """Return what studies asked for, the newest first."""
    request = models.AccessRequest
    of = select(request).where(request.study_id.in_([study.id for study in studies]))
    return list(session.scalars(of.order_by(request.id.desc()).limit(200)))


def permits_of(session: Session, studies: list[models.Study]) -> list[models.Permit]:
    """Return what studies were granted, the newest first."""
    permit = models.Permit
    of = select(permit).where(permit.study_id.in_([study.id for study in studies]))
    return list(session.scalars(of.order_by(permit.id.desc()).limit(200)))


def my_request(session: Session, principal: Principal, request_uuid: str) -> models.AccessRequest:
    """Return a request of one of the person's studies.

    Raises
    ------
    NotFoundError
        There is none.
    """
    request = session.scalar(select(models.AccessRequest).where(models.AccessRequest.uuid == request_uuid))
    if request is None or all(member.person_id != principal.person_id for member in request.study.members):
        raise NotFoundError(f"{request_uuid[:40]!r}: no such request of yours. See your list of studies.")
    return request


def submit(
    session: Session, gate: Gate, form: RequestForm, dataset_uuids: list[str], until: datetime, now: datetime
) -> models.AccessRequest:
    """File a request; the stewards' clock runs from now.

    Raises
    ------
    NotFoundError
        A data set or the study cannot be seen by who asks.
    ConfigError
        No data set is named, or too many.
    """
    if not 1 <= len(dataset_uuids) <= 50:
        raise ConfigError("a request is about 1 to 50 data sets. Start from the page of a data set.")
    study = my_study(session, gate.principal, form.study)
    request = models.AccessRequest(
        uuid=str(uuid.uuid4()), study_id=study.id, purpose=form.purpose.strip(), duo=form.duo, until=until,
        state="submitted", created_at=now, created_by_id=gate.principal.person_id, submitted_at=now,
    )  # fmt: skip
    for name in dict.fromkeys(dataset_uuids):
        dataset = find_dataset(session, name)
        gate.require(Action.SEE, dataset, name)
        assert dataset is not None
        request.datasets.append(dataset)
    session.add(request)
    session.flush()
    return request


def cancel(request: models.AccessRequest) -> None:
    """Take a request back.

    Raises
    ------
    ConflictError
        It was decided.
    """
    if request.state not in ("draft", "submitted", "returned"):
        raise ConflictError("the request was decided already; ask a steward to withdraw the permit.")
    request.state = "cancelled"


def clock(request: models.AccessRequest, promised_days: int | None, now: datetime) -> tuple[int, int | None]:
    """Return how many days a request has waited, and how many are left of what was promised."""
    if request.submitted_at is None:
        return 0, promised_days
    waited = ((request.decided_at or now) - request.submitted_at).days
    return waited, None if promised_days is None else promised_days - waited
