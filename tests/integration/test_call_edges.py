"""``genomehub call``: the same bytes however the genome is cut and whoever works, with variants on the edges.

All partitions of 1,000, 3,000 and 4,500 bp have edges among the places where variants, repeats and a
pile-up lie; 36,000 bp are one partition by default.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pysam
import pytest
from builders.alignment_files import make_reference, write_bam
from builders.calling import aligned_read, apply_edits, random_sequence, segments

from genomehub.cli import run
from genomehub.store.variants import VariantStore

pytestmark = pytest.mark.integration

LENGTH, READ = 36_000, 100
CUTS = (1_000, 3_000, 4_500)


def genome():
    """Random, with repeats laid over three edges."""
    text = random_sequence(LENGTH, seed=7)
    for start, repeat in (
        (17_992, "T" + "A" * 16 + "G"),
        (20_985, "G" + "CA" * 15 + "T"),
        (23_980, "GATTC" * 8),
    ):
        text = text[:start] + repeat + text[start + len(repeat) :]
    return text


SEQUENCE = genome()


def snv(place):
    return place, SEQUENCE[place], "ACGT"[("ACGT".index(SEQUENCE[place]) + 1) % 4]


def deletion(anchor, length):
    return anchor, SEQUENCE[anchor : anchor + length + 1], SEQUENCE[anchor]


def insertion(anchor, text):
    return anchor, SEQUENCE[anchor], SEQUENCE[anchor] + text


#: (edit, place after left alignment) of the first and of the second haplotype
FIRST = [
    (snv(2_999), 2_999),  # last base of a partition
    (deletion(8_994, 12), 8_994),  # over an edge
    (insertion(11_999, "GATTACA"), 11_999),  # between two partitions
    (deletion(18_006, 2), 17_992),  # in A16, moves left over the edge
    (insertion(21_011, "CACA"), 20_985),  # in (CA)15, as well
    (snv(29_999), 29_999),  # neighbours on both sides
    (snv(30_000), 30_000),
    (snv(33_000), 33_000),  # in a pile-up
]
SECOND = [
    (snv(6_000), 6_000),  # first base of a partition
    (deletion(13_499, 1), None),
    (insertion(15_000, "TTTGC"), None),
    (deletion(24_012, 5), 23_979),  # a unit of (GATTC)8
    (deletion(26_940, 80), None),  # long, over an edge
    (snv(30_000), 30_000),
]


def reads():
    rng = random.Random(5)
    spans = [(0, LENGTH - READ - 100, 15 * LENGTH // READ), (32_850, 33_050, 4_000)]
    for edits in (FIRST, SECOND):
        sequence, places = apply_edits(SEQUENCE, [edit for edit, _ in edits])
        for first, last, n_reads in spans:
            for _ in range(n_reads):
                begin, flag = rng.randrange(first, last), 16 * rng.randrange(2)
                yield aligned_read(sequence, places, begin, READ, flag=flag)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return make_reference(tmp_path_factory.mktemp("edges") / "s.ref", {"1": SEQUENCE})


@pytest.fixture(scope="module")
def bam(tmp_path_factory):
    head = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "1", "LN": LENGTH}],
            "RG": [{"ID": "a", "SM": "NA1"}],
        }
    )  # fmt: skip
    return write_bam(tmp_path_factory.mktemp("bam") / "in.bam", head, segments(head, reads()))


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def call(reference, bam, output, *options):
    arguments = ["call", "-q", "-r", str(reference.path), "-o", str(output), *map(str, options), str(bam)]
    assert run(arguments) == 0
    return files(output)


@pytest.fixture(scope="module")
def whole(reference, bam, tmp_path_factory):
    """One partition, one thread."""
    output = tmp_path_factory.mktemp("whole") / "o.vcz"
    return call(reference, bam, output, "-t", 1), VariantStore.open(output)


def test_call__variants_on_edges_are_found(whole):
    _, store = whole
    found = {int(position) - 1 for position in store["variant_position"]}
    wanted = {edit[0] if place is None else place for edit, place in FIRST + SECOND}
    assert wanted <= found
    assert all(any(abs(place - edit[0]) < 60 for edit, _ in FIRST + SECOND) for place in found)
    row = store["variant_position"].tolist().index(30_001)
    assert store["call_genotype"][row].tolist() == [[1, 1]]
    assert store["call_DP"][store["variant_position"].tolist().index(33_001), 0] <= 1_500
    start, end = store["block_start"], store["block_end"]
    assert (start // 3_000 < (end - 1) // 3_000).any()  # a block goes over an edge


@pytest.mark.parametrize(
    ("partition", "threads"), [(1_000, 1), (1_000, 4), (3_000, 2), (4_500, 3), (200_000, 4)]
)
def test_call__same_bytes(reference, bam, whole, tmp_path, partition, threads):
    assert call(reference, bam, tmp_path / "o.vcz", "--partition-bp", partition, "-t", threads) == whole[0]


def test_call__same_bytes_by_processes(reference, bam, whole, tmp_path):
    """Workers of a scheduler file: other processes, which open the files themselves."""
    address = tmp_path / "scheduler.json"
    common = ["--scheduler-file", str(address), "--host", "127.0.0.1"]
    alone = ["--port", "0", "--dashboard-address", "127.0.0.1:0"]
    each = ["--nworkers", "2", "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path)]
    dask = [sys.executable, "-m", "dask"]
    commands = [[*dask, "scheduler", *common, *alone], [*dask, "worker", *common, *each]]
    here = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": here}
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        deadline = time.monotonic() + 60
        while not address.exists():
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.1)
        found = call(reference, bam, tmp_path / "o.vcz", "--partition-bp", 3_000, "--scheduler-file", address)
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(30)
    assert found == whole[0]
