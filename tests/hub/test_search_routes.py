"""GET /api/search: what it answers, bounds, nonsense, and what it does not tell."""

import json

import pytest
from builders.described import add_dataset, publish
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DOCUMENTS = [
    {
        "title": {"en": "Genomes of people with epilepsy", "fr": "Génomes de personnes avec épilepsie"},
        "description": {"en": "Trios from two hospitals.", "fr": "Des trios de deux hôpitaux."},
        "keywords": {"en": ["rare diseases", "trios"], "fr": ["maladies rares"]},
        "holder": {"name": {"en": "Lyon University Hospital", "fr": "CHU de Lyon"}},
        "issued": "2024-05-06", "duo": ["DUO:0000007"], "n_individuals": 1200, "languages": ["en", "fr"],
        "genome": {"assays": ["WGS"], "reference_name": "GRCh38", "kinds": ["cram", "vcz"]},
    },
    {
        "title": {"en": "Exomes of a heart cohort", "fr": "Exomes d'une cohorte du cœur"},
        "description": {"en": "Some have epilepsy too."},
        "keywords": {"en": ["heart"], "fr": ["cœur"]},
        "issued": "2022-01-02", "duo": ["DUO:0000042"], "n_individuals": 4,
        "genome": {"assays": ["WES"], "reference_name": "hs37d5", "kinds": ["bam"]},
    },
]  # fmt: skip
DRAFT = {
    "title": {"en": "Secret epilepsy narwhal"}, "keywords": {"en": ["Narwhal disease"]},
    "holder": {"name": {"en": "Hidden Institute"}}, "genome": {"assays": ["nanopore"]},
}  # fmt: skip


@pytest.fixture
def described(world):
    with world.hub.database.write() as session:
        for number, document in enumerate(DOCUMENTS):
            add_dataset(session, f"S{number}", document)
        add_dataset(session, "hidden", DRAFT, "draft")
    return world


def search(world, person=None, **parameters):
    answer = world.client(person).get("/api/search", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def titles(answer):
    return [one["title"]["en"] for one in answer["datasets"]]


def counts(answer, facet):
    (found,) = [one for one in answer["facets"] if one["name"] == facet]
    return {one["value"]: one["count"] for one in found["values"]}


def test_search__words_in_the_title_come_first(described):
    answer = search(described, q="epilepsy")
    assert titles(answer) == ["Genomes of people with epilepsy", "Exomes of a heart cohort"]
    assert (answer["total"], answer["suggestion"]) == (2, None)
    hit = answer["datasets"][0]
    assert hit["summary"]["fr"] == "Des trios de deux hôpitaux."
    assert hit["holder"] == {"en": "Lyon University Hospital", "fr": "CHU de Lyon"}
    assert (hit["individuals"], hit["size"], hit["date"]) == (1200, "1000-9999", "2024-05-06")
    assert answer["datasets"][1]["individuals"] is None  # too few to be shown


@pytest.mark.parametrize(
    ("q", "n"),
    [
        ("EPILEPSIE", 1), ("coeur", 1), ("CŒUR", 1), ("genom", 1), ('"rare disease"', 1),
        ('"disease rare"', 0), ("trios hospital", 1), ("cohort epilepsy", 1), ('"hospitals des"', 0),
        ("d'une cohorte", 1), ("hs37d5", 1), ("DUO:0000007", 1), ("WGS", 1),
        ("narwhal", 0), ("!!!", 0), ("", 3), ("the", 0),
    ],
)  # fmt: skip
def test_search__words(described, q, n):
    assert search(described, q=q)["total"] == n


def test_search__facets_count_under_the_other_choices(described):
    answer = search(described, assay=["WGS", "WES"], reference="GRCh38")
    assert titles(answer) == ["Genomes of people with epilepsy"]
    assert counts(answer, "assay") == {"WGS": 1, "WES": 0}  # WES is chosen, and none is of GRCh38
    assert counts(answer, "reference") == {"GRCh38": 1, "GRCh37": 1}
    assert counts(answer, "kind") == {"cram": 1, "vcz": 1}
    assert counts(search(described), "size") == {"few": 1, "unknown": 1, "1000-9999": 1}
    assert list(counts(search(described), "year")) == ["2026", "2024", "2022"]
    assert search(described, keyword="Rare Diseases")["total"] == 1
    assert search(described, since="2022-01-02", until="2024-05-06")["total"] == 2
    listed = search(described, values=1)["facets"]
    assert {one["name"]: (len(one["values"]), one["more"]) for one in listed}["keyword"] == (1, 4)


def test_search__orders_and_pages(described):
    newest = titles(search(described, sort="newest"))
    assert newest == ["Data set open-door", "Genomes of people with epilepsy", "Exomes of a heart cohort"]
    assert titles(search(described, sort="title", lang="en")) == sorted(newest)
    assert titles(search(described, sort="size"))[0] == "Genomes of people with epilepsy"
    pages = [search(described, sort="newest", limit=1, offset=offset) for offset in range(4)]
    assert [titles(page) for page in pages] == [[one] for one in newest] + [[]]
    assert {page["total"] for page in pages} == {3}


def test_search__did_you_mean(described):
    assert search(described, q="epilpesy")["suggestion"] == "epilepsy"
    assert search(described, q="hart cohrt")["suggestion"] == "heart cohort"
    assert search(described, q="épilepsei ")["suggestion"] == "épilepsie"
    assert search(described, q="qqqqqqq")["suggestion"] is None
    assert search(described, q="narwhel")["suggestion"] is None  # only a draft has it
    assert search(described, "holder", q="narwhel")["suggestion"] == "narwhal"


@pytest.mark.parametrize("person", [None, "researcher", "auditor", "administrator"])
def test_search__tells_nothing_of_what_one_may_not_see(described, person):
    for parameters in (
        {}, {"q": "epilepsy"}, {"q": "narwhal"}, {"q": "narw"}, {"keyword": "Narwhal disease"},
        {"holder": "hidden institute"}, {"assay": "nanopore"}, {"state": "draft"},
    ):  # fmt: skip
        told = json.dumps(search(described, person, **parameters))
        asked = json.dumps([*parameters.values(), "draft"])
        for word in ("Secret", "narwhal", "Narwhal disease", "Hidden Institute", "nanopore"):
            assert word not in told or word in asked, parameters
    hidden, absent = (search(described, person, keyword=one) for one in ("narwhal disease", "no such word"))
    assert json.dumps(hidden).replace("narwhal disease", "no such word") == json.dumps(absent)


def test_search__who_may_see_drafts_and_permits_do(described):
    assert search(described, "holder", q="narwhal")["datasets"][0]["state"] == "draft"
    assert counts(search(described, "steward"), "state") == {"published": 3, "draft": 2}
    assert search(described, "researcher", q="back-room")["total"] == 0
    described.permit("researcher", "back-room", ends=3)
    assert search(described, "researcher", q="back-room")["total"] == 1
    described.clock.turn(days=4)
    assert search(described, "researcher", q="back-room")["total"] == 0


def test_search__what_is_withdrawn_is_not_found(described):
    with described.hub.database.write() as session:
        publish(session, described.dataset(session, "open-door").id, state="withdrawn")
    assert search(described)["total"] == 2
    assert "withdrawn" not in counts(search(described), "state")


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"q": "x" * 301}, 422), ({"q": " ".join(f"w{n}" for n in range(17))}, 422), ({"limit": 0}, 422),
        ({"offset": -1}, 422), ({"sort": "dataset.id"}, 422), ({"since": "yesterday"}, 422),
        ({"since": "2024-01-02", "until": "2024-01-01"}, 422), ({"assay": ["x"] * 51}, 422),
        ({"keyword": "x" * 301}, 422), ({"lang": "de"}, 422), ({"values": 201}, 422),
    ],
)  # fmt: skip
def test_search__refuses_in_a_sentence(sqlite_world, parameters, status):
    answer = sqlite_world.client().get("/api/search", params=parameters)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_search__wrong_order_of_dates_is_told(sqlite_world):
    answer = sqlite_world.client().get("/api/search?since=2024-01-02&until=2024-01-01")
    assert answer.json()["detail"] == "since: 2024-01-02 is after until, 2024-01-01. Exchange them."


def test_search__any_text_gets_an_answer(world):
    client = world.client()
    spelt = st.text(st.sampled_from("\"'*:^()-+<>&|!\\%_;¶ aANDORNOTé\x00\u0301"), max_size=40)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(q=st.one_of(st.text(max_size=300), spelt), value=st.text(min_size=1, max_size=300))
    def any_text(q, value):
        answer = client.get("/api/search", params={"q": q, "keyword": value, "holder": [value, q or "x"]})
        assert answer.status_code == 200 or any(w in answer.json()["detail"] for w in ("at most 16", "NUL"))
        answer = client.get("/api/search", params={"q": q})
        assert answer.status_code == 200 or any(w in answer.json()["detail"] for w in ("at most 16", "NUL"))

    any_text()
