"""Pages of data holders: make and edit descriptions, publish and withdraw."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from genomehub.errors import GenomehubError, InputError
from genomehub.hub.access.principals import Role
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.description.room import NotValidError, View
from genomehub.hub.description.validation import Finding
from genomehub.hub.pages import describing, form
from genomehub.hub.service.dependencies import HubDependency, require_role
from genomehub.hub.service.readers import PostedDependency, ReaderDependency, go, one, page
from genomehub.hub.service.routes.datasets import descriptions, reading, writing

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
            uuid = describing.new_dataset(session, reader.principal, project, name, now).uuid
            described = DatasetDescription(title={reader.language: name})
            descriptions(hub, session, reader.principal).save(uuid, described)
    except GenomehubError as error:
        return page(reader, "describe_new.html", 422, projects=projects, name=name, fault=str(error))
    return go(reader, f"/datasets/{uuid}/describe")


@pages.get("/datasets/{uuid}/describe")
def describe(
    uuid: str, hub: HubDependency, reader: ReaderDependency, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """The form, with the newest draft in it."""
    with reading(hub, reader.principal) as room:
        view = room.view(uuid, draft=True)
        assert view.written is not None
        raw = view.written.model_dump(mode="json", exclude_defaults=True)
        missing = _missing(hub, room.check(view.written, uuid))
    return _form(hub, reader, view, raw, missing=missing, done=done)


@pages.post("/datasets/{uuid}/describe")
def save(uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Save a draft, or publish it; with faults, show them beside their fields and save nothing."""
    raw, action, version = form.read(fields), one(fields, "action"), one(fields, "version")
    with reading(hub, reader.principal) as room:
        view = room.view(uuid, draft=True)
    if action.startswith("more:"):
        return _form(hub, reader, view, raw, more=action.removeprefix("more:"), version=version)
    document, faults = form.check(raw)
    if document is None:
        return _form(hub, reader, view, raw, 422, faults=faults, version=version)
    try:
        with writing(hub, reader.principal) as room:
            saved = room.save(uuid, document, expected=int(version) if version.isdecimal() else None)
            if action == "publish":
                room.publish(uuid, saved.version)
    except NotValidError as error:
        return _form(hub, reader, view, raw, 422, faults=form.faults_of(error.findings), version=version)
    if action == "publish":
        return go(reader, f"/datasets/{uuid}", done="published")
    return go(reader, f"/datasets/{uuid}/describe", done="saved")


@pages.post("/datasets/{uuid}/withdraw")
def withdraw(uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Withdraw a data set from the public; the log keeps why."""
    reason = one(fields, "reason", 1000)
    if not reason:
        raise InputError("say why the data set is withdrawn; the log keeps it.")
    with writing(hub, reader.principal) as room:
        room.withdraw(uuid, reason)
    return go(reader, f"/datasets/{uuid}")


def _missing(hub: HubDependency, findings: list[Finding]) -> list[form.Fault]:
    """Return what keeps a description from being published."""
    asked = set(hub.settings.profiles)
    return form.faults_of(one for one in findings if asked & set(one.profiles))


def _form(
    hub: HubDependency,
    reader: ReaderDependency,
    view: View,
    raw: dict[str, Any],
    status: int = 200,
    *,
    faults: Sequence[form.Fault] = (),
    missing: Sequence[form.Fault] = (),
    more: str = "",
    version: str = "",
    done: str = "",
) -> Response:
    drawn = form.groups(raw, hub.settings.profiles, more)
    placed = form.place(faults, drawn)
    form.attach(placed, drawn)
    return page(
        reader, "describe.html", status, uuid=view.uuid, title=view.document.title, groups=drawn,
        faults=placed, missing=form.place(missing, drawn), more=more, version=version or view.version,
        done=done,
    )  # fmt: skip
