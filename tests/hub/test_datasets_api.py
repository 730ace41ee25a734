"""Data sets over HTTP: formats, versions, life cycle, harvest, and what the gate lets through."""

import importlib
import json
import re

import pytest
from builders.descriptions import na12878, trio
from rdflib import RDF, Graph, URIRef

from genomehub.hub import models
from genomehub.hub.description.terms import DCAT, DCT, HYDRA, OURS
from genomehub.hub.description.validation import conforms
from genomehub.hub.verification import event_problems


def put(world, name="back-room", document=None, person="holder", **query):
    content = (document or na12878()).model_dump(mode="json")
    address = f"/api/datasets/{world.datasets[name]}/description"
    return world.client(person).put(address, json=content, params=query)


def post(world, what, name="back-room", person="holder", **options):
    return world.client(person).post(f"/api/datasets/{world.datasets[name]}/{what}", **options)


def get(world, name="open-door", person=None, tail="", **options):
    return world.client(person).get(f"/api/datasets/{world.datasets[name]}{tail}", **options)


def published(world, name="back-room"):
    assert put(world, name).status_code == 200
    answer = post(world, "publish", name)
    assert answer.status_code == 200, answer.text
    return answer.json()


# ------------------------------------------------------------------------------------ life cycle


def test_life_cycle__draft_published_withdrawn(world):
    assert get(world, "back-room").status_code == 404
    saved = put(world)
    assert (saved.json()["version"], saved.json()["state"]) == (2, "draft")
    assert get(world, "back-room").status_code == 404
    assert post(world, "publish").json()["state"] == "published"

    seen = get(world, "back-room").json()
    assert seen["description"]["title"]["en"] == "NA12878, a megabase of chromosome 20"
    assert seen["description"]["genome"]["mean_depth"] == 52.1  # what the engine knows
    assert seen["written"] is None

    newer = na12878().model_copy(update={"title": {"en": "Newer"}})
    assert put(world, document=newer).json()["version"] == 3
    assert get(world, "back-room").json()["version"] == 2  # what the public sees does not change
    assert get(world, "back-room", "holder", params={"draft": "true"}).json()["version"] == 3
    post(world, "publish")
    assert get(world, "back-room").json()["description"]["title"] == {"en": "Newer"}

    gone = post(world, "withdraw", json={"reason": "consent withdrawn"})
    assert gone.json()["state"] == "withdrawn"
    seen = get(world, "back-room").json()
    assert (seen["state"], seen["description"]["title"]) == ("withdrawn", {"en": "Newer"})
    assert seen["description"]["distributions"] == []
    assert get(world, "back-room", params={"format": "turtle"}).status_code == 410
    with world.hub.database.read() as session:
        last = session.query(models.Event).order_by(models.Event.id.desc()).first()
        assert (last.action, last.detail) == ("withdraw", {"reason": "consent withdrawn"})
        assert event_problems(session) == []


def test_publish__refuses_with_field_rule_and_remedy(world):
    answer = post(world, "publish")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    finding = next(one for one in answer.json()["findings"] if one["field"] == "hdab")
    assert finding["label"]["fr"] == "Organisme responsable de l'accès"
    assert finding["rule"] == {"en": "is required.", "fr": "est obligatoire."}
    assert "Name who decides" in finding["remedy"]["en"]
    assert finding["profiles"] == ["healthdcat-ap", "hdh"]
    assert get(world, "back-room").status_code == 404


def test_save__same_again_is_no_new_version(world):
    assert put(world).json()["version"] == put(world).json()["version"] == 2


def test_save__refuses_what_was_edited_in_between(world):
    assert put(world, expected=1).json()["version"] == 2
    answer = put(world, document=trio(), expected=1)
    assert answer.status_code == 409
    assert "someone saved in between" in answer.json()["detail"]


def test_save__unknown_fields_are_errors(sqlite_world):
    content = {"title": {"en": "x"}, "colour": "red"}
    address = f"/api/datasets/{sqlite_world.datasets['back-room']}/description"
    assert sqlite_world.client("holder").put(address, json=content).status_code == 422


def test_withdraw__needs_a_published_one(sqlite_world):
    answer = post(sqlite_world, "withdraw", json={"reason": "x"})
    assert (answer.status_code, "is not published" in answer.text) == (409, True)


def test_versions__public_sees_published_ones(world):
    published(world)
    put(world, document=trio())
    everyone = get(world, "back-room", tail="/versions").json()
    assert [(one["version"], one["created_by"]) for one in everyone] == [(2, "")]
    holder = get(world, "back-room", "holder", "/versions").json()
    assert [(one["version"], one["public"]) for one in holder] == [(1, False), (2, True), (3, False)]
    assert get(world, "back-room", tail="/difference", params={"first": 1, "second": 2}).status_code == 404
    changes = get(world, "back-room", "holder", "/difference", params={"first": 2, "second": 3}).json()
    assert {"field": "n_individuals", "before": 1, "after": 3} in changes
    assert get(world, "back-room", params={"version": 3}).status_code == 401


@pytest.mark.parametrize(
    ("person", "see", "edit"),
    [
        (None, 404, 404), ("researcher", 404, 404), ("auditor", 404, 404), ("administrator", 404, 404),
        ("steward", 200, 200), ("holder", 200, 200),
    ],
)  # fmt: skip
def test_gate__drafts(world, person, see, edit):
    assert get(world, "back-room", person).status_code == see
    assert put(world, person=person).status_code == edit
    assert get(world, "back-room", person, "/versions").status_code == see


@pytest.mark.parametrize(("person", "status"), [(None, 401), ("researcher", 403), ("auditor", 403)])
def test_gate__published_may_not_be_edited_by_others(world, person, status):
    assert put(world, "open-door", person=person).status_code == status
    assert post(world, "publish", "open-door", person).status_code == status
    assert post(world, "withdraw", "open-door", person, json={"reason": "x"}).status_code == status


def test_gate__hidden_is_answered_as_none(world):
    hidden = get(world, "back-room", "researcher")
    none = world.client("researcher").get(f"/api/datasets/{'0' * 8}")
    shape = re.compile(r"'[^']*'")
    assert shape.sub("", hidden.text) == shape.sub("", none.text)


# ------------------------------------------------------------------------------------ formats


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/json"), ("text/turtle", "text/turtle"),
        ("application/ld+json", "application/ld+json"),
        ("text/turtle;q=0.5, application/ld+json", "application/ld+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.1", "application/json"),
        ("text/turtle;q=0, */*", "application/json"), ("text/*", "text/turtle"),
    ],
)  # fmt: skip
def test_formats__by_accept(sqlite_world, accept, media):
    answer = get(sqlite_world, headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(media)


def test_formats__none_accepted(sqlite_world):
    assert get(sqlite_world, headers={"Accept": "image/png"}).status_code == 406


def test_formats__by_suffix_and_by_parameter(sqlite_world):
    published(sqlite_world)
    subject = f"http://hub.test/datasets/{sqlite_world.datasets['back-room']}"
    for tail in (".ttl", "?format=turtle"):
        graph = Graph().parse(data=get(sqlite_world, "back-room", tail=tail).text, format="turtle")
        assert (URIRef(subject), RDF.type, DCAT.Dataset) in graph
        assert all(conforms(graph, profile)[0] for profile in ("dcat-ap", "healthdcat-ap", "hdh"))
    graph = Graph().parse(data=get(sqlite_world, "back-room", tail=".jsonld").text, format="json-ld")
    assert (URIRef(subject), RDF.type, DCAT.Dataset) in graph
    assert get(sqlite_world, "back-room", tail=".json").json()["iri"] == subject
    assert get(sqlite_world, "back-room", tail=".exe").status_code == 404


def test_schema_org__names_what_search_engines_read(sqlite_world):
    published(sqlite_world)
    made = get(sqlite_world, "back-room", tail=".schema.jsonld").json()
    assert (made["@type"], made["isAccessibleForFree"]) == ("Dataset", False)
    required = {"name", "description", "identifier", "keywords", "url"}  # of the Bioschemas profile 1.0
    assert required <= set(made)
    assert made["usageInfo"] == [f"http://purl.obolibrary.org/obo/DUO_00000{code}" for code in (42, 46)]
    assert made["includedInDataCatalog"]["name"] == "Test hub"


def test_croissant__satisfies_mlcroissant(sqlite_world, tmp_path):
    mlcroissant = importlib.import_module("mlcroissant")
    published(sqlite_world)
    made = get(sqlite_world, "back-room", tail=".croissant.json").json()
    assert [one["sha256"] for one in made["distribution"]]
    file = tmp_path / "croissant.json"
    file.write_text(json.dumps(made))
    dataset = mlcroissant.Dataset(str(file))
    assert dataset.metadata.ctx.issues.errors == set()
    assert dataset.metadata.ctx.issues.warnings == set()
    assert dataset.metadata.name == "NA12878, a megabase of chromosome 20"


def test_unchanged__by_tag_and_by_date(world):
    first = get(world)
    again = get(world, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert get(world, headers={"If-Modified-Since": first.headers["last-modified"]}).status_code == 304
    assert get(world, headers={"If-Modified-Since": "never"}).status_code == 200
    assert (
        get(world, headers={"If-None-Match": first.headers["etag"], "Accept": "text/turtle"}).status_code
        == 200
    )
    published(world, "open-door")
    assert get(world, headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_description__opens_no_data_file(sqlite_world):
    for file in (sqlite_world.folder / "open-door").iterdir():
        file.unlink()
    for tail in ("", ".ttl", ".croissant.json", "/versions"):
        assert get(sqlite_world, tail=tail).status_code == 200


# ------------------------------------------------------------------------------------ harvest


def harvest(world, **query):
    """Follow the links as a harvester does; return data sets, the last graph and the number of pages."""
    graph, seen, pages = Graph(), [], 0
    address, parameters = "/api/catalogue.ttl", query
    while address:
        answer = world.client().get(address, params=parameters)
        assert answer.status_code == 200
        graph = Graph().parse(data=answer.text, format="turtle")
        seen += [str(one) for one in graph.objects(None, DCAT.dataset)]
        following = next(graph.objects(None, HYDRA.next), None)
        address, parameters, pages = (str(following) if following else None), None, pages + 1
    return seen, graph, pages


def test_catalogue__is_harvested_page_by_page(world):
    published(world)
    seen, graph, pages = harvest(world, size=1)
    assert (len(seen), pages) == (2, 2)
    assert sorted(seen) == sorted(f"http://hub.test/datasets/{one}" for one in world.datasets.values())
    assert [int(one) for one in graph.objects(None, HYDRA.totalItems)] == [2]
    catalogue = next(graph.subjects(RDF.type, DCAT.Catalog))
    assert str(graph.value(catalogue, DCT.title)) == "Test hub"


def test_catalogue__drafts_are_not_in_it(world):
    seen, _graph, _pages = harvest(world)
    assert seen == [f"http://hub.test/datasets/{world.datasets['open-door']}"]


def test_catalogue__satisfies_the_profiles(sqlite_world):
    published(sqlite_world), published(sqlite_world, "open-door")
    _seen, graph, _pages = harvest(sqlite_world)
    assert [one for one in ("dcat-ap", "healthdcat-ap", "hdh") if not conforms(graph, one)[0]] == []


def test_catalogue__modified_since(world):
    published(world)
    world.clock.turn(days=1)
    later = world.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    # What was registered counts by the catalogue's own clock; only descriptions changed here.
    published(world, "open-door")
    seen, _graph, _pages = harvest(world, modified_since=later)
    assert f"http://hub.test/datasets/{world.datasets['open-door']}" in seen
    world.clock.turn(days=1)
    later = world.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    post(world, "withdraw", json={"reason": "x"})
    _seen, graph, _pages = harvest(world, modified_since=later)
    gone = URIRef(f"http://hub.test/datasets/{world.datasets['back-room']}")
    assert list(graph.objects(None, OURS.withdrawn)) == [gone]


# ------------------------------------------------------------------------------------ form and dry run


def test_form__and_vocabularies(sqlite_world):
    client = sqlite_world.client()
    form = client.get("/api/description/fields").json()
    assert form["fields"][0]["name"] == "title"
    for name in client.get("/api/vocabularies").json():
        found = client.get(f"/api/vocabularies/{name}").json()
        assert found["concepts"][0]["label"]["fr"]
    assert client.get("/api/vocabularies/none").status_code == 404


def test_validate__dry_run(sqlite_world):
    client = sqlite_world.client("researcher")
    answer = client.post("/api/validate", json=trio().model_dump(mode="json")).json()
    assert answer["valid"] == {"dcat-ap": True, "healthdcat-ap": True, "hdh": True}
    turtle = (
        "@prefix d: <http://www.w3.org/ns/dcat#> . <urn:a> a d:Dataset ; <urn:b> 1 ; "
        '<http://purl.org/dc/terms/title> "x"@en .'
    )
    answer = client.post("/api/validate", content=turtle, headers={"Content-Type": "text/turtle"}).json()
    assert answer["valid"] == {"dcat-ap": False, "healthdcat-ap": False, "hdh": False}
    assert "is not kept" in answer["notes"][0]["en"]
    assert client.post("/api/validate", json={"titel": 1}).status_code == 422
    assert sqlite_world.client().post("/api/validate", json={}).status_code == 401


def test_validate__over_what_the_engine_knows(sqlite_world):
    address = f"/api/validate?dataset={sqlite_world.datasets['back-room']}"
    content = na12878().model_dump(mode="json")
    assert sqlite_world.client("holder").post(address, json=content).json()["findings"] == []
    assert sqlite_world.client("researcher").post(address, json=content).status_code == 404


def test_validate__refuses_compressed_and_oversized_bodies(sqlite_world):
    client = sqlite_world.client("holder")
    headers = {"Content-Type": "text/turtle", "Content-Encoding": "gzip"}
    answer = client.post("/api/validate", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, "compressed" in answer.text) == (415, True)
    answer = client.post("/api/validate", content=b"x" * (3 * 2**20))
    assert answer.status_code == 413


def test_known__is_for_those_who_edit(world):
    seen = get(world, "back-room", "holder", "/known").json()
    assert (seen["genome"]["reference_name"], seen["n_individuals"]) == ("b37 slice", 1)
    assert get(world, "open-door", "researcher", "/known").status_code == 403
    assert get(world, "back-room", "researcher", "/known").status_code == 404


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00%2B23:00", "9999-12-31T23:59:59-23:00"])
def test_catalogue__times_that_are_none(sqlite_world, since):
    answer = sqlite_world.client().get(f"/api/catalogue.ttl?modified_since={since}")
    assert (answer.status_code, "is no time to ask for" in answer.text) == (422, True)


@pytest.mark.parametrize("uuid", ["%00", "..%2F..%2Fetc", "a'b", "x" * 61])
def test_addresses__of_no_data_set(sqlite_world, uuid):
    assert sqlite_world.client("holder").get(f"/api/datasets/{uuid}").status_code in (400, 404, 422)
