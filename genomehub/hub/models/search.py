"""The index for finding data sets: made from descriptions, and made again whenever it is missing.

The words themselves lie where each database looks them up its own way, so these are no models: in
``search_text``, a virtual table of SQLite's FTS5, or, in PostgreSQL, in ``search_text_word``, and with where
they stand in ``search_text_title``, ``_keywords`` and ``_body`` (columns of type tsvector). Triggers of the
database note in ``search_stale`` whose index is out of date, whoever changes what it is made from;
``discovery.indexing`` brings it up to date at the end of every write transaction.
"""

import datetime

from sqlalchemy import BigInteger, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from genomehub.hub.models.base import Json, Model, Name, RowId


class SearchStale(Model):
    """A data set whose index is out of date; empty between transactions."""

    __tablename__ = "search_stale"

    dataset_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)


class SearchDocument(Model):
    """What the index knows of a data set.

    generation : rises with each change of the index; readers take over rows of a later one than they have
    state : of its publication ("draft" if there is none), or "gone" if there is no such data set any more
    individuals : for the order by size; null if unknown, 0 if fewer than may be shown
    title_en, title_fr : for the order by title
    values : numbers of rows of ``search_value``, separated by spaces
    card : JSON, what a list of results shows
    """

    __tablename__ = "search_document"

    dataset_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    generation: Mapped[int] = mapped_column(BigInteger, index=True)
    uuid: Mapped[str] = mapped_column(String(36))
    project_id: Mapped[int] = mapped_column(RowId)
    state: Mapped[str] = mapped_column(String(10))
    date: Mapped[datetime.date]
    individuals: Mapped[int | None] = mapped_column(BigInteger)
    title_en: Mapped[str] = mapped_column(Text)
    title_fr: Mapped[str] = mapped_column(Text)
    values: Mapped[str] = mapped_column(Text)
    card: Mapped[dict[str, object]] = mapped_column(Json)


class SearchValue(Model):
    """A value of a facet; ``label`` is how it reads by language, empty where the value speaks for itself."""

    __tablename__ = "search_value"
    __table_args__ = (UniqueConstraint("facet", "value"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    facet: Mapped[str] = mapped_column(String(20))
    value: Mapped[str] = mapped_column(Text)
    label: Mapped[dict[str, str]] = mapped_column(Json)


class SearchWord(Model):
    """A word that some description has or had, as it is compared and as it was first written."""

    __tablename__ = "search_word"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    word: Mapped[str] = mapped_column(Name, unique=True)
    written: Mapped[str] = mapped_column(Name)
