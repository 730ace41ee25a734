"""Pages of data holders: make and edit descriptions, publish and withdraw; terms of data sets."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from genomehub.errors import GenomehubError, InputError
from genomehub.hub import models
from genomehub.hub.access import requests
from genomehub.hub.access.principals import Role
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.description.room import Descriptions, NotValidError, View
from genomehub.hub.description.validation import Finding
from genomehub.hub.pages import describing, form, terms
from genomehub.hub.pages.reading import find_dataset, median_decision_days
from genomehub.hub.service.dependencies import HubDependency, require_role
from genomehub.hub.service.readers import PostedDependency, ReaderDependency, go, one, page
from genomehub.hub.service.routes.datasets import descriptions, reading, writing
from genomehub.hub.service.routes.studies import write_terms

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


@pages.get("/datasets/{uuid}/terms")
def show_terms(
    uuid: str, hub: HubDependency, reader: ReaderDependency, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """What a data set may be used for, who decides and how fast, and how that changed."""
    with reading(hub, reader.principal) as room:
        view, dataset = _edited(room, uuid)
        assert view.written is not None
        written = terms.TermsForm.of(view.written, requests.terms_of(room.session, dataset))
        return _terms(room, reader, view, dataset, written, done=done)


@pages.post("/datasets/{uuid}/terms")
def save_terms(uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Write the terms; with faults, show them beside their fields and save nothing.

    What the public sees of the description changes with it, unless a draft of other changes is under way.
    """
    version = one(fields, "version")
    with reading(hub, reader.principal) as room:
        view, dataset = _edited(room, uuid)
        assert view.written is not None
        written = terms.TermsForm.read(fields, view.written)
        wanted = written.check()
        if wanted is None:
            return _terms(room, reader, view, dataset, written, 422, version=version)
        draft = view.state != "published" or room.view(uuid).version != view.version
    document, opened = wanted
    try:
        with writing(hub, reader.principal) as room:
            saved = room.save(uuid, document, expected=int(version) if version.isdecimal() else None)
            if saved.version != view.version and not draft:
                room.publish(uuid, saved.version)
            if opened != requests.terms_of(room.session, _edited(room, uuid)[1]):
                write_terms(hub, room.session, reader.principal, uuid, opened)
    except NotValidError as error:
        with reading(hub, reader.principal) as room:
            view, dataset = _edited(room, uuid)
            missing = form.faults_of(error.findings)
            return _terms(room, reader, view, dataset, written, 422, version=version, missing=missing)
    return go(reader, f"/datasets/{uuid}/terms", done="draft" if draft else "saved")


def _edited(room: Descriptions, uuid: str) -> tuple[View, models.Dataset]:
    """Return a data set whose description the reader may edit, as it is in the newest draft."""
    view, dataset = room.view(uuid, draft=True), find_dataset(room.session, uuid)
    assert dataset is not None
    return view, dataset


def _terms(
    room: Descriptions,
    reader: ReaderDependency,
    view: View,
    dataset: models.Dataset,
    written: terms.TermsForm,
    status: int = 200,
    *,
    version: str = "",
    missing: Sequence[form.Fault] = (),
    done: str = "",
) -> Response:
    session = room.session
    return page(
        reader, "terms.html", status, uuid=view.uuid, title=view.document.title, written=written,
        drawn=written.drawn(), more="", missing=missing, version=version or view.version, done=done,
        stewards=requests.stewards_of(session, [dataset]), past=terms.history(session, dataset),
        median_days=median_decision_days(session, dataset),
    )  # fmt: skip


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
