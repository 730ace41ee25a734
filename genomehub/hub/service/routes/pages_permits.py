"""Pages of permits: what one covers, its end, and extensions that studies ask for and stewards decide."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.orm import Session

from genomehub.hub.access import extensions, permits
from genomehub.hub.access.gate import Gate
from genomehub.hub.access.requests import LONGEST
from genomehub.hub.pages import asking
from genomehub.hub.pages.texts import N_
from genomehub.hub.service.context import Hub
from genomehub.hub.service.dependencies import HubDependency, person_of
from genomehub.hub.service.fields import Uuid
from genomehub.hub.service.readers import Posted, PostedDependency, ReaderDependency, checked, go, one, page
from genomehub.hub.service.routes import permits as permit_routes

pages = APIRouter()
SHORTEST_REASON = 10


@pages.get("/permits/{uuid}")
def permit(
    uuid: Uuid, hub: HubDependency, reader: ReaderDependency, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """One permit, for its study and its stewards: what it covers, until when, what was asked for it."""
    person_of(reader.principal)
    with hub.database.read() as session:
        return _permit(session, hub, reader, uuid, done=done)


def _permit(
    session: Session,
    hub: Hub,
    reader: ReaderDependency,
    uuid: str,
    *,
    done: str = "",
    faults: Mapping[str, str] | None = None,
    said: Posted | None = None,
) -> Response:
    """Return the page of a permit; after ``faults`` with what was ``said`` in the form."""
    now = hub.clock()
    gate = Gate(session, reader.principal, now)
    found = permits.find_permit(session, gate, uuid)
    view = asking.permit_view(session, gate, found, now, hub.settings.permit_warning_days)
    return page(
        reader, "permit.html", 422 if faults else 200, view=view, permit=found, done=done,
        faults=faults or {}, said=said or {}, latest=(found.starts_at + LONGEST).date().isoformat(),
    )  # fmt: skip


@pages.post("/permits/{uuid}/extensions")
def ask_extension(
    uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Ask that a permit hold longer."""
    who = person_of(reader.principal)
    until, reason = _end_of(one(fields, "until")), one(fields, "reason")
    with hub.database.read() as session:
        found = permits.find_permit(session, Gate(session, who, hub.clock()), uuid)
        faults = {}
        if until is None or not found.ends_at < until <= found.starts_at + LONGEST:
            faults["until"] = N_("Choose a day after the permit's end, within ten years of its beginning.")
        if len(reason) < SHORTEST_REASON:
            faults["reason"] = N_("Say why, in a sentence; the steward reads it.")
        if faults:
            return _permit(session, hub, reader, uuid, faults=faults, said=fields)
    wanted = checked(permit_routes.WantedExtension, until=until, reason=reason)
    permit_routes.ask_extension(hub, who, uuid, wanted)
    return go(reader, f"/permits/{uuid}", done="asked")


@pages.post("/extensions/{uuid}/decision")
def decide_extension(
    uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Grant an extension, until the day asked for or another; or refuse it."""
    who, decision, words = person_of(reader.principal), one(fields, "decision"), one(fields, "words")
    ends = _end_of(one(fields, "ends"))
    faults = {}
    if decision not in ("granted", "refused"):
        faults["decision"] = N_("Choose a decision.")
    if len(words) < SHORTEST_REASON:
        faults["words"] = N_("Say why, in a sentence; the study reads it.")
    with hub.database.read() as session:
        found = extensions.find_extension(session, Gate(session, who, hub.clock()), uuid).permit
        late = ends is None or not found.ends_at < ends <= found.starts_at + LONGEST
        if decision == "granted" and late:
            faults["ends"] = N_("Choose a day after the permit's end, within ten years of its beginning.")
        if faults:
            return _permit(session, hub, reader, found.uuid, faults=faults, said=fields)
        permit_uuid = found.uuid
    granted = decision == "granted"
    wanted = checked(
        permit_routes.WantedAnswer, granted=granted, reason=words, ends=ends if granted else None
    )
    permit_routes.decide_extension(hub, who, uuid, wanted)
    return go(reader, f"/permits/{permit_uuid}", done=decision)


@pages.post("/extensions/{uuid}/cancel")
def cancel_extension(
    uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Take back what one's study asked."""
    answer = permit_routes.cancel_extension(hub, person_of(reader.principal), uuid)
    return go(reader, f"/permits/{answer.permit}")


@pages.post("/permits/{uuid}/end")
def change_end(
    uuid: Uuid, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Let a permit end on another day, later or sooner, without having been asked."""
    who, ends = person_of(reader.principal), _end_of(one(fields, "ends"))
    with hub.database.read() as session:
        found = permits.find_permit(session, Gate(session, who, hub.clock()), uuid)
        if ends is None or not hub.clock() < ends <= found.starts_at + LONGEST:
            fault = {"end": N_("Choose a day that is to come, within ten years of the permit's beginning.")}
            return _permit(session, hub, reader, uuid, faults=fault, said=fields)
    permit_routes.extend_permit(hub, who, uuid, checked(permit_routes.Extension, ends=ends))
    return go(reader, f"/permits/{uuid}", done="changed")


def _end_of(day: str) -> datetime | None:
    """Return the end of a day as somebody wrote it; None if it is none."""
    try:
        return datetime.combine(date.fromisoformat(day), time(23, 59, 59), UTC)
    except ValueError:
        return None
