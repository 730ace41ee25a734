"""What the index knows of a data set, read from its description and from what was registered of it.

A pure function: the document and a few registered facts in, texts, values of facets, order and a card out.
Documents are read as they are stored, older ones included, so a field that is missing or of another shape is
passed over.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from genomehub.hub.discovery.words import same

#: Classes of numbers of people: below each number, its name. "few" are fewer than the data set lets be shown.
SIZES = ((10, "1-9"), (100, "10-99"), (1000, "100-999"), (10_000, "1000-9999"), (100_000, "10000-99999"))
LARGEST = "100000+"
#: Builds by the names that references go by.
_BUILDS = (
    ("GRCh38", re.compile(r"grch38|hg38|hs38|b38\b", re.IGNORECASE)),
    ("GRCh37", re.compile(r"grch37|hg19|hs37|b37\b|\bg1k\b", re.IGNORECASE)),
    ("T2T-CHM13", re.compile(r"chm13|t2t|hs1\b", re.IGNORECASE)),
)
#: Kinds of files that only accompany others.
_INDEXES = frozenset({"bai", "csi", "tbi", "crai", "fai", "gzi", "pgen.pvar"})
SUMMARY_LENGTH = 300
#: Longest value of a facet; a longer one is left out.
VALUE_LENGTH = 300
MOST_KEYWORDS = 200


@dataclasses.dataclass(frozen=True)
class Registered:
    """What the catalogue holds besides the description.

    kinds : of the files of the newest version; reference : its name, else its digest
    """

    created: date
    title: str | None = None
    reference: str | None = None
    kinds: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Value:
    """A value of a facet: what it is compared by, and how it reads by language, if otherwise."""

    facet: str
    value: str
    label: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is kept of a data set.

    title, keywords, body : texts to be found in; who searches gives them different weight
    individuals : for the order by size: None if unknown, 0 if fewer than may be shown
    titles : by language, for the order by title
    card : what a list of results shows
    """

    title: list[str]
    keywords: list[str]
    body: list[str]
    values: list[Value]
    date: date
    individuals: int | None
    titles: dict[str, str]
    card: dict[str, Any]


def facts(document: dict[str, Any], registered: Registered) -> Facts:
    """Return what is known of a data set."""
    genome = _part(document, "genome")
    holder = _part(document, "holder") or _part(document, "publisher")
    title = _text(document, "title") or ({"en": registered.title} if registered.title else {})
    minimum = document.get("minimum_count", 10)
    shown, individuals = _individuals(document.get("n_individuals"), minimum)
    when = _date(document.get("modified")) or _date(document.get("issued")) or registered.created
    kinds = _kinds(genome, document, registered)
    build = build_of(genome.get("reference_name") or registered.reference or genome.get("reference"))
    keywords = _keywords(document)
    values = [
        *_plain("category", _strings(document, "health_categories")),
        *_plain("assay", _strings(genome, "assays")),
        *_plain("reference", [build] if build else []),
        *_plain("size", [size_class(document.get("n_individuals"), minimum)]),
        *_plain("access", [str(document.get("access_rights", "NON_PUBLIC"))]),
        *_plain("duo", _strings(document, "duo")),
        *_plain("year", [f"{when.year:04d}"]),
        *keywords,
        *_holder(holder),
        *_plain("kind", kinds),
        *_plain("language", _strings(document, "languages")),
    ]
    card = {
        "title": title,
        "summary": {language: shorten(text) for language, text in _text(document, "description").items()},
        "holder": _text(holder, "name"),
        "access": str(document.get("access_rights", "NON_PUBLIC")),
        "duo": _strings(document, "duo"),
        "assays": _strings(genome, "assays"),
        "reference": build,
        "individuals": shown,
        "size": size_class(document.get("n_individuals"), minimum),
        "kinds": kinds,
        "date": when.isoformat(),
    }
    return Facts(
        title=[*title.values(), *_text(document, "alternative").values()],
        keywords=[*(value.value for value in keywords), *_named(document, genome, holder, build)],
        body=list(_body(document)),
        values=list(
            {(one.facet, one.value): one for one in values if len(one.value) <= VALUE_LENGTH}.values()
        ),
        date=when,
        individuals=individuals,
        titles=title,
        card=card,
    )


def size_class(individuals: Any, minimum: Any) -> str:
    """Return the class of a number of people.

    >>> [size_class(n, 10) for n in (None, 3, 10, 2504, 500_000)]
    ['unknown', 'few', '10-99', '1000-9999', '100000+']
    >>> size_class(1, 0)
    '1-9'
    """
    if not _is_count(individuals):
        return "unknown"
    if individuals < (minimum if _is_count(minimum) else 10) or individuals == 0:
        return "few"
    return next((name for bound, name in SIZES if individuals < bound), LARGEST)


def build_of(reference: Any) -> str | None:
    """Return the genome build that a name of a reference tells, else the name.

    >>> build_of("hs37d5"), build_of("Homo_sapiens.GRCh38.dna.primary"), build_of("kH1a8vFh")
    ('GRCh37', 'GRCh38', 'kH1a8vFh')
    """
    if not isinstance(reference, str) or not reference.strip():
        return None
    return next((build for build, pattern in _BUILDS if pattern.search(reference)), reference.strip())


def shorten(text: str, length: int = SUMMARY_LENGTH) -> str:
    """Return the beginning of a text, cut between words.

    >>> shorten("Genomes of five hundred people", 20)
    'Genomes of five…'
    """
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rpartition(" ")[0] + "…"


def _individuals(number: Any, minimum: Any) -> tuple[int | None, int | None]:
    """Return the number as shown and as sorted by: neither tells one that is too small to be shown."""
    if not _is_count(number):
        return None, None
    return (None, 0) if size_class(number, minimum) == "few" else (number, number)


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**53


def _keywords(document: dict[str, Any]) -> list[Value]:
    """Return keywords; one that is the same in two languages is one value."""
    labels: dict[str, dict[str, str]] = {}
    by_language = document.get("keywords")
    for language, words in by_language.items() if isinstance(by_language, dict) else ():
        for word in words if isinstance(words, list) else ():
            if isinstance(word, str) and (key := same(word)):
                labels.setdefault(key, {}).setdefault(language, " ".join(word.split()))
    return [Value("keyword", key, label) for key, label in list(labels.items())[:MOST_KEYWORDS]]


def _holder(holder: dict[str, Any]) -> list[Value]:
    name = _text(holder, "name")
    called = name.get("en") or next(iter(name.values()), "")
    return [Value("holder", same(called), name)] if same(called) else []


def _kinds(genome: dict[str, Any], document: dict[str, Any], registered: Registered) -> list[str]:
    formats = [
        re.split(r"[/#]", form)[-1].lower()  # a file type's IRI ends with its name
        for one in document.get("distributions") or ()
        if isinstance(one, dict) and isinstance(form := one.get("format"), str)
    ]
    found = [*(kind.lower() for kind in _strings(genome, "kinds")), *registered.kinds, *formats]
    return sorted({kind for kind in found if kind and kind not in _INDEXES})


def _named(
    document: dict[str, Any], genome: dict[str, Any], holder: dict[str, Any], build: str | None
) -> Iterator[str]:
    """Yield what is as telling as a keyword: names and codes."""
    yield from _text(holder, "name").values()
    yield from _strings(document, "identifiers")
    yield from _strings(document, "duo")
    yield from _strings(genome, "assays")
    yield from (name for name in (genome.get("reference_name"), build) if isinstance(name, str))
    for iri in (*_strings(document, "health_categories"), *_strings(document, "health_themes")):
        yield re.split(r"[/#]", iri)[-1]


def _body(document: dict[str, Any]) -> Iterator[str]:
    for field in ("description", "population", "provenance", "version_notes", "conditions"):
        yield from _text(document, field).values()
    for purpose in document.get("purposes") or ():
        yield from _texts(purpose)
    for table in document.get("tables") or ():
        yield from _text(table, "title").values() if isinstance(table, dict) else ()
        for variable in (table.get("variables") or ()) if isinstance(table, dict) else ():
            if isinstance(variable, dict):
                yield str(variable.get("name", ""))
                yield from _text(variable, "title").values()
                yield from _text(variable, "description").values()


def _plain(facet: str, values: Iterable[str]) -> list[Value]:
    return [Value(facet, value) for value in values]


def _part(document: dict[str, Any], name: str) -> dict[str, Any]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _text(document: dict[str, Any], name: str) -> dict[str, str]:
    text = document.get(name)
    return {k: v for k, v in text.items() if isinstance(v, str)} if isinstance(text, dict) else {}


def _texts(text: Any) -> Iterator[str]:
    yield from (value for value in text.values() if isinstance(value, str)) if isinstance(text, dict) else ()


def _strings(document: dict[str, Any], name: str) -> list[str]:
    values = document.get(name)
    return [one for one in values if isinstance(one, str) and one] if isinstance(values, list) else []


def _date(value: Any) -> date | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        return None
