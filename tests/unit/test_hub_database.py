"""Opening catalogues: what is damaged, foreign, older, newer, missing or locked gets a sentence."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from builders.results import result

from genomehub.errors import ConfigError, InputError, NotFoundError, ResourceError, StoreError
from genomehub.hub import database, models
from genomehub.hub.catalogue import Catalogue


@pytest.fixture
def path(tmp_path):
    with Catalogue.create(tmp_path / "catalogue.sqlite") as catalogue:
        catalogue.register(result())
    return tmp_path / "catalogue.sqlite"


def _execute(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_import__loads_no_engine():
    code = (
        "import sys, genomehub.hub.catalogue; heavy = ('numba', 'zarr', 'pysam', 'dask', 'distributed', "
        "'snakemake', 'matplotlib', 'pandas', 'alembic'); print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_schema_version__is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(database._MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [models.SCHEMA_VERSION]
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)
    assert {len(revision) for revision in revisions} == {4}


def test_downgrade__is_refused(path):
    from genomehub.hub.migrations.versions import v0001_first_catalogue as first

    with pytest.raises(NotImplementedError, match="restore a backup"):
        first.downgrade()


# ------------------------------------------------------------------------------------------ where it is


def test_locate__path_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("c.sqlite", Path("c.sqlite"), "sqlite:///c.sqlite", f"sqlite:///{tmp_path}/c.sqlite"):
        location = database.locate(given)
        assert (location.file, location.folder) == (tmp_path / "c.sqlite", tmp_path)


def test_locate__postgresql_hides_its_password():
    location = database.locate("postgresql://ada:secret@host:5433/hub")
    assert (location.file, location.folder) == (None, None)
    assert location.url.drivername == "postgresql+psycopg"
    assert "secret" not in str(location)
    assert database.locate("postgres://host/hub").url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize("url", ["mysql://host/hub", "sqlite://", "sqlite:///:memory:", "http://host/x"])
def test_locate__other_databases(url):
    with pytest.raises(ConfigError, match="a SQLite file or a PostgreSQL database"):
        database.locate(url)


def test_locate__nonsense():
    with pytest.raises(ConfigError, match="cannot be understood"):
        database.locate("postgresql://host:port/x")


def test_open__postgresql_without_its_driver(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'genomehub\[postgresql\]'"):
        Catalogue.open("postgresql://host/hub")


def test_open__postgresql_that_is_not_there(tmp_path):
    with pytest.raises(ResourceError, match="the database cannot be reached"):
        Catalogue.open(f"postgresql://ada@/hub?host={tmp_path}")


# ------------------------------------------------------------------------------------------ what is there


def test_open__missing(tmp_path):
    with pytest.raises(NotFoundError, match=r"no catalogue there\. Make it: genomehub hub init --catalogue"):
        Catalogue.open(tmp_path / "catalogue.sqlite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("use", [Catalogue.open, Catalogue.create])
def test_open__folder(tmp_path, use):
    with pytest.raises(InputError, match=r"is a folder; a catalogue is a file"):
        use(tmp_path)


def test_open__empty_file_can_be_initialised(tmp_path):
    (tmp_path / "c.sqlite").touch()
    with pytest.raises(StoreError, match="is empty, no catalogue yet"):
        Catalogue.open(tmp_path / "c.sqlite")
    with Catalogue.create(tmp_path / "c.sqlite") as catalogue:
        assert catalogue.change == "made"


@pytest.mark.parametrize("use", [Catalogue.open, Catalogue.create])
def test_open__no_database(tmp_path, use):
    (tmp_path / "c.sqlite").write_text("##fileformat=VCFv4.3\n")
    with pytest.raises(StoreError, match="is not a SQLite database"):
        use(tmp_path / "c.sqlite")
    assert (tmp_path / "c.sqlite").read_text() == "##fileformat=VCFv4.3\n"


@pytest.mark.parametrize("use", [Catalogue.open, Catalogue.create])
def test_open__database_of_another_program(tmp_path, use):
    _execute(tmp_path / "c.sqlite", "CREATE TABLE bookmarks (url TEXT)")
    before = (tmp_path / "c.sqlite").read_bytes()
    with pytest.raises(StoreError, match="holds tables of another program"):
        use(tmp_path / "c.sqlite")
    assert (tmp_path / "c.sqlite").read_bytes() == before


@pytest.mark.parametrize("use", [Catalogue.open, Catalogue.create])
def test_open__newer_schema(path, use):
    _execute(path, "UPDATE genomehub_schema SET version_num = '9999'")
    with pytest.raises(StoreError, match="version 9999, made by a newer genomehub"):
        use(path)


def test_open__older_schema(path):
    _execute(path, "UPDATE genomehub_schema SET version_num = '0000'")
    with pytest.raises(StoreError, match="has schema version 0000; this genomehub needs"):
        Catalogue.open(path)


@pytest.mark.parametrize("use", [Catalogue.open, Catalogue.create])
def test_open__truncated(path, use):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match="the catalogue is damaged"):
        use(path)


def test_use__damaged_page(path):
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(StoreError, match="the catalogue is damaged"), Catalogue.open(path) as catalogue:
        catalogue.register(result("other"))


def test_use__table_lost(path):
    _execute(path, "DROP TABLE measurement")
    with (
        Catalogue.open(path) as catalogue,
        pytest.raises(StoreError, match=r"damaged \(no such table: measurement"),
    ):
        catalogue.register(result("other", qc={"a": 1}))


def test_verify__sqlite_finds_its_own_damage(path):
    _execute(
        path,
        "PRAGMA writable_schema = ON",
        "DELETE FROM sqlite_schema WHERE name = 'ix_file_sha256'",
    )
    with Catalogue.open(path) as catalogue:
        assert any("never used" in problem for problem in catalogue.verify().problems)


def test_use__held_by_another_process(path, monkeypatch):
    monkeypatch.setattr(database, "LOCK_SECONDS", 0)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ResourceError, match="another process has held the catalogue"):
        Catalogue.open(path)
    holder.close()


def test_use__read_only_file(path, monkeypatch):
    """As root every file can be written, so SQLite is told to refuse."""
    with Catalogue.open(path) as catalogue:
        prepare = database._prepare_sqlite

        def refuse(connection, record):
            prepare(connection, record)
            connection.execute("PRAGMA query_only = ON")

        database.event.listen(catalogue._database._engine, "connect", refuse)
        with pytest.raises(ResourceError, match="cannot be opened or written"):
            catalogue.register(result("other"))
        assert catalogue.search().total == 1


def test_create__folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="cannot be written"):
        Catalogue.create(tmp_path / "file" / "catalogue.sqlite")


def test_create__disk_full_leaves_no_catalogue(tmp_path, monkeypatch):
    prepare = database._prepare_sqlite

    def small(connection, record):
        prepare(connection, record)
        connection.execute("PRAGMA max_page_count = 5")

    monkeypatch.setattr(database, "_prepare_sqlite", small)
    with pytest.raises(ResourceError, match=r"database or disk is full.*Nothing was changed"):
        Catalogue.create(tmp_path / "c.sqlite")
    monkeypatch.undo()
    with pytest.raises(StoreError, match="is empty, no catalogue yet"):
        Catalogue.open(tmp_path / "c.sqlite")
    with Catalogue.create(tmp_path / "c.sqlite") as catalogue:
        assert catalogue.change == "made"


def test_register__disk_full_changes_nothing(path, monkeypatch):
    prepare = database._prepare_sqlite

    def small(connection, record):
        prepare(connection, record)
        connection.execute("PRAGMA max_page_count = 1")  # not below what is there

    monkeypatch.setattr(database, "_prepare_sqlite", small)
    large = result("other", configuration_text="x" * 1_000_000)
    with Catalogue.open(path) as catalogue:
        with pytest.raises(ResourceError, match="database or disk is full"):
            catalogue.register(large)
        assert catalogue.search().total == 1


# ------------------------------------------------------------------------------------------ paths


def test_paths__folder_moves_with_its_catalogue(tmp_path):
    from builders.results import written

    (tmp_path / "results" / "NA12878").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    with Catalogue.create(tmp_path / "results" / "catalogue.sqlite") as catalogue:
        inside = catalogue.register(written(tmp_path / "results" / "NA12878", "inside")).entry
        outside = catalogue.register(written(tmp_path / "outside", "outside")).entry
    shutil.move(tmp_path / "results", tmp_path / "archive")
    with Catalogue.open(tmp_path / "archive" / "catalogue.sqlite") as catalogue:
        assert catalogue.verify().holds
        assert catalogue.get(inside.id).files[0].path == tmp_path / "archive" / "NA12878" / "inside.vcz"
        assert catalogue.get(outside.id).files == outside.files


def test_paths__symbolic_links(tmp_path):
    from genomehub.hub.filing import stored_path

    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "sub" / "a.bam").symlink_to("/elsewhere/b.bam")
    through_link, direct = tmp_path / "link" / "sub" / "a.bam", tmp_path / "real" / "sub" / "a.bam"
    for folder in (tmp_path / "real", tmp_path / "link"):
        assert {stored_path(folder, file) for file in (through_link, direct)} == {("sub/a.bam", True)}
    assert stored_path(tmp_path / "real" / "sub" / "x", direct) == (str(direct), False)
    assert stored_path(None, direct) == (str(direct), False)


def test_actor__from_environment_or_login(monkeypatch):
    from genomehub.hub.filing import current_actor

    monkeypatch.setenv("GENOMEHUB_ACTOR", "ada")
    assert current_actor() == "ada"
    monkeypatch.delenv("GENOMEHUB_ACTOR")
    monkeypatch.setattr("getpass.getuser", lambda: "bob")
    assert current_actor() == "bob"

    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert current_actor().startswith("uid ")
