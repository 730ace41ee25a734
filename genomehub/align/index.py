"""PackedReference to SeedIndex: decides the index's size and checks what kernels trust."""

from typing import Any, TypeVar

import numpy as np

from genomehub.config import IndexConfig
from genomehub.errors import ConfigError, InputError
from genomehub.kernels import seeds
from genomehub.types import NoProgress, PackedReference, Progress, SeedIndex

Arrays = TypeVar("Arrays", bound=tuple[Any, ...])

_MAX_BUCKET_BITS = 30
_MIN_BUCKET_BITS = 8


def build_seed_index(
    bases: PackedReference,
    config: IndexConfig = IndexConfig(),  # noqa: B008
    progress: Progress = NoProgress(),  # noqa: B008
) -> SeedIndex:
    """Find and sort the seeds of a reference.

    Parameters
    ----------
    bases : PackedReference, at most 2^32 bases with the padding
    config : IndexConfig
    progress : told of each contig in each of three passes

    Returns
    -------
    SeedIndex, 8 bytes a seed (one base in five is one) and 2 to 4 more for the buckets

    Notes
    -----
    Raises      ConfigError for lengths that make no seeds, InputError for a reference of 2^32 bases or more
    """
    shape = _checked_shape(config)
    if 2 * bases.packed.size >= 2**32:
        raise InputError(
            f"the reference has {2 * bases.packed.size:,} bases with padding; the seed index holds positions "
            "below 4,294,967,296. Leave out contigs that are not needed."
        )
    bases = frozen(bases)
    halves = np.zeros(3, dtype=np.uint32)
    progress.start("indexing seeds", 3 * int(bases.contig_lengths.sum()), "bp")
    _fill_buckets(bases, shape, 1, np.empty(0, dtype=np.uint64), halves, False, progress)
    n_seeds = int(halves.sum())
    bits = min(max(_MIN_BUCKET_BITS, n_seeds.bit_length() - 1), _MAX_BUCKET_BITS)
    entries = np.empty(n_seeds, dtype=np.uint64)
    buckets = np.zeros(2**bits + 1, dtype=np.uint32)
    _fill_buckets(bases, shape, bits, entries, buckets, False, progress)
    seeds.counts_to_starts(buckets)
    _fill_buckets(bases, shape, bits, entries, buckets, True, progress)
    seeds.sort_buckets(entries, buckets)
    progress.finish()
    return SeedIndex(entries, buckets, bits, shape.k, shape.s, shape.partner_first, shape.partner_last)


def _fill_buckets(
    bases: PackedReference, shape: seeds.SeedShape, bits: int, entries: np.ndarray, buckets: np.ndarray,
    fill: bool, progress: Progress,
) -> None:  # fmt: skip
    """One pass over the reference, contig by contig."""
    for i, length in enumerate(bases.contig_lengths):
        one = frozen(PackedReference(bases.packed, *(array[i : i + 1] for array in bases[1:])))
        seeds.fill_buckets(one, shape, bits, entries, buckets, fill)
        progress.advance(int(length))


def seed_shape(index: SeedIndex) -> seeds.SeedShape:
    """The kernel's description of an index's seeds."""
    return seeds.SeedShape(
        int(index.syncmer_length), int(index.smer_length), int(index.partner_first), int(index.partner_last)
    )


def frozen(values: Arrays) -> Arrays:
    """The same NamedTuple with read-only views of its arrays.

    Memory-mapped and fresh arrays then reach the kernels as one type, which is compiled once.
    """
    return type(values)(*(_frozen(value) if isinstance(value, np.ndarray) else value for value in values))


def _frozen(array: np.ndarray) -> np.ndarray:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _checked_shape(config: IndexConfig) -> seeds.SeedShape:
    k, s = config.syncmer_length, config.smer_length
    if not 4 <= s < k <= 31 or (k - s) % 2:
        raise ConfigError(
            f"syncmer_length {k} and smer_length {s} make no seeds: 4 <= s < k <= 31 with an even difference "
            "is needed. Use 20 and 16 unless you have measured others."
        )
    if not 1 <= config.partner_first <= config.partner_last <= 255:
        raise ConfigError(
            f"partner_first {config.partner_first} and partner_last {config.partner_last} link no seeds: "
            "1 <= first <= last <= 255 is needed."
        )
    return seeds.SeedShape(k, s, config.partner_first, config.partner_last)
