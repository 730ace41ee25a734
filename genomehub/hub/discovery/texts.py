"""Words in the database: put there, taken away, and looked up, one field at a time.

Two ways behind one door: SQLite's FTS5, and in PostgreSQL a table of words beside tsvectors. Each answers
which data sets have a word, a phrase or a word that begins so in a field; what that weighs is decided in
``search``, the same for both.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from genomehub.hub.discovery import number_sets
from genomehub.hub.discovery.question import Element

Field = Literal["title", "keywords", "body"]
FIELDS: tuple[Field, ...] = ("title", "keywords", "body")
#: Texts of a field, each as its words. A phrase lies within one text.
Words = list[list[str]]
#: More words of a field are not looked at.
MOST_WORDS = 15_000


class Texts(Protocol):
    """What both ways can do."""

    def replace(
        self, session: Session, ids: Sequence[int], rows: Sequence[tuple[int, tuple[Words, Words, Words]]]
    ) -> None:
        """Keep the words of some of the data sets ``ids``, by field, and none of the others of them."""

    def find(
        self, session: Session, element: Element, field: Field, among: Sequence[int] | None = None
    ) -> np.ndarray:
        """Return the numbers of the data sets that have a word or phrase in a field, in any order.

        ``among`` are those that are asked for; None asks for all.
        """


def texts_of(session: Session) -> Texts:
    """Return the way of the session's database."""
    return _SQLITE if session.get_bind().dialect.name == "sqlite" else _POSTGRESQL


class SqliteTexts:
    """FTS5. Words hold letters and digits only, so nothing in them has a meaning in its query language."""

    #: Stands between texts, so that no phrase spans two. No word has it.
    _BORDER = " ¶ "

    def replace(
        self, session: Session, ids: Sequence[int], rows: Sequence[tuple[int, tuple[Words, Words, Words]]]
    ) -> None:
        session.execute(text("DELETE FROM search_text WHERE rowid = :id"), [{"id": row} for row in ids])
        if not rows:
            return
        statement = text(
            "INSERT INTO search_text (rowid, title, keywords, body) VALUES (:id, :title, :keywords, :body)"
        )
        session.execute(
            statement,
            [
                {"id": row, **{field: self._text(words) for field, words in zip(FIELDS, fields, strict=True)}}
                for row, fields in rows
            ],
        )

    def find(
        self, session: Session, element: Element, field: Field, among: Sequence[int] | None = None
    ) -> np.ndarray:
        phrase = f'{field} : "{" ".join(element.words)}"' + (" *" if element.prefix else "")
        statement = "SELECT group_concat(rowid, ' ') FROM search_text WHERE search_text MATCH :phrase"
        if among is not None:
            # The plus keeps FTS5 from seeking each number of a list, which may cost more than asking for all.
            statement += " AND +rowid IN (SELECT value FROM json_each(:among))"
        given = {"phrase": phrase, "among": json.dumps(among)}
        return np.fromstring(session.execute(text(statement), given).scalar() or "", np.int64, sep=" ")

    def _text(self, words: Words) -> str:
        return self._BORDER.join(" ".join(one) for one in _bounded(words))


class PostgresqlTexts:
    """A table of words: a row for each word, field and block of data sets' numbers, so that those of a word
    that nearly every description has are read in a few rows. Where words stand is told by a table a field
    with a column of type tsvector, written in its text form: no rules of the server for words are used. It is
    asked about phrases, among the data sets that have all their words, and about data sets that changed.
    """

    #: Bounds of a tsvector.
    _LAST_POSITION, _MOST_POSITIONS = 16_383, 255
    #: Where one in so many data sets has all words of a phrase, looking through all of them is quicker than
    #: taking these by number.
    _PART = 4
    #: Comes after every letter, in the order of the table.
    _AFTER = "\U0010ffff"

    def replace(
        self, session: Session, ids: Sequence[int], rows: Sequence[tuple[int, tuple[Words, Words, Words]]]
    ) -> None:
        lost: Places = defaultdict(set)
        gained: Places = defaultdict(set)
        for place, field in enumerate(FIELDS):
            former = session.execute(
                text(
                    f"DELETE FROM search_text_{field} WHERE dataset_id = ANY(:ids) "
                    "RETURNING dataset_id, tsvector_to_array(words) AS words"
                ),
                {"ids": list(ids)},
            )
            for number, words in former:
                _note(lost, place, number, words)
            if rows:
                statement = (
                    f"INSERT INTO search_text_{field} (dataset_id, words) "
                    "VALUES (:id, CAST(:words AS tsvector))"
                )
                vectors = [{"id": number, "words": self._vector(fields[place])} for number, fields in rows]
                session.execute(text(statement), vectors)
            for number, fields in rows:
                _note(gained, place, number, {word for one in _bounded(fields[place]) for word in one})
        self._move(session, lost, gained)

    def _move(self, session: Session, lost: "Places", gained: "Places") -> None:
        """Take data sets from words they have lost, and add them to those they have gained."""
        changed = sorted(key for key in lost.keys() | gained.keys() if lost.get(key) != gained.get(key))
        if not changed:
            return
        keys = dict(zip(("fields", "words", "blocks"), map(list, zip(*changed, strict=True)), strict=True))
        asked = (
            "unnest(CAST(:fields AS smallint[]), CAST(:words AS text[]), CAST(:blocks AS bigint[])) "
            "AS asked (field, word, block)"
        )
        known = session.execute(
            text(
                f"SELECT field, word, block, datasets FROM {asked} "
                "JOIN search_text_word USING (word, field, block)"
            ),
            keys,
        )
        sets = {(field, word, block): number_sets.decode(kept) for field, word, block, kept in known}
        datasets = [
            number_sets.encode(sets.get(key, set()) - lost.get(key, set()) | gained.get(key, set()))
            for key in changed
        ]
        session.execute(
            text(
                "INSERT INTO search_text_word (field, word, block, datasets) "
                "SELECT * FROM unnest(CAST(:fields AS smallint[]), CAST(:words AS text[]), "
                "CAST(:blocks AS bigint[]), CAST(:datasets AS bytea[])) "
                "ON CONFLICT (word, field, block) DO UPDATE SET datasets = EXCLUDED.datasets"
            ),
            {**keys, "datasets": datasets},
        )
        if not all(datasets):
            session.execute(
                text(
                    f"DELETE FROM search_text_word AS kept USING {asked} WHERE kept.datasets = '' "
                    "AND (kept.word, kept.field, kept.block) = (asked.word, asked.field, asked.block)"
                ),
                keys,
            )

    def find(
        self, session: Session, element: Element, field: Field, among: Sequence[int] | None = None
    ) -> np.ndarray:
        if among is not None:
            return self._with_phrase(session, element, field, among)
        *whole, last = element.words
        found = self._with_word(session, last, field, element.prefix)
        for word in whole:
            found = found[np.isin(found, self._with_word(session, word, field, False))]
        if not whole or not len(found):
            return found
        last_id = session.scalar(text(f"SELECT max(dataset_id) FROM search_text_{field}"))
        several = len(found) * self._PART > last_id
        return self._with_phrase(session, element, field, None if several else found.tolist())

    def _with_phrase(
        self, session: Session, element: Element, field: Field, among: Sequence[int] | None
    ) -> np.ndarray:
        """Return the data sets that have words one after the other, as the tsvectors tell."""
        query = " <-> ".join(f"'{word}'" for word in element.words) + (":*" if element.prefix else "")
        statement = (
            f"SELECT string_agg(int8send(dataset_id), '') FROM search_text_{field} "
            "WHERE words @@ CAST(:query AS tsquery)"
        )
        if among is not None:
            statement += " AND dataset_id = ANY(CAST(:among AS bigint[]))"
        having = session.scalar(text(statement), {"query": query, "among": among})
        return np.frombuffer(having or b"", ">i8").astype(np.int64)

    def _with_word(self, session: Session, word: str, field: Field, prefix: bool) -> np.ndarray:
        """Return the data sets that have a word, or one that begins so."""
        is_it = "word >= :word AND word < :after" if prefix else "word = :word"
        statement = (
            "SELECT block, length(datasets) = :bits AS of_bits, string_agg(datasets, '') AS datasets "
            f"FROM search_text_word WHERE {is_it} AND field = :field GROUP BY block, of_bits"
        )
        given = {
            "word": word, "after": word + self._AFTER, "field": FIELDS.index(field),
            "bits": number_sets.BITS_BYTES,
        }  # fmt: skip
        return number_sets.joined([tuple(row) for row in session.execute(text(statement), given)])

    def _vector(self, words: Words) -> str:
        positions: dict[str, list[int]] = {}
        position = 0
        for one in _bounded(words):
            for word in one:
                position += 1
                positions.setdefault(word, []).append(min(position, self._LAST_POSITION))
            position += 1  # a gap between texts: no phrase spans two
        return " ".join(
            f"'{word}':{','.join(map(str, places[: self._MOST_POSITIONS]))}"
            for word, places in positions.items()
        )


#: Which data sets of a block have a word: field, word and block, and their numbers within the block.
Places = dict[tuple[int, str, int], set[int]]


def _note(places: Places, field: int, number: int, words: Iterable[str]) -> None:
    block, within = divmod(number, number_sets.BLOCK)
    for word in words:
        places[field, word, block].add(within)


_SQLITE, _POSTGRESQL = SqliteTexts(), PostgresqlTexts()


def _bounded(words: Words) -> Words:
    room, kept = MOST_WORDS, []
    for one in words:
        kept.append(one[:room])
        room -= len(kept[-1])
    return [one for one in kept if one]
