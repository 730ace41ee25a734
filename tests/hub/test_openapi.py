"""The description of the API is complete and true: schemathesis asks what it says, and more.

Each operation is asked GENOMEHUB_OPENAPI_EXAMPLES times as a visitor and as somebody with every role; ``make
openapi`` does so 500 times over a real port, on both databases.
"""

import os

import pytest
import schemathesis
from builders.hub_openapi import open_hub
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from genomehub.hub.service.app import create_app
from genomehub.hub.service.context import Hub
from genomehub.hub.service.problems import MEDIA_TYPE
from genomehub.hub.service.settings import Settings

N_EXAMPLES = int(os.environ.get("GENOMEHUB_OPENAPI_EXAMPLES", "5"))
CHECKS = (
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
)  # fmt: skip


class _NoDatabase:
    """The description needs no catalogue."""

    database = None


DOCUMENT = create_app(Hub(Settings(), _NoDatabase(), "x" * 32)).openapi()
#: Sorted: each process of the suite must see the same order.
OPERATIONS = sorted((path, method) for path, operations in DOCUMENT["paths"].items() for method in operations)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The description of a served hub, and the token of somebody with every role."""
    with open_hub(tmp_path_factory.mktemp("hub")) as (address, token):
        yield schemathesis.openapi.from_url(f"{address}/openapi.json"), token


@pytest.mark.parametrize("person", ["visitor", "everything"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_operation__answers_as_described(hub, path, method, person):
    schema, token = hub
    headers = {"Authorization": f"Bearer {token}"} if person == "everything" else {}
    operation = schema[path][method]

    @given(case=operation.as_strategy())
    @settings(
        max_examples=N_EXAMPLES, deadline=None, derandomize=True, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def ask(case):
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()


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
