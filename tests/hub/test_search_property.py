"""Results, their order and all counts are those of the plain twin, for everybody, on both databases."""

import random
from datetime import date, timedelta

from builders.described import add_dataset, describe, project, publish
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import hub_search
from sqlalchemy import select

from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.people import grant_role, principal_of_token
from genomehub.hub.access.principals import ANONYMOUS, Role
from genomehub.hub.discovery.facts import Registered, Value, facts
from genomehub.hub.discovery.question import FACETS, Question
from genomehub.hub.discovery.search import find

WORDS = (
    "genome", "génomes", "Genomics", "gene", "rare", "Rares", "disease", "diseases", "maladie",
    "épilepsie", "epilepsies", "cœur", "coeur", "heart", "diabetes", "diabète", "cancer", "cancers",
    "WGS", "exome-seq", "GRCh38", "l'enfant", "enfants", "of", "the", "de", "glass", "x", "42", "été",
    "基因", "ß",
)  # fmt: skip
N_DATASETS = 250
PEOPLE = (None, "holder", "researcher", "colleague", "auditor")


def text(chance, most):
    return " ".join(chance.choices(WORDS, k=chance.randint(1, most)))


def document(chance):
    """A description of few words, many of them the same."""
    made = {
        "title": {one: text(chance, 4) for one in chance.choice((["en"], ["fr"], ["en", "fr"], ["de"]))},
        "description": {one: text(chance, 12) for one in chance.choice(([], ["en"], ["en", "fr"]))},
        "keywords": {"en": [text(chance, 2)], "fr": [text(chance, 1) for _ in range(chance.randint(0, 3))]},
        "issued": (date(2020, 1, 1) + timedelta(days=chance.randint(0, 1200))).isoformat(),
        "languages": chance.choice(([], ["en"], ["en", "fr"])),
        "access_rights": chance.choice(("PUBLIC", "NON_PUBLIC")),
        "duo": chance.sample(["DUO:0000042", "DUO:0000006", "DUO:0000007"], chance.randint(0, 2)),
        "health_categories": chance.choice(([], ["http://example.org/a"], ["http://example.org/a", "urn:b"])),
        "n_individuals": chance.choice((None, 0, 3, 9, 12, 15, 500, 2504, 90_000)),
        "minimum_count": chance.choice((0, 10, 20)),
        "genome": {"assays": chance.choice(([], ["WGS"], ["WES", "WGS"])), "kinds": ["bam", "bai"]},
    }
    if chance.random() < 0.8:
        made["holder"] = {"name": {"en": chance.choice(("CHU Lyon", "chu lyon", "Inserm"))}}
    if chance.random() < 0.5:
        made["genome"]["reference_name"] = chance.choice(("hs37d5", "GRCh38.p14", "pig"))
    return made


def questions():
    word = st.sampled_from([*WORDS, "gen", "epil", "canc", "nowhere", "-", '"rare disease', "«", " "])
    phrase = st.lists(word, min_size=2, max_size=3).map(lambda words: f'"{" ".join(words)}"')
    texts = st.lists(st.one_of(word, phrase), max_size=3).map(" ".join)
    values = {
        "category": ["http://example.org/a", "urn:b"], "assay": ["WGS", "WES"], "size": ["few", "unknown"],
        "reference": ["GRCh37", "pig"], "access": ["PUBLIC"], "duo": ["DUO:0000042", "DUO:0000006"],
        "year": ["2020", "2022"], "keyword": ["rare", "Rare", "cancer"], "holder": ["CHU Lyon", "nobody"],
        "kind": ["bam", "vcf"], "language": ["fr"], "state": ["draft", "published"],
    }  # fmt: skip
    assert values.keys() == set(FACETS)
    chosen = st.dictionaries(st.sampled_from(FACETS), st.none(), max_size=3).flatmap(
        lambda some: st.fixed_dictionaries(
            {one: st.lists(st.sampled_from(values[one]), min_size=1, unique=True).map(tuple) for one in some}
        )
    )
    days = st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2023, 6, 1)))
    return st.builds(
        Question, text=texts, chosen=chosen, since=days, until=days, limit=st.just(1000),
        sort=st.sampled_from(["relevance", "newest", "title", "size"]),
        language=st.sampled_from(["en", "fr"]), values=st.just(1000),
    )  # fmt: skip


def change(world, chance, n):
    """Add data sets, then change some in every way there is."""
    states = ("published", "published", "published", "draft", "withdrawn", None)
    with world.hub.database.write() as session:
        count = session.scalar(select(models.Dataset.id).order_by(models.Dataset.id.desc()).limit(1))
        for number in range(n):
            state = chance.choice(states)
            words = document(chance) if state or chance.random() < 0.5 else None
            add_dataset(session, f"S{count}-{number}", words, state, f"project{number % 3}")
        for dataset in session.scalars(select(models.Dataset).order_by(models.Dataset.id)).all():
            new = chance.random() < 0.1 and describe(session, dataset.id, document(chance)).id
            if chance.random() < 0.1 and session.get(models.Publication, dataset.id) is not None:
                publish(session, dataset.id, new or None, chance.choice(states[:5]))


def known(session):
    """Facts of every data set by number, read one by one."""
    found = {}
    for dataset in session.scalars(select(models.Dataset)).all():
        publication = session.get(models.Publication, dataset.id)
        state = publication.state if publication else "draft"
        ours = select(models.Description).where(models.Description.dataset_id == dataset.id)
        newest = session.scalars(ours.order_by(models.Description.version.desc())).first()
        shown = publication.description if state == "published" else newest
        title = dataset.title if state == "published" else dataset.title or dataset.name
        entry = session.scalar(select(models.Entry).where(models.Entry.dataset_id == dataset.id))
        registered = Registered(dataset.created_at.date(), title)
        if entry is not None:
            kinds = tuple(file.kind for file in entry.files)
            registered = Registered(dataset.created_at.date(), title, entry.reference.name, kinds)
        found[dataset.id] = facts(shown.document if shown else {}, registered)
        found[dataset.id].values.append(Value("state", state))
    return found


def may_find(session, principal, now):
    """Ask the gate for each data set; what is withdrawn, the public does not find."""
    gate = Gate(session, principal, now)
    seen = []
    for dataset in session.scalars(select(models.Dataset)).all():
        decision = gate.decide(Action.SEE, dataset)
        publication = session.get(models.Publication, dataset.id)
        hidden = decision.reason == "public" and publication.state == "withdrawn"
        hidden = hidden and not gate._permit(dataset)
        if decision.allowed and not hidden:
            seen.append(dataset.id)
    return seen


def compare(session, now, principals, seen):
    """Ask anything, and compare with the twin."""
    datasets = known(session)
    uuids = dict(session.execute(select(models.Dataset.id, models.Dataset.uuid)).all())

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(principal=st.sampled_from(principals), question=questions())
    def same(principal, question):
        answer = find(session, principal, now, question)
        found, counts = hub_search.search(datasets, seen[principal], question)
        assert [one.uuid for one in answer.datasets] == [uuids[one] for one in found]
        assert answer.total == len(found)
        for facet in answer.facets:
            assert {one.value: one.n for one in facet.values if one.n} == counts[facet.name]

    same()


def test_find__as_the_plain_twin(world):
    chance, now = random.Random(1), world.clock()
    with world.hub.database.write() as session:
        grant_role(
            session, session.get_one(models.Person, world.people["auditor"]), Role.STEWARD,
            project(session, "project1"),
        )  # fmt: skip
    world.permit("researcher", "back-room")
    world.permit("colleague", "back-room", withdrawn=True)
    for n in (N_DATASETS, 5, 0):
        change(world, chance, n)
        with world.hub.database.read() as session:
            principals = [
                principal_of_token(session, world.tokens[name], now) if name else ANONYMOUS for name in PEOPLE
            ]
            seen = {principal: may_find(session, principal, now) for principal in principals}
            compare(session, now, principals, seen)
        assert len({tuple(some) for some in seen.values()}) == 4  # public, all, one project, one permit
