"""Reading and measuring a real BAM: equal to pysam, samtools and picard. The BAM is of bwa on NA12878."""

import csv
import json
import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest
from plain import decode as plain

from genomehub.formats.alignment_reader import AlignmentReader
from genomehub.formats.fasta import read_fasta
from genomehub.pipeline.qc import qc
from genomehub.quality.metrics_alignments import DEPTHS
from genomehub.store.reference import Reference, write_contigs
from genomehub.types import Interval

pytestmark = pytest.mark.parity

N_PAIRS = 8_000
DATA = Path(__file__).parents[2] / "reference_data"


def run(command, cwd):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """bwa.bam (sorted, duplicates marked, some reads QC-failed), its CRAM, and the reference directory."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "ref").mkdir()
    pieces = read_fasta(DATA / "b37.20_9.5-10.5M.fa.gz")
    write_contigs(folder / "ref", pieces, lambda n: None).write_table("slice", {})
    fasta = folder / "ref" / "genome.fa.gz"
    run(f"bwa index -p index {fasta}", folder)
    reads = " ".join(
        f"<(zcat {DATA}/na12878/NA12878_R{end}.fastq.gz | head -n {4 * N_PAIRS})" for end in (1, 2)
    )
    run(
        f"bwa mem -t 2 -R '@RG\\tID:L1\\tSM:NA12878\\tLB:A\\tPL:ILLUMINA' index {reads} 2>/dev/null"
        " | samtools fixmate -m - - | samtools sort - | samtools markdup - marked.bam",
        folder,
    )
    with (
        pysam.AlignmentFile(str(folder / "marked.bam")) as source,
        pysam.AlignmentFile(str(folder / "bwa.bam"), "wb", template=source) as out,
    ):
        for number, read in enumerate(source):
            read.is_qcfail = number % 97 == 0
            out.write(read)
    run("samtools index bwa.bam", folder)
    run(f"samtools view -C -T {fasta} -o bwa.cram bwa.bam && samtools index bwa.cram", folder)
    return folder


@pytest.fixture(scope="module")
def result(folder):
    qc(folder / "ref", folder / "bwa.bam", None, folder / "qc", threads=1)
    return json.loads((folder / "qc" / "qc.json").read_text())


@pytest.mark.parametrize("suffix", ["bam", "cram"])
def test_reader__equals_pysam(folder, suffix):
    reference = Reference.open(folder / "ref")
    path = folder / f"bwa.{suffix}"
    with pysam.AlignmentFile(str(path), reference_filename=str(reference.fasta)) as file:
        reads = list(file.fetch(until_eof=True))
    with AlignmentReader(path, reference) as reader:
        rows = [row for part in reader.scan() for row in plain.rows(part)]
        window = plain.rows(reader.fetch(Interval(0, 10_040_000, 10_041_000)))
    assert rows == [plain.decode_read(read, [0], ["L1"]) for read in reads]
    inside = [read for read in reads if plain.overlaps(read, 0, 10_040_000, 10_041_000)]
    assert window == [plain.decode_read(read, [0], ["L1"]) for read in inside]
    assert len(inside) > 50


def test_qc__flagstat_as_samtools(folder, result):
    assert (folder / "qc" / "NA12878.flagstat.txt").read_text() == run("samtools flagstat bwa.bam", folder)


def test_qc__coverage_as_samtools(folder, result):
    assert (folder / "qc" / "NA12878.mapped.coverage.txt").read_text() == run(
        "samtools coverage bwa.bam", folder
    )


def test_qc__depth_as_samtools(folder, result):
    """Mean, spread and shares over the known bases of the slice: 9.5-10.5 Mbp."""
    lines = run("samtools depth -a -r 20:9500001-10500000 bwa.bam", folder).splitlines()
    depth = np.array([int(line.split("\t")[2]) for line in lines])
    coverage = result["coverage"]
    assert coverage["target_bases"] == len(depth) == 1_000_000
    assert coverage["histogram"] == np.bincount(depth).tolist()
    assert coverage["mean"] == pytest.approx(depth.mean(), abs=1e-4)
    assert coverage["standard_deviation"] == pytest.approx(depth.std(), abs=1e-4)
    assert coverage["at_least"] == {f"{d}x": pytest.approx((depth >= d).mean(), abs=1e-6) for d in DEPTHS}
    assert coverage["evenness"] == pytest.approx(
        np.minimum(depth, depth.mean()).sum() / depth.sum(), abs=1e-6
    )
    windows = depth.reshape(-1, coverage["window_bp"]).mean(axis=1)
    profile = [value for value in coverage["contigs"][0]["profile"] if value is not None]
    assert profile == pytest.approx(windows, abs=0.006)


def test_qc__numbers_of_samtools_stats(folder, result):
    text = run("samtools stats -F 0x900 bwa.bam", folder)
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    numbers = {row[1].rstrip(":"): float(row[2]) for row in rows if row[0] == "SN"}
    reads, errors = result["reads"], result["errors"]
    assert reads["primary"] == numbers["sequences"]
    assert reads["primary_mapped"] == numbers["reads mapped"]
    assert reads["primary_duplicates"] == numbers["reads duplicated"]
    assert reads["n_bases"] == numbers["total length"]
    assert reads["mapping_quality_histogram"][0] == numbers["reads MQ0"]
    assert errors["edit_distance"] == numbers["mismatches"]
    assert errors["aligned_bases"] + errors["inserted_bases"] == numbers["bases mapped (cigar)"]
    assert errors["error_rate"] == pytest.approx(numbers["error rate"], rel=1e-5)
    assert result["base_quality"]["mean"] == pytest.approx(numbers["average quality"], abs=0.06)
    assert errors["insertions"] == sum(int(row[2]) for row in rows if row[0] == "ID")
    assert errors["deletions"] == sum(int(row[3]) for row in rows if row[0] == "ID")


def test_qc__quality_by_cycle_of_samtools_stats(folder, result):
    text = run("samtools stats -F 0x900 bwa.bam", folder)
    for name, end in (("FFQ", "read1"), ("LFQ", "read2")):
        rows = [line.split("\t")[2:] for line in text.splitlines() if line.startswith(name)]
        counts = np.array(rows, int)
        mean = counts @ np.arange(counts.shape[1]) / counts.sum(axis=1)
        found = result["base_quality"][end]["mean_by_cycle"]
        # samtools adds a row for the cycle behind the longest read
        assert found == pytest.approx(mean[: len(found)], abs=0.006)


def picard_rows(text):
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("## METRICS CLASS")) + 1
    end = next(i for i in range(start, len(lines)) if not lines[i].strip())
    return list(csv.DictReader(lines[start:end], delimiter="\t"))


def picard_histogram(text):
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("## HISTOGRAM")) + 1
    return [line for line in lines[start:] if line.strip()]


def test_qc__insert_sizes_as_picard(folder, result):
    # picard draws its plot with R, and some builds refuse to begin without it
    subprocess.run(
        ["PicardCommandLine", "CollectInsertSizeMetrics", "I=bwa.bam", "O=picard.txt", "H=plot.pdf",
         "VALIDATION_STRINGENCY=SILENT"],
        cwd=folder, capture_output=True,
    )  # fmt: skip
    ours = (folder / "qc" / "NA12878.mapped.insert_size_metrics.txt").read_text()
    theirs = (folder / "picard.txt").read_text()
    assert picard_rows(ours) == picard_rows(theirs)
    assert picard_histogram(ours) == picard_histogram(theirs)


def test_qc__cram_gives_the_same(folder, result):
    other = qc(folder / "ref", folder / "bwa.cram", None, folder / "qc-cram", threads=2)
    assert json.loads(json.dumps(other)) == result


def test_multiqc__shows_everything(folder, result):
    run("multiqc --quiet --no-ansi -o multi qc", folder)
    data = json.loads((folder / "multi" / "multiqc_data" / "multiqc_data.json").read_text())
    assert {"InsertSizeMetrics"} == set(data["report_data_sources"]["Picard"])
    assert {"flagstat", "coverage"} == set(data["report_data_sources"]["Samtools"])
    row = {}
    for module in data["report_general_stats_data"].values():
        assert set(module) == {"NA12878"}
        row |= module["NA12878"]
    assert row["coverage_mean"] == pytest.approx(result["coverage"]["mean"])
    assert row["summed_median"] == result["insert_size"]["orientations"]["FR"]["median"]
    assert row["mapped_passed"] == result["reads"]["flagstat"][6][0]
    assert {"genomehub_coverage_plot", "genomehub_gc_bias_plot", "picard_insert_size"} <= set(
        data["report_plot_data"]
    )
