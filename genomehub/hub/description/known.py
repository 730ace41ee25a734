"""What the engine knows fills the description: reference, samples, counts, QC, files, sizes, dates.

What people wrote is kept as they wrote it; the engine's part is laid under it each time it is shown, so that
it follows the data. Names of samples and files, which may name people, are never taken.
"""

from collections.abc import Iterable
from typing import Any

from genomehub.hub.description.document import DatasetDescription, Distribution, Genome, Quality
from genomehub.hub.description.mapping import KINDS
from genomehub.hub.description.vocabularies import vocabulary
from genomehub.hub.records import Entry
from genomehub.hub.sources import flat_numbers

EHDS = "http://data.europa.eu/eli/reg/2025/327/oj"
#: QC figures that a description shows: the end of their dotted name, what they are called, their unit.
FIGURES = (
    ("coverage.mean", "mean coverage", "x"),
    ("summary.coverage_at_10x", "share of bases at 10x or more", None),
    ("summary.mapped_fraction", "share of reads mapped", None),
    ("summary.duplicate_fraction", "share of duplicates", None),
    ("summary.q30_fraction", "share of bases of Q30 or better", None),
    ("summary.ti_tv", "Ti/Tv", None),
    ("summary.snv_f1", "SNV F1 against the truth", None),
    ("summary.indel_f1", "indel F1 against the truth", None),
)
#: Stages of the software that are aligners and callers, beside our own.
_ALIGNERS = ("bwa", "bwa-mem2", "bwa-mem3", "minimap2", "bowtie2", "strobealign")
_CALLERS = ("gatk", "deepvariant", "bcftools", "freebayes", "strelka2")
_INDEXES = frozenset({"index", "bai", "csi", "crai", "tbi"})
#: What a kind of file is called.
NAMES = {
    "bam": {"en": "Aligned reads (BAM)", "fr": "Lectures alignées (BAM)"},
    "cram": {"en": "Aligned reads (CRAM)", "fr": "Lectures alignées (CRAM)"},
    "vcf": {"en": "Variants (VCF)", "fr": "Variants (VCF)"},
    "gvcf": {"en": "Variants and reference blocks (gVCF)", "fr": "Variants et blocs de référence (gVCF)"},
    "bcf": {"en": "Variants (BCF)", "fr": "Variants (BCF)"},
    "vcz": {"en": "Variants (VCF Zarr)", "fr": "Variants (VCF Zarr)"},
    "fastq": {"en": "Reads (FASTQ)", "fr": "Lectures (FASTQ)"},
    "bed": {"en": "Regions (BED)", "fr": "Régions (BED)"},
    "table": {"en": "Table", "fr": "Tableau"},
    "duplicates": {"en": "Numbers of duplicates", "fr": "Nombres de doublons"},
    "qc": {"en": "Quality report", "fr": "Rapport de qualité"},
}
_RIGHTS = {
    "en": "Access by permit; ask for it on the data set's page.",
    "fr": "Accès sur autorisation, à demander sur la page du jeu de données.",
}


def from_entry(entry: Entry, page: str) -> DatasetDescription:
    """Return what a registered result says about its data set.

    Parameters
    ----------
    entry : newest version of the data set
    page : the data set's page, where access is asked for
    """
    kinds = sorted({file.kind for file in entry.files} - _INDEXES)
    day = entry.registered_at.date()
    return DatasetDescription(
        title={"en": entry.title or entry.dataset},
        description={"en": entry.description} if entry.description else {},
        version_label=str(entry.version),
        access_rights="NON_PUBLIC",
        legislation=[EHDS],
        themes=[vocabulary("data-themes").iri("HEAL")],
        health_categories=[vocabulary("health-categories").iri("HGPD")],
        types=[vocabulary("dataset-types").iri("PERSONAL_DATA")],
        provenance=_provenance(entry),
        modified=day,
        n_individuals=len(entry.samples) or None,
        structured=False,
        landing_page=page,
        distributions=[_form(file, page) for file in entry.files if file.kind not in _INDEXES],
        quality=_figures(entry),
        genome=_genome(entry, kinds),
    )


def _provenance(entry: Entry) -> dict[str, str]:
    version = entry.software.get("genomehub")
    if not version:
        return {}
    against = entry.reference.name if entry.reference and entry.reference.name else None
    en, fr = f"Made with genomehub {version}", f"Produit avec genomehub {version}"
    if against:
        en, fr = f"{en} against the reference {against}", f"{fr} sur la référence {against}"
    return {"en": f"{en}.", "fr": f"{fr}."}


def _form(file: Any, page: str) -> Distribution:
    return Distribution(
        title=NAMES.get(file.kind, {"en": file.kind}),
        access_url=page,
        format=file.kind if file.kind in KINDS else "other",
        size_bytes=file.size_bytes,
        sha256=file.sha256 if file.n_files is None else None,
        rights=_RIGHTS,
    )


def _numbers(entry: Entry) -> dict[str, float]:
    return dict(flat_numbers(entry.qc or {}))


def _figures(entry: Entry) -> list[Quality]:
    numbers = _numbers(entry)
    return [
        Quality(name=name, value=numbers[key], unit=unit) for key, name, unit in FIGURES if key in numbers
    ]


def _genome(entry: Entry, kinds: list[str]) -> Genome:
    software = entry.software
    own = f"genomehub {software['genomehub']}" if software.get("genomehub") else None
    return Genome(
        reference=entry.reference.digest if entry.reference else None,
        reference_name=entry.reference.name if entry.reference else None,
        n_samples=len(entry.samples),
        mean_depth=_numbers(entry).get("coverage.mean"),
        aligner=_named(software, _ALIGNERS) or (own if {"bam", "cram"} & set(kinds) else None),
        caller=_named(software, _CALLERS) or (own if {"vcf", "gvcf", "bcf", "vcz"} & set(kinds) else None),
        kinds=kinds,
    )


def _named(software: dict[str, str], names: Iterable[str]) -> str | None:
    return next((f"{name} {software[name]}" for name in names if name in software), None)


def merge(written: DatasetDescription, known: DatasetDescription) -> DatasetDescription:
    """Return what people wrote, and where they wrote nothing what the engine knows."""
    return DatasetDescription.model_validate(_under(written.model_dump(), known.model_dump()))


def _under(written: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    together = dict(known)
    for name, value in written.items():
        if name == "genome" and isinstance(value, dict) and isinstance(known.get(name), dict):
            together[name] = _under(value, known[name])
        elif value is not None and value != {} and value != []:
            together[name] = value
    return together


def shown(document: DatasetDescription) -> DatasetDescription:
    """Return the description as others may see it: without numbers of people below the smallest count."""
    least = document.minimum_count
    changes: dict[str, Any] = {}
    if document.n_individuals is not None and document.n_individuals < least:
        changes["n_individuals"] = None
    genome = document.genome
    if genome is not None and genome.n_samples is not None and genome.n_samples < least:
        changes["genome"] = genome.model_copy(update={"n_samples": None})
    return document.model_copy(update=changes) if changes else document
