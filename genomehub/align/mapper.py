"""Reads to alignments, a batch at a time: seeds, chains, extension, rescue, pairing, placement.

Everything is a function of the batch, the index, the configuration and the insert-size model: neither the
number of workers nor the order of batches changes a byte.
"""

import numpy as np

from genomehub.align.chains import NO_MATES, Oriented, chain_reads, orient_reads
from genomehub.align.extend import Cigars, extend_candidates
from genomehub.align.index import frozen
from genomehub.align.pairing import (
    choose,
    find_parts,
    insert_sizes,
    model_of,
    pair_limits,
    rank,
    report,
    rescue_mates,
)
from genomehub.config import AlignConfig
from genomehub.errors import InputError
from genomehub.kernels import placement
from genomehub.kernels.candidates import MateReach
from genomehub.kernels.extension import Alignments
from genomehub.kernels.pairing import Choice
from genomehub.kernels.reporting import Rows
from genomehub.types import AlignmentBatch, InsertSizeModel, PackedReference, ReadBatch, SeedIndex


def estimate_insert_sizes(
    batch: ReadBatch, index: SeedIndex, bases: PackedReference, config: AlignConfig
) -> InsertSizeModel:
    """Estimate outer distances of mates from one batch, by pairs whose mates are each placed surely alone.

    Parameters
    ----------
    batch : ReadBatch; of single reads the default model is returned
    index, bases : SeedIndex and PackedReference of one reference
    config : AlignConfig

    Returns
    -------
    InsertSizeModel, n_pairs 0 if there were fewer than config.min_mates pairs to go by
    """
    if batch.n_ends == 1:
        return model_of(np.empty(0, dtype=np.int64), config)
    batch, index, bases = frozen(batch), frozen(index), frozen(bases)
    reads, alignments, _, unused = _align(batch, index, bases, config, NO_MATES)
    ranked = rank(alignments, reads.offsets, 2, batch.first_template, bases.is_alt)
    parts = find_parts(alignments, ranked, reads)
    choice = choose(alignments, ranked, parts, reads, unused, None, config)
    return insert_sizes(alignments, choice, reads, config)


def map_batch(
    batch: ReadBatch,
    index: SeedIndex,
    bases: PackedReference,
    config: AlignConfig,
    insert_sizes: InsertSizeModel,
) -> AlignmentBatch:
    """Place the reads of a batch.

    Parameters
    ----------
    batch : ReadBatch, single or paired
    index, bases : SeedIndex and PackedReference of one reference
    config : AlignConfig
    insert_sizes : InsertSizeModel of the batch's read group (estimate_insert_sizes of its first batch)

    Returns
    -------
    AlignmentBatch, a primary row for each read, its supplementary rows and other places behind

    Notes
    -----
    Raises      InputError for a read longer than config.max_read_length
    """
    batch, index, bases = frozen(batch), frozen(index), frozen(bases)
    reach = NO_MATES
    if batch.n_ends == 2:
        reach = MateReach(insert_sizes.low, insert_sizes.high)
    reads, alignments, cigars, unused = _align(batch, index, bases, config, reach)
    ranked = rank(alignments, reads.offsets, batch.n_ends, batch.first_template, bases.is_alt)
    limits = None
    if batch.n_ends == 2:
        limits = pair_limits(insert_sizes, config)
        before = alignments
        alignments, cigars = rescue_mates(alignments, cigars, ranked, reads, bases, limits, config)
        if alignments is not before:
            ranked = rank(
                alignments, reads.offsets, 2, batch.first_template, bases.is_alt, earlier=(before, ranked)
            )
    parts = find_parts(alignments, ranked, reads)
    choice = choose(alignments, ranked, parts, reads, unused, limits, config)
    rows = report(alignments, ranked, parts, choice, reads, unused, config)
    return _place(alignments, cigars, choice, rows, reads, bases, batch.n_ends)


def _align(
    batch: ReadBatch, index: SeedIndex, bases: PackedReference, config: AlignConfig, reach: MateReach
) -> tuple[Oriented, Alignments, Cigars, np.ndarray]:
    """Every read's alignments; ``reach`` and ``unused`` as chain_reads has them."""
    _check_lengths(batch, config)
    reads = orient_reads(batch)
    candidates, unused = chain_reads(reads, index, bases, config, reach)
    alignments, cigars = extend_candidates(candidates, reads, bases, config)
    return reads, alignments, cigars, unused


def _check_lengths(batch: ReadBatch, config: AlignConfig) -> None:
    lengths = np.diff(batch.offsets)
    if lengths.max(initial=0) > config.max_read_length:
        read = int(lengths.argmax())
        template = read // batch.n_ends
        name = bytes(batch.names[batch.name_offsets[template] : batch.name_offsets[template + 1]])
        raise InputError(
            f'record {batch.first_template + template + 1} (read "{name.decode(errors="replace")}"): '
            f"{lengths[read]} bases, and at most {config.max_read_length} are aligned. "
            "genomehub aligns short reads; use another aligner for long ones."
        )


def _place(
    alignments: Alignments,
    cigars: Cigars,
    choice: Choice,
    rows: Rows,
    reads: Oriented,
    bases: PackedReference,
    n_ends: int,
) -> AlignmentBatch:
    n = rows.read.size
    cigar_offsets = np.empty(n + 1, dtype=np.int64)
    placement.count_cigars(alignments, rows, reads.offsets, cigars.offsets, cigar_offsets)
    out = AlignmentBatch(
        read_index=np.empty(n, dtype=np.int32),
        flag=np.empty(n, dtype=np.uint16),
        contig_index=np.empty(n, dtype=np.int32),
        start=np.empty(n, dtype=np.int32),
        mapping_quality=np.empty(n, dtype=np.uint8),
        cigars=np.empty(cigar_offsets[-1], dtype=np.uint32),
        cigar_offsets=cigar_offsets,
        mate_contig_index=np.empty(n, dtype=np.int32),
        mate_start=np.empty(n, dtype=np.int32),
        template_length=np.empty(n, dtype=np.int32),
        score=np.empty(n, dtype=np.int32),
        second_score=np.empty(n, dtype=np.int32),
        alt_score=np.empty(n, dtype=np.int32),
    )
    placement.place_reads(
        alignments,
        choice,
        rows,
        reads.offsets,
        bases.contig_offsets,
        n_ends,
        cigars.cigars,
        cigars.offsets,
        out,
    )
    return out
