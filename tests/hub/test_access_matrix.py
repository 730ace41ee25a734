"""The access matrix: every route of the app, asked by everybody, in every state of a permit.

``access_matrix.txt`` is the table; here stands how each route is asked. A new route needs a row there and, if
it has a path, a query or a body, an entry in CALLS.
"""

import asyncio
import dataclasses
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest
from builders.access import ROLES, STATES, permit_state, populate, probe, waiting_extension
from builders.descriptions import trio
from builders.hub import World, hub_world
from builders.uploads import OCTETS, TUS, begin, metadata
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import select
from starlette.routing import BaseRoute, Route

from genomehub.hub import models
from genomehub.hub.description.rdf import to_graph, to_turtle
from genomehub.hub.service.app import create_app
from genomehub.hub.service.context import Hub

TABLE = Path(__file__).with_name("access_matrix.txt")
#: Pages under the prefix of a language are the same routes again.
IN_A_LANGUAGE = re.compile(r" /(en|fr)(/|$)")
UNTIL = "2027-09-01T00:00:00Z"


@dataclasses.dataclass(frozen=True)
class Call:
    """How a route is asked: values in braces are names of what ``populate`` made, others stand as is."""

    path: dict[str, str] = dataclasses.field(default_factory=dict)
    json: object = None
    form: dict[str, object] | None = None
    query: dict[str, str] | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    content: str | None = None


def _about(name: str, json: object = None, **more: str) -> Call:
    return Call({"uuid": f"{{{name}}}", **more}, json)


def _form(name: str, form: dict[str, object], **more: str) -> Call:
    return Call({"uuid": f"{{{name}}}", **more}, form=form)


_REQUEST = {
    "purpose": "To learn", "duo": ["DUO:0000006"], "datasets": ["{side-door}"], "people": ["{member}"],
    "until": UNTIL,
}  # fmt: skip
_DATASETS = ("open-door", "back-room", "nothing")
CALLS: dict[str, Call] = {
    "POST /auth/token": Call(form={"token": "{researcher's token}"}),
    "POST /api/account/tokens": Call(json={"label": "mine"}),
    "DELETE /api/account/tokens/{number}": Call({"number": "{token}"}),
    "POST /api/account/invitations/{uuid}/accept": _about("invitation"),
    **{f"GET /probe/{{uuid}} [{name}]": _about(name) for name in _DATASETS},
    **{f"GET /api/datasets/{{uuid}}/access [{name}]": _about(name) for name in _DATASETS},
    **{f"GET /api/datasets/{{uuid}}/terms [{name}]": _about(name) for name in _DATASETS},
    **{f"PUT /api/datasets/{{uuid}}/terms [{name}]": _about(name, {"months": 12}) for name in _DATASETS},
    "POST /api/studies": Call(json={"title": "Mine"}),
    "GET /api/studies/{uuid}": _about("study"),
    "PUT /api/studies/{uuid}": _about("study", {"title": "Other"}),
    "POST /api/studies/{uuid}/invitations": _about("study", {"email": "new@hub.test"}),
    "DELETE /api/studies/{uuid}/members/{member}": _about("study", member="{colleague}"),
    "POST /api/studies/{uuid}/members/{member}/lead": _about("study", member="{colleague}"),
    "GET /api/studies/{uuid}/accesses": _about("study"),
    "POST /api/studies/{uuid}/requests": _about("study", _REQUEST),
    "POST /api/permits/{uuid}/people": _about("permit", {"person": "{colleague}"}),
    "GET /api/permits/{uuid}": _about("permit"),
    "DELETE /api/permits/{uuid}/people/{person}": _about("permit", person="{member}"),
    "POST /api/permits/{uuid}/extend": _about("permit", {"ends": UNTIL}),
    "POST /api/permits/{uuid}/withdraw": _about("permit", {"reason": "Enough"}),
    "PUT /api/account/notices": Call(json={"wanted": True, "language": "fr"}),
    "GET /api/permits/{uuid}/extensions": _about("permit"),
    "POST /api/permits/{uuid}/extensions": _about("permit", {"until": UNTIL, "reason": "It goes on"}),
    "POST /api/extensions/{uuid}/decision": _about("extension", {"granted": True, "reason": "Good"}),
    "POST /api/extensions/{uuid}/cancel": _about("extension"),
    "POST /api/people": Call(json={"name": "Ada", "email": "ada@hub.test"}),
    "GET /api/people/{uuid}": _about("colleague"),
    "POST /api/people/{uuid}/roles": _about("colleague", {"role": "holder", "project": "genomes"}),
    "DELETE /api/people/{uuid}/roles/{role}": _about("colleague", role="researcher"),
    "POST /api/people/{uuid}/disable": _about("colleague"),
    "POST /api/people/{uuid}/enable": _about("colleague"),
}
for _state in ("draft", "submitted"):
    CALLS |= {
        f"GET /api/requests/{{uuid}} [{_state}]": _about(_state),
        f"GET /api/requests/{{uuid}}/match [{_state}]": _about(_state),
        f"PUT /api/requests/{{uuid}} [{_state}]": _about(_state, _REQUEST),
        f"POST /api/requests/{{uuid}}/submit [{_state}]": _about(_state),
        f"POST /api/requests/{{uuid}}/cancel [{_state}]": _about(_state),
        f"POST /api/requests/{{uuid}}/return [{_state}]": _about(_state, {"question": "Who pays?"}),
        f"POST /api/requests/{{uuid}}/decision [{_state}]": _about(
            _state, {"granted": True, "reason": "Good"}
        ),
    }

#: Pages: forms in place of documents.
_ASKED = {
    "dataset": "{side-door}", "study": "{study}", "purpose": "To learn how it begins",
    "duo": "DUO:0000006", "people_of": "{study}", "person": "{member}", "until": UNTIL[:10],
}  # fmt: skip
_WORDS = {"decision": "granted", "words": "The purpose fits."}
CALLS |= {
    "GET /static/{digest}/{name:path}": Call({"digest": "0", "name:path": "hub.css"}),
    "POST /login": Call(form={"token": "{researcher's token}"}),
    "POST /account/tokens": Call(form={"label": "mine", "days": "30"}),
    "POST /account/tokens/{number}/revoke": Call({"number": "{token}"}),
    **{f"GET /datasets/{{uuid}} [{name}]": _about(name) for name in _DATASETS},
    "POST /studies": Call(form={"title": "Mine"}),
    "GET /studies/{uuid}": _about("study"),
    "POST /studies/{uuid}/invitations": _form("study", {"email": "new@hub.test"}),
    "POST /studies/{uuid}/members/{member}": _form("study", {"change": "leave"}, member="{colleague}"),
    "POST /invitations/{uuid}/accept": _about("invitation"),
    **{f"GET /requests/new [{name}]": Call(query={"dataset": f"{{{name}}}"}) for name in _DATASETS},
    "POST /requests/new": Call(form=_ASKED),
    "POST /permits/{uuid}/withdraw": _form("permit", {"reason": "Enough"}),
    "GET /permits/{uuid}": _about("permit"),
    "POST /permits/{uuid}/end": _form("permit", {"ends": UNTIL[:10]}),
    "POST /permits/{uuid}/extensions": _form("permit", {"until": UNTIL[:10], "reason": "The trial goes on."}),
    "POST /extensions/{uuid}/decision": _form("extension", {**_WORDS, "ends": UNTIL[:10]}),
    "POST /extensions/{uuid}/cancel": _form("extension", {}),
    "POST /account/notices": Call(form={"notices": "fr"}),
    "GET /people/{uuid}": _about("colleague"),
    "POST /people/{uuid}/roles": _form("colleague", {"role": "auditor", "change": "give"}),
    "POST /people/{uuid}/state": _form("colleague", {"change": "disable"}),
    "POST /describe": Call(form={"name": "Atlas", "project": "genomes"}),
    "POST /datasets/{uuid}/describe [open-door]": _form("open-door", {"title.en": "New", "action": "save"}),
    "POST /datasets/{uuid}/withdraw [open-door]": _form("open-door", {"reason": "an error"}),
    **{f"GET /datasets/{{uuid}}/describe [{name}]": _about(name) for name in _DATASETS},
    **{f"GET /datasets/{{uuid}}/terms [{name}]": _about(name) for name in _DATASETS},
    "POST /datasets/{uuid}/terms [open-door]": _form("open-door", {"duo": "DUO:0000042"}),
    **{f"GET /browser [{name}]": Call(query={"dataset": f"{{{name}}}"}) for name in _DATASETS},
}
for _state in ("draft", "submitted"):
    CALLS |= {
        f"GET /requests/{{uuid}} [{_state}]": _about(_state),
        f"GET /requests/{{uuid}}/change [{_state}]": _about(_state),
        f"POST /requests/{{uuid}}/change [{_state}]": _form(_state, _ASKED),
        f"POST /requests/{{uuid}}/cancel [{_state}]": _about(_state),
        f"POST /requests/{{uuid}}/decision [{_state}]": _form(_state, _WORDS),
    }


# descriptions, and their ingest
_TURTLE = to_turtle(to_graph(trio(), "https://provider.test/trio", for_hdh=True))
CALLS |= {
    "GET /api/vocabularies/{name}": Call({"name": "duo"}),
    "POST /api/validate": Call(json={"title": {"en": "A title"}}),
    "POST /ingest/datasets": Call(content=_TURTLE, headers={"Content-Type": "text/turtle"}),
    "PUT /ingest/datasets/origin": Call(
        content=_TURTLE, headers={"Content-Type": "text/turtle"}, query={"originalId": "never-sent"}
    ),
    "DELETE /ingest/datasets/{id}": Call({"id": "never-sent"}),
}
for _name in _DATASETS:
    CALLS |= {
        f"GET /api/datasets/{{uuid}} [{_name}]": _about(_name),
        f"GET /api/datasets/{{uuid}} [{_name} crate]": Call(
            {"uuid": f"{{{_name}}}"}, query={"format": "rocrate-zip"}
        ),
        f"GET /api/datasets/{{uuid}}/versions [{_name}]": _about(_name),
        f"GET /api/datasets/{{uuid}}/difference [{_name}]": Call(
            {"uuid": f"{{{_name}}}"}, query={"first": "1", "second": "1"}
        ),
        f"GET /datasets/{{uuid}}/changes [{_name}]": Call(
            {"uuid": f"{{{_name}}}"}, query={"first": "1", "second": "1"}
        ),
        f"GET /api/datasets/{{uuid}}/known [{_name}]": _about(_name),
        f"PUT /api/datasets/{{uuid}}/description [{_name}]": _about(_name, {"title": {"en": "Other"}}),
        f"POST /api/datasets/{{uuid}}/publish [{_name}]": _about(_name),
        f"POST /api/datasets/{{uuid}}/withdraw [{_name}]": _about(_name, {"reason": "A mistake"}),
    }

# files
_FORGED = {"Authorization": "Bearer forged"}
CALLS |= {
    "GET /files/{token}/{name}": Call({"token": "forged", "name": "a.bam"}),
    "GET /files/{token}/{name}/{path:path}": Call({"token": "forged", "name": "a.vcz", "path:path": "x"}),
    "POST /ga4gh/drs/v1/objects": Call(json={"bulk_object_ids": ["{open-door file}"]}),
    "OPTIONS /ga4gh/drs/v1/objects": Call(json={"bulk_object_ids": ["{open-door file}"]}),
    "POST /ga4gh/drs/v1/objects/access": Call(
        json={
            "bulk_object_access_ids": [{"bulk_object_id": "{open-door file}", "bulk_access_ids": ["https"]}]
        }
    ),
    "GET /htsget/{datatype}/service-info": Call({"datatype": "reads"}),
    "OPTIONS /htsget/{datatype}/service-info": Call({"datatype": "reads"}),
    "OPTIONS /htsget/{datatype}/{id:path}": Call({"datatype": "reads", "id:path": "{open-door}"}),
    "GET /htsget/data/{key}/{name}": Call({"key": "forged", "name": "bam"}, headers=_FORGED),
    "POST /seqcol/comparison/{digest1}": Call(json={"names": [], "lengths": [], "sequences": []}),
    "GET /seqcol/attribute/collection/{name}/{digest}": Call({"name": "names"}),
}
for _name in _DATASETS:
    _file = {"object_id": f"{{{_name} file}}", "access_id": "https"}
    CALLS |= {
        f"GET /files/{{id}} [{_name}]": Call({"id": f"{{{_name} file}}"}),
        f"GET /files/{{token}}/{{name}}/{{path:path}} [{_name}]": Call(
            {"token": f"{{{_name} file}}", "name": "a.vcz", "path:path": "call_genotype/c/0/0"}
        ),
        f"GET /ga4gh/drs/v1/objects/{{object_id}} [{_name}]": Call(_file),
        f"POST /ga4gh/drs/v1/objects/{{object_id}} [{_name}]": Call(_file, json={}),
        f"OPTIONS /ga4gh/drs/v1/objects/{{object_id}} [{_name}]": Call(_file),
        f"GET /ga4gh/drs/v1/objects/{{object_id}}/access/{{access_id}} [{_name}]": Call(_file),
        f"POST /ga4gh/drs/v1/objects/{{object_id}}/access/{{access_id}} [{_name}]": Call(_file, json={}),
        f"GET /htsget/{{datatype}}/{{id:path}} [{_name}]": Call(
            {"datatype": "reads", "id:path": f"{{{_name}}}"}
        ),
        f"POST /htsget/{{datatype}}/{{id:path}} [{_name}]": Call(
            {"datatype": "variants", "id:path": f"{{{_name}}}"}, json={}
        ),
    }

# uploads
_FILE = {"upload": "{upload}", "file": "{upload file}"}
CALLS |= {
    "GET /api/uploads/{upload}": Call({"upload": "{upload}"}),
    "DELETE /api/uploads/{upload}": Call({"upload": "{upload}"}),
    "POST /api/uploads/{upload}/complete": Call({"upload": "{upload}"}, json={}),
    "PATCH /api/uploads/{upload}/files/{file}": Call(
        _FILE, headers={**OCTETS, "Upload-Offset": "0"}, content="reads"
    ),
    "DELETE /api/uploads/{upload}/files/{file}": Call(_FILE, headers=TUS),
    **{
        f"POST /api/uploads [{name}]": Call(
            headers={
                **TUS, "Upload-Length": "5",
                "Upload-Metadata": metadata(name="b.bam", dataset=name, project="genomes"),
            }
        )
        for name in ("open-door", "back-room", "new")
    },
}  # fmt: skip


# ------------------------------------------------------------------------------------------- the table


def read_table() -> dict[str, dict[str, str]]:
    """Return rows: route with its bracket -> person -> expected answers."""
    rows = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        *route, cells = re.fullmatch(r"(\S+) (\S+)( \[[^]]+\])? +(.*)", line).groups()
        answers = cells.split()
        assert len(answers) == len(ROLES), line
        method, path, bracket = route
        rows[f"{method} {path}{bracket or ''}"] = dict(zip(ROLES, answers, strict=True))
    return rows


TABLE_ROWS = read_table()


def expected(row: dict[str, str], role: str, state: str) -> int:
    without, _, with_permit = row[role].partition("/")
    return int(with_permit if with_permit and state == "granted" else without)


def routes(found: Iterable[BaseRoute]) -> Iterator[str]:
    """Every method and path of an application."""
    for route in found:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from routes(included.routes)
        elif isinstance(route, Route):
            yield from (f"{method} {route.path}" for method in route.methods - {"HEAD"})


# ------------------------------------------------------------------------------------------- the worlds


@dataclasses.dataclass
class Prepared:
    """A world in one state of the member's permit; ``reset`` takes back what a request has changed."""

    world: World
    given: dict[str, str]
    app: FastAPI

    def reset(self) -> None:
        shutil.copyfile(self.world.folder / "kept.sqlite", self.world.folder / "catalogue.sqlite")

    def fresh_limits(self) -> None:
        hub: Hub = self.app.state.hub
        self.app.state.hub = dataclasses.replace(hub)

    async def ask(self, route: str, role: str) -> int:
        call = CALLS.get(route, Call())
        given = self.given | {"researcher's token": self.world.tokens["researcher"]}
        method, path = route.partition(" [")[0].split()
        for name, value in call.path.items():
            path = path.replace(f"{{{name}}}", fill(value, given))
        token = {} if role == "visitor" else {"Authorization": f"Bearer {self.world.tokens[role]}"}
        headers = token | call.headers
        transport = httpx.ASGITransport(self.app)
        body = {"json": fill(call.json, given)} if call.json is not None else {"content": call.content}
        form = {"data": fill(call.form, given)} if call.form is not None else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
            answer = await client.request(
                method, path, params=fill(call.query, given), headers=headers, **body, **form
            )
        return answer.status_code


def fill(value: object, given: dict[str, str]) -> object:
    """Put identifiers in the place of their names in braces."""
    if isinstance(value, dict):
        return {key: fill(part, given) for key, part in value.items()}
    if isinstance(value, list):
        return [fill(part, given) for part in value]
    if isinstance(value, str) and (name := re.fullmatch(r"\{(.+)\}", value)):
        return given[name[1]]
    return value


def prepare(world: World, state: str) -> Prepared:
    given = populate(world) | {"nothing file": f"{'0' * 64}.1", "extension": waiting_extension(world)}
    permit_state(world, state)
    with world.hub.database.read() as session:
        for name in ("open-door", "back-room"):
            of_dataset = models.Entry.dataset_id == world.dataset(session, name).id
            given[f"{name} file"] = (
                f"{session.scalars(select(models.Entry.digest).where(of_dataset)).one()}.1"
            )
    *_, given["upload"], _, given["upload file"] = (
        begin(world.client("holder"), "a.bam", 5).headers["location"].split("/")
    )
    app = create_app(world.hub)
    app.include_router(probe)
    return Prepared(world, given, app)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Prepared]]:
    """One world for each state of the permit."""
    worlds = {}
    for state in STATES:
        worlds[state] = prepare(hub_world(tmp_path_factory.mktemp("world")), state)
        folder = worlds[state].world.folder
        shutil.copyfile(folder / "catalogue.sqlite", folder / "kept.sqlite")
    yield worlds
    for each in worlds.values():
        each.world.hub.catalogue.close()


# --------------------------------------------------------------------------------------------- the tests


def test_matrix__has_every_route_and_no_other(prepared):
    of_app = {route for route in routes(prepared["none"].app.routes) if not IN_A_LANGUAGE.search(route)}
    of_table = {route.partition(" [")[0] for route in TABLE_ROWS}
    assert of_app - of_table == set(), "routes without a row: say in access_matrix.txt who may ask them"
    assert of_table - of_app == set(), "rows without a route"
    assert set(CALLS) <= {*TABLE_ROWS, *(route for route in CALLS if "[" in route)}


@pytest.mark.parametrize("route", TABLE_ROWS)
def test_matrix__every_role_in_every_state(prepared, route):
    async def ask_all() -> list[str]:
        wrong = []
        for state, world in prepared.items():
            world.fresh_limits()
            for role in ROLES:
                answer, wanted = await world.ask(route, role), expected(TABLE_ROWS[route], role, state)
                if answer != wanted:
                    wrong.append(f"{role}, permit {state}: {answer}, expected {wanted}")
                if not route.startswith("GET") and answer < 400:
                    world.reset()
        return wrong

    assert asyncio.run(ask_all()) == []


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
#: What parameters of paths are filled with: what there is and may be seen, what may not, what there is not.
_NAMED = {
    "uuid": ("open-door", "back-room", "nothing"), "upload": ("upload", "nothing"),
    "id": ("open-door file", "back-room file"), "object_id": ("open-door file", "back-room file"),
}  # fmt: skip


def addresses(template: str, given: dict[str, str]) -> list[str]:
    """Return paths of a template."""
    names = re.findall(r"\{(\w+)", template)
    cases = next((_NAMED[name] for name in names if name in _NAMED), ("nothing",))

    def filled(case: str) -> str:
        return re.sub(r"\{(\w+)[^}]*\}", lambda name: given[case] if name[1] in _NAMED else "x", template)

    return [filled(case) for case in cases]


def test_methods__those_that_a_path_has_not_are_refused_with_those_that_it_has(prepared):
    """To everybody alike, and whether or not there is what the path names."""
    asked = prepared["granted"]
    paths: dict[str, set[str]] = {}
    for route in iter_route_contexts(asked.app.routes):
        if route.methods:
            paths.setdefault(route.path, set()).update(route.methods)

    async def ask_all() -> list[str]:
        wrong, transport = [], httpx.ASGITransport(asked.app)
        token = {"Authorization": f"Bearer {asked.world.tokens['administrator']}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
            for template, has in paths.items():
                expected = (405, ", ".join(sorted(has)))
                for method in METHODS - has:
                    answers = [
                        await client.request(method, address, headers=headers)
                        for address in addresses(template, asked.given)
                        for headers in ({}, token)
                    ]
                    said = {(one.status_code, one.headers.get("allow")) for one in answers}
                    if said != {expected} or len({one.content for one in answers}) > 1:
                        wrong.append(f"{method} {template}: {said}, expected {expected}")
        return wrong

    assert len(paths) > 150
    assert asyncio.run(ask_all()) == []


@pytest.mark.parametrize(
    ("request_line", "allow"),
    [
        ("POST /htsget/data/x/bam", "GET, OPTIONS"),
        ("POST /htsget/reads/service-info", "GET, OPTIONS"),
        ("GET /ga4gh/drs/v1/objects/access", "POST"),
        ("DELETE /api/datasets/nothing/terms", "GET, PUT"),
        ("PATCH /api/studies/nothing", "GET, PUT"),
        ("POST /fr/catalogue", "GET"),
    ],
)
def test_methods__a_more_general_path_does_not_answer(prepared, request_line, allow):
    method, path = request_line.split()
    answer = prepared["none"].world.client().request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.json()["title"] == "Method Not Allowed"


@pytest.mark.parity
@pytest.mark.parametrize("state", ["granted", "expired"])
def test_matrix__on_postgresql(postgresql_url, tmp_path, state):
    from builders import postgresql

    world = hub_world(tmp_path, postgresql.emptied(postgresql_url))
    asked = prepare(world, state)

    async def ask_some() -> list[str]:
        wrong = []
        for route, row in TABLE_ROWS.items():
            for role in ROLES if route.startswith("GET") else ("visitor", "researcher"):
                wanted = expected(row, role, state)
                if route.startswith("GET") or wanted >= 400:
                    answer = await asked.ask(route, role)
                    if answer != wanted:
                        wrong.append(f"{route}: {role}: {answer}, expected {wanted}")
        return wrong

    wrong = asyncio.run(ask_some())
    world.hub.catalogue.close()
    assert wrong == []
