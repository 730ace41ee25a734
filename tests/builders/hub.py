"""A hub for tests: a catalogue with real small results, people of every role, and ways to ask it.

hub_world(folder, url)   a catalogue in ``folder`` (or at ``url``) with two data sets and people
world.client("steward")  an httpx client that asks as that person; world.client() as a visitor
world.serve()            the service on a loopback port, for real clients and browsers
"""

import dataclasses
import uuid
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysam
from builders.hub_server import serving
from fastapi.testclient import TestClient
from sqlalchemy import select

from genomehub.hub import models
from genomehub.hub.access.people import add_person, grant_role, new_token
from genomehub.hub.access.principals import Role
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.checksums import describe_files
from genomehub.hub.records import ReferenceRecord, Result
from genomehub.hub.service.app import create_app
from genomehub.hub.service.context import Hub, open_hub
from genomehub.hub.service.settings import Settings

REFERENCE_DATA = Path(__file__).parents[2] / "reference_data"
#: Names of people; each has the role of that name everywhere, except "colleague": a researcher too.
PEOPLE = {
    "holder": Role.HOLDER, "steward": Role.STEWARD, "researcher": Role.RESEARCHER,
    "colleague": Role.RESEARCHER, "auditor": Role.AUDITOR, "administrator": Role.ADMINISTRATOR,
}  # fmt: skip


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@dataclasses.dataclass
class World:
    """A hub with people.

    tokens : of each person of PEOPLE; people : their numbers in the database
    datasets : identifiers (uuid) by name: "open-door" is published, "back-room" is a draft
    """

    hub: Hub
    folder: Path
    clock: Clock
    tokens: dict[str, str]
    people: dict[str, int]
    datasets: dict[str, str]

    def client(self, person: str | None = None) -> TestClient:
        """Return a client that asks as a person, or as a visitor; errors of ours are raised in the test."""
        headers = {"Authorization": f"Bearer {self.tokens[person]}"} if person else {}
        return TestClient(create_app(self.hub), base_url=self.hub.settings.public_url, headers=headers)

    def dataset(self, session: object, name: str) -> models.Dataset:
        """Return a data set's row."""
        found = select(models.Dataset).where(models.Dataset.uuid == self.datasets[name])
        return session.scalars(found).one()  # type: ignore[attr-defined]

    def permit(
        self, person: str, dataset: str, *, starts: float = -1, ends: float = 30, withdrawn: bool = False
    ) -> str:
        """Give a person a permit for a data set, from and until days from now; return its identifier."""
        now = self.clock()
        with self.hub.database.write() as session:
            study = models.Study(uuid=str(uuid.uuid4()), title="A study", summary="", created_at=now)
            session.add(study)
            session.flush()
            permit = models.Permit(
                uuid=str(uuid.uuid4()), study_id=study.id, duo=["DUO:0000042"], granted_at=now,
                granted_by_id=self.people["steward"], starts_at=now + timedelta(days=starts),
                ends_at=now + timedelta(days=ends), withdrawn_at=now if withdrawn else None,
            )  # fmt: skip
            permit.datasets.append(self.dataset(session, dataset))
            permit.people.append(session.get_one(models.Person, self.people[person]))
            session.add(permit)
            session.add(models.StudyMember(study_id=study.id, person_id=self.people[person], lead=True))
            return permit.uuid

    def serve(self) -> AbstractContextManager[str]:
        """Run the service on a free loopback port and give its address."""
        return serving(self.hub)


def hub_world(folder: Path, url: str | None = None) -> World:
    """Make a hub in ``folder``: its catalogue there, or in the PostgreSQL database of ``url``."""
    catalogue = url or str(folder / "catalogue.sqlite")
    settings = Settings(
        catalogue=catalogue, secret_file=folder / "hub.secret", storage=str(folder / "storage"),
        public_url="http://hub.test", name="Test hub", organisation="Test organisation",
    )  # fmt: skip
    Catalogue.create(catalogue, actor="test").close()
    clock = Clock()
    hub = open_hub(settings, clock)
    names = {"open-door": "published", "back-room": "draft"}
    datasets = {name: _register(hub.catalogue, folder, name) for name in names}
    tokens, people = {}, {}
    with hub.database.write() as session:
        for name, role in PEOPLE.items():
            person = add_person(session, name.title(), f"{name}@hub.test", clock())
            grant_role(session, person, role, None)
            people[name] = person.id
            tokens[name] = new_token(session, person, "tests", clock(), None)
        for name, state in names.items():
            _describe(session, datasets[name], name, state, clock())
    return World(hub, folder, clock, tokens, people, datasets)


def _register(catalogue: Catalogue, folder: Path, name: str) -> str:
    """File one BAM and one VCF with their indexes, real and small, and return the data set's identifier."""
    place = folder / name
    place.mkdir(parents=True)
    bam, vcf = small_bam(place / f"{name}.bam"), small_vcf(place / f"{name}.vcf.gz")
    files = [("bam", bam), ("bai", Path(f"{bam}.bai")), ("vcf", vcf), ("tbi", Path(f"{vcf}.tbi"))]
    result = Result(
        describe_files(files),
        samples=("NA12878",),
        dataset=name,
        project="genomes",
        title=f"Data set {name}",
        reference=ReferenceRecord("kH1a8vFh2hNGLuIBRuVbkCcTyfWHFbwN", "b37 slice", 1, 63_025_520),
        qc={"coverage": {"mean": 52.1}},
    )
    return catalogue.register(result, actor="test").entry.dataset_uuid


def small_bam(path: Path, n_reads: int = 4000) -> Path:
    """Write a sorted, indexed BAM of reads of 100 bp, one each 20 bp from 20:10,000,001 on."""
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "20", "LN": 63_025_520}]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number in range(n_reads):
            read = pysam.AlignedSegment(out.header)
            read.query_name = f"read{number}"
            read.reference_id, read.reference_start = 0, 10_000_000 + 20 * number
            read.mapping_quality, read.cigarstring = 60, "100M"
            read.query_sequence = "ACGT" * 25
            read.query_qualities = pysam.qualitystring_to_array("I" * 100)
            out.write(read)
    pysam.index(str(path))
    return path


def small_vcf(path: Path) -> Path:
    """Copy the truth set of the slice with its index."""
    truth = REFERENCE_DATA / "na12878" / "truth.union.vcf.gz"
    path.write_bytes(truth.read_bytes())
    Path(f"{path}.tbi").write_bytes(Path(f"{truth}.tbi").read_bytes())
    return path


def _describe(session: object, dataset_uuid: str, name: str, state: str, now: datetime) -> None:
    dataset = session.scalars(  # type: ignore[attr-defined]
        select(models.Dataset).where(models.Dataset.uuid == dataset_uuid)
    ).one()
    document = {"title": {"en": f"Data set {name}", "fr": f"Jeu de données {name}"}, "duo": ["DUO:0000042"]}
    description = models.Description(
        dataset_id=dataset.id, version=1, document=document, source="form", created_at=now, created_by="test"
    )
    session.add(description)  # type: ignore[attr-defined]
    session.flush()  # type: ignore[attr-defined]
    session.add(  # type: ignore[attr-defined]
        models.Publication(dataset_id=dataset.id, description_id=description.id, state=state, changed_at=now)
    )
