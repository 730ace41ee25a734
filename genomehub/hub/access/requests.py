"""Requests for data sets: written, submitted, matched with DUO, decided by the stewards of the data sets.

A request may name data sets of several projects; each steward decides about their own. When the last is
decided, the request is granted (a permit is made of those granted) or refused.
"""

import enum
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select, UnaryExpression, delete, func, or_, select
from sqlalchemy.orm import Session

from genomehub.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access import duo
from genomehub.hub.access.diseases import Diseases
from genomehub.hub.access.duo import Use
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Principal, Role

#: The EHDS regulation lets a permit hold for ten years at most.
LONGEST = timedelta(days=3653)


class State(enum.StrEnum):
    """Of a request."""

    DRAFT = "draft"
    SUBMITTED = "submitted"  # the steward's clock runs
    RETURNED = "returned"  # the steward asks something
    GRANTED = "granted"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class Step(enum.StrEnum):
    """What is done to a request."""

    EDIT = "edit"
    SUBMIT = "submit"
    RETURN = "return"
    GRANT = "grant"
    REFUSE = "refuse"
    CANCEL = "cancel"


#: The one table of what may follow what; whatever is not here is refused.
TRANSITIONS: dict[tuple[State, Step], State] = {
    (State.DRAFT, Step.EDIT): State.DRAFT,
    (State.DRAFT, Step.SUBMIT): State.SUBMITTED,
    (State.DRAFT, Step.CANCEL): State.CANCELLED,
    (State.SUBMITTED, Step.RETURN): State.RETURNED,
    (State.SUBMITTED, Step.GRANT): State.GRANTED,
    (State.SUBMITTED, Step.REFUSE): State.REFUSED,
    (State.SUBMITTED, Step.CANCEL): State.CANCELLED,
    (State.RETURNED, Step.EDIT): State.RETURNED,
    (State.RETURNED, Step.SUBMIT): State.SUBMITTED,
    (State.RETURNED, Step.CANCEL): State.CANCELLED,
}


def step(request: models.AccessRequest, taken: Step) -> State:
    """Return the state that a step leads to.

    Raises
    ------
    ConflictError
        The step is not possible in the request's state.
    """
    after = TRANSITIONS.get((State(request.state), taken))
    if after is None:
        possible = sorted(other for state, other in TRANSITIONS if state == request.state)
        raise ConflictError(
            f"request {request.uuid}: is {request.state}; one cannot {taken} it. "
            f"Possible: {', '.join(possible) or 'nothing more'}."
        )
    return after


class Wish(BaseModel):
    """What is asked for. datasets, people : their uuids; people are members of the study."""

    purpose: str
    duo: list[str]
    use: Use
    datasets: list[str]
    people: list[str]
    until: datetime


def draft(
    session: Session, gate: Gate, study: models.Study, wish: Wish, now: datetime
) -> models.AccessRequest:
    """Write a request, not yet submitted."""
    request = models.AccessRequest(
        uuid=str(uuid.uuid4()), study_id=study.id, purpose="", duo=[], until=now, state=State.DRAFT.value,
        created_at=now, created_by_id=gate.principal.person_id,
    )  # fmt: skip
    request.study = study
    _fill(session, gate, request, wish, now)
    session.add(request)
    session.flush()
    return request


def edit(session: Session, gate: Gate, request: models.AccessRequest, wish: Wish, now: datetime) -> None:
    """Change a request that is a draft or was returned."""
    step(request, Step.EDIT)
    _fill(session, gate, request, wish, now)
    session.flush()


def _fill(session: Session, gate: Gate, request: models.AccessRequest, wish: Wish, now: datetime) -> None:
    if unknown := duo.unknown_codes(wish.duo):
        raise InputError(f"duo: {unknown[0]!r} is no code of the Data Use Ontology. Look them up: /api/duo.")
    if not now < wish.until <= now + LONGEST:
        raise InputError(f"until: {wish.until:%Y-%m-%d} is not within ten years from now.")
    if not wish.datasets or not wish.people:
        raise InputError("datasets and people: at least one of each is expected.")
    members = {member.person.uuid: member.person for member in request.study.members}
    if strangers := [person for person in wish.people if person not in members]:
        raise InputError(f"people: {strangers[0][:80]!r} is not in the study. Invite them first.")
    request.purpose, request.duo, request.until = wish.purpose, list(wish.duo), wish.until
    request.statement = wish.use.model_dump(mode="json", exclude_defaults=True)
    request.people = [members[person] for person in dict.fromkeys(wish.people)]
    request.datasets = [_asked(session, gate, one) for one in dict.fromkeys(wish.datasets)]


def _asked(session: Session, gate: Gate, dataset_uuid: str) -> models.Dataset:
    found = session.scalar(select(models.Dataset).where(models.Dataset.uuid == dataset_uuid))
    gate.require(Action.SEE, found, dataset_uuid)
    assert found is not None
    return found


def find_request(session: Session, gate: Gate, request_uuid: str) -> models.AccessRequest:
    """Return a request of one's own study, or one that one decides about.

    Raises
    ------
    NotFoundError
        There is none, or it is others': which of these is not told.
    """
    request = session.scalar(select(models.AccessRequest).where(models.AccessRequest.uuid == request_uuid))
    if request is None or not (is_member(request.study, gate.principal) or decides(gate, request)):
        raise NotFoundError(f"{request_uuid[:80]!r}: you see no such request. Look at your studies.")
    return request


def is_member(study: models.Study, principal: Principal) -> bool:
    """Tell whether the principal is in the study."""
    return any(member.person_id == principal.person_id for member in study.members)


def decides(gate: Gate, request: models.AccessRequest) -> list[models.Dataset]:
    """Return the request's data sets that the principal decides about; none of a draft."""
    if request.state == State.DRAFT:
        return []
    return [dataset for dataset in request.datasets if gate.decide(Action.DECIDE, dataset).allowed]


def requests_of(
    session: Session,
    principal: Principal,
    *,
    inbox: bool,
    limit: int,
    offset: int,
    study: models.Study | None = None,
) -> tuple[Sequence[models.AccessRequest], int]:
    """Return requests of one's studies (or of one of them), or (inbox) those that wait for one's decision.

    The newest come first, in the inbox those that have waited longest.
    """
    request = models.AccessRequest
    if inbox:
        found = _about_mine(principal).where(request.state == State.SUBMITTED.value)
        order: UnaryExpression[Any] = request.submitted_at.asc()
    else:
        mine = select(models.StudyMember.study_id).where(models.StudyMember.person_id == principal.person_id)
        found, order = select(request).where(request.study_id.in_(mine)), request.id.desc()
        if study is not None:
            found = found.where(request.study_id == study.id)
    return _page(session, found, order, limit, offset)


def decided_requests(
    session: Session, principal: Principal, limit: int, offset: int
) -> tuple[Sequence[models.AccessRequest], int]:
    """Return requests about data sets that one decides about which are decided, the newest decision first."""
    request = models.AccessRequest
    states = (State.GRANTED.value, State.REFUSED.value, State.RETURNED.value)
    found = _about_mine(principal).where(request.state.in_(states))
    return _page(session, found, request.decided_at.desc(), limit, offset)


def _about_mine(principal: Principal) -> Select[tuple[models.AccessRequest]]:
    """Select requests that name a data set which the principal decides about."""
    projects = [grant.project_id for grant in principal.grants if grant.role is Role.STEWARD]
    about = select(models.AccessRequestDataset.request_id).join(models.Dataset)
    if None not in projects:
        about = about.where(models.Dataset.project_id.in_(projects))
    return select(models.AccessRequest).where(models.AccessRequest.id.in_(about))


def _page(
    session: Session,
    found: Select[tuple[models.AccessRequest]],
    order: UnaryExpression[Any],
    limit: int,
    offset: int,
) -> tuple[Sequence[models.AccessRequest], int]:
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    ordered = found.order_by(order, models.AccessRequest.id)
    return session.scalars(ordered.limit(limit).offset(offset)).all(), total


def submit(session: Session, request: models.AccessRequest, now: datetime) -> None:
    """Hand a request to the stewards; their clock begins. What was decided of a former wording is void."""
    request.state = step(request, Step.SUBMIT).value
    session.execute(delete(models.AccessVerdict).where(models.AccessVerdict.request_id == request.id))
    request.submitted_at = now
    request.decided_at = request.decided_by_id = request.decision = None


def cancel(request: models.AccessRequest) -> None:
    """Give a request up."""
    request.state = step(request, Step.CANCEL).value


def give_back(request: models.AccessRequest, gate: Gate, question: str, now: datetime) -> None:
    """Return a request to the study with a question; the clock stops."""
    _require_steward(gate, request)
    request.state = step(request, Step.RETURN).value
    request.decided_at, request.decided_by_id, request.decision = now, gate.principal.person_id, question


def _require_steward(gate: Gate, request: models.AccessRequest) -> list[models.Dataset]:
    mine = decides(gate, request)
    if not mine:
        raise NotAllowedError("only a steward of the data sets may do this.")
    if is_member(request.study, gate.principal):
        raise NotAllowedError("you are in the study: another steward must decide about its request.")
    return mine


class Ruling(BaseModel):
    """A steward's decision. datasets : uuids, None for all that one decides about.

    starts, ends : of the permit, if other than from now and until the day asked for
    """

    granted: bool
    reason: str
    conditions: str = ""
    datasets: list[str] | None = None
    starts: datetime | None = None
    ends: datetime | None = None


def decide(
    session: Session, gate: Gate, request: models.AccessRequest, ruling: Ruling, now: datetime
) -> tuple[list[models.Dataset], models.Permit | None]:
    """Decide about one's data sets; return them, and the permit if this was the last decision missing.

    Raises
    ------
    NotAllowedError, ConflictError, InputError
    """
    mine = _require_steward(gate, request)
    step(request, Step.GRANT if ruling.granted else Step.REFUSE)
    wanted = mine
    if ruling.datasets is not None:
        wanted = [dataset for dataset in mine if dataset.uuid in ruling.datasets]
        if len(wanted) != len(set(ruling.datasets)):
            raise InputError("datasets: one of them is not in the request, or not yours to decide about.")
    starts, ends = ruling.starts or now, ruling.ends or request.until
    if ruling.granted and not (starts < ends <= now + LONGEST):
        raise InputError("starts and ends: the permit would end before it begins, or after ten years.")
    session.add_all(
        models.AccessVerdict(
            request_id=request.id, dataset_id=dataset.id, granted=ruling.granted, reason=ruling.reason,
            conditions=ruling.conditions or None, starts_at=starts, ends_at=ends, decided_at=now,
            decided_by_id=gate.principal.person_id,
        )
        for dataset in _undecided(session, request, wanted)
    )  # fmt: skip
    session.flush()
    return wanted, _close(session, gate, request, ruling, now)


def stewards_of(session: Session, datasets: Iterable[models.Dataset]) -> Sequence[models.Person]:
    """Return who decides about any of the data sets."""
    grant, projects = models.RoleGrant, {dataset.project_id for dataset in datasets}
    found = (
        select(models.Person)
        .join(grant, grant.person_id == models.Person.id)
        .where(
            grant.role == Role.STEWARD.value,
            or_(grant.project_id.is_(None), grant.project_id.in_(projects)),
            models.Person.disabled_at.is_(None),
        )
        .distinct()
        .order_by(models.Person.id)
    )
    return session.scalars(found).all()


def verdicts(session: Session, request: models.AccessRequest) -> dict[int, models.AccessVerdict]:
    """Return what has been decided, by the data set's number."""
    found = select(models.AccessVerdict).where(models.AccessVerdict.request_id == request.id)
    return {verdict.dataset_id: verdict for verdict in session.scalars(found)}


def _undecided(
    session: Session, request: models.AccessRequest, wanted: list[models.Dataset]
) -> list[models.Dataset]:
    decided = verdicts(session, request)
    rest = [dataset for dataset in wanted if dataset.id not in decided]
    if not rest:
        raise ConflictError("you have decided about these data sets already; others' decisions are missing.")
    return rest


def _close(
    session: Session, gate: Gate, request: models.AccessRequest, ruling: Ruling, now: datetime
) -> models.Permit | None:
    decided = verdicts(session, request)
    if len(decided) < len(request.datasets):
        return None
    granted = [dataset for dataset in request.datasets if decided[dataset.id].granted]
    request.state = step(request, Step.GRANT if granted else Step.REFUSE).value
    request.decided_at, request.decided_by_id, request.decision = now, gate.principal.person_id, ruling.reason
    if not granted:
        return None
    yes = [decided[dataset.id] for dataset in granted]
    conditions = dict.fromkeys(verdict.conditions for verdict in yes if verdict.conditions)
    permit = models.Permit(
        uuid=str(uuid.uuid4()), study_id=request.study_id, request_id=request.id, duo=request.duo,
        conditions="\n".join(conditions) or None, granted_at=now, granted_by_id=gate.principal.person_id,
        starts_at=max(verdict.starts_at or now for verdict in yes),
        ends_at=min(verdict.ends_at or request.until for verdict in yes),
        datasets=granted, people=list(request.people),
    )  # fmt: skip
    if permit.starts_at >= permit.ends_at:
        raise InputError("starts and ends: do not fit what the other data sets' stewards decided.")
    session.add(permit)
    session.flush()
    return permit


# ------------------------------------------------------------------------------- what helps the steward


def documents(session: Session, datasets: Iterable[models.Dataset]) -> dict[int, dict[str, Any]]:
    """Return descriptions of data sets by their number: the published ones, else the newest."""
    numbers = [dataset.id for dataset in datasets]
    description, publication = models.Description, models.Publication
    newest = (
        select(func.max(description.version))
        .where(description.dataset_id == publication.dataset_id)
        .correlate(publication)
        .scalar_subquery()
    )
    rows = session.execute(
        select(description.dataset_id, description.document)
        .join(publication, publication.dataset_id == description.dataset_id)
        .where(
            description.dataset_id.in_(numbers),
            or_(
                publication.description_id == description.id,
                publication.description_id.is_(None) & (description.version == newest),
            ),
        )
    )
    return {row.dataset_id: row.document for row in rows}


def terms_of(session: Session, dataset: models.Dataset) -> duo.Terms:
    """Return what the codes of a data set leave open."""
    kept = session.get(models.DatasetTerms, dataset.id)
    return duo.Terms() if kept is None else duo.Terms.model_validate(kept.terms)


def write_terms(
    session: Session, dataset: models.Dataset, terms: duo.Terms, by: int | None, now: datetime
) -> None:
    """Write the terms of a data set."""
    kept = session.get(models.DatasetTerms, dataset.id)
    if kept is None:
        kept = models.DatasetTerms(dataset_id=dataset.id)
        session.add(kept)
    kept.terms, kept.changed_at = terms.model_dump(mode="json", exclude_defaults=True), now
    assert by is not None
    kept.changed_by_id = by
    session.flush()


def matches(
    session: Session, request: models.AccessRequest, now: datetime, tree: Diseases
) -> dict[str, duo.Match]:
    """Return the match of a request with each of its data sets, by their uuid."""
    texts = documents(session, request.datasets)
    asked = duo.Asked(
        duo=request.duo,
        use=Use.model_validate(request.statement or {}),
        people=[person.email or "" for person in request.people],
        study=request.study.uuid,
        starts=request.submitted_at or now,
        until=request.until,
        tree=tree,
    )
    return {
        dataset.uuid: duo.match(texts.get(dataset.id, {}).get("duo", []), terms_of(session, dataset), asked)
        for dataset in request.datasets
    }


class DecisionClock(BaseModel):
    """How long a request has waited, against what the descriptions of its data sets promise.

    days : full days since it was submitted; promised : days, the longest promise of its data sets
    """

    submitted_at: datetime
    days: int
    promised: int | None = None
    due: datetime | None = None
    overdue: bool = False


def decision_clock(session: Session, request: models.AccessRequest, now: datetime) -> DecisionClock | None:
    """Return the clock of a request that was submitted; it stands still once it is returned or decided."""
    if request.submitted_at is None:
        return None
    promises = [
        text["hdab_days"]
        for text in documents(session, request.datasets).values()
        if isinstance(text.get("hdab_days"), int)
    ]
    promised = max(promises, default=None)
    due = None if promised is None else request.submitted_at + timedelta(days=promised)
    end = request.decided_at or now
    days = (end - request.submitted_at).days
    return DecisionClock(
        submitted_at=request.submitted_at, days=days, promised=promised, due=due,
        overdue=due is not None and end > due,
    )  # fmt: skip
