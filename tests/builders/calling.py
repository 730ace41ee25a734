"""Reads of invented diploids as Records, aligned as their haplotypes say; for tests of the caller."""

import random
from typing import NamedTuple

import numpy as np
import pysam

from genomehub.types import Records

OPS = "MIDNSHP=X"


def codes(text):
    """Letters to codes: ACGT 0-3, anything else 5 (as the reference has it)."""
    return np.array(["ACGT".find(base) if base in "ACGT" else 5 for base in text], dtype=np.uint8)


def read_codes(text):
    """Letters to codes of reads: anything but ACGT is 4."""
    return np.array(["ACGT".find(base) if base in "ACGT" else 4 for base in text], dtype=np.uint8)


class Read(NamedTuple):
    """One record. ``cigar`` is a list of (length, letter); ``quals`` one number or one per base."""

    start: int
    cigar: list
    bases: str
    quals: object = 35
    flag: int = 0
    mapping_quality: int = 60
    name: int = -1  # equal for mates; -1: of its own
    mate_start: int = -1
    template_length: int = 0


def reference_span(cigar):
    return sum(length for length, op in cigar if op in "MDN=X")


def make_records(reads, sort=True):
    """Records of ``reads``, sorted by start (stable)."""
    if sort:
        reads = sorted(reads, key=lambda read: read.start)
    names = [read.name if read.name >= 0 else 10_000_000 + i for i, read in enumerate(reads)]

    def column(values, dtype):
        return np.array(list(values), dtype=dtype)

    def flat(parts, dtype):
        return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)

    def offsets(sizes):
        return np.concatenate([[0], np.cumsum(list(sizes))]).astype(np.int64)

    n = len(reads)
    quals = [np.broadcast_to(np.asarray(read.quals, dtype=np.uint8), (len(read.bases),)) for read in reads]
    return Records(
        contig_index=np.zeros(n, np.int32),
        start=column((read.start for read in reads), np.int32),
        end=column((read.start + reference_span(read.cigar) for read in reads), np.int32),
        flag=column((read.flag for read in reads), np.uint16),
        mapping_quality=column((read.mapping_quality for read in reads), np.uint8),
        cigars=column((n << 4 | OPS.index(op) for read in reads for n, op in read.cigar), np.uint32),
        cigar_offsets=offsets(len(read.cigar) for read in reads),
        bases=flat([read_codes(read.bases) for read in reads], np.uint8),
        quals=flat(quals, np.uint8),
        offsets=offsets(len(read.bases) for read in reads),
        mate_contig_index=column((0 if read.mate_start >= 0 else -1 for read in reads), np.int32),
        mate_start=column((read.mate_start for read in reads), np.int32),
        template_length=column((read.template_length for read in reads), np.int32),
        # spread over 64 bits as a hash is
        name_hash=column(((name * 0x9E3779B97F4A7C15) % 2**64 for name in names), np.uint64),
        read_group=np.zeros(n, np.int16),
        edit_distance=np.zeros(n, np.int32),
    )


def apply_edits(reference, edits):
    """Sequence of a haplotype and, per base, its place on the reference (None: inserted).

    ``edits`` : (start, REF, ALT), 0-based, without overlap
    """
    sequence, places, at = [], [], 0
    for start, ref, alt in sorted(edits):
        assert reference[start : start + len(ref)] == ref, (start, ref, reference[start : start + len(ref)])
        sequence += reference[at:start]
        places += range(at, start)
        common = min(len(ref), len(alt))
        sequence += alt
        places += [*range(start, start + common), *[None] * (len(alt) - common)]
        at = start + len(ref)
    return "".join(sequence) + reference[at:], [*places, *range(at, len(reference))]


def aligned_read(sequence, places, begin, length, **fields):
    """The read of ``length`` bases from ``begin`` of a haplotype, with its true CIGAR."""
    bases, where = sequence[begin : begin + length], places[begin : begin + length]
    anchors = [i for i, place in enumerate(where) if place is not None]
    ops = ["S"] * anchors[0]
    for i in range(anchors[0], anchors[-1] + 1):
        if where[i] is None:
            ops.append("I")
            continue
        before = next((where[j] for j in range(i - 1, -1, -1) if where[j] is not None), None)
        if before is not None:
            ops += ["D"] * (where[i] - before - 1)
        ops.append("M")
    ops += ["S"] * (len(bases) - 1 - anchors[-1])
    cigar = []
    for op in ops:
        if cigar and cigar[-1][1] == op:
            cigar[-1][0] += 1
        else:
            cigar.append([1, op])
    return Read(where[anchors[0]], [tuple(item) for item in cigar], bases, **fields)


def diploid_reads(reference, first, second, depth=30, length=100, seed=1, error_rate=0.0):
    """Reads of two haplotypes (lists of edits), half of ``depth`` each, both strands, placed at random."""
    rng = random.Random(seed)
    reads = []
    for edits in (first, second):
        sequence, places = apply_edits(reference, edits)
        for _ in range(depth * len(reference) // length // 2):
            begin = rng.randrange(len(sequence) - length)
            read = aligned_read(sequence, places, begin, length, flag=rng.choice([0, 16]))
            reads.append(_with_errors(read, rng, error_rate))
    return make_records(reads)


def _with_errors(read, rng, rate):
    bases = [rng.choice("ACGT") if rng.random() < rate else base for base in read.bases]
    return read._replace(bases="".join(bases))


def random_sequence(length, seed):
    return "".join(random.Random(seed).choices("ACGT", k=length))


def segments(head, reads, group="a"):
    """pysam records of Reads, sorted by start; ``group`` None leaves the RG tag out."""
    for i, read in enumerate(sorted(reads, key=lambda read: read.start)):
        record = pysam.AlignedSegment(head)
        record.query_name = f"r{i if read.name < 0 else read.name}"
        record.flag, record.mapping_quality = read.flag, read.mapping_quality
        record.reference_id, record.reference_start = 0, read.start
        record.cigartuples = [(OPS.index(op), n) for n, op in read.cigar]
        record.query_sequence = read.bases or None
        if read.quals is not None and read.bases:
            record.query_qualities = pysam.qualitystring_to_array(chr(33 + read.quals) * len(read.bases))
        if group is not None:
            record.set_tag("RG", group)
        yield record
