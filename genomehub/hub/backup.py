"""Backup of a catalogue, and back: consistent while others write, compared with its checksum, then checked.

A backup is a folder (or a .tar of it): the database as SQLite's online copy or PostgreSQL's own dump,
``backup.json`` that says what it is, and, if wanted, the service's key and settings. Data files are not in
it: they are written once and never changed, so any tool that copies new files keeps them.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, inspect, select

from genomehub import __version__
from genomehub.errors import ConfigError, ConflictError, InputError, ResourceError, StoreError
from genomehub.files import atomic_output, require_writable_parent
from genomehub.hub import models
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.database import LOCK_SECONDS, Database, Location, locate, problems, schema_version
from genomehub.hub.models import SCHEMA_VERSION
from genomehub.hub.verification import event_problems

FORMAT = "genomehub-backup/1"
_MANIFEST, _SQLITE, _POSTGRESQL = "backup.json", "catalogue.sqlite", "catalogue.pgdump"
_SECRET, _SETTINGS = "hub.secret", "hub.toml"
_TAR = (".tar", ".tar.gz")


@dataclasses.dataclass(frozen=True)
class Backup:
    """What a backup holds.

    database : "sqlite" or "postgresql"; sha256 : of its file; parts : other files in it
    """

    catalogue: str
    schema: str
    database: str
    sha256: str
    n_entries: int
    n_events: int
    made_at: str
    version: str
    parts: tuple[str, ...]
    format: str = FORMAT


def backup(
    catalogue: str,
    target: str | os.PathLike[str],
    *,
    secret: Path | None = None,
    settings: Path | None = None,
) -> Backup:
    """Write a backup of a catalogue; whole or not at all, and others may write meanwhile.

    Parameters
    ----------
    target : a folder that is not there yet, or the name of a .tar or .tar.gz
    secret, settings : the service's key and settings, to be kept with it

    Raises
    ------
    ConflictError
        The target is there.
    StoreError
        The copy is not a sound catalogue.
    ResourceError
        It cannot be written.
    """
    target = Path(target)
    if target.exists():
        raise ConflictError(f"{target}: is there already; a backup overwrites nothing. Give another name.")
    with Catalogue.open(catalogue) as opened:
        location = opened.location
    with atomic_output(target) as temporary:
        folder = temporary if not target.name.endswith(_TAR) else temporary.with_name(f"{temporary.name}.d")
        try:
            folder.mkdir()
            made = _write(location, folder, {_SECRET: secret, _SETTINGS: settings})
            if folder is not temporary:
                _pack(folder, temporary, target.name.endswith("gz"))
        finally:
            if folder is not temporary:
                shutil.rmtree(folder, ignore_errors=True)
    return made


def _write(location: Location, folder: Path, others: dict[str, Path | None]) -> Backup:
    parts = []
    for name, source in others.items():
        if source is not None:
            if not source.is_file():
                raise InputError(f"{source}: no such file to keep with the backup. Check the path.")
            shutil.copyfile(source, folder / name)
            (folder / name).chmod(0o600)
            parts.append(name)
    if location.file is not None:
        copy, kind = folder / _SQLITE, "sqlite"
        _copy_sqlite(location.file, copy)
        facts = _sound(locate(copy))
    else:
        copy, kind = folder / _POSTGRESQL, "postgresql"
        _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={copy}"], location)
        facts = _sound(location)
    made = Backup(
        **facts, database=kind, sha256=_sha256(copy), made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__, parts=tuple(parts),
    )  # fmt: skip
    (folder / _MANIFEST).write_text(json.dumps(dataclasses.asdict(made), indent=2) + "\n", "utf-8")
    for path in folder.iterdir():
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
    return made


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database while others may write to it: they wait for the copy, which takes one state."""
    try:
        with (
            contextlib.closing(
                sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=LOCK_SECONDS)
            ) as old,
            contextlib.closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        raise ResourceError(f"{source}: cannot be copied ({error}). Check space and permissions.") from error


def _run(command: list[str], location: Location) -> None:
    """Run one of PostgreSQL's own programs; the password goes by the environment, where none sees it."""
    url = location.url
    environment = {**os.environ, "PGCONNECT_TIMEOUT": "30"}
    if url.password is not None:
        environment["PGPASSWORD"] = str(url.password)
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    plain = plain.replace(":***@", "@")
    try:
        done = subprocess.run(
            [*command, f"--dbname={plain}"], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ConfigError(
            f"{command[0]}: is not installed; PostgreSQL's own program makes and reads its backups. Install "
            "postgresql-client of the server's version."
        ) from error
    if done.returncode:
        reason = " ".join(done.stderr.split())[:300]
        raise ResourceError(f"{location}: {command[0]} failed ({reason}).")


def _sound(location: Location) -> dict[str, Any]:
    """Return what a catalogue holds, if it and its event log are sound."""
    database = Database(location)
    try:
        with database.read() as session:
            schema = schema_version(session.connection())
            if schema is None or schema > SCHEMA_VERSION:
                raise StoreError(
                    f"{location}: has schema {schema}; this genomehub knows up to {SCHEMA_VERSION}."
                )
            found = [*problems(database), *event_problems(session)]
            if found:
                raise StoreError(f"{location}: is not sound: {found[0]} Make or take another backup.")
            return {
                "catalogue": session.scalars(select(models.CatalogueInfo.uuid)).one(),
                "schema": schema,
                "n_entries": session.scalar(select(func.count(models.Entry.id))) or 0,
                "n_events": session.scalar(select(func.count(models.Event.id))) or 0,
            }
    finally:
        database.close()


def _pack(folder: Path, target: Path, compressed: bool) -> None:
    with tarfile.open(target, "w:gz" if compressed else "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)


def restore(source: str | os.PathLike[str], catalogue: str) -> Backup:
    """Make a catalogue from a backup, where there is none; check it, and return what it holds.

    The service's key and settings, if they are in it, are put beside a catalogue file unless they are there.

    Raises
    ------
    InputError
        It is no backup, or not what its checksum says.
    ConflictError
        There is a catalogue.
    StoreError
        What was restored is not sound; it is taken away again.
    """
    location = locate(catalogue)
    with _opened(Path(source)) as folder:
        made = _read_manifest(folder, Path(source))
        if made.database == "sqlite":
            if location.file is None:
                raise ConfigError(f"{source}: is of a SQLite catalogue; name a file to restore it to.")
            _restore_sqlite(folder, location.file, made)
        else:
            if location.file is not None:
                raise ConfigError(
                    f"{source}: is of a PostgreSQL catalogue; name postgresql://USER@HOST/DATABASE."
                )
            _restore_postgresql(folder, location)
        facts = _sound(location)
        if (facts["n_entries"], facts["n_events"]) != (made.n_entries, made.n_events) and not (
            made.database == "postgresql" and facts["n_events"] <= made.n_events
        ):
            raise StoreError(f"{source}: gave {facts['n_entries']} entries; {made.n_entries} were expected.")
        if location.folder is not None:
            for name in made.parts:
                if name in (_SECRET, _SETTINGS) and not (beside := location.folder / name).exists():
                    shutil.copyfile(folder / name, beside)
                    beside.chmod(0o600)
    return made


def _restore_sqlite(folder: Path, target: Path, made: Backup) -> None:
    if target.exists():
        raise ConflictError(f"{target}: is there; nothing is overwritten. Move it away first.")
    require_writable_parent(target)
    with atomic_output(target) as temporary:
        shutil.copyfile(folder / _SQLITE, temporary)
        _sound(locate(temporary))


def _restore_postgresql(folder: Path, location: Location) -> None:
    database = Database(location)
    try:
        with database.connection() as connection:
            if inspect(connection).get_table_names():
                raise ConflictError(
                    f"{location}: has tables; nothing is overwritten. Make an empty one: createdb."
                )
    finally:
        database.close()
    _run(["pg_restore", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error",
          str(folder / _POSTGRESQL)], location)  # fmt: skip


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield source
        return
    with tempfile.TemporaryDirectory() as place:
        try:
            with tarfile.open(source) as archive:
                for name in (_MANIFEST, _SQLITE, _POSTGRESQL, _SECRET, _SETTINGS):  # and nothing else
                    # No links, no devices: Python's filter for them came with 3.11.4.
                    if name in archive.getnames() and (content := archive.extractfile(name)):
                        with content, (Path(place) / name).open("wb") as kept:
                            shutil.copyfileobj(content, kept)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise InputError(f"{source}: is no backup that can be read ({error}). Name another.") from error
        yield Path(place)


def _read_manifest(folder: Path, source: Path) -> Backup:
    try:
        content = json.loads((folder / _MANIFEST).read_text("utf-8"))
        made = Backup(**{**content, "parts": tuple(content["parts"])})
        copy = folder / {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[made.database]
        found = _sha256(copy)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{source}: is no backup that can be read ({type(error).__name__}: {error}). Name another."
        ) from error
    if made.format != FORMAT:
        raise StoreError(f"{source}: is a {made.format}; this genomehub reads {FORMAT}. Update it.")
    if found != made.sha256:
        raise InputError(
            f"{source}: is damaged: its database is not what its checksum says. Take another backup."
        )
    return made


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
