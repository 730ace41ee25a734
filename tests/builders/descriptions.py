"""Two realistic descriptions: the trio and NA12878 of ``reference_data``, as a holder would write them."""

from datetime import date

from genomehub.hub.description.document import (
    Agent,
    Contact,
    DatasetDescription,
    Distribution,
    Period,
    Table,
    Variable,
)
from genomehub.hub.description.vocabularies import vocabulary

EHDS = "http://data.europa.eu/eli/reg/2025/327/oj"


def _iri(name: str, code: str) -> str:
    return vocabulary(name).iri(code)


def publisher() -> Agent:
    return Agent(
        name={"en": "Example Genome Centre", "fr": "Centre de génomique exemple"},
        page="https://genomes.example.org/",
        contact=Contact(email="data@genomes.example.org", page="https://genomes.example.org/contact"),
        kind=_iri("publisher-types", "healthcare-providers"),
        note={"en": "Sequences genomes for hospitals.", "fr": "Séquence des génomes pour des hôpitaux."},
        trusted=False,
    )


def access_body() -> Agent:
    return Agent(
        name={"en": "Example Health Data Access Body", "fr": "Organisme exemple d'accès aux données"},
        page="https://hdab.example.org/",
        contact=Contact(email="access@hdab.example.org", page="https://hdab.example.org/ask"),
    )


def _common() -> dict[str, object]:
    return {
        "publisher": publisher(),
        "holder": publisher().model_copy(update={"note": {}, "trusted": None}),
        "creators": [
            Agent(name={"en": "Genome in a Bottle"}, page="https://www.nist.gov/programs-projects/")
        ],
        "contact": Contact(
            name={"en": "Data desk"},
            email="data@genomes.example.org",
            page="https://genomes.example.org/contact",
        ),
        "hdab": access_body(),
        "hdab_days": 60,
        "duo": ["DUO:0000042", "DUO:0000046"],
        "conditions": {"en": "Name the source in papers.", "fr": "Citez la source dans les articles."},
        "legislation": [EHDS],
        "legal_basis": [_iri("legal-bases", "A6-1-a")],
        "personal_data": [_iri("personal-data", "Genetic")],
        "themes": [_iri("data-themes", "HEAL")],
        "health_categories": [_iri("health-categories", "HGPD")],
        "health_themes": [_iri("health-themes", "NONCOMMUNICABLE_DISEASES")],
        "types": [_iri("dataset-types", "PERSONAL_DATA")],
        "purposes": [{"en": "Judging variant calling.", "fr": "Juger l'appel de variants."}],
        "spatial": [_iri("countries", "USA")],
        "frequency": _iri("frequencies", "NEVER"),
        "languages": ["en"],
        "minimum_count": 1,
    }


def sample(address: str) -> Distribution:
    return Distribution(
        title={"en": "First records", "fr": "Premiers enregistrements"},
        access_url=address,
        format="vcf",
        size_bytes=12_345,
        rights={"en": "Free to use.", "fr": "Libre d'usage."},
    )


def na12878() -> DatasetDescription:
    """One genome whose files the engine describes; people write the rest."""
    return DatasetDescription(
        title={"en": "NA12878, a megabase of chromosome 20", "fr": "NA12878, un mégabase du chromosome 20"},
        description={
            "en": "Reads at 30x of a woman of Utah, with variants called and judged against the truth.",
            "fr": "Lectures à 30x d'une femme de l'Utah, avec variants appelés et jugés contre la vérité.",
        },
        keywords={"en": ["whole genome", "benchmark"], "fr": ["génome entier", "référence"]},
        provenance={"en": "Coriell cell line GM12878, sequenced by Illumina."},
        n_individuals=1,
        temporal=Period(start=date(2014, 1, 1), end=date(2015, 12, 31)),
        samples=[sample("https://genomes.example.org/na12878/sample.vcf.gz")],
        referenced_by=["https://doi.org/10.1038/s41587-019-0074-6"],
        citation={"en": "Zook et al. 2019, Nature Biotechnology."},
        **_common(),  # type: ignore[arg-type]
    )


def trio() -> DatasetDescription:
    """A trio with a table of people, everything written by hand."""
    variables = [
        Variable(name="person", title={"en": "Person"}, description={"en": "Pseudonym."}),
        Variable(name="sex", title={"en": "Sex"}, description={"en": "As registered."}),
        Variable(
            name="depth",
            title={"en": "Mean depth"},
            description={"en": "Over the called regions."},
            datatype="decimal",
            unit="x",
        ),
    ]
    form = Distribution(
        title={"en": "Joint calls", "fr": "Appels conjoints"},
        access_url="https://genomes.example.org/trio",
        format="vcf",
        media_type="application/gzip",
        size_bytes=734_003,
        sha256="9f" * 32,
        rights={"en": "By permit.", "fr": "Sur autorisation."},
    )
    return DatasetDescription(
        title={"en": "A trio of Utah, chromosome 20", "fr": "Un trio de l'Utah, chromosome 20"},
        description={"en": "Mother, father and daughter; phased calls.", "fr": "Mère, père et fille."},
        keywords={"en": ["trio", "inheritance"]},
        provenance={"en": "1000 Genomes high-coverage reads; truth of the Platinum pedigree."},
        n_individuals=3,
        structured=True,
        tables=[Table(title={"en": "People"}, variables=variables)],
        distributions=[form],
        samples=[sample("https://genomes.example.org/trio/sample.vcf.gz")],
        **_common(),  # type: ignore[arg-type]
    )
