"""Descriptions for search engines and machine learning: schema.org with Bioschemas, and Croissant."""

import json
from typing import Any

from genomehub.hub.description.document import Agent, DatasetDescription, Distribution, in_language
from genomehub.hub.description.mapping import KINDS
from genomehub.hub.description.terms import FORMATS, OBO

_BIOSCHEMAS = "https://bioschemas.org/profiles/Dataset/1.0-RELEASE"
_CROISSANT = "http://mlcommons.org/croissant/1.0"
#: Media types by kind of file, for what has no IANA type: that of any bytes.
_MEDIA = {"bed": "text/tab-separated-values", "table": "text/csv", "json": "application/json",
          "report": "text/html", "vcf": "application/gzip", "gvcf": "application/gzip",
          "fastq": "application/gzip"}  # fmt: skip
_CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field",
    "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet",
    "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField",
    "path": "cr:path", "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex",
    "repeated": "cr:repeated", "replace": "cr:replace", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}  # fmt: skip


def to_schema_org(document: DatasetDescription, iri: str, page: str, catalogue: str) -> dict[str, Any]:
    """Return a schema.org Dataset (Bioschemas profile) as JSON-LD.

    Parameters
    ----------
    iri : the data set's identifier; page : its web page; catalogue : the hub's name
    """
    made: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": iri,
        "http://purl.org/dc/terms/conformsTo": {"@id": _BIOSCHEMAS, "@type": "CreativeWork"},
        "name": in_language(document.title, "en"),
        "description": in_language(document.description, "en") or in_language(document.title, "en"),
        "identifier": document.identifiers or [iri],
        "url": page,
        "keywords": sorted({word for words in document.keywords.values() for word in words}),
        "license": document.license,
        "version": document.version_label,
        "inLanguage": list(document.languages),
        "isAccessibleForFree": document.access_rights == "PUBLIC",
        "conditionsOfAccess": in_language(document.conditions, "en"),
        "usageInfo": [str(OBO) + code.replace(":", "_") for code in document.duo],
        "includedInDataCatalog": {"@type": "DataCatalog", "name": catalogue},
        "publisher": _organisation(document.publisher),
        "creator": [_organisation(one) for one in document.creators],
        "maintainer": _organisation(document.holder),
        "citation": list(document.referenced_by),
        "creditText": in_language(document.citation, "en"),
        "datePublished": _day(document.issued),
        "dateModified": _day(document.modified),
        "temporalCoverage": _period(document),
        "spatialCoverage": [{"@type": "Place", "identifier": place} for place in document.spatial],
        "measurementTechnique": list(document.genome.assays) if document.genome else [],
        "variableMeasured": _variables(document),
        "distribution": [download_of(form) for form in document.distributions],
    }
    return _without_empty(made)


def to_croissant(document: DatasetDescription, iri: str, page: str) -> dict[str, Any]:
    """Return a Croissant 1.0 description as JSON-LD; forms without SHA-256 (folders) are no files of it."""
    files = [form for form in document.distributions if form.sha256]
    made: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "@id": iri,
        "conformsTo": _CROISSANT,
        "name": in_language(document.title, "en"),
        "description": in_language(document.description, "en") or in_language(document.title, "en"),
        "url": page,
        "license": document.license or page,
        "version": _semantic(document.version_label),
        "keywords": sorted({word for words in document.keywords.values() for word in words}),
        "citeAs": in_language(document.citation, "en"),
        "creator": [_organisation(one) for one in document.creators or _some(document.publisher)],
        "publisher": _organisation(document.publisher),
        "datePublished": _day(document.issued or document.modified),
        "dateModified": _day(document.modified),
        "distribution": [_file_object(form, number) for number, form in enumerate(files, 1)],
    }
    return _without_empty(made)


def as_text(content: dict[str, Any]) -> str:
    """Return JSON as it is sent."""
    return json.dumps(content, ensure_ascii=False, indent=1)


def _without_empty(value: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in value.items() if one is not None and one != "" and one != []}


def _some(agent: Agent | None) -> list[Agent]:
    return [] if agent is None else [agent]


def _day(day: Any) -> str | None:
    return None if day is None else day.isoformat()


def _semantic(label: str | None) -> str | None:
    """Return a version as Croissant wants it: MAJOR.MINOR.PATCH."""
    if label is None:
        return None
    parts = label.split(".")
    numeric = all(part.isdigit() for part in parts) and len(parts) <= 3
    return ".".join([*parts, "0", "0"][:3]) if numeric else label


def _period(document: DatasetDescription) -> str | None:
    if document.temporal is None or document.temporal == type(document.temporal)():
        return None
    return f"{_day(document.temporal.start) or '..'}/{_day(document.temporal.end) or '..'}"


def _organisation(agent: Agent | None) -> dict[str, Any] | None:
    if agent is None:
        return None
    contact = agent.contact
    return _without_empty(
        {
            "@type": "Organization",
            "name": in_language(agent.name, "en"),
            "url": agent.page,
            "identifier": agent.identifier,
            "email": contact.email if contact else None,
        }
    )


def _variables(document: DatasetDescription) -> list[dict[str, Any]]:
    return [
        _without_empty(
            {
                "@type": "PropertyValue",
                "name": variable.name,
                "description": in_language(variable.description, "en"),
                "unitText": variable.unit,
            }
        )
        for table in document.tables
        for variable in table.variables
    ] + [
        _without_empty({"@type": "PropertyValue", "name": one.name, "value": one.value, "unitText": one.unit})
        for one in document.quality
    ]


def media_type_of(form: Distribution) -> str:
    """Return the media type of a form in which the data can be had."""
    return form.media_type or _MEDIA.get(form.format or "", "application/octet-stream")


def download_of(form: Distribution) -> dict[str, Any]:
    """Return a form in which the data can be had as schema.org's DataDownload."""
    edam = KINDS.get(form.format or "", (None, None))[1]
    return _without_empty(
        {
            "@type": "DataDownload",
            "name": in_language(form.title, "en"),
            "description": in_language(form.description, "en"),
            "contentUrl": form.download_url or form.access_url,
            "encodingFormat": [media_type_of(form), FORMATS + edam] if edam else media_type_of(form),
            "contentSize": None if form.size_bytes is None else f"{form.size_bytes} B",
            "sha256": form.sha256,
            "license": form.license,
        }
    )


def _file_object(form: Distribution, number: int) -> dict[str, Any]:
    name = f"{form.format or 'file'}-{number}"
    return _without_empty(
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "description": in_language(form.title, "en"),
            "contentUrl": form.download_url or form.access_url,
            "encodingFormat": media_type_of(form),
            "contentSize": None if form.size_bytes is None else f"{form.size_bytes} B",
            "sha256": form.sha256,
        }
    )
