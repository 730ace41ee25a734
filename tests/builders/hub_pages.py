"""A hub with something to look at: a dozen described data sets, one of them real, and people at work.

demo_results(folder)     ``genomehub run`` on the NA12878 slice of reference_data: reference, CRAM, VCF, QC
pages_world(folder, demo)  a hub that holds it and more, with studies, requests in every state, permits
login_cookie(world, who) the cookie of a person's login, for browsers
browser_client(world, who)  an httpx client with that cookie; send(client, path, ...) sends a form
"""

import json
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from builders.hub import REFERENCE_DATA, World, hub_world
from builders.results import record
from fastapi.testclient import TestClient
from sqlalchemy import select

from genomehub.hub import models
from genomehub.hub.checksums import describe_files
from genomehub.hub.description.vocabularies import vocabulary
from genomehub.hub.records import ReferenceRecord, Result
from genomehub.hub.service.app import create_app

#: Name of the real data set: reads and variants of NA12878, 20:10,000,000-10,100,000.
REAL = "NA12878"
_CATEGORY = vocabulary("health-categories").iri
_EMAIL = "acces@chu-lyon.example"


def demo_results(folder: Path) -> Path:
    """Run the demo in ``folder`` and return the folder of its results."""
    program = "import sys; from genomehub.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "run", str(REFERENCE_DATA / "demo.yaml"), "--cores", "2"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=900)
    return folder / "results"


def pages_world(folder: Path, demo: Path) -> World:
    """Make the hub; its reference is served, so that a browser can draw reads over it."""
    world = hub_world(folder)
    reference = next((demo / "reference").glob("*/reference.json")).parent
    settings = world.hub.settings.model_copy(
        update={
            "references": [reference], "name": "Hub génomique", "organisation": "CHU de Lyon (démonstration)",
            "contact_email": "hub@chu-lyon.example",
        }
    )  # fmt: skip
    object.__setattr__(world.hub, "settings", settings)
    world.datasets[REAL] = _register_real(world, demo, reference)
    _describe(world, REAL, REAL_DOCUMENT, days_ago=2)
    for number, (name, document) in enumerate(OTHERS.items()):
        world.datasets[name] = _register_small(world, name)
        _describe(world, name, document, days_ago=12 * number + 5)
    _people_at_work(world)
    return world


def login_cookie(world: World, person: str) -> dict[str, str]:
    """Return the cookie of somebody who has logged in, by name and value."""
    answer = world.client().post("/auth/token", data={"token": world.tokens[person]}, follow_redirects=False)
    ((name, value),) = answer.cookies.items()
    return {"name": name, "value": value}


#: What a browser says of itself, and of a form of our own.
HTML = {"Accept": "text/html", "Origin": "http://hub.test"}


def browser_client(world: World, person: str | None = None) -> TestClient:
    """Return a client with the cookie of a login, as a browser has it; it follows no redirect."""
    client = TestClient(
        create_app(world.hub), base_url="http://hub.test", headers=HTML, follow_redirects=False
    )
    if person:
        cookie = login_cookie(world, person)
        client.cookies.set(cookie["name"], cookie["value"])
    return client


def send(client: TestClient, path: str, page: str | None = None, **fields: Any) -> Any:
    """Open the page of a form and send it."""
    client.get(page or path)
    return client.post(path, data=fields)


def _register_real(world: World, demo: Path, reference: Path) -> str:
    sample = demo / "samples" / REAL
    kinds = (
        ("cram", "cram"), ("index", "cram.crai"), ("vcf", "vcf.gz"), ("index", "vcf.gz.tbi"),
        ("gvcf", "g.vcf.gz"), ("index", "g.vcf.gz.tbi"), ("vcz", "vcz"),
    )  # fmt: skip
    files = describe_files([(kind, sample / f"{REAL}.{end}") for kind, end in kinds])
    table = json.loads((reference / "reference.json").read_text())
    contigs = table["contigs"]
    known = ReferenceRecord(
        table["digest"], "GRCh37 chr20 slice", len(contigs), sum(one["length"] for one in contigs)
    )
    qc = json.loads((sample / "qc" / "qc.json").read_text())
    evaluation = qc.pop("evaluation", None)
    configuration = {"alignments": "cram", "aligner": "genomehub", "vcf": True, "gvcf": True}
    software = {"genomehub": "0.1.0", "numba": "0.68.1", "python": "3.11", "zarr": "3.1.6"}
    result = Result(
        files=files, samples=(REAL,), dataset=REAL, project="genomes", reference=known, software=software,
        configuration=configuration, qc=qc, evaluation=evaluation,
    )  # fmt: skip
    return world.hub.catalogue.register(result, actor="test").entry.dataset_uuid


def _register_small(world: World, name: str) -> str:
    sizes = [("cram", "reads" * 40_000), ("vcz", "calls" * 9_000), ("vcf", "calls" * 3_000)]
    files = tuple(record(kind, name + content) for kind, content in sizes)
    qc = {"summary": {"coverage_mean": 30 + len(name), "mapped_fraction": 0.991, "ti_tv": 2.05}}
    result = Result(files=files, dataset=name, project="genomes", qc=qc)
    return world.hub.catalogue.register(result, actor="test").entry.dataset_uuid


def _describe(world: World, name: str, document: dict[str, Any], days_ago: int) -> None:
    when = world.clock() - timedelta(days=days_ago)
    with world.hub.database.write() as session:
        dataset = world.dataset(session, name)
        description = models.Description(
            dataset_id=dataset.id, version=1, document=document, source="form", created_at=when,
            created_by="test",
        )  # fmt: skip
        session.add(description)
        session.flush()
        session.add(
            models.Publication(
                dataset_id=dataset.id, description_id=description.id, state="published", changed_at=when
            )
        )


def _people_at_work(world: World) -> None:
    """Studies, requests in several states and permits; the researcher may read the real data set."""
    world.permit("researcher", REAL)
    world.permit("colleague", "rare-diseases-trios", withdrawn=True)
    world.permit("researcher", "hypertension-cohort", ends=12)
    longer = world.permit("colleague", "glioma-panel", ends=6)
    now = world.clock()
    asked = (
        ("Modifier genes", REAL, "submitted", ["DUO:0000006", "DUO:0000021", "DUO:0000046"], 12),
        ("Polygenic scores in the clinic", "hypertension-cohort", "submitted", ["DUO:0000042"], 33),
        ("Splicing variants", "rare-diseases-trios", "submitted", ["DUO:0000007"], 3),
        ("Ancestry of Lyon", "biobank-wes", "refused", ["DUO:0000011"], 60),
    )  # fmt: skip
    with world.hub.database.write() as session:
        for title, name, state, duo, days in asked:
            study = models.Study(uuid=str(uuid.uuid4()), title=title, summary=SUMMARY, created_at=now)
            session.add(study)
            session.flush()
            session.add(models.StudyMember(study_id=study.id, person_id=world.people["colleague"], lead=True))
            sent = now - timedelta(days=days)
            request = models.AccessRequest(
                uuid=str(uuid.uuid4()), study_id=study.id, purpose=SUMMARY, duo=duo, state=state,
                until=now + timedelta(days=400), created_at=sent, submitted_at=sent,
                created_by_id=world.people["colleague"],
            )  # fmt: skip
            if state == "refused":
                request.decided_at, request.decided_by_id = now, world.people["steward"]
                request.decision = "Research on ancestry is not covered by the consent of these donors."
            request.datasets.append(world.dataset(session, name))
            session.add(request)
        permit = session.scalars(select(models.Permit).where(models.Permit.uuid == longer)).one()
        permit.study.title, permit.duo = "Response of gliomas to therapy", ["DUO:0000007"]
        session.add(
            models.PermitExtension(
                uuid=str(uuid.uuid4()), permit_id=permit.id, state="submitted",
                reason="Recruitment was slower than planned; the last patients are followed until June.",
                until=now + timedelta(days=190), asked_at=now - timedelta(days=2),
                asked_by_id=world.people["colleague"],
            )
        )  # fmt: skip


SUMMARY = (
    "We look for variants that change how the disease begins and how fast it goes on, and compare "
    "carriers with "
    "their relatives. Only named members of the team work with the data; results are published as aggregates."
)


def _agent(name: str, **more: Any) -> dict[str, Any]:
    return {"name": {"en": name, "fr": name}, **more}


_HDAB = _agent("Access committee of the Lyon hospitals", contact={"email": _EMAIL})
_LYON = _agent("Hospices civils de Lyon", page="https://www.chu-lyon.example/", trusted=True)
_ICD10 = "http://hl7.org/fhir/sid/icd-10"
_HPO = "http://purl.obolibrary.org/obo/hp.owl"

REAL_DOCUMENT: dict[str, Any] = {
    "title": {
        "en": "NA12878: reads and variants of a well-known genome, chr20:10.0–10.1 Mb",
        "fr": "NA12878 : lectures et variants d’un génome bien connu, chr20:10,0–10,1 Mb",
    },
    "description": {
        "en": "A slice of the genome of NA12878 (HG001), sequenced at 52-fold depth, aligned and called by "
        "genomehub.\n\nIt is the genome on which methods are compared all over the world: its true "
        "variants are "
        "known, so whoever works with it can tell how far a call can be trusted. Use it to try the hub "
        "before you "
        "ask for data about patients.",
        "fr": "Une tranche du génome de NA12878 (HG001), séquencée à une profondeur de 52, alignée et "
        "appelée par "
        "genomehub.\n\nC’est le génome sur lequel on compare les méthodes dans le monde entier : ses "
        "vrais variants "
        "sont connus. Servez-vous-en pour essayer le hub avant de demander des données de patients.",
    },
    "alternative": {"en": "HG001 demonstration slice", "fr": "Tranche de démonstration HG001"},
    "keywords": {
        "en": ["whole genome", "truth set", "GIAB", "demonstration"],
        "fr": ["génome entier", "référence GIAB", "démonstration"],
    },
    "identifiers": ["https://doi.org/10.5555/na12878-slice"],
    "holder": _LYON, "publisher": _LYON, "creators": [_agent("Genomics platform of Lyon")],
    "contact": {"name": {"en": "Genomics desk", "fr": "Guichet génomique"}, "email": _EMAIL,
                "page": "https://www.chu-lyon.example/genomique"},
    "hdab": _HDAB, "hdab_days": 30, "access_rights": "NON_PUBLIC",
    "duo": ["DUO:0000006", "DUO:0000046", "DUO:0000021", "DUO:0000026"],
    "conditions": {"en": "Results are published as aggregates only.",
                   "fr": "Les résultats ne sont publiés que sous forme agrégée."},
    "legislation": ["http://data.europa.eu/eli/reg/2025/327/oj"],
    "themes": ["http://publications.europa.eu/resource/authority/data-theme/HEAL"],
    "health_categories": [_CATEGORY("HGPD")],
    "types": ["http://publications.europa.eu/resource/authority/dataset-type/STATISTICAL"],
    "provenance": {"en": "Sequenced on a HiSeq 2000 (2 × 101 bp); aligned, called and checked by genomehub.",
                   "fr": "Séquencé sur HiSeq 2000 (2 × 101 pb) ; aligné, appelé et contrôlé par genomehub."},
    "population": {"en": "One adult of Utah with ancestry from northern and western Europe (CEPH/CEU).",
                   "fr": "Une adulte de l’Utah d’ascendance européenne du nord et de l’ouest (CEPH/CEU)."},
    "n_individuals": 1, "minimum_count": 10, "structured": True,
    "temporal": {"start": "2012-01-01", "end": "2013-06-30"},
    "genome": {"assays": ["WGS"], "reference_name": "GRCh37", "n_samples": 1, "mean_depth": 51.7,
               "caller": "genomehub 0.1.0", "aligner": "genomehub 0.1.0", "kinds": ["cram", "vcf", "vcz"]},
    "tables": [
        {"title": {"en": "Participants", "fr": "Participants"}, "variables": [
            {"name": "participant_id", "title": {"en": "Pseudonym", "fr": "Pseudonyme"}},
            {"name": "sex", "title": {"en": "Sex at birth", "fr": "Sexe à la naissance"},
             "description": {"en": "female, male or unknown", "fr": "féminin, masculin ou inconnu"}},
            {"name": "age", "title": {"en": "Age at sampling", "fr": "Âge au prélèvement"}, "unit": "a",
             "datatype": "integer"},
            {"name": "diagnosis", "title": {"en": "Main diagnosis", "fr": "Diagnostic principal"},
             "coding_system": _ICD10},
            {"name": "phenotype", "title": {"en": "Observed features", "fr": "Signes observés"},
             "coding_system": _HPO},
        ]},
        {"title": {"en": "Samples", "fr": "Échantillons"}, "variables": [
            {"name": "sample_id", "title": {"en": "Sample", "fr": "Échantillon"}},
            {"name": "tissue", "title": {"en": "Tissue", "fr": "Tissu"}},
            {"name": "drawn_on", "title": {"en": "Drawn on", "fr": "Prélevé le"}, "datatype": "date"},
        ]},
    ],
    "distributions": [{"access_url": "https://hub.chu-lyon.example/", "format": "CRAM"}],
    "version_notes": {"en": "First version from genomehub 0.1.0.",
                      "fr": "Première version issue de genomehub 0.1.0."},
}  # fmt: skip


def _other(en: str, fr: str, about: str, people: int, assay: str, **more: Any) -> dict[str, Any]:
    return {
        "title": {"en": en, "fr": fr}, "description": {"en": about}, "holder": _LYON, "hdab": _HDAB,
        "hdab_days": 30, "n_individuals": people, "duo": ["DUO:0000042", "DUO:0000021"],
        "health_categories": [_CATEGORY("HGPD")],
        "genome": {"assays": [assay], "reference_name": "GRCh38", "n_samples": people, "mean_depth": 34.0},
        "issued": datetime(2026, 3, 1, tzinfo=UTC).date().isoformat(), **more,
    }  # fmt: skip


OTHERS: dict[str, dict[str, Any]] = {
    "rare-diseases-trios": _other(
        "Rare diseases of the Rhône valley: trios", "Maladies rares de la vallée du Rhône : trios",
        "Genomes of 412 children with an undiagnosed disease and of both parents, with phenotypes in HPO "
        "and the "
        "variants that clinicians reported.", 1236, "WGS", duo=["DUO:0000007", "DUO:0000021", "DUO:0000018"],
    ),
    "hypertension-cohort": _other(
        "Pulmonary hypertension cohort", "Cohorte hypertension pulmonaire",
        "Exomes of patients with pulmonary arterial hypertension, followed for ten years, with "
        "haemodynamics, "
        "treatments and outcome.", 864, "WES", duo=["DUO:0000006", "DUO:0000046", "DUO:0000019"],
        health_categories=[_CATEGORY("HGPD"), _CATEGORY("RQSH")],
    ),
    "biobank-wes": _other(
        "Biobank exomes 2020–2025", "Exomes de la biobanque 2020–2025",
        "Exomes of donors of the hospital's biobank who agreed to research, linked to discharge summaries.",
        18_450, "WES", duo=["DUO:0000042", "DUO:0000044", "DUO:0000046"],
        health_categories=[_CATEGORY("HGPD"), _CATEGORY("EINS")],
        holder=_agent("Biobanque Auvergne-Rhône-Alpes"),
    ),
    "glioma-panel": _other(
        "Glioma gene panel with response to therapy", "Panel de gènes des gliomes et réponse au traitement",
        "Tumour and blood of patients with glioma: 523 genes, methylation class, treatment and survival.",
        327, "panel", duo=["DUO:0000007", "DUO:0000026"], holder=_agent("Centre Léon-Bérard"),
        health_categories=[_CATEGORY("HGPD"), _CATEGORY("EHCT")],
    ),
    "centenarians": _other(
        "Centenarians", "Centenaires", "Genomes of people of a hundred years and more.", 8, "WGS",
        duo=["DUO:0000042"], holder=_agent("Institut du vieillissement"),
    ),
    "synthetic-1000": _other(
        "A thousand synthetic genomes", "Mille génomes synthétiques",
        "No real person: simulated from population frequencies, with the same files as the real cohorts, "
        "to write "
        "and test your analysis before access is given.", 1000, "WGS", access_rights="PUBLIC",
        duo=["DUO:0000004"], holder=_agent("Biobanque Auvergne-Rhône-Alpes"),
    ),
}  # fmt: skip
