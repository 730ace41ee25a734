"""The access matrix: every route of the app, asked by everybody, in every state of a permit.

``access_matrix.txt`` is the table; how each route is asked stands in ``builders/access_calls.py``. A new
route needs a row there and, if it has a path, a query or a body, an entry in CALLS.
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
from builders.access_calls import CALLS, Call, fill
from builders.hub import World, hub_world
from builders.uploads import begin
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import select
from starlette.routing import BaseRoute, Route

from genomehub.hub import models
from genomehub.hub.service.app import create_app
from genomehub.hub.service.context import Hub

TABLE = Path(__file__).with_name("access_matrix.txt")
#: Pages under the prefix of a language are the same routes again.
IN_A_LANGUAGE = re.compile(r" /(en|fr)(/|$)")


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


def prepare(world: World, state: str) -> Prepared:
    given = populate(world)
    given |= {"nothing file": f"{'0' * 64}.1", "extension": waiting_extension(world, given["study"])}
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
