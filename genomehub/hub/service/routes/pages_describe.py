"""Pages of data holders: make and edit descriptions, publish and withdraw."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.orm import Session

from genomehub.errors import GenomehubError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Role
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.pages import describing, form
from genomehub.hub.pages.form_fields import FIELDS
from genomehub.hub.pages.reading import document_of, find_dataset, shown_description
from genomehub.hub.service.dependencies import HubDependency, require_role
from genomehub.hub.service.readers import PostedDependency, ReaderDependency, go, one, page

pages = APIRouter()


@pages.get("/describe")
def new(hub: HubDependency, reader: ReaderDependency) -> Response:
    """Ask for the name of a new data set."""
    require_role(reader.principal, Role.HOLDER)
    with hub.database.read() as session:
        projects = describing.projects_to_describe(session, reader.principal)
        return page(reader, "describe_new.html", projects=projects, name="", fault="")


@pages.post("/describe")
def make(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Make a data set with a title and go to its form."""
    require_role(reader.principal, Role.HOLDER)
    name, project, now = one(fields, "name"), one(fields, "project"), hub.clock()
    with hub.database.read() as session:
        projects = describing.projects_to_describe(session, reader.principal)
    try:
        with hub.database.write() as session:
            dataset = describing.new_dataset(session, reader.principal, project, name, now)
            described = DatasetDescription(title={reader.language: name})
            saved = describing.save_draft(session, dataset, described, reader.principal.actor, now)
            hub.note(session, reader.principal, "describe-version", dataset, version=saved.version)
            uuid = dataset.uuid
    except GenomehubError as error:
        return page(reader, "describe_new.html", 422, projects=projects, name=name, fault=str(error))
    return go(reader, f"/datasets/{uuid}/describe")


@pages.get("/datasets/{uuid}/describe")
def describe(
    uuid: str, hub: HubDependency, reader: ReaderDependency, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """The form, with the newest draft in it."""
    with hub.database.read() as session:
        dataset = _dataset(session, hub, reader, uuid)
        publication = session.get(models.Publication, dataset.id)
        newest = shown_description(session, dataset, publication, newest=True)
        document = document_of(dataset, newest)
        raw = document.model_dump(mode="json", exclude_defaults=True)
        return _form(reader, dataset, raw, {}, missing=form.missing_for_publication(document), done=done)


@pages.post("/datasets/{uuid}/describe")
def save(uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Save a draft, or publish it; with faults, show them beside their fields."""
    raw, action, now = form.read(fields), one(fields, "action"), hub.clock()
    document, faults = form.check(raw)
    with hub.database.write() as session:
        dataset = _dataset(session, hub, reader, uuid)
        if action.startswith("more:"):
            return _form(reader, dataset, raw, {}, more=action.removeprefix("more:"))
        if document is None:
            return _form(reader, dataset, raw, faults, 422)
        missing = form.missing_for_publication(document)
        if action == "publish" and missing:
            empty = {name: [form.FAULTS["missing"]] for name in missing}
            return _form(reader, dataset, raw, empty, 422)
        saved = describing.save_draft(session, dataset, document, reader.principal.actor, now)
        hub.note(session, reader.principal, "describe-version", dataset, version=saved.version)
        if action == "publish":
            describing.publish(session, dataset, saved, now)
            hub.note(session, reader.principal, "publish", dataset, version=saved.version)
    if action == "publish":
        return go(reader, f"/datasets/{uuid}", done="published")
    return go(reader, f"/datasets/{uuid}/describe", done="saved")


@pages.post("/datasets/{uuid}/unpublish")
def unpublish(uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Withdraw a data set from the public."""
    with hub.database.write() as session:
        dataset = _dataset(session, hub, reader, uuid)
        describing.unpublish(session, dataset, hub.clock())
        hub.note(session, reader.principal, "unpublish", dataset)
    return go(reader, f"/datasets/{uuid}")


def _dataset(session: Session, hub: HubDependency, reader: ReaderDependency, uuid: str) -> models.Dataset:
    dataset = find_dataset(session, uuid)
    Gate(session, reader.principal, hub.clock()).require(Action.DESCRIBE, dataset, uuid)
    assert dataset is not None
    return dataset


def _form(
    reader: ReaderDependency,
    dataset: models.Dataset,
    raw: dict[str, Any],
    faults: dict[str, list[str]],
    status: int = 200,
    **shown: Any,
) -> Response:
    more = shown.pop("more", "")
    drawn = form.groups(raw, faults, more)
    labels = {name: asked.label for name, asked in FIELDS.items()}
    all_shown = {"missing": [], "done": ""} | shown
    return page(
        reader, "describe.html", status, dataset=dataset, groups=drawn, faults=faults, labels=labels,
        more=more,        **all_shown,
    )  # fmt: skip
