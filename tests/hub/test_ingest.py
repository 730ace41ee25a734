"""The French catalogue's ingest: its own client against a served hub, and our hub as its client."""

import importlib
import json
import subprocess
import sys

import httpx
import pytest
from builders.descriptions import na12878, trio
from builders.hub import hub_world

from genomehub.errors import InputError, NotAllowedError, NotFoundError, ResourceError
from genomehub.hub import models
from genomehub.hub.access.people import add_person, grant_role, new_token
from genomehub.hub.access.principals import Role
from genomehub.hub.description.pushing import Target
from genomehub.hub.description.rdf import to_graph, to_turtle
from genomehub.hub.description.vocabularies import vocabulary

TURTLE = to_turtle(to_graph(trio(), "https://provider.test/trio", for_hdh=True))


def headers(world, person="holder"):
    return {"X-API-Key": world.tokens[person], "Content-Type": "text/turtle"}


def send(world, turtle=TURTLE, person="holder", **query):
    return world.client().post(
        "/ingest/datasets", content=turtle, headers=headers(world, person), params=query
    )


def renew(world, original_id, turtle=TURTLE, person="holder"):
    query = {"originalId": original_id}
    return world.client().put(
        "/ingest/datasets/origin", content=turtle, headers=headers(world, person), params=query
    )


def remove(world, identifier, person="holder"):
    return world.client().delete(f"/ingest/datasets/{identifier}", headers=headers(world, person))


def second_holder(world):
    """Another data holder, who holds another project."""
    with world.hub.database.write() as session:
        project = models.Project(name="elsewhere", created_at=world.clock())
        session.add(project)
        session.flush()
        person = add_person(session, "Second", None, world.clock())
        grant_role(session, person, Role.HOLDER, project)
        world.tokens["second"] = new_token(session, person, "tests", world.clock(), None)


def test_client__of_the_french_catalogue(world):
    hdh = importlib.import_module("dh_healthdcat.emit.hdh_client")
    with world.serve() as address:
        client = hdh.HdhClient(address, world.tokens["holder"])
        assert client.whoami()["roles"] == ["holder"]
        made = client.create_dataset(TURTLE)
        assert client.update_dataset(made, TURTLE.replace("A trio of Utah", "A trio of Utah, again")) == made
        seen = httpx.get(f"{address}/api/datasets/{made}", headers=headers(world)).json()
        assert (seen["version"], seen["state"]) == (2, "draft")
        assert seen["description"]["title"]["en"] == "A trio of Utah, again, chromosome 20"

        with pytest.raises(hdh.HdhClientError, match="400"):
            client.create_dataset("")
        with pytest.raises(hdh.HdhClientError, match=r"422 .*cannot be accepted"):
            client.create_dataset(TURTLE.replace("healthdcatap:hdab ", "healthdcatap:other "))
        with pytest.raises(hdh.HdhAuthError, match="403"):
            hdh.HdhClient(address, world.tokens["researcher"]).create_dataset(TURTLE)
        with pytest.raises(hdh.HdhAuthError, match="401"):
            hdh.HdhClient(address, "ghub_wrong").whoami()
        with pytest.raises(hdh.HdhNotFoundError):
            client.update_dataset(world.datasets["open-door"], TURTLE)

        client.delete_dataset(made)
        with pytest.raises(hdh.HdhNotFoundError):
            client.delete_dataset(made)


def test_client__with_its_own_graphs(sqlite_world):
    """What the French exporter itself makes is kept, and what is not is told."""
    mapping = importlib.import_module("dh_healthdcat.mapping.dataset")
    model = importlib.import_module("dh_healthdcat.model")
    document = trio()
    agent = model.Agent(
        name="Centre exemple", homepage="https://c.test/", mbox="a@c.test",
        publisher_type=document.publisher.kind, publisher_note="Séquence.", trusted_data_holder=False,
    )  # fmt: skip
    forms = {"access_url": "https://c.test/data", "applicable_legislation": document.legislation}
    made = model.HealthDataset(
        source_urn="urn:li:dataProduct:1", dataset_id="1", identifier="https://c.test/1", title="Jeu",
        description="Des génomes.", keywords=["génome"], theme=document.themes,
        dataset_type=document.types[0],
        access_rights="http://publications.europa.eu/resource/authority/access-right/NON_PUBLIC",
        applicable_legislation=document.legislation, publisher=agent, hdab=agent, provenance="Biobanque.",
        purpose="Recherche.", health_category=document.health_categories, health_theme=document.health_themes,
        spatial=document.spatial,
        contact_point=model.ContactPoint(name="Bureau", email="b@c.test", url="https://c.test/b"),
        distributions=[
            model.Distribution(
                source_urn="urn:1", node_id="1", title="Table", byte_size=10, rights="Sur autorisation.",
                is_sample=False, format_uri=vocabulary("file-types").iri("CSV"), **forms,
            )
        ],
        samples=[model.Distribution(source_urn="urn:2", node_id="2", title="S", is_sample=True, **forms)],
    )  # fmt: skip
    turtle = mapping.dataset_to_graph(made).serialize(format="turtle")
    assert not made.has_errors
    answer = send(sqlite_world, turtle)
    assert answer.status_code == 200, answer.text
    assert answer.json()["notes"] == []
    seen = sqlite_world.client("holder").get(f"/api/datasets/{answer.json()['id']}").json()["description"]
    assert (seen["title"], seen["hdab"]["contact"]["email"]) == ({"fr": "Jeu"}, "a@c.test")


def test_ingest__sent_again_is_the_same_data_set(world):
    first, again = send(world).json(), send(world).json()
    assert (again["id"], again["version"]) == (first["id"], 1)
    assert renew(world, "https://provider.test/trio").json()["id"] == first["id"]


def test_ingest__refusal_names_field_rule_and_remedy(world):
    answer = send(world, TURTLE.replace("dcat:keyword", "dcat:word"))
    assert answer.status_code == 422
    (finding,) = answer.json()["findings"]
    assert (finding["field"], finding["rule"]["fr"]) == ("keywords", "est obligatoire.")
    with world.hub.database.read() as session:
        assert session.query(models.Dataset).count() == 2


def test_ingest__one_health_profile_is_enough_to_come_in(world):
    document = trio().model_copy(update={"samples": [], "purposes": [], "health_themes": []})
    turtle = to_turtle(to_graph(document, "https://provider.test/r8"))
    made = send(world, turtle)
    assert (made.status_code, made.json()["state"]) == (200, "draft")
    publish = world.client("holder").post(f"/api/datasets/{made.json()['id']}/publish")
    assert {one["field"] for one in publish.json()["findings"]} == {"samples", "purposes", "health_themes"}


def test_ingest__what_is_published_stays_valid(world):
    made = send(world).json()["id"]
    assert world.client("holder").post(f"/api/datasets/{made}/publish").status_code == 200
    document = trio().model_copy(update={"samples": []})
    worse = to_turtle(to_graph(document, "https://provider.test/trio"))
    assert renew(world, made, worse).status_code == 422
    assert world.client().get(f"/api/datasets/{made}").json()["version"] == 1
    better = TURTLE.replace("A trio of Utah", "The trio of Utah")
    assert renew(world, made, better).json()["state"] == "published"
    assert world.client().get(f"/api/datasets/{made}").json()["version"] == 2
    assert remove(world, made).json() == {"status": "deleted", "id": made}
    assert world.client().get(f"/api/datasets/{made}").json()["state"] == "withdrawn"


def test_ingest__a_removed_draft_is_seen_by_nobody_else(world):
    made = send(world).json()["id"]
    assert remove(world, made).status_code == 200
    assert world.client().get(f"/api/datasets/{made}").status_code == 404


def test_ingest__another_provider(world):
    second_holder(world)
    made = send(world).json()["id"]
    assert renew(world, made, person="second").status_code == 404  # may not even see the draft
    world.client("holder").post(f"/api/datasets/{made}/publish")
    for answer in (renew(world, made, person="second"), remove(world, made, person="second")):
        assert (answer.status_code, "another provider" in answer.text) == (403, True)
    theirs = send(world, person="second").json()
    assert theirs["id"] != made
    with world.hub.database.read() as session:
        row = session.query(models.Dataset).filter_by(uuid=theirs["id"]).one()
        assert row.project.name == "elsewhere"


def test_ingest__project(world):
    assert send(world, project="genomes").status_code == 200
    second_holder(world)
    other = send(world, person="second", project="genomes")
    assert (other.status_code, "no project in which you hold data" in other.text) == (404, True)


def test_ingest__says_which_project_where_there_are_several(sqlite_world):
    second_holder(sqlite_world)
    with sqlite_world.hub.database.write() as session:
        person = session.query(models.Person).filter_by(name="Second").one()
        grant_role(
            session, person, Role.HOLDER, session.query(models.Project).filter_by(name="genomes").one()
        )
    answer = send(sqlite_world, person="second")
    assert (answer.status_code, "say which: ?project=NAME" in answer.text) == (422, True)
    assert send(sqlite_world, person="second", project="genomes").status_code == 200


@pytest.mark.parametrize(
    ("person", "status"), [("researcher", 403), ("steward", 403), ("auditor", 403), ("administrator", 403)]
)
def test_ingest__is_for_holders(sqlite_world, person, status):
    made = send(sqlite_world).json()["id"]
    assert send(sqlite_world, person=person).status_code == status
    assert renew(sqlite_world, made, person=person).status_code == status
    assert remove(sqlite_world, made, person=person).status_code == status
    assert sqlite_world.client().post("/ingest/datasets", content=TURTLE).status_code == 401


# ------------------------------------------------------------------------------------ pushing upward


@pytest.fixture
def local_hub(tmp_path):
    """A local hub with a published data set."""
    folder = tmp_path / "local"
    folder.mkdir()
    world = hub_world(folder)
    uuid = world.datasets["back-room"]
    client = world.client("holder")
    client.put(f"/api/datasets/{uuid}/description", json=na12878().model_dump(mode="json"))
    assert client.post(f"/api/datasets/{uuid}/publish").status_code == 200
    yield world, uuid
    world.hub.catalogue.close()


def hub_push(world, address, uuid, *options, key="holder", parent=None):
    keyfile = world.folder / "key"
    keyfile.write_text(parent.tokens[key] + "\n")
    command = [
        sys.executable, "-m", "genomehub", "hub", "push", address, uuid, "--key-file", str(keyfile),
        "--catalogue", str(world.folder / "catalogue.sqlite"), "--public-url", "http://hub.test", *options,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_push__from_a_local_hub_to_the_national_one(local_hub, sqlite_world):
    local, uuid = local_hub
    with sqlite_world.serve() as address:
        done = hub_push(local, address, uuid, "--json", parent=sqlite_world)
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        assert made["outcome"] == "created"
        seen = httpx.get(f"{address}/api/datasets/{made['remote_id']}", headers=headers(sqlite_world)).json()
        assert seen["description"]["title"]["en"] == "NA12878, a megabase of chromosome 20"

        assert "unchanged" in hub_push(local, address, uuid, parent=sqlite_world).stdout
        client = local.client("holder")
        newer = na12878().model_copy(update={"title": {"en": "Newer"}}).model_dump(mode="json")
        client.put(f"/api/datasets/{uuid}/description", json=newer)
        client.post(f"/api/datasets/{uuid}/publish")
        assert "updated" in hub_push(local, address, uuid, parent=sqlite_world).stdout
        client.post(f"/api/datasets/{uuid}/withdraw", json={"reason": "x"})
        assert "removed" in hub_push(local, address, uuid, parent=sqlite_world).stdout

        refused = hub_push(local, address, uuid, parent=sqlite_world)
        assert (refused.returncode, "only published descriptions are pushed" in refused.stderr) == (3, True)
        done = hub_push(local, address, local.datasets["open-door"], parent=sqlite_world)
        assert (done.returncode, "cannot be accepted" in done.stderr) == (3, True)


def test_target__tells_what_went_wrong():
    def answer(request):
        return {
            "/ok/ingest/datasets": httpx.Response(200, json=[]),
            "/key/ingest/datasets": httpx.Response(403, json={"detail": "role missing"}),
            "/none/ingest/datasets": httpx.Response(404, text="no"),
            "/bad/ingest/datasets": httpx.Response(422, json={"detail": "lacks a title"}),
        }[request.url.path]

    for path, error, message in (
        ("ok", InputError, "without an 'id'"),
        ("key", NotAllowedError, "403: role missing Check the key"),
        ("none", NotFoundError, "404: no"),
        ("bad", InputError, "422: lacks a title"),
    ):
        target = Target(f"http://x.test/{path}", "k", httpx.MockTransport(answer))
        with target, pytest.raises(error, match=message):
            target.create("")
    with Target("http://127.0.0.1:9", "k") as target, pytest.raises(ResourceError, match="gave no answer"):
        target.create("")
