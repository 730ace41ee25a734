"""Documents to RDF and back: nothing lost in silence, nothing surprising let in."""

import contextlib
import re
import time
from datetime import date

import pytest
from builders.descriptions import na12878, trio
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from genomehub.errors import InputError, TooLargeError
from genomehub.hub.description import rdf
from genomehub.hub.description.document import (
    Agent,
    Contact,
    DatasetDescription,
    Distribution,
    Genome,
    Period,
    Quality,
    Table,
    Variable,
)
from genomehub.hub.description.rdf import from_turtle, to_graph, to_json_ld, to_turtle

SUBJECT = "https://hub.test/datasets/1"

# ------------------------------------------------------------------------------------ any document

_words = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn", "Co")) | st.sampled_from("\n\t\"'\\<>@"),
    min_size=1,
    max_size=40,
).filter(str.strip)
_word = _words.filter(lambda text: len(text.strip()) < 100)
_language = st.sampled_from(["en", "fr", "de", "el"])
_text = st.dictionaries(_language, _words, max_size=3)
_title = st.dictionaries(_language, _words, min_size=1, max_size=3)
_iri = st.sampled_from(
    [
        "http://loinc.org",
        "http://loinc.org/",
        "https://a.test/b?c=d&e=f",
        "urn:uuid:1-2",
        "https://é.test/%20",
    ]
)
_iris = st.lists(_iri, max_size=3, unique=True)
_day = st.none() | st.dates(date(1900, 1, 1), date(2100, 1, 1))
_count = st.none() | st.integers(0, 10**15)
_period = st.none() | st.builds(Period, start=_day, end=_day)
_email = st.sampled_from([None, "a@b.test", "first.last+tag@sub.domain.test"])
_contact = st.none() | st.builds(
    Contact, name=_text, email=_email, page=st.none() | _iri, telephone=st.none() | _word
)
_agent = st.none() | st.builds(
    Agent,
    name=_text,
    identifier=st.none() | _word,
    page=st.none() | _iri,
    contact=_contact,
    kind=st.none() | _iri,
    note=_text,
    trusted=st.none() | st.booleans(),
)
_forms = st.lists(
    st.builds(
        Distribution,
        title=_text,
        description=_text,
        access_url=st.none() | _iri,
        download_url=st.none() | _iri,
        format=st.sampled_from([None, "bam", "vcf", "gvcf", "tbi", "CSV", "mine", "https://a.test/format"]),
        media_type=st.sampled_from([None, "text/csv", "application/vnd.x+json"]),
        size_bytes=_count,
        sha256=st.sampled_from([None, "0" * 64, "9f" * 32]),
        rights=_text,
        license=st.none() | _iri,
        conforms_to=_iris,
        issued=_day,
        modified=_day,
    ),
    max_size=12,
)
_tables = st.lists(
    st.builds(
        Table,
        title=_text,
        description=_text,
        url=st.none() | _iri,
        variables=st.lists(
            st.builds(
                Variable, name=_word, title=_text, description=_text, datatype=_word, unit=st.none() | _word,
                coding_system=st.none() | _iri,
            ),
            max_size=3,
        ),
    ),
    max_size=3,
)  # fmt: skip
_values = st.lists(_word, max_size=3)
_documents = st.builds(
    DatasetDescription,
    title=_title,
    description=_text,
    alternative=_text,
    identifiers=st.lists(_word, max_size=2),
    version_label=st.none() | _word,
    version_notes=_text,
    keywords=st.dictionaries(_language, st.lists(_words, min_size=1, max_size=3), max_size=2),
    languages=st.lists(st.sampled_from(["en", "fr", "la", "lat"]), max_size=2),
    publisher=_agent,
    holder=_agent,
    creators=st.lists(_agent.filter(bool), max_size=12),
    contact=_contact,
    hdab=_agent,
    hdab_coordinator=_agent,
    hdab_days=st.none() | st.integers(0, 10_000),
    access_rights=st.sampled_from(["PUBLIC", "RESTRICTED", "NON_PUBLIC"]),
    duo=st.lists(st.sampled_from(["DUO:0000042", "DUO:0000006"]), max_size=2),
    conditions=_text,
    license=st.none() | _iri,
    legislation=_iris,
    legal_basis=_iris,
    personal_data=_iris,
    retention=_period,
    themes=_iris,
    health_categories=_iris,
    health_themes=_iris,
    types=_iris,
    purposes=st.lists(_title, max_size=3),
    provenance=_text,
    population=_text,
    spatial=_iris,
    temporal=_period,
    issued=_day,
    modified=_day,
    frequency=st.none() | _iri,
    n_records=_count,
    n_individuals=_count,
    minimum_age=st.none() | st.integers(0, 150),
    maximum_age=st.none() | st.integers(0, 150),
    minimum_count=st.integers(0, 100),
    structured=st.none() | st.booleans(),
    tables=_tables,
    coding_systems=_iris,
    code_values=_values,
    distributions=_forms,
    samples=_forms,
    analytics=_forms,
    quality=st.lists(
        st.builds(
            Quality,
            name=_word,
            value=st.floats(allow_nan=False, allow_infinity=False),
            unit=st.none() | _word,
        ),
        max_size=3,
    ),
    certificates=_iris,
    genome=st.none()
    | st.builds(
        Genome, assays=_values, reference=st.none() | _word, n_samples=_count, kinds=_values,
        mean_depth=st.none() | st.floats(0, 1e6), caller=st.none() | _word,
    ),
    landing_page=st.none() | _iri,
    documentation=_iris,
    conforms_to=_iris,
    referenced_by=_iris,
    sources=_iris,
    related=_iris,
    citation=_text,
)  # fmt: skip

#: Lists whose parts have an order in RDF, by their number; a graph keeps no order of the others.
_ORDERED = {"creators", "tables", "variables", "distributions", "samples", "analytics", "quality", "purposes"}


def canonical(value, name=""):
    """Return plain values with lists of IRIs and words as sets."""
    if isinstance(value, dict):
        return {key: canonical(one, key) for key, one in value.items()}
    if isinstance(value, list):
        parts = [canonical(one) for one in value]
        return parts if name in _ORDERED else sorted(set(parts))
    return value


# A failing document is shown as found: to shrink one of a hundred fields takes minutes.
@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(_documents)
def test_round_trip__any_document(document):
    turtle = to_turtle(to_graph(document, SUBJECT))
    reading = from_turtle(turtle.encode())
    assert canonical(reading.document.model_dump()) == canonical(document.model_dump())
    assert reading.notes == ()
    assert reading.subject == SUBJECT


@pytest.mark.parametrize("make", [na12878, trio])
@pytest.mark.parametrize("for_hdh", [False, True])
def test_round_trip__examples(make, for_hdh):
    reading = from_turtle(to_turtle(to_graph(make(), SUBJECT, for_hdh=for_hdh)).encode())
    assert canonical(reading.document.model_dump()) == canonical(make().model_dump())
    assert reading.notes == ()


def test_round_trip__codes_as_the_french_profile_has_them():
    system = "http://snomed.info/sct"
    document = DatasetDescription(title={"en": "x"}, code_values=["A1", "B2"], coding_systems=[system])
    reading = from_turtle(to_turtle(to_graph(document, SUBJECT, for_hdh=True)).encode())
    assert sorted(reading.document.code_values) == ["A1", "B2"]
    assert reading.document.coding_systems == [system]


def test_to_turtle__is_the_same_each_time():
    assert to_turtle(to_graph(trio(), SUBJECT)) == to_turtle(to_graph(trio(), SUBJECT))


def test_to_json_ld__says_the_same():
    from rdflib import Graph
    from rdflib.compare import isomorphic

    graph = to_graph(trio(), SUBJECT)
    assert isomorphic(Graph().parse(data=to_json_ld(graph), format="json-ld"), graph)


# ------------------------------------------------------------------------------------ what comes in

HEAD = """@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix h: <http://healthdataportal.eu/ns/health#> . @prefix csvw: <http://www.w3.org/ns/csvw#> .
<https://a.test/1> a dcat:Dataset ; dct:title "Génomes"@fr ; """


def read(rest):
    return from_turtle(f"{HEAD}{rest} .".encode())


@pytest.mark.parametrize(
    ("rest", "note"),
    [
        ("dct:title 'Autre'@fr", "title: takes one text per language"),
        ("dct:issued '2026-11-28T10:11:12'^^xsd:dateTime", "issued: the time of day"),
        ("dct:issued '2026'^^xsd:gYear", "issued: 2026 is kept as 2026-01-01"),
        ("dct:issued 'soon'", "issued: 'soon' is no date"),
        ("h:numberOfRecords 'many'", "n_records: 'many' is no nonNegativeInteger"),
        ("h:numberOfRecords '-5'^^xsd:integer", "n_records: is not kept: Input should be greater"),
        ("dct:publisher 'A name'", "publisher: 'A name' is a text where a node is expected"),
        ("dcat:spatialResolutionInMeters 10", "dcat:spatialResolutionInMeters '10': is not kept"),
        ("foaf:page <javascript:alert(1)>", "documentation.1: is not kept: is no absolute link"),
        ("dct:accessRights <https://a.test/rights>", "access_rights: .* is not what is expected here"),
        (
            "h:healthCategory <http://healthdataportal.eu/resource/authority/healthcategories/HGPD>",
            "has moved",
        ),
        ("dct:provenance [ dct:title 'x' ]", r"\[\] dct:title 'x': is not kept"),
        (
            "dct:license <https://a.test/1>, <https://a.test/2>",
            "license: takes one value; 'https://a.test/2'",
        ),
    ],
)
def test_from_turtle__tells_what_is_not_kept(rest, note):
    notes = read(rest).notes
    assert notes, "lost in silence"
    assert re.search(note, " ".join(one.en for one in notes)), notes
    assert all(one.fr and one.fr != one.en for one in notes)


def test_from_turtle__texts_without_a_language_have_the_main_one():
    assert read("dct:description 'Sans langue'").document.description == {"fr": "Sans langue"}


def test_from_turtle__address_at_the_agent():
    agent = read("h:hdab [ a foaf:Agent ; foaf:name 'X' ; foaf:mbox <mailto:x@y.test> ]").document.hdab
    assert agent.contact.email == "x@y.test"


def test_from_turtle__many_notes_are_bounded():
    rest = " ; ".join(f"<urn:p:{number}> {number}" for number in range(500))
    notes = read(rest).notes
    assert len(notes) == 101
    assert "400 more" in notes[-1].en


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"  \n", "is empty"),
        (b"\x1f\x8b\x08\x00", "is not UTF-8 .* Is it compressed"),
        (b"<html><body>no</body></html>", "is no Turtle"),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><rdf/>', "is no Turtle"),
        (b"@prefix a: <http://a.test/> . a:b a:c a:d .", "has no data set"),
        (f"{HEAD} foaf:page <other> .".encode(), "<other>: is a relative IRI"),
        (f"{HEAD} foaf:page <../../etc/passwd> .".encode(), "is a relative IRI"),
        (f"{HEAD} foaf:name 'x' . <urn:2> a dcat:Dataset ; dct:title 'y' .".encode(), "has 2 data sets"),
        (b"@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> ."
         b"<urn:a> a dcat:Dataset ; dct:identifier 'x' .", "has no title"),
        (b"[" * 100_000, "is no Turtle|nests too deeply"),
        (f"{HEAD} foaf:page {'[ foaf:page ' * 5000} 1 {']' * 5000} .".encode(),
         "nests too deeply|is no Turtle"),
    ],
)  # fmt: skip
def test_from_turtle__refuses(content, message):
    with pytest.raises(InputError, match=message):
        from_turtle(content)


def test_from_turtle__cycles_of_blank_nodes_end():
    reading = from_turtle(
        f"{HEAD} dcat:distribution _:a . _:a a dcat:Distribution ; dcat:distribution _:a ; "
        "dct:rights _:b . _:b dct:rights _:a .".encode()
    )
    assert len(reading.document.distributions) == 1
    assert len(reading.notes) == 2


def test_from_turtle__a_base_in_the_file_is_a_base():
    content = f"@base <https://base.test/> . {HEAD} foaf:page <b> .".encode()
    assert from_turtle(content).document.documentation == ["https://base.test/b"]


def test_from_turtle__too_many_bytes():
    content = HEAD.encode() + b"foaf:name '" + b"x" * (16 * 2**20) + b"' ."
    begun = time.process_time()
    with pytest.raises(TooLargeError, match="at most 2,097,152 are read"):
        from_turtle(content)
    assert time.process_time() - begun < 1


def test_from_turtle__too_many_statements(monkeypatch):
    monkeypatch.setattr(rdf, "MAX_STATEMENTS", 200)
    with pytest.raises(TooLargeError, match="more than 200 statements"):
        read(" , ".join(["foaf:page <urn:0>", *(f"<urn:{number}>" for number in range(300))]))


def test_from_turtle__too_long(monkeypatch):
    monkeypatch.setattr(rdf, "MAX_SECONDS", 0.0)
    with pytest.raises(TooLargeError, match="took more than 0 s"):
        read(" , ".join(["foaf:page <urn:0>", *(f"<urn:{number}>" for number in range(300))]))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (HEAD + text).encode()))
def test_from_turtle__any_bytes_are_read_or_refused(content):
    with contextlib.suppress(InputError):
        from_turtle(content)
