"""Data sets as RO-Crates: the real rocrate-validator judges them, offline; no person and no place in them.

The validator's store of fetched pages is filled with the one context that crates name, and it is asked to
stay offline: what it would need besides fails the test.
"""

import dataclasses
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from builders.descriptions import na12878, trio
from builders.hub import REFERENCE_DATA
from builders.results import record
from requests_cache import CachedSession
from requests_cache.models import CachedRequest, CachedResponse

import genomehub
from genomehub.hub.description.rdf import to_graph, to_turtle
from genomehub.hub.records import ReferenceRecord, Result
from genomehub.pipeline.workflow import read_run

CONTEXT = Path(__file__).parents[1] / "data" / "ro-crate" / "context-1.1.jsonld"
#: Where files lie and how they are called; of this nothing may be told.
PLACE = "/home/ada-lovelace/cohort-of-lyon/NA12878"
SOFTWARE = {
    "genomehub": genomehub.__version__, "python": "3.11.2", "snakemake": "9.27.1", "numpy": "2.4.6",
    "bwa": "0.7.17",
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """What the validator has fetched before: the context of RO-Crate 1.1."""
    address = "https://w3id.org/ro/crate/1.1/context"
    path = tmp_path_factory.mktemp("validator") / "store"
    with CachedSession(str(path), backend="sqlite") as session:
        page = CachedResponse(
            content=CONTEXT.read_bytes(), status_code=200, url=address,
            headers={"Content-Type": "application/ld+json"},
            request=CachedRequest(method="GET", url=address),
        )  # fmt: skip
        session.cache.save_response(page)
    return path


@dataclasses.dataclass
class Verdict:
    """What the validator says; issues : the sentences of what is wrong."""

    passed: bool
    issues: list[str]


@pytest.fixture
def judge(store, tmp_path):
    """Have the validator judge a zipped crate by a profile."""

    def ask(crate: bytes, profile: str, severity: str = "REQUIRED") -> Verdict:
        # A folder: of a zip, the validator (0.13.0) cannot write its report as JSON.
        folder, report = tmp_path / "crate", tmp_path / "report.json"
        zipfile.ZipFile(io.BytesIO(crate)).extractall(folder)
        command = [str(Path(sys.executable).with_name("rocrate-validator")), "-y", "validate", str(folder)]
        command += ["--offline", "--cache-path", str(store), "-p", profile, "-l", severity]
        command += ["--skip-availability-check", "--output-format", "json", "--output-file", str(report)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        said = json.loads(report.read_text())
        return Verdict(said["passed"], sorted({one["message"] for one in said["issues"]}))

    return ask


def engine(**changes) -> Result:
    """A result as ``genomehub run`` registers the demo's, without files."""
    kinds = ("duplicates", "qc", "cram", "index", "vcz", "vcf", "gvcf")
    files = [record(kind, f"{kind} of {changes}", PLACE) for kind in kinds]
    files = [dataclasses.replace(one, n_files=9) if one.kind in ("qc", "vcz") else one for one in files]
    settings = dict(read_run(REFERENCE_DATA / "demo.yaml").settings)
    said = {
        "samples": ("NA12878",), "dataset": "open-door", "project": "genomes", "software": SOFTWARE,
        "reference": ReferenceRecord("kH1a8vFh2hNGLuIBRuVbkCcTyfWHFbwN", "b37 slice", 1, 63_025_520),
        "configuration": settings, "configuration_text": yaml.safe_dump(settings),
        "inputs": tuple(record("fastq", name, PLACE) for name in ("first", "second")),
    }  # fmt: skip
    return Result(tuple(files), **(said | changes))


def elsewhere() -> Result:
    """A VCF that others made, of which no more is known."""
    return Result((record("vcf", "calls", PLACE),), ("NA12878",), dataset="open-door", project="genomes")


def register(world, result: Result) -> str:
    return world.hub.catalogue.register(result, actor="ada-lovelace").entry.id


def ask(world, tail=".rocrate.zip", person=None, name="open-door", **options):
    return world.client(person).get(f"/api/datasets/{world.datasets[name]}{tail}", **options)


def metadata(world, person=None) -> dict[str, dict]:
    """The entities of a crate by their identifiers."""
    return {one["@id"]: one for one in ask(world, ".rocrate.json", person).json()["@graph"]}


def rewritten(crate: bytes, change=lambda graph: None, without: str | None = None) -> bytes:
    """Return a crate with its entities changed, or without one of its files."""
    source, content = zipfile.ZipFile(io.BytesIO(crate)), io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "ro-crate-metadata.json":
                said = json.loads(data)
                change({one["@id"]: one for one in said["@graph"]})
                data = json.dumps(said).encode()
            if name != without:
                target.writestr(name, data)
    return content.getvalue()


def listed(entity: dict, name: str) -> list[str]:
    """The identifiers that an entity refers to."""
    found = entity.get(name, [])
    return [one["@id"] for one in (found if isinstance(found, list) else [found])]


# ------------------------------------------------------------------------------------ conformance


def describe(world, document) -> None:
    client, address = world.client("holder"), f"/api/datasets/{world.datasets['open-door']}"
    client.put(f"{address}/description", json=document.model_dump(mode="json"))
    assert client.post(f"{address}/publish").status_code == 200


@pytest.mark.parametrize("described", [False, True])
def test_engine__is_a_workflow_run_crate(sqlite_world, judge, described):
    register(sqlite_world, engine())
    if described:
        describe(sqlite_world, na12878())
    verdict = judge(ask(sqlite_world).content, "workflow-run-crate")
    assert verdict.issues == []
    assert verdict.passed


def test_engine_of_another_version__is_a_process_run_crate(sqlite_world, judge):
    register(sqlite_world, engine(software=SOFTWARE | {"genomehub": "0.0.9"}))
    crate = ask(sqlite_world).content
    assert judge(crate, "process-run-crate").issues == []
    entities = metadata(sqlite_world)
    assert entities["https://github.com/genomehub/genomehub"]["softwareVersion"] == "0.0.9"
    assert "mainEntity" not in entities["./"]
    assert zipfile.ZipFile(io.BytesIO(crate)).namelist() == [
        "ro-crate-metadata.json", "ro-crate-preview.html",
    ]  # fmt: skip


def test_made_elsewhere__is_a_plain_crate(sqlite_world, judge):
    register(sqlite_world, elsewhere())
    assert judge(ask(sqlite_world).content, "ro-crate-1.1").issues == []
    entities = metadata(sqlite_world)
    assert "conformsTo" not in entities["./"]
    assert not [one for one in entities.values() if one["@type"] == "CreateAction"]


def test_restricted__says_who_may_use_it_and_how(sqlite_world, judge):
    register(sqlite_world, elsewhere())
    describe(sqlite_world, na12878())
    assert judge(ask(sqlite_world).content, "ro-crate-1.1").issues == []
    entities = metadata(sqlite_world)
    root = entities["./"]
    assert root["isAccessibleForFree"] is False
    assert root["conditionsOfAccess"] == "Name the source in papers."
    assert entities[root["license"]["@id"]]["name"].startswith("Access by permit")
    assert [entities[one]["name"] for one in listed(root, "usageInfo")] == [
        "General research use", "Non-commercial use only",
    ]  # fmt: skip


def test_described_only__names_the_forms_in_which_others_have_it(sqlite_world, judge):
    turtle = to_turtle(to_graph(trio(), "https://provider.test/trio", for_hdh=True))
    holder = sqlite_world.client("holder")
    answer = holder.post("/ingest/datasets", content=turtle, headers={"Content-Type": "text/turtle"})
    sqlite_world.datasets["open-door"] = answer.json()["id"]
    assert holder.post(f"/api/datasets/{answer.json()['id']}/publish").status_code == 200
    assert judge(ask(sqlite_world).content, "ro-crate-1.1").issues == []
    forms = [one for one in metadata(sqlite_world).values() if one["@type"] in ("File", "DataDownload")]
    assert len(forms) == len(trio().distributions) > 0


def test_recommended__what_we_leave_out_on_purpose(sqlite_world, judge):
    """Beside where links lead, which cannot be tried offline."""
    register(sqlite_world, engine())
    describe(sqlite_world, na12878())
    verdict = judge(ask(sqlite_world).content, "workflow-run-crate", "RECOMMENDED")
    assert [one for one in verdict.issues if "is not available" not in one] == [
        # Folders have the address of their DRS object; the reference and unnamed inputs have none.
        "Every Data Entity Directory URI SHOULD end with `/`",
        # Who ran it is a person.
        "The Action SHOULD have an agent that is a Person or Organization",
        # bwa: we know its name and version only.
        "The Application SHOULD have a url",
        # There is no such file; the shape's target is its name.
        "The README.md SHOULD be about the crate",
        "The README.md SHOULD have text/markdown as its encodingFormat",
        # bwa, and the workflow, which is a file of the crate.
        "The SoftwareApplication id SHOULD be an absolute URI",
    ]


@pytest.mark.parametrize(
    ("change", "without", "issue"),
    [
        (lambda graph: graph["./"].pop("mainEntity"), None, "Main Workflow must be specified"),
        (lambda graph: graph["./"].pop("license"), None, "license"),
        (lambda graph: graph["./"].pop("hasPart"), None, "RootDataEntity"),
        (lambda graph: graph["./"].update(publisher={"name": "nobody"}), None, "not a valid node object"),
        (lambda graph: graph["./"].update(colour="red"), None, "colour"),
        (lambda graph: None, "workflow/Snakefile", "workflow/Snakefile"),
    ],
)
def test_validator__refuses_what_is_broken(sqlite_world, judge, change, without, issue):
    register(sqlite_world, engine())
    verdict = judge(rewritten(ask(sqlite_world).content, change, without), "workflow-run-crate")
    assert not verdict.passed
    assert any(issue in one for one in verdict.issues), verdict.issues


# ------------------------------------------------------------------------------------ what it tells


def test_run__links_inputs_settings_and_results(sqlite_world):
    run = register(sqlite_world, engine())
    entities = metadata(sqlite_world)
    action = next(one for one in entities.values() if one["@type"] == "CreateAction")
    assert listed(entities["./"], "mentions") == ["#reference", action["@id"]]
    assert action["instrument"] == entities["./"]["mainEntity"] == {"@id": "workflow/Snakefile"}
    assert entities["workflow/Snakefile"]["version"] == genomehub.__version__
    settings = {
        entities[one]["name"]: entities[one]["value"]
        for one in listed(action, "object")
        if entities[one]["@type"] == "PropertyValue"
    }
    assert settings == {"alignments": "cram", "aligner": "genomehub", "vcf": True, "gvcf": True}
    assert entities["#reference"]["identifier"] == "kH1a8vFh2hNGLuIBRuVbkCcTyfWHFbwN"
    results = [entities[one] for one in listed(action, "result")]
    cram, vcz = results[2], results[4]
    assert cram["@id"] == f"http://hub.test/files/{run}.3"
    assert cram["identifier"] == f"drs://hub.test/{run}.3"
    assert (cram["@type"], cram["contentSize"], len(cram["sha256"])) == ("File", str(len("cram of {}")), 64)
    assert (vcz["@type"], vcz["@id"]) == ("Dataset", f"http://hub.test/ga4gh/drs/v1/objects/{run}.5")
    for one in (*results, *(entities[one] for one in listed(action, "object"))):
        assert one["exampleOfWork"]["@id"] in entities
    programs = listed(entities["workflow/Snakefile"], "softwareRequirements")
    assert [entities[one]["name"] for one in programs] == [
        "bwa", "numpy", "python", "snakemake",
    ]  # fmt: skip


def test_references__are_all_answered_within(sqlite_world):
    """Every identifier without a scheme that an entity refers to is an entity of the crate."""
    register(sqlite_world, engine())
    describe(sqlite_world, na12878())
    entities = metadata(sqlite_world)
    for entity in entities.values():
        for name in entity.keys() - {"@id", "@type"}:
            values = entity[name] if isinstance(entity[name], list) else [entity[name]]
            for id in (one["@id"] for one in values if isinstance(one, dict)):
                assert id in entities or ":" in id, (entity["@id"], name, id)


@pytest.mark.parametrize("person", [None, "researcher", "holder"])
def test_crate__tells_no_place_and_no_person(sqlite_world, person):
    register(sqlite_world, engine())
    describe(sqlite_world, na12878().model_copy(update={"title": {"en": "A genome"}}))
    sqlite_world.permit("researcher", "open-door")
    archive = zipfile.ZipFile(io.BytesIO(ask(sqlite_world, person=person).content))
    for name in ("ro-crate-metadata.json", "ro-crate-preview.html"):
        said = archive.read(name).decode()
        for secret in ("lovelace", "lyon", "demo.tsv", "slice.bed", str(REFERENCE_DATA), "@genomes.example"):
            assert secret not in said, (name, secret)
        assert str(sqlite_world.folder) not in said


def test_inputs__are_told_one_by_one_to_who_may_read(sqlite_world):
    register(sqlite_world, engine())
    inputs = {person: _inputs(sqlite_world, person) for person in (None, "researcher", "steward")}
    assert inputs[None] == inputs["researcher"] == inputs["steward"]
    assert [(one["name"], one["@type"]) for one in inputs[None]] == [("Reads (FASTQ)", "Dataset")]
    assert not {"contentSize", "sha256"} & inputs[None][0].keys()
    before = ask(sqlite_world, person="researcher").headers["etag"]
    sqlite_world.permit("researcher", "open-door")
    told = _inputs(sqlite_world, "researcher")
    assert [(one["@type"], one["contentSize"]) for one in told] == [("File", "5"), ("File", "6")]
    assert ask(sqlite_world, person="researcher").headers["etag"] != before
    assert _inputs(sqlite_world, "holder") == told


def _inputs(world, person):
    return [one for id, one in metadata(world, person).items() if id.startswith("#input-")]


def test_parents__are_named_if_they_may_be_seen(sqlite_world):
    with sqlite_world.hub.database.read() as session:
        uuids = {name: sqlite_world.dataset(session, name).uuid for name in ("open-door", "back-room")}
    page = sqlite_world.hub.catalogue.search("back-room")
    parent = page.entries[0].id
    register(sqlite_world, engine(parents=(parent,)))
    address = f"http://hub.test/datasets/{uuids['back-room']}"
    assert address not in metadata(sqlite_world)
    assert metadata(sqlite_world, "steward")[address]["@type"] == "CreativeWork"


# ------------------------------------------------------------------------------------ over HTTP


def test_formats__by_suffix_parameter_and_profile(sqlite_world):
    register(sqlite_world, engine())
    first = ask(sqlite_world, ".rocrate.json")
    assert first.headers["content-type"] == 'application/ld+json; profile="https://w3id.org/ro/crate"'
    assert first.headers["content-disposition"] == 'inline; filename="ro-crate-metadata.json"'
    assert ask(sqlite_world, "?format=rocrate").content == first.content
    for profile in ("https://w3id.org/ro/crate", '"https://w3id.org/ro/crate/1.1"',
                    '"http://www.w3.org/ns/json-ld#flattened https://w3id.org/ro/crate"'):  # fmt: skip
        header = {"Accept": f"application/ld+json;profile={profile}, application/json;q=0.5"}
        assert ask(sqlite_world, "", headers=header).content == first.content
    whole = ask(sqlite_world, "", headers={"Accept": "application/zip"})
    assert whole.headers["content-type"] == 'application/zip; profile="https://w3id.org/ro/crate"'
    assert whole.headers["content-disposition"] == 'attachment; filename="ro-crate.zip"'
    archive = zipfile.ZipFile(io.BytesIO(whole.content))
    assert archive.testzip() is None
    assert json.loads(archive.read("ro-crate-metadata.json")) == first.json()
    files = {"ro-crate-preview.html", "workflow/Snakefile", "workflow/rules/align.smk"}
    assert files <= set(archive.namelist())
    assert whole.content == ask(sqlite_world).content
    again = ask(sqlite_world, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("profile", "name"),
    [("https://schema.org/", "schema"), ("http://mlcommons.org/croissant/1.0", "croissant"),
     ("https://example.org/other", "jsonld")],
)  # fmt: skip
def test_formats__other_profiles(sqlite_world, profile, name):
    header = {"Accept": f'application/ld+json; profile="{profile}"'}
    answer = ask(sqlite_world, "", headers=header)
    assert answer.content == ask(sqlite_world, f"?format={name}").content


def test_gate__drafts_and_withdrawn(world):
    assert ask(world, name="back-room").status_code == 404
    assert ask(world, name="back-room", person="steward").status_code == 200
    address = f"/api/datasets/{world.datasets['open-door']}/withdraw"
    assert world.client("holder").post(address, json={"reason": "consent withdrawn"}).status_code == 200
    for tail in (".rocrate.json", ".rocrate.zip"):
        assert ask(world, tail).status_code == 410


def test_crate__opens_no_data_file(sqlite_world):
    for file in (sqlite_world.folder / "open-door").iterdir():
        file.unlink()
    assert ask(sqlite_world).status_code == 200


def test_preview__shows_everything_and_runs_nothing(sqlite_world):
    register(sqlite_world, engine())
    hostile = "Genome</script><script>alert(1)</script>"
    describe(sqlite_world, na12878().model_copy(update={"title": {"en": hostile}}))
    archive = zipfile.ZipFile(io.BytesIO(ask(sqlite_world).content))
    page = archive.read("ro-crate-preview.html").decode()
    assert "<h1>Genome&lt;/script&gt;" in page
    assert page.count("<script") == page.count("</script>") == 1
    text = page.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
    assert json.loads(text) == json.loads(archive.read("ro-crate-metadata.json"))
    entities = json.loads(text)["@graph"]
    assert page.count("<section") == len(entities) - 1  # all but the metadata file itself


def test_page__links_to_the_crate(sqlite_world):
    page = sqlite_world.client().get(f"/datasets/{sqlite_world.datasets['open-door']}").text
    address = f"/api/datasets/{sqlite_world.datasets['open-door']}"
    assert f'href="{address}.rocrate.zip"' in page
    assert f'href="{address}?format=rocrate"' in page
