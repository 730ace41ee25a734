"""The table of words in PostgreSQL says what the tsvectors beside it say, after changes and a migration."""

import random

import pytest
from builders import postgresql
from sqlalchemy import text
from sqlalchemy.orm import Session

from genomehub.hub import database
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.database import locate
from genomehub.hub.discovery.number_sets import BITS_BYTES, BLOCK, decode
from genomehub.hub.discovery.question import Element
from genomehub.hub.discovery.texts import FIELDS, PostgresqlTexts, texts_of

WORDS = ("genome", "gene", "genomic", "rare", "rarer", "heart", "été", "基因", "42", "x", "ß")


@pytest.fixture
def catalogue(postgresql_url):
    with Catalogue.create(postgresql.emptied(postgresql_url)) as made:
        yield made


def kept(session: Session) -> set[tuple[str, str, int]]:
    """Return field, word and number of the data set, of the table of words."""
    rows = session.execute(text("SELECT field, word, block, datasets FROM search_text_word")).all()
    assert all(row.datasets for row in rows), "a word that no data set has any more is not kept"
    return {
        (FIELDS[row.field], row.word, row.block * BLOCK + one)
        for row in rows
        for one in decode(bytes(row.datasets))
    }


def told(session: Session) -> set[tuple[str, str, int]]:
    """Return the same of the tsvectors."""
    return {
        (field, word, number)
        for field in FIELDS
        for number, words in session.execute(
            text(f"SELECT dataset_id, tsvector_to_array(words) FROM search_text_{field}")
        )
        for word in words
    }


def made_up(chance: random.Random) -> tuple[list[list[str]], ...]:
    """Return words of a title, keywords and a body: bodies have the first word, and most the second."""
    title, keywords = ([chance.choices(WORDS, k=chance.randint(0, 3))] for _ in range(2))
    body = [[WORDS[0], *([WORDS[1]] if chance.random() < 0.9 else [])], chance.choices(WORDS, k=4)]
    return title, keywords, body


def expected(texts, element: Element, place: int) -> set[int]:
    """Return the data sets with a word or phrase, looked for as a person would."""

    def matches(words):
        *whole, last = words
        same = [one == other for one, other in zip(whole, element.words, strict=False)]
        return all(same) and (
            last.startswith(element.words[-1]) if element.prefix else last == element.words[-1]
        )

    n = len(element.words)
    return {
        number
        for number, fields in texts.items()
        if any(matches(one[at : at + n]) for one in fields[place] for at in range(len(one) - n + 1))
    }


def test_words__follow_changes(catalogue):
    """Thousands of data sets on both sides of a block's end: kept as numbers and as bits, and back."""
    chance = random.Random(1)
    texts: dict[int, tuple] = {}
    for n, n_gone in ((900, 0), (60, 30), (0, 700), (400, 10), (0, None)):
        with catalogue.database.write() as session:
            ways = texts_of(session)
            assert isinstance(ways, PostgresqlTexts)
            new = chance.sample(range(BLOCK - 500, BLOCK + 500), n)  # some of them known: they change
            gone = list(texts) if n_gone is None else chance.sample(sorted(texts), n_gone)
            rows = [(number, made_up(chance)) for number in new if number not in gone]
            ways.replace(session, [*new, *gone], rows)
            for number in gone:
                del texts[number]
            texts.update(rows)
        with catalogue.database.read() as session:
            assert kept(session) == told(session)
            for words, prefix in (
                (("genome",), False), (("gene",), False), (("gen",), True), (("r",), True), (("été",), False),
                (("nowhere",), False), (("nowhere",), True), (("genome", "gene"), False), (("基因",), True),
                (("rare", "heart"), False), (("genome", "ge"), True), (("heart", "nowhere"), False),
            ):  # fmt: skip
                element = Element(words, prefix)
                for place, field in enumerate(FIELDS):
                    found = ways.find(session, element, field)
                    assert set(found.tolist()) == expected(texts, element, place), (element, field)
                    some = sorted(texts)[::3]
                    among = ways.find(session, element, field, some)
                    assert set(among.tolist()) == expected(texts, element, place) & set(some)
    assert texts == {}


def test_words__both_forms_are_met(catalogue):
    chance = random.Random(1)
    with catalogue.database.write() as session:
        numbers = range(1, 601)
        texts_of(session).replace(session, numbers, [(number, made_up(chance)) for number in numbers])
        sizes = session.scalars(text("SELECT length(datasets) FROM search_text_word")).all()
    assert max(sizes) == BITS_BYTES
    assert min(sizes) < BITS_BYTES


def test_words__the_same_text_again_writes_no_word(catalogue):
    chance = random.Random(2)
    rows = [(number, made_up(chance)) for number in range(1, 50)]
    ids = [number for number, _ in rows]
    places = text("SELECT ctid::text, xmin::text FROM search_text_word ORDER BY 1")
    with catalogue.database.write() as session:
        texts_of(session).replace(session, ids, rows)
    with catalogue.database.write() as session:
        before = session.execute(places).all()
        texts_of(session).replace(session, ids, rows)
        assert session.execute(places).all() == before


def test_words__a_transaction_that_fails_leaves_them(catalogue):
    def fail():
        with catalogue.database.write() as session:
            texts_of(session).replace(session, [1], [(1, ([["lynx"]], [], []))])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with catalogue.database.read() as session:
        assert kept(session) == told(session) == set()


def test_migration__makes_the_table_of_the_vectors(postgresql_url):
    place = locate(postgresql.emptied(postgresql_url))
    before = database.Database(place)
    with before.connection() as connection:
        database.migrate(connection, "0008")
        for number in (1, BLOCK - 1, BLOCK, 9 * BLOCK):  # beyond what 16 bits hold
            for field in FIELDS:
                connection.execute(
                    text(f"INSERT INTO search_text_{field} VALUES (:id, CAST(:words AS tsvector))"),
                    {"id": number, "words": f"'lynx':1 '{field}':2 'n{number}':3"},
                )
        for number in range(2 * BLOCK, 2 * BLOCK + 300):
            connection.execute(
                text("INSERT INTO search_text_title VALUES (:id, CAST('lynx' AS tsvector))"), {"id": number}
            )
        database.migrate(connection)
    with before.read() as session:
        assert kept(session) == told(session)
        assert len(told(session)) == 4 * 3 * 3 + 300
        indexes = text("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix_search_text%'")
        assert session.scalar(indexes) == 0
    before.close()
