"""The description of the API is complete and true: schemathesis asks what it says, and more.

Each operation is asked 500 times on SQLite and 50 times on PostgreSQL, over a real port, by everybody
(``builders/hub_questions.py``). ``make openapi`` asks 500 times on both.
"""

import logging
import os
from collections.abc import Iterator

import pytest
import schemathesis
from builders import postgresql
from builders.hub_openapi import Asked, open_hub
from builders.hub_questions import ask

from genomehub.hub.service.app import create_app
from genomehub.hub.service.context import Hub
from genomehub.hub.service.problems import MEDIA_TYPE
from genomehub.hub.service.settings import Settings

#: Examples of each operation, by database; GENOMEHUB_OPENAPI_EXAMPLES is for all.
N_EXAMPLES = {
    database: int(os.environ.get("GENOMEHUB_OPENAPI_EXAMPLES", n))
    for database, n in (("sqlite", 500), ("postgresql", 50))
}
#: Operations that no question here gets what it asks for from, and which tests do.
ELSEWHERE = {
    ("/api/datasets/{uuid}/publish", "post"),  # needs a complete description: test_datasets_api.py
    ("/auth/callback", "get"),  # these need a login provider: test_login.py
    ("/auth/login", "get"),
}


class _NoDatabase:
    """The description needs no catalogue."""

    database = None


DOCUMENT = create_app(Hub(Settings(), _NoDatabase(), "x" * 32)).openapi()
#: Sorted: each process of the suite must see the same order.
OPERATIONS = sorted((path, method) for path, operations in DOCUMENT["paths"].items() for method in operations)


@pytest.fixture(scope="module", params=list(N_EXAMPLES))
def asked(request, tmp_path_factory) -> Iterator[tuple[Asked, object, int]]:
    """A served hub, its description, and how many examples are made."""
    url = None
    if request.param == "postgresql":
        url = postgresql.emptied(request.getfixturevalue("postgresql_url"))
    logging.disable(logging.WARNING)  # pytest would keep a line for each of 50,000 requests
    with open_hub(tmp_path_factory.mktemp("hub"), url) as hub:
        yield hub, schemathesis.openapi.from_url(f"{hub.address}/openapi.json"), N_EXAMPLES[request.param]
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_operation__answers_as_described(asked, path, method):
    hub, schema, n_examples = asked
    answers = ask(hub, schema[path][method], n_examples)
    assert (answers.n_good > 0) is ((path, method) not in ELSEWHERE), f"good answers: {answers}"


def operations():
    return [(method, path, op) for path, ops in DOCUMENT["paths"].items() for method, op in ops.items()]


def test_document__every_operation_is_named_tagged_and_described():
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for method, path, operation in operations():
        where = f"{method} {path}"
        assert operation["operationId"].isidentifier(), where
        assert operation["summary"], where
        assert operation.get("description"), f"{where}: the function has no docstring"
        assert operation.get("tags"), where
        assert set(operation["tags"]) <= tags, f"{where}: say what the tag is in openapi.TAGS"
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


def test_document__errors_are_problems():
    for method, path, operation in operations():
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"400", "500", "503"} <= set(errors), f"{method} {path}"
        for status, answer in errors.items():
            assert answer["description"], f"{method} {path} {status}"
        assert errors["500"]["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if "security" in operation:
            assert "401" in errors, f"{method} {path}"


def test_document__parameters_are_bounded():
    """Numbers have an upper bound and lists a largest length, so that no answer is without limits."""
    for method, path, operation in operations():
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            where = f"{method} {path}: {parameter['name']}"
            if schema.get("type") in ("integer", "number") and parameter["in"] == "query":
                assert {"maximum", "exclusiveMaximum"} & set(schema), where


def test_document__is_served_and_needs_no_outside_host(sqlite_world):
    served = sqlite_world.client().get("/openapi.json").json()
    assert set(served["paths"]) == set(DOCUMENT["paths"])
    assert served["servers"] == [{"url": "http://hub.test"}]
    assert sqlite_world.client().get("/docs").status_code == 404 or "/docs" in DOCUMENT["paths"]
