"""Pages of researchers and stewards: studies, requests, the inbox, permits."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select

from genomehub.errors import ConfigError, GenomehubError, NotAuthenticatedError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Role
from genomehub.hub.pages import asking, deciding, vocabularies
from genomehub.hub.pages.reading import document_of, find_dataset, shown_description
from genomehub.hub.service.dependencies import HubDependency, require_role
from genomehub.hub.service.readers import PostedDependency, ReaderDependency, go, one, page

pages = APIRouter()
Note = Annotated[str, Query(max_length=20)]


@pages.get("/studies")
def studies(hub: HubDependency, reader: ReaderDependency) -> Response:
    """What the reader asks for and may use."""
    _log_in(reader)
    with hub.database.read() as session:
        return _studies(session, hub, reader)


def _studies(
    session: Any, hub: HubDependency, reader: ReaderDependency, faults: dict[str, str] | None = None,
    written: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    mine, now = asking.my_studies(session, reader.principal), hub.clock()
    gate = Gate(session, reader.principal, now)
    requests = [_with_clock(session, gate, request, now) for request in asking.requests_of(session, mine)]
    permits = [
        (permit, deciding.state_of(permit, now), deciding.public_titles(session, gate, permit))
        for permit in asking.permits_of(session, mine)
    ]
    return page(
        reader, "studies.html", 422 if faults else 200, studies=mine, requests=requests, permits=permits,
        faults=faults or {}, written=written or {},
    )  # fmt: skip


def _with_clock(session: Any, gate: Gate, request: models.AccessRequest, now: Any) -> dict[str, Any]:
    found = deciding.matches(session, gate, request)
    promises = [match.promised_days for match in found if match.promised_days is not None]
    waited, left = asking.clock(request, min(promises, default=None), now)
    return {"request": request, "matches": found, "waited": waited, "left": left}


@pages.post("/studies")
def make_study(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Make a study."""
    _log_in(reader)
    title, summary = one(fields, "title", 500), one(fields, "summary")
    with hub.database.write() as session:
        if len(title) < 3:
            fault = {"title": vocabularies.N_("Give the study a title.")}
            return _studies(session, hub, reader, fault, {"summary": summary, "title": title})
        study = asking.make_study(session, reader.principal, title, summary, hub.clock())
        hub.note(session, reader.principal, "make-study", study=study.uuid)
        uuid = study.uuid
    to = one(fields, "to")
    return go(reader, "/requests/new", dataset=to) if to else go(reader, f"/studies/{uuid}")


@pages.get("/studies/{uuid}")
def study(uuid: str, hub: HubDependency, reader: ReaderDependency) -> Response:
    """One study: its people, requests and permits."""
    _log_in(reader)
    with hub.database.read() as session:
        return _study(session, hub, reader, uuid)


def _study(
    session: Any, hub: HubDependency, reader: ReaderDependency, uuid: str, fault: str = ""
) -> Response:
    one_study, now = asking.my_study(session, reader.principal, uuid), hub.clock()
    gate = Gate(session, reader.principal, now)
    requests = [
        _with_clock(session, gate, request, now) for request in asking.requests_of(session, [one_study])
    ]
    permits = [
        (permit, deciding.state_of(permit, now), deciding.public_titles(session, gate, permit))
        for permit in asking.permits_of(session, [one_study])
    ]
    return page(
        reader, "study.html", 422 if fault else 200, study=one_study, requests=requests, permits=permits,
        leads=asking.leads(one_study, reader.principal), fault=fault,
    )  # fmt: skip


@pages.post("/studies/{uuid}/people")
def invite(uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Add a person to a study."""
    _log_in(reader)
    with hub.database.write() as session:
        one_study = asking.my_study(session, reader.principal, uuid)
        try:
            person = asking.invite(session, one_study, reader.principal, one(fields, "email", 200))
        except GenomehubError as error:
            return _study(session, hub, reader, uuid, str(error))
        hub.note(session, reader.principal, "invite", study=uuid, person=person.uuid)
    return go(reader, f"/studies/{uuid}")


@pages.get("/requests/new")
def new_request(
    hub: HubDependency,
    reader: ReaderDependency,
    dataset: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    study: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The form to ask for data sets."""
    _log_in(reader)
    with hub.database.read() as session:
        return _request_form(session, hub, reader, dataset, asking.RequestForm(study=study))


def _request_form(
    session: Any, hub: HubDependency, reader: ReaderDependency, uuids: list[str], written: asking.RequestForm
) -> Response:
    gate = Gate(session, reader.principal, hub.clock())
    datasets = []
    for uuid in dict.fromkeys(uuids):
        dataset = find_dataset(session, uuid)
        gate.require(Action.SEE, dataset, uuid)
        assert dataset is not None
        publication = session.get(models.Publication, dataset.id)
        description = shown_description(session, dataset, publication, newest=False)
        datasets.append((dataset, document_of(dataset, description)))
    if not datasets:
        raise ConfigError("a request is about data sets. Start from the page of a data set.")
    studies = asking.my_studies(session, reader.principal)
    if not written.study and len(studies) == 1:
        written.study = studies[0].uuid
    return page(
        reader, "request_new.html", 422 if written.faults else 200, datasets=datasets, studies=studies,
        written=written, purposes=vocabularies.PURPOSES, promises=vocabularies.PROMISES,
        today=hub.clock().date().isoformat(),
    )  # fmt: skip


@pages.post("/requests/new")
def ask(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """File a request."""
    _log_in(reader)
    now = hub.clock()
    written = asking.RequestForm(
        study=one(fields, "study"), purpose=one(fields, "purpose", 100_000), duo=fields.get("duo", []),
        until=one(fields, "until"),
    )  # fmt: skip
    until, uuids = written.checked_until(now), fields.get("dataset", [])
    with hub.database.write() as session:
        if written.faults:
            return _request_form(session, hub, reader, uuids, written)
        gate = Gate(session, reader.principal, now)
        request = asking.submit(session, gate, written, uuids, until, now)
        for dataset in request.datasets:
            hub.note(session, reader.principal, "request", dataset, request=request.uuid)
        uuid = request.uuid
    return go(reader, f"/requests/{uuid}", done="sent")


@pages.get("/requests/{uuid}")
def request(uuid: str, hub: HubDependency, reader: ReaderDependency, done: Note = "") -> Response:
    """One request, for the study that made it: its state and clock."""
    _log_in(reader)
    now = hub.clock()
    with hub.database.read() as session:
        found = asking.my_request(session, reader.principal, uuid)
        gate = Gate(session, reader.principal, now)
        return page(
            reader,
            "request.html",
            **_with_clock(session, gate, found, now),
            deciding=False,
            done=done,
            fault="",
        )


@pages.post("/requests/{uuid}/cancel")
def cancel(uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Take a request back."""
    _log_in(reader)
    with hub.database.write() as session:
        found = asking.my_request(session, reader.principal, uuid)
        asking.cancel(found)
        for dataset in found.datasets:
            hub.note(session, reader.principal, "cancel-request", dataset, request=uuid)
    return go(reader, f"/requests/{uuid}")


@pages.get("/inbox")
def inbox(hub: HubDependency, reader: ReaderDependency, done: Note = "") -> Response:
    """What waits for the steward, the longest first, and what was decided."""
    require_role(reader.principal, Role.STEWARD)
    now = hub.clock()
    with hub.database.read() as session:
        gate = Gate(session, reader.principal, now)
        waiting = [
            _with_clock(session, gate, one, now) for one in deciding.inbox(session, gate, waiting=True)
        ]
        decided = [
            _with_clock(session, gate, one, now) for one in deciding.inbox(session, gate, waiting=False)
        ]
        return page(reader, "inbox.html", waiting=waiting, decided=decided[:50], done=done)


@pages.get("/inbox/{uuid}")
def to_decide(uuid: str, hub: HubDependency, reader: ReaderDependency) -> Response:
    """One request, for the steward: its match with each data set's conditions, and the decision."""
    require_role(reader.principal, Role.STEWARD)
    with hub.database.read() as session:
        return _to_decide(session, hub, reader, uuid)


def _to_decide(
    session: Any, hub: HubDependency, reader: ReaderDependency, uuid: str, fault: str = ""
) -> Response:
    now = hub.clock()
    gate = Gate(session, reader.principal, now)
    found = deciding.request_to_decide(session, gate, uuid)
    permit = session.scalar(select(models.Permit).where(models.Permit.request_id == found.id))
    state = None if permit is None else deciding.state_of(permit, now)
    return page(
        reader, "request.html", 422 if fault else 200, **_with_clock(session, gate, found, now),
        deciding=True, permit=permit, permit_state=state, done="", fault=fault,
    )  # fmt: skip


@pages.post("/inbox/{uuid}")
def decide(uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Grant, refuse, or return with questions."""
    require_role(reader.principal, Role.STEWARD)
    state, words, now = one(fields, "decision", 20), one(fields, "words"), hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, reader.principal, now)
        found = deciding.request_to_decide(session, gate, uuid)
        if state not in ("granted", "refused", "returned"):
            return _to_decide(session, hub, reader, uuid, vocabularies.N_("Choose a decision."))
        if state != "granted" and len(words) < 10:
            fault = vocabularies.N_("Say why, in a sentence; the study reads it.")
            return _to_decide(session, hub, reader, uuid, fault)
        permit = deciding.decide(session, gate, found, state=state, words=words, now=now)
        for dataset in found.datasets:
            permit_uuid = None if permit is None else permit.uuid
            hub.note(session, reader.principal, f"request-{state}", dataset, request=uuid, permit=permit_uuid)
    return go(reader, "/inbox", done=state)


@pages.post("/permits/{uuid}/withdraw")
def withdraw(uuid: str, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """End a permit at once."""
    require_role(reader.principal, Role.STEWARD)
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, reader.principal, now)
        permit = deciding.permit_to_withdraw(session, gate, uuid)
        deciding.withdraw(gate, permit, one(fields, "reason"), now)
        for dataset in permit.datasets:
            hub.note(session, reader.principal, "withdraw-permit", dataset, permit=uuid)
    return go(reader, "/inbox", done="withdrawn")


def _log_in(reader: ReaderDependency) -> None:
    if not reader.principal.known:
        raise NotAuthenticatedError("log in to ask for data and to see your studies.")
