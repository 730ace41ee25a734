"""Damaged alignments by chance under the caller: calls that fit the store, or one sentence."""

import random
import struct
import zlib

import pysam
from builders.calling import aligned_read, apply_edits, random_sequence, segments
from builders.fuzz_run import ends_well
from builders.fuzzing import bgzf_of, mutate_blocks, mutate_bytes

from genomehub.config import CallConfig
from genomehub.errors import GenomehubError
from genomehub.formats.alignment_bam import header_end
from genomehub.formats.alignment_reader import AlignmentReader
from genomehub.pipeline.call import call_partition
from genomehub.store import parts
from genomehub.store.reference import Reference
from genomehub.types import Interval
from genomehub.variants.annotations import filter_descriptions

LENGTH = 3_000
SEQUENCE = random_sequence(LENGTH, seed=71)
CONFIG = CallConfig()


def diploid():
    """Header and records of an invented diploid: SNVs, indels, mates, clips."""
    head = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": "1", "LN": LENGTH}],
            "RG": [{"ID": "a", "SM": "s"}],
        }
    )
    rng, reads = random.Random(3), []
    edits = [
        (700, SEQUENCE[700], "ACGT"[("ACGT".index(SEQUENCE[700]) + 1) % 4]),
        (1_300, SEQUENCE[1_300:1_306], SEQUENCE[1_300]),
        (2_000, SEQUENCE[2_000], SEQUENCE[2_000] + "GATTACA" * 3),
    ]
    for chosen in ([], edits):
        sequence, places = apply_edits(SEQUENCE, chosen)
        for _ in range(220):
            begin = rng.randrange(len(sequence) - 300)
            name = rng.randrange(10**9)
            for at, flag in ((begin, 99), (begin + rng.randrange(150), 147)):
                read = aligned_read(sequence, places, at, 100, flag=flag, name=name)
                reads.append(read._replace(quals=rng.randrange(8, 41)))
    return head, list(segments(head, reads))


def coarse_index(first, end):
    """BAI of one contig: one chunk in the bin that holds all; virtual offsets."""
    return b"BAI\1" + struct.pack("<iiIi", 1, 1, 0, 1) + struct.pack("<QQiQ", first, end, 0, 0)


def damaged_files(rng, kind, whole):
    """Alignment file and index, one of them damaged."""
    if kind == "bai":
        return whole["bam"], mutate_bytes(rng, whole["bai"])
    if kind == "crai":
        return whole["cram"], mutate_bytes(rng, whole["crai"])
    if kind == "cram":
        return mutate_bytes(rng, whole["cram"]), whole["crai"]
    inflated = inflate(whole["bam"])
    size = header_end(inflated)
    head, body = bgzf_of(inflated[:size], 0xFF00)[:-28], inflated[size:]
    if kind == "records":
        body = mutate_fields(rng, body) if rng.random() < 0.7 else mutate_bytes(rng, body)
    packed = bgzf_of(body, rng.choice([700, 5_000, 0xFF00]))
    if kind == "blocks":
        packed = (mutate_blocks if rng.random() < 0.3 else mutate_bytes)(rng, packed)
    return head + packed, coarse_index(len(head) << 16, len(head) + len(packed) << 16)


def inflate(data):
    """All bytes of a BGZF file."""
    out, at = b"", 0
    while at < len(data):
        size = int.from_bytes(data[at + 16 : at + 18], "little") + 1
        out += zlib.decompress(data[at + 18 : at + size - 8], -15)
        at += size
    return out


def mutate_fields(rng, body):
    """A few fields of a few records: place, MAPQ, lengths, FLAG, mate, CIGAR, bases, qualities."""
    body, starts, at = bytearray(body), [], 0
    while at < len(body):
        starts.append(at)
        at += 4 + int.from_bytes(body[at : at + 4], "little")
    for _ in range(rng.choice([1, 3, 30])):
        record = rng.choice(starts)
        size = 4 + int.from_bytes(body[record : record + 4], "little")
        cigar = record + 36 + body[record + 12]
        edge = rng.choice([0, 1, 2, 9, 100, 255, 2**16 - 1, 2**28 - 1, 2**31 - 1, 2**31, 2**32 - 1])
        kind = rng.randrange(7)
        if kind == 0:
            struct.pack_into("<I", body, record + 4 * rng.randrange(1, 9), edge)
        elif kind == 1:
            struct.pack_into("<H", body, record + 18, rng.randrange(1 << 12))
        elif kind == 2:
            struct.pack_into("<I", body, cigar, edge << 4 & 0xFFFFFFFF | rng.randrange(16))
        elif kind == 3:  # of the right length
            struct.pack_into("<I", body, cigar, 100 << 4 | rng.choice([0, 1, 4, 7, 8]))
        elif kind == 4:
            body[record + rng.randrange(4, min(size, 60))] = rng.randrange(256)
        elif kind == 5:
            body[record + rng.randrange(size)] ^= 1 << rng.randrange(8)
        else:  # all qualities
            tail = record + size - 104
            body[tail : tail + 100] = bytes([rng.choice([0, 2, 60, 93, 254, 255])]) * 100
    return bytes(body)


def written(folder, suffix, data, index):
    path = folder / f"d.{suffix}"
    path.write_bytes(data)
    path.with_name(f"d.{suffix}.{'crai' if suffix == 'cram' else 'bai'}").write_bytes(index)
    return path


def call_file(genome, path):
    with AlignmentReader(path, genome) as reader:
        for interval in (Interval(0, 0, 1_400), Interval(0, 1_400, LENGTH)):
            calls = call_partition(genome, reader, interval, CONFIG)
            parts.complete(calls, interval, 1 + len(filter_descriptions(CONFIG)))


def run_call_cases(kind, whole, seeds, folder, reference):
    """Call a number of damaged files; returns how many ended in calls.

    Parameters
    ----------
    kind : what is damaged: records, blocks, bai, cram, crai
    whole : bytes of bam, bai, cram and crai
    seeds : one for each case
    folder : for the damaged files; ``started`` in it names the case that runs
    """
    folder.mkdir(parents=True, exist_ok=True)
    genome, n_called = Reference.open(reference), 0
    call_file(genome, written(folder, "bam", whole["bam"], whole["bai"]))  # kernels are loaded, or compiled
    for seed in seeds:
        data, index = damaged_files(random.Random(f"{kind} {seed}"), kind, whole)
        path = written(folder, "cram" if kind.startswith("cra") else "bam", data, index)
        with ends_well(kind, seed, folder, GenomehubError):
            call_file(genome, path)
            n_called += 1
    return n_called
