"""The index follows what is published, whoever changes it and however."""

import numpy as np
import pytest
from builders.described import add_dataset, describe, publish
from sqlalchemy import delete, select, text, update

from genomehub.hub import models
from genomehub.hub.access.principals import ANONYMOUS, Grant, Principal, Role
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.discovery import columns as columns_module
from genomehub.hub.discovery.columns import columns_of
from genomehub.hub.discovery.indexing import index_dataset, refresh
from genomehub.hub.discovery.question import Question
from genomehub.hub.discovery.search import find
from genomehub.hub.discovery.texts import texts_of

STEWARD = Principal(1, "x", "Ada", frozenset({Grant(Role.STEWARD)}))


def titles(world, text="", principal=ANONYMOUS):
    with world.hub.database.read() as session:
        answer = find(session, principal, world.clock(), Question(text, sort="title"))
    return [next(iter(one.card["title"].values()), "") for one in answer.datasets]


def test_index__follows_drafts_publication_versions_and_withdrawal(world):
    database = world.hub.database
    with database.write() as session:
        dataset = add_dataset(session, "S1", {"title": {"en": "First lynx"}}, "draft").id
    assert (titles(world, "lynx"), titles(world, "lynx", STEWARD)) == ([], ["First lynx"])
    with database.write() as session:
        publish(session, dataset)
    assert titles(world, "lynx") == ["First lynx"]
    with database.write() as session:
        second = describe(session, dataset, {"title": {"en": "Second lynx"}}).id
    assert titles(world, "lynx") == titles(world, "lynx", STEWARD) == ["First lynx"]
    with database.write() as session:
        publish(session, dataset, second)
    assert titles(world, "first") == []
    assert titles(world, "lynx") == ["Second lynx"]
    with database.write() as session:
        publish(session, dataset, state="withdrawn")
    assert (titles(world, "lynx"), titles(world, "lynx", STEWARD)) == ([], ["Second lynx"])


def test_index__of_statements_that_no_object_knows_of(world):
    """Bulk statements and bare SQL, as a person at the database's prompt would write it."""
    database = world.hub.database
    with database.write() as session:
        dataset = add_dataset(session, "S1", {"title": {"en": "Lynx"}}, "draft")
        number = dataset.id
    with database.write() as session:
        session.execute(update(models.Publication).values(state="published"))
    assert "Lynx" in titles(world)
    with database.write() as session:
        session.execute(text("UPDATE publication SET state = 'draft' WHERE dataset_id = :id"), {"id": number})
    assert "Lynx" not in titles(world)
    with database.write() as session:
        session.execute(delete(models.Publication).where(models.Publication.dataset_id == number))
        session.execute(delete(models.Description).where(models.Description.dataset_id == number))
        session.execute(update(models.Dataset).where(models.Dataset.id == number).values(title="Renamed"))
    assert titles(world, "lynx", STEWARD) == []
    assert titles(world, "renamed", STEWARD) == ["Renamed"]
    with database.write() as session:
        session.execute(delete(models.Dataset).where(models.Dataset.id == number))
    assert titles(world, "renamed", STEWARD) == []


def test_index__of_what_is_registered(world):
    """The catalogue's own way of writing is followed too: kinds of files, reference, a draft."""
    with world.hub.database.read() as session:
        answer = find(session, STEWARD, world.clock(), Question())
        facets = {facet.name: {one.value: one.n for one in facet.values} for facet in answer.facets}
    assert facets["kind"] == {"bam": 2, "vcf": 2}  # and no indexes
    assert facets["reference"] == {"GRCh37": 2}
    assert facets["state"] == {"draft": 1, "published": 1}


def test_index__a_failed_transaction_leaves_no_trace(world):
    def fail():
        with world.hub.database.write() as session:
            dataset = add_dataset(session, "S1", {"title": {"en": "Lynx"}})
            index_dataset(session, dataset.id)
            assert find(session, ANONYMOUS, world.clock(), Question("lynx")).total == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert titles(world, "lynx") == []
    with world.hub.database.write() as session:
        add_dataset(session, "S2", {"title": {"en": "Other"}})
    assert (titles(world, "lynx"), titles(world, "other")) == ([], ["Other"])


def test_refresh__has_nothing_left_to_do(world):
    with world.hub.database.write() as session:
        assert refresh(session) == 0


def test_index__the_name_of_a_published_data_set_is_not_told(world):
    """Without a title, a data set is called by its name, which may be a person's in a study."""
    with world.hub.database.write() as session:
        add_dataset(session, "Marie-C", None, "published")
        add_dataset(session, "Pierre-D", None, None)
    assert titles(world, "marie") == titles(world, "pierre") == []
    assert titles(world, "marie", STEWARD) == []
    assert titles(world, "pierre", STEWARD) == ["Pierre-D"]


def test_migration__indexes_what_is_there(world):
    """What the migration does at its end, and what mends a lost index: note all data sets as out of date."""
    before = titles(world)
    with world.hub.database.write() as session:
        session.execute(delete(models.SearchDocument))
        texts_of(session).replace(session, session.scalars(select(models.Dataset.id)).all(), [])
        session.execute(text("INSERT INTO search_stale (dataset_id) SELECT id FROM dataset"))
    assert titles(world) == before == ["Data set open-door"]


def test_migration__of_an_older_catalogue(tmp_path):
    from genomehub.hub import database
    from genomehub.hub.database import locate

    place = locate(tmp_path / "catalogue.sqlite")
    with database.Database(place).connection() as connection:
        database.migrate(connection, "0003")
        connection.execute(text("INSERT INTO project VALUES (1, 'p', '2026-01-01 00:00:00')"))
        connection.execute(
            text(
                "INSERT INTO dataset (id, uuid, project_id, name, title, created_at) "
                "VALUES (7, 'u', 1, 'S', 'Old lynx', '2026-01-01 00:00:00')"
            )
        )
    with Catalogue.create(place.file) as catalogue, catalogue.database.read() as session:
        assert catalogue.change == "migrated"
        found = session.execute(select(models.SearchDocument.dataset_id, models.SearchDocument.title_en))
        assert [tuple(row) for row in found] == [(7, "old lynx")]


def test_columns__take_over_changes_and_keep_the_rest(world):
    with world.hub.database.read() as session:
        before = columns_of(session)
        assert columns_of(session) is before
        assert len(before.order("title", "en")) == before.size
    with world.hub.database.write() as session:
        for name in ("Aardvark", "Zebra", "data set m"):
            add_dataset(session, name, {"title": {"en": name}})
    expected = ["Aardvark", "data set m", "Data set open-door", "Zebra"]
    assert titles(world) == expected
    with world.hub.database.read() as session:
        after = columns_of(session)
    assert after.generation > before.generation
    assert after.order("title", "en").tolist() == sorted(
        range(after.size), key=after.titles["en"].__getitem__
    )
    assert before.size < after.size


def test_columns__an_older_session_remembers_nothing_for_others(sqlite_world):
    """A question that began before a change finds former words, and nobody after it does."""
    database = sqlite_world.hub.database
    titles(sqlite_world)
    with database.write() as session:
        add_dataset(session, "S1", {"title": {"en": "Lynx"}})
    assert titles(sqlite_world) == ["Data set open-door", "Lynx"]
    former = (("former",), False, "title")
    with database.read() as session:
        newest = columns_of(session)
        older = newest.forgetting()
        older._remembered.put(former, older.generation, np.ones(older.size, bool))
        assert newest._remembered.get(former) is None


def test_remembered__words_follow_changes_that_are_few(world, monkeypatch):
    """What is remembered is looked up again for changed data sets alone, and for all after many changes."""
    database = world.hub.database
    with database.write() as session:
        add_dataset(session, "S1", {"title": {"en": "First lynx"}})
        second = add_dataset(session, "S2", {"title": {"en": "Second vole"}}).id
    assert (titles(world, "lynx"), titles(world, "vole")) == (["First lynx"], ["Second vole"])
    asked = []
    with database.read() as session:
        texts = type(texts_of(session))
    look_up = texts.find

    def find_texts(self, session, element, field, among=None):
        asked.append(among)
        return look_up(self, session, element, field, among)

    monkeypatch.setattr(texts, "find", find_texts)
    assert titles(world, "lynx") == ["First lynx"]
    assert asked == []
    with database.write() as session:
        version = describe(session, second, {"title": {"en": "Second lynx"}}).id
        publish(session, second, version)
        third = add_dataset(session, "S3", {"title": {"en": "Third lynx"}}).id
    assert titles(world, "lynx") == ["First lynx", "Second lynx", "Third lynx"]
    assert asked == [[second, third]] * 3  # title, keywords, body
    assert titles(world, "vole") == []
    asked.clear()
    with database.write() as session:
        for dataset in (second, third):
            publish(session, dataset, state="withdrawn")
    assert titles(world, "lynx") == ["First lynx"]
    assert asked == [[second, third]] * 3
    asked.clear()
    monkeypatch.setattr(columns_module, "_FEW", 1)
    with database.write() as session:
        for number in range(4, 7):
            add_dataset(session, f"S{number}", {"title": {"en": f"Lynx {number}"}})
    assert titles(world, "lynx") == ["First lynx", "Lynx 4", "Lynx 5", "Lynx 6"]
    assert asked == [None] * 3


def test_remembered__forgets_what_is_unused_longest(monkeypatch):
    monkeypatch.setattr(columns_module, "_REMEMBERED_BYTES", 40)
    remembered = columns_module.Remembered()
    words = [((word,), False, "title") for word in ("one", "two", "three")]
    masks = [np.arange(100) % step == 0 for step in (2, 3, 50)]  # 13 bytes as bits, 13, and two numbers
    for word, mask in zip(words, masks, strict=True):
        remembered.put(word, 1, mask)
        remembered.put(word, 2, mask)  # once, not twice
    remembered.get(words[0])
    for word, mask in zip((words[0], words[2]), (masks[0], masks[2]), strict=True):
        at, kept = remembered.get(word)
        assert at == 2
        np.testing.assert_array_equal(columns_module._mask(kept, 100), mask)
    remembered.put((("four",), False, "title"), 1, masks[0])
    assert [remembered.get(word) is None for word in words] == [False, True, False]
