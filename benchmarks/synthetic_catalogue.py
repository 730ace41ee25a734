"""A catalogue of made-up data sets with descriptions as people write them, in English and French.

The same number always gives the same catalogue. Words, keywords, holders and sizes are as uneven as in real
catalogues: a few are everywhere, most are rare.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.catalogue import Catalogue

N_PROJECTS = 200
#: Data sets of one transaction.
BATCH = 5000
_START = date(2012, 1, 1)
_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_DIGEST = "{:064x}"

DISEASES = [
    ("breast cancer", "cancer du sein"), ("type 2 diabetes", "diabète de type 2"), ("epilepsy", "épilepsie"),
    ("cystic fibrosis", "mucoviscidose"), ("heart failure", "insuffisance cardiaque"),
    ("rare diseases", "maladies rares"), ("asthma", "asthme"), ("multiple sclerosis", "sclérose en plaques"),
    ("colorectal cancer", "cancer colorectal"), ("sickle cell disease", "drépanocytose"),
    ("intellectual disability", "déficience intellectuelle"), ("lung cancer", "cancer du poumon"),
    ("Parkinson's disease", "maladie de Parkinson"), ("Crohn's disease", "maladie de Crohn"),
    ("acute myeloid leukaemia", "leucémie aiguë myéloïde"), ("obesity", "obésité"),
    ("congenital heart defects", "cardiopathies congénitales"), ("deafness", "surdité"),
    ("retinitis pigmentosa", "rétinite pigmentaire"), ("psoriasis", "psoriasis"),
    ("chronic kidney disease", "maladie rénale chronique"), ("schizophrenia", "schizophrénie"),
    ("long QT syndrome", "syndrome du QT long"), ("melanoma", "mélanome"), ("lupus", "lupus"),
    ("healthy ageing", "vieillissement en bonne santé"), ("COVID-19", "COVID-19"),
    ("haemophilia", "hémophilie"), ("thyroid cancer", "cancer de la thyroïde"), ("migraine", "migraine"),
]  # fmt: skip
REGIONS = [
    ("Brittany", "Bretagne"), ("Île-de-France", "Île-de-France"), ("Normandy", "Normandie"),
    ("Occitania", "Occitanie"), ("Corsica", "Corse"), ("Réunion", "La Réunion"), ("Alsace", "Alsace"),
    ("Provence", "Provence"), ("Lyon", "Lyon"), ("Bordeaux", "Bordeaux"), ("Nantes", "Nantes"),
    ("Lille", "Lille"),
]  # fmt: skip
ASSAYS = ("WGS", "WES", "panel", "RNA-seq", "genotyping array", "long reads", "methylation")
REFERENCES = ("GRCh38", "hs37d5", "GRCh38.p14", "hg19", "CHM13v2", "b37")
DUO = [
    f"DUO:00000{number}"
    for number in ("42", "06", "07", "11", "44", "46", "18", "21", "19", "20", "26", "28")
]
CATEGORY = "http://healthdataportal.eu/category/"
CATEGORIES = [CATEGORY + name for name in (
    "HUMAN_GENETIC_EPIGENOMIC_AND_GENOMIC_DATA", "ELECTRONIC_HEALTH_RECORDS", "CLINICAL_TRIALS",
    "BIOBANKS_AND_ASSOCIATED_DATABASES", "COHORTS_QUESTIONNAIRES_SURVEYS", "MEDICAL_REGISTRIES",
    "OTHER_HUMAN_MOLECULAR_DATA", "POPULATION_REGISTRIES", "DETERMINANTS_OF_HEALTH", "WELLNESS_APPLICATIONS",
)]  # fmt: skip
KINDS = ("bam", "cram", "vcf", "gvcf", "vcz", "fastq", "phenopackets", "csv", "bed")
_SYLLABLES = (
    "ba", "be", "bi", "bo", "ca", "ce", "ci", "co", "da", "de", "di", "do", "fa", "fe", "fi", "ga",
    "ge", "go", "la", "le", "li", "lo", "ma", "me", "mi", "mo", "na", "ne", "ni", "no", "pa", "pe",
    "pi", "po", "ra", "re", "ri", "ro", "sa", "se", "si", "so", "ta", "te", "ti", "to", "tra", "cri",
    "plo", "gné", "thè", "mor", "phe", "car", "sio", "gen", "ome", "log", "ique", "ation", "ment", "ité",
)  # fmt: skip


class Synthetic:
    """Makes documents; everything follows from the seed."""

    def __init__(self, seed: int = 1) -> None:
        chance = random.Random(seed)
        made = {"".join(chance.choices(_SYLLABLES, k=chance.randint(2, 5))) for _ in range(30_000)}
        self.words = sorted(made)
        chance.shuffle(self.words)
        self.keywords = [
            (
                f"{chance.choice(self.words[:4000])} {chance.choice(self.words[:4000])}",
                chance.choice(self.words),
            )
            for _ in range(4000)
        ]
        self.holders = [
            {"en": f"{chance.choice(('University Hospital of', 'Institute', 'Biobank of'))} {name}",
             "fr": f"{chance.choice(('CHU de', 'Institut', 'Biobanque de'))} {name}"}
            for name in (f"{word.title()} {place[1]}" for word, place in
                         zip(self.words[:300], REGIONS * 25, strict=True))
        ]  # fmt: skip

    def document(self, number: int) -> dict[str, Any]:
        """Return the description of a data set."""
        chance = random.Random(number)
        disease, region = chance.choice(DISEASES), chance.choice(REGIONS)
        people = int(min(10 ** chance.gauss(2.4, 0.9), 900_000)) if chance.random() < 0.9 else None
        assays = chance.choices(ASSAYS, (40, 25, 15, 8, 6, 4, 2), k=chance.choice((1, 1, 1, 2)))
        code = f"{chance.choice(self.words).upper()}-{number}"
        issued = _START + timedelta(days=int(5400 * chance.random() ** 0.5))
        what = {
            "en": f"{'Genomes' if 'WGS' in assays else 'Sequences'} of people with {disease[0]} "
            f"in {region[0]}, {code}",
            "fr": f"{'Génomes' if 'WGS' in assays else 'Séquences'} de personnes atteintes de {disease[1]}, "
            f"{region[1]}, {code}",
        }
        words = [self._rare(chance, self.keywords) for _ in range(chance.randint(1, 6))]
        holder = {"name": self._rare(chance, self.holders), "identifier": code}
        document: dict[str, Any] = {
            "title": what,
            "description": {"en": self._prose(chance, disease[0]), "fr": self._prose(chance, disease[1])},
            "identifiers": [f"FR-{number:07d}"],
            "keywords": {
                "en": [disease[0], *(english for english, _ in words)],
                "fr": [disease[1], *(french for _, french in words)],
            },
            "languages": chance.choice((["en", "fr"], ["fr"], ["en"])),
            "publisher": holder,
            "holder": holder,
            "contact": {"name": holder["name"], "email": f"data{number % 300}@example.org"},
            "hdab_days": chance.choice((30, 60, 90)),
            "access_rights": chance.choices(("NON_PUBLIC", "RESTRICTED", "PUBLIC"), (85, 10, 5))[0],
            "duo": sorted(set(chance.choices(DUO, range(len(DUO), 0, -1), k=chance.randint(1, 3)))),
            "health_categories": sorted({CATEGORIES[0], self._rare(chance, CATEGORIES)}),
            "population": {"en": self._prose(chance, region[0], 12)},
            "issued": issued.isoformat(),
            "n_individuals": people,
            "minimum_age": chance.choice((0, 18, 40)),
            "maximum_age": chance.choice((65, 90, 110)),
            "structured": number % 3 == 0,
            "genome": {
                "assays": sorted(set(assays)),
                "reference_name": chance.choices(REFERENCES, (50, 15, 15, 10, 5, 5))[0],
                "n_samples": people,
                "mean_depth": round(chance.uniform(20, 60), 1),
                "kinds": sorted(set(chance.choices(KINDS, (6, 9, 9, 5, 4, 2, 1, 2, 1), k=3))),
            },
        }
        if number % 3 == 0:
            columns = [{"name": word, "title": {"en": word}} for word in chance.sample(self.words[:3000], 12)]
            document["tables"] = [{"title": {"en": f"Variables of {code}"}, "variables": columns}]
        return document

    def _prose(self, chance: random.Random, about: str, length: int | None = None) -> str:
        words = [self._rare(chance, self.words) for _ in range(length or chance.randint(30, 90))]
        words.insert(len(words) // 2, about)
        return " ".join(words).capitalize() + "."

    @staticmethod
    def _rare(chance: random.Random, choices: list[Any]) -> Any:
        """Return one, an early one far more often than a late one (nearly Zipf's law)."""
        return choices[int(len(choices) ** chance.random()) - 1]


def fill(catalogue: Catalogue, n: int, seed: int = 1) -> None:
    """Put ``n`` described data sets into an empty catalogue, so that they can be found."""
    synthetic = Synthetic(seed)
    with catalogue.database.write() as session:
        session.execute(insert(models.Project), [
            {"id": i + 1, "name": f"project{i}", "created_at": _NOW} for i in range(N_PROJECTS)
        ])  # fmt: skip
        session.execute(insert(models.Reference), [
            {"id": i + 1, "digest": f"reference{i}", "name": name} for i, name in enumerate(REFERENCES)
        ])  # fmt: skip
    for start in range(1, n + 1, BATCH):
        with catalogue.database.write() as session:
            _add(session, synthetic, range(start, min(start + BATCH, n + 1)))


def state(number: int) -> str:
    """Return whether a data set is published; nine of ten are."""
    return {0: "draft", 1: "withdrawn"}.get(number % 20, "published")


def uuid_of(number: int) -> str:
    """Return the identifier of a data set."""
    return str(uuid.UUID(int=number, version=4))


def _add(session: Session, synthetic: Synthetic, numbers: range) -> None:
    documents = {number: synthetic.document(number) for number in numbers}
    for table, rows in _rows(documents):
        session.execute(insert(table), rows)


def _rows(documents: dict[int, dict[str, Any]]) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    yield models.Dataset, [
        {"id": i, "uuid": uuid_of(i), "project_id": 1 + i % N_PROJECTS, "name": f"S{i:07d}",
         "title": one["title"]["en"], "created_at": _NOW}
        for i, one in documents.items()
    ]  # fmt: skip
    yield models.Entry, [
        {"id": i, "dataset_id": i, "digest": _DIGEST.format(i), "data_digest": _DIGEST.format(i),
         "provenance_digest": _DIGEST.format(0), "version": 1,
         "reference_id": 1 + i % len(REFERENCES), "registered_at": _NOW, "registered_by": "benchmark",
         "software": {}, "qc": {"coverage": {"mean": 30.0}}}
        for i in documents
    ]  # fmt: skip
    yield models.File, [
        {"entry_id": i, "role": "result", "kind": kind, "relative": True, "path": f"{i}.{kind}",
         "size_bytes": 1000 + i, "sha256": _DIGEST.format(i)}
        for i, one in documents.items() for kind in one["genome"]["kinds"]
    ]  # fmt: skip
    yield models.Description, [
        {"id": i, "dataset_id": i, "version": 1, "document": one, "source": "form", "created_at": _NOW,
         "created_by": "benchmark"}
        for i, one in documents.items()
    ]  # fmt: skip
    yield models.Publication, [
        {"dataset_id": i, "description_id": i, "state": state(i), "changed_at": _NOW} for i in documents
    ]  # fmt: skip
