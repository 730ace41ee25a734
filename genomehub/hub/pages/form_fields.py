"""What the form of a data set asks: groups, labels and explanations. How a field is asked follows from its
type in ``hub.description.document``; a test says that every field of the document is here.
"""

from typing import NamedTuple

from genomehub.hub.pages.texts import N_


class Asked(NamedTuple):
    """How a field is called, and what is expected of it.

    needed : publication needs it
    """

    label: str
    explanation: str = ""
    needed: bool = False


class Group(NamedTuple):
    """Fields that belong together."""

    name: str
    title: str
    lead: str
    fields: tuple[str, ...]


GROUPS: tuple[Group, ...] = (
    Group(
        "what", N_("What it is"), N_("What people search and read first."),
        ("title", "description", "alternative", "keywords", "identifiers", "version_label", "version_notes",
         "languages", "themes", "health_categories", "health_themes", "types"),
    ),
    Group(
        "who", N_("Who holds it and who decides"), N_("Whom to ask, and how long a decision takes."),
        ("holder", "publisher", "creators", "contact", "hdab", "hdab_days"),
    ),
    Group(
        "access", N_("What it may be used for"), N_("Conditions that a study must meet."),
        ("access_rights", "duo", "conditions", "license", "legislation", "legal_basis", "personal_data",
         "retention"),
    ),
    Group(
        "people", N_("Whom it is about"), N_("Numbers below the smallest count are never shown."),
        ("n_individuals", "n_records", "minimum_age", "maximum_age", "minimum_count", "population", "spatial",
         "temporal"),
    ),
    Group(
        "origin", N_("Where it comes from"), N_("How the data came to be and how they are kept."),
        ("provenance", "purposes", "issued", "modified", "frequency", "documentation", "related", "citation"),
    ),
    Group(
        "content", N_("What is in it"), N_("Genomes, tables and their variables, files."),
        ("genome", "structured", "tables", "coding_systems", "code_values", "quality", "distributions",
         "samples", "analytics"),
    ),
)  # fmt: skip

#: By name, in parts of the document by the part's class and the name.
FIELDS: dict[str, Asked] = {
    "title": Asked(N_("Title"), N_("Short and telling, in each language you have."), True),
    "description": Asked(N_("Description"), N_("What the data are, in a few paragraphs."), True),
    "alternative": Asked(N_("Other title"), N_("An acronym or a former name.")),
    "keywords": Asked(N_("Keywords"), N_("Separated by commas."), True),
    "identifiers": Asked(N_("Other identifiers"), N_("A DOI or another catalogue's number, one a line.")),
    "version_label": Asked(N_("Version"), N_("As you call it, such as 2026.1.")),
    "version_notes": Asked(N_("What is new in this version")),
    "languages": Asked(N_("Languages of the data"), N_("Two letters each, such as en, one a line.")),
    "themes": Asked(N_("Themes"), N_("Addresses of EU data themes, one a line."), True),
    "health_categories": Asked(
        N_("Health categories"), N_("Those of the European Health Data Space that fit."), True
    ),
    "health_themes": Asked(N_("Health themes"), N_("Addresses of diseases or topics, one a line.")),
    "types": Asked(N_("Types"), N_("Addresses of types of data set, one a line."), True),
    "holder": Asked(N_("Data holder"), N_("The organisation that keeps the data."), True),
    "publisher": Asked(N_("Publisher"), N_("The organisation that makes this description public."), True),
    "creators": Asked(N_("Creators"), N_("Who made the data.")),
    "contact": Asked(N_("Contact"), N_("Whom researchers write to."), True),
    "hdab": Asked(
        N_("Health data access body"), N_("Who decides on requests; with an e-mail address or a page."), True
    ),
    "hdab_days": Asked(N_("Days until a decision"), N_("What you promise; shown beside the button.")),
    "access_rights": Asked(N_("Access"), "", True),
    "duo": Asked(
        N_("Permitted uses"), N_("Codes of the Data Use Ontology; requests are compared with them.")
    ),
    "conditions": Asked(N_("Conditions in words"), N_("What the codes cannot say.")),
    "license": Asked(N_("Licence"), N_("Its address.")),
    "legislation": Asked(N_("Legislation that applies"), N_("Addresses (ELI), one a line."), True),
    "legal_basis": Asked(
        N_("Legal basis"), N_("Addresses of terms of the Data Privacy Vocabulary, one a line.")
    ),
    "personal_data": Asked(N_("Kinds of personal data"), N_("Addresses of terms, one a line.")),
    "retention": Asked(N_("Kept"), N_("From when until when.")),
    "n_individuals": Asked(N_("People"), N_("How many different people.")),
    "n_records": Asked(N_("Records"), N_("How many records in all.")),
    "minimum_age": Asked(N_("Youngest, years")),
    "maximum_age": Asked(N_("Oldest, years")),
    "minimum_count": Asked(
        N_("Smallest count shown"), N_("Fewer people than this are shown as “fewer than”.")
    ),
    "population": Asked(N_("Population"), N_("Who could be included, and who was.")),
    "spatial": Asked(N_("Places"), N_("Addresses of countries or regions, one a line.")),
    "temporal": Asked(N_("Time covered"), N_("When the samples or records were taken.")),
    "provenance": Asked(N_("Origin"), N_("How the data were collected and processed."), True),
    "purposes": Asked(N_("Why it was collected")),
    "issued": Asked(N_("First published on")),
    "modified": Asked(N_("Changed on")),
    "frequency": Asked(N_("How often it is updated"), N_("Address of an EU frequency.")),
    "documentation": Asked(N_("Documentation"), N_("Addresses of pages, one a line.")),
    "related": Asked(N_("Related data sets"), N_("Their addresses, one a line.")),
    "citation": Asked(N_("How to cite"), N_("Left empty, the page proposes a citation.")),
    "genome": Asked(N_("Genome data"), N_("What was registered fills this in.")),
    "structured": Asked(N_("Holds structured data"), N_("If yes, describe its tables."), True),
    "tables": Asked(N_("Tables and their variables")),
    "coding_systems": Asked(N_("Coding systems"), N_("Addresses, one a line.")),
    "code_values": Asked(N_("Codes used"), N_("Such as ICD-10 codes, one a line.")),
    "quality": Asked(N_("Measured quality")),
    "distributions": Asked(N_("Forms in which the data can be had"), "", True),
    "samples": Asked(N_("Sample extracts"), N_("Such as synthetic data to try.")),
    "analytics": Asked(N_("Analyses published"), N_("Dashboards, statistics.")),
    "Contact.name": Asked(N_("Name")),
    "Contact.email": Asked(N_("E-mail")),
    "Contact.page": Asked(N_("Web page"), N_("Begins with https://")),
    "Agent.name": Asked(N_("Name")),
    "Agent.identifier": Asked(N_("Identifier"), N_("Such as a ROR address.")),
    "Agent.page": Asked(N_("Web page"), N_("Begins with https://")),
    "Agent.contact": Asked(N_("Contact")),
    "Agent.kind": Asked(N_("Kind of organisation"), N_("Address of a publisher type.")),
    "Agent.note": Asked(N_("What it does")),
    "Agent.trusted": Asked(N_("Trusted data holder")),
    "Period.start": Asked(N_("From")),
    "Period.end": Asked(N_("Until")),
    "Table.title": Asked(N_("Title of the table")),
    "Table.variables": Asked(N_("Variables")),
    "Variable.name": Asked(N_("Name of the column")),
    "Variable.title": Asked(N_("Title")),
    "Variable.description": Asked(N_("Meaning")),
    "Variable.datatype": Asked(N_("Type"), N_("Such as string, integer, date.")),
    "Variable.unit": Asked(N_("Unit")),
    "Variable.coding_system": Asked(N_("Coding system"), N_("Its address.")),
    "Distribution.title": Asked(N_("Title")),
    "Distribution.description": Asked(N_("Description")),
    "Distribution.access_url": Asked(N_("Where access is given"), N_("Begins with https://")),
    "Distribution.format": Asked(N_("Format")),
    "Distribution.media_type": Asked(N_("Media type")),
    "Distribution.size_bytes": Asked(N_("Size in bytes")),
    "Distribution.sha256": Asked(N_("SHA-256")),
    "Distribution.rights": Asked(N_("Rights")),
    "Distribution.license": Asked(N_("Licence"), N_("Its address.")),
    "Genome.assays": Asked(N_("Assays"), N_("Such as WGS or WES, one a line.")),
    "Genome.reference": Asked(N_("Reference digest"), N_("GA4GH sequence collection.")),
    "Genome.reference_name": Asked(N_("Reference genome")),
    "Genome.n_samples": Asked(N_("Samples")),
    "Genome.mean_depth": Asked(N_("Mean depth")),
    "Genome.caller": Asked(N_("Variant caller")),
    "Genome.aligner": Asked(N_("Aligner")),
    "Genome.kinds": Asked(N_("Kinds of files"), N_("One a line.")),
    "Quality.name": Asked(N_("Measure")),
    "Quality.value": Asked(N_("Value")),
    "Quality.unit": Asked(N_("Unit")),
}

#: Texts that are asked in several lines.
LONG = {
    "description", "version_notes", "conditions", "population", "provenance", "purposes", "citation",
    "Agent.note", "Variable.description", "Distribution.description", "Distribution.rights",
}  # fmt: skip

#: What is said of a value that does not fit, by pydantic's kind of error.
FAULTS: dict[str, str] = {
    "missing": N_("This is needed."),
    "url_parsing": N_("This is no web address; it begins with https://."),
    "url_scheme": N_("This is no web address; it begins with https://."),
    "url_too_long": N_("This is too long."),
    "int_parsing": N_("A whole number is expected."),
    "int_from_float": N_("A whole number is expected."),
    "int_parsing_size": N_("This number is too large."),
    "float_parsing": N_("A number is expected."),
    "finite_number": N_("A number is expected."),
    "date_from_datetime_parsing": N_("A day is expected, such as 2026-11-28."),
    "date_parsing": N_("A day is expected, such as 2026-11-28."),
    "date_from_datetime_inexact": N_("A day is expected, such as 2026-11-28."),
    "greater_than_equal": N_("This number is too small."),
    "less_than_equal": N_("This number is too large."),
    "string_too_long": N_("This is too long."),
    "string_too_short": N_("This is needed."),
    "string_pattern_mismatch": N_("This has not the expected form."),
    "literal_error": N_("Choose one of these."),
    "bool_parsing": N_("Choose one of these."),
}
ANY_FAULT = N_("This is not what is expected here.")
