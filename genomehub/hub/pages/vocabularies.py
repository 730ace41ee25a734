"""What codes mean, in words that pages say; the texts are translated where they are shown.

DUO : the Data Use Ontology's codes; CATEGORIES : those of Article 51 of Regulation (EU) 2025/327, in words of
ours that are shorter than the law's.
"""

from typing import NamedTuple

from genomehub.hub.pages.texts import N_


class Meaning(NamedTuple):
    """A code in words: its name, and what it means for the person who asks.

    kind : of DUO codes: "permission" (what the data may be used for) or "condition" (what must be met)
    """

    name: str
    text: str
    kind: str = ""


PERMISSION, CONDITION = "permission", "condition"

DUO: dict[str, Meaning] = {
    "DUO:0000042": Meaning(N_("General research use"), N_("Any research purpose is allowed."), PERMISSION),
    "DUO:0000006": Meaning(
        N_("Health or medical research"),
        N_("Research on health, medicine or biology; not on population origins."),
        PERMISSION,
    ),
    "DUO:0000007": Meaning(
        N_("Disease-specific research"), N_("Only research on the disease that is named."), PERMISSION
    ),
    "DUO:0000011": Meaning(
        N_("Population origins or ancestry"), N_("Only research on origins or ancestry."), PERMISSION
    ),
    "DUO:0000004": Meaning(N_("No restriction"), N_("The data may be used for anything."), PERMISSION),
    "DUO:0000044": Meaning(
        N_("No population origins or ancestry"),
        N_("Research on origins or ancestry is not allowed."),
        CONDITION,
    ),
    "DUO:0000015": Meaning(
        N_("No general methods research"),
        N_("Developing methods is allowed only within the permitted purpose."),
        CONDITION,
    ),
    "DUO:0000046": Meaning(
        N_("Not for commercial use"), N_("Commercial purposes are not allowed."), CONDITION
    ),
    "DUO:0000018": Meaning(
        N_("Not for profit, not commercial"),
        N_("Only not-for-profit organisations, without commercial purpose."),
        CONDITION,
    ),
    "DUO:0000021": Meaning(
        N_("Ethics approval required"), N_("An ethics committee must have approved the study."), CONDITION
    ),
    "DUO:0000019": Meaning(
        N_("Publication required"), N_("Results must be made available to other researchers."), CONDITION
    ),
    "DUO:0000020": Meaning(
        N_("Collaboration required"), N_("The study works together with the data holder."), CONDITION
    ),
    "DUO:0000026": Meaning(N_("Named users only"), N_("Access is given to named people only."), CONDITION),
    "DUO:0000028": Meaning(
        N_("Named institutions only"), N_("Access is given to people of approved institutions."), CONDITION
    ),
    "DUO:0000027": Meaning(
        N_("This project only"), N_("Use is limited to the approved project."), CONDITION
    ),
    "DUO:0000025": Meaning(N_("Limited in time"), N_("Access ends after an agreed time."), CONDITION),
    "DUO:0000024": Meaning(
        N_("Publication embargo"), N_("Nothing may be published before an agreed date."), CONDITION
    ),
    "DUO:0000016": Meaning(
        N_("Genetic studies only"), N_("Genotype data are the object of the research."), CONDITION
    ),
    "DUO:0000012": Meaning(
        N_("Research-specific restrictions"), N_("Only certain kinds of research; see the conditions."),
        CONDITION,
    ),
    "DUO:0000029": Meaning(
        N_("Results return to the hub"), N_("Derived data are given back to this database."), CONDITION
    ),
}  # fmt: skip

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

CATEGORY_BASE = "http://healthdataportal.eu/resource/authority/healthcategories/"
CATEGORIES: dict[str, str] = {
    "EHRS": N_("Electronic health records"),
    "DIOH": N_("Factors that influence health"),
    "NRPE": N_("Needs, resources and costs of care"),
    "RPDG": N_("Pathogens"),
    "HRAD": N_("Administration of care, reimbursements"),
    "HGPD": N_("Human genetics and genomics"),
    "HPML": N_("Other human molecular data"),
    "PGEH": N_("Recorded by medical devices"),
    "WELA": N_("Wellness applications"),
    "IDHP": N_("Health professionals"),
    "PHDR": N_("Population health registries"),
    "MRMR": N_("Medical and mortality registries"),
    "EHCT": N_("Clinical trials and studies"),
    "EMRD": N_("Other data of medical devices"),
    "RMMD": N_("Registries of medicines and devices"),
    "RQSH": N_("Research cohorts and surveys"),
    "EINS": N_("Biobanks"),
}

ACCESS: dict[str, Meaning] = {
    "PUBLIC": Meaning(N_("Open"), N_("Anybody may use the data.")),
    "RESTRICTED": Meaning(N_("Restricted"), N_("Access on conditions; ask for it.")),
    "NON_PUBLIC": Meaning(N_("Controlled"), N_("Personal data: access for a study, after a decision.")),
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


def category(iri: object) -> str:
    """Return a health category in words."""
    code = str(iri).rstrip("/").rpartition("/")[2]
    return CATEGORIES.get(code, code)


def kind(name: str) -> str:
    """Return a kind of file in words."""
    return _INDEX if name in _INDEXES else KINDS.get(name, name)


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
