"""What the page of a data set tells: its description, versions, files and provenance, for one reader."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.delivery.objects import result_files
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.description.fields import label_of
from genomehub.hub.description.room import Descriptions
from genomehub.hub.description.room import Version as Described
from genomehub.hub.lookup import SHORT_ID
from genomehub.hub.pages.texts import LANGUAGES

_MOST_VERSIONS = 100


@dataclasses.dataclass(frozen=True)
class FileLine:
    """A file of a version: what it is and how to check it; never where it lies.

    number : of the file in its entry, from 0, by which the browser page asks for it
    """

    number: int
    kind: str
    extension: str
    size_bytes: int
    sha256: str
    n_files: int | None


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of the data or of the description, for the list of changes.

    former : number of the description's version before it that the reader may see
    """

    number: int
    when: datetime
    what: str
    entry_id: str = ""
    former: int | None = None


@dataclasses.dataclass(frozen=True)
class DatasetView:
    """Everything that the page shows; ``may_...`` is what this reader may do.

    state : "draft", "published" or "withdrawn"
    version, changed_at : of the data, else of the description
    people, people_hidden : how many people it is about; hidden where they are fewer than ``minimum_count``
    waiting_days : how long the reader's own request has waited, None if there is none
    """

    uuid: str
    project: str
    state: str
    document: DatasetDescription
    version: int
    changed_at: datetime
    entry: models.Entry | None
    files: tuple[FileLine, ...]
    versions: tuple[Version, ...]
    people: int | None
    people_hidden: bool
    median_days: float | None
    may_read: bool
    may_describe: bool
    may_register: bool
    permit_until: datetime | None
    request: models.AccessRequest | None

    @property
    def size_bytes(self) -> int:
        """Of all files of the newest version."""
        return sum(file.size_bytes for file in self.files)

    @property
    def qc(self) -> Mapping[str, Any]:
        """The quality of the newest version."""
        found = None if self.entry is None else self.entry.qc
        return found if isinstance(found, Mapping) else {}

    @property
    def can_be_drawn(self) -> bool:
        """Whether there are reads or variants that the genome browser draws."""
        return any(file.kind in ("bam", "cram", "vcf", "gvcf") for file in self.files)


def find_dataset(session: Session, uuid: str) -> models.Dataset | None:
    """Return the data set of a public identifier."""
    return session.scalar(select(models.Dataset).where(models.Dataset.uuid == uuid[:36]))


def view_dataset(room: Descriptions, uuid: str) -> DatasetView:
    """Return what the reader may see of a data set.

    Raises
    ------
    NotFoundError
        There is none, or they may not see it.
    """
    described = room.view(uuid)
    session, gate = room.session, Gate(room.session, room.principal, room.now)
    dataset = find_dataset(session, uuid)
    assert dataset is not None
    publication = session.get(models.Publication, dataset.id)
    written = document_of(dataset, shown_description(session, dataset, publication, newest=False))
    entries = _entries(session, dataset)
    entry = entries[0] if entries else None
    people, hidden = _people(session, written, entry)
    read = gate.decide(Action.READ, dataset)
    return DatasetView(
        uuid=dataset.uuid,
        project=dataset.project.name,
        state=described.state,
        document=described.document,
        version=entry.version if entry else max(described.version, 1),
        changed_at=entry.registered_at if entry else described.modified,
        entry=entry,
        files=file_lines(entry),
        versions=_versions(entries, room.versions(uuid)),
        people=people,
        people_hidden=hidden,
        median_days=median_decision_days(session, dataset),
        may_read=read.allowed,
        may_describe=gate.decide(Action.DESCRIBE, dataset).allowed,
        may_register=gate.decide(Action.REGISTER, dataset).allowed,
        permit_until=_permit_end(session, read.permit_uuid),
        request=_own_request(session, gate, dataset),
    )


def shown_description(
    session: Session, dataset: models.Dataset, publication: models.Publication | None, *, newest: bool
) -> models.Description | None:
    """Return the published version of a description, or the newest for those who edit it."""
    if not newest and publication is not None and publication.description is not None:
        return publication.description
    return session.scalar(
        select(models.Description)
        .where(models.Description.dataset_id == dataset.id)
        .order_by(models.Description.version.desc())
        .limit(1)
    )


def document_of(dataset: models.Dataset, description: models.Description | None) -> DatasetDescription:
    """Return what a data set says about itself, or what was said when it was registered."""
    if description is not None:
        return DatasetDescription.model_validate(description.document)
    said = {"en": dataset.description} if dataset.description else {}
    return DatasetDescription(title={"en": dataset.title or dataset.name}, description=said)


def _entries(session: Session, dataset: models.Dataset) -> list[models.Entry]:
    """Return the versions of the data, the newest first."""
    versions = select(models.Entry).where(models.Entry.dataset_id == dataset.id)
    return list(session.scalars(versions.order_by(models.Entry.version.desc()).limit(_MOST_VERSIONS)))


def file_lines(entry: models.Entry | None) -> tuple[FileLine, ...]:
    """Return the files of a version's result, without their places."""
    files = [] if entry is None else result_files(entry)
    return tuple(
        FileLine(number, file.kind, _extension(file.path), file.size_bytes, file.sha256, file.n_files)
        for number, file in enumerate(files)
    )


def _extension(path: str) -> str:
    """Return what a path ends on, such as ``.vcf.gz``: of the place no more is told."""
    parts = path.rpartition("/")[2].split(".")[1:]
    return "." + ".".join(parts[-2:]) if parts else ""


def _people(
    session: Session, document: DatasetDescription, entry: models.Entry | None
) -> tuple[int | None, bool]:
    people = document.n_individuals
    if people is None and entry is not None:
        link = models.EntrySample
        counted = select(func.count()).select_from(link).where(link.entry_id == entry.id)
        people = session.scalar(counted) or None
    if people is None:
        return None, False
    hidden = people < document.minimum_count
    return (None if hidden else people), hidden


def _versions(entries: list[models.Entry], told: tuple[Described, ...]) -> tuple[Version, ...]:
    found = [Version(one.version, one.registered_at, "data", one.digest[:SHORT_ID]) for one in entries]
    former: int | None = None
    for one in told:
        found.append(Version(one.version, one.created_at, "description", former=former))
        former = one.version
    newest_first = sorted(found, key=lambda version: version.when, reverse=True)
    return tuple(newest_first[: 2 * _MOST_VERSIONS])


@dataclasses.dataclass(frozen=True)
class Difference:
    """A place in the description that differs between two versions; "" where one has nothing there."""

    label: Mapping[str, str]
    before: str
    after: str


def differences(room: Descriptions, uuid: str, first: int, second: int) -> tuple[Difference, ...]:
    """Return what differs between two versions of a description.

    Raises
    ------
    NotFoundError
        There is none of these numbers, or the reader may not see it.
    """
    return tuple(
        Difference(
            {language: label_of(change.field, language) for language in LANGUAGES},
            _plain(change.before),
            _plain(change.after),
        )
        for change in room.between(uuid, first, second)
    )


def _plain(value: Any) -> str:
    """Return a value of the document as a reader can compare it."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def median_decision_days(session: Session, dataset: models.Dataset) -> float | None:
    """Return how long the last decisions on a data set took; None where there were fewer than three."""
    request, link = models.AccessRequest, models.AccessRequestDataset
    decided = (
        select(request.submitted_at, request.decided_at)
        .join(link, link.request_id == request.id)
        .where(
            link.dataset_id == dataset.id, request.submitted_at.is_not(None), request.decided_at.is_not(None)
        )
        .order_by(request.id.desc())
        .limit(50)
    )
    took = sorted(
        (done - asked).total_seconds() / 86_400 for asked, done in session.execute(decided) if asked and done
    )
    return took[len(took) // 2] if len(took) >= 3 else None


def _permit_end(session: Session, permit_uuid: str | None) -> datetime | None:
    if permit_uuid is None:
        return None
    return session.scalar(select(models.Permit.ends_at).where(models.Permit.uuid == permit_uuid))


def _own_request(session: Session, gate: Gate, dataset: models.Dataset) -> models.AccessRequest | None:
    """Return the newest open request of the reader's studies for a data set."""
    if not gate.principal.known:
        return None
    request, link, member = models.AccessRequest, models.AccessRequestDataset, models.StudyMember
    own = (
        select(request)
        .join(link, link.request_id == request.id)
        .join(member, member.study_id == request.study_id)
        .where(
            link.dataset_id == dataset.id,
            member.person_id == gate.principal.person_id,
            request.state.in_(("draft", "submitted", "returned")),
        )
        .order_by(request.id.desc())
    )
    return session.scalar(own.limit(1))
