"""Requests on pages: the form that asks for data sets, and a request with its clock and its match."""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access import extensions, permits, requests
from genomehub.hub.access.diseases import Diseases
from genomehub.hub.access.duo import Match, Terms
from genomehub.hub.access.gate import Gate
from genomehub.hub.access.principals import Principal
from genomehub.hub.access.requests import DecisionClock
from genomehub.hub.pages.texts import N_
from genomehub.hub.pages.vocabularies import PURPOSES, STATEMENTS, Meaning

MOST_TEXT = 20_000
#: Fields of the form that hold words of the use, by their name in ``duo.Use``.
WORDS = ("ethics_approval", "institution", "country", "research", "publishes_from")


@dataclasses.dataclass
class RequestForm:
    """What somebody wrote into the form; ``faults`` are sentences by field, translated where shown.

    statements : names of STATEMENTS; words : fields of WORDS; diseases : MONDO numbers, one a line
    people : uuids of members of the study; None: all of them
    """

    study: str = ""
    purpose: str = ""
    duo: list[str] = dataclasses.field(default_factory=list)
    statements: list[str] = dataclasses.field(default_factory=list)
    diseases: str = ""
    words: dict[str, str] = dataclasses.field(default_factory=dict)
    people: list[str] | None = None
    until: str = ""
    faults: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, request: models.AccessRequest) -> "RequestForm":
        """Return the form as it was written for a request."""
        said: Mapping[str, Any] = request.statement or {}
        kept = [name for name, (_, field, value) in STATEMENTS.items() if said.get(field) is value]
        return cls(
            study=request.study.uuid,
            purpose=request.purpose,
            duo=list(request.duo),
            statements=kept,
            diseases="\n".join(said.get("diseases", [])),
            words={name: str(said[name]) for name in WORDS if said.get(name)},
            people=[person.uuid for person in request.people],
            until=request.until.date().isoformat(),
        )

    def check(self, now: datetime) -> datetime | None:
        """Note the faults that belong beside a field; return until when access is wanted."""
        if not self.study:
            self.faults["study"] = N_("Choose the study that will use the data.")
        if len(self.purpose.strip()) < 20 or len(self.purpose) > MOST_TEXT:
            self.faults["purpose"] = N_(
                "Say in a few sentences what you will do with the data (20 characters or more)."
            )
        if not set(self.duo) & set(PURPOSES):
            self.faults["duo"] = N_("Choose at least one purpose.")
        if self.people == []:
            self.faults["people"] = N_("Name at least one person.")
        try:
            until = datetime.combine(date.fromisoformat(self.until), time(23, 59, 59), UTC)
        except ValueError:
            self.faults["until"] = N_("Say until which day you need access.")
            return None
        if not now < until <= now + requests.LONGEST:
            self.faults["until"] = N_("Choose a day that is to come, within ten years.")
        return until

    def use(self) -> dict[str, object]:
        """Return what is said of the use, as ``duo.Use`` takes it. Ancestry is ruled out if not asked for."""
        said: dict[str, object] = {
            field: value for name, (_, field, value) in STATEMENTS.items() if name in self.statements
        }
        said |= {name: text for name, text in self.words.items() if text}
        said["diseases"] = self.diseases.split()
        if not set(self.duo) & {"DUO:0000011", "DUO:0000042"}:
            said["ancestry"] = False
        return said


def statements(request: models.AccessRequest) -> list[Meaning]:
    """Return what a request says of its use, in words: a sentence, or a name and what was written."""
    said: Mapping[str, Any] = request.statement or {}
    found = [Meaning(text, "") for text, field, value in STATEMENTS.values() if said.get(field) is value]
    if said.get("diseases"):
        found.append(Meaning(N_("Diseases (MONDO)"), ", ".join(said["diseases"])))
    named = {
        "ethics_approval": N_("Ethics approval"),
        "institution": N_("Institution"),
        "country": N_("Country"),
        "research": N_("Research in words"),
        "publishes_from": N_("Published from"),
    }
    return found + [Meaning(label, str(said[name])) for name, label in named.items() if said.get(name)]


@dataclasses.dataclass(frozen=True)
class AskedDataset:
    """A data set of a request. mine : the reader decides about it; verdict : None until it is decided."""

    uuid: str
    title: dict[str, str]
    match: Match
    terms: Terms
    verdict: models.AccessVerdict | None
    mine: bool


@dataclasses.dataclass(frozen=True)
class RequestView:
    """A request as pages show it. left : days left of what was promised, None if nothing was

    member, lead : whether the reader is in the study, and leads it
    """

    request: models.AccessRequest
    datasets: tuple[AskedDataset, ...]
    clock: DecisionClock | None
    left: int | None
    member: bool
    lead: bool

    @property
    def undecided(self) -> list[AskedDataset]:
        """Data sets that wait for the reader's decision."""
        waits = self.request.state == requests.State.SUBMITTED and not self.member
        return [one for one in self.datasets if one.mine and one.verdict is None] if waits else []


def view(
    session: Session, gate: Gate, request: models.AccessRequest, now: datetime, tree: Diseases
) -> RequestView:
    """Return a request with what helps to judge it."""
    names, decided = titles(session, request.datasets), requests.verdicts(session, request)
    found, mine = requests.matches(session, request, now, tree), requests.decides(gate, request)
    clock = requests.decision_clock(session, request, now)
    lead = leads(request.study, gate.principal)
    return RequestView(
        request=request,
        datasets=tuple(
            AskedDataset(
                one.uuid, names[one.uuid], found[one.uuid], requests.terms_of(session, one),
                decided.get(one.id), one in mine,
            )
            for one in request.datasets
        ),
        clock=clock,
        left=None if clock is None or clock.promised is None else clock.promised - clock.days,
        member=requests.is_member(request.study, gate.principal),
        lead=lead,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class PermitView:
    """A permit as pages show it.

    left : days until it ends; soon : whether that is near enough for a warning; path : of its page
    open : the extension that waits, if any; past : those that do not, the newest first
    lead, member : of the reader in its study; decides : whether they decide about all of it, mine : of some
    request : uuid of the request that it was given for
    """

    permit: models.Permit
    state: permits.PermitState
    titles: dict[str, dict[str, str]]
    left: int
    soon: bool
    open: models.PermitExtension | None
    past: tuple[models.PermitExtension, ...]
    lead: bool
    member: bool
    mine: bool
    decides: bool
    request: str | None

    @property
    def holds(self) -> bool:
        """True if it holds, or will."""
        return self.state in (permits.PermitState.VALID, permits.PermitState.FUTURE)


def permit_view(
    session: Session, gate: Gate, permit: models.Permit, now: datetime, warning_days: Iterable[int]
) -> PermitView:
    """Return a permit with what its reader may do about it."""
    asked, state = extensions.of_permit(session, permit), permits.state_of(permit, now)
    left, mine = (permit.ends_at - now).days, permits.decided_datasets(gate, permit)
    request = None if permit.request_id is None else session.get(models.AccessRequest, permit.request_id)
    return PermitView(
        permit=permit,
        state=state,
        titles=titles(session, permit.datasets),
        left=left,
        soon=state is permits.PermitState.VALID and left <= max(warning_days, default=-1),
        open=next((one for one in asked if one.state == "submitted"), None),
        past=tuple(one for one in asked if one.state != "submitted"),
        lead=leads(permit.study, gate.principal),
        member=requests.is_member(permit.study, gate.principal),
        mine=bool(mine),
        decides=len(mine) == len(permit.datasets),
        request=None if request is None else request.uuid,
    )


def leads(study: models.Study, principal: Principal) -> bool:
    """Tell whether a person leads a study."""
    return any(member.lead and member.person_id == principal.person_id for member in study.members)


def titles(session: Session, datasets: Iterable[models.Dataset]) -> dict[str, dict[str, str]]:
    """Return titles of data sets by language, by their uuid."""
    listed = list(datasets)
    texts = requests.documents(session, listed)
    return {one.uuid: texts.get(one.id, {}).get("title") or {"en": one.name} for one in listed}
