"""The room of descriptions: read, save, publish, withdraw, compare, list. It asks the gate and knows no HTTP.

A data set's description has versions that are never changed. Publishing chooses the version that the public
sees, after it was checked; withdrawing leaves its title, so that links end in an answer.

>>> from genomehub.hub.description.document import DatasetDescription
>>> a, b = DatasetDescription(title={"en": "Genomes"}), DatasetDescription(title={"en": "Exomes"})
>>> difference(a, b)
(Change(field='title.en', before='Genomes', after='Exomes'),)
"""

import dataclasses
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from genomehub.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.description.fields import Profile
from genomehub.hub.description.known import from_entry, merge, shown
from genomehub.hub.description.origin import Origin, origin_of
from genomehub.hub.description.rdf import Reading
from genomehub.hub.description.validation import Finding, validate
from genomehub.hub.filing import EventLog
from genomehub.hub.lookup import entry_record, is_current

State = Literal["draft", "published", "withdrawn"]
Source = Literal["form", "ingest", "engine"]


class NotValidError(InputError):
    """A description lacks what the profiles ask; ``findings`` says what."""

    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> "NotValidError":
        first = findings[0].sentence("en")
        more = f" ({len(findings) - 1} more)" if len(findings) > 1 else ""
        error = cls(f"the description cannot be accepted: {first}{more}")
        error.findings = tuple(findings)
        return error


@dataclasses.dataclass(frozen=True)
class Version:
    """One version of a description, as a list shows it."""

    version: int
    source: str
    created_at: datetime
    created_by: str
    title: dict[str, str]
    public: bool


@dataclasses.dataclass(frozen=True)
class View:
    """A data set as this principal sees it.

    subject : its IRI; page : its web page
    version : of the description; 0 where nobody has written one
    entry : identifier of the newest version of the data, None where there is none, or withdrawn
    document : what people wrote over what the engine knows, small counts left out; only the title of a
        withdrawn one
    written : what people wrote; None for those who may not edit
    modified : when anything of it changed
    stamp : differs whenever anything of it differs
    """

    uuid: str
    subject: str
    page: str
    state: State
    version: int
    entry: str | None
    document: DatasetDescription
    written: DatasetDescription | None
    modified: datetime
    stamp: str


@dataclasses.dataclass(frozen=True)
class Change:
    """A field that differs between two versions; None where one lacks it."""

    field: str
    before: Any
    after: Any


@dataclasses.dataclass(frozen=True)
class CataloguePage:
    """Some of the published data sets, and which were withdrawn since."""

    views: tuple[View, ...]
    withdrawn: tuple[str, ...]
    total: int
    number: int
    size: int

    @property
    def last(self) -> int:
        """Number of the last page."""
        return max(1, -(-self.total // self.size))


@dataclasses.dataclass(frozen=True)
class Descriptions:
    """The descriptions, for one principal at one time, in one session.

    base : the hub's address; folder : of the catalogue; profiles : needed to publish
    """

    session: Session
    principal: Principal
    now: datetime
    base: str
    folder: Path | None
    profiles: tuple[Profile, ...]

    # ------------------------------------------------------------------------------------------- reading

    def view(self, uuid: str, *, version: int | None = None, draft: bool = False) -> View:
        """Return a data set: the published version of its description, or what is asked for.

        Parameters
        ----------
        uuid : of the data set
        version : any version; only for those who may edit
        draft : the newest version; only for those who may edit
        """
        dataset = self._dataset(uuid)
        if version is not None or draft:
            self._gate.require(Action.DESCRIBE, dataset, uuid)
        return self._view(dataset, self._chosen(dataset, version, draft))

    def origin(self, view: View) -> Origin | None:
        """Return where the data of a data set that was viewed came from, as far as one may be told."""
        if view.entry is None:
            return None
        entry = self.session.scalars(select(models.Entry).where(models.Entry.digest == view.entry)).one()
        return origin_of(entry, self._gate, self.base)

    def versions(self, uuid: str) -> tuple[Version, ...]:
        """Return the versions of a description, oldest first; to the public only those it was shown."""
        dataset = self._dataset(uuid)
        publication = self._publication(dataset)
        edits = self._gate.decide(Action.DESCRIBE, dataset).allowed
        public = self._shown_to_all(dataset, publication)
        found = select(models.Description).where(models.Description.dataset_id == dataset.id)
        return tuple(
            Version(
                one.version, one.source, one.created_at, one.created_by if edits else "",
                one.document.get("title", {}), one.version in public,
            )
            for one in self.session.scalars(found.order_by(models.Description.version))
            if edits or one.version in public
        )  # fmt: skip

    def between(self, uuid: str, first: int, second: int) -> tuple[Change, ...]:
        """Return what differs between two versions that the principal may see."""
        dataset = self._dataset(uuid)
        seen = {one.version for one in self.versions(uuid)}
        documents = []
        for number in (first, second):
            row = self._row(dataset, number) if number in seen else None
            if row is None:
                raise NotFoundError(f"version {number}: the description has no such version.")
            documents.append(DatasetDescription.model_validate(row.document))
        return difference(*documents)

    def check(self, document: DatasetDescription, uuid: str | None = None) -> list[Finding]:
        """Return what all profiles ask and a description lacks, over what the engine knows of a data set."""
        profiles: tuple[Profile, ...] = ("dcat-ap", "healthdcat-ap", "hdh")
        if uuid is None:
            return validate(document, f"{self.base}/datasets/new", profiles)
        dataset = self._dataset(uuid)
        return validate(self._effective(dataset, document), self._subject(dataset), profiles)

    def known(self, uuid: str) -> DatasetDescription | None:
        """Return what the engine knows of a data set, for the form; None if nothing was registered."""
        dataset = self._dataset(uuid)
        self._gate.require(Action.DESCRIBE, dataset, uuid)
        return self._known(dataset)

    def catalogue(self, number: int, size: int, since: datetime | None = None) -> CataloguePage:
        """Return a page of the published data sets, those changed since a time if one is given."""
        publication = models.Publication
        listed = [publication.state == "published"]
        gone: list[str] = []
        if since is not None:
            listed.append(or_(publication.changed_at >= since, self._registered_since(since)))
            gone = self._withdrawn_since(since)
        total = self.session.scalar(select(func.count()).select_from(publication).where(*listed)) or 0
        rows = self.session.scalars(
            select(publication)
            .where(*listed)
            .options(joinedload(publication.dataset), joinedload(publication.description))
            .order_by(publication.dataset_id)
            .limit(size)
            .offset((number - 1) * size)
        )
        views = tuple(self._view(row.dataset, row.description) for row in rows)
        return CataloguePage(views, tuple(gone) if number == 1 else (), total, number, size)

    # ------------------------------------------------------------------------------------------- writing

    def save(
        self, uuid: str, document: DatasetDescription, source: Source = "form", expected: int | None = None
    ) -> View:
        """Keep a new version; the same again is no new version. What the public sees does not change.

        Raises
        ------
        ConflictError
            ``expected`` is not the newest version: someone else saved in between.
        """
        dataset = self._dataset(uuid)
        self._gate.require(Action.DESCRIBE, dataset, uuid)
        row = self._saved(dataset, document, source, expected)
        return self._view(dataset, row)

    def publish(self, uuid: str, version: int | None = None) -> View:
        """Show a version (the newest) to the public, if it satisfies the profiles.

        Raises
        ------
        NotValidError
            It does not; the error has the findings.
        """
        dataset = self._dataset(uuid)
        self._gate.require(Action.DESCRIBE, dataset, uuid)
        row = self._row(dataset, version)
        if row is None:
            raise NotFoundError("the data set has no description of that version. Write and save one first.")
        document = self._effective(dataset, DatasetDescription.model_validate(row.document))
        findings = validate(document, self._subject(dataset), self.profiles)
        if findings:
            raise NotValidError.of(findings)
        publication = self._publication(dataset) or self._new_publication(dataset)
        publication.state, publication.description_id, publication.changed_at = "published", row.id, self.now
        publication.description = row
        self._note("publish", dataset, version=row.version)
        return self._view(dataset, row)

    def withdraw(self, uuid: str, reason: str) -> View:
        """Take a published data set from the catalogue; its page then says so, and no more."""
        dataset = self._dataset(uuid)
        self._gate.require(Action.DESCRIBE, dataset, uuid)
        publication = self._publication(dataset)
        if publication is None or publication.state != "published":
            raise ConflictError("the data set is not published, so it cannot be withdrawn.")
        publication.state, publication.changed_at = "withdrawn", self.now
        self._note("withdraw", dataset, reason=reason)
        return self._view(dataset, publication.description)

    # ------------------------------------------------------------------------------------------- ingest

    def ingest(self, reading: Reading, project: str | None = None) -> View:
        """Keep a description from another catalogue as a new data set's, or the next version of its own.

        It comes as a draft. Sent again by the same provider under the same IRI, it is the same data set, so a
        provider who got no answer may send again.
        """
        self._as_provider()
        known = self._of_provider(reading.subject) if reading.subject else None
        if known is not None:
            return self._renewed(known, reading)
        self._accept(reading.document, f"{self.base}/datasets/new")
        home = self._home(project)
        name = str(uuid.uuid4())
        dataset = models.Dataset(uuid=name, project_id=home.id, name=name, created_at=self.now)
        dataset.project = home
        self.session.add(dataset)
        self.session.flush()
        publication = self._new_publication(dataset)
        publication.provider_id = self.principal.person_id
        publication.origin_id = reading.subject[:200] if reading.subject else None
        row = self._saved(dataset, reading.document, "ingest", None)
        return self._view(dataset, row)

    def renew(self, original_id: str, reading: Reading) -> View:
        """Keep the next version of a description that came by ``ingest``.

        Parameters
        ----------
        original_id : what ``ingest`` answered, or the data set's IRI at the provider's
        """
        self._as_provider()
        return self._renewed(self._own(original_id), reading)

    def remove(self, original_id: str) -> str:
        """Take back what came by ``ingest``: a draft is no more, a published one is withdrawn."""
        self._as_provider()
        dataset = self._own(original_id)
        publication = self._publication(dataset)
        assert publication is not None
        self._note("ingest-remove", dataset, state=publication.state)
        if publication.state == "draft":
            self.session.delete(publication)
        else:
            publication.state, publication.changed_at = "withdrawn", self.now
            publication.provider_id = publication.origin_id = None
        self.session.flush()
        return dataset.uuid

    def _as_provider(self) -> None:
        if not self.principal.has_anywhere(Role.HOLDER):
            raise NotAllowedError("only data holders send descriptions; ask an administrator for the role.")

    def _own(self, original_id: str) -> models.Dataset:
        """Return the data set that this provider sent.

        Raises
        ------
        NotFoundError
            It did not come by ``ingest``, or is none that one may see.
        NotAllowedError
            Another provider sent it.
        """
        dataset = self._of_provider(original_id) or self._found(original_id)
        publication = None if dataset is None else self._publication(dataset)
        seen = dataset is not None and self._gate.decide(Action.SEE, dataset).allowed
        if dataset is None or publication is None or publication.provider_id is None or not seen:
            raise NotFoundError(f"{original_id[:80]!r}: no data set that came through this door.")
        if publication.provider_id != self.principal.person_id:
            raise NotAllowedError(f"{original_id[:80]!r}: another provider sent this data set.")
        self._gate.require(Action.DESCRIBE, dataset, original_id)
        return dataset

    def _of_provider(self, origin_id: str) -> models.Dataset | None:
        publication = models.Publication
        return self.session.scalar(
            select(models.Dataset)
            .join(publication, publication.dataset_id == models.Dataset.id)
            .where(
                publication.provider_id == self.principal.person_id, publication.origin_id == origin_id[:200]
            )
        )

    def _renewed(self, dataset: models.Dataset, reading: Reading) -> View:
        self._gate.require(Action.DESCRIBE, dataset, dataset.uuid)
        publication = self._publication(dataset)
        published = publication is not None and publication.state == "published"
        document = self._effective(dataset, reading.document)
        self._accept(document, self._subject(dataset))
        row = self._saved(dataset, reading.document, "ingest", None)
        return self.publish(dataset.uuid, row.version) if published else self._view(dataset, row)

    def _accept(self, document: DatasetDescription, subject: str) -> None:
        """Refuse what satisfies neither health profile; senders write for one of them."""
        profiles: tuple[Profile, ...] = ("dcat-ap", "healthdcat-ap", "hdh")
        findings = validate(document, subject, profiles)
        asked = {profile: [one for one in findings if profile in one.profiles] for profile in profiles}
        if asked["dcat-ap"] or (asked["healthdcat-ap"] and asked["hdh"]):
            nearest = min(("healthdcat-ap", "hdh"), key=lambda profile: len(asked[profile]))  # type: ignore[index]
            wanted = [one for one in findings if nearest in one.profiles or "dcat-ap" in one.profiles]
            raise NotValidError.of(wanted)

    def _home(self, project: str | None) -> models.Project:
        """Return the project of a new data set: the one named, or the only one that the holder has."""
        held = [grant.project_id for grant in self.principal.grants if grant.role == Role.HOLDER]
        everywhere = None in held
        if project is None and not everywhere and len(held) > 1:
            raise InputError("you hold data in several projects; say which: ?project=NAME.")
        if project is None and not everywhere:
            return self.session.get_one(models.Project, held[0])
        name = project or "default"
        found = self.session.scalar(select(models.Project).where(models.Project.name == name))
        if found is not None and (everywhere or found.id in held):
            return found
        if found is None and everywhere and project is None:
            made = models.Project(name=name, created_at=self.now)
            self.session.add(made)
            self.session.flush()
            return made
        raise NotFoundError(f"{name[:80]!r}: no project in which you hold data.")

    # ------------------------------------------------------------------------------------------- within

    @property
    def _gate(self) -> Gate:
        return Gate(self.session, self.principal, self.now)

    def _found(self, uuid: str) -> models.Dataset | None:
        return self.session.scalar(select(models.Dataset).where(models.Dataset.uuid == uuid))

    def _dataset(self, uuid: str) -> models.Dataset:
        dataset = self._found(uuid)
        self._gate.require(Action.SEE, dataset, uuid)
        assert dataset is not None
        return dataset

    def _subject(self, dataset: models.Dataset) -> str:
        return f"{self.base}/datasets/{dataset.uuid}"

    def _publication(self, dataset: models.Dataset) -> models.Publication | None:
        return self.session.get(models.Publication, dataset.id)

    def _new_publication(self, dataset: models.Dataset) -> models.Publication:
        made = models.Publication(dataset_id=dataset.id, state="draft", changed_at=self.now)
        self.session.add(made)
        self.session.flush()
        return made

    def _row(self, dataset: models.Dataset, version: int | None) -> models.Description | None:
        """Return a version of a description; the newest if none is named."""
        description = models.Description
        found = select(description).where(description.dataset_id == dataset.id)
        if version is not None:
            found = found.where(description.version == version)
        return self.session.scalar(found.order_by(description.version.desc()).limit(1))

    def _chosen(self, dataset: models.Dataset, version: int | None, draft: bool) -> models.Description | None:
        if version is not None:
            row = self._row(dataset, version)
            if row is None:
                raise NotFoundError(f"version {version}: the description has no such version.")
            return row
        publication = self._publication(dataset)
        if draft or publication is None or publication.description is None:
            return self._row(dataset, None)
        return publication.description

    def _saved(
        self, dataset: models.Dataset, document: DatasetDescription, source: Source, expected: int | None
    ) -> models.Description:
        newest = self._row(dataset, None)
        number = newest.version if newest is not None else 0
        if expected is not None and expected != number:
            raise ConflictError(
                f"the description is at version {number}, not {expected}: someone saved in between. "
                "Load it anew."
            )
        content = document.model_dump(mode="json", exclude_defaults=True)
        content["title"] = document.title
        if newest is not None and newest.document == content:
            return newest
        row = models.Description(
            dataset_id=dataset.id, version=number + 1, document=content, source=source,
            created_at=self.now, created_by=self.principal.actor,
        )  # fmt: skip
        self.session.add(row)
        self.session.flush()
        publication = self._publication(dataset) or self._new_publication(dataset)
        if publication.state == "draft":
            publication.description_id, publication.changed_at = row.id, self.now
            publication.description = row
        self._note("save-description", dataset, version=row.version, source=source)
        return row

    def _note(self, action: str, dataset: models.Dataset, **detail: Any) -> None:
        EventLog(self.session, self.principal.actor, self.now).append(action, dataset, None, detail)

    def _entry(self, dataset: models.Dataset) -> models.Entry | None:
        """Return the newest version of the data."""
        entry = models.Entry
        found = select(entry).where(entry.dataset_id == dataset.id, is_current())
        return self.session.scalar(found.order_by(entry.version.desc()).limit(1))

    def _known(self, dataset: models.Dataset) -> DatasetDescription | None:
        entry = self._entry(dataset)
        if entry is None:
            return None
        return from_entry(entry_record(self.session, self.folder, entry), self._subject(dataset))

    def _effective(self, dataset: models.Dataset, written: DatasetDescription) -> DatasetDescription:
        known = self._known(dataset)
        return written if known is None else merge(written, known)

    def _view(self, dataset: models.Dataset, row: models.Description | None) -> View:
        publication = self._publication(dataset)
        state: State = "draft" if publication is None else publication.state  # type: ignore[assignment]
        edits = self._gate.decide(Action.DESCRIBE, dataset).allowed
        entry = self._entry(dataset)
        written = (
            DatasetDescription(title={"en": dataset.title or dataset.name})
            if row is None
            else DatasetDescription.model_validate(row.document)
        )
        document = shown(self._effective(dataset, written))
        told = entry.digest if entry else None
        if state == "withdrawn" and not edits:
            told = None
            document = DatasetDescription(title=written.title, access_rights=written.access_rights)
        times = [dataset.created_at]
        times += [publication.changed_at] if publication else []
        times += [row.created_at] if row else []
        times += [entry.registered_at] if entry else []
        stamp = f"{state}-{row.id if row else 0}-{entry.digest[:16] if entry else ''}-{int(edits)}"
        subject = self._subject(dataset)
        return View(
            dataset.uuid, subject, subject, state, row.version if row else 0, told, document,
            written if edits else None, max(times), stamp,
        )  # fmt: skip

    def _shown_to_all(self, dataset: models.Dataset, publication: models.Publication | None) -> set[int]:
        """Return the versions that were ever published, by the log."""
        if publication is None or publication.state == "withdrawn":
            return set()
        event = models.Event
        told = self.session.scalars(
            select(event.detail).where(event.dataset_id == dataset.id, event.action == "publish")
        )
        versions = {int(detail["version"]) for detail in told if "version" in detail}
        if publication.state == "published" and publication.description is not None:
            versions.add(publication.description.version)
        return versions

    def _registered_since(self, since: datetime) -> ColumnElement[bool]:
        return exists().where(
            models.Entry.dataset_id == models.Publication.dataset_id, models.Entry.registered_at >= since
        )

    def _withdrawn_since(self, since: datetime) -> list[str]:
        publication = models.Publication
        rows = self.session.scalars(
            select(models.Dataset)
            .join(publication, publication.dataset_id == models.Dataset.id)
            .where(publication.state == "withdrawn", publication.changed_at >= since)
            .order_by(models.Dataset.id)
            .limit(10_000)
        )
        return [self._subject(row) for row in rows]


def difference(first: DatasetDescription, second: DatasetDescription) -> tuple[Change, ...]:
    """Return the fields that differ, texts by their language, other fields whole."""
    return tuple(_changes(first.model_dump(mode="json"), second.model_dump(mode="json"), ""))


def _changes(before: dict[str, Any], after: dict[str, Any], place: str) -> Iterator[Change]:
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        path = f"{place}.{name}" if place else name
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changes(old, new, path)
        elif old != new:
            yield Change(path, old or None, new or None)
