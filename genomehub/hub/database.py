"""The database behind the catalogue: where it is, its transactions, its schema and what goes wrong with it.

SQLite in one file by default, PostgreSQL by URL. A writer takes the database's write lock at the start
of its transaction (``BEGIN IMMEDIATE``; an advisory lock in PostgreSQL), so version numbers and the event
log stay in order and two jobs that register at once wait for each other instead of failing. SQLite keeps
its rollback journal rather than a write-ahead log: a catalogue often lies on a cluster's shared file system,
where a write-ahead log is not safe between nodes (https://www.sqlite.org/wal.html).
"""

import contextlib
import dataclasses
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

from genomehub.errors import (
    ConfigError,
    GenomehubError,
    InputError,
    NotFoundError,
    ResourceError,
    StoreError,
)
from genomehub.files import require_writable_parent
from genomehub.hub.discovery.indexing import refresh
from genomehub.hub.models import SCHEMA_VERSION, VERSION_TABLE

Change = Literal["made", "migrated", "current"]

#: Seconds to wait for another writer; a registration holds the lock for milliseconds.
LOCK_SECONDS = 60
#: Key of PostgreSQL's advisory lock: "genomhub" as eight ASCII bytes.
_LOCK_KEY = int.from_bytes(b"genomhub", "big")
#: Memory for pages of a SQLite file, in KiB.
_CACHE_KIB = 65536
#: Steps of SQLite's machine between two looks at the clock: a few milliseconds.
_STEPS = 100_000
_UNFIT = (
    "a text or number cannot be kept: it holds the character NUL, half of a character, or is larger than "
    "64 bits. Leave it out."
)
_SQLITE_MAGIC = b"SQLite format 3\x00"
_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclasses.dataclass(frozen=True)
class Tuning:
    """How a process uses the database; the default is for commands, which ask a few questions and end.

    connections : kept open, and at most open at a time; 0 opens one for each transaction
    lock_seconds : to wait for another writer, or for a connection; None means LOCK_SECONDS
    read_seconds : after which a reading transaction's question is broken off; None means never
    """

    connections: int = 0
    lock_seconds: int | None = None
    read_seconds: float | None = None

    @property
    def wait_seconds(self) -> int:
        """Seconds to wait for another writer."""
        return LOCK_SECONDS if self.lock_seconds is None else self.lock_seconds


@dataclasses.dataclass(frozen=True)
class Location:
    """Where a catalogue is. ``file`` and ``folder`` are None for PostgreSQL."""

    url: URL
    file: Path | None

    @property
    def folder(self) -> Path | None:
        """The folder of a catalogue file: paths below it are kept relative to it."""
        return None if self.file is None else self.file.parent

    def __str__(self) -> str:
        return str(self.file) if self.file is not None else self.url.render_as_string(hide_password=True)


def locate(catalogue: str | Path) -> Location:
    """Return where a path or URL points.

    Raises
    ------
    ConfigError
        The URL is neither of SQLite nor of PostgreSQL, or cannot be understood.
    """
    given = str(catalogue)
    if "://" not in given:
        return _sqlite(Path(given))
    try:
        url = make_url(given)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "the catalogue's URL cannot be understood. Give a path, or postgresql://USER@HOST/DATABASE."
        ) from error
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return _sqlite(Path(url.database))
    if backend in ("postgresql", "postgres"):
        return Location(url.set(drivername="postgresql+psycopg"), None)
    raise ConfigError(
        f"{url.render_as_string(hide_password=True)}: a catalogue is a SQLite file or a PostgreSQL database. "
        "Give a path, or postgresql://USER@HOST/DATABASE."
    )


def _sqlite(path: Path) -> Location:
    file = path.expanduser().absolute()
    return Location(URL.create("sqlite", database=str(file)), file)


class Database:
    """Transactions on the catalogue's database; errors of the driver come out as sentences."""

    def __init__(self, location: Location, tuning: Tuning | None = None) -> None:
        self.location, self.tuning = location, tuning or Tuning()
        self._in_use, self._lock = 0, threading.Lock()
        try:
            self._engine = _engine(location, self.tuning)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"{location}: PostgreSQL needs its driver. Install it: pip install 'genomehub[postgresql]'."
            ) from error
        self._writer = self._engine.execution_options(genomehub_writes=True)
        event.listen(self._engine, "checkout", lambda *_: self._count(1))
        event.listen(self._engine, "checkin", lambda *_: self._count(-1))

    @property
    def connections(self) -> int:
        """How many connections are in use now."""
        return self._in_use

    def _count(self, change: int) -> None:
        with self._lock:
            self._in_use += change

    def close(self) -> None:
        """Give up all connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that reads one state of the database and writes nothing."""
        with self._sentences(), Session(self._engine) as session:
            yield session
            session.rollback()

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session that holds the write lock and commits at the end, or leaves no trace.

        What was changed is indexed for search before the commit.
        """
        with self._sentences(), Session(self._writer) as session, session.begin():
            yield session
            refresh(session)

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield a bare connection with the write lock, for the schema."""
        with self._sentences(), self._writer.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # a mistake of ours, not of the user's: it must be seen whole
        except (UnicodeEncodeError, OverflowError) as error:
            raise InputError(_UNFIT) from error
        except SQLAlchemyError as error:
            sentence = _sentence(error, self.location, self.tuning)
            if sentence is None:
                raise
            raise sentence from error


def open_database(location: Location, tuning: Tuning | None = None) -> Database:
    """Return the database of an existing catalogue of this program's schema version.

    Raises
    ------
    NotFoundError
        There is none.
    StoreError
        It is damaged, foreign, or of an older or newer schema version.
    """
    if location.file is not None:
        _check_file(location.file)
    database = Database(location, tuning)
    try:
        with database.read() as session:
            _check_version(session.connection(), location)
    except GenomehubError:
        database.close()
        raise
    return database


def initialise(location: Location, changed: Callable[[Session, Change], None]) -> tuple[Database, Change]:
    """Make the catalogue, or migrate it to this version; say which. Harmless when nothing is to be done.

    Parameters
    ----------
    location : where
    changed : called in the same transaction after the schema was made or migrated

    Raises
    ------
    StoreError
        What is there is damaged, of another program, or of a newer version.
    ResourceError
        It cannot be written.
    """
    if location.file is not None:
        require_writable_parent(location.file)
        if location.file.exists() and (location.file.is_dir() or location.file.stat().st_size):
            _check_file(location.file)
    database = Database(location)
    try:
        with database.connection() as connection:
            version = schema_version(connection)
            if version is None and inspect(connection).get_table_names():
                raise _foreign(location)
            if version is not None and version > SCHEMA_VERSION:
                raise _newer(location, version)
            if version == SCHEMA_VERSION:
                return database, "current"
            change: Change = "made" if version is None else "migrated"
            migrate(connection)
            with Session(connection) as session:
                changed(session, change)
                refresh(session)
                session.flush()
    except GenomehubError:
        database.close()
        raise
    return database, change


def schema_version(connection: Connection) -> str | None:
    """Return the catalogue's schema version, None if this is no catalogue."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the schema to ``revision`` inside the connection's transaction."""
    from alembic import command  # only here: opening a catalogue does not need it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def problems(database: Database) -> list[str]:
    """Return what SQLite's own check finds wrong in the file; nothing for PostgreSQL."""
    if database.location.file is None:
        return []
    with database.read() as session:
        rows = session.execute(text("PRAGMA integrity_check(10)")).scalars().all()
    return [f"{database.location}: {row}" for row in rows if row != "ok"]


def _engine(location: Location, tuning: Tuning) -> Engine:
    pool: dict[str, Any] = {} if location.file is None else {"poolclass": NullPool}
    if tuning.connections:
        pool = {
            "poolclass": QueuePool, "pool_size": tuning.connections, "max_overflow": 0,
            "pool_timeout": tuning.wait_seconds,
        }  # fmt: skip
    if location.file is None:
        engine = create_engine(location.url, pool_pre_ping=True, **pool)
    else:
        arguments = {"timeout": tuning.wait_seconds, "check_same_thread": False}
        engine = create_engine(location.url, connect_args=arguments, **pool)
        event.listen(engine, "connect", _prepare_sqlite)
        if tuning.connections:
            event.listen(engine, "connect", _share_cache)
    event.listen(engine, "begin", _begin(tuning))
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where _begin says, not where the driver guesses
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")  # its default of 2 MB slows large catalogues
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows only ASCII


def _share_cache(connection: sqlite3.Connection, _record: Any) -> None:
    """Connections that are kept have an eighth of the cache each, so that their sum is bounded."""
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB // 8}")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _begin(tuning: Tuning) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("genomehub_writes", False)
        if connection.dialect.name == "sqlite":
            _limit_sqlite(connection, None if writes else tuning.read_seconds)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
        elif writes:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{tuning.wait_seconds}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if tuning.read_seconds is not None:
                milliseconds = int(1000 * tuning.read_seconds)
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")

    return begin


def _limit_sqlite(connection: Connection, seconds: float | None) -> None:
    """Let SQLite break off what takes longer; it asks every so many steps of its machine."""
    driver: Any = connection.connection.driver_connection
    if seconds is None:
        driver.set_progress_handler(None, 0)
        return
    until = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS)


def _check_file(file: Path) -> None:
    if file.is_dir():
        raise InputError(
            f"{file}: is a folder; a catalogue is a file. Name one, such as {file}/catalogue.sqlite."
        )
    if not file.exists():
        raise NotFoundError(f"{file}: no catalogue there. Make it: genomehub hub init --catalogue {file}.")
    try:
        with file.open("rb") as handle:
            magic = handle.read(len(_SQLITE_MAGIC))
    except OSError as error:
        raise ResourceError(f"{file}: cannot be read ({error.strerror}). Check its permissions.") from error
    if not magic:
        raise StoreError(
            f"{file}: is empty, no catalogue yet. Make it: genomehub hub init --catalogue {file}."
        )
    if magic != _SQLITE_MAGIC:
        raise StoreError(
            f"{file}: is not a SQLite database (it starts with {magic[:8]!r}), so no catalogue. "
            "Name another file, or restore it from a backup if it was one."
        )


def _check_version(connection: Connection, location: Location) -> None:
    version = schema_version(connection)
    if version is None and not inspect(connection).get_table_names():
        raise NotFoundError(
            f"{location}: an empty database, no catalogue yet. "
            f"Make it: genomehub hub init --catalogue {location}."
        )
    if version is None:
        raise _foreign(location)
    if version > SCHEMA_VERSION:
        raise _newer(location, version)
    if version < SCHEMA_VERSION:
        raise StoreError(
            f"{location}: has schema version {version}; this genomehub needs {SCHEMA_VERSION}. "
            f"Migrate it: genomehub hub init --catalogue {location}."
        )


def _foreign(location: Location) -> StoreError:
    return StoreError(
        f"{location}: holds tables of another program and no catalogue; nothing was changed. "
        "Name another file or database."
    )


def _newer(location: Location, version: str) -> StoreError:
    return StoreError(
        f"{location}: has schema version {version}, made by a newer genomehub; this one knows versions up to "
        f"{SCHEMA_VERSION}. Update it: pip install --upgrade genomehub."
    )


def _sentence(error: SQLAlchemyError, location: Location, tuning: Tuning) -> GenomehubError | None:
    """Return the driver's error as one of ours; None if it is not foreseen."""
    if isinstance(error, PoolTimeoutError):
        return ResourceError(
            f"{location}: all {tuning.connections} connections were busy for {tuning.wait_seconds} s. "
            "Try again later, or raise database_connections."
        )
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    if location.file is not None:
        return _sqlite_sentence(error.orig, location, tuning)
    return _postgresql_sentence(error.orig, location, tuning)


def _sqlite_sentence(error: BaseException, location: Location, tuning: Tuning) -> GenomehubError | None:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ResourceError(
            f"{location}: another process has held the catalogue for {tuning.wait_seconds} s. "
            "Run the same command again when it is done."
        )
    if name.startswith("SQLITE_INTERRUPT"):
        return _too_long(location, tuning)
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH")):
        return ResourceError(f"{location}: cannot be opened or written ({error}). Check its permissions.")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return ResourceError(
            f"{location}: cannot be written ({error}). Nothing was changed; free some space, then run the "
            "same command again."
        )
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR")):
        return StoreError(f"{location}: the catalogue is damaged ({error}). Restore it from a backup.")
    return None


def _postgresql_sentence(error: BaseException, location: Location, tuning: Tuning) -> GenomehubError | None:
    state = getattr(error, "sqlstate", None) or ""
    reason = " ".join(str(error).split())
    if state.startswith("22") or (not state and "NUL" in reason):
        return InputError(_UNFIT)
    if state == "57014":
        return _too_long(location, tuning)
    if state == "3D000" or (not state and "does not exist" in reason and "database" in reason):
        return NotFoundError(f"{location}: no such database ({reason}). Make it with PostgreSQL's createdb.")
    if not state or state.startswith(("08", "28", "57P")):
        return ResourceError(
            f"{location}: the database cannot be reached ({reason}). Check host, port, user and password."
        )
    if state == "55P03":
        return ResourceError(
            f"{location}: another process has held the catalogue for {tuning.wait_seconds} s. "
            "Run the same command again when it is done."
        )
    if state.startswith(("53", "42501", "25006")):
        return ResourceError(f"{location}: the database refuses ({reason}). Check space and permissions.")
    if state.startswith(("42", "XX")):
        return StoreError(f"{location}: the catalogue is damaged ({reason}). Restore it from a backup.")
    return None


def _too_long(location: Location, tuning: Tuning) -> ResourceError:
    return ResourceError(
        f"{location}: a question took longer than {tuning.read_seconds:g} s and was broken off. "
        "Ask for less at a time."
    )
