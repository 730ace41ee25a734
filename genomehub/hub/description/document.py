"""The description of a data set, as a document: what people fill in, what the engine knows, what is exported.

One document holds what HealthDCAT-AP Release 8 (non-public data sets), the French Health Data Hub's profile
and DCAT-AP 3 ask for. A draft may lack anything but its title; what publication needs is checked by
``hub.description.validation`` against the shapes. Texts are by language: ``{"en": "...", "fr": "..."}``.
"""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

#: Schemes that a link of a description may have; pages show links, so none that runs anything.
SCHEMES = ("http", "https", "urn", "doi", "ark", "info", "ftp", "s3", "drs", "dataset")
_IRI = re.compile(r"([a-z][a-z0-9+.-]*):[^\s<>\"{}|\\^`\x00-\x20]+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def _iri(value: str) -> str:
    found = _IRI.fullmatch(value)
    if found is None or found[1].lower() not in SCHEMES:
        raise ValueError(f"is no absolute link with one of the schemes {', '.join(SCHEMES)}")
    return value


def _clean(value: object) -> object:
    """Return a text with plain ends of lines; characters that no format can carry are refused."""
    if not isinstance(value, str):
        return value
    if _CONTROL.search(value):
        raise ValueError("holds control characters; remove them")
    return value.replace("\r\n", "\n").replace("\r", "\n")


Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Words = Annotated[
    str, BeforeValidator(_clean), StringConstraints(min_length=1, max_length=20_000, strip_whitespace=True)
]
Word = Annotated[
    str, BeforeValidator(_clean), StringConstraints(min_length=1, max_length=200, strip_whitespace=True)
]
Text = Annotated[dict[Language, Words], Field(max_length=30)]
#: Kept letter by letter, since it is a name: ``http://loinc.org`` and ``http://loinc.org/`` are two.
Iri = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_iri)]
Iris = Annotated[list[Iri], Field(max_length=200)]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$")
]
Count = Annotated[int, Field(ge=0, le=10**15)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Part(BaseModel):
    """Part of a description; an unknown field is an error, not lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Contact(Part):
    """Whom to write to (vcard:Kind, cv:ContactPoint): an e-mail address or a page, better both."""

    name: Text = {}
    email: Email | None = None
    page: Iri | None = None
    telephone: Word | None = None


class Agent(Part):
    """An organisation (foaf:Agent): who holds, publishes, created, or decides.

    kind : of publisher (healthdcatap:publisherType); note : what it does; trusted : is a trusted data holder
    """

    name: Text = {}
    identifier: Word | None = None
    page: Iri | None = None
    contact: Contact | None = None
    kind: Iri | None = None
    note: Text = {}
    trusted: bool | None = None


class Period(Part):
    """From and to, either may be open."""

    start: date | None = None
    end: date | None = None


class Variable(Part):
    """A column of a table (csvw:Column)."""

    name: Word
    title: Text = {}
    description: Text = {}
    datatype: Word = "string"
    unit: Word | None = None
    coding_system: Iri | None = None


class Table(Part):
    """A table with its variables (csvw:Table)."""

    title: Text = {}
    description: Text = {}
    url: Iri | None = None
    variables: Annotated[list[Variable], Field(max_length=2_000)] = []


class Distribution(Part):
    """A form in which the data can be had (dcat:Distribution).

    format : a kind of ours ("bam", "vcf", ...), a code of the EU's file types ("CSV"), or an IRI
    media_type : of IANA, such as "text/csv"
    """

    title: Text = {}
    description: Text = {}
    access_url: Iri | None = None
    download_url: Iri | None = None
    format: Word | None = None
    media_type: Annotated[str, StringConstraints(pattern=r"^[a-z]+/[A-Za-z0-9.+_-]{1,100}$")] | None = None
    size_bytes: Count | None = None
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    rights: Text = {}
    license: Iri | None = None
    conforms_to: Iris = []
    status: Iri | None = None
    issued: date | None = None
    modified: date | None = None


class Genome(Part):
    """What makes it genome data; the engine fills it from what was registered.

    assays : such as "WGS", "WES", "panel"; reference : GA4GH sequence-collection digest
    """

    assays: Annotated[list[Word], Field(max_length=100)] = []
    reference: Word | None = None
    reference_name: Word | None = None
    n_samples: Count | None = None
    mean_depth: Annotated[Number, Field(ge=0)] | None = None
    caller: Word | None = None
    aligner: Word | None = None
    kinds: Annotated[list[Word], Field(max_length=100)] = []


class Quality(Part):
    """A measured figure (dqv:QualityMeasurement)."""

    name: Word
    value: Number
    unit: Word | None = None


class DatasetDescription(Part):
    """The whole description. Field names are ours; ``hub.description`` maps them to the standards' terms.

    hdab : health data access body (who decides); hdab_days : how long a decision takes, as promised
    duo : codes of the Data Use Ontology under which the data may be used, such as "DUO:0000042"
    health_categories, health_themes, types, legislation, legal_basis : IRIs of the vocabularies
    minimum_count : numbers of people below this are not shown
    """

    title: Annotated[Text, Field(min_length=1)]
    description: Text = {}
    alternative: Text = {}
    identifiers: Annotated[list[Words], Field(max_length=100)] = []
    version_label: Word | None = None
    version_notes: Text = {}
    keywords: Annotated[
        dict[Language, Annotated[list[Words], Field(max_length=500)]], Field(max_length=30)
    ] = {}
    languages: Annotated[list[Language], Field(max_length=50)] = []

    publisher: Agent | None = None
    holder: Agent | None = None
    creators: Annotated[list[Agent], Field(max_length=100)] = []
    contact: Contact | None = None
    hdab: Agent | None = None
    hdab_coordinator: Agent | None = None
    hdab_days: Annotated[Count, Field(le=10_000)] | None = None

    access_rights: Literal["PUBLIC", "RESTRICTED", "NON_PUBLIC"] = "NON_PUBLIC"
    duo: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^DUO:[0-9]{7}$")]], Field(max_length=50)
    ] = []
    conditions: Text = {}
    license: Iri | None = None
    legislation: Iris = []
    legal_basis: Iris = []
    personal_data: Iris = []
    retention: Period | None = None

    themes: Iris = []
    health_categories: Iris = []
    health_themes: Iris = []
    types: Iris = []
    purposes: Annotated[list[Text], Field(max_length=50)] = []
    provenance: Text = {}
    population: Text = {}
    spatial: Iris = []
    temporal: Period | None = None
    issued: date | None = None
    modified: date | None = None
    frequency: Iri | None = None

    n_records: Count | None = None
    n_individuals: Count | None = None
    minimum_age: Annotated[int, Field(ge=0, le=150)] | None = None
    maximum_age: Annotated[int, Field(ge=0, le=150)] | None = None
    minimum_count: Annotated[int, Field(ge=0, le=1_000_000)] = 10

    structured: bool | None = None
    tables: Annotated[list[Table], Field(max_length=500)] = []
    coding_systems: Iris = []
    code_values: Annotated[list[Word], Field(max_length=2_000)] = []
    distributions: Annotated[list[Distribution], Field(max_length=1_000)] = []
    samples: Annotated[list[Distribution], Field(max_length=1_000)] = []
    analytics: Annotated[list[Distribution], Field(max_length=1_000)] = []
    quality: Annotated[list[Quality], Field(max_length=1_000)] = []
    certificates: Iris = []
    genome: Genome | None = None
    landing_page: Iri | None = None
    documentation: Iris = []
    conforms_to: Iris = []
    referenced_by: Iris = []
    sources: Iris = []
    related: Iris = []
    citation: Text = {}


def in_language(text: Text, language: str) -> str:
    """Return a text in a language, else in English, else in any, else nothing.

    >>> in_language({"en": "Genomes", "fr": "Génomes"}, "fr")
    'Génomes'
    >>> in_language({"de": "Genome"}, "fr")
    'Genome'
    """
    return text.get(language) or text.get("en") or next(iter(text.values()), "")
