"""What the catalogue takes and gives: plain frozen records, without a database behind them."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Sex = Literal["female", "male", "unknown"]
Outcome = Literal["registered", "unchanged", "relocated", "reproduced"]
FileState = Literal["unchanged", "missing", "size changed", "content changed", "unreadable"]

DEFAULT_PROJECT = "default"


@dataclasses.dataclass(frozen=True, slots=True)  # a folder may have a million
class MemberRecord:
    """A file within a folder; name : relative to the folder, with slashes."""

    name: str
    size_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class FileRecord:
    """A file or folder with its checksum (see ``hub/checksums.py``).

    kind : what it is, in lower case: bam, cram, vcf, gvcf, vcz, fastq, report, ...
    path : absolute, on this machine; or a text, ``s3://BUCKET/KEY``
    size_bytes : of the file, or of all files in the folder
    sha256 : hexadecimal, of the content; of a folder over its sorted names and contents
    n_files : how many files the folder holds; None for a plain file
    md5 : hexadecimal, of a file that was just read; the catalogue keeps it in ``file_content``
    members : files of a folder that was just read; the catalogue keeps them in ``file_member``
    """

    kind: str
    path: Path | str
    size_bytes: int
    sha256: str
    n_files: int | None = None
    md5: str | None = dataclasses.field(default=None, compare=False)
    members: tuple[MemberRecord, ...] = dataclasses.field(default=(), compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class ReferenceRecord:
    """A reference genome: GA4GH sequence-collection digest, and what a person calls it."""

    digest: str
    name: str | None = None
    n_contigs: int | None = None
    length_bp: int | None = None


@dataclasses.dataclass(frozen=True)
class SampleRecord:
    """A sample as the catalogue knows it."""

    name: str
    sex: Sex | None = None


@dataclasses.dataclass(frozen=True)
class CostRecord:
    """What one stage cost; None where it was not measured."""

    stage: str
    wall_seconds: float | None = None
    core_seconds: float | None = None
    peak_rss_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None


@dataclasses.dataclass(frozen=True)
class Result:
    """A result to be registered.

    files : what the result consists of; at least one
    samples : names; most results have one
    dataset : name of the data set; by default that of the only sample
    sex : of the only sample
    software : name to version of what made the result
    configuration : parsed JSON value (or a text) that made the result; configuration_text : as it was written
    parents : identifiers (or unique prefixes) of entries that it was made from
    inputs : files that it was made from and that are no entry, such as FASTQ
    qc, evaluation : JSON objects of ``genomehub qc`` and ``genomehub evaluate``
    costs : per stage; not part of the identity
    """

    files: tuple[FileRecord, ...]
    samples: tuple[str, ...] = ()
    dataset: str | None = None
    project: str = DEFAULT_PROJECT
    title: str | None = None
    description: str | None = None
    sex: Sex | None = None
    reference: ReferenceRecord | None = None
    software: Mapping[str, str] = dataclasses.field(default_factory=dict)
    configuration: Any | None = None
    configuration_text: str | None = None
    parents: tuple[str, ...] = ()
    inputs: tuple[FileRecord, ...] = ()
    qc: Mapping[str, Any] | None = None
    evaluation: Mapping[str, Any] | None = None
    costs: tuple[CostRecord, ...] = ()

    def with_files(self, files: tuple[FileRecord, ...], inputs: tuple[FileRecord, ...] = ()) -> "Result":
        """Return this result with its files and inputs, once their checksums are made."""
        return dataclasses.replace(self, files=files, inputs=inputs)


@dataclasses.dataclass(frozen=True)
class EntrySummary:
    """One line of a search: enough to choose, without provenance and quality in full.

    measurements : the values that the search asked for, by name
    """

    id: str
    project: str
    dataset: str
    version: int
    title: str | None
    samples: tuple[str, ...]
    kinds: tuple[str, ...]
    size_bytes: int
    reference: str | None
    registered_at: datetime
    registered_by: str
    superseded_by: str | None
    measurements: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Entry:
    """Everything the catalogue knows about one version of a data set.

    id : SHA-256 of the content (see ``hub/identity.py``), the same in every catalogue
    data_digest : SHA-256 over the files alone
    provenance_digest : SHA-256 over software, configuration, parents and inputs
    supersedes, superseded_by : identifiers of the version before and after
    parents, children : identifiers of the entries this one was made from, and of those made from it
    """

    id: str
    catalogue: str
    project: str
    dataset: str
    dataset_uuid: str
    version: int
    title: str | None
    description: str | None
    samples: tuple[SampleRecord, ...]
    reference: ReferenceRecord | None
    files: tuple[FileRecord, ...]
    inputs: tuple[FileRecord, ...]
    parents: tuple[str, ...]
    children: tuple[str, ...]
    software: dict[str, str]
    configuration: Any | None
    configuration_text: str | None
    qc: dict[str, Any] | None
    evaluation: dict[str, Any] | None
    costs: tuple[CostRecord, ...]
    data_digest: str
    provenance_digest: str
    registered_at: datetime
    registered_by: str
    supersedes: str | None
    superseded_by: str | None


@dataclasses.dataclass(frozen=True)
class Registration:
    """Answer to ``register``.

    outcome : "registered": a new version; else this content was there already: "unchanged", "relocated" (its
        files lie elsewhere now) or "reproduced" (other software, configuration or inputs gave the same)
    """

    entry: Entry
    outcome: Outcome


@dataclasses.dataclass(frozen=True)
class Page:
    """A part of a search's answer; ``total`` counts all that match."""

    entries: tuple[EntrySummary, ...]
    total: int
    limit: int
    offset: int


@dataclasses.dataclass(frozen=True)
class EventRecord:
    """One line of the log; ``entry`` is an identifier."""

    time: datetime
    actor: str
    action: str
    dataset: str | None
    entry: str | None
    detail: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class History:
    """All versions of a data set, oldest first, and what happened to it."""

    project: str
    dataset: str
    dataset_uuid: str
    versions: tuple[EntrySummary, ...]
    events: tuple[EventRecord, ...]


@dataclasses.dataclass(frozen=True)
class FileCheck:
    """What ``verify`` saw of one file; observed values are None where not needed or not to be had."""

    entry: str
    dataset: str
    version: int
    kind: str
    path: Path | str
    state: FileState
    size_bytes: int
    sha256: str
    observed_size_bytes: int | None = None
    observed_sha256: str | None = None


@dataclasses.dataclass(frozen=True)
class Verification:
    """Report of ``verify``.

    records_changed : identifiers of entries whose record no longer gives their identifier or provenance
    problems : sentences about the database and its event log
    """

    n_entries: int
    files: tuple[FileCheck, ...]
    records_changed: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[FileCheck, ...]:
        """Files that are no longer what was registered."""
        return tuple(check for check in self.files if check.state != "unchanged")

    @property
    def holds(self) -> bool:
        """True if everything is as it was registered."""
        return not (self.failed or self.records_changed or self.problems)


def to_json(record: Any) -> Any:
    """Return a record as JSON values: times as ISO 8601 in UTC, paths as text.

    >>> to_json(SampleRecord("NA12878", "female"))
    {'name': 'NA12878', 'sex': 'female'}
    """
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        named = (field.name for field in dataclasses.fields(record) if field.compare)
        return {name: to_json(getattr(record, name)) for name in named}
    if isinstance(record, Mapping):
        return {key: to_json(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [to_json(value) for value in record]
    if isinstance(record, datetime):
        return iso_time(record)
    return str(record) if isinstance(record, Path) else record


def iso_time(time: datetime) -> str:
    """Return a time as ISO 8601 in UTC, to the microsecond, as the event log hashes it."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
