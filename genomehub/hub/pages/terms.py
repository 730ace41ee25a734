"""The terms of a data set: permitted uses, what their codes leave open, who decides and how fast; their past.

Codes, who decides and how fast stand in the description, whose versions are kept; what the codes leave open
stands beside it (``hub.access.duo.Terms``), and its changes in the event log.
"""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.duo import Terms
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.description.fields import label_of
from genomehub.hub.description.room import difference
from genomehub.hub.pages import form
from genomehub.hub.pages.form import Fault, Posted
from genomehub.hub.pages.texts import LANGUAGES, N_
from genomehub.hub.pages.vocabularies import CONDITION, DUO, PERMISSION, Meaning

#: Fields of the description that are terms, beside the codes.
DRAWN = ("hdab", "hdab_days", "conditions")
_OF_DESCRIPTION = ("duo", *DRAWN)
MOST_HISTORY = 50


@dataclasses.dataclass(frozen=True)
class Opening:
    """What a code leaves open. widget : "lines", "words" (one text), "number" or "date"."""

    field: str
    label: str
    hint: str
    widget: str = "lines"


#: Code -> what it leaves open.
OPENINGS: dict[str, Opening] = {
    "DUO:0000007": Opening(
        "diseases", N_("Which diseases (MONDO)"), N_("Their numbers, one a line, such as MONDO:0004975.")
    ),
    "DUO:0000012": Opening(
        "research", N_("Which research"), N_("In words, for who asks and who decides."), "words"
    ),
    "DUO:0000022": Opening(
        "countries", N_("In which countries"), N_("In two letters, one a line, such as FR.")
    ),
    "DUO:0000028": Opening("institutions", N_("Which institutions"), N_("One a line.")),
    "DUO:0000026": Opening(
        "people", N_("Which people"), N_("Their e-mail addresses, one a line; only staff sees them.")
    ),
    "DUO:0000027": Opening(
        "studies", N_("Which studies"), N_("The last part of their address in this hub, one a line.")
    ),
    "DUO:0000025": Opening("months", N_("For how many months"), N_("Counted from the request on."), "number"),
    "DUO:0000024": Opening("not_before", N_("Nothing published before"), "", "date"),
}
_FAULTS: dict[str, str] = {
    "diseases": N_("Write numbers of MONDO, one a line, such as MONDO:0004975."),
    "countries": N_("Write countries in two letters, one a line, such as FR."),
    "months": N_("Write a number of months from 1 to 600."),
    "not_before": N_("A day is expected, such as 2026-11-28."),
}
_TOO_LONG = N_("This is too long.")
_ALONE = N_("Choose this code, too, or empty the field: by itself it does not count.")


@dataclasses.dataclass(frozen=True)
class Code:
    """A code of the Data Use Ontology in the form. value, fault : of what it leaves open."""

    code: str
    meaning: Meaning
    chosen: bool
    opening: Opening | None
    value: str
    fault: str


@dataclasses.dataclass
class TermsForm:
    """What stands in the form. duo : chosen codes; open : by field of ``Terms``; raw : the description."""

    duo: list[str]
    open: dict[str, str]
    raw: dict[str, Any]
    faults: dict[str, str] = dataclasses.field(default_factory=dict)
    placed: list[Fault] = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, written: DatasetDescription, terms: Terms) -> "TermsForm":
        """Return the form with what is written now."""
        kept = terms.model_dump(mode="json", exclude_defaults=True)
        said = {name: "\n".join(one) if isinstance(one, list) else str(one) for name, one in kept.items()}
        return cls(list(written.duo), said, _raw(written))

    @classmethod
    def read(cls, posted: Posted, written: DatasetDescription) -> "TermsForm":
        """Return the form as a browser sent it; the rest of the description is as it was written."""
        others = [code for code in written.duo if code not in DUO]
        chosen = [code for code in posted.get("duo", []) if code in DUO] + others
        said = {one.field: _text(posted, one.field) for one in OPENINGS.values()}
        sent = form.read(posted)
        raw = {name: value for name, value in _raw(written).items() if name not in _OF_DESCRIPTION}
        raw |= {name: sent[name] for name in DRAWN if name in sent}
        return cls(chosen, said, raw | ({"duo": chosen} if chosen else {}))

    def check(self) -> tuple[DatasetDescription, Terms] | None:
        """Return what was written, or None and note what is wrong beside the fields."""
        fields: dict[str, Any] = {}
        for code, one in OPENINGS.items():
            text = self.open.get(one.field, "")
            if text and code not in self.duo:
                self.faults[one.field] = _ALONE
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            if text:
                fields[one.field] = lines if one.widget == "lines" else text
        terms: Terms | None = None
        try:
            terms = Terms.model_validate(fields)
        except ValidationError as error:
            for wrong in error.errors(include_url=False, include_input=False):
                name = str(wrong["loc"][0])
                self.faults.setdefault(name, _FAULTS.get(name, _TOO_LONG))
        document, self.placed = form.check(self.raw)
        if document is None or terms is None or self.faults:
            return None
        return document, terms

    @property
    def codes(self) -> dict[str, list[Code]]:
        """The codes: what the data may be used for, and under which conditions."""
        found: dict[str, list[Code]] = {PERMISSION: [], CONDITION: []}
        for code, meaning in DUO.items():
            one = OPENINGS.get(code)
            name = "" if one is None else one.field
            found[meaning.kind].append(
                Code(code, meaning, code in self.duo, one, self.open.get(name, ""), self.faults.get(name, ""))
            )
        return found

    def drawn(self) -> list[form.Field]:
        """Return the fields of the description that are terms, with what is wrong beside them."""
        every = form.groups(self.raw)
        form.attach(form.place(self.placed, every), every)
        return [field for _, fields in every for field in fields if field.name in DRAWN]


def _raw(written: DatasetDescription) -> dict[str, Any]:
    return written.model_dump(mode="json", exclude_defaults=True)


def _text(posted: Posted, name: str) -> str:
    return (posted.get(name) or [""])[0].replace("\r\n", "\n").strip()[:100_000]


# ------------------------------------------------------------------------------------------------ their past


@dataclasses.dataclass(frozen=True)
class Past:
    """A change of the terms. changes : what it was about, before and after; who : "" where nobody is known"""

    when: datetime
    who: str
    changes: tuple[tuple[str | Mapping[str, str], str, str], ...]


def history(session: Session, dataset: models.Dataset) -> list[Past]:
    """Return how the terms of a data set changed, the newest first."""
    found = sorted(
        [*_of_descriptions(session, dataset), *_of_log(session, dataset)], key=lambda one: one.when
    )
    names = _names(session, {one.who for one in found})
    return [dataclasses.replace(one, who=names.get(one.who, "")) for one in reversed(found)][:MOST_HISTORY]


def _of_descriptions(session: Session, dataset: models.Dataset) -> list[Past]:
    description, found = models.Description, []
    rows = select(description).where(description.dataset_id == dataset.id).order_by(description.version)
    former = DatasetDescription(title={"en": "-"})
    for row in session.scalars(rows):
        now = DatasetDescription.model_validate(
            {"title": {"en": "-"}}
            | {name: row.document[name] for name in _OF_DESCRIPTION if name in row.document}
        )
        changes = tuple(
            (_label(one.field), _plain(one.before), _plain(one.after)) for one in difference(former, now)
        )
        if changes:
            found.append(Past(row.created_at, row.created_by, changes))
        former = now
    return found


def _label(field: str) -> Mapping[str, str]:
    return {language: label_of(field, language) for language in LANGUAGES}


def _of_log(session: Session, dataset: models.Dataset) -> list[Past]:
    event, found = models.Event, []
    labels = {one.field: one.label for one in OPENINGS.values()}
    written = select(event).where(event.dataset_id == dataset.id, event.action == "terms").order_by(event.id)
    for one in session.scalars(written):
        before, after = one.detail.get("former", {}), one.detail.get("terms", {})
        changes = tuple(
            (label, _plain(before.get(name)), _plain(after.get(name)))
            for name, label in labels.items()
            if before.get(name) != after.get(name)
        )
        if changes:
            found.append(Past(one.time, one.actor, changes))
    return found


def _plain(value: Any) -> str:
    """Return a value as a line of the past.

    >>> _plain(["MONDO:0004975", "FR"]), _plain({"en": "CHU", "fr": "CHU de Lyon"}), _plain(None)
    ('MONDO:0004975, FR', 'CHU, CHU de Lyon', '')
    """
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(_plain(one) for one in value.values() if one)
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def _names(session: Session, actors: set[str]) -> dict[str, str]:
    uuids = [actor.removeprefix("person:") for actor in actors if actor.startswith("person:")]
    person = models.Person
    rows = session.execute(select(person.uuid, person.name).where(person.uuid.in_(uuids)))
    return {f"person:{row.uuid}": row.name for row in rows}
