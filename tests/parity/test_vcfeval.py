"""evaluate reaches the figures of RTG vcfeval on the same real calls."""

import pytest

from genomehub.pipeline.evaluate import evaluate, load_genotypes
from genomehub.store.reference import Reference

pytestmark = pytest.mark.parity

SAMPLE = "reference_data/na12878"


@pytest.fixture(scope="module")
def reference(pytestconfig, tmp_path_factory):
    """The slice of chromosome 20, without seeds."""
    import gzip

    from builders import alignment_files

    fasta = pytestconfig.rootpath / "reference_data" / "b37.20_9.5-10.5M.fa.gz"
    text = gzip.decompress(fasta.read_bytes()).decode().split("\n", 1)[1].replace("\n", "")
    return alignment_files.make_reference(tmp_path_factory.mktemp("reference") / "ref", {"20": text})


# RTG vcfeval on GATK4's calls (true positives, false positives, false negatives); confident regions as given.
@pytest.mark.parametrize(
    ("calls", "snv", "indel"),
    [("gatk4", (165, 2, 0), (28, 4, 0)), ("gatk4.DRAGEN", (165, 0, 0), (28, 2, 0))],
)
def test_vcfeval__gatk_on_na12878(reference, pytestconfig, calls, snv, indel):
    root = pytestconfig.rootpath
    report = evaluate(
        reference.path, root / SAMPLE / "truth.union.vcf.gz", root / "tests/data/gatk" / f"{calls}.vcf.gz",
        confident=root / SAMPLE / "confident.bed",
    )  # fmt: skip
    assert tuple(report["snv"][key] for key in ("tp_truth", "fp", "fn")) == snv
    assert tuple(report["indel"][key] for key in ("tp_truth", "fp", "fn")) == indel
    assert report["n_inexact_clusters"] == 0


def test_truth_against_itself(reference, pytestconfig):
    truth = pytestconfig.rootpath / SAMPLE / "truth.union.vcf.gz"
    report = evaluate(reference.path, truth, truth)
    n = len(load_genotypes(truth, Reference.open(reference.path), None).position)
    assert (report["all"]["tp_truth"], report["all"]["fp"], report["all"]["fn"]) == (n, 0, 0)
    assert report["all"]["f1"] == 1.0
