"""Metrics of variants against bcftools stats, on the truth of NA12878 as a store."""

import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest
from builders import variants as build

from genomehub.formats.vcf import write_vcf
from genomehub.quality.metrics_variants import ARRAYS, MAX_INDEL, VariantTally
from genomehub.store.variants import VariantStore
from genomehub.types import Contig

pytestmark = pytest.mark.parity

TRUTH = Path(__file__).parents[2] / "reference_data" / "na12878" / "truth.union.vcf.gz"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    sites = []
    with pysam.VariantFile(str(TRUTH)) as file:
        for record in file:
            genotype = record.samples[0]["GT"]
            if not sites or record.pos > sites[-1][1]:
                sites.append((0, record.pos, record.alleles, tuple(-1 if g is None else g for g in genotype)))
    contigs = (Contig("20", 10_500_000, "a" * 32, "SQ.a"),)
    path = build.make_store(tmp_path_factory.mktemp("truth") / "truth.vcz", sites, contigs=contigs)
    return VariantStore.open(path)


@pytest.mark.parametrize("passing", [False, True])
def test_variants__as_bcftools_stats(store, tmp_path, passing):
    write_vcf(store, tmp_path / "truth.vcf.gz")
    filters = ["-f", "PASS"] if passing else []
    command = ["bcftools", "stats", "-s", "-", *filters, str(tmp_path / "truth.vcf.gz")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    numbers = {row[2].rstrip(":"): int(row[3]) for row in rows if row[0] == "SN"}
    tally = VariantTally(store.filters)
    for batch in store.variant_batches(ARRAYS):
        tally.add(batch)
    section = tally.section()
    ours = section["passing"] if passing else section
    assert ours["sites"] == numbers["number of records"] > 50
    assert ours["multiallelic_sites"] == numbers["number of multiallelic sites"]
    ti, tv = next((int(row[2]), int(row[3])) for row in rows if row[0] == "TSTV")
    assert (ours["transitions"], ours["transversions"]) == (ti, tv)
    lengths = {int(row[2]): int(row[3]) for row in rows if row[0] == "IDD"}
    assert lengths == {n - MAX_INDEL: count for n, count in enumerate(ours["indel_lengths"]) if count}
    changes = {row[2]: int(row[3]) for row in rows if row[0] == "ST"}
    table = np.array(ours["substitutions"])
    assert changes == {
        f"{r}>{a}": int(table["ACGT".index(r), "ACGT".index(a)]) for r in "ACGT" for a in "ACGT" if r != a
    }
    sample = next(row for row in rows if row[0] == "PSC")
    homozygous, heterozygous = int(sample[4]), int(sample[5])
    # PSC counts SNPs; PSI ends with insertions and deletions, heterozygous, then homozygous. bcftools counts
    # a genotype of two ALT alleles of different kinds twice.
    indels = [int(value) for value in next(row for row in rows if row[0] == "PSI")[-4:]]
    assert heterozygous + sum(indels[:2]) - n_mixed(store, passing) == ours["heterozygous"]
    assert homozygous + sum(indels[2:]) == ours["homozygous"]


def n_mixed(store, passing):
    """Sites whose ALT alleles (all carried) are of different kinds."""
    rows = zip(store["variant_allele"].tolist(), store["variant_filter"][:, 0].tolist(), strict=True)
    kinds = [
        {np.sign(len(alt) - len(texts[0])) for alt in texts[1:] if alt}
        for texts, passes in rows
        if passes or not passing
    ]
    return sum(len(kind) > 1 for kind in kinds)
