"""The bytes of a small run, kept as text: any read or genotype that changes shows in a diff.

Real pairs of HG001 (20:10,000,000-10,010,000) go the whole way. A change of results is committed with the
rewritten files (``pytest tests/golden --update-golden``) and the trailer ``Changes-results: yes``.
"""

import gzip
from pathlib import Path

import pysam
import pytest

from genomehub.cli import run

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "reference_data"
N_SHOWN = 50  # records of the alignments that are kept


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    reads = [str(DATA / "trio" / f"HG001_R{end}.fastq.gz") for end in (1, 2)]
    reference, bam = str(folder / "ref"), str(folder / "HG001.bam")
    exports = ["--vcf", str(folder / "HG001.vcf.gz"), "--gvcf", str(folder / "HG001.g.vcf.gz")]
    for arguments in (
        ["reference", "build", "-q", str(DATA / "b37.20_9.5-10.5M.fa.gz"), "-o", reference],
        ["align", "-q", "-r", reference, "--sample", "HG001", "-o", bam, *reads],
        ["call", "-q", "-r", reference, "-o", str(folder / "HG001.vcz"), *exports, bam],
    ):
        assert run(arguments) == 0
    return folder


def alignments(folder):
    with pysam.AlignmentFile(str(folder / "HG001.bam")) as bam:
        records = [read.to_string() for read, _ in zip(bam, range(N_SHOWN), strict=False)]
        return "\n".join([str(bam.header).strip(), *records]) + "\n"


def exported(name):
    return lambda folder: gzip.decompress((folder / name).read_bytes()).decode()


@pytest.mark.parametrize(
    ("name", "text_of"),
    [
        ("HG001.first50.sam", alignments),
        ("HG001.vcf", exported("HG001.vcf.gz")),
        ("HG001.first200.g.vcf", lambda folder: _first(exported("HG001.g.vcf.gz")(folder), 200)),
    ],
)
def test_golden(results, name, text_of, request):
    text = text_of(results)
    golden = HERE / name
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text()


def _first(text, n_lines):
    return "".join(text.splitlines(keepends=True)[:n_lines])
