"""Pages of researchers and stewards: studies, requests, the inbox, permits.

Whatever changes something asks the route of the interface for programs: rules and events are there.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import ConfigError, InputError, TooOftenError
from genomehub.hub import models
from genomehub.hub.access import extensions, permits, requests, studies
from genomehub.hub.access.audit import study_events
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Role
from genomehub.hub.pages import asking, vocabularies
from genomehub.hub.pages.reading import document_of, find_dataset, shown_description
from genomehub.hub.pages.texts import N_
from genomehub.hub.service.context import Hub
from genomehub.hub.service.dependencies import HubDependency, person_of, require_role
from genomehub.hub.service.fields import Uuid
from genomehub.hub.service.readers import Posted, PostedDependency, ReaderDependency, checked, go, one, page
from genomehub.hub.service.routes import account as account_routes
from genomehub.hub.service.routes import permits as permit_routes
from genomehub.hub.service.routes import studies as study_routes

pages = APIRouter()
Note = Annotated[str, Query(max_length=20)]
Number = Annotated[int, Query(alias="page", ge=1, le=100_000)]
PER_PAGE = 50
MOST_STUDIES = 100


@pages.get("/studies")
def list_studies(hub: HubDependency, reader: ReaderDependency, number: Number = 1) -> Response:
    """What the reader asks for and may use."""
    with hub.database.read() as session:
        return _studies(session, hub, reader, number)


def _studies(
    session: Session, hub: Hub, reader: ReaderDependency, number: int = 1,
    faults: dict[str, str] | None = None, written: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    who, now = person_of(reader.principal), hub.clock()
    person = session.get_one(models.Person, who.person_id)
    mine, _ = studies.studies_of(session, person.id, MOST_STUDIES, 0)
    invited = studies.open_invitations(session, now, email=person.email) if person.email else []
    return page(
        reader, "studies.html", 422 if faults else 200, studies=mine, invitations=invited,
        faults=faults or {}, written=written or {}, number=number,
        **_asked_and_given(session, hub, reader, None, number),
    )  # fmt: skip


def _asked_and_given(
    session: Session, hub: Hub, reader: ReaderDependency, study: models.Study | None, number: int
) -> dict[str, Any]:
    """Return a page of requests and permits of the reader's studies, or of one."""
    who, now, first = reader.principal, hub.clock(), PER_PAGE * (number - 1)
    gate = Gate(session, who, now)
    asked, n_asked = requests.requests_of(
        session, who, inbox=False, limit=PER_PAGE, offset=first, study=study
    )
    given, n_given = permits.permits_of(session, who, PER_PAGE, first, decided=False, study=study)
    days = hub.settings.permit_warning_days
    return {
        "requests": [asking.view(session, gate, request, now, hub.diseases) for request in asked],
        "permits": [asking.permit_view(session, gate, permit, now, days) for permit in given],
        "ending": [
            asking.permit_view(session, gate, permit, now, days)
            for permit in permits.ending(session, who, now, days, study)
        ],
        "more": max(n_asked, n_given) > first + PER_PAGE,
    }


@pages.post("/studies")
def make_study(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Make a study."""
    who, title, summary = person_of(reader.principal), one(fields, "title"), one(fields, "summary")
    if len(title) < 3:
        with hub.database.read() as session:
            fault = {"title": N_("Give the study a title.")}
            return _studies(session, hub, reader, 1, fault, {"summary": summary, "title": title})
    wanted = checked(study_routes.WantedStudy, title=title, summary=summary)
    made = study_routes.make_study(hub, who, wanted)
    to = one(fields, "to")
    return go(reader, "/requests/new", dataset=to) if to else go(reader, f"/studies/{made.uuid}")


@pages.get("/studies/{uuid}")
def study(
    uuid: Uuid,
    hub: HubDependency,
    reader: ReaderDependency,
    number: Number = 1,
    before: study_routes.Before = None,
) -> Response:
    """One study: its people, requests and permits, and who accessed what under these."""
    with hub.database.read() as session:
        return _study(session, hub, reader, uuid, number, before)


def _study(
    session: Session, hub: Hub, reader: ReaderDependency, uuid: str, number: int = 1,
    before: int | None = None, fault: str = "",
) -> Response:  # fmt: skip
    found = studies.find_study(session, person_of(reader.principal), uuid)
    accesses = study_events(session, found, PER_PAGE + 1, before)
    return page(
        reader, "study.html", 422 if fault else 200, study=found, fault=fault, number=number,
        invited=studies.open_invitations(session, hub.clock(), study_id=found.id),
        leads=asking.leads(found, reader.principal), accesses=accesses[:PER_PAGE],
        older=accesses[PER_PAGE - 1].id if len(accesses) > PER_PAGE else None,
        **_asked_and_given(session, hub, reader, found, number),
    )  # fmt: skip


@pages.post("/studies/{uuid}/invitations")
def invite(uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Invite an e-mail address to a study."""
    who = person_of(reader.principal)
    try:
        wanted = checked(study_routes.WantedInvitation, email=one(fields, "email"))
        study_routes.invite(hub, who, uuid, wanted)
    except (InputError, TooOftenError) as error:
        with hub.database.read() as session:
            return _study(session, hub, reader, uuid, fault=str(error))
    return go(reader, f"/studies/{uuid}")


@pages.post("/invitations/{uuid}/accept")
def accept(uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Join the study of an invitation."""
    joined = account_routes.accept_invitation(hub, person_of(reader.principal), uuid)
    return go(reader, f"/studies/{joined.study}")


@pages.post("/studies/{uuid}/members/{member}")
def change_member(
    uuid: Uuid, member: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Let a member lead, too, or take one out of the study and its permits."""
    who = person_of(reader.principal)
    if one(fields, "change") == "lead":
        study_routes.make_lead(hub, who, uuid, member)
        return go(reader, f"/studies/{uuid}")
    study_routes.remove_member(hub, who, uuid, member)
    return go(reader, "/studies" if member == who.uuid else f"/studies/{uuid}")


# ---------------------------------------------------------------------------------------------- requests


@pages.get("/requests/new")
def new_request(
    hub: HubDependency,
    reader: ReaderDependency,
    dataset: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    study: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The form to ask for data sets."""
    person_of(reader.principal)
    with hub.database.read() as session:
        return _request_form(session, hub, reader, dataset, asking.RequestForm(study=study))


@pages.post("/requests/new")
def ask(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Write a request and hand it to the stewards."""
    who, uuids = person_of(reader.principal), fields.get("dataset", [])
    wanted, written = _written(hub, reader, fields, uuids)
    if wanted is None:
        with hub.database.read() as session:
            return _request_form(session, hub, reader, uuids, written)
    made = study_routes.draft_request(hub, who, written.study, wanted)
    study_routes.submit_request(hub, who, made.uuid)
    return go(reader, f"/requests/{made.uuid}", done="sent")


@pages.get("/requests/{uuid}/change")
def change_form(uuid: Uuid, hub: HubDependency, reader: ReaderDependency) -> Response:
    """The form of a request that is a draft, or was returned with questions."""
    person_of(reader.principal)
    with hub.database.read() as session:
        found = _request(session, hub, reader, uuid)
        studies.require_lead(found.study, reader.principal)
        requests.step(found, requests.Step.EDIT)
        uuids = [dataset.uuid for dataset in found.datasets]
        return _request_form(session, hub, reader, uuids, asking.RequestForm.of(found), found)


@pages.post("/requests/{uuid}/change")
def change(uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Change a request and hand it to the stewards again."""
    who = person_of(reader.principal)
    with hub.database.read() as session:
        found = _request(session, hub, reader, uuid)
        uuids = [dataset.uuid for dataset in found.datasets]
        wanted, written = _written(hub, reader, fields | {"study": [found.study.uuid]}, uuids)
        if wanted is None:
            return _request_form(session, hub, reader, uuids, written, found)
    study_routes.change_request(hub, who, uuid, wanted)
    study_routes.submit_request(hub, who, uuid)
    return go(reader, f"/requests/{uuid}", done="sent")


def _written(
    hub: Hub, reader: ReaderDependency, fields: Posted, uuids: list[str]
) -> tuple[study_routes.WantedRequest | None, asking.RequestForm]:
    """Return what the form asks for, None if it has faults, and the form."""
    written = asking.RequestForm(
        study=one(fields, "study"),
        purpose=one(fields, "purpose", 100_000),
        duo=[code for code in fields.get("duo", []) if code in vocabularies.PURPOSES],
        statements=[name for name in fields.get("say", []) if name in vocabularies.STATEMENTS],
        diseases=one(fields, "diseases"),
        words={name: one(fields, name) for name in asking.WORDS},
        until=one(fields, "until"),
    )
    if one(fields, "people_of") == written.study:
        written.people = fields.get("person", [])
    until = written.check(hub.clock())
    if written.faults:
        return None, written
    people = written.people
    if people is None:
        with hub.database.read() as session:
            chosen = studies.find_study(session, reader.principal, written.study)
            people = [member.person.uuid for member in chosen.members]
    try:
        wanted = checked(
            study_routes.WantedRequest, purpose=written.purpose.strip(), duo=written.duo, use=written.use(),
            datasets=uuids, people=people, until=until,
        )  # fmt: skip
    except InputError as error:
        written.faults["use"] = str(error)
        return None, written
    return wanted, written


def _request_form(
    session: Session, hub: Hub, reader: ReaderDependency, uuids: list[str], written: asking.RequestForm,
    changed: models.AccessRequest | None = None,
) -> Response:  # fmt: skip
    gate = Gate(session, reader.principal, hub.clock())
    datasets = []
    for uuid in dict.fromkeys(uuids):
        dataset = find_dataset(session, uuid)
        gate.require(Action.SEE, dataset, uuid)
        assert dataset is not None
        publication = session.get(models.Publication, dataset.id)
        description = shown_description(session, dataset, publication, newest=False)
        datasets.append((dataset, document_of(dataset, description), requests.terms_of(session, dataset)))
    if not datasets:
        raise ConfigError("a request is about data sets. Start from the page of a data set.")
    mine, _ = studies.studies_of(session, reader.principal.person_id or 0, MOST_STUDIES, 0)
    led = [each for each in mine if asking.leads(each, reader.principal)]
    if not written.study and len(led) == 1:
        written.study = led[0].uuid
    chosen = next((each for each in led if each.uuid == written.study), None)
    return page(
        reader, "request_new.html", 422 if written.faults else 200, datasets=datasets, studies=led,
        written=written, chosen=chosen, changed=changed, today=hub.clock().date().isoformat(),
    )  # fmt: skip


def _request(session: Session, hub: Hub, reader: ReaderDependency, uuid: str) -> models.AccessRequest:
    person_of(reader.principal)
    return requests.find_request(session, Gate(session, reader.principal, hub.clock()), uuid)


@pages.get("/requests/{uuid}")
def request(uuid: Uuid, hub: HubDependency, reader: ReaderDependency, done: Note = "") -> Response:
    """One request, for its study and for who decides about it: state, clock, match, decision."""
    with hub.database.read() as session:
        return _shown_request(session, hub, reader, uuid, done=done)


def _shown_request(
    session: Session,
    hub: Hub,
    reader: ReaderDependency,
    uuid: str,
    *,
    done: str = "",
    fault: str = "",
    said: Mapping[str, list[str]] | None = None,
) -> Response:
    """Return the page of a request; after a fault with what was ``said`` in the form of the decision."""
    now, found = hub.clock(), _request(session, hub, reader, uuid)
    gate = Gate(session, reader.principal, now)
    permit = session.scalar(select(models.Permit).where(models.Permit.request_id == found.id))
    view = asking.view(session, gate, found, now, hub.diseases)
    return page(
        reader, "request.html", 422 if fault else 200, view=view, request=found, permit=permit, done=done,
        permit_state=None if permit is None else permits.state_of(permit, now), fault=fault,
        statements=asking.statements(found), deciding=any(each.mine for each in view.datasets),
        said=said or {},
    )  # fmt: skip


@pages.post("/requests/{uuid}/cancel")
def cancel(uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Take a request back."""
    study_routes.cancel_request(hub, person_of(reader.principal), uuid)
    return go(reader, f"/requests/{uuid}")


@pages.get("/inbox")
def inbox(hub: HubDependency, reader: ReaderDependency, number: Number = 1, done: Note = "") -> Response:
    """What waits for the steward, the longest first, and what was decided."""
    who, now, first = require_role(reader.principal, Role.STEWARD), hub.clock(), PER_PAGE * (number - 1)
    with hub.database.read() as session:
        gate = Gate(session, who, now)
        waiting, n_waiting = requests.requests_of(session, who, inbox=True, limit=PER_PAGE, offset=first)
        decided, n_decided = requests.decided_requests(session, who, PER_PAGE, first)
        longer, n_longer = extensions.waiting(session, who, now, PER_PAGE, first)
        days, most = hub.settings.permit_warning_days, max(n_waiting, n_decided, n_longer)
        return page(
            reader, "inbox.html", done=done, number=number, more=most > first + PER_PAGE,
            extensions=[asking.permit_view(session, gate, each.permit, now, days) for each in longer],
            waiting=[asking.view(session, gate, each, now, hub.diseases) for each in waiting],
            decided=[asking.view(session, gate, each, now, hub.diseases) for each in decided],
        )  # fmt: skip


@pages.post("/requests/{uuid}/decision")
def decide(uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Grant, refuse, or return with questions."""
    who, decision, words = person_of(reader.principal), one(fields, "decision"), one(fields, "words")
    fault = ""
    if decision not in ("granted", "refused", "returned"):
        fault = N_("Choose a decision.")
    elif len(words) < 10:
        fault = N_("Say why, in a sentence; the study reads it.")
    if fault:
        with hub.database.read() as session:
            return _shown_request(session, hub, reader, uuid, fault=fault, said=fields)
    if decision == "returned":
        study_routes.return_request(hub, who, uuid, checked(study_routes.Returned, question=words))
        return go(reader, "/inbox", done=decision)
    ends = one(fields, "ends", 10)
    wanted = checked(
        study_routes.WantedRuling, granted=decision == "granted", reason=words,
        conditions=one(fields, "conditions"), datasets=fields.get("dataset"),
        ends=f"{ends}T23:59:59Z" if ends else None,
    )  # fmt: skip
    answer = study_routes.decide_request(hub, who, uuid, wanted)
    closed = answer.request.state is not requests.State.SUBMITTED
    return go(reader, "/inbox", done=str(answer.request.state) if closed else "noted")


@pages.post("/permits/{uuid}/withdraw")
def withdraw(uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """End a permit at once."""
    who = person_of(reader.principal)
    wanted = checked(permit_routes.Withdrawal, reason=one(fields, "reason"))
    permit_routes.withdraw_permit(hub, who, uuid, wanted)
    return go(reader, "/inbox", done="withdrawn")
