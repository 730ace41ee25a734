"""Backups while others write, and back; migration of the first catalogue."""

import json
import shutil
import tarfile
import threading
import uuid
from datetime import UTC, datetime

import pytest
from builders import postgresql
from builders.results import result
from sqlalchemy import text
from sqlalchemy.orm import Session

from genomehub import cli
from genomehub.errors import ConfigError, ConflictError, InputError, StoreError
from genomehub.hub.backup import backup, restore
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.database import Database, locate, migrate
from genomehub.hub.filing import EventLog
from genomehub.hub.identity import data_digest, entry_digest, provenance_digest
from genomehub.hub.records import FileRecord


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "catalogue.sqlite")
    return postgresql.emptied(request.getfixturevalue("postgresql_url"))


def elsewhere(url, tmp_path):
    """A place of the same kind with nothing in it."""
    if "://" not in url:
        return str(tmp_path / "restored" / "catalogue.sqlite")
    return postgresql.emptied(url)


@pytest.mark.parametrize("name", ["kept", "kept.tar", "kept.tar.gz"])
def test_backup__while_others_write_and_back(url, tmp_path, name):
    stop, failures = threading.Event(), []

    def write(number):
        i = 0
        with Catalogue.open(url) as catalogue:
            while not stop.is_set():
                try:
                    catalogue.register(result(f"{number}.{i}", sample=f"s{number}.{i % 7}"), actor="writer")
                except Exception as error:
                    failures.append(error)
                    return
                i += 1

    with Catalogue.create(url, actor="test") as catalogue:
        for i in range(50):
            catalogue.register(result(f"x{i}", sample=f"x{i}"), actor="test")
        writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
        for writer in writers:
            writer.start()
        made = backup(url, tmp_path / name)
        stop.set()
        for writer in writers:
            writer.join()
        assert failures == []
        last = catalogue.search(limit=1).total
    assert 50 <= made.n_entries <= last
    target = elsewhere(url, tmp_path)
    assert restore(tmp_path / name, target) == made
    with Catalogue.open(target) as catalogue:
        assert catalogue.search(limit=1).total == made.n_entries or "://" in url
        report = catalogue.verify([])
        assert (report.records_changed, catalogue.verify().problems) == ((), ())
        assert catalogue.register(result("later", sample="later"), actor="test").outcome == "registered"


def test_backup__keeps_secret_and_settings_for_their_owner_only(tmp_path):
    Catalogue.create(tmp_path / "c.sqlite", actor="test").close()
    (tmp_path / "hub.secret").write_text("k" * 40)
    (tmp_path / "my.toml").write_text("name = 'x'\n")
    backup(
        str(tmp_path / "c.sqlite"),
        tmp_path / "b",
        secret=tmp_path / "hub.secret",
        settings=tmp_path / "my.toml",
    )
    restore(tmp_path / "b", str(tmp_path / "new" / "c.sqlite"))
    assert (tmp_path / "new" / "hub.secret").read_text() == "k" * 40
    assert (tmp_path / "new" / "hub.secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new" / "hub.toml").read_text() == "name = 'x'\n"


def test_restore__refuses_what_is_no_backup_or_would_overwrite(tmp_path):
    here = str(tmp_path / "c.sqlite")
    Catalogue.create(here, actor="test").close()
    backup(here, tmp_path / "b")
    with pytest.raises(ConflictError, match="overwrites nothing"):
        backup(here, tmp_path / "b")
    with pytest.raises(ConflictError, match="is there; nothing is overwritten"):
        restore(tmp_path / "b", here)
    with pytest.raises(ConfigError, match="is of a SQLite catalogue"):
        restore(tmp_path / "b", "postgresql://x@nowhere/y")
    with pytest.raises(InputError, match="is no backup that can be read"):
        restore(tmp_path / "c.sqlite", str(tmp_path / "d.sqlite"))
    with pytest.raises(InputError, match="no such file to keep"):
        backup(here, tmp_path / "b2", secret=tmp_path / "gone")
    assert not (tmp_path / "b2").exists()
    copy = tmp_path / "b" / "catalogue.sqlite"
    copy.write_bytes(copy.read_bytes()[:-100])
    with pytest.raises(InputError, match="is not what its checksum says"):
        restore(tmp_path / "b", str(tmp_path / "d.sqlite"))
    manifest = tmp_path / "b" / "backup.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": "genomehub-backup/9"}))
    with pytest.raises(StoreError, match="this genomehub reads genomehub-backup/1"):
        restore(tmp_path / "b", str(tmp_path / "d.sqlite"))
    assert not (tmp_path / "d.sqlite").exists()


def test_restore__of_a_hostile_archive_takes_nothing_else(tmp_path):
    (tmp_path / "x").write_text("evil")
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.add(tmp_path / "x", "../evil")
    with pytest.raises(InputError, match="is no backup that can be read"):
        restore(tmp_path / "b.tar", str(tmp_path / "d.sqlite"))
    assert not (tmp_path.parent / "evil").exists()


def test_backup__without_the_tools_of_postgresql(postgresql_url, tmp_path, monkeypatch):
    url = postgresql.emptied(postgresql_url)
    Catalogue.create(url, actor="test").close()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(ConfigError, match="pg_dump: is not installed"):
            backup(url, tmp_path / "b")
    backup(url, tmp_path / "b")
    with pytest.raises(ConflictError, match="has tables; nothing is overwritten"):
        restore(tmp_path / "b", url)
    with pytest.raises(ConfigError, match="is of a PostgreSQL catalogue"):
        restore(tmp_path / "b", str(tmp_path / "d.sqlite"))
    dump = tmp_path / "b" / "catalogue.pgdump"
    assert shutil.which("pg_dump")
    assert dump.stat().st_size > 1000


def test_cli__backup_restore_clean(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for command, told in (
        (["init"], "made the catalogue"),
        (["backup", "b.tar"], "backed up to b.tar: 0 entries, 1 events, schema 0010"),
        (["restore", "b.tar", "--catalogue", "new/c.sqlite"], "restored from b.tar: 0 entries, 1 events"),
        (["clean", "--catalogue", "new/c.sqlite"], "removed 0 expired uploads, 0 orphaned folders"),
    ):
        assert cli.run(["hub", *command]) == 0
        assert told in capsys.readouterr().out
    assert cli.run(["hub", "backup", "b.tar"]) == 3


# --------------------------------------------------------------------------------------- migrations


def first_catalogue(url):
    """Make a catalogue as the first version did: through its own migration, with rows of its tables only."""
    database = Database(locate(url))
    with database.connection() as connection:
        migrate(connection, "0001")

        def insert(table, **row):
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)

        when = "2026-11-20 10:00:00+00:00"
        insert("catalogue", id=1, uuid=str(uuid.UUID(int=7)), created_at=when)
        insert("project", id=1, name="trio", created_at=when)
        insert("reference", id=1, digest="kH1a8v", name="b37", n_contigs=1, length_bp=63_025_520)
        insert("sample", id=1, project_id=1, name="NA12878", sex="female")
        insert(
            "dataset", id=1, uuid=str(uuid.UUID(int=8)), project_id=1, name="NA12878", title="Élan",
            description=None, created_at=when,
        )  # fmt: skip
        made = _entries()
        for number, entry in enumerate(made, start=1):
            insert(
                "entry", id=number, **entry["digests"], dataset_id=1, version=number,
                supersedes_id=None if number == 1 else number - 1, reference_id=1, registered_at=when,
                registered_by="ada", software='{"python": "3.11"}', configuration='{"call": {"ploidy": 2}}',
                configuration_text="call:\n", qc='{"coverage": {"mean": 31.25}}', evaluation=None,
            )  # fmt: skip
            insert("entry_sample", entry_id=number, sample_id=1)
            insert(
                "file", id=number, entry_id=number, role="result", kind="bam", path=f"/data/{number}.bam",
                relative=False, size_bytes=number, sha256=entry["sha256"], n_files=None,
            )  # fmt: skip
            insert("stage_cost", id=number, entry_id=number, stage="align", core_seconds=12.5)
        insert("measure", id=1, name="coverage.mean")
        for number in (1, 2):
            insert("measurement", entry_id=number, measure_id=1, value=31.25)
    return database, made


def _entries():
    made = []
    for number in (1, 2):
        file = FileRecord("bam", f"/data/{number}.bam", number, f"{number}" * 64)
        identity = entry_digest(
            project="trio", dataset="NA12878", samples=["NA12878"], reference="kH1a8v", files=[file],
            qc={"coverage": {"mean": 31.25}}, evaluation=None,
        )  # fmt: skip
        provenance = provenance_digest(
            software={"python": "3.11"}, configuration={"call": {"ploidy": 2}}, configuration_text="call:\n",
            parents=[], inputs=[],
        )  # fmt: skip
        digests = {"digest": identity, "data_digest": data_digest([file]), "provenance_digest": provenance}
        made.append({"digests": digests, "sha256": file.sha256})
    return made


def test_migration__of_the_first_catalogue_keeps_everything(url):
    database, made = first_catalogue(url)
    if "://" in url:  # rows that were given numbers do not move PostgreSQL's counters
        with database.connection() as connection:
            for table in (
                "project",
                "reference",
                "sample",
                "dataset",
                "entry",
                "file",
                "stage_cost",
                "measure",
            ):
                connection.execute(
                    text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
                )
    with database.connection() as connection, Session(connection) as session:
        log = EventLog(session, "ada", datetime.now(UTC))
        log.append("create", None, None, {"schema": "0001"})
        log.append("register", None, None, {"version": 1})
    before = _rows(database)
    database.close()
    with pytest.raises(StoreError, match="has schema version 0001; this genomehub needs 0010"):
        Catalogue.open(url)
    with Catalogue.create(url, actor="test") as catalogue:
        assert catalogue.change == "migrated"
        after = _rows(catalogue.database)
        assert {table: after[table][: len(rows)] for table, rows in before.items()} == before
        entry = catalogue.get(made[1]["digests"]["digest"])
        assert (entry.title, entry.version, entry.supersedes) == ("Élan", 2, made[0]["digests"]["digest"])
        assert (entry.samples[0].sex, entry.costs[0].core_seconds) == ("female", 12.5)
        assert catalogue.search("na12878").total == 1
        report = catalogue.verify()
        assert (report.records_changed, report.problems) == ((), ())
        history = [event.action for event in catalogue.history(entry.id).events]
        assert history == []
        new = catalogue.register(result("new", project="trio"), actor="test")
        assert (new.outcome, new.entry.version) == ("registered", 3)
        assert catalogue.verify().problems == ()


def _rows(database):
    tables = (
        "catalogue", "project", "reference", "sample", "dataset", "entry", "file", "stage_cost", "measure",
        "measurement", "entry_sample", "event",
    )  # fmt: skip
    with database.read() as session:
        return {
            table: [tuple(row) for row in session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))]
            for table in tables
        }
