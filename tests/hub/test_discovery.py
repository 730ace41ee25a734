"""Words, questions and facts: what the index is made of."""

from datetime import date

import pytest

from genomehub.errors import InputError
from genomehub.hub.discovery.facts import Registered, facts, shorten
from genomehub.hub.discovery.question import MOST_ELEMENTS, elements
from genomehub.hub.discovery.words import fold, folded_words, title_key

REGISTERED = Registered(date(2026, 11, 28))


def found(text):
    return [(element.words, element.prefix) for element in elements(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GÉNOMES Genomes génome", ["genome", "genome", "genome"]),
        ("cœur Œdème ﬁbrose", ["coeur", "oedeme", "fibrose"]),
        ("T2T-CHM13v2.0", ["t2t", "chm13v2", "0"]),
        ("d'une l’étude_pilote", ["d", "une", "l", "etude", "pilote"]),
        ("' \" \\ : * <-> & | ! ( ) \x00", []),
        ("straße ΣΊΣΥΦΟΣ", ["strasse", "σισυφοσ"]),
    ],
)
def test_folded_words(text, words):
    assert folded_words(text) == words


def test_fold__long_words_are_cut_alike():
    assert fold("x" * 5000) == fold("x" * 80) == "x" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" - ' ", []),
        ("epil", [(("epil",), True)]),
        ("epil ", [(("epil",), False)]),
        ("e", [(("e",), False)]),
        ('"rare diseases"', [(("rare", "disease"), False)]),
        ('"rare diseases', [(("rare", "disease"), False)]),
        ('heart "rare diseases" gen', [(("heart",), False), (("rare", "disease"), False), (("gen",), True)]),
        ("genomes of the people", [(("genome",), False), (("people",), True)]),
        ("of the", [(("of",), False), (("the",), True)]),
        ('"of" heart ', [(("of",), False), (("heart",), False)]),
        ("cancer cancers CANCER ", [(("cancer",), False)]),
        ('"" heart ', [(("heart",), False)]),
    ],
)
def test_elements(text, expected):
    assert found(text) == expected


def test_elements__too_many():
    text = " ".join(f"word{number}" for number in range(MOST_ELEMENTS + 1))
    with pytest.raises(InputError, match=r"q: has 17 words and phrases; at most 16 are looked for\. Leave"):
        elements(text)
    assert len(elements("rare " * 50)) == 1


def values(known, facet):
    return [value.value for value in known.values if value.facet == facet]


def test_facts__of_a_whole_description():
    known = facts(
        {
            "title": {"en": "Genomes", "fr": "Génomes"},
            "keywords": {"en": ["Rare  diseases", "WGS"], "fr": ["WGS", "maladies rares"]},
            "holder": {"name": {"fr": "CHU de Lyon", "en": "Lyon University Hospital"}},
            "publisher": {"name": {"en": "another"}},
            "issued": "2024-05-06",
            "modified": "2025-01-02",
            "n_individuals": 2504,
            "duo": ["DUO:0000042"],
            "health_categories": ["http://example.org/categories/GENOMIC"],
            "distributions": [{"format": "http://example.org/file-type/VCF"}, {"format": "BAI"}],
            "genome": {"assays": ["WGS"], "reference_name": "hs37d5", "kinds": ["cram"]},
            "languages": ["fr"],
            "tables": [{"title": {"en": "Visits"}, "variables": [{"name": "bmi"}]}],
        },
        Registered(date(2026, 11, 28), "Another title", "GRCh38", ("bam",)),
    )
    assert known.titles == {"en": "Genomes", "fr": "Génomes"}
    assert values(known, "keyword") == ["rare diseases", "wgs", "maladies rares"]
    labels = {value.value: value.label for value in known.values if value.facet in ("keyword", "holder")}
    assert labels["rare diseases"] == {"en": "Rare diseases"}
    assert labels["wgs"] == {"en": "WGS", "fr": "WGS"}
    assert labels["lyon university hospital"]["fr"] == "CHU de Lyon"
    assert (values(known, "year"), known.date) == (["2025"], date(2025, 1, 2))
    assert values(known, "reference") == ["GRCh37"]
    assert values(known, "kind") == ["bam", "cram", "vcf"]
    assert values(known, "size") == ["1000-9999"]
    assert {"Visits", "bmi"} <= set(known.body)
    assert "GENOMIC" in known.keywords
    assert known.card["individuals"] == 2504


@pytest.mark.parametrize(("minimum", "size", "shown"), [(10, "few", None), (0, "1-9", 7), (7, "1-9", 7)])
def test_facts__small_numbers_are_told_nowhere(minimum, size, shown):
    known = facts({"title": {"en": "x"}, "n_individuals": 7, "minimum_count": minimum}, REGISTERED)
    assert values(known, "size") == [size]
    assert known.card["individuals"] == shown
    assert known.individuals == (shown or 0)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"title": "text", "keywords": ["x"], "genome": [], "holder": "x", "issued": "soon", "duo": "x"},
        {"n_individuals": -1, "tables": [3, {"variables": [4]}], "distributions": [5], "purposes": [6]},
        {"n_individuals": True, "minimum_count": "x", "keywords": {"en": [None, ""]}, "title": {"en": 3}},
    ],
)
def test_facts__of_anything(document):
    known = facts(document, REGISTERED)
    assert values(known, "size") == ["unknown"]
    assert known.date == REGISTERED.created


def test_title_key__sorts_accents_among_letters():
    assert sorted(["Zèbre", "écoles", "Eau"], key=title_key) == ["Eau", "écoles", "Zèbre"]
    assert shorten("a" * 400) == "…"
