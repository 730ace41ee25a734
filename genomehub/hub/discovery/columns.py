"""The index in memory: one array a fact, one element a data set, so that facets are counted in milliseconds.

A process keeps the arrays of each database and, at a question, takes over what changed since: the index has
a generation that rises with each change, so one small query tells. Arrays are never changed in place; a
question that runs meanwhile keeps those it has. Data sets are addressed by their number in the database.
"""

import bisect
import copy
import threading
from collections import OrderedDict
from collections.abc import Iterable
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.discovery.indexing import GONE
from genomehub.hub.discovery.question import FACETS, Element
from genomehub.hub.discovery.texts import FIELDS, Field, texts_of

#: 0 is "no such data set".
STATES = (GONE, "draft", "published", "withdrawn")
#: Bytes for the data sets of words that were looked up: a thousand words of 100,000 data sets or more.
_REMEMBERED_BYTES = 64 << 20
#: So many changes are moved to their places, and asked for in words that are remembered; for more, all is
#: sorted and looked up again.
_FEW = 1000

#: A facet with at most so many values has a bitmap for each.
_MOST_BITMAPS = 64

Mask = np.ndarray  # of bool, one a data set


class Postings:
    """Which data sets have which values of a facet.

    values : numbers of the values that some data set has, ascending
    datasets : those of the first value, those of the second, and so on; starts : where each begins
    """

    def __init__(self, datasets: np.ndarray, values: np.ndarray, size: int) -> None:
        order = np.lexsort((datasets, values))
        self.datasets, self._of = datasets[order].astype(np.intp), values[order]
        self.values, self._starts = np.unique(self._of, return_index=True)
        self._bits = self._packed(size) if len(self.values) <= _MOST_BITMAPS else None

    def counts(self, mask: Mask) -> np.ndarray:
        """Return how many of the data sets in ``mask`` have each of ``values``."""
        if self._bits is not None:
            return np.bitwise_count(self._bits & _pack(mask)).sum(axis=1, dtype=np.int32)
        return np.add.reduceat(mask.take(self.datasets), self._starts, dtype=np.int32)

    def _packed(self, size: int) -> np.ndarray:
        """Return a bit a data set for each value: with few values, counting bits is ten times as quick."""
        rows = [_pack(self.having([value], size)) for value in self.values.tolist()]
        return np.array(rows, np.uint64).reshape(len(rows), -(-size // 64))

    def having(self, values: Iterable[int], size: int) -> Mask:
        """Return the data sets that have any of the values."""
        mask = np.zeros(size, bool)
        for value in values:
            start, end = np.searchsorted(self._of, [value, value + 1])
            mask[self.datasets[start:end]] = True
        return mask

    def changed(self, changed: Mask, datasets: np.ndarray, values: np.ndarray) -> "Postings":
        """Return them with other values for the changed data sets."""
        keep = ~changed[self.datasets]
        datasets = np.concatenate([self.datasets[keep], datasets])
        return Postings(datasets, np.concatenate([self._of[keep], values]), len(changed))


def _pack(mask: Mask) -> np.ndarray:
    """Return a mask as bits, in words of 64."""
    words = np.zeros(-(-len(mask) // 64) * 8, np.uint8)
    packed = np.packbits(mask)
    words[: len(packed)] = packed
    return words.view(np.uint64)


class Remembered:
    """Which data sets had a word or phrase, at which generation; what is unused longest is forgotten first.

    Kept are numbers (int64) or, where that is smaller, bits (uint8). Threads share it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Asked, tuple[int, np.ndarray]] = OrderedDict()
        self._n_bytes = 0

    def get(self, asked: "Asked") -> tuple[int, np.ndarray] | None:
        """Return the generation and the data sets."""
        with self._lock:
            found = self._kept.get(asked)
            if found is not None:
                self._kept.move_to_end(asked)
            return found

    def put(self, asked: "Asked", generation: int, mask: Mask) -> None:
        """Remember data sets."""
        bits, numbers = np.packbits(mask), np.flatnonzero(mask)
        kept = bits if bits.nbytes < numbers.nbytes else numbers
        with self._lock:
            self._forget(asked)
            self._kept[asked] = (generation, kept)
            self._n_bytes += kept.nbytes
            while self._n_bytes > _REMEMBERED_BYTES:
                self._forget(next(iter(self._kept)))

    def _forget(self, asked: "Asked") -> None:
        _, kept = self._kept.pop(asked, (0, np.zeros(0, np.uint8)))
        self._n_bytes -= kept.nbytes


Asked = tuple[tuple[str, ...], bool, Field]  # words, whether the last is only begun, where


def _mask(kept: np.ndarray, size: int) -> Mask:
    mask = np.zeros(size, bool)
    if kept.dtype == np.uint8:
        bits = np.unpackbits(kept, count=min(size, 8 * len(kept)))
        mask[: len(bits)] = bits
    else:
        mask[kept[kept < size]] = True
    return mask


class Columns:
    """The arrays at one generation.

    state : index into STATES; date : proleptic Gregorian ordinal; individuals : -1 if unknown
    titles : sort keys by language
    value_names : facet and value, by number; labels : how it reads
    value_rank : place in the alphabetical order of all values
    """

    def __init__(self) -> None:
        self.generation = 0
        self.state = np.zeros(0, np.int8)
        self.project = np.zeros(0, np.int64)
        self.date = np.zeros(0, np.int32)
        self.individuals = np.zeros(0, np.int64)
        self.titles: dict[str, list[str]] = {"en": [], "fr": []}
        self.postings = {facet: Postings(np.zeros(0, np.intp), np.zeros(0, np.int32), 0) for facet in FACETS}
        self.value_ids: dict[tuple[str, str], int] = {}
        self.value_names: dict[int, tuple[str, str]] = {}
        self.labels: dict[int, dict[str, str]] = {}
        self.value_rank = np.zeros(1, np.int32)
        self._orders: dict[str, np.ndarray] = {}
        self._remembered = Remembered()
        self._changes: list[tuple[int, np.ndarray]] = []  # generation, data sets

    @property
    def size(self) -> int:
        """Length of the arrays: one more than the largest number of a data set."""
        return len(self.state)

    def having(self, session: Session, element: Element) -> tuple[Mask, ...]:
        """Return the data sets that have a word or phrase, by field."""
        return tuple(self._having(session, element, field) for field in FIELDS)

    def _having(self, session: Session, element: Element, field: Field) -> Mask:
        asked = (element.words, element.prefix, field)
        known = self._remembered.get(asked)
        if known is not None and known[0] == self.generation:
            return _mask(known[1], self.size)
        if known is not None and known[0] < self.generation:
            mask = _mask(known[1], self.size)
            changed = np.unique(np.concatenate([ids for at, ids in self._changes if at > known[0]]))
            mask[changed] = False
            mask[self._look_up(session, element, field, changed.tolist())] = True
        else:
            mask = _mask(self._look_up(session, element, field), self.size)
        if known is None or known[0] < self.generation:
            self._remembered.put(asked, self.generation, mask)
        return mask

    def _look_up(
        self, session: Session, element: Element, field: Field, among: list[int] | None = None
    ) -> np.ndarray:
        numbers = texts_of(session).find(session, element, field, among)
        return numbers[numbers < self.size]

    def forgetting(self) -> "Columns":
        """Return the same arrays, to be used with a session that sees former words."""
        same = copy.copy(self)
        same._remembered = Remembered()
        return same

    def order(self, sort: str, language: str) -> np.ndarray:
        """Return all numbers in an order: "newest", "title" or "size"; equals by number."""
        name = f"title {language}" if sort == "title" else sort
        found = self._orders.get(name)
        if found is None:
            found = self._orders[name] = self._ordered(sort, language)
        return found

    def _ordered(self, sort: str, language: str) -> np.ndarray:
        if sort == "title":
            return np.array(sorted(range(self.size), key=self.titles[language].__getitem__), np.int64)
        newest_first = np.lexsort((-np.arange(self.size), -self.date))
        if sort == "newest":
            return newest_first
        return newest_first[np.argsort(-self.individuals[newest_first], kind="stable")]

    def updated(self, session: Session) -> "Columns":
        """Return the arrays with what changed since."""
        document = models.SearchDocument
        rows = session.execute(
            select(
                document.dataset_id, document.generation, document.project_id, document.state, document.date,
                document.individuals, document.title_en, document.title_fr, document.values,
            )
            .where(document.generation > self.generation)
            .order_by(document.dataset_id)
        ).all()  # fmt: skip
        new = Columns()
        new.generation = max((row.generation for row in rows), default=self.generation)
        ids = np.array([row.dataset_id for row in rows], np.int64)
        size = max(self.size, int(ids[-1]) + 1 if len(ids) else 0)
        new.state = _set(self.state, size, ids, [STATES.index(row.state) for row in rows])
        new.project = _set(self.project, size, ids, [row.project_id for row in rows])
        new.date = _set(self.date, size, ids, [row.date.toordinal() for row in rows])
        people = [-1 if row.individuals is None else row.individuals for row in rows]
        new.individuals = _set(self.individuals, size, ids, people)
        for language in self.titles:
            new.titles[language] = self.titles[language] + [""] * (size - self.size)
            for row in rows:
                new.titles[language][row.dataset_id] = getattr(row, f"title_{language}")
            if len(rows) <= _FEW and (former := self._orders.get(f"title {language}")) is not None:
                new._orders[f"title {language}"] = new._moved(former, language, ids.tolist())
        if len(rows) + sum(len(changed) for _, changed in self._changes) <= _FEW:
            new._remembered = self._remembered
            new._changes = [*self._changes, (new.generation, ids)]
        new._learn_values(session, self)
        new._post(self, ids, [row.values for row in rows])
        return new

    def _moved(self, former: np.ndarray, language: str, ids: list[int]) -> np.ndarray:
        """Return the order by title after a few changes: sorting all again would take a tenth of a second."""
        titles = self.titles[language]
        ids = sorted({*ids, *range(len(former), self.size)}, key=lambda one: (titles[one], one))
        kept = former[~np.isin(former, ids)]
        places = [bisect.bisect(kept, (titles[one], one), key=lambda at: (titles[at], at)) for one in ids]
        return np.insert(kept, places, ids)

    def _learn_values(self, session: Session, former: "Columns") -> None:
        # All of them: labels may have changed, and they are few beside the data sets.
        value = models.SearchValue
        for number, facet, text, label in session.execute(
            select(value.id, value.facet, value.value, value.label)
        ):
            self.value_ids[facet, text] = number
            self.value_names[number] = (facet, text)
            self.labels[number] = label
        names = sorted(self.value_names, key=lambda number: self.value_names[number][1])
        self.value_rank = np.zeros(max(names, default=0) + 1, np.int32)
        self.value_rank[names] = np.arange(len(names))

    def _post(self, former: "Columns", ids: np.ndarray, values: list[str]) -> None:
        changed = np.zeros(self.size, bool)
        changed[ids] = True
        datasets = np.repeat(ids, [len(one.split()) for one in values]).astype(np.int32)
        numbers = np.fromstring(" ".join(values), dtype=np.int32, sep=" ")
        places = {facet: place for place, facet in enumerate(FACETS)}
        facet_of = np.full(max(self.value_names, default=0) + 1, -1, np.int8)
        for number, (facet, _) in self.value_names.items():
            facet_of[number] = places[facet]
        of_facet = facet_of[numbers]
        for facet, place in places.items():
            mine = of_facet == place
            self.postings[facet] = former.postings[facet].changed(changed, datasets[mine], numbers[mine])


def _set(column: np.ndarray, size: int, ids: np.ndarray, values: list[int]) -> np.ndarray:
    new = np.zeros(size, column.dtype)
    new[: len(column)] = column
    new[ids] = values
    return new


_lock = threading.Lock()
_kept: WeakKeyDictionary[Engine, Columns] = WeakKeyDictionary()


def columns_of(session: Session) -> Columns:
    """Return the arrays of the session's database as the session sees it.

    Where another thread has taken over a change that this session does not see, its newer arrays are
    returned: what has been withdrawn is not found.
    """
    connection = session.connection()
    if connection.get_execution_options().get("genomehub_writes"):
        return Columns().updated(session)  # what it sees may be rolled back
    newest = session.scalar(select(func.max(models.SearchDocument.generation))) or 0
    engine = connection.engine
    kept = _kept.get(engine)
    if kept is None or kept.generation < newest:
        with _lock:
            kept = _kept.get(engine) or Columns()
            if kept.generation < newest:
                kept = _kept[engine] = kept.updated(session)
    return kept if kept.generation == newest else kept.forgetting()
