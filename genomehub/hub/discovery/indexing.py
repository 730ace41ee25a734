"""Keeping the index in step: what a write transaction changed is indexed before it commits.

Triggers note in ``search_stale`` which data sets are out of date; ``refresh`` indexes them and is called at
the end of ``Database.write`` and after a migration, so nobody has to remember it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session, aliased

from genomehub.hub import models
from genomehub.hub.discovery.facts import Facts, Registered, Value, facts
from genomehub.hub.discovery.texts import Words, texts_of
from genomehub.hub.discovery.words import fold, joined, surface_words, title_key

#: Data sets that are indexed at a time.
_BATCH = 500
_TITLE_KEY_LENGTH = 200
GONE = "gone"


def refresh(session: Session) -> int:
    """Index the data sets that are noted as out of date; return how many. It needs the write lock."""
    session.flush()
    done, generation = 0, None
    while stale := session.scalars(select(models.SearchStale.dataset_id).limit(_BATCH)).all():
        generation = generation or _next_generation(session)
        _index(session, stale, generation)
        done += len(stale)
    return done


def index_dataset(session: Session, dataset_id: int) -> None:
    """Index one data set now; needed only by who searches before their transaction ends."""
    session.flush()
    _index(session, [dataset_id], _next_generation(session))


def _next_generation(session: Session) -> int:
    return (session.scalar(select(func.max(models.SearchDocument.generation))) or 0) + 1


def _index(session: Session, ids: Sequence[int], generation: int) -> None:
    found = _read(session, ids)
    session.execute(delete(models.SearchDocument).where(models.SearchDocument.dataset_id.in_(ids)))
    values = _value_ids(session, {value for _, known in found.values() for value in _keyed(known)})
    rows = [_row(ids_of, known, values, generation) for ids_of, known in found.values()]
    rows += [_gone(row, generation) for row in ids if row not in found]
    session.execute(insert(models.SearchDocument), rows)
    words = [
        (row, (joined(known.title), joined(known.keywords), joined(known.body)))
        for row, (_, known) in found.items()
    ]
    texts_of(session).replace(session, ids, words)
    _learn_words(session, [known for _, known in found.values()], [fields for _, fields in words])
    session.execute(delete(models.SearchStale).where(models.SearchStale.dataset_id.in_(ids)))


def _row(
    dataset: dict[str, Any], known: Facts, values: dict[tuple[str, str], int], generation: int
) -> dict[str, Any]:
    english, french = (_title(known.titles, *order) for order in (("en", "fr"), ("fr", "en")))
    return {
        **dataset,
        "generation": generation,
        "date": known.date,
        "individuals": known.individuals,
        "title_en": english,
        "title_fr": french,
        "values": " ".join(str(values[one.facet, one.value]) for one in known.values),
        "card": known.card,
    }


def _gone(dataset_id: int, generation: int) -> dict[str, Any]:
    return {
        "dataset_id": dataset_id, "generation": generation, "uuid": "", "project_id": 0, "state": GONE,
        "date": date(1970, 1, 1), "individuals": None, "title_en": "", "title_fr": "", "values": "",
        "card": {},
    }  # fmt: skip


def _title(titles: dict[str, str], *languages: str) -> str:
    found = next((titles[one] for one in languages if titles.get(one)), next(iter(titles.values()), ""))
    return title_key(found)[:_TITLE_KEY_LENGTH]


def _keyed(known: Facts) -> Iterable[tuple[str, str, tuple[tuple[str, str], ...]]]:
    return ((one.facet, one.value, tuple(one.label.items())) for one in known.values)


def _read(session: Session, ids: Sequence[int]) -> dict[int, tuple[dict[str, Any], Facts]]:
    """Return what identifies each data set that exists, and what is known of it."""
    dataset, publication = models.Dataset, models.Publication
    rows = session.execute(
        select(
            dataset.id, dataset.uuid, dataset.project_id, dataset.name, dataset.title, dataset.description,
            dataset.created_at, publication.state, publication.description_id,
        )
        .outerjoin(publication, publication.dataset_id == dataset.id)
        .where(dataset.id.in_(ids))
    ).all()  # fmt: skip
    documents = _documents(session, ids, [row.description_id for row in rows if row.description_id])
    references, kinds = _registered(session, ids)
    found = {}
    for row in rows:
        state = row.state or "draft"
        by_id, newest = documents
        # The public sees what was published; who edits sees the newest.
        document = by_id.get(row.description_id) if state == "published" else newest.get(row.id)
        title = row.title
        if state != "published":
            title = title or row.name  # may be a person's name in a study: not for the public
        registered = Registered(row.created_at.date(), title, references.get(row.id), kinds.get(row.id, ()))
        about = {"dataset_id": row.id, "uuid": row.uuid, "project_id": row.project_id, "state": state}
        known = facts(document or {}, registered)
        known.values.append(Value("state", state))
        found[row.id] = (about, known)
    return found


def _documents(
    session: Session, ids: Sequence[int], published: Sequence[int]
) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, Any]]]:
    """Return published documents by their description's number, and the newest by data set."""
    description = models.Description
    by_id = select(description.id, description.document).where(description.id.in_(published))
    newer = aliased(description)
    newest = (
        select(description.dataset_id, description.document)
        .where(description.dataset_id.in_(ids))
        .where(
            ~select(newer.id)
            .where(newer.dataset_id == description.dataset_id, newer.version > description.version)
            .exists()
        )
    )
    return {row.id: row.document for row in session.execute(by_id)}, {
        row.dataset_id: row.document for row in session.execute(newest)
    }


def _registered(session: Session, ids: Sequence[int]) -> tuple[dict[int, str], dict[int, tuple[str, ...]]]:
    """Return reference and kinds of files of the newest version of each data set."""
    entry, reference, file = models.Entry, models.Reference, models.File
    newer = aliased(entry)
    current = ~select(newer.id).where(newer.supersedes_id == entry.id).exists()
    named = (
        select(entry.dataset_id, reference.name, reference.digest)
        .join(reference, reference.id == entry.reference_id)
        .where(entry.dataset_id.in_(ids), current)
    )
    filed = (
        select(entry.dataset_id, file.kind)
        .join(file, file.entry_id == entry.id)
        .where(entry.dataset_id.in_(ids), current, file.role == "result")
        .distinct()
    )
    kinds: dict[int, list[str]] = {}
    for row in session.execute(filed):
        kinds.setdefault(row.dataset_id, []).append(row.kind)
    references = {row.dataset_id: row.name or row.digest for row in session.execute(named)}
    return references, {key: tuple(sorted(some)) for key, some in kinds.items()}


def _value_ids(
    session: Session, wanted: set[tuple[str, str, tuple[tuple[str, str], ...]]]
) -> dict[tuple[str, str], int]:
    """Return the numbers of facets' values; new ones are added, and known ones learn labels they lack."""
    model = models.SearchValue
    known: dict[tuple[str, str], models.SearchValue] = {}
    for some in _chunks(sorted({text for _, text, _ in wanted})):
        rows = session.scalars(select(model).where(model.value.in_(some)))
        known.update(((row.facet, row.value), row) for row in rows)
    for facet, text, label in sorted(wanted):
        row = known.get((facet, text))
        if row is None:
            row = known[facet, text] = model(facet=facet, value=text, label=dict(label))
            session.add(row)
        elif not dict(label).keys() <= row.label.keys():
            row.label = dict(label) | row.label
    session.flush()
    ids = {key: row.id for key, row in known.items()}
    for row in known.values():
        session.expunge(row)  # a long transaction would gather thousands
    return ids


def _learn_words(session: Session, known: Sequence[Facts], fields: Sequence[Sequence[Words]]) -> None:
    """Keep words that are new, for suggestions. Codes and numbers are not misspelt words."""
    words = {word for one in fields for texts in one for text in texts for word in text if word.isalpha()}
    model = models.SearchWord
    for some in _chunks(sorted(words)):
        words.difference_update(session.scalars(select(model.word).where(model.word.in_(some))))
    if not words:
        return
    written: dict[str, str] = {}
    for one in known:
        for text in (*one.title, *one.keywords, *one.body):
            for word in surface_words(text):
                if (folded := fold(word)) in words:
                    written.setdefault(folded, word[: models.NAME_LENGTH])
    session.execute(insert(model), [{"word": word, "written": written[word]} for word in sorted(words)])


def _chunks(items: list[str]) -> Iterator[list[str]]:
    """Yield items so many at a time as a statement takes."""
    for start in range(0, len(items), 1000):
        yield items[start : start + 1000]
