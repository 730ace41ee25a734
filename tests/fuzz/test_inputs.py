"""Thousands of damaged files of reads: each ends in its reads, complete, or in one sentence.

Never another exception, a crash, a hang or lost reads. Seeds are fixed; a failure names kind and seed, and
``builders.fuzzing.run_cases(kind, files, [seed], ...)`` repeats it.
"""

import gzip
from pathlib import Path

import pysam
import pytest
from builders import alignment_files as build
from builders.fuzz_run import run_for
from builders.fuzzing import bgzf_of, run_case, run_cases

from genomehub.pipeline.reference import build_reference

DATA = Path("reference_data")
_PAIRS = 40
#: Cases of each kind; a CRAM is decoded in a process of its own, which takes its time to start.
CASES = {
    "single": 1200,
    "fastq": 1800,
    "interleaved": 1200,
    "comments": 1200,
    "fastq.gz": 2400,
    "bam": 3200,
    "cram-check": 1600,
    "cram": 60,
}
_SECONDS = 60


def fastq_records(end):
    path = DATA / "trio" / f"HG001_R{end}.fastq.gz"
    lines = gzip.decompress(path.read_bytes()).split(b"\n")[: 4 * _PAIRS]
    return [lines[i : i + 4] for i in range(0, len(lines), 4)]


def join(records):
    return b"\n".join(line for record in records for line in record) + b"\n"


def with_comment(record):
    return [record[0].split()[0] + b" BX:Z:ACGT\tXN:i:5\tXC:A:c", *record[1:]]


def inflated(path):
    return pysam.BGZFile(str(path), "rb").read()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Of each kind the whole files that are damaged."""
    folder = tmp_path_factory.mktemp("whole")
    first, second = fastq_records(1), fastq_records(2)
    reference = build_reference(DATA / "b37.20_9.5-10.5M.fa.gz", folder / "ref")
    head = build.header({"20": 10_500_000})
    reads = build.random_reads(head, 60, seed=4)
    build.write_bam(folder / "a.bam", head, reads, index=None)
    build.write_cram(folder / "a.cram", head, reads, reference, index=False)
    cram, bam = (folder / "a.cram").read_bytes(), inflated(folder / "a.bam")
    found = {
        "fastq": [join(first), join(second)],
        "fastq.gz": [join(first), join(second)],
        "single": [join(first)],
        "interleaved": [join(record for pair in zip(first, second, strict=True) for record in pair)],
        "comments": [join(map(with_comment, first)), join(second)],
        "bam": [bam],
        "cram": [cram, bam],
        "cram-check": [cram],
    }
    for kind, whole in found.items():  # compiles what the cases run: each of them has a minute only
        (folder / "whole").write_bytes(pack(whole[0], kind))
        run_case(kind, folder / "whole", whole, folder, folder / "ref")
    return found, folder / "ref"


def test_damaged_files__reads_or_a_sentence(files, tmp_path):
    whole, reference = files
    accepted = run_for(_SECONDS, run_cases, CASES, whole, tmp_path, reference)
    assert all(accepted[kind] for kind in CASES if not kind.startswith("cram")), accepted


@pytest.mark.parametrize("kind", ["single", "fastq", "fastq.gz", "interleaved", "comments", "bam", "cram"])
def test_whole_files__are_accepted(files, tmp_path, kind, monkeypatch):
    whole, reference = files
    monkeypatch.setattr("builders.fuzzing.damage", lambda rng, data, kind: pack(data, kind))
    assert run_cases(kind, whole[kind], [0], tmp_path, reference) == 1


def pack(data, kind):
    if kind == "bam":
        return bgzf_of(data, 700)
    return gzip.compress(data) if kind == "fastq.gz" else data
