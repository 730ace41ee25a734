"""Descriptions as RDF: document to graph to Turtle, and Turtle from anywhere to a document.

What comes in is not trusted: its size, number of statements and time are bounded, it must be about one data
set, and no IRI may hang on a base that the file does not name. Turtle reads nothing from elsewhere.
"""

import copy
import dataclasses
import re
import time
from typing import Any

from pydantic import ValidationError
from rdflib import RDF, BNode, Graph, Literal, URIRef
from rdflib.exceptions import ParserError
from rdflib.plugins.parsers.notation3 import BadSyntax
from rdflib.term import Node

from genomehub.errors import InputError, TooLargeError
from genomehub.hub.description.codecs import Note, Reader, Writer
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.description.mapping import DATASET
from genomehub.hub.description.terms import (
    DCAT,
    DCATAP,
    DCT,
    FOAF,
    GEODCATAP,
    HEALTH,
    SKOS,
    SPDX,
    XSD,
)

#: Bounds of a description that comes in; the largest of the known catalogues' are below a tenth of these.
MAX_BYTES = 2 * 2**20
MAX_STATEMENTS = 50_000
MAX_SECONDS = 10.0

#: Relative IRIs resolve below this, and so are found.
_NO_BASE = "http://no-base.invalid/"
_LOST_SHOWN = 3
_AGENTS = ("publisher", "holder", "hdab", "hdab_coordinator")


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a graph said.

    subject : the data set's IRI there, or None
    notes : what the document does not keep as it was
    """

    document: DatasetDescription
    subject: str | None
    notes: tuple[Note, ...]


def to_graph(document: DatasetDescription, subject: str, *, for_hdh: bool = False) -> Graph:
    """Return a description as a graph."""
    return write(document, subject, for_hdh=for_hdh).graph


def write(document: DatasetDescription, subject: str, *, for_hdh: bool = False) -> Writer:
    """Return a description as a graph, with the place in the document that each node stands for.

    Parameters
    ----------
    document : the description
    subject : the data set's IRI
    for_hdh : values of codes as the French profile has them (concepts), not as Release 8 (literals)
    """
    out = Writer(URIRef(subject))
    DATASET.write(out, out.subject, document, "")
    if not document.identifiers:
        out.add(out.subject, DCT.identifier, Literal(subject, datatype=XSD.anyURI))
    for form in list(out.graph.subjects(RDF.type, DCAT.Distribution)):  # each profile wants it of each form
        for law in document.legislation:
            out.add(form, DCATAP.applicableLegislation, URIRef(law))
    for algorithm in set(out.graph.objects(None, SPDX.algorithm)):
        out.add(algorithm, RDF.type, SPDX.ChecksumAlgorithm)
    if for_hdh:
        _codes_as_concepts(out, document)
    return out


def _codes_as_concepts(out: Writer, document: DatasetDescription) -> None:
    out.graph.remove((out.subject, HEALTH.hasCodeValues, None))
    for number, value in enumerate(document.code_values, 1):
        node = out.part(f"code_values.{number}")
        out.add(out.subject, HEALTH.hasCodeValues, node)
        out.add(node, DCT.identifier, Literal(value, datatype=XSD.anyURI))
        for system in document.coding_systems[:1]:
            out.add(node, SKOS.inScheme, URIRef(system))


def to_turtle(graph: Graph) -> str:
    """Return a graph as Turtle; the same graph gives the same text."""
    return graph.serialize(format="turtle")


def to_json_ld(graph: Graph) -> str:
    """Return a graph as JSON-LD with its prefixes."""
    context = {prefix: str(namespace) for prefix, namespace in graph.namespaces()}
    return graph.serialize(format="json-ld", context=context, sort_keys=True)


class _Bounded(Graph):
    """A graph that refuses to grow or to be filled for too long."""

    def __init__(self, deadline: float) -> None:
        super().__init__(bind_namespaces="none")
        self._deadline, self._left = deadline, MAX_STATEMENTS

    def add(self, triple: Any) -> "_Bounded":
        self._left -= 1
        if self._left < 0:
            raise TooLargeError(
                f"the description has more than {MAX_STATEMENTS:,} statements. Send one data set at a time."
            )
        if self._left % 100 == 0 and time.monotonic() > self._deadline:
            raise TooLargeError(
                f"the description took more than {MAX_SECONDS:.0f} s to read. Send a simpler one."
            )
        super().add(triple)
        return self


def parse_turtle(content: bytes) -> Graph:
    """Return Turtle as a graph.

    Raises
    ------
    TooLargeError
        It is too large, or takes too long.
    InputError
        It is no Turtle, or has relative IRIs without a base.
    """
    if len(content) > MAX_BYTES:
        raise TooLargeError(
            f"the description has {len(content):,} bytes; at most {MAX_BYTES:,} are read. "
            "Send one data set at a time."
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the description is not UTF-8 (byte {error.start + 1}); Turtle is. Is it compressed?"
        ) from error
    graph = _Bounded(time.monotonic() + MAX_SECONDS)
    try:
        graph.parse(data=text, format="turtle", publicID=_NO_BASE)
    except BadSyntax as error:
        raise InputError(
            f"the description is no Turtle: line {error.lines + 1}: {_reason(error)}."
        ) from error
    except RecursionError as error:
        raise InputError("the description nests too deeply to be read. Give its nodes names.") from error
    except (ParserError, ValueError, IndexError, AttributeError, AssertionError, KeyError) as error:
        raise InputError(
            "the description is no Turtle that can be read. Check it with another program."
        ) from error
    _refuse_relative(graph)
    return graph


def _reason(error: BadSyntax) -> str:
    """Return what the parser expected, without the text around it."""
    reason = str(error._why) if hasattr(error, "_why") else ""
    return re.sub(r"\s+", " ", reason)[:120] or "unexpected text"


def _refuse_relative(graph: Graph) -> None:
    for triple in graph:
        for node in triple:
            if isinstance(node, URIRef) and str(node).startswith(_NO_BASE):
                shown = str(node).removeprefix(_NO_BASE)[:60]
                raise InputError(
                    f"<{shown}>: is a relative IRI and the description names no @base. Write it in full."
                )


def from_turtle(content: bytes) -> Reading:
    """Return the document in Turtle: ``parse_turtle``, then ``from_graph``."""
    if not content.strip():
        raise InputError("the description is empty; Turtle with one dcat:Dataset is expected.")
    return from_graph(parse_turtle(content))


def from_graph(graph: Graph) -> Reading:
    """Return the document that a graph describes, and notes on all that it does not keep.

    Raises
    ------
    InputError
        It describes no data set, or several, or one without a title.
    """
    subject = _subject(graph)
    source = Reader(graph)
    values = DATASET.read(source, subject, "")
    _without_identifier(values, subject)
    _agents(source, subject, values)
    _laws(source, values)
    _codes(source, subject, values)
    values.setdefault("access_rights", "NON_PUBLIC")
    document, dropped = _checked(values)
    iri = None if isinstance(subject, BNode) else str(subject)
    return Reading(document, iri, (*source.notes, *dropped, *source.rest()))


def _subject(graph: Graph) -> Node:
    """Return the only data set; others that it or a catalogue merely names are not counted."""
    described = {
        node
        for node in graph.subjects(RDF.type, DCAT.Dataset)
        if (node, DCT.title, None) in graph or (node, DCT.identifier, None) in graph
    }
    if not described:
        raise InputError("the description has no data set. Give one node 'a dcat:Dataset' with a dct:title.")
    if len(described) > 1:
        names = ", ".join(sorted(f"<{node}>" for node in described)[:_LOST_SHOWN])
        raise InputError(
            f"the description has {len(described)} data sets ({names[:200]}); one is expected. "
            "Send each by itself."
        )
    return described.pop()


def _without_identifier(values: dict[str, Any], subject: Node) -> None:
    """The data set's own IRI need not stand in the document too."""
    if values.get("identifiers") == [str(subject)]:
        del values["identifiers"]


def _agents(source: Reader, subject: Node, values: dict[str, Any]) -> None:
    """Take the address that the French profile has at the agent itself."""
    places = [(name, values[name]) for name in _AGENTS if name in values]
    places += [(f"creators.{number}", one) for number, one in enumerate(values.get("creators", ()), 1)]
    nodes = {
        "publisher": DCT.publisher, "hdab": HEALTH.hdab, "hdab_coordinator": HEALTH.hdabCoordinator,
        "holder": GEODCATAP.custodian, "creators": DCT.creator,
    }  # fmt: skip
    for place, agent in places:
        name, _, number = place.partition(".")
        found = source.objects(subject, nodes[name])
        node = found[int(number or 1) - 1]
        for box in source.graph.objects(node, FOAF.mbox):
            email = str(box).removeprefix("mailto:")
            contact = agent.setdefault("contact", {})
            if contact.setdefault("email", email) == email:
                source.used.add((node, FOAF.mbox, box))


def _laws(source: Reader, values: dict[str, Any]) -> None:
    """Legislation of the forms is the data set's; any other is told by the rest."""
    for form in source.graph.subjects(RDF.type, DCAT.Distribution):
        for law in source.graph.objects(form, DCATAP.applicableLegislation):
            if str(law) in values.get("legislation", ()):
                source.used.add((form, DCATAP.applicableLegislation, law))


def _codes(source: Reader, subject: Node, values: dict[str, Any]) -> None:
    """Values of codes may come as concepts, as the French profile has them."""
    codes = []
    for value in source.objects(subject, HEALTH.hasCodeValues):
        if isinstance(value, Literal):
            codes.append(str(value))
            continue
        codes += [str(one) for one in source.objects(value, DCT.identifier)] or [str(value)]
        for system in source.objects(value, SKOS.inScheme):
            systems = values.setdefault("coding_systems", [])
            if str(system) not in systems:
                systems.append(str(system))
    if codes:
        values["code_values"] = codes


def _checked(values: dict[str, Any]) -> tuple[DatasetDescription, list[Note]]:
    """Return the document of plain values; those that do not fit are left out and told."""
    kept, notes = copy.deepcopy(values), list[Note]()
    for _ in range(50):
        try:
            return DatasetDescription.model_validate(kept), notes
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            if any(fault["loc"][:1] == ("title",) for fault in faults):
                raise InputError(
                    "the description has no title that can be used. Give its dcat:Dataset a dct:title."
                ) from error
            for place in sorted({_place(kept, fault["loc"]) for fault in faults}, key=str, reverse=True):
                _drop(kept, place)
            notes += [_fault(fault["loc"], fault["msg"]) for fault in faults]
    raise InputError("the description has too many values that do not fit. Check it with /api/validate.")


def _place(values: Any, place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the innermost part of a place that is there."""
    known: list[int | str] = []
    for step in place:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            break
        known.append(step)
    return tuple(known)


def _drop(values: Any, place: tuple[int | str, ...]) -> None:
    for step in place[:-1]:
        values = values[step]
    del values[place[-1]]


def _fault(place: tuple[int | str, ...], message: str) -> Note:
    path = ".".join(str(step + 1) if isinstance(step, int) else step for step in place)
    reason = message.removeprefix("Value error, ").removesuffix(".")
    return Note(path, f"{path}: is not kept: {reason}.", f"{path} : valeur non conservée ({reason}).")
