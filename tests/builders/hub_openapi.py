"""A served hub in which everything may be asked, and is there: for schemathesis.

CALLERS ask each operation about what schemathesis thinks of and about what there is (``Asked.known``): of
made-up identifiers alone hardly a question would come further than "there is no such thing".
"""

import contextlib
import dataclasses
import functools
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import schemathesis
from builders.access import opened, populate, waiting_extension
from builders.access_calls import CALLS, Call, fill
from builders.alignment_files import make_reference
from builders.described import describe
from builders.hub import World, hub_world
from builders.hub_server import serving
from builders.uploads import TUS, begin, send
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.limits import Limit
from genomehub.hub.access.people import add_person, grant_role, new_token, tokens
from genomehub.hub.access.principals import Role
from genomehub.hub.access.studies import invite
from genomehub.hub.checksums import describe_files
from genomehub.hub.records import Result
from genomehub.hub.service.context import Hub
from genomehub.hub.service.desk import AccessDesk
from genomehub.store.sequences import Sequences

#: Who asks, by their roles: a visitor, somebody with a token of nobody's, people. The member and "everything"
#: have permits.
CALLERS: dict[str, tuple[Role, ...]] = {
    "visitor": (), "forged": (), "member": (Role.RESEARCHER,), "holder": (Role.HOLDER,),
    "steward": (Role.STEWARD,), "auditor": (Role.AUDITOR,), "administrator": (Role.ADMINISTRATOR,),
    "everything": tuple(Role),
}  # fmt: skip
#: Times have tests of their own; here a machine may be slow.
_PATIENCE = dict.fromkeys(("request_seconds", "idle_seconds", "keep_alive_seconds"), 600)


@schemathesis.serializer("application/offset+octet-stream")
def pieces(_: object, value: object) -> object:
    """Send pieces of uploads (tus) as they are."""
    return value


@dataclasses.dataclass(frozen=True)
class PatientHub(Hub):
    """A hub that does not count wrong credentials: else all that follows would be answered by 429."""

    @functools.cached_property
    def desk(self) -> AccessDesk:
        endless = Limit(2**62, 60, self.clock)
        return dataclasses.replace(super().desk, wrong_credentials=endless, logins=endless)


@dataclasses.dataclass(frozen=True)
class Asked:
    """A served hub."""

    address: str
    world: World

    def callers(self) -> dict[str, dict[str, str]]:
        """Return headers by caller, with roles and tokens of now: operations may have taken former ones."""
        headers: dict[str, dict[str, str]] = {"visitor": {}, "forged": {"Authorization": "Bearer forged"}}
        now = self.world.clock()
        with self.world.hub.database.write() as session:
            for name in CALLERS.keys() - headers.keys():
                person = session.get_one(models.Person, self.world.people[name])
                person.disabled_at = None
                session.execute(delete(models.RoleGrant).where(models.RoleGrant.person_id == person.id))
                for role in CALLERS[name]:
                    grant_role(session, person, role, None)
                for former in tokens(session, person.id, now):
                    former.revoked_at = now
                self.world.tokens[name] = new_token(session, person, "tests", now, None)
                headers[name] = self._bearer(name)
        return {name: headers[name] for name in CALLERS}

    def known(self, method: str, path: str) -> list[Call]:
        """Return questions with answers: those of the access matrix, about what there is now."""
        calls = [
            call
            for route, call in (*CALLS.items(), *_MORE)
            if re.sub(r":path(?=})", "", route.partition(" [")[0]) == f"{method.upper()} {path}"
            and len(call.path) >= path.count("{")
        ]
        given = self._given(path) if calls else {}
        return [
            dataclasses.replace(
                call,
                path={name.removesuffix(":path"): fill(value, given) for name, value in call.path.items()},
                json=fill(call.json, given),
                form=fill(call.form, given),
                query=fill(call.query, given),
                headers=fill(call.headers, given),
            )
            for call in calls
        ]

    def _bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.world.tokens[name]}"}

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, headers=self._bearer("everything"), timeout=60)

    def _given(self, path: str) -> dict[str, str]:
        """Return identifiers by name: of a study that has just begun, and of all else that is asked about."""
        with self.world.hub.database.write() as session:
            session.execute(delete(models.StudyMember))  # nobody may be in too many
            long_ago = self.world.clock() - timedelta(days=2)  # nor have invited too many in a day
            session.execute(update(models.StudyInvitation).values(created_at=long_ago))
        given = opened(self.world) | self.world.datasets
        given |= {"nothing": str(uuid.uuid4()), "nothing file": f"{'0' * 64}.1"}
        given["researcher's token"] = self.world.tokens["researcher"]
        now = self.world.clock()
        with self.world.hub.database.write() as session:
            study = session.scalars(select(models.Study).where(models.Study.uuid == given["study"])).one()
            session.add(
                models.StudyMember(study_id=study.id, person_id=self.world.people["everything"], lead=True)
            )
            invited = invite(session, study, "administrator@hub.test", self.world.people["member"], now)
            given["invitation"] = invited.uuid
            for name in ("colleague", "member", "everything"):
                person = session.get_one(models.Person, self.world.people[name])
                person.disabled_at = None
                given[name] = person.uuid
            new_token(session, person, "spare", now, None)
            given["token"] = str(tokens(session, person.id, now)[0].id)
            for name, identifier in self._filed(session).items():
                given[f"{name} file"] = identifier
        given["extension"] = waiting_extension(self.world, given["study"])
        if path.startswith("/api/uploads/"):
            given |= self._upload()
        if path.startswith("/ingest/datasets/"):
            given |= self._ingested()
        if path.startswith("/files/"):
            given |= self._links(given)
        if path.startswith("/htsget/data/"):
            given |= self._ticket()
        return given | self._digests()

    def _filed(self, session: Session) -> dict[str, str]:
        """Publish again what an operation may have withdrawn; return the first file of each data set."""
        found = {}
        for name in self.world.datasets:
            dataset = self.world.dataset(session, name)
            publication = session.get_one(models.Publication, dataset.id)
            publication.state = "draft" if name == "back-room" else "published"
            entry = select(models.Entry.digest).where(models.Entry.dataset_id == dataset.id)
            if (digest := session.scalars(entry).first()) is not None:
                found[name] = f"{digest}.1"
        return found

    def _upload(self) -> dict[str, str]:
        """Return an upload of which nothing has come, and one of which all has."""
        made = {}
        with self._client() as client:
            for name in ("upload", "whole upload"):
                begun = begin(client, "a.bam", 5, dataset=f"new {uuid.uuid4()}")
                assert begun.status_code == 201, begun.text
                *_, made[name], _, made[f"{name} file"] = begun.headers["location"].split("/")
            sent = send(client, urlsplit(begun.headers["location"]).path, b"reads")
            assert sent.status_code == 204, sent.text
        return made

    def _ingested(self) -> dict[str, str]:
        """Return what a description is known by that another catalogue has sent."""
        call = CALLS["POST /ingest/datasets"]
        with self._client() as client:
            answer = client.post("/ingest/datasets", content=call.content, headers=call.headers)
        assert answer.status_code == 200, answer.text
        return {"ingested": answer.json()["id"]}

    def _links(self, given: dict[str, str]) -> dict[str, str]:
        """Return signed links to a file and into a folder: what stands where identifiers may, too."""
        links = {}
        with self._client() as client:
            for name in ("open-door", "calls"):
                answer = client.get(f"/ga4gh/drs/v1/objects/{given[f'{name} file']}/access/https")
                links[f"{name} link"] = urlsplit(answer.json()["url"]).path.split("/")[2]
        return links

    def _ticket(self) -> dict[str, str]:
        """Return where the last block of a region's reads is."""
        where = {"referenceName": "20", "start": 10_001_000, "end": 10_002_000}
        with self._client() as client:
            answer = client.get(f"/htsget/reads/{self.world.datasets['open-door']}", params=where).json()
        block = [one for one in answer["htsget"]["urls"] if not one["url"].startswith("data:")][-1]
        *_, key, name = urlsplit(block["url"]).path.split("/")
        return {"ticket": key, "block": name, "ticket's": block["headers"]["Authorization"]}

    def _digests(self) -> dict[str, str]:
        genome = Sequences.open(self.world.hub.settings.references[0])
        names = genome.collection_digests["names"]
        return {"collection": genome.digest, "names": names, "sequence": genome.contigs[0].md5}


#: Beside the access matrix, which asks routes for everybody about nothing, and has no links.
_MORE = (
    ("POST /api/uploads/{upload}/complete", Call({"upload": "{whole upload}"}, json={})),
    (
        "PUT /ingest/datasets/origin",
        dataclasses.replace(CALLS["PUT /ingest/datasets/origin"], query={"originalId": "{ingested}"}),
    ),
    ("DELETE /ingest/datasets/{id}", Call({"id": "{ingested}"})),
    (
        "HEAD /api/uploads/{upload}/files/{file}",
        Call({"upload": "{upload}", "file": "{upload file}"}, headers=TUS),
    ),
    ("GET /files/{token}/{name}", Call({"token": "{open-door link}", "name": "open-door.bam"})),
    (
        "GET /files/{token}/{name}/{path}",
        Call({"token": "{calls link}", "name": "calls.vcz", "path": ".zgroup"}),
    ),
    (
        "GET /htsget/data/{key}/{name}",
        Call({"key": "{ticket}", "name": "{block}"}, headers={"Authorization": "{ticket's}"}),
    ),
    ("GET /sequence/{digest}", Call({"digest": "{sequence}"})),
    ("GET /sequence/{digest}/metadata", Call({"digest": "{sequence}"})),
    ("GET /seqcol/collection/{digest}", Call({"digest": "{collection}"})),
    ("GET /seqcol/attribute/collection/{name}/{digest}", Call({"name": "names", "digest": "{names}"})),
    (
        "POST /seqcol/comparison/{digest1}",
        Call({"digest1": "{collection}"}, json={"names": [], "lengths": [], "sequences": []}),
    ),
    (
        "GET /seqcol/comparison/{digest1}/{digest2}",
        Call({"digest1": "{collection}", "digest2": "{collection}"}),
    ),
)


@contextlib.contextmanager
def open_hub(folder: Path, url: str | None = None) -> Iterator[Asked]:
    """Serve a hub in which there is one of everything."""
    world = hub_world(folder, url)
    populate(world)
    _add_folder(world)
    make_reference(folder / "tiny.ref", {"1": "ACGTNRYACG" * 30, "MT": "ACGT" * 50})
    world.hub.settings.references = [folder / "tiny.ref"]
    with world.hub.database.write() as session:
        world.people["everything"] = add_person(
            session, "Everything", "everything@hub.test", world.clock()
        ).id
    for person, dataset in (("member", "open-door"), ("everything", "open-door"), ("everything", "calls")):
        world.permit(person, dataset)
    hub = world.hub
    patient = PatientHub(hub.settings, hub.catalogue, hub.secret, hub.clock)
    with serving(patient, **_PATIENCE) as address:
        yield Asked(address, world)
    world.hub.catalogue.close()


def _add_folder(world: World) -> None:
    """Register and publish a data set whose result is a folder."""
    root = world.folder / "calls.vcz"
    for name, text in {".zgroup": "{}", "call_genotype/0.0": "abc", "call_genotype/.zarray": "{1}"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    result = Result(describe_files([("vcz", root)]), dataset="calls", project="genomes")
    world.datasets["calls"] = world.hub.catalogue.register(result, actor="test").entry.dataset_uuid
    with world.hub.database.write() as session:
        dataset = world.dataset(session, "calls").id
        described = describe(session, dataset, {"title": {"en": "Calls"}, "duo": ["DUO:0000042"]})
        session.add(
            models.Publication(
                dataset_id=dataset,
                description_id=described.id,
                state="published",
                changed_at=world.clock(),
            )
        )
