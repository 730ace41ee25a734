"""Which descriptions satisfy which profiles, and what is said of those that do not."""

import importlib
import importlib.resources
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from builders.descriptions import na12878, trio
from builders.hub import small_vcf
from rdflib import Graph

from genomehub.hub.catalogue import Catalogue
from genomehub.hub.checksums import describe_files
from genomehub.hub.description.document import DatasetDescription, Distribution, Table, in_language
from genomehub.hub.description.fields import PROFILES, form_fields, form_groups, label_of, part_fields
from genomehub.hub.description.known import from_entry, merge, shown
from genomehub.hub.description.rdf import to_graph
from genomehub.hub.description.validation import conforms, validate
from genomehub.hub.description.vocabularies import LANGUAGES, vocabularies, vocabulary
from genomehub.hub.records import ReferenceRecord, Result

SUBJECT = "https://hub.test/datasets/1"


@pytest.fixture
def entry(tmp_path):
    """NA12878 as the workflow registers it."""
    vcf = small_vcf(tmp_path / "NA12878.vcf.gz")
    folder = tmp_path / "NA12878.vcz"
    folder.mkdir()
    (folder / "zarr.json").write_text("{}")
    files = [("vcf", vcf), ("tbi", tmp_path / "NA12878.vcf.gz.tbi"), ("vcz", folder)]
    result = Result(
        describe_files(files),
        samples=("NA12878",),
        reference=ReferenceRecord("kH1a8vFh2hNGLuIBRuVbkCcTyfWHFbwN", "b37", 1, 63_025_520),
        software={"genomehub": "0.5.0", "bwa-mem3": "0.4.4"},
        qc={"coverage": {"mean": 30.2}, "summary": {"ti_tv": 2.05}},
    )
    with Catalogue.create(tmp_path / "catalogue.sqlite") as catalogue:
        return catalogue.register(result).entry


# ------------------------------------------------------------------------------------ the profiles


@pytest.mark.parametrize("profile", PROFILES)
def test_validate__trio_satisfies(profile):
    assert validate(trio(), SUBJECT, [profile]) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_validate__na12878_over_what_the_engine_knows_satisfies(profile, entry):
    document = merge(na12878(), from_entry(entry, "https://hub.test/datasets/1"))
    assert validate(document, SUBJECT, [profile]) == []


@pytest.mark.parametrize("make", [na12878, trio])
def test_validate__one_graph_satisfies_all(make, entry):
    graph = to_graph(merge(make(), from_entry(entry, "https://hub.test/page")), SUBJECT)
    assert [profile for profile in PROFILES if not conforms(graph, profile)[0]] == []


def test_validate__the_french_client_s_own_check_agrees(entry):
    dh_healthdcat = importlib.import_module("dh_healthdcat.validate.shacl")
    for document in (trio(), merge(na12878(), from_entry(entry, "https://hub.test/page"))):
        assert dh_healthdcat.validate_graph(to_graph(document, SUBJECT, for_hdh=True)).conforms


def test_shapes__of_the_french_profile_are_those_of_its_client():
    importlib.import_module("dh_healthdcat")
    theirs = (
        importlib.resources.files("dh_healthdcat.validate") / "shapes/hdap-validator-sensitivity-shape.ttl"
    )
    ours = importlib.resources.files("genomehub.hub.description") / "shapes/hdh.ttl"
    assert ours.read_text("utf-8") == theirs.read_text("utf-8")


def test_validate__public_data_need_less():
    document = trio().model_copy(update={"access_rights": "PUBLIC", "keywords": {}, "provenance": {}})
    assert validate(document, SUBJECT, ["healthdcat-ap"]) == []
    hidden = document.model_copy(update={"access_rights": "NON_PUBLIC"})
    fields = [one.field for one in validate(hidden, SUBJECT, ["healthdcat-ap"])]
    assert fields == ["keywords", "provenance"]


@pytest.mark.parametrize("field", sorted(name for name, one in form_fields().items() if one.required))
def test_validate__each_required_field_is_found_missing(field):
    if field in ("title", "access_rights"):
        return  # no document lacks these
    empty = DatasetDescription.model_fields[field].get_default(call_default_factory=True)
    document = trio().model_copy(update={field: empty})
    for profile in form_fields()[field].required:
        found = [one for one in validate(document, SUBJECT, [profile]) if one.field == field]
        assert found, f"{profile}: {field}"
        assert all(found[0].remedy.values())


def test_validate__form_marks_what_the_profiles_require():
    document = DatasetDescription(title={"en": "x"})
    asked = {(one.field, profile) for one in validate(document, SUBJECT) for profile in one.profiles}
    marked = {(name, profile) for name, one in form_fields().items() for profile in one.required}
    marked -= {(name, profile) for name, profile in marked if name in ("title", "access_rights")}
    assert {one for one in asked if "." not in one[0]} == marked


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"themes": ["https://a.test/theme"]}, "themes", "must have http.*data-theme/HEAL"),
        ({"themes": ["https://a.test/theme"]}, "themes", "https://a.test/theme is not of the list"),
        ({"health_categories": ["https://a.test/c"]}, "health_categories", "is not of the list"),
        ({"health_themes": ["https://a.test/c"]}, "health_themes", "is not of the list"),
        ({"personal_data": ["https://a.test/c"]}, "personal_data", "has not the form asked for"),
        ({"frequency": "https://a.test/c"}, "frequency", "is not of the list"),
        ({"types": [vocabulary("dataset-types").iri(code) for code in ("NAL", "HVD")]}, "types", "at most 1"),
        ({"structured": True, "tables": []}, "tables", "at least one table"),
        ({"tables": [Table(title={"en": "t"})]}, "tables.1.variables", "is required"),
    ],
)  # fmt: skip
def test_validate__names_field_and_rule(change, field, rule):
    found = validate(trio().model_copy(update=change), SUBJECT)
    assert any(one.field == field and re.search(rule, one.rule["en"]) for one in found), found


def test_validate__names_parts_of_lists():
    form = trio().distributions[0]
    bad = [form, form.model_copy(update={"format": "mine", "size_bytes": None})]
    found = validate(trio().model_copy(update={"distributions": bad}), SUBJECT)
    assert {(one.field, one.profiles) for one in found} == {
        ("distributions.2.format", ("healthdcat-ap",)),
        ("distributions.2.size_bytes", ("hdh",)),
    }
    assert found[0].sentence("fr").startswith("Distributions 2, format: ")


def test_validate__parts_of_agents():
    hdab = trio().hdab.model_copy(update={"contact": None, "page": None})
    found = validate(trio().model_copy(update={"hdab": hdab}), SUBJECT)
    assert {(one.field, one.profiles) for one in found} == {
        ("hdab.contact", ("healthdcat-ap",)),
        ("hdab.contact.email", ("hdh",)),
        ("hdab.page", ("hdh",)),
    }


def test_validate__is_quick_once_the_shapes_are_read():
    validate(trio(), SUBJECT)
    begun = time.process_time()
    validate(trio(), SUBJECT)
    assert time.process_time() - begun < 2


# ------------------------------------------------------------------------------------ what the engine knows


def test_from_entry__says_what_was_registered(entry):
    known = from_entry(entry, "https://hub.test/page")
    assert known.genome.model_dump() == {
        "assays": [], "reference": "kH1a8vFh2hNGLuIBRuVbkCcTyfWHFbwN", "reference_name": "b37",
        "n_samples": 1, "mean_depth": 30.2, "caller": "genomehub 0.5.0", "aligner": "bwa-mem3 0.4.4",
        "kinds": ["vcf", "vcz"],
    }  # fmt: skip
    assert [(one.format, one.sha256 is None) for one in known.distributions] == [
        ("vcf", False),
        ("vcz", True),
    ]
    assert [(one.name, one.value) for one in known.quality] == [("mean coverage", 30.2), ("Ti/Tv", 2.05)]
    assert known.modified == entry.registered_at.date()


def test_from_entry__names_no_sample_and_no_file(entry):
    known = from_entry(entry, "https://hub.test/page").model_copy(update={"title": {"en": "x"}})
    assert "NA12878" not in known.model_dump_json()


def test_merge__people_win(entry):
    known = from_entry(entry, "https://hub.test/page")
    written = DatasetDescription(
        title={"fr": "Un génome"}, distributions=[Distribution(format="CSV")], genome={"assays": ["WGS"]}
    )
    together = merge(written, known)
    assert together.title == {"fr": "Un génome"}
    assert together.distributions == written.distributions
    assert (together.genome.assays, together.genome.mean_depth) == (["WGS"], 30.2)
    assert merge(known, known) == known


def test_shown__hides_small_counts(entry):
    document = merge(na12878(), from_entry(entry, "https://hub.test/page"))
    assert shown(document).n_individuals == 1  # the holder chose 1 as the smallest count
    hidden = shown(document.model_copy(update={"minimum_count": 10}))
    assert (hidden.n_individuals, hidden.genome.n_samples) == (None, None)


# ------------------------------------------------------------------------------------ form and vocabularies


def test_form__has_every_field_of_the_document():
    assert list(form_fields()) != []
    assert set(form_fields()) == set(DatasetDescription.model_fields)
    assert {one.group for one in form_fields().values()} == set(form_groups())
    named = {one.vocabulary for one in (*form_fields().values(), *part_fields().values())} - {None}
    assert named <= set(vocabularies())
    assert all(set(one.label) == set(one.help) == {"en", "fr"} for one in form_fields().values())


def test_vocabularies__have_labels_in_both_languages():
    for name, one in vocabularies().items():
        assert one.concepts, name
        assert all(concept.label["en"] and concept.label["fr"] for concept in one.concepts.values())
    assert set(LANGUAGES.values()) == set(vocabulary("languages").concepts)
    assert len(vocabulary("health-categories").concepts) == 17
    duo = vocabulary("duo").concepts["0000042"]
    assert duo.iri == "http://purl.obolibrary.org/obo/DUO_0000042"
    assert "any research purpose" in duo.definition["en"]


def test_labels__of_places():
    assert label_of("hdab.contact.email", "fr") == (
        "Organisme responsable de l'accès, contact, adresse électronique"
    )
    assert in_language(form_fields()["duo"].label, "en") == "Permitted uses"


def test_shapes__are_graphs_with_prefixes_only_of_use():
    for profile in PROFILES:
        agrees, text = conforms(Graph(), profile)
        assert agrees, text


def test_validate__threads_do_not_disturb_each_other():
    documents = [trio(), trio().model_copy(update={"keywords": {}}), trio().model_copy(update={"hdab": None})]
    alone = [validate(document, SUBJECT) for document in documents]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda document: validate(document, SUBJECT), documents * 4))
    assert together == alone * 4
