"""The catalogue page: words and facets to a page of data sets, with what each further choice would leave.

The one door of the pages to search. It reads the descriptions that the reader may see, at most MOST of them.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.gate import BY_ROLE, Action
from genomehub.hub.access.principals import Principal
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.lookup import is_current, summaries
from genomehub.hub.pages import vocabularies
from genomehub.hub.pages.reading import document_of
from genomehub.hub.pages.texts import N_
from genomehub.hub.records import EntrySummary

MOST = 5000
PER_PAGE = 20
#: Values of a facet that are shown before "more".
FEW = 6
SORTS = {"new": N_("Newest first"), "title": N_("Title"), "size": N_("Largest first")}


@dataclasses.dataclass(frozen=True)
class Hit:
    """A data set in the list."""

    uuid: str
    document: DatasetDescription
    state: str
    entry: EntrySummary | None
    changed_at: datetime

    @property
    def people(self) -> int | None:
        """How many people it is about, None where unknown or fewer than may be shown."""
        n = self.document.n_individuals
        return n if n is not None and n >= self.document.minimum_count else None

    @property
    def people_hidden(self) -> bool:
        """True where they are fewer than may be shown."""
        n = self.document.n_individuals
        return n is not None and n < self.document.minimum_count

    @property
    def size_bytes(self) -> int:
        """Of the newest version's files."""
        return 0 if self.entry is None else self.entry.size_bytes

    @property
    def kinds(self) -> list[str]:
        """Of files that are more than an index."""
        kinds = () if self.entry is None else self.entry.kinds
        return [kind for kind in kinds if kind in vocabularies.KINDS]


@dataclasses.dataclass(frozen=True)
class Choice:
    """A value of a facet: how it is called, how many would be left, whether it is chosen."""

    value: str
    label: str
    count: int
    chosen: bool
    translate: bool = True


@dataclasses.dataclass(frozen=True)
class Facet:
    """A way to narrow the list."""

    name: str
    label: str
    choices: tuple[Choice, ...]


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is looked for.

    chosen : facet to values; one of the values of each facet must hold
    """

    text: str = ""
    chosen: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    sort: str = "new"
    page: int = 1


@dataclasses.dataclass(frozen=True)
class Found:
    """One page of the answer."""

    hits: tuple[Hit, ...]
    total: int
    facets: tuple[Facet, ...]
    page: int
    n_pages: int


#: name, label, the values of a data set, how a value is called
_FACETS: tuple[tuple[str, str, Callable[[Hit], Iterable[str]], Callable[[str], str]], ...] = (
    (
        "category",
        N_("Health category"),
        lambda hit: (str(iri).rstrip("/").rpartition("/")[2] for iri in hit.document.health_categories),
        vocabularies.category,
    ),
    ("assay", N_("Assay"), lambda hit: hit.document.genome.assays if hit.document.genome else (), str),
    (
        "reference",
        N_("Reference genome"),
        lambda hit: filter(None, (hit.document.genome.reference_name,)) if hit.document.genome else (),
        str,
    ),
    (
        "access",
        N_("Access"),
        lambda hit: (hit.document.access_rights,),
        lambda value: vocabularies.ACCESS[value].name,
    ),
    ("kind", N_("Files"), lambda hit: hit.kinds, vocabularies.kind),
    (
        "holder",
        N_("Data holder"),
        lambda hit: (next(iter(hit.document.holder.name.values()), ""),) if hit.document.holder else (),
        str,
    ),
    ("year", N_("Year"), lambda hit: (str(hit.changed_at.year),), str),
)
FACETS = tuple(name for name, *_ in _FACETS)


def find(session: Session, principal: Principal, asked: Asked) -> Found:
    """Return a page of what the reader may see."""
    visible = [hit for hit in _visible(session, principal) if _mentions(hit, asked.text)]
    values = {name: [set(of(hit)) for hit in visible] for name, _, of, _ in _FACETS}
    fits = {
        name: [not asked.chosen.get(name) or bool(has & set(asked.chosen[name])) for has in values[name]]
        for name in FACETS
    }
    matching = [hit for at, hit in enumerate(visible) if all(fits[name][at] for name in FACETS)]
    facets = []
    for name, label, _, called in _FACETS:
        counted: Counter[str] = Counter(dict.fromkeys(asked.chosen.get(name, ()), 0))
        for at, has in enumerate(values[name]):
            if all(fits[other][at] for other in FACETS if other != name):
                counted.update(has)
        choices = tuple(
            Choice(
                value, _called(called, value), count, value in asked.chosen.get(name, ()), called is not str
            )
            for value, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
        )
        if choices:
            facets.append(Facet(name, label, choices))
    n_pages = max(1, -(-len(matching) // PER_PAGE))
    page = min(max(asked.page, 1), n_pages)
    shown = _sorted(matching, asked.sort)[(page - 1) * PER_PAGE : page * PER_PAGE]
    return Found(tuple(shown), len(matching), tuple(facets), page, n_pages)


def _called(called: Callable[[str], str], value: str) -> str:
    try:
        return called(value)
    except KeyError:  # somebody wrote a value into the address
        return value


def _sorted(hits: list[Hit], sort: str) -> list[Hit]:
    if sort == "title":
        return sorted(hits, key=lambda hit: next(iter(hit.document.title.values()), "").lower())
    if sort == "size":
        return sorted(hits, key=lambda hit: -hit.size_bytes)
    return sorted(hits, key=lambda hit: hit.changed_at, reverse=True)


def _mentions(hit: Hit, text: str) -> bool:
    document = hit.document
    words = [
        *document.title.values(), *document.description.values(), *document.population.values(),
        *(word for words in document.keywords.values() for word in words), *document.identifiers,
        *(document.holder.name.values() if document.holder else ()),
    ]  # fmt: skip
    told = " ".join(words).casefold()
    return all(word in told for word in text.casefold().split()[:20])


def _visible(session: Session, principal: Principal) -> list[Hit]:
    """Return published data sets, and drafts of projects in which the reader's role lets them see."""
    publication, dataset = models.Publication, models.Dataset
    roles = BY_ROLE[Action.SEE]
    everywhere = any(principal.has(role) for role in roles)
    projects = [grant.project_id for grant in principal.grants if grant.role in roles and grant.project_id]
    rows = (
        select(dataset, publication)
        .join(publication, publication.dataset_id == dataset.id)
        .order_by(dataset.id.desc())
        .limit(MOST)
    )
    if not everywhere:
        rows = rows.where(or_(publication.state == "published", dataset.project_id.in_(projects)))
    found = session.execute(rows).all()
    entries = _current_entries(session, [row[0].id for row in found])
    hits = []
    for one, published in found:
        entry = entries.get(one.id)
        hits.append(
            Hit(
                uuid=one.uuid,
                document=document_of(one, published.description),
                state=published.state,
                entry=entry,
                changed_at=published.changed_at if entry is None else entry.registered_at,
            )
        )
    return hits


def _current_entries(session: Session, dataset_ids: list[int]) -> dict[int, EntrySummary]:
    rows = session.execute(
        select(models.Entry.id, models.Entry.dataset_id).where(
            models.Entry.dataset_id.in_(dataset_ids), is_current()
        )
    ).all()
    lines = summaries(session, [row[0] for row in rows])
    return {row[1]: line for row, line in zip(rows, lines, strict=True)}


@dataclasses.dataclass(frozen=True)
class Figures:
    """What the hub holds, for the first page."""

    datasets: int
    people: int
    size_bytes: int
    holders: int


def figures(session: Session, principal: Principal) -> tuple[Figures, list[Hit]]:
    """Return what the reader finds here in numbers, and the newest data sets."""
    hits = [hit for hit in _visible(session, principal) if hit.state == "published"]
    holders = {next(iter(hit.document.holder.name.values()), "") for hit in hits if hit.document.holder}
    counted = Figures(
        len(hits), sum(hit.people or 0 for hit in hits), sum(hit.size_bytes for hit in hits), len(holders)
    )
    return counted, _sorted(hits, "new")[:3]
