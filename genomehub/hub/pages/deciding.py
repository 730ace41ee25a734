"""The stewards' room: what waits, whether its purpose fits the data's conditions, decisions and withdrawals.

The match shown is an aid; a person decides.
"""

import dataclasses
import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import ConflictError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.pages.reading import document_of, shown_description
from genomehub.hub.pages.vocabularies import CONDITION, DUO, PERMISSION, Meaning, duo

#: Purposes that a permission covers.
_COVERS: dict[str, frozenset[str]] = {
    "DUO:0000004": frozenset(code for code, meaning in DUO.items() if meaning.kind == PERMISSION),
    "DUO:0000042": frozenset({"DUO:0000042", "DUO:0000006", "DUO:0000007", "DUO:0000011"}),
    "DUO:0000006": frozenset({"DUO:0000006", "DUO:0000007"}),
    "DUO:0000007": frozenset({"DUO:0000007"}),
    "DUO:0000011": frozenset({"DUO:0000011"}),
}
#: Conditions that another promise meets too.
_MET_BY = {"DUO:0000046": {"DUO:0000046", "DUO:0000018"}}


@dataclasses.dataclass(frozen=True)
class Line:
    """One code of a data set against a request.

    verdict : "fits", "fails", or "ask" where only a person can tell
    """

    code: str
    meaning: Meaning
    verdict: str


@dataclasses.dataclass(frozen=True)
class Match:
    """A data set's codes against a request's."""

    dataset: models.Dataset
    title: dict[str, str]
    promised_days: int | None
    lines: tuple[Line, ...]
    may_decide: bool

    @property
    def verdict(self) -> str:
        """The worst of the lines."""
        verdicts = {line.verdict for line in self.lines}
        return "fails" if "fails" in verdicts else "ask" if "ask" in verdicts or not verdicts else "fits"


def compare(dataset_codes: Iterable[str], request_codes: Iterable[str]) -> tuple[Line, ...]:
    """Return how each code of a data set stands to what is asked.

    Examples
    --------
    >>> [(line.code, line.verdict) for line in compare(["DUO:0000006", "DUO:0000046"], ["DUO:0000042"])]
    [('DUO:0000006', 'fails'), ('DUO:0000046', 'fails')]
    >>> [line.verdict for line in compare(["DUO:0000006", "DUO:0000021"], ["DUO:0000006", "DUO:0000021"])]
    ['fits', 'fits']
    """
    asked = set(request_codes)
    purposes = {code for code in asked if duo(code).kind == PERMISSION}
    lines = []
    for code in dataset_codes:
        meaning = duo(code)
        if meaning.kind == PERMISSION:
            verdict = "fits" if purposes and purposes <= _COVERS[code] else "fails"
            if code == "DUO:0000007" and verdict == "fits":
                verdict = "ask"  # the same disease? the words tell
        elif meaning.kind == CONDITION and code in (
            "DUO:0000046",
            "DUO:0000018",
            "DUO:0000021",
            "DUO:0000019",
        ):
            verdict = "fits" if asked & _MET_BY.get(code, {code}) else "fails"
        elif code == "DUO:0000044":
            verdict = "fails" if "DUO:0000011" in asked else "fits"
        else:
            verdict = "fits" if code in asked else "ask"
        lines.append(Line(code, meaning, verdict))
    return tuple(lines)


def matches(session: Session, gate: Gate, request: models.AccessRequest) -> list[Match]:
    """Return the match of each data set of a request."""
    found = []
    for dataset in request.datasets:
        publication = session.get(models.Publication, dataset.id)
        document = document_of(dataset, shown_description(session, dataset, publication, newest=False))
        may = gate.decide(Action.DECIDE, dataset).allowed
        lines = compare(document.duo, request.duo)
        found.append(Match(dataset, document.title, document.hdab_days, lines, may))
    return found


def inbox(session: Session, gate: Gate, *, waiting: bool) -> list[models.AccessRequest]:
    """Return requests that the steward decides on: the longest waiting first, or the decided."""
    request = models.AccessRequest
    states = ("submitted",) if waiting else ("granted", "refused", "returned")
    order = request.submitted_at if waiting else request.decided_at.desc()
    rows = session.scalars(
        select(request).where(request.state.in_(states)).order_by(order, request.id).limit(500)
    )
    return [
        one for one in rows if any(gate.decide(Action.DECIDE, dataset).allowed for dataset in one.datasets)
    ]


def request_to_decide(session: Session, gate: Gate, request_uuid: str) -> models.AccessRequest:
    """Return a request about data sets that the steward decides on.

    Raises
    ------
    NotFoundError
        There is none.
    """
    request = session.scalar(select(models.AccessRequest).where(models.AccessRequest.uuid == request_uuid))
    if request is None or not any(gate.decide(Action.DECIDE, one).allowed for one in request.datasets):
        raise NotFoundError(f"{request_uuid[:40]!r}: no such request. See the inbox.")
    return request


def decide(
    session: Session,
    gate: Gate,
    request: models.AccessRequest,
    *,
    state: str,
    words: str,
    now: datetime,
) -> models.Permit | None:
    """Grant, refuse or return a request; a grant is a permit for all people of the study.

    Raises
    ------
    ConflictError
        It does not wait any more, or is about a data set of another steward too.
    """
    if request.state != "submitted":
        raise ConflictError("the request does not wait for a decision any more.")
    if not all(gate.decide(Action.DECIDE, dataset).allowed for dataset in request.datasets):
        raise ConflictError("the request is about a data set of another steward too; ask for two requests.")
    request.state, request.decision = state, words
    request.decided_at, request.decided_by_id = now, gate.principal.person_id
    if state != "granted":
        return None
    permit = models.Permit(
        uuid=str(uuid.uuid4()), study_id=request.study_id, request_id=request.id, duo=request.duo,
        conditions=words or None, granted_at=now, granted_by_id=gate.principal.person_id, starts_at=now,
        ends_at=request.until,
    )  # fmt: skip
    permit.datasets.extend(request.datasets)
    permit.people.extend(member.person for member in request.study.members)
    session.add(permit)
    session.flush()
    return permit


def permit_to_withdraw(session: Session, gate: Gate, permit_uuid: str) -> models.Permit:
    """Return a permit that the steward may withdraw.

    Raises
    ------
    NotFoundError
        There is none.
    """
    permit = session.scalar(select(models.Permit).where(models.Permit.uuid == permit_uuid))
    if permit is None or not any(gate.decide(Action.DECIDE, one).allowed for one in permit.datasets):
        raise NotFoundError(f"{permit_uuid[:40]!r}: no such permit. See the register of permits.")
    return permit


def withdraw(gate: Gate, permit: models.Permit, reason: str, now: datetime) -> None:
    """End a permit at once.

    Raises
    ------
    ConflictError
        It was withdrawn before.
    """
    if permit.withdrawn_at is not None:
        raise ConflictError("the permit was withdrawn before.")
    permit.withdrawn_at, permit.withdrawn_by_id = now, gate.principal.person_id
    permit.withdrawal = reason or None


def register(session: Session, page: int, per_page: int = 50) -> list[models.Permit]:
    """Return a page of all permits, the newest first, and one more if there is another page."""
    newest = select(models.Permit).order_by(models.Permit.id.desc())
    return list(session.scalars(newest.offset((page - 1) * per_page).limit(per_page + 1)))


def state_of(permit: models.Permit, now: datetime) -> str:
    """Return whether a permit holds: "coming", "valid", "ended" or "withdrawn"."""
    if permit.withdrawn_at is not None:
        return "withdrawn"
    if permit.ends_at <= now:
        return "ended"
    return "coming" if permit.starts_at > now else "valid"


def public_titles(session: Session, gate: Gate, permit: models.Permit) -> list[tuple[str, dict[str, str]]]:
    """Return the data sets of a permit that the reader may see, by identifier and title."""
    found = []
    for dataset in permit.datasets:
        if gate.decide(Action.SEE, dataset).allowed:
            publication = session.get(models.Publication, dataset.id)
            description = shown_description(session, dataset, publication, newest=False)
            found.append((dataset.uuid, document_of(dataset, description).title))
    return found
