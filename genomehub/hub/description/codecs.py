"""How values of a document become triples and come back: one codec a kind of value, one table for both ways.

A ``Shape`` says of a part of the document which terms its fields have. Writing walks the document, reading
walks the graph along the same table, so what one writes the other finds. Whatever a graph says beyond that is
told as a note: nothing is lost in silence.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from rdflib import RDF, BNode, Graph, Literal, URIRef
from rdflib.namespace import NamespaceManager
from rdflib.term import Node

from genomehub.hub.description.document import Part
from genomehub.hub.description.terms import RDFS, SKOS, XSD, new_graph
from genomehub.hub.description.vocabularies import current_iri, vocabulary

_MOST_NOTES = 100
_NUMBERED = re.compile(r"(\d+)$")


@dataclasses.dataclass(frozen=True)
class Note:
    """Something a graph says that the document does not keep as it was; field : None if it has none."""

    field: str | None
    en: str
    fr: str


class Writer:
    """A graph being written.

    subject : the data set's IRI; parts get IRIs that begin with it
    paths : which place of the document a node stands for, so that a finding can name its field
    """

    def __init__(self, subject: URIRef) -> None:
        self.graph, self.subject = new_graph(), subject
        self.paths: dict[Node, str] = {subject: ""}

    def part(self, path: str) -> URIRef:
        """Return the node of a part: ``#hdab-contact``, ``#distributions-1``."""
        node = URIRef(f"{self.subject}#{path.replace('.', '-')}")
        self.paths[node] = path
        return node

    def add(self, subject: Node, predicate: URIRef, value: Node) -> None:
        self.graph.add((subject, predicate, value))


class Reader:
    """A graph being read.

    language : of texts that do not say theirs
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.used: set[tuple[Node, Node, Node]] = set()
        self.visited: set[Node] = set()
        self.links: set[Node] = set()
        self.notes: list[Note] = []
        self._names = NamespaceManager(new_graph(), bind_namespaces="none")
        self.language = self._main_language()

    def _main_language(self) -> str:
        tags: dict[str, int] = {}
        for value in self.graph.objects():
            if isinstance(value, Literal) and value.language:
                tag = value.language.lower()[:2]
                tags[tag] = tags.get(tag, 0) + 1
        return max(sorted(tags), key=lambda tag: tags[tag]) if tags else "en"

    def note(self, field: str | None, en: str, fr: str) -> None:
        self.notes.append(Note(field or None, en, fr))

    def name(self, node: Node) -> str:
        """Return a node as a person would write it."""
        if isinstance(node, BNode):
            return "[]"
        try:
            shown = self._names.normalizeUri(str(node)) if isinstance(node, URIRef) else repr(str(node))
        except ValueError:
            shown = str(node)
        return shown if len(shown) <= 80 else shown[:77] + "..."

    def objects(self, subject: Node, predicate: URIRef) -> list[Node]:
        """Return the values, in the order that their numbers or names give, as used."""
        found = sorted(self.graph.objects(subject, predicate), key=_order)
        self.used.update((subject, predicate, value) for value in found)
        self.visited.add(subject)
        return found

    def rest(self) -> list[Note]:
        """Return a note on each triple that nothing has used; what describes a link is not counted."""
        about = {RDFS.label, SKOS.prefLabel, SKOS.altLabel, SKOS.inScheme, SKOS.notation, SKOS.definition}
        left = []
        for subject, predicate, value in sorted(self.graph, key=lambda triple: tuple(map(str, triple))):
            told = (subject, predicate, value) in self.used or predicate == RDF.type
            if told or (predicate in about and subject not in self.visited):
                continue
            left.append((subject, predicate, value))
        notes = [
            Note(
                None,
                f"{self.name(subject)} {self.name(predicate)} {self.name(value)}: is not kept; "
                "the document has no place for it.",
                f"{self.name(subject)} {self.name(predicate)} {self.name(value)} : n'est pas conservé ; "
                "le document n'a pas de place pour cela.",
            )
            for subject, predicate, value in left[:_MOST_NOTES]
        ]
        if len(left) > _MOST_NOTES:
            more = len(left) - _MOST_NOTES
            notes.append(
                Note(None, f"{more} more statements are not kept.", f"{more} autres ne sont pas conservés.")
            )
        return notes


def _order(node: Node) -> tuple[int, str, str]:
    """Numbered nodes by number, then all by their text."""
    found = _NUMBERED.search(str(node)) if isinstance(node, URIRef) else None
    start = str(node)[: found.start()] if found else ""
    return (int(found[1][:18]) if found else 0, start, f"{node} {getattr(node, 'language', '')}")


class Codec(Protocol):
    """One kind of value, both ways."""

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        """Add the triples of a value that is there."""

    def read(self, source: Reader, subject: Node, predicate: URIRef, path: str) -> Any:
        """Return the value, or None if there is none."""


def _one(source: Reader, values: Sequence[Any], path: str) -> Any:
    """Return the first value; others are told."""
    for other in values[1:]:
        source.note(
            path,
            f"{path}: takes one value; {str(other)[:80]!r} is not kept.",
            f"{path} : une seule valeur ; {str(other)[:80]!r} n'est pas conservé.",
        )
    return values[0] if values else None


@dataclasses.dataclass(frozen=True)
class Texts:
    """Texts by language; ``single``: only one language is written, for terms that may occur once."""

    single: bool = False

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        shown = value
        if self.single and value:
            language = "en" if "en" in value else next(iter(value))
            shown = {language: value[language]}
        for language, text in shown.items():
            out.add(subject, predicate, Literal(text, lang=language))

    def read(self, source: Reader, subject: Node, predicate: URIRef, path: str) -> Any:
        return _texts(source, source.objects(subject, predicate), path) or None


def _texts(source: Reader, values: Iterable[Node], path: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for value in values:
        language = (getattr(value, "language", None) or source.language).lower().split("-")[0]
        if isinstance(value, BNode):
            source.note(path, f"{path}: a text was expected, not a node.", f"{path} : un texte est attendu.")
        elif texts.setdefault(language, str(value)) != str(value):
            source.note(
                path,
                f"{path}: takes one text per language; {str(value)[:60]!r} is not kept.",
                f"{path} : un seul texte par langue ; {str(value)[:60]!r} n'est pas conservé.",
            )
    return texts


@dataclasses.dataclass(frozen=True)
class Keywords:
    """Several words in each language."""

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        for language, words in value.items():
            for word in words:
                out.add(subject, predicate, Literal(word, lang=language))

    def read(self, source: Reader, subject: Node, predicate: URIRef, path: str) -> Any:
        words: dict[str, list[str]] = {}
        for value in source.objects(subject, predicate):
            language = (getattr(value, "language", None) or source.language).lower().split("-")[0]
            words.setdefault(language, []).append(str(value))
        return words or None


@dataclasses.dataclass(frozen=True)
class Values:
    """Literals of one type: a list of them, or one."""

    datatype: URIRef | None = None
    several: bool = False
    parse: Callable[[str], Any] = str

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        for one in value if self.several else (value,):
            shown = str(one).lower() if isinstance(one, bool) else one
            shown = format(Decimal(repr(one)), "f") if isinstance(one, float) else str(shown)
            out.add(subject, predicate, Literal(shown, datatype=self.datatype))

    def read(self, source: Reader, subject: Node, predicate: URIRef, path: str) -> Any:
        parsed = []
        for value in source.objects(subject, predicate):
            try:
                parsed.append(self.parse(str(value)))
            except ValueError:
                source.note(
                    path,
                    f"{path}: {str(value)[:60]!r} is no {_type_name(self.datatype)}; it is not kept.",
                    f"{path} : {str(value)[:60]!r} n'est pas de type {_type_name(self.datatype)} ; "
                    "non conservé.",
                )
        if self.several:
            return parsed or None
        return _one(source, parsed, path)


def _type_name(datatype: URIRef | None) -> str:
    return "text" if datatype is None else str(datatype).rpartition("#")[2]


@dataclasses.dataclass(frozen=True)
class Dates:
    """A day. Times of day are not kept, years and months become their first day; both are told."""

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        out.add(subject, predicate, Literal(value.isoformat(), datatype=XSD.date))

    def read(self, source: Reader, subject: Node, predicate: URIRef, path: str) -> Any:
        days = [day for value in source.objects(subject, predicate) if (day := _day(source, value, path))]
        return _one(source, days, path)


def _day(source: Reader, value: Node, path: str) -> date | None:
    text = str(value)
    for form in ("%Y-%m-%d", "%Y-%m", "%Y"):
        try:
            day = datetime.strptime(text, form).date()
        except ValueError:
            continue
        if form != "%Y-%m-%d":
            source.note(path, f"{path}: {text} is kept as {day}.", f"{path} : {text} devient {day}.")
        return day
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        source.note(
            path,
            f"{path}: {text[:60]!r} is no date (2026-11-28); it is not kept.",
            f"{path} : {text[:60]!r} n'est pas une date (2026-11-28) ; non conservé.",
        )
        return None
    if moment.time().isoformat() != "00:00:00":
        source.note(
            path, f"{path}: the time of day of {text} is not kept.", f"{path} : l'heure de {text} est omise."
        )
    return moment.date()


@dataclasses.dataclass(frozen=True)
class Links:
    """IRIs: a list of them, or one.

    types : classes that the profiles want said of each
    vocabulary : whose labels are written beside those that it has
    to, back : between what the document has and the IRI
    """

    types: tuple[URIRef, ...] = ()
    vocabulary: str | None = None
    several: bool = True
    to: Callable[[str], str] = str
    back: Callable[[str], str | None] = str

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        for one in value if self.several else (value,):
            node = URIRef(self.to(one))
            out.add(subject, predicate, node)
            concept = vocabulary(self.vocabulary).find(str(node)) if self.vocabulary else None
            for kind in self.types:
                if kind != SKOS.Concept or concept is not None:
                    out.add(node, RDF.type, kind)
            if concept is not None:
                assert self.vocabulary is not None
                out.add(node, SKOS.inScheme, URIRef(vocabulary(self.vocabulary).scheme))
                for language, label in concept.label.items():
                    out.add(node, SKOS.prefLabel, Literal(label, lang=language))

    def read(self, source: Reader, subject: Node, predicate: URIRef, path: str) -> Any:
        found = []
        for value in source.objects(subject, predicate):
            source.links.add(value)
            iri = current_iri(str(value))
            if iri != str(value):
                source.note(
                    path,
                    f"{path}: {value} has moved; it is kept as {iri}.",
                    f"{path} : {value} a changé d'adresse ; {iri} est retenu.",
                )
            one = None if isinstance(value, BNode) else self.back(iri)
            if one is None:
                source.note(
                    path,
                    f"{path}: {source.name(value)} is not what is expected here; it is not kept.",
                    f"{path} : {source.name(value)} n'est pas ce qui est attendu ici ; non conservé.",
                )
            elif one not in found:
                found.append(one)
        if self.several:
            return found or None
        return _one(source, found, path)


@dataclasses.dataclass(frozen=True)
class Inner:
    """A value that stands in a node of its own: a text in a rights statement, a digest in a checksum.

    fixed : further triples of the node
    several : the document has a list; each gets a node
    """

    types: tuple[URIRef, ...]
    predicate: URIRef
    codec: Codec
    several: bool = False
    fixed: tuple[tuple[URIRef, URIRef], ...] = ()
    also_literal: bool = False

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        for number, one in enumerate(value if self.several else (value,), 1):
            node = out.part(f"{path}.{number}" if self.several else path)
            out.add(subject, predicate, node)
            for kind in self.types:
                out.add(node, RDF.type, kind)
            for term, fixed in self.fixed:
                out.add(node, term, fixed)
            self.codec.write(out, node, self.predicate, one, path)

    def read(self, source: Reader, subject: Node, predicate: URIRef, path: str) -> Any:
        values = []
        for node in source.objects(subject, predicate):
            if isinstance(node, Literal):
                value = _texts(source, (node,), path) if isinstance(self.codec, Texts) else None
            else:
                value = self.codec.read(source, node, self.predicate, path)
            for term, fixed in self.fixed:
                if fixed in source.objects(node, term):
                    source.links.add(fixed)
            if value is not None:
                values.append(value)
        if self.several:
            return values or None
        if values and all(isinstance(value, dict) for value in values):
            return self._together(source, values, path)
        return _one(source, values, path)

    @staticmethod
    def _together(source: Reader, values: list[dict[str, str]], path: str) -> dict[str, str]:
        """Return texts of several nodes as one, in paragraphs."""
        together: dict[str, str] = {}
        for value in values:
            for language, text in value.items():
                together[language] = f"{together[language]}\n\n{text}" if language in together else text
        if len(values) > 1:
            source.note(
                path,
                f"{path}: {len(values)} statements are kept as paragraphs of one.",
                f"{path} : {len(values)} énoncés deviennent les paragraphes d'un seul.",
            )
        return together


@dataclasses.dataclass(frozen=True)
class Term:
    """One field of a part and its term; ``also`` : terms of other profiles that say the same."""

    field: str
    predicate: URIRef
    codec: Codec
    also: tuple[tuple[URIRef, Codec], ...] = ()


@dataclasses.dataclass(frozen=True)
class Shape:
    """A part of the document and its terms.

    extra : adds what profiles want and the document does not say twice
    """

    part: type[Part]
    types: tuple[URIRef, ...]
    terms: tuple[Term, ...]
    extra: Callable[[Writer, Node, Any], None] | None = None

    def write(self, out: Writer, node: Node, value: Part, path: str) -> None:
        """Add the triples of a part."""
        for kind in self.types:
            out.add(node, RDF.type, kind)
        defaults = self.part.model_fields
        for term in self.terms:
            field = getattr(value, term.field)
            if field is None or field == {} or field == []:
                continue
            place = f"{path}.{term.field}" if path else term.field
            term.codec.write(out, node, term.predicate, field, place)
            for predicate, codec in term.also:
                codec.write(out, node, predicate, field, place)
        assert all(term.field in defaults for term in self.terms)
        if self.extra is not None:
            self.extra(out, node, value)

    def read(self, source: Reader, node: Node, path: str) -> dict[str, Any]:
        """Return the part as plain values, not yet checked."""
        source.visited.add(node)
        values: dict[str, Any] = {}
        for term in self.terms:
            place = f"{path}.{term.field}" if path else term.field
            value = term.codec.read(source, node, term.predicate, place)
            for predicate, codec in term.also:
                other = codec.read(source, node, predicate, place)
                if value is None:
                    value = other
                elif isinstance(value, dict) and isinstance(other, dict):
                    value = other | value
            if value is not None:
                values[term.field] = value
        return values


@dataclasses.dataclass(frozen=True)
class Parts:
    """Parts of the document: a list of them, or one; ``first`` : in the path of a list's parts."""

    shape: Shape
    several: bool = False

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        for number, one in enumerate(value if self.several else (value,), 1):
            place = f"{path}.{number}" if self.several else path
            node = out.part(place)
            out.add(subject, predicate, node)
            self.shape.write(out, node, one, place)

    def read(self, source: Reader, subject: Node, predicate: URIRef, path: str) -> Any:
        found = []
        for number, node in enumerate(source.objects(subject, predicate), 1):
            if isinstance(node, Literal):
                source.note(
                    path,
                    f"{path}: {source.name(node)} is a text where a node is expected; it is not kept.",
                    f"{path} : {source.name(node)} est un texte, un nœud est attendu ; non conservé.",
                )
                continue
            found.append(self.shape.read(source, node, f"{path}.{number}" if self.several else path))
        if self.several:
            return found or None
        return _one(source, found, path)
