"""The catalogue: register results, find them, and check that they are still what they were.

>>> import tempfile; from pathlib import Path
>>> from genomehub.hub.checksums import describe_files
>>> folder = Path(tempfile.mkdtemp())
>>> _ = (folder / "NA12878.vcf").write_text("##fileformat=VCFv4.3\\n")
>>> with Catalogue.create(folder / "catalogue.sqlite") as catalogue:
...     result = Result(describe_files([("vcf", folder / "NA12878.vcf")]), samples=("NA12878",))
...     catalogue.register(result).outcome, catalogue.register(result).outcome, catalogue.search("na12").total
('registered', 'unchanged', 1)

Nothing here knows the engine, and importing it loads no Numba, Zarr or pysam.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.hub import filing, lookup, models
from genomehub.hub.database import (
    Change,
    Database,
    Location,
    Tuning,
    initialise,
    locate,
    open_database,
    problems,
)
from genomehub.hub.records import (
    Entry,
    EntrySummary,
    EventRecord,
    History,
    Page,
    Registration,
    Result,
    Verification,
)
from genomehub.hub.search import DEFAULT_LIMIT, Condition, Query, parse_condition, search
from genomehub.hub.verification import event_problems, verify_entries
from genomehub.types import Progress

__all__ = [
    "Catalogue", "Condition", "Entry", "EntrySummary", "EventRecord", "History", "Page", "Query",
    "Registration", "Result", "Verification", "parse_condition",
]  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


class Catalogue:
    """A catalogue in a SQLite file or a PostgreSQL database.

    Use ``Catalogue.open`` or ``Catalogue.create``. Safe to use from several processes at once.

    Attributes
    ----------
    location : where it is
    change : what ``create`` did: "made", "migrated", or "current" if nothing was to be done
    """

    def __init__(self, database: Database, change: Change = "current", clock: Callable[[], datetime] = _now):
        self._database, self._clock = database, clock
        self.location: Location = database.location
        self.change: Change = change

    @classmethod
    def create(cls, catalogue: str | Path, *, actor: str | None = None) -> "Catalogue":
        """Make a catalogue, or migrate it to this version, and open it; harmless if it is there.

        Parameters
        ----------
        catalogue : path of a SQLite file, or ``postgresql://USER@HOST/DATABASE``
        actor : who does it, for the event log; by default the current user

        Raises
        ------
        StoreError
            What is there is damaged, of another program or of a newer version.
        ResourceError
            It cannot be written or reached.
        """
        who = actor or filing.current_actor()

        def changed(session: Session, change: Change) -> None:
            filing.record_schema_change(session, change, who, _now())

        return cls(*initialise(locate(catalogue), changed))

    @classmethod
    def open(cls, catalogue: str | Path, tuning: Tuning | None = None) -> "Catalogue":
        """Open a catalogue that exists and is of this version.

        Parameters
        ----------
        tuning : how its database is used; the default is for commands, not for a service

        Raises
        ------
        NotFoundError
            There is none.
        StoreError
            It is damaged, of another program, or of another version.
        """
        return cls(open_database(locate(catalogue), tuning))

    @property
    def database(self) -> Database:
        """Its database, for the hub's other rooms."""
        return self._database

    def close(self) -> None:
        """Give up the connection to the database."""
        self._database.close()

    def __enter__(self) -> "Catalogue":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def register(
        self, result: Result, *, actor: str | None = None, correct_sex: bool = False
    ) -> Registration:
        """File a result as the newest version of its data set, unless this very content is there already.

        Raises
        ------
        ConfigError
            A name or kind is not allowed, or the data set has no name.
        NotFoundError
            A parent is not in the catalogue.
        InputError
            The sample is known with another sex.
        """
        result = filing.check_result(result)
        who = filing.check_name("actor", actor) if actor else filing.current_actor()
        folder = self.location.folder
        with self._database.write() as session:
            entry, outcome = filing.file_result(
                session, folder, result, who, self._clock(), correct=correct_sex
            )
            session.flush()
            session.expire_all()
            return Registration(lookup.entry_record(session, folder, entry), outcome)

    def get(self, identifier: str) -> Entry:
        """Return the entry of an identifier or of a prefix that only one entry has.

        Raises
        ------
        NotFoundError
            There is none.
        InputError
            Several entries start like this.
        """
        with self._database.read() as session:
            found = lookup.find_entry(session, identifier)
            return lookup.entry_record(session, self.location.folder, found)

    def search(self, query: Query | str = "", *, limit: int = DEFAULT_LIMIT, offset: int = 0) -> Page:
        """Return one page of the entries that match, the newest first; a text is looked for as words."""
        if isinstance(query, str):
            query = Query(text=query)
        with self._database.read() as session:
            return search(session, query, limit, offset)

    def history(self, identifier: str) -> History:
        """Return all versions of the data set that an entry belongs to, and what happened to it."""
        with self._database.read() as session:
            dataset = lookup.find_entry(session, identifier).dataset
            versions = select(models.Entry.id).where(models.Entry.dataset_id == dataset.id)
            ids = session.scalars(versions.order_by(models.Entry.version)).all()
            return History(
                dataset.project.name, dataset.name, dataset.uuid,
                lookup.summaries(session, ids), lookup.events(session, dataset),
            )  # fmt: skip

    def verify(
        self,
        identifiers: Iterable[str] | None = None,
        *,
        all_versions: bool = False,
        threads: int = 1,
        progress: Progress | None = None,
    ) -> Verification:
        """Read the files of entries again and report what is missing or changed.

        Parameters
        ----------
        identifiers : entries; None means all, and then the database and its event log are checked too
        all_versions : with None: also entries that were superseded (whose files may have been replaced)
        """
        if identifiers is not None:
            chosen = [self.get(one) for one in identifiers]
            total = sum(file.size_bytes for entry in chosen for file in entry.files)
            return verify_entries(chosen, total, threads=threads, progress=progress)
        with self._database.read() as session:
            total = lookup.total_bytes(session, all_versions)
        report = verify_entries(self.entries(all_versions), total, threads=threads, progress=progress)
        with self._database.read() as session:
            found = (*problems(self._database), *event_problems(session))
        return Verification(report.n_entries, report.files, report.records_changed, found)

    def entries(self, all_versions: bool = False) -> Iterator[Entry]:
        """Yield all entries, oldest first, each read when it is asked for."""
        last = 0
        while True:
            wanted = select(models.Entry).where(models.Entry.id > last).order_by(models.Entry.id)
            if not all_versions:
                wanted = wanted.where(lookup.is_current())
            with self._database.read() as session:
                rows = session.scalars(wanted.limit(100)).all()
                found = [lookup.entry_record(session, self.location.folder, row) for row in rows]
                last = rows[-1].id if rows else last
            yield from found
            if not rows:
                return
