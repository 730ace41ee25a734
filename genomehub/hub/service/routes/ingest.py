"""Descriptions from other catalogues: the French catalogue's three verbs, and who a key belongs to.

Clients of the Health Data Hub's catalogue work as they are: Turtle, ``X-API-Key``, the same addresses and
answers. Unlike there, a description is checked when it comes, and a refusal names field, rule and remedy.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from genomehub.hub.access.principals import Role
from genomehub.hub.description.rdf import Reading, from_turtle
from genomehub.hub.description.room import NotValidError, View
from genomehub.hub.service.dependencies import HubDependency, PrincipalDependency, require_role
from genomehub.hub.service.problems import problem, problems
from genomehub.hub.service.routes.datasets import (
    BodyDependency,
    NoteAnswer,
    NotValidProblem,
    refusal,
    writing,
)

router = APIRouter(tags=["ingest"])

#: Databases keep no other characters.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"text/turtle": {"schema": {"type": "string"}}}}
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    **problems(401, 403, 404, 413),
    422: {"model": NotValidProblem, "description": "no Turtle, or not what the profiles ask"},
}


class Ingested(BaseModel):
    """A description that was kept, as a draft until it is published here.

    id : of the data set, to send it again or to take it back
    notes : what the hub does not keep as it was
    """

    id: str
    state: str
    version: int
    notes: list[NoteAnswer]

    @classmethod
    def of(cls, view: View, reading: Reading) -> "Ingested":
        notes = [NoteAnswer.of(one) for one in reading.notes]
        return cls(id=view.uuid, state=view.state, version=view.version, notes=notes)


class Removed(BaseModel):
    """A description that was taken back."""

    status: str
    id: str


class Caller(BaseModel):
    """Whose key it is, and what they may do here."""

    id: str
    name: str
    roles: list[str]


@router.get("/api-keys/whoami", responses=problems(401, 403))
def whoami(principal: PrincipalDependency) -> Caller:
    """Tell whose key was sent; clients ask before they send many data sets."""
    require_role(principal, *Role)
    roles = sorted({grant.role.value for grant in principal.grants})
    return Caller(id=principal.uuid, name=principal.name, roles=roles)


@router.post("/ingest/datasets", response_model=Ingested, responses=_REFUSALS, openapi_extra=_BODY)
def ingest(
    hub: HubDependency,
    principal: PrincipalDependency,
    content: BodyDependency,
    project: Annotated[
        str | None, Query(max_length=200, pattern=_PRINTABLE, description="that is to hold it")
    ] = None,
) -> Ingested | Response:
    """Take a description in Turtle; the same again by the same provider is the same data set."""
    require_role(principal, Role.HOLDER)
    if not content.strip():
        return _empty()
    reading = from_turtle(content)
    try:
        with writing(hub, principal) as there:
            return Ingested.of(there.ingest(reading, project), reading)
    except NotValidError as error:
        return refusal(error)


@router.put("/ingest/datasets/origin", response_model=Ingested, responses=_REFUSALS, openapi_extra=_BODY)
def renew(
    hub: HubDependency,
    principal: PrincipalDependency,
    content: BodyDependency,
    original_id: Annotated[str, Query(alias="originalId", min_length=1, max_length=2000, pattern=_PRINTABLE)],
) -> Ingested | Response:
    """Take the next version of a description that was sent before; what is published stays valid."""
    require_role(principal, Role.HOLDER)
    if not content.strip():
        return _empty()
    reading = from_turtle(content)
    try:
        with writing(hub, principal) as there:
            return Ingested.of(there.renew(original_id, reading), reading)
    except NotValidError as error:
        return refusal(error)


@router.delete("/ingest/datasets/{id}", responses=_REFUSALS)
def remove(
    hub: HubDependency,
    principal: PrincipalDependency,
    id: Annotated[str, Path(max_length=200, pattern=_PRINTABLE)],
) -> Removed:
    """Take back a description that was sent before: a draft is no more, a published one is withdrawn."""
    require_role(principal, Role.HOLDER)
    with writing(hub, principal) as there:
        return Removed(status="deleted", id=there.remove(id))


def _empty() -> Response:
    return problem(400, "the body is empty; Turtle with one dcat:Dataset is expected.")
