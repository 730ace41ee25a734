"""The field's nouns: what passes from one room to the next.

Coordinates are 0-based and half-open on the forward strand (``start``, ``end``) unless a name says
*position* (1-based). Arrays of many ragged items are one flat array plus ``offsets`` of length n + 1.
Batches are NamedTuples of arrays, so a kernel can take one whole.
"""

from enum import IntEnum, IntFlag
from typing import NamedTuple, Protocol

import numpy as np


class Base(IntEnum):
    """Codes of bases in working arrays (uint8). Reads say N = 4, the reference says OTHER = 5 for anything
    that is not A, C, G or T: so an unknown base never equals an unknown base."""

    A = 0
    C = 1
    G = 2
    T = 3
    N = 4
    OTHER = 5


class CigarOp(IntEnum):
    """CIGAR operations as BAM numbers them (SAM 1.6, section 4.2)."""

    M = 0
    I = 1  # noqa: E741
    D = 2
    N = 3
    S = 4
    H = 5
    P = 6
    EQ = 7
    X = 8


class Flag(IntFlag):
    """SAM FLAG bits (SAM 1.6, section 1.4)."""

    PAIRED = 0x1
    PROPER_PAIR = 0x2
    UNMAPPED = 0x4
    MATE_UNMAPPED = 0x8
    REVERSE = 0x10
    MATE_REVERSE = 0x20
    READ1 = 0x40
    READ2 = 0x80
    SECONDARY = 0x100
    QC_FAIL = 0x200
    DUPLICATE = 0x400
    SUPPLEMENTARY = 0x800


class Contig(NamedTuple):
    """One sequence of the reference genome."""

    name: str
    length: int  # bp
    md5: str  # M5 of SAM: MD5 of the upper-case sequence, hexadecimal
    refget: str  # GA4GH refget digest, "SQ." + sha512t24u
    is_alt: bool = False  # beside the primary assembly (AH of SAM): never competes with it for reads


class ReadGroup(NamedTuple):
    """One @RG line: reads of one library on one lane."""

    id: str
    sample: str
    library: str
    platform: str = "ILLUMINA"
    platform_unit: str = ""


class ReadBatch(NamedTuple):
    """Templates as sequenced, in input order; mates stand side by side (read = template * n_ends + end).

    bases : (n_bases,) uint8, codes of Base (A, C, G, T, N), read after read as sequenced
    quals : (n_bases,) uint8, Phred base qualities 0-93 without the +33; 255 throughout a read that has none
    offsets : (n_reads + 1,) int64, starts into bases and quals
    names : (n_name_bytes,) uint8, ASCII read names without '@', comment and /1 /2
    name_offsets : (n_templates + 1,) int64, starts into names
    n_ends : reads per template, 1 (single) or 2 (paired)
    first_template : ordinal of the first template in the whole input (all lanes), for ties and resume
    read_group : index of the read group in the header
    tags : (n_tag_bytes,) uint8, tags as BAM encodes them that each record of a read carries besides the
        aligner's own (barcodes, UMIs); tag_offsets : (n_reads + 1,) int64, empty if no read has any
    kept_flags : (n_reads,) uint16, FLAG bits that each record of a read takes over from the input (QC_FAIL);
        empty if there are none
    """

    bases: np.ndarray
    quals: np.ndarray
    offsets: np.ndarray
    names: np.ndarray
    name_offsets: np.ndarray
    n_ends: int
    first_template: int
    read_group: int
    tags: np.ndarray = np.empty(0, dtype=np.uint8)
    tag_offsets: np.ndarray = np.empty(0, dtype=np.int64)
    kept_flags: np.ndarray = np.empty(0, dtype=np.uint16)


class AlignmentBatch(NamedTuple):
    """Alignments of one ReadBatch: every read has its primary row (mapped or not), in read order; further
    rows of a read (supplementary) follow its primary. Rows flagged SECONDARY are other places of the last row
    before them that is not: its XA tag lists them, they become no records.

    read_index : (n,) int32, the read in the batch
    flag : (n,) uint16, complete SAM FLAG except DUPLICATE
    contig_index : (n,) int32, -1 if neither the read nor its mate is placed (an unmapped read with a placed
        mate carries the mate's contig and start, as SAM recommends)
    start : (n,) int32, 0-based on the contig, -1 with contig_index -1
    mapping_quality : (n,) uint8, Phred 0-60
    cigars : (n_ops,) uint32, BAM packed (length << 4 | CigarOp), on the forward strand of the reference
    cigar_offsets : (n + 1,) int64, starts into cigars; empty for unmapped rows
    mate_contig_index, mate_start : (n,) int32, of the mate's primary row, -1 if none
    template_length : (n,) int32, TLEN in bp, signed, 0 if unknown
    score : (n,) int32, AS: score of the best part of the alignment, as bwa mem's
    second_score : (n,) int32, XS: best score at another place, 0 if none
    alt_score : (n,) int32, score of the better alignment on an ALT contig that the row's is another place of
        (the pa tag is their ratio), 0 if none
    """

    read_index: np.ndarray
    flag: np.ndarray
    contig_index: np.ndarray
    start: np.ndarray
    mapping_quality: np.ndarray
    cigars: np.ndarray
    cigar_offsets: np.ndarray
    mate_contig_index: np.ndarray
    mate_start: np.ndarray
    template_length: np.ndarray
    score: np.ndarray
    second_score: np.ndarray
    alt_score: np.ndarray


class Records(NamedTuple):
    """Decoded BAM or CRAM records in file order; what the caller and QC see of them.

    contig_index, start : (n,) int32, 0-based start on the contig (index into the reference's contigs)
    end : (n,) int32, end of the aligned part on the contig (start for unmapped reads)
    flag : (n,) uint16, SAM FLAG
    mapping_quality : (n,) uint8
    cigars : (n_ops,) uint32, BAM packed; cigar_offsets : (n + 1,) int64
    bases : (n_bases,) uint8, codes of Base, on the forward strand of the reference, clipped bases included
    quals : (n_bases,) uint8, Phred, 255 where absent; offsets : (n + 1,) int64, starts into bases and quals
    mate_contig_index, mate_start, template_length : (n,) int32, as in SAM (-1: none)
    name_hash : (n,) uint64, 64-bit FNV-1a of the read name: equal for mates
    read_group : (n,) int16, index into the header's read groups, -1 if none
    edit_distance : (n,) int32, NM tag, -1 if none
    """

    contig_index: np.ndarray
    start: np.ndarray
    end: np.ndarray
    flag: np.ndarray
    mapping_quality: np.ndarray
    cigars: np.ndarray
    cigar_offsets: np.ndarray
    bases: np.ndarray
    quals: np.ndarray
    offsets: np.ndarray
    mate_contig_index: np.ndarray
    mate_start: np.ndarray
    template_length: np.ndarray
    name_hash: np.ndarray
    read_group: np.ndarray
    edit_distance: np.ndarray


class PackedReference(NamedTuple):
    """The bases of a reference as kernels see them, in one global coordinate.

    packed : (n_bytes,) uint8, two bases a byte, the even global position in the low nibble; a nibble is the
        4-bit code of BAM (A 1, C 2, G 4, T 8, IUPAC ambiguity codes their union, N 15)
    contig_offsets : (n_contigs,) int64, global position of each contig's first base; at least 512 N stand
        before the first, between and after contigs, so that no window of a read leaves the array or reaches
        another contig's bases unnoticed
    contig_lengths : (n_contigs,) int64, bp
    is_alt : (n_contigs,) bool, contigs that are no part of the primary assembly
    """

    packed: np.ndarray
    contig_offsets: np.ndarray
    contig_lengths: np.ndarray
    is_alt: np.ndarray


class SeedIndex(NamedTuple):
    """Seeds of a reference in flat sorted arrays; made by align.index, stored field by field.

    A seed is a canonical open syncmer; its 64-bit hash names the bucket by its top bits. docs/algorithms/
    alignment.md draws the layout.

    entries : (n_seeds,) uint64, ascending in each bucket. From the top: 15 further bits of the syncmer's
        hash, 16 bits of its partner's (0: no partner), 1 bit for a syncmer whose reverse complement is the
        canonical one, 32 bits global position of its first base
    buckets : (2 ** bucket_bits + 1,) uint32, starts of the buckets in entries
    bucket_bits : top bits of the hash that name the bucket
    syncmer_length, smer_length : bp, k and s of the open syncmer
    partner_first, partner_last : the partner is one of the syncmers this far downstream, counted in syncmers
    """

    entries: np.ndarray
    buckets: np.ndarray
    bucket_bits: int
    syncmer_length: int
    smer_length: int
    partner_first: int
    partner_last: int


#: RegionCalls.links where no two sites are linked.
NO_LINKS = np.zeros((0, 4), dtype=np.int32)


class RegionCalls(NamedTuple):
    """What the caller found in one region, in order; arrays are named and shaped as store.schema says.

    variants : variant_* and call_* arrays, one row per site
    blocks : block_* arrays, one row per reference block (no variant, and how sure of it)
    links : (n, 4) int32, between heterozygous sites, the first of which lies in the region: see
        variants.phasing.link_called
    candidates : candidate_* arrays, one row per site that was looked at; None if nobody asked
    edge_depths : (n, 3) int64, how many bases of the first (0) and the last block (1) have which depth: 0 or
        1, depth, bases. Blocks of two regions are joined where they touch, and their median is of all bases.
        None: all bases have the median's
    """

    variants: dict[str, np.ndarray]
    blocks: dict[str, np.ndarray]
    links: np.ndarray = NO_LINKS
    candidates: dict[str, np.ndarray] | None = None
    edge_depths: np.ndarray | None = None


class Genotypes(NamedTuple):
    """Called variants of one sample, as evaluation sees them: one row per record whose genotype has an ALT.

    contig_index : (n,) int32, index into the reference's contigs; rows are sorted by contig, then position
    position : (n,) int64, POS, 1-based
    alleles : n tuples of REF and ALT alleles, upper case; an allele that is no bases is as the file has it
    genotype : (n, 2) int16, indices into alleles; a haploid call has its allele twice, 0 stands for missing
    quality : (n,) float64, QUAL, NaN if missing
    genotype_quality : (n,) float64, GQ, NaN if missing
    """

    contig_index: np.ndarray
    position: np.ndarray
    alleles: list[tuple[str, ...]]
    genotype: np.ndarray
    quality: np.ndarray
    genotype_quality: np.ndarray


class InsertSizeModel(NamedTuple):
    """Outer distances of proper pairs (forward-reverse), estimated from the data.

    mean, standard_deviation : bp
    low, high : bp, bounds of what counts as a proper pair
    n_pairs : confident pairs it was estimated from (0: a prior, not an estimate)
    """

    mean: float
    standard_deviation: float
    low: int
    high: int
    n_pairs: int


class AlignmentScoring(NamedTuple):
    """Affine-gap scores of an alignment, all as positive integers.

    match : earned by a pair of equal bases
    mismatch : lost by a pair of unequal bases
    gap_open, gap_extend : a gap of k bases loses gap_open + k * gap_extend
    end_bonus : what an end of the query that is not clipped is worth when alignments compete; no part of
        the score that is returned
    """

    match: int
    mismatch: int
    gap_open: int
    gap_extend: int
    end_bonus: int


class Interval(NamedTuple):
    """A span on a contig, 0-based, half-open."""

    contig_index: int
    start: int
    end: int


class Progress(Protocol):
    """What a long job tells whoever watches; the command line draws it, tests and services ignore it."""

    def start(self, task: str, total: int | None, unit: str) -> None:
        """Begin ``task``; ``total`` in ``unit`` (None if unknown)."""

    def advance(self, amount: int) -> None:
        """``amount`` more units of the current task are done."""

    def finish(self) -> None:
        """The current task is over."""


class NoProgress:
    """Progress that nobody watches."""

    def start(self, task: str, total: int | None, unit: str) -> None: ...
    def advance(self, amount: int) -> None: ...
    def finish(self) -> None: ...


#: VCF Zarr sentinels (vcf-zarr-spec): missing and fill differ, for integers, floats and strings.
INT_MISSING = -1
INT_FILL = -2
FLOAT32_MISSING_BITS = 0x7F800001
FLOAT32_FILL_BITS = 0x7F800002
FLOAT32_MISSING, FLOAT32_FILL = np.array([FLOAT32_MISSING_BITS, FLOAT32_FILL_BITS], dtype=np.uint32).view(
    np.float32
)
STRING_MISSING = "."
STRING_FILL = ""


def is_missing(values: np.ndarray) -> np.ndarray:
    """Where ``values`` (integer, float32 or string) say missing; a fill is not missing."""
    return _equals_sentinel(values, INT_MISSING, FLOAT32_MISSING_BITS, STRING_MISSING)


def is_fill(values: np.ndarray) -> np.ndarray:
    """Where ``values`` (integer, float32 or string) say fill: no element in a ragged row."""
    return _equals_sentinel(values, INT_FILL, FLOAT32_FILL_BITS, STRING_FILL)


def _equals_sentinel(values: np.ndarray, integer: int, bits: int, text: str) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False).view(np.uint32) == np.uint32(bits)
    return values == (integer if values.dtype.kind in "iu" else text)
