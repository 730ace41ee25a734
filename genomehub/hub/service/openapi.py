"""The description of the API: what every operation shares, so that routes say only what is their own.

Operations are named MODULE_FUNCTION after the function that answers, which stays when a path is corrected.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from genomehub.hub.service.dependencies import principal_of
from genomehub.hub.service.problems import MEANINGS, MEDIA_TYPE, Fault, Problem

TAGS = [
    {"name": "catalogue", "description": "Finding data sets by words and facets."},
    {
        "name": "data sets",
        "description": "Their descriptions, versions and exports; the list for harvesters.",
    },
    {"name": "ingest", "description": "Descriptions that other catalogues send."},
    {"name": "uploads", "description": "Data that holders bring, resumable."},
    {"name": "access", "description": "Studies, requests for access, permits, people, tokens."},
    {"name": "audit", "description": "Who did what."},
    {"name": "files", "description": "Whole files, resumable."},
    {"name": "DRS", "description": "GA4GH DRS 1.5: what files there are, and links to their bytes."},
    {"name": "htsget", "description": "GA4GH htsget 1.3: regions of reads and variants."},
    {"name": "refget", "description": "GA4GH refget 2.0: sequences of references."},
    {"name": "sequence collections", "description": "Digests of references, compared."},
    {"name": "service", "description": "Is it alive, and what is it doing."},
]
DESCRIPTION = """
One door to describe, find, ask for and fetch genome data sets.

Send a token as `Authorization: Bearer TOKEN`; without one you are a visitor, who sees what is published. A
data set that you may not see is answered like one that does not exist. Errors are RFC 9457 problem details.
Lists take `limit` and `offset`. Every answer has an `X-Request-ID`, which the hub's staff can look up.
"""
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token of your account page."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same token."},
}
_ALWAYS = (400, 421, 431, 500, 503)
_WITH_BODY = (408, 413, 415)
_SCHEMA = {"$ref": "#/components/schemas/Problem"}


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation: MODULE_FUNCTION."""
    module = route.endpoint.__module__.rpartition(".")[2]
    return f"{module}_{route.endpoint.__name__}"


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the application's OpenAPI document; made once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=DESCRIPTION, routes=app.routes,
        tags=TAGS, separate_input_output_schemas=app.separate_input_output_schemas,
    )  # fmt: skip
    document["servers"] = [{"url": app.state.hub.settings.public_url}]
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (Fault, Problem):
        schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas[model.__name__].pop("$defs", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["securitySchemes"] = _SECURITY
    asking = {
        (route.path_format, method)
        for route in _routes(app.routes)
        for method in route.methods or ()
        if _asks_who(route.dependant)
    }
    names = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["operationId"] in names:  # one function for several methods or paths
                operation["operationId"] += f"_{method}"
            names.add(operation["operationId"])
            _complete(operation, "{" in path, (path, method.upper()) in asking)
    app.openapi_schema = document
    return document


def _complete(operation: dict[str, Any], names: bool, asks: bool) -> None:
    answers = operation["responses"]
    statuses = {*_ALWAYS, *(_WITH_BODY if "requestBody" in operation else ())}
    if operation.get("parameters") or "requestBody" in operation:
        statuses.add(422)
    if names:  # in its path: one with letters that no path has, such as a line's end, leads nowhere
        statuses.add(404)
    if asks:
        statuses |= {401, 429}
        # Visitors may ask, too; what they may not see or do is answered by 401, 403 or 404.
        operation["security"] = [{}, *({name: []} for name in _SECURITY)]
    for status in statuses:
        answers.setdefault(str(status), {})
    for status, answer in answers.items():
        content = answer.get("content", {})
        plain = content.get("application/json")
        if plain and any(kind.endswith("+json") and said == plain for kind, said in content.items()):
            del content["application/json"]  # the framework adds it to what the route says itself
        if status.isdigit() and int(status) >= 400:
            answer.setdefault("description", MEANINGS.get(int(status), "An error."))
            answer["content"] = _error_content(answer.get("content", {}), int(status) in statuses)
        answer.setdefault("headers", {})["X-Request-ID"] = {
            "schema": {"type": "string"},
            "description": "number of the request, for the hub's staff",
        }
    operation["responses"] = dict(sorted(answers.items()))


def _error_content(declared: dict[str, Any], everywhere: bool) -> dict[str, Any]:
    """Return the forms of an error: a problem, a problem that says more, or a standard's own form.

    everywhere : the service itself may answer so before the route does, and then as a problem
    """
    body = declared.get("application/json", {})
    name = str(body.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    if MEDIA_TYPE in declared or not name or name == "HTTPValidationError":
        return {MEDIA_TYPE: {"schema": _SCHEMA}}
    if name.endswith("Problem"):  # routes name the model; its type is that of all problems
        return {MEDIA_TYPE: body}
    return {**declared, **({MEDIA_TYPE: {"schema": _SCHEMA}} if everywhere else {})}


def _routes(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from _routes(included.routes)


def _asks_who(dependant: Dependant) -> bool:
    return dependant.call is principal_of or any(_asks_who(one) for one in dependant.dependencies)
