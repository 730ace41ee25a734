"""Which term of which standard each field of the document is: the one table for export and import.

It serves HealthDCAT-AP Release 8, the French Health Data Hub's deployed profile and DCAT-AP 3.0.1 with one
graph: where two profiles name the same thing differently, both names are written. They contradict each other
in one place only, the values of codes; ``to_graph(..., for_hdh=True)`` writes those in the French way.
"""

from functools import partial
from typing import Any

from rdflib import RDF, Literal, URIRef
from rdflib.term import Node

from genomehub.hub.description.codecs import (
    Dates,
    Inner,
    Keywords,
    Links,
    Parts,
    Shape,
    Term,
    Texts,
    Values,
    Writer,
)
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
from genomehub.hub.description.terms import (
    ADMS,
    CSVW,
    CV,
    DCAT,
    DCATAP,
    DCT,
    DPV,
    DQV,
    ELI,
    FOAF,
    FORMATS,
    GEODCATAP,
    HEALTH,
    MEDIA_TYPES,
    OA,
    OBO,
    OURS,
    RDFS,
    SKOS,
    SPDX,
    VCARD,
    XSD,
)
from genomehub.hub.description.vocabularies import LANGUAGES, vocabulary

#: Kinds of files of ours: code of the EU's list (which has no genome formats), and the format in EDAM.
KINDS = {
    "bam": ("BIN", "format_2572"), "cram": ("BIN", "format_3462"), "vcf": ("GZIP", "format_3016"),
    "gvcf": ("GZIP", "format_3016"), "bcf": ("BIN", "format_3020"), "vcz": ("BIN", "format_3915"),
    "fastq": ("GZIP", "format_1930"), "bed": ("TSV", "format_3003"), "index": ("BIN", None),
    "bai": ("BIN", None), "csi": ("BIN", None), "crai": ("GZIP", None), "tbi": ("BIN", None),
    "report": ("HTML", None), "json": ("JSON", None), "table": ("CSV", None), "duplicates": ("TXT", None),
    "qc": ("BIN", None), "other": ("BIN", None),
}  # fmt: skip

_COUNT = partial(Values, XSD.nonNegativeInteger, parse=int)
_LANGUAGE_CODES = {code: short for short, code in LANGUAGES.items()}


def _coded(name: str, iri: str) -> str | None:
    return vocabulary(name).code(iri)


def _language_iri(language: str) -> str:
    return vocabulary("languages").iri(LANGUAGES.get(language, language.upper()))


def _language(iri: str) -> str | None:
    start = vocabulary("languages").iri("")
    code = iri.removeprefix(start)
    return _LANGUAGE_CODES.get(code, code.lower()) if iri.startswith(start) else None


def _media_type(iri: str) -> str | None:
    tail = iri.removeprefix("https:").removeprefix("http:")
    return tail.removeprefix(MEDIA_TYPES.removeprefix("http:")) if "/media-types/" in tail else None


def _duo(iri: str) -> str | None:
    tail = iri.removeprefix(str(OBO))
    return tail.replace("_", ":") if tail.startswith("DUO_") else None


class Formats:
    """A format: a kind of ours with the EU's code and EDAM's format, a code, an IRI, or a word in a node."""

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: str, path: str) -> None:
        code, edam = KINDS.get(value, (value, None))
        files = vocabulary("file-types")
        if value in KINDS:
            out.add(subject, OURS.kind, Literal(value))
        if edam is not None:
            out.add(subject, DCT.conformsTo, URIRef(FORMATS + edam))
            out.add(URIRef(FORMATS + edam), RDF.type, DCT.Standard)
        if code in files.concepts or value.startswith(("http://", "https://")):
            codec = Links((DCT.MediaTypeOrExtent,), "file-types", several=False)
            codec.write(out, subject, predicate, files.iri(code) if code in files.concepts else code, path)
            return
        node = out.part(path)
        out.add(subject, predicate, node)
        out.add(node, RDF.type, DCT.MediaTypeOrExtent)
        out.add(node, RDFS.label, Literal(value))

    def read(self, source: Any, subject: Node, predicate: URIRef, path: str) -> str | None:
        kinds = source.objects(subject, OURS.kind)
        found = source.objects(subject, predicate)
        if kinds and str(kinds[0]) in KINDS:
            kind = str(kinds[0])
            edam = URIRef(FORMATS + (KINDS[kind][1] or ""))
            if edam in source.graph.objects(subject, DCT.conformsTo):
                source.used.add((subject, DCT.conformsTo, edam))
            return kind
        if not found:
            return None
        code = vocabulary("file-types").code(str(found[0]))
        named = code is None and (found[0], RDFS.label, None) in source.graph
        return str(source.objects(found[0], RDFS.label)[0]) if named else code or str(found[0])


class Standards:
    """Standards a distribution conforms to; that of its kind of file is the format's."""

    _links = Links((DCT.Standard,))

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        self._links.write(out, subject, predicate, value, path)

    def read(self, source: Any, subject: Node, predicate: URIRef, path: str) -> Any:
        told = set(source.graph.objects(subject, predicate))
        kinds = [str(kind) for kind in source.graph.objects(subject, OURS.kind)]
        edam = {FORMATS + str(KINDS[kind][1]) for kind in kinds if kind in KINDS}
        found = self._links.read(source, subject, predicate, path) if told else None
        return [iri for iri in found or [] if iri not in edam] or None


class Mail:
    """An address as the IRI mailto:..."""

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: str, path: str) -> None:
        out.add(subject, predicate, URIRef(f"mailto:{value}"))

    def read(self, source: Any, subject: Node, predicate: URIRef, path: str) -> str | None:
        found = [str(value).removeprefix("mailto:") for value in source.objects(subject, predicate)]
        return found[0] if found else None


class Tables:
    """The tables, in one group that has the data set's title."""

    def __init__(self, tables: Parts) -> None:
        self.tables = tables

    def write(self, out: Writer, subject: Node, predicate: URIRef, value: Any, path: str) -> None:
        group = out.part(path)
        out.add(subject, predicate, group)
        out.add(group, RDF.type, CSVW.TableGroup)
        for title in list(out.graph.objects(subject, DCT.title)):
            out.add(group, DCT.title, title)
        self.tables.write(out, group, CSVW.table, value, path)

    def read(self, source: Any, subject: Node, predicate: URIRef, path: str) -> Any:
        tables: list[Any] = []
        for group in source.objects(subject, predicate):
            source.objects(group, DCT.title)  # repeats the data set's
            tables += self.tables.read(source, group, CSVW.table, path) or []
        return tables or None


def _mailbox(out: Writer, node: Node, agent: Any) -> None:
    """The French profile wants the address at the agent itself."""
    if agent.contact is not None and agent.contact.email is not None:
        out.add(node, FOAF.mbox, URIRef(f"mailto:{agent.contact.email}"))


PERIOD = Shape(
    Period,
    (DCT.PeriodOfTime,),
    (Term("start", DCAT.startDate, Dates()), Term("end", DCAT.endDate, Dates())),
)
#: Whom to write to about the data set.
KIND = Shape(
    Contact,
    (VCARD.Kind,),
    (
        Term("name", VCARD.fn, Texts()),
        Term("email", VCARD.hasEmail, Mail()),
        Term("page", VCARD.hasURL, Links(several=False)),
        Term("telephone", OURS.telephone, Values()),
    ),
)
#: Whom to write to at an organisation.
CONTACT_POINT = Shape(
    Contact,
    (CV.ContactPoint,),
    (
        Term("name", RDFS.label, Texts()),
        Term("email", CV.email, Values()),
        Term("page", CV.contactPage, Links((FOAF.Document,), several=False)),
        Term("telephone", CV.telephone, Values()),
    ),
)
_PUBLISHER_TYPE = Links((SKOS.Concept,), "publisher-types", several=False)
AGENT = Shape(
    Agent,
    (FOAF.Agent,),
    (
        Term("name", FOAF.name, Texts()),
        Term("identifier", DCT.identifier, Values()),
        Term("page", FOAF.homepage, Links((FOAF.Document,), several=False)),
        Term("contact", CV.contactPoint, Parts(CONTACT_POINT)),
        Term("kind", DCT.type, _PUBLISHER_TYPE, ((HEALTH.publisherType, _PUBLISHER_TYPE),)),
        Term("note", HEALTH.publisherNote, Texts(), ((DCT.description, Texts(single=True)),)),
        Term(
            "trusted", HEALTH.trustedDataHolder, Values(XSD.boolean, parse=lambda text: text in ("true", "1"))
        ),
    ),
    _mailbox,
)
VARIABLE = Shape(
    Variable,
    (CSVW.Column,),
    (
        Term("name", CSVW.name, Values()),
        Term("title", CSVW.title, Texts(), ((CSVW.titles, Texts()),)),
        Term("description", DCT.description, Texts()),
        Term("datatype", CSVW.datatype, Values()),
        Term("unit", OURS.unit, Values()),
        Term("coding_system", CSVW.propertyUrl, Links(several=False)),
    ),
)
TABLE = Shape(
    Table,
    (CSVW.Table,),
    (
        Term("title", DCT.title, Texts()),
        Term("description", DCT.description, Texts()),
        Term("url", CSVW.url, Links(several=False)),
        Term("variables", CSVW.column, Parts(VARIABLE, several=True)),
    ),
)
_RIGHTS = Inner((DCT.RightsStatement,), RDFS.label, Texts())
DISTRIBUTION = Shape(
    Distribution,
    (DCAT.Distribution,),
    (
        Term("title", DCT.title, Texts()),
        Term("description", DCT.description, Texts()),
        Term("access_url", DCAT.accessURL, Links(several=False)),
        Term("download_url", DCAT.downloadURL, Links(several=False)),
        Term("format", DCT["format"], Formats()),
        Term(
            "media_type",
            DCAT.mediaType,
            Links((DCT.MediaType,), several=False, to=lambda code: MEDIA_TYPES + code, back=_media_type),
        ),
        Term("size_bytes", DCAT.byteSize, _COUNT()),
        Term(
            "sha256",
            SPDX.checksum,
            Inner(
                (SPDX.Checksum,),
                SPDX.checksumValue,
                Values(XSD.hexBinary, parse=str.lower),
                fixed=((SPDX.algorithm, SPDX.checksumAlgorithm_sha256),),
            ),
        ),
        Term("rights", DCT.rights, _RIGHTS),
        Term("license", DCT.license, Links((DCT.LicenseDocument,), several=False)),
        Term("conforms_to", DCT.conformsTo, Standards()),
        Term("status", ADMS.status, Links((SKOS.Concept,), "distribution-status", several=False)),
        Term("issued", DCT.issued, Dates()),
        Term("modified", DCT.modified, Dates()),
    ),
)
GENOME = Shape(
    Genome,
    (OURS.Genome,),
    (
        Term("assays", OURS.assay, Values(several=True)),
        Term("reference", OURS.reference, Values()),
        Term("reference_name", OURS.referenceName, Values()),
        Term("n_samples", OURS.numberOfSamples, _COUNT()),
        Term("mean_depth", OURS.meanDepth, Values(XSD.decimal, parse=float)),
        Term("caller", OURS.caller, Values()),
        Term("aligner", OURS.aligner, Values()),
        Term("kinds", OURS.kind, Values(several=True)),
    ),
)
QUALITY = Shape(
    Quality,
    (DQV.QualityMeasurement,),
    (
        Term("name", DQV.isMeasurementOf, Inner((DQV.Metric,), RDFS.label, Values())),
        Term("value", DQV.value, Values(XSD.decimal, parse=float)),
        Term("unit", OURS.unit, Values()),
    ),
)
_DOCUMENTS = Links((FOAF.Document,))
_FORMS = Parts(DISTRIBUTION, several=True)
DATASET = Shape(
    DatasetDescription,
    (DCAT.Dataset,),
    (
        Term("title", DCT.title, Texts()),
        Term("description", DCT.description, Texts()),
        Term("alternative", DCT.alternative, Texts()),
        Term("identifiers", DCT.identifier, Values(XSD.anyURI, several=True)),
        Term("version_label", DCAT.version, Values()),
        Term("version_notes", ADMS.versionNotes, Texts()),
        Term("keywords", DCAT.keyword, Keywords()),
        Term(
            "languages",
            DCT.language,
            Links((DCT.LinguisticSystem,), "languages", to=_language_iri, back=_language),
        ),
        Term("publisher", DCT.publisher, Parts(AGENT)),
        Term("holder", GEODCATAP.custodian, Parts(AGENT)),
        Term("creators", DCT.creator, Parts(AGENT, several=True)),
        Term("contact", DCAT.contactPoint, Parts(KIND)),
        Term("hdab", HEALTH.hdab, Parts(AGENT)),
        Term("hdab_coordinator", HEALTH.hdabCoordinator, Parts(AGENT)),
        Term("hdab_days", OURS.decisionDays, _COUNT()),
        Term(
            "access_rights",
            DCT.accessRights,
            Links(
                (DCT.RightsStatement,),
                "access-rights",
                several=False,
                to=lambda code: vocabulary("access-rights").iri(code),
                back=partial(_coded, "access-rights"),
            ),
        ),
        Term("duo", OURS.dataUse, Links(to=lambda code: str(OBO) + code.replace(":", "_"), back=_duo)),
        Term("conditions", DCT.rights, _RIGHTS),
        Term("license", DCT.license, Links((DCT.LicenseDocument,), several=False)),
        Term("legislation", DCATAP.applicableLegislation, Links((ELI.LegalResource,))),
        Term("legal_basis", DPV.hasLegalBasis, Links((DPV.LegalBasis,), "legal-bases")),
        Term("personal_data", DPV.hasPersonalData, Links((DPV.PersonalData,), "personal-data")),
        Term("retention", HEALTH.retentionPeriod, Parts(PERIOD)),
        Term("themes", DCAT.theme, Links((SKOS.Concept,), "data-themes")),
        Term("health_categories", HEALTH.healthCategory, Links((SKOS.Concept,), "health-categories")),
        Term("health_themes", HEALTH.healthTheme, Links((SKOS.Concept,), "health-themes")),
        Term("types", DCT.type, Links((SKOS.Concept,), "dataset-types")),
        Term("purposes", DPV.hasPurpose, Inner((DPV.Purpose,), DCT.description, Texts(), several=True)),
        Term("provenance", DCT.provenance, Inner((DCT.ProvenanceStatement,), RDFS.label, Texts())),
        Term("population", HEALTH.populationCoverage, Texts()),
        Term("spatial", DCT.spatial, Links((DCT.Location,), "countries")),
        Term("temporal", DCT.temporal, Parts(PERIOD)),
        Term("issued", DCT.issued, Dates()),
        Term("modified", DCT.modified, Dates()),
        Term("frequency", DCT.accrualPeriodicity, Links((DCT.Frequency,), "frequencies", several=False)),
        Term("n_records", HEALTH.numberOfRecords, _COUNT()),
        Term("n_individuals", HEALTH.numberOfUniqueIndividuals, _COUNT()),
        Term("minimum_age", HEALTH.minTypicalAge, _COUNT()),
        Term("maximum_age", HEALTH.maxTypicalAge, _COUNT()),
        Term("minimum_count", OURS.minimumCount, _COUNT()),
        Term(
            "structured",
            HEALTH.hasStructuredData,
            Values(XSD.boolean, parse=lambda text: text in ("true", "1")),
        ),
        Term("tables", HEALTH.hasVariables, Tables(Parts(TABLE, several=True))),
        Term("coding_systems", HEALTH.hasCodingSystem, Links((DCT.Standard,), "coding-systems")),
        Term("code_values", HEALTH.hasCodeValues, Values(several=True)),
        Term("distributions", DCAT.distribution, _FORMS),
        Term("samples", ADMS.sample, _FORMS),
        Term("analytics", HEALTH.analytics, _FORMS),
        Term("quality", DQV.hasQualityMeasurement, Parts(QUALITY, several=True)),
        Term(
            "certificates",
            DQV.hasQualityAnnotation,
            Inner((DQV.QualityCertificate,), OA.hasBody, Links(several=False), several=True),
        ),
        Term("genome", OURS.genome, Parts(GENOME)),
        Term("landing_page", DCAT.landingPage, Links((FOAF.Document,), several=False)),
        Term("documentation", FOAF.page, _DOCUMENTS),
        Term("conforms_to", DCT.conformsTo, Links((DCT.Standard,))),
        Term("referenced_by", DCT.isReferencedBy, Links()),
        Term("sources", DCT.source, Links((DCAT.Dataset,))),
        Term("related", DCT.relation, Links()),
        Term("citation", DCT.bibliographicCitation, Texts()),
    ),
)
