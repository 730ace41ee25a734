"""Does a description satisfy the profiles? Each finding names the form's field, the rule, and what to do.

SHACL decides (``shapes/``); this turns its results into sentences in English and French. Shapes are read
once. They see what is exported, so a finding is about what other catalogues would get.
"""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from importlib import resources

import pyshacl
from rdflib import RDF, Graph, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from genomehub.hub.description.codecs import Parts, Shape, Writer
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.description.fields import PROFILES, Profile, help_of, label_of
from genomehub.hub.description.mapping import DATASET, Tables
from genomehub.hub.description.rdf import write
from genomehub.hub.description.terms import (
    CSVW,
    DCATAP,
    FOAF,
    SKOS,
)

SH = Namespace("http://www.w3.org/ns/shacl#")
_FILES: dict[str, tuple[str, ...]] = {
    "dcat-ap": ("dcat-ap.ttl",),
    "healthdcat-ap": ("dcat-ap.ttl", "healthdcat-ap.ttl", "healthdcat-ap-non-public.ttl"),
    "healthdcat-ap-public": ("dcat-ap.ttl", "healthdcat-ap.ttl"),
    "hdh": ("hdh.ttl",),
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a profile asks and the description lacks.

    field : the place in the document, parts of lists counted from 1: "hdab.contact", "distributions.1.format"
    profiles : which ask for it
    rule, remedy : sentences by language
    """

    field: str
    profiles: tuple[Profile, ...]
    rule: dict[str, str]
    remedy: dict[str, str]

    def sentence(self, language: str) -> str:
        """Return the finding in a line."""
        return f"{label_of(self.field, language)}: {self.rule[language]} {self.remedy[language]}"


@functools.cache
def _shapes(name: str) -> Graph:
    shapes = Graph()
    folder = resources.files(__package__).joinpath("shapes")
    for file in _FILES[name]:
        shapes.parse(data=folder.joinpath(file).read_text(encoding="utf-8"), format="turtle")
    return shapes


def validate(
    document: DatasetDescription, subject: str, profiles: Iterable[Profile] = tuple(PROFILES)
) -> list[Finding]:
    """Return what the profiles ask and the description lacks, in the order of the form.

    Parameters
    ----------
    document : the description
    subject : the data set's IRI
    profiles : to check; Release 8 asks less of data that are public
    """
    rules: dict[tuple[str, str], tuple[dict[str, str], list[Profile]]] = {}
    for profile in profiles:
        name = profile
        if profile == "healthdcat-ap" and document.access_rights != "NON_PUBLIC":
            name = "healthdcat-ap-public"  # type: ignore[assignment]
        out = write(document, subject, for_hdh=profile == "hdh")
        for field, rule in _results(out, _shapes(name)):
            _said, asking = rules.setdefault((field, rule["en"]), (rule, []))
            if profile not in asking:
                asking.append(profile)
    found = [
        Finding(field, tuple(asking), rule, {language: help_of(field, language) for language in rule})
        for (field, _en), (rule, asking) in rules.items()
    ]
    order = {name: number for number, name in enumerate(DatasetDescription.model_fields)}
    return sorted(found, key=lambda one: (order.get(one.field.split(".")[0], 99), one.field, one.rule["en"]))


def conforms(graph: Graph, profile: str) -> tuple[bool, str]:
    """Return whether a graph satisfies a profile, and SHACL's own report."""
    agrees, _graph, text = pyshacl.validate(
        graph, shacl_graph=_shapes(profile), inference="none", advanced=False
    )
    return agrees, text


def _results(out: Writer, shapes: Graph) -> list[tuple[str, dict[str, str]]]:
    """Return field and rule of each result; those inside another are told by their own."""
    agrees, report, _text = pyshacl.validate(
        out.graph, shacl_graph=shapes, inference="none", advanced=False, do_owl_imports=False
    )
    if agrees:
        return []
    assert isinstance(report, Graph)
    found: list[tuple[str, dict[str, str]]] = []
    nested = set(report.objects(None, SH.detail))
    for result in report.subjects(RDF.type, SH.ValidationResult):
        if result in nested or report.value(result, SH.resultSeverity) != SH.Violation:
            continue
        inner = list(report.objects(result, SH.detail))
        focus = report.value(result, SH.focusNode)
        component = report.value(result, SH.sourceConstraintComponent)
        if component == SH.NodeConstraintComponent and inner:
            found += _inside(out, report, shapes, result, inner)
        else:
            found.append((_field(out, report, focus, result), _rule(report, shapes, result, component)))
    return sorted(
        {(field, rule["en"]): (field, rule) for field, rule in found}.values(), key=lambda one: one[0]
    )


def _inside(
    out: Writer, report: Graph, shapes: Graph, result: Node, inner: Sequence[Node]
) -> list[tuple[str, dict[str, str]]]:
    """Return the results inside a result, at their own nodes; a concept of no list is the outer's fault."""
    found = []
    for one in inner:
        focus = report.value(one, SH.focusNode)
        component = report.value(one, SH.sourceConstraintComponent)
        if focus in out.paths and focus != out.subject:
            found.append((_field(out, report, focus, one), _rule(report, shapes, one, component)))
        else:
            place = _field(out, report, report.value(result, SH.focusNode), result)
            value = report.value(result, SH.value)
            listed = report.value(one, SH.resultPath) == SKOS.inScheme
            found.append((place, _not_listed(value) if listed else _rule(report, shapes, one, component)))
    return found


def _field(out: Writer, report: Graph, focus: Node | None, result: Node) -> str:
    """Return the place in the document of a result: where its node stands, and the field of its term."""
    place = out.paths.get(focus, "") if focus is not None else ""
    if focus is not None and focus not in out.paths:  # a link: the field that has it
        for subject, predicate in out.graph.subject_predicates(focus):
            if subject in out.paths:
                return _joined(out.paths[subject], _FIELDS.get(predicate))
    path = report.value(result, SH.resultPath)
    named = _FIELDS.get(path) if isinstance(path, URIRef) else _first_of(report, path)
    if not place and path is None:
        return "tables"  # the only rule on the whole: structured data have variables
    special = _SPECIAL.get((place.split(".")[0], named or ""))
    return _joined(place, special or named) or "title"


def _joined(place: str, name: str | None) -> str:
    return f"{place}.{name}" if place and name else place or (name or "")


def _first_of(report: Graph, path: Node | None) -> str | None:
    """Return the field of the first of alternative paths."""
    alternatives = report.value(path, SH.alternativePath) if path is not None else None
    first = next(iter(Collection(report, alternatives)), None) if alternatives is not None else None
    return _FIELDS.get(first)


def _terms(shape: Shape) -> Iterable[tuple[Node, str]]:
    """Yield terms and fields, those of inner parts first, so that the outer's win."""
    for term in shape.terms:
        inner = term.codec.tables if isinstance(term.codec, Tables) else term.codec
        if isinstance(inner, Parts):
            yield from _terms(inner.shape)
    for term in shape.terms:
        yield term.predicate, term.field
        yield from ((predicate, term.field) for predicate, _codec in term.also)


#: Term to field.
_FIELDS: dict[Node | None, str] = {
    **dict(_terms(DATASET)),
    FOAF.mbox: "contact.email",
    DCATAP.applicableLegislation: "legislation",
    CSVW.table: "tables",
}
#: Where a part's term is named otherwise than the data set's.
_AGENTS = ("publisher", "holder", "hdab", "hdab_coordinator", "creators")
_SPECIAL = {
    **{(agent, "types"): "kind" for agent in _AGENTS},
    **{(agent, "description"): "note" for agent in _AGENTS},
    **{(agent, "identifiers"): "identifier" for agent in _AGENTS},
    **{(form, "conditions"): "rights" for form in ("distributions", "samples", "analytics")},
}


def _rule(report: Graph, shapes: Graph, result: Node, component: Node | None) -> dict[str, str]:
    """Return what a result says, as a sentence."""
    shape = report.value(result, SH.sourceShape)
    value = report.value(result, SH.value)
    number = shapes.value(shape, SH.maxCount)
    wanted = shapes.value(shape, SH.hasValue)
    shown = "" if value is None else str(value)[:120]
    if component == SH.MinCountConstraintComponent:
        return {"en": "is required.", "fr": "est obligatoire."}
    if component == SH.MaxCountConstraintComponent:
        return {"en": f"takes at most {number}.", "fr": f"ne prend pas plus de {number} valeur."}
    if component == SH.HasValueConstraintComponent:
        return {"en": f"must have {wanted}.", "fr": f"doit comporter {wanted}."}
    if component == SH.DatatypeConstraintComponent:
        kind = str(shapes.value(shape, SH.datatype) or "").rpartition("#")[2]
        return {"en": f"{shown!r} must be a {kind}.", "fr": f"{shown!r} doit être de type {kind}."}
    if component == SH.ClassConstraintComponent:
        return _not_listed(value)
    if component == SH.OrConstraintComponent and report.value(result, SH.resultPath) is None:
        return {
            "en": "structured data need at least one table.",
            "fr": "des données structurées demandent au moins un tableau.",
        }
    return {"en": f"{shown!r} has not the form asked for.", "fr": f"{shown!r} n'a pas la forme demandée."}


def _not_listed(value: Node | None) -> dict[str, str]:
    shown = "" if value is None else str(value)[:160]
    return {
        "en": f"{shown} is not of the list that the profile names.",
        "fr": f"{shown} n'est pas dans la liste que nomme le profil.",
    }
