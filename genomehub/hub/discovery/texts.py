"""Words in the database: put there, taken away, and looked up, one field at a time.

Two ways behind one door: SQLite's FTS5 and PostgreSQL's tsvector. Each answers which data sets have a word, a
phrase or a word that begins so in a field; what that weighs is decided in ``search``, the same for both.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

from genomehub.hub.discovery.question import Element

Field = Literal["title", "keywords", "body"]
FIELDS: tuple[Field, ...] = ("title", "keywords", "body")
#: Texts of a field, each as its words. A phrase lies within one text.
Words = list[list[str]]
#: More words of a field are not looked at.
MOST_WORDS = 15_000


class Texts(Protocol):
    """What both ways can do."""

    def put(self, session: Session, rows: Sequence[tuple[int, tuple[Words, Words, Words]]]) -> None:
        """Keep the words of data sets, by field; none are there."""

    def remove(self, session: Session, dataset_ids: Iterable[int]) -> None:
        """Take away the words of data sets, if they have any."""

    def find(
        self, session: Session, element: Element, field: Field, among: Sequence[int] | None = None
    ) -> str:
        """Return the numbers of the data sets that have a word or phrase in a field, with spaces between.

        ``among`` are those that are asked for; None asks for all.
        """


def texts_of(session: Session) -> Texts:
    """Return the way of the session's database."""
    return _SQLITE if session.get_bind().dialect.name == "sqlite" else _POSTGRESQL


class SqliteTexts:
    """FTS5. Words hold letters and digits only, so nothing in them has a meaning in its query language."""

    #: Stands between texts, so that no phrase spans two. No word has it.
    _BORDER = " ¶ "

    def put(self, session: Session, rows: Sequence[tuple[int, tuple[Words, Words, Words]]]) -> None:
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

    def remove(self, session: Session, dataset_ids: Iterable[int]) -> None:
        session.execute(
            text("DELETE FROM search_text WHERE rowid = :id"), [{"id": row} for row in dataset_ids]
        )

    def find(
        self, session: Session, element: Element, field: Field, among: Sequence[int] | None = None
    ) -> str:
        phrase = f'{field} : "{" ".join(element.words)}"' + (" *" if element.prefix else "")
        statement = "SELECT group_concat(rowid, ' ') FROM search_text WHERE search_text MATCH :phrase"
        if among is not None:
            # The plus keeps FTS5 from seeking each number of a list, which may cost more than asking for all.
            statement += " AND +rowid IN (SELECT value FROM json_each(:among))"
        given = {"phrase": phrase, "among": json.dumps(among)}
        return session.execute(text(statement), given).scalar() or ""

    def _text(self, words: Words) -> str:
        return self._BORDER.join(" ".join(one) for one in _bounded(words))


class PostgresqlTexts:
    """A table a field, with a column of type tsvector, written in its text form: no rules of the server for
    words are used.
    """

    #: Bounds of a tsvector.
    _LAST_POSITION, _MOST_POSITIONS = 16_383, 255

    def put(self, session: Session, rows: Sequence[tuple[int, tuple[Words, Words, Words]]]) -> None:
        for place, field in enumerate(FIELDS):
            statement = text(
                f"INSERT INTO search_text_{field} (dataset_id, words) VALUES (:id, CAST(:words AS tsvector))"
            )
            session.execute(
                statement, [{"id": row, "words": self._vector(fields[place])} for row, fields in rows]
            )

    def remove(self, session: Session, dataset_ids: Iterable[int]) -> None:
        ids = list(dataset_ids)
        for field in FIELDS:
            statement = text(f"DELETE FROM search_text_{field} WHERE dataset_id = ANY(:ids)")
            session.execute(statement, {"ids": ids})

    def find(
        self, session: Session, element: Element, field: Field, among: Sequence[int] | None = None
    ) -> str:
        # The planner would read whole tables for frequent words, and unpack every vector: 1.5 s, not 0.05 s.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        query = " <-> ".join(f"'{word}'" for word in element.words) + (":*" if element.prefix else "")
        statement = (
            f"SELECT string_agg(CAST(dataset_id AS text), ' ') FROM search_text_{field} "
            "WHERE words @@ CAST(:query AS tsquery)"
        )
        if among is not None:
            statement += " AND dataset_id = ANY(:among)"
        found = session.execute(text(statement), {"query": query, "among": among}).scalar() or ""
        session.execute(text("SET LOCAL enable_seqscan = on"))
        return found

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


_SQLITE, _POSTGRESQL = SqliteTexts(), PostgresqlTexts()


def _bounded(words: Words) -> Words:
    room, kept = MOST_WORDS, []
    for one in words:
        kept.append(one[:room])
        room -= len(kept[-1])
    return [one for one in kept if one]
