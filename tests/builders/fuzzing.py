"""Damaged files of reads by chance, and what must be true of each: all of it comes out, or one sentence."""

import functools
import gzip
import itertools
import random
from collections import Counter
from pathlib import Path

from builders.fuzz_run import ends_well
from plain import bam as plain_bam
from plain import fastq as plain_fastq

from genomehub.config import AlignConfig, ReadConfig, SortConfig
from genomehub.errors import InputError
from genomehub.formats import alignment_reads, bgzf, fastq
from genomehub.formats.alignment_reads import MateCounts, alignment_kind, open_lane
from genomehub.formats.cram_check import check_cram
from genomehub.formats.fastq import Lane
from genomehub.pipeline.align_tasks import BatchItem, BatchTask
from genomehub.store.reference import Reference
from genomehub.types import InsertSizeModel, ReadGroup

GROUP = ReadGroup("g", "s", "l")
_SIZES = InsertSizeModel(400.0, 100.0, 100, 800, 0)


def mutate_bytes(rng, data):
    """A few changes of bytes: flips, cuts, copies, insertions, numbers at the edge of their range."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        if not data:
            break
        at = rng.randrange(len(data))
        span = rng.choice([1, 1, 2, 4, 20, 300])
        kind = rng.randrange(8)
        if kind <= 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[at] = rng.randrange(256)
        elif kind == 3:
            del data[at : at + span]
        elif kind == 4:
            data[at:at] = data[at : at + span]
        elif kind == 5:
            data[at:at] = bytes(rng.choice([0, 10, 64, 255, rng.randrange(256)]) for _ in range(span))
        elif kind == 6:
            data[at : at + 4] = rng.choice(
                [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4), b"\0\0\0\x80"]
            )
        else:
            del data[at:]
    return bytes(data)


def mutate_lines(rng, data):
    """A few changes of lines: removed, doubled, swapped, emptied, made long, other line ends."""
    lines = data.split(b"\n")
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randrange(len(lines))
        kind = rng.randrange(7)
        if kind == 0:
            del lines[at]
            lines = lines or [b""]
        elif kind == 1:
            lines.insert(at, lines[at])
        elif kind == 2:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 3:
            lines[at] = b""
        elif kind == 4:
            lines[at] = lines[at] * rng.choice([2, 50, 2000])
        elif kind == 5:
            lines[at:at] = [b""] * rng.choice([1, 4, 40])
        else:
            lines = [line + b"\r" for line in lines]
    return b"\n".join(lines)


def mutate_blocks(rng, data):
    """BGZF blocks removed, doubled, swapped, or with another length."""
    starts = [0]
    while starts[-1] < len(data):
        starts.append(starts[-1] + int.from_bytes(data[starts[-1] + 16 : starts[-1] + 18], "little") + 1)
    blocks = [bytearray(data[a:b]) for a, b in itertools.pairwise(starts)]
    at = rng.randrange(len(blocks))
    kind = rng.randrange(4)
    if kind == 0:
        del blocks[at]
    elif kind == 1:
        blocks.insert(at, blocks[at])
    elif kind == 2:
        other = rng.randrange(len(blocks))
        blocks[at], blocks[other] = blocks[other], blocks[at]
    else:
        blocks[at][16:18] = rng.randrange(1 << 16).to_bytes(2, "little")
    return b"".join(blocks)


def bgzf_of(data, size):
    """BGZF in small blocks."""
    return (
        b"".join(bgzf.compress_block(data[i : i + size], 1) for i in range(0, len(data), size))
        + bgzf.EOF_BLOCK
    )


def damage(rng, data, kind):
    """One damaged file of a kind; ``data``: the whole one, for gzip and BAM inflated."""
    if kind in ("single", "fastq", "interleaved", "comments"):
        return (mutate_lines if rng.random() < 0.5 else mutate_bytes)(rng, data)
    if kind == "fastq.gz":
        packed = gzip.compress(data) if rng.random() < 0.5 else bgzf_of(data, 500)
        return mutate_bytes(rng, packed)
    if kind == "bam":
        inner = rng.random() < 0.6
        packed = bgzf_of(mutate_bytes(rng, data) if inner else data, rng.choice([200, 1000, 0xFF00]))
        return packed if inner else (mutate_blocks if rng.random() < 0.3 else mutate_bytes)(rng, packed)
    return mutate_bytes(rng, data)


def run_cases(kind, files, seeds, folder, reference):
    """Check a number of damaged files; returns how many were accepted.

    Parameters
    ----------
    kind : of the files: single, fastq, fastq.gz, interleaved, comments, bam, cram, cram-check
    files : the whole ones, to be damaged (the second mates' file of FASTQ stays whole)
    seeds : one for each case
    folder : for the damaged files; ``started`` in it names the case that runs
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_accepted = 0
    for seed in seeds:
        path = folder / "damaged"
        path.write_bytes(damage(random.Random(f"{kind} {seed}"), files[0], kind))
        with ends_well(kind, seed, folder, InputError):
            n_accepted += run_case(kind, path, files, folder, reference)
    return n_accepted


def run_case(kind, path, files, folder, reference):
    if kind == "cram-check":
        check_cram(path)
        return 1
    if kind in ("bam", "cram"):
        if alignment_kind(str(path)) is None:
            batches = list(fastq.read_batches(Lane(GROUP, str(path)), 50))
        else:
            lane = open_lane(str(path), GROUP)
            groups, counts = range(len(lane.read_groups)), MateCounts()
            contigs = _open(reference)
            batches = list(alignment_reads.read_batches(lane, 50, 0, groups, contigs, folder, counts))
        expected = expected_of_alignments(path, kind, files)
    elif kind in ("single", "interleaved"):
        batches = list(fastq.read_batches(Lane(GROUP, str(path), interleaved=kind == "interleaved"), 50))
        expected = expected_of_fastq(path)
    else:
        (folder / "mates").write_bytes(files[1])
        lane = Lane(GROUP, str(path), str(folder / "mates"))
        batches = list(fastq.read_batches(lane, 50, comments=kind == "comments"))
        expected = expected_of_fastq(path) + expected_of_fastq(folder / "mates")
    assert Counter(read for batch in batches for read in reads_in(batch)) == expected, (
        "other reads than in the file"
    )
    aligned = sum((aligned_reads(batch, reference) for batch in batches), Counter())
    assert aligned == expected, "other reads than were read"
    return 1


def expected_of_fastq(path):
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("latin-1").rstrip()
    n = -(-len(text.split("\n")) // 4)
    return Counter(
        (name, clean(bases), bytes(ord(q) - 33 for q in quals))
        for name, bases, quals in plain_fastq.records(text + "\n" * 4, n)
    )


def clean(bases):
    return "".join(c if c in "ACGT" else "N" for c in bases.upper())


def expected_of_alignments(path, kind, files):
    """Of BAM by the plain reader; a CRAM that is accepted holds what the whole one held."""
    data = plain_bam.inflate(path.read_bytes()) if kind == "bam" else files[1]
    return Counter((name, bases, quals) for name, _, bases, quals, _ in plain_bam.primary_reads(data))


def reads_in(batch):
    for read in range(len(batch.offsets) - 1):
        t, span = read // batch.n_ends, slice(batch.offsets[read], batch.offsets[read + 1])
        name = batch.names[batch.name_offsets[t] : batch.name_offsets[t + 1]].tobytes().decode("ascii")
        yield name, "".join("ACGTN"[c] for c in batch.bases[span]), batch.quals[span].tobytes()


def aligned_reads(batch, reference):
    """The primary reads in the records that the aligner makes of a batch."""
    n_groups = batch.read_group + 1
    groups = tuple(GROUP._replace(id=f"g{i}") for i in range(n_groups))
    read = ReadConfig(trim_adapters=True, trim_poly_g=10)
    task = BatchTask(str(reference), groups, (0,) * n_groups, AlignConfig(), SortConfig(), read)
    result = task(BatchItem(batch, _SIZES))
    data = result.records.data[: result.records.ends[-1]].tobytes()
    found = [plain_bam.read_of(record) for record in plain_bam.records(data, 0, prefix=8)]
    return Counter((name, bases, quals) for name, flag, bases, quals, _ in found if not flag & 0x900)


@functools.cache
def _open(path):
    return Reference.open(Path(path))
