"""What codes mean, in words that pages say: those of the descriptions' vocabularies, by language, and ours,
which are translated where they are shown.
"""

from collections.abc import Mapping
from typing import NamedTuple

from genomehub.hub.access.duo import CODES, PERMISSIONS
from genomehub.hub.description.vocabularies import LANGUAGES, current_iri, vocabulary
from genomehub.hub.pages.texts import N_

#: A text by language.
Said = Mapping[str, str]


class Meaning(NamedTuple):
    """A code in words: its name, and what it means for the person who asks.

    kind : of DUO codes: "permission" (what the data may be used for) or "condition" (what must be met)
    """

    name: str | Said
    text: str | Said
    kind: str = ""


PERMISSION, CONDITION = "permission", "condition"


def _duo_meanings() -> dict[str, Meaning]:
    found = {}
    for code, concept in vocabulary("duo").concepts.items():
        permits = code in CODES and CODES[code][0] in PERMISSIONS
        kind = PERMISSION if permits else CONDITION
        found[f"DUO:{code}"] = Meaning(concept.label, concept.definition, kind)
    return found


DUO: dict[str, Meaning] = _duo_meanings()

#: Purposes that a study can ask for.
PURPOSES = ("DUO:0000042", "DUO:0000006", "DUO:0000007", "DUO:0000011")
#: What a study can say of its use: name -> sentence, field of ``hub.access.duo.Use``, its value.
STATEMENTS: dict[str, tuple[str, str, bool]] = {
    "not-commercial": (N_("The purpose is not commercial"), "commercial", False),
    "not-for-profit": (N_("Our organisation is not for profit"), "profit", False),
    "genetic": (N_("Genotypes are what we study"), "genetic", True),
    "not-methods": (N_("We do not only develop methods"), "methods", False),
    "publishes": (N_("We publish the results"), "publishes", True),
    "collaborates": (N_("We work together with the data holder"), "collaborates", True),
    "returns": (N_("We give derived data back"), "returns_data", True),
}

#: Access rights: what they mean to who wants the data.
ACCESS: dict[str, Meaning] = {
    code: Meaning(vocabulary("access-rights").concepts[code].label, text)
    for code, text in (
        ("PUBLIC", N_("Anybody may use the data.")),
        ("RESTRICTED", N_("Access on conditions; ask for it.")),
        ("NON_PUBLIC", N_("Personal data: access for a study, after a decision.")),
    )
}

KINDS: dict[str, str] = {
    "bam": N_("Aligned reads (BAM)"),
    "cram": N_("Aligned reads (CRAM)"),
    "vcf": N_("Variants (VCF)"),
    "gvcf": N_("Variants and reference blocks (gVCF)"),
    "bcf": N_("Variants (BCF)"),
    "vcz": N_("Variants as arrays (VCF Zarr)"),
    "fastq": N_("Raw reads (FASTQ)"),
    "qc": N_("Quality report"),
    "duplicates": N_("Duplicate metrics"),
    "phenopackets": N_("Phenotypes (Phenopackets)"),
    "samples": N_("Table of samples"),
    "bed": N_("Regions (BED)"),
}

_SIZES = {"unknown": N_("Not said"), "few": N_("Fewer than may be shown")}

_INDEX = N_("Index")
_INDEXES = ("index", "bai", "crai", "csi", "tbi")

ROLES: dict[str, Meaning] = {
    "holder": Meaning(N_("Data holder"), N_("describes and registers data sets")),
    "steward": Meaning(N_("Steward"), N_("decides on requests")),
    "researcher": Meaning(N_("Researcher"), N_("asks for access")),
    "auditor": Meaning(N_("Auditor"), N_("reads the log")),
    "administrator": Meaning(N_("Administrator"), N_("looks after people and roles")),
}

REQUEST_STATES: dict[str, str] = {
    "draft": N_("Draft"),
    "submitted": N_("Waiting for a decision"),
    "granted": N_("Granted"),
    "refused": N_("Refused"),
    "returned": N_("Returned with questions"),
    "cancelled": N_("Withdrawn by the study"),
}

#: Of the match of a request with a code of a data set.
ANSWERS: dict[str, str] = {
    "met": N_("fits"),
    "not met": N_("does not fit"),
    "unclear": N_("to be judged"),
}

PERMIT_STATES: dict[str, str] = {
    "not yet begun": N_("Not yet begun"),
    "valid": N_("Valid"),
    "expired": N_("Ended"),
    "withdrawn": N_("Withdrawn"),
}

PUBLICATION_STATES: dict[str, str] = {
    "draft": N_("Draft, seen by its holder and stewards only"),
    "published": N_("Published"),
    "withdrawn": N_("Withdrawn from the catalogue"),
}


def duo(code: str) -> Meaning:
    """Return what a code of the Data Use Ontology means."""
    return DUO.get(code, Meaning(code, N_("See the Data Use Ontology.")))


def category(iri: str) -> str | Said:
    """Return a health category in words."""
    found = vocabulary("health-categories").find(current_iri(iri))
    return iri.rstrip("/").rpartition("/")[2] if found is None else found.label


def access(code: str) -> str | Said:
    """Return access rights in words."""
    return ACCESS[code].name if code in ACCESS else code


def language(code: str) -> str | Said:
    """Return a language of data in words."""
    found = vocabulary("languages").concepts.get(LANGUAGES.get(code, ""))
    return code if found is None else found.label


def size(name: str) -> str:
    """Return a class of numbers of people in words.

    >>> size("10-99"), size("100000+")
    ('10 – 99', '100000 +')
    """
    return _SIZES.get(name) or name.replace("-", " – ").replace("+", " +")


def kind(name: str) -> str | Said:
    """Return a kind of file in words."""
    if name in _INDEXES:
        return _INDEX
    listed = vocabulary("file-types").concepts.get(name.upper())
    return KINDS.get(name) or (name if listed is None else listed.label)


_DUO_ICONS = {
    "DUO:0000042": "globe", "DUO:0000006": "heart", "DUO:0000007": "target", "DUO:0000011": "tree",
    "DUO:0000004": "unlock", "DUO:0000044": "tree-not", "DUO:0000046": "coin-not", "DUO:0000018": "coin-not",
    "DUO:0000021": "scales", "DUO:0000019": "book", "DUO:0000020": "people", "DUO:0000026": "person",
    "DUO:0000028": "house", "DUO:0000027": "folder", "DUO:0000025": "clock", "DUO:0000024": "calendar",
    "DUO:0000016": "helix", "DUO:0000029": "return",
}  # fmt: skip


def duo_icon(code: str) -> str:
    """Return the name of the icon of a code."""
    return _DUO_ICONS.get(code, "alert")
