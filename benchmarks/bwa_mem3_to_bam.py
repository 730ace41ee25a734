"""The aligner of the Python package bwa-mem3 as a program: FASTQ pairs in, unsorted BAM on standard output.

    python benchmarks/bwa_mem3_to_bam.py [--threads N] PREFIX R1.fq.gz R2.fq.gz | samtools view

PREFIX is an index of bwa-mem2's format (PREFIX.bwt.2bit.64 and others), which the bindings do not build.
Records are encoded by the bindings; this adds the header and leaves out compression.
"""

import argparse
import collections
import itertools
import struct
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from bwa_mem3 import BwaIndex, MemOpts, ReadPair, align_batch
from isal import igzip

#: Pairs aligned at a time; insert sizes are estimated from each batch, as bwa does from its own.
_BATCH = 20_000


def batches(read1: Path, read2: Path) -> Iterator[list[ReadPair]]:
    """Pairs of two FASTQ files."""
    with igzip.open(read1) as file1, igzip.open(read2) as file2:
        records = zip(*[map(bytes.rstrip, file1)] * 4, *[map(bytes.rstrip, file2)] * 4, strict=True)
        pairs = (
            ReadPair(name1[1:].split()[0], bases1, name2[1:].split()[0], bases2, quality1, quality2)
            for name1, bases1, _, quality1, name2, bases2, _, quality2 in records
        )
        while batch := list(itertools.islice(pairs, _BATCH)):
            yield batch


def header(contigs: list[tuple[str, int]]) -> bytes:
    """A BAM header."""
    text = "@HD\tVN:1.6\tSO:unsorted\n" + "".join(f"@SQ\tSN:{name}\tLN:{n}\n" for name, n in contigs)
    parts = [b"BAM\x01", struct.pack("<i", len(text)), text.encode(), struct.pack("<i", len(contigs))]
    for name, length in contigs:
        raw = name.encode() + b"\0"
        parts.append(struct.pack("<i", len(raw)) + raw + struct.pack("<i", length))
    return b"".join(parts)


def sized(record: bytes) -> bytes:
    """A record with its size in front, whether or not the bindings put it there."""
    if struct.unpack_from("<i", record)[0] == len(record) - 4:
        return record
    return struct.pack("<i", len(record)) + record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("prefix")
    parser.add_argument("reads", type=Path, nargs=2)
    options = parser.parse_args()
    index, settings, out = BwaIndex(options.prefix), MemOpts(), sys.stdout.buffer
    settings.set_pe(True)
    out.write(header(index.contigs()))
    waiting: collections.deque[Future[bytes]] = collections.deque()

    def align(pairs: list[ReadPair]) -> bytes:
        records, _ = align_batch(index, settings, pairs)
        return b"".join(sized(record.bytes) for record in records)

    with ThreadPoolExecutor(options.threads) as pool:
        for pairs in batches(*options.reads):
            waiting.append(pool.submit(align, pairs))
            if len(waiting) > options.threads:
                out.write(waiting.popleft().result())
        for future in waiting:
            out.write(future.result())


if __name__ == "__main__":
    main()
