"""The catalogue page and the first page: what ``hub.discovery`` answers, named in the reader's language."""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from genomehub.hub.access.principals import Principal
from genomehub.hub.discovery import search
from genomehub.hub.discovery.question import Question, Sort
from genomehub.hub.pages import vocabularies
from genomehub.hub.pages.texts import N_

PER_PAGE = 20
#: Values of a facet that are shown before "more", and that are listed at all.
FEW, MOST = 6, 30
SORTS: dict[Sort, str] = {
    "relevance": N_("Best match first"),
    "newest": N_("Newest first"),
    "title": N_("Title"),
    "size": N_("Most people first"),
}
#: How facets are called, and how a value is called that has no label of its own.
_CALLED: dict[str, tuple[str, Callable[[str], str | Mapping[str, str]]]] = {
    "category": (N_("Health category"), vocabularies.category),
    "assay": (N_("Assay"), str),
    "reference": (N_("Reference genome"), str),
    "size": (N_("People"), vocabularies.size),
    "access": (N_("Access"), vocabularies.access),
    "duo": (N_("Permitted uses"), lambda value: vocabularies.duo(value).name),
    "year": (N_("Year"), str),
    "keyword": (N_("Keywords"), str),
    "holder": (N_("Data holder"), str),
    "kind": (N_("Files"), vocabularies.kind),
    "language": (N_("Languages"), vocabularies.language),
    "state": (N_("State"), lambda value: vocabularies.PUBLICATION_STATES.get(value, value)),
}


@dataclasses.dataclass(frozen=True)
class Hit:
    """A data set in the list; ``card`` is what the index keeps for it."""

    uuid: str
    state: str
    card: dict[str, Any]

    @property
    def date(self) -> date:
        """Of the description."""
        return date.fromisoformat(self.card["date"])


@dataclasses.dataclass(frozen=True)
class Choice:
    """A value of a facet: how it is called, how many would be left, whether it is chosen."""

    value: str
    label: str | Mapping[str, str]
    count: int
    chosen: bool


@dataclasses.dataclass(frozen=True)
class Facet:
    """A way to narrow the list; ``more`` values are not listed."""

    name: str
    label: str
    choices: tuple[Choice, ...]
    more: int


@dataclasses.dataclass(frozen=True)
class Days:
    """First and last day of the descriptions that are looked for.

    fault : what is wrong with what was written, and what to put into it; the list is then not narrowed
    wrong : which of the two it is
    """

    since: date | None = None
    until: date | None = None
    fault: str = ""
    said: dict[str, str] = dataclasses.field(default_factory=dict)
    wrong: tuple[str, ...] = ()


def days_of(since: str, until: str) -> Days:
    """Return the days that a reader wrote, or what is wrong with them.

    >>> days_of("2026-01-01", "").since
    datetime.date(2026, 1, 1)
    >>> days_of("yesterday", "2026-01-01").wrong
    ('since',)
    """
    days: dict[str, date] = {}
    for name, text in (("since", since.strip()), ("until", until.strip())):
        try:
            if text:
                days[name] = date.fromisoformat(text)
        except ValueError:
            fault = N_("“%(day)s” is no day; write it like 2026-11-28. The list is shown without it.")
            return Days(fault=fault, said={"day": text[:40]}, wrong=(name,))
    found = Days(days.get("since"), days.get("until"))
    if found.since is not None and found.until is not None and found.since > found.until:
        fault = N_("The first day is after the last; exchange them. The list is shown without them.")
        return dataclasses.replace(found, fault=fault, wrong=("since", "until"))
    return found


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is looked for.

    chosen : facet to values; one of the values of each facet must hold
    """

    text: str = ""
    chosen: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    sort: Sort = "relevance"
    page: int = 1
    days: Days = dataclasses.field(default_factory=Days)

    @property
    def query(self) -> dict[str, object]:
        """How links to other pages of the list ask the same."""
        return {**self.chosen, "q": self.text, "sort": self.sort, **self.of_days}

    @property
    def of_days(self) -> dict[str, date]:
        """The days that narrow the list."""
        days = {"since": self.days.since, "until": self.days.until}
        return {} if self.days.fault else {name: day for name, day in days.items() if day is not None}


@dataclasses.dataclass(frozen=True)
class Found:
    """One page of the answer.

    suggestion : a question that would find something
    without_days : how many would be found on any day, if days are what leaves nothing
    """

    hits: tuple[Hit, ...]
    total: int
    facets: tuple[Facet, ...]
    page: int
    n_pages: int
    suggestion: str | None
    without_days: int


def sort_of(name: str) -> Sort:
    """Return an order by its name, the usual one where there is none of that name."""
    return name if name in SORTS else "relevance"


def find(session: Session, principal: Principal, now: datetime, asked: Asked, language: str) -> Found:
    """Return a page of what the reader may see; the last one where fewer were found.

    Raises
    ------
    InputError
        There are more words than are looked for.
    """
    question = Question(
        asked.text, {name: tuple(values) for name, values in asked.chosen.items()}, sort=asked.sort,
        language=language, limit=PER_PAGE, offset=(asked.page - 1) * PER_PAGE, values=MOST, **asked.of_days,
    )  # fmt: skip
    answer = search.find(session, principal, now, question)
    n_pages = max(1, -(-answer.total // PER_PAGE))
    page = min(asked.page, n_pages)
    if page < asked.page:
        last = dataclasses.replace(question, offset=(page - 1) * PER_PAGE)
        answer = search.find(session, principal, now, last)
    facets = tuple(_facet(facet) for facet in answer.facets if _narrows(facet))
    without_days = 0
    if answer.total == 0 and asked.of_days:
        on_any_day = dataclasses.replace(question, since=None, until=None, limit=0, values=0)
        without_days = search.find(session, principal, now, on_any_day).total
    return Found(_hits(answer), answer.total, facets, page, n_pages, answer.suggestion, without_days)


def _narrows(facet: search.Facet) -> bool:
    """Tell whether to show a facet; the state is of interest to those who see more than what is published."""
    return any(one.value != "published" or one.chosen for one in facet.values)


def _facet(facet: search.Facet) -> Facet:
    label, called = _CALLED[facet.name]
    choices = tuple(
        Choice(one.value, one.label or called(one.value), one.n, one.chosen) for one in facet.values
    )
    return Facet(facet.name, label, choices, facet.more)


def _hits(answer: search.Answer) -> tuple[Hit, ...]:
    return tuple(Hit(one.uuid, one.state, one.card) for one in answer.datasets)


@dataclasses.dataclass(frozen=True)
class Figures:
    """What the hub has published, for the first page; people who may not be counted are left out."""

    datasets: int
    people: int
    assays: int
    holders: int


def figures(session: Session, principal: Principal, now: datetime) -> tuple[Figures, tuple[Hit, ...]]:
    """Return what the reader finds here in numbers, and the newest data sets."""
    published = Question(chosen={"state": ("published",)}, sort="newest", limit=3, values=0)
    answer = search.find(session, principal, now, published)
    values = {facet.name: len(facet.values) + facet.more for facet in answer.facets}
    counted = Figures(answer.total, answer.individuals, values["assay"], values["holder"])
    return counted, _hits(answer)
