"""The description of a data set, as a document: what people fill in, what the engine knows, what is exported.

One document holds what HealthDCAT-AP Release 8 (non-public data sets), the French Health Data Hub's profile
and DCAT-AP 3 ask for. A draft may lack anything but its title; what publication needs is checked by
``hub.description`` against the shapes. Texts are by language: ``{"en": "...", "fr": "..."}``.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import AnyUrl, BaseModel, ConfigDict, Field, StringConstraints

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=20_000, strip_whitespace=True)]
Text = dict[Language, Words]
Iri = AnyUrl


class Part(BaseModel):
    """Part of a description; an unknown field is an error, not lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Contact(Part):
    """Whom to write to (vcard:Kind, cv:ContactPoint): an e-mail address or a page, better both."""

    name: Text = {}
    email: str | None = None
    page: Iri | None = None


class Agent(Part):
    """An organisation (foaf:Agent): who holds, publishes, created, or decides.

    kind : of publisher (healthdcatap:publisherType); note : what it does; trusted : is a trusted data holder
    """

    name: Text
    identifier: str | None = None
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

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    title: Text = {}
    description: Text = {}
    datatype: str = "string"
    unit: str | None = None
    coding_system: Iri | None = None


class Table(Part):
    """A table with its variables (csvw:Table)."""

    title: Text
    variables: list[Variable] = []


class Distribution(Part):
    """A form in which the data can be had (dcat:Distribution)."""

    title: Text = {}
    description: Text = {}
    access_url: Iri | None = None
    format: str | None = None
    media_type: str | None = None
    size_bytes: Annotated[int, Field(ge=0)] | None = None
    sha256: str | None = None
    rights: Text = {}
    license: Iri | None = None


class Genome(Part):
    """What makes it genome data; the engine fills it from what was registered.

    assays : such as "WGS", "WES", "panel"; reference : GA4GH sequence-collection digest
    """

    assays: list[str] = []
    reference: str | None = None
    reference_name: str | None = None
    n_samples: Annotated[int, Field(ge=0)] | None = None
    mean_depth: Annotated[float, Field(ge=0)] | None = None
    caller: str | None = None
    aligner: str | None = None
    kinds: list[str] = []


class Quality(Part):
    """A measured figure (dqv:QualityMeasurement)."""

    name: str
    value: float
    unit: str | None = None


class DatasetDescription(Part):
    """The whole description. Field names are ours; ``hub.description`` maps them to the standards' terms.

    hdab : health data access body (who decides); hdab_days : how long a decision takes, as promised
    duo : codes of the Data Use Ontology under which the data may be used, such as "DUO:0000042"
    health_categories, health_themes, types, legislation, legal_basis : IRIs of the vocabularies
    minimum_count : numbers of people below this are not shown
    """

    title: Text
    description: Text = {}
    alternative: Text = {}
    identifiers: list[str] = []
    version_label: str | None = None
    version_notes: Text = {}
    keywords: dict[Language, list[Words]] = {}
    languages: list[Language] = []

    publisher: Agent | None = None
    holder: Agent | None = None
    creators: list[Agent] = []
    contact: Contact | None = None
    hdab: Agent | None = None
    hdab_days: Annotated[int, Field(ge=0)] | None = None

    access_rights: Literal["PUBLIC", "RESTRICTED", "NON_PUBLIC"] = "NON_PUBLIC"
    duo: list[Annotated[str, StringConstraints(pattern=r"^DUO:\d{7}$")]] = []
    conditions: Text = {}
    license: Iri | None = None
    legislation: list[Iri] = []
    legal_basis: list[Iri] = []
    personal_data: list[Iri] = []
    retention: Period | None = None

    themes: list[Iri] = []
    health_categories: list[Iri] = []
    health_themes: list[Iri] = []
    types: list[Iri] = []
    purposes: list[Text] = []
    provenance: Text = {}
    population: Text = {}
    spatial: list[Iri] = []
    temporal: Period | None = None
    issued: date | None = None
    modified: date | None = None
    frequency: Iri | None = None

    n_records: Annotated[int, Field(ge=0)] | None = None
    n_individuals: Annotated[int, Field(ge=0)] | None = None
    minimum_age: Annotated[int, Field(ge=0, le=150)] | None = None
    maximum_age: Annotated[int, Field(ge=0, le=150)] | None = None
    minimum_count: Annotated[int, Field(ge=0)] = 10

    structured: bool | None = None
    tables: list[Table] = []
    coding_systems: list[Iri] = []
    code_values: list[str] = []
    distributions: list[Distribution] = []
    samples: list[Distribution] = []
    analytics: list[Distribution] = []
    quality: list[Quality] = []
    genome: Genome | None = None
    documentation: list[Iri] = []
    related: list[Iri] = []
    citation: Text = {}


def in_language(text: Text, language: str) -> str:
    """Return a text in a language, else in English, else in any, else nothing.

    >>> in_language({"en": "Genomes", "fr": "Génomes"}, "fr")
    'Génomes'
    >>> in_language({"de": "Genome"}, "fr")
    'Genome'
    """
    return text.get(language) or text.get("en") or next(iter(text.values()), "")
