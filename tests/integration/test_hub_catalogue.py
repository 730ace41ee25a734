"""The catalogue's contract, on SQLite and on a real PostgreSQL server: the same tests on both."""

import dataclasses
import itertools
import multiprocessing
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from builders import postgresql
from builders.catalogue_processes import create, register_some
from builders.results import REFERENCE, record, result, written
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from genomehub.errors import ConfigError, InputError, NotFoundError
from genomehub.hub import models
from genomehub.hub.catalogue import Catalogue, Query, parse_condition
from genomehub.hub.records import CostRecord, SampleRecord, to_json
from genomehub.hub.search import MAXIMAL_LIMIT


@pytest.fixture(scope="session")
def server():
    with postgresql.cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.parity)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "catalogue.sqlite")
    return postgresql.emptied(request.getfixturevalue("server"))


@pytest.fixture
def catalogue(url):
    with Catalogue.create(url, actor="steward") as made:
        yield made


# ------------------------------------------------------------------------------------------ the schema


def test_create__made_then_current(url):
    for change in ("made", "current", "current"):
        with Catalogue.create(url) as opened:
            assert opened.change == change
            assert opened.search().total == 0


def test_create__migrated_schema_is_that_of_the_models(catalogue):
    with catalogue._database.connection() as connection:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "version_table": models.VERSION_TABLE,
            # words for search: each database keeps them its own way
            "include_object": lambda _one, name, *_: (
                not str(name).startswith(("search_text", "ix_search_text"))
            ),
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, models.Model.metadata) == []


def test_open__empty_database(url):
    with pytest.raises(NotFoundError, match="Make it: genomehub hub init --catalogue"):
        Catalogue.open(url)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET actor = 'nobody'",
        "DELETE FROM event",
        "UPDATE entry SET registered_by = 'nobody'",
    ],
)
def test_triggers__database_refuses_to_rewrite_the_past(catalogue, statement):
    catalogue.register(result())
    refused = pytest.raises(DBAPIError, match=r"catalogue: (events are only|entries are never)")
    with refused, catalogue._database._writer.begin() as connection:
        connection.execute(text(statement))


# ------------------------------------------------------------------------------------------ registering

FULL = {
    "title": "NA12878, 30x",
    "description": "Demo\nof two lines",
    "sex": "female",
    "reference": REFERENCE,
    "software": {"genomehub": "0.1.0"},
    "configuration": {"call": {"ploidy": 2, "threshold": 1e-7}, "list": [1, 2.0, None]},
    "configuration_text": "call: {ploidy: 2}",
    "inputs": (record("fastq", "r1"), record("fastq", "r2")),
    "qc": {"coverage": {"mean": 31.5, "histogram": [1, 2, 3]}, "small": 1e22},
    "evaluation": {"snv": {"f1": 0.99}},
    "costs": (CostRecord("align", 10.5, 20.25, 2**33, 1, 2), CostRecord("call", core_seconds=3.0)),
}


def test_register__everything_comes_back(catalogue):
    given = result(**FULL)
    entry = catalogue.register(given, actor="ada").entry
    assert catalogue.get(entry.id) == entry
    assert entry.samples == (SampleRecord("NA12878", "female"),)
    kept = ["files", *(set(FULL) - {"sex"})]
    assert {name: getattr(entry, name) for name in kept} == {name: getattr(given, name) for name in kept}
    assert (entry.project, entry.dataset, entry.version) == ("default", "NA12878", 1)
    assert (entry.registered_by, entry.supersedes, entry.superseded_by) == ("ada", None, None)
    assert abs(datetime.now(UTC) - entry.registered_at) < timedelta(minutes=1)
    assert to_json(entry)["registered_at"].endswith("Z")


def test_register__same_content_is_one_entry(catalogue):
    first = catalogue.register(result(**FULL))
    again = catalogue.register(result(**{**FULL, "costs": ()}))
    assert (first.outcome, again.outcome) == ("registered", "unchanged")
    assert again.entry == first.entry
    assert catalogue.search(Query(all_versions=True)).total == 1


def test_register__other_run_of_same_content_is_noted_once(catalogue):
    entry = catalogue.register(result(software={"genomehub": "0.1.0"})).entry
    for _ in range(2):
        again = catalogue.register(result(software={"genomehub": "0.2.0"}), actor="bob")
        assert (again.outcome, again.entry) == ("reproduced", entry)
    events = catalogue.history(entry.id).events
    assert [(event.action, event.actor) for event in events][1:] == [("reproduce", "bob")]
    assert events[1].detail["software"] == {"genomehub": "0.2.0"}


def test_register__other_content_is_the_next_version(catalogue):
    first, second, third = (catalogue.register(result(content)).entry for content in ("a", "bc", "def"))
    assert [entry.version for entry in (first, second, third)] == [1, 2, 3]
    assert second.supersedes == first.id
    assert catalogue.get(second.id).superseded_by == third.id
    assert catalogue.get(first.id).superseded_by == second.id
    assert {first.dataset_uuid, third.dataset_uuid} == {second.dataset_uuid}
    past = catalogue.history(first.id)
    assert [version.id for version in past.versions] == [first.id, second.id, third.id]
    assert [event.action for event in past.events] == ["register"] * 3


def test_register__content_of_a_former_version_stays_that_version(catalogue):
    first = catalogue.register(result("a")).entry
    second = catalogue.register(result("bc")).entry
    back = catalogue.register(result("a"))
    assert (back.outcome, back.entry.id, back.entry.superseded_by) == ("unchanged", first.id, second.id)


def test_register__only_quality_changed_is_a_new_version_of_the_same_data(catalogue):
    first = catalogue.register(result(qc={"coverage": {"mean": 30}})).entry
    second = catalogue.register(result(qc={"coverage": {"mean": 31}})).entry
    assert second.version == 2
    assert second.data_digest == first.data_digest
    assert second.id != first.id


def test_register__title_belongs_to_the_data_set(catalogue):
    catalogue.register(result(title="Old title"))
    again = catalogue.register(result(title="New title", description="Now described"))
    assert (again.outcome, again.entry.title) == ("unchanged", "New title")
    event = catalogue.history(again.entry.id).events[-1]
    assert event.action == "describe"
    assert event.detail == {"title": ["Old title", "New title"], "description": [None, "Now described"]}


def test_register__same_name_in_another_project_is_another_sample(catalogue):
    one = catalogue.register(result(sex="female")).entry
    other = catalogue.register(result(sex="male", project="trio")).entry
    assert one.id != other.id
    assert (other.version, other.samples) == (1, (SampleRecord("NA12878", "male"),))


def test_register__cohort(catalogue):
    samples = ("NA12892", "NA12878", "NA12891")
    cohort = dataclasses.replace(result("trio"), samples=samples, dataset="trio")
    entry = catalogue.register(cohort).entry
    assert [sample.name for sample in entry.samples] == sorted(samples)
    assert catalogue.search(Query(sample="NA12891")).entries[0].id == entry.id


def test_register__parents(catalogue):
    first = catalogue.register(result("a", "NA12891")).entry
    second = catalogue.register(result("b", "NA12892")).entry
    made = dataclasses.replace(
        result("c"), samples=(), dataset="cohort", parents=(first.id[:12], second.id, first.id)
    )
    entry = catalogue.register(made).entry
    assert entry.parents == (first.id, second.id)
    assert catalogue.get(first.id).children == (entry.id,)
    assert catalogue.register(made).outcome == "unchanged"


def test_register__unknown_parent_leaves_no_trace(catalogue):
    with pytest.raises(NotFoundError, match="no entry has an identifier that starts with 'abcdef'"):
        catalogue.register(result(project="new", parents=("abcdef",)))
    assert catalogue.search().total == 0
    with catalogue._database.read() as session:
        assert session.query(models.Project).count() == 0


def test_register__sex_that_differs_is_refused_or_corrected(catalogue):
    catalogue.register(result(sex="female"))
    with pytest.raises(InputError, match="known as female, not male, so nothing was registered"):
        catalogue.register(result("other", sex="male"))
    assert catalogue.search().entries[0].version == 1
    entry = catalogue.register(result("other", sex="male"), correct_sex=True).entry
    assert (entry.version, entry.samples[0].sex) == (2, "male")


def test_register__unknown_sex_claims_nothing(catalogue):
    for told, known in [
        ("unknown", "unknown"),
        ("female", "female"),
        ("unknown", "female"),
        (None, "female"),
    ]:
        assert catalogue.register(result(sex=told)).entry.samples[0].sex == known


def test_register__files_that_moved(catalogue):
    given = result("x", inputs=(record("fastq", "r1"),))
    entry = catalogue.register(given).entry
    moved = given.with_files((record("bam", "x", "/archive"),), given.inputs)
    again = catalogue.register(moved)
    assert again.outcome == "relocated"
    assert (again.entry.id, again.entry.files[0].path) == (entry.id, moved.files[0].path)
    assert again.entry.inputs == given.inputs
    event = catalogue.history(entry.id).events[-1]
    assert event.action == "relocate"
    assert event.detail == {"files": [[str(given.files[0].path), str(moved.files[0].path)]]}
    assert catalogue.register(moved).outcome == "unchanged"


def test_register__many_values(catalogue):
    qc = {f"contig{n}": {"mean": float(n), "depth": 1} for n in range(2500)}
    catalogue.register(result(qc=qc))
    assert catalogue.search(Query(where=(parse_condition("contig2499.mean=2499"),))).total == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": ()}, "needs at least one file"),
        ({"files": (record("bam", "x"), record("vcf", "x", "/data"))}, None),
        ({"files": (record("bam", "x"), record("bam", "x"))}, "is named twice as a file"),
        ({"files": (record("BAM", "x"),)}, "'BAM' cannot be a kind of file"),
        ({"files": (dataclasses.replace(record("bam", "x"), sha256="x"),)}, "a SHA-256 are expected"),
        ({"samples": ("a", "a")}, "a sample is named twice"),
        ({"samples": ()}, "needs a name: --dataset NAME"),
        ({"samples": ("a", "b"), "dataset": "x", "sex": "male"}, "for a result of one sample only"),
        ({"samples": (" a",)}, "' a' cannot be the name of the sample"),
        ({"project": ""}, "'' cannot be the name of the project"),
        ({"dataset": "x" * 201}, "cannot be the name of the dataset"),
        ({"dataset": "a\x1b[31m"}, "cannot be the name of the dataset"),
        ({"title": "a\x1b[31m"}, "the title holds control characters"),
        ({"costs": (CostRecord(""),)}, "cannot be the name of the stage"),
    ],
)
def test_register__wrong_description(catalogue, change, message):
    given = dataclasses.replace(result(), **change)
    if message is None:
        assert catalogue.register(given).outcome == "registered"
        return
    with pytest.raises(ConfigError, match=message):
        catalogue.register(given)
    assert catalogue.search().total == 0


# ------------------------------------------------------------------------------------------ finding


def test_get__prefix(catalogue):
    entry = catalogue.register(result()).entry
    assert catalogue.get(entry.id[:1]) == catalogue.get(entry.id.upper()[:20]) == entry


def test_get__ambiguous(catalogue):
    ids = [catalogue.register(result(str(n))).entry.id for n in range(20)]
    first = next(id[0] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
    with pytest.raises(InputError, match=f"several entries start with '{first}': .* Give more digits"):
        catalogue.get(first)


def test_get__unknown(catalogue):
    with pytest.raises(NotFoundError, match="no entry has an identifier that starts with '00'"):
        catalogue.get("00")
    for nonsense in ("NA12878", "", "%", "ab'; DROP TABLE entry; --"):
        with pytest.raises(NotFoundError, match="is no identifier of an entry"):
            catalogue.get(nonsense)


@pytest.fixture
def filled(catalogue):
    days = itertools.count()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    catalogue._clock = lambda: start + timedelta(days=next(days))
    for n, sample in enumerate(["NA12878", "NA12891", "NA12892"]):
        catalogue.register(
            result(f"v1 {sample}", sample, title=f"Genome of {sample}", qc={"coverage": {"mean": 10.0 * n}})
        )
    catalogue.register(result("v2 of NA12878", qc={"coverage": {"mean": 40.5}}, reference=REFERENCE))
    catalogue.register(result("É", "S_1%", project="Étude", title="Séquençage à l'Hôpital"))
    return catalogue


def _found(page):
    return [(entry.dataset, entry.version) for entry in page.entries]


def test_search__newest_first_and_only_current(filled):
    assert _found(filled.search()) == [("S_1%", 1), ("NA12878", 2), ("NA12892", 1), ("NA12891", 1)]
    everything = filled.search(Query(all_versions=True))
    assert _found(everything)[-1] == ("NA12878", 1)
    assert everything.entries[-1].superseded_by == filled.search("NA12878").entries[0].id


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query("na128"), ["NA12878", "NA12892", "NA12891"]),
        (Query("GENOME na12892"), ["NA12892"]),
        (Query("genome étude"), []),
        (Query("hôpital"), ["S_1%"]),
        (Query("SÉQUENÇAGE"), ["S_1%"]),
        (Query("étude"), ["S_1%"]),
        (Query("_1%"), ["S_1%"]),
        (Query("A_28"), []),
        (Query("'"), ["S_1%"]),
        (Query('"; DROP TABLE entry'), []),
        (Query(sample="NA12891"), ["NA12891"]),
        (Query(sample="na12891"), []),
        (Query(project="Étude"), ["S_1%"]),
        (Query(kind="bam", sample="NA12878"), ["NA12878"]),
        (Query(kind="vcz"), []),
        (Query(reference="kH1a8v"), ["NA12878"]),
        (Query(reference="GRCh38"), ["NA12878"]),
        (Query(reference="KH1A8V"), []),
        (Query(since=datetime(2026, 1, 4, tzinfo=UTC)), ["S_1%", "NA12878"]),
        (Query(where=(parse_condition("coverage.mean>=20"),)), ["NA12878", "NA12892"]),
        (Query(where=(parse_condition("coverage.mean>20"),)), ["NA12878"]),
        (Query(where=(parse_condition("coverage.mean!=20"),)), ["NA12878", "NA12891"]),
        (
            Query(where=(parse_condition("coverage.mean<=20"), parse_condition("coverage.mean>10"))),
            ["NA12892"],
        ),
    ],
)
def test_search__filters(filled, query, found):
    assert [entry.dataset for entry in filled.search(query).entries] == found


def test_search__values_asked_for_are_shown(filled):
    page = filled.search(Query("NA12892", where=(parse_condition("coverage.mean=20"),)))
    assert page.entries[0].measurements == {"coverage.mean": 20.0}


def test_search__value_that_no_entry_has(filled):
    with pytest.raises(NotFoundError, match=r"no entry has a value 'coverage\.men'.*coverage\.mean"):
        filled.search(Query(where=(parse_condition("coverage.men>1"),)))


def test_search__value_in_an_empty_catalogue(catalogue):
    assert catalogue.search(Query(where=(parse_condition("coverage.mean>1"),))).total == 0


def test_search__pages(filled):
    whole = filled.search(Query(all_versions=True))
    parts = [filled.search(Query(all_versions=True), limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [len(part.entries) for part in parts] == [2, 2, 1, 0]
    assert {part.total for part in parts} == {5}
    assert tuple(entry for part in parts for entry in part.entries) == whole.entries


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (MAXIMAL_LIMIT + 1, 0), (1, -1), (1, 2**62)])
def test_search__pages_are_bounded(catalogue, limit, offset):
    with pytest.raises(ConfigError, match="a page has 1 to 1000 entries"):
        catalogue.search(limit=limit, offset=offset)


# ------------------------------------------------------------------------------------------ verifying


def test_verify__everything_holds(catalogue, tmp_path):
    for sample in ("a", "b", "c"):
        catalogue.register(written(tmp_path, sample))
    report = catalogue.verify(threads=2)
    assert report.holds
    assert (report.n_entries, len(report.files), report.failed) == (3, 6, ())


def test_verify__what_is_no_longer_true(catalogue, tmp_path):
    entry = catalogue.register(written(tmp_path)).entry
    other = catalogue.register(written(tmp_path, "other")).entry
    chunk, vcf = tmp_path / "NA12878.vcz" / "call_genotype" / "0", tmp_path / "NA12878.vcf"
    chunk.write_text("CALLS")
    vcf.unlink()
    report = catalogue.verify([entry.id])
    assert [(check.kind, check.state) for check in report.files] == [
        ("vcz", "content changed"),
        ("vcf", "missing"),
    ]
    assert not report.holds
    vcf.write_text("longer than it was")
    chunk.write_text("calls")
    assert [check.state for check in catalogue.verify().failed] == ["size changed"]
    vcf.unlink()
    vcf.mkdir()
    assert [check.state for check in catalogue.verify([entry.id]).failed] == ["missing"]
    assert catalogue.verify([other.id[:20]]).holds


def test_verify__unreadable(catalogue, tmp_path, monkeypatch):
    entry = catalogue.register(written(tmp_path)).entry

    def fail(path, advance, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("genomehub.hub.verification.checksum", fail)
    assert {check.state for check in catalogue.verify([entry.id]).files} == {"unreadable"}


def test_verify__superseded_only_when_asked(catalogue, tmp_path):
    catalogue.register(written(tmp_path, content="first"))
    catalogue.register(written(tmp_path, content="second, longer"))
    assert catalogue.verify().holds
    report = catalogue.verify(all_versions=True)
    assert {(check.version, check.state) for check in report.failed} == {(1, "size changed")}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sample SET name = 'somebody'",
        "UPDATE file SET sha256 = replace(sha256, 'a', 'b')",
        "UPDATE file SET kind = 'bam' WHERE kind = 'vcf'",
        "DELETE FROM entry_sample",
    ],
)
def test_verify__record_edited_in_the_database(catalogue, tmp_path, statement):
    entry = catalogue.register(written(tmp_path)).entry
    with catalogue._database.connection() as connection:
        connection.execute(text(statement))
    assert catalogue.verify([entry.id]).records_changed == (entry.id,)


def test_verify__event_log_edited(catalogue):
    catalogue.register(result())
    assert catalogue.verify().problems == ()
    with catalogue._database.connection() as connection:
        drop = "DROP TRIGGER event_no_update"
        connection.execute(text(drop if connection.dialect.name == "sqlite" else f"{drop} ON event"))
        connection.execute(text("UPDATE event SET actor = 'nobody' WHERE id = 1"))
    (problem,) = catalogue.verify().problems
    assert "does not fit together at event 1 (create)" in problem


# ------------------------------------------------------------------------------------------ at once


def test_register__processes_at_once(catalogue, url):
    n_processes, n_results = 3, 8
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(n_processes)
    jobs = [
        context.Process(target=register_some, args=(url, process, n_results, barrier))
        for process in range(n_processes)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(120)
    assert [job.exitcode for job in jobs] == [0] * n_processes
    past = catalogue.history(catalogue.search(Query(sample="NA12878")).entries[0].id)
    assert [version.version for version in past.versions] == list(range(1, n_processes * n_results + 1))
    assert catalogue.search(Query(sample="shared", all_versions=True)).total == 1
    assert catalogue.verify([past.versions[0].id]).records_changed == ()
    assert catalogue.verify().problems == ()


def test_create__processes_at_once(url):
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(3), context.Queue()
    jobs = [context.Process(target=create, args=(url, barrier, answers)) for _ in range(3)]
    for job in jobs:
        job.start()
    assert sorted(answers.get(timeout=60) for _ in jobs) == ["current", "current", "made"]
    for job in jobs:
        job.join(60)
