"""Candidate haplotypes of active regions, and the events that they consist of.

The differences of reads from the reference that enough templates share are kept; the sets of kept events that
reads carry, and each kept event alone, make the candidates. Sequencing errors, being rare, fall out before
sequences are compared. A read that one gap fits better than its alignment is taken with that gap. Where
alignments cannot be trusted, local assembly adds more.
"""

from typing import NamedTuple

import numpy as np

from genomehub.config import CallConfig
from genomehub.kernels import events as event_kernels
from genomehub.kernels import haplotypes as kernels
from genomehub.kernels.assembly import AssemblyLimits, assemble, sequence_keys
from genomehub.kernels.events import Events
from genomehub.kernels.haplotypes import ReadEvents
from genomehub.kernels.pileup import Alignments
from genomehub.kernels.realign import GapLimits, realign
from genomehub.kernels.region_reads import RegionReads, cut_reads
from genomehub.variants.pileup import Window

#: bp that a haplotype reaches beyond where reads are cut, besides room for its longest deletion.
_OVERHANG = 20
#: Kept events per region: a set of them is one 64-bit word.
_MAX_EVENTS = 64
#: Pairs of events are tried up to so many places apart in the region's list.
_MAX_LAG = 4
#: bp outside of its region at which an event may come to lie.
_MAX_STRAY = 100
#: Reads that must carry a set of events that is not a single one.
_MIN_SET_READS = 2
#: bp of an indel that one read is enough for where few reads could show it: no sequencing error makes it.
_LONG_INDEL = 10
#: Share of a region's templates that is enough as well, for a set that makes others complete.
_SET_SHARE = 0.1
#: Share of the reads that reach an event, more of which make it what reads have that do not reach it.
_USUAL = 0.75


class Haplotypes(NamedTuple):
    """Candidate haplotypes, region after region; the first of each is the reference.

    sequences : (n_bases,) uint8, codes; offsets : (n_haplotypes + 1,) int64
    region_offsets : (n_regions + 1,) int64
    low, high : (n_regions,) int64, rows of the window that the region's haplotypes span
    """

    sequences: np.ndarray
    offsets: np.ndarray
    region_offsets: np.ndarray
    low: np.ndarray
    high: np.ndarray


class KeptEvents(NamedTuple):
    """Events that enough templates share, region after region, in the order in which they apply.

    region : (n,) int64; number : (n,) int64, one example of each in ReadEvents
    key : (n,) uint64; offsets : (n_regions + 1,) int64
    """

    region: np.ndarray
    number: np.ndarray
    key: np.ndarray
    offsets: np.ndarray


def candidate_haplotypes(
    alignments: Alignments, reads: RegionReads, regions: np.ndarray, window: Window, config: CallConfig
) -> Haplotypes:
    """Propose the haplotypes of each region ((n, 2) int64, rows)."""
    region = np.repeat(np.arange(regions.shape[0]), np.diff(reads.region_offsets))
    alignments, reads = bettered(alignments, reads, window, config)
    key, found, offsets = kernels.read_events(
        alignments, reads.record, reads.begin, reads.end, regions[region, 0], regions[region, 1],
        window.reference, window.start, config.min_base_quality,
    )  # fmt: skip
    row, kind, length, source, rotation = found.T
    differences = ReadEvents(key, row, kind, length, source, rotation, offsets)
    few = spanning_reads(reads, regions) < config.min_spanning
    kept = shared_events(differences, reads, region, few, config)
    sets, set_offsets = candidate_sets(differences, reads, region, regions, kept, config)
    flank = config.flank + _OVERHANG + np.minimum(regions[:, 1] - regions[:, 0], config.max_tract)
    low = np.maximum(regions[:, 0] - flank, 0)
    high = np.minimum(regions[:, 1] + flank, window.reference.size)
    set_regions = np.repeat(np.arange(regions.shape[0]), np.diff(set_offsets))
    sequences, sequence_offsets = kernels.spell(
        alignments.bases, found[kept.number], kept.offsets, sets, set_regions, low, high, window.reference
    )
    return Haplotypes(sequences, sequence_offsets, set_offsets, low, high)


def bettered(
    alignments: Alignments, reads: RegionReads, window: Window, config: CallConfig
) -> tuple[Alignments, RegionReads]:
    """Give the reads that one gap fits better than their alignment the one with that gap.

    Returns
    -------
    alignments : with the better alignments, from the cut read's ``begin`` on, behind all others
    reads : ``record``, ``first_row`` and ``last_row`` of these reads are those of the better alignments
    """
    limits = GapLimits(config.realign_gap, config.realign_part, config.min_base_quality)
    better = realign(alignments, reads.record, reads.begin, reads.end, window.reference, window.start, limits)
    n, entry = alignments.start.size, better.entry
    record, first_row, last_row = reads.record.copy(), reads.first_row.copy(), reads.last_row.copy()
    record[entry] = n + np.arange(entry.size)
    first_row[entry], last_row[entry] = better.first_row, better.last_row
    start = (window.start + better.start).astype(alignments.start.dtype)
    cigar_offsets = alignments.cigar_offsets[-1] + better.cigar_offsets[1:]
    more = alignments._replace(
        start=np.concatenate([alignments.start, start]),
        cigars=np.concatenate([alignments.cigars, better.cigars]),
        cigar_offsets=np.concatenate([alignments.cigar_offsets, cigar_offsets]),
        offsets=np.concatenate([alignments.offsets[:n], reads.begin[entry]]),
    )
    return more, reads._replace(record=record, first_row=first_row, last_row=last_row)


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _changes(*columns: np.ndarray) -> np.ndarray:
    """Where a row of sorted columns differs from the one before (the first always does)."""
    new = np.ones(columns[0].size, dtype=bool)
    new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return new


def shared_events(
    events: ReadEvents, reads: RegionReads, region: np.ndarray, few: np.ndarray, config: CallConfig
) -> KeptEvents:
    """Keep the events that ``min_support`` templates, and that share of the region's, have.

    Parameters
    ----------
    region : (n_reads,) int64, region of each entry of ``reads``
    few : (n_regions,) bool, whether few reads span the region; a long indel of one read is kept there
    """
    n_regions = reads.n_fragments.size
    of_read = np.repeat(np.arange(reads.record.size), np.diff(events.offsets))
    place, fragment = region[of_read], reads.fragment[of_read]
    order = np.lexsort((fragment, events.key, place))
    once = order[_changes(place[order], events.key[order], fragment[order])]
    new = _changes(place[once], events.key[once])
    example = once[new]
    support = np.diff(np.append(np.flatnonzero(new), once.size))
    least = np.maximum(config.min_support, config.min_event_fraction * reads.n_fragments)
    is_long = (events.kind[example] != kernels.SUBSTITUTION) & (events.length[example] >= _LONG_INDEL)
    strong = (support >= least[place[example]]) | (is_long & few[place[example]])
    example, support = example[strong], support[strong]
    # too many: the best supported, ties by key
    rank = np.lexsort((events.key[example], -support, place[example]))
    place_rank = np.arange(rank.size) - np.searchsorted(place[example][rank], place[example][rank])
    example = example[rank[place_rank < _MAX_EVENTS]]
    final = np.lexsort(
        (
            events.key[example],
            events.length[example],
            events.kind[example],
            events.row[example],
            place[example],
        )
    )
    example = example[final]
    offsets = _starts(np.bincount(place[example], minlength=n_regions))
    return KeptEvents(place[example], example, events.key[example], offsets)


def carried_sets(events: ReadEvents, reads: RegionReads, region: np.ndarray, kept: KeptEvents) -> np.ndarray:
    """Return (n_reads,) uint64: bit k is set if the read has its region's kept event k."""
    of_read = np.repeat(np.arange(reads.record.size), np.diff(events.offsets))
    place = region[of_read]
    order = np.lexsort((kept.key, kept.region))
    carried = np.zeros(reads.record.size, dtype=np.uint64)
    # look up (region, key) among the kept: both sorted the same way, merged by one more sort
    both_region = np.concatenate([kept.region[order], place])
    both_key = np.concatenate([kept.key[order], events.key])
    merged = np.lexsort((both_key, both_region))  # stable: a kept event comes before its occurrences
    is_kept = merged < order.size
    latest = np.maximum.accumulate(np.where(is_kept, np.arange(merged.size), -1))
    inside = np.flatnonzero(~is_kept & (latest >= 0))
    source, target = merged[latest[inside]], merged[inside]
    same = (both_region[source] == both_region[target]) & (both_key[source] == both_key[target])
    which, entry = order[source[same]], target[same] - order.size
    bit = np.uint64(1) << (which - kept.offsets[kept.region[which]]).astype(np.uint64)
    np.bitwise_or.at(carried, of_read[entry], bit)
    return carried


def candidate_sets(
    events: ReadEvents, reads: RegionReads, region: np.ndarray, regions: np.ndarray, kept: KeptEvents,
    config: CallConfig,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Choose the sets of kept events to try as haplotypes.

    Returns
    -------
    sets : (n,) uint64, region after region; the first of each is 0, the reference
    offsets : (n_regions + 1,) int64

    Notes
    -----
    Sets rank by the reads that span the region and carry exactly the set, then by all reads that carry it as
    far as they go, then by value; then come completed sets, single events, linked sets and pairs. The order
    of reads does not matter.
    """
    n_regions = regions.shape[0]
    carried = carried_sets(events, reads, region, kept)
    covered = covered_sets(events, reads, region, kept)
    whole, whole_region = completed_sets(carried, covered, events, reads, region, kept)
    linked, linked_region = linked_sets(carried, covered, region)
    carried |= usual_sets(carried, covered, region, kept)[region] & ~covered
    spans = (reads.first_row <= regions[region, 0]) & (reads.last_row >= regions[region, 1])
    order = np.lexsort((carried, region))
    new = (
        np.flatnonzero(_changes(region[order], carried[order])) if order.size else np.zeros(0, dtype=np.int64)
    )
    value, place = carried[order][new], region[order][new]
    n_reads = np.diff(np.append(new, order.size))
    n_spanning = np.add.reduceat(spans[order].astype(np.int64), new) if new.size else n_reads
    several = (n_reads >= _MIN_SET_READS) & (value > 0)
    single, paired, paired_region = single_sets(events, kept)
    none = np.zeros(n_regions, dtype=np.int64)
    kinds = [none.size, int(several.sum()), whole.size, single.size, linked.size, paired.size]
    unread = np.zeros(sum(kinds[2:]), dtype=np.int64)
    table = [
        np.concatenate(
            [np.arange(n_regions), place[several], whole_region, kept.region, linked_region, paired_region]
        ),
        np.repeat(np.arange(len(kinds)), kinds),
        np.concatenate([none, -n_spanning[several], unread]),
        np.concatenate([none, -n_reads[several], unread]),
    ]
    sets = np.concatenate([none.astype(np.uint64), value[several], whole, single, linked, paired])
    return _best_distinct(sets, table, n_regions, config.max_haplotypes)


def covered_sets(events: ReadEvents, reads: RegionReads, region: np.ndarray, kept: KeptEvents) -> np.ndarray:
    """Return (n_reads,) uint64: bit k is set if the read reaches the place of its region's kept event k."""
    far = np.int64(1) << 40  # no row comes near it: regions and rows sort as one number
    places = kept.region * far + events.row[kept.number]
    first = np.searchsorted(places, region * far + reads.first_row) - kept.offsets[region]
    last = np.searchsorted(places, region * far + reads.last_row) - kept.offsets[region]
    return _lowest_bits(last) & ~_lowest_bits(first)


def usual_sets(carried: np.ndarray, covered: np.ndarray, region: np.ndarray, kept: KeptEvents) -> np.ndarray:
    """Return (n_regions,) uint64: the kept events that most reads which reach them have.

    A read that ends before such an event is not one without it.
    """
    usual = np.zeros(kept.offsets.size - 1, dtype=np.uint64)
    for k in range(int(np.diff(kept.offsets).max(initial=0))):
        bit = np.uint64(1) << np.uint64(k)
        here = (covered & bit) != 0
        n = np.bincount(region[here], minlength=usual.size)
        having = np.bincount(region[here & ((carried & bit) != 0)], minlength=usual.size)
        usual |= np.where(having > _USUAL * n, bit, np.uint64(0))
    return usual


def _kinds_of(
    some: np.ndarray, carried: np.ndarray, covered: np.ndarray, region: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return one of each kind of ``some`` reads, by region and both sets of events, and how many it has."""
    some = some[np.lexsort((carried[some], covered[some], region[some]))]
    new = np.flatnonzero(_changes(region[some], covered[some], carried[some]))
    return some[new], np.diff(np.append(new, some.size))


def completed_sets(
    carried: np.ndarray, covered: np.ndarray, events: ReadEvents, reads: RegionReads, region: np.ndarray,
    kept: KeptEvents,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Complete the sets of reads that cover a part of their region's events and contradict all whole sets.

    Such a read shows a haplotype that no read covers wholly: its events where it reaches, and beyond those of
    any read that covers all. Where reads are few, a haplotype often lacks a read over all of it.
    Only substitutions contradict: near a read's end the aligner shows no indel.

    Parameters
    ----------
    carried, covered : (n_reads,) uint64, as carried_sets and covered_sets give them

    Returns
    -------
    sets : (n,) uint64; regions : (n,) int64
    """
    n_events = np.diff(kept.offsets)[region]
    several = np.flatnonzero((n_events > 1) & (covered != 0))
    shown, n_reads = _kinds_of(several, carried, covered, region)
    least = np.minimum(_MIN_SET_READS, np.ceil(_SET_SHARE * reads.n_fragments[region[shown]]))
    shown = shown[n_reads >= least]
    is_whole = covered[shown] == _lowest_bits(n_events[shown])
    part, whole = shown[~is_whole], shown[is_whole]
    begin = np.searchsorted(region[whole], region[part])
    n_whole = np.searchsorted(region[whole], region[part], side="right") - begin
    pair = np.repeat(np.arange(part.size), n_whole)
    partner = whole[np.arange(pair.size) - np.repeat(np.cumsum(n_whole) - n_whole, n_whole) + begin[pair]]
    inside = covered[part[pair]]
    bit = np.uint64(1) << (np.arange(kept.number.size) - kept.offsets[kept.region]).astype(np.uint64)
    substitutions = np.zeros(reads.n_fragments.size, dtype=np.uint64)
    plain = np.flatnonzero(events.kind[kept.number] == kernels.SUBSTITUTION)
    np.bitwise_or.at(substitutions, kept.region[plain], bit[plain])
    differs = (carried[partner] ^ carried[part[pair]]) & inside & substitutions[region[part[pair]]]
    alone = np.bincount(pair[differs == 0], minlength=part.size) == 0
    chosen = alone[pair]
    sets = (carried[part[pair]] & inside) | (carried[partner] & ~inside)
    return sets[chosen], region[part[pair]][chosen]


def linked_sets(
    carried: np.ndarray, covered: np.ndarray, region: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Join the sets of reads of which each covers events that the other does not, and that share one.

    So a haplotype is found that is longer than a read; both sets must agree wherever both reads reach.

    Parameters
    ----------
    carried, covered : (n_reads,) uint64, as carried_sets and covered_sets give them

    Returns
    -------
    sets : (n,) uint64; regions : (n,) int64
    """
    carried = carried & covered
    shown, n_reads = _kinds_of(np.flatnonzero(carried != 0), carried, covered, region)
    shown = shown[n_reads >= _MIN_SET_READS]
    n_behind = np.searchsorted(region[shown], region[shown], side="right") - np.arange(shown.size) - 1
    first = np.repeat(np.arange(shown.size), n_behind)
    second = first + 1 + np.arange(first.size) - np.repeat(np.cumsum(n_behind) - n_behind, n_behind)
    one, two = shown[first], shown[second]
    both = covered[one] & covered[two]
    fits = (carried[one] & carried[two] != 0) & ((carried[one] ^ carried[two]) & both == 0)
    fits &= (covered[one] & ~both != 0) & (covered[two] & ~both != 0)
    return (carried[one] | carried[two])[fits], region[one][fits]


def _lowest_bits(n: np.ndarray) -> np.ndarray:
    """Return uint64 words whose ``n`` (0 to 64) lowest bits are set."""
    top = np.uint64(1) << np.minimum(n, 63).astype(np.uint64)
    return np.where(n > 63, ~np.uint64(0), top - np.uint64(1))


def single_sets(events: ReadEvents, kept: KeptEvents) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each kept event alone, and pairs of neighbours (with their region), carried by reads or not.

    In long repeats reads reach only one of two indels; a haplotype with both is tried all the same.
    """
    number = np.arange(kept.number.size)
    bit = np.uint64(1) << (number - kept.offsets[kept.region]).astype(np.uint64)
    row, kind, length = (column[kept.number] for column in (events.row, events.kind, events.length))
    end = row + np.where(kind == kernels.DELETION, length, np.where(kind == kernels.SUBSTITUTION, 1, 0))
    pairs, regions = [], []
    for lag in range(1, _MAX_LAG + 1):
        first, second = number[:-lag], number[lag:]
        fits = (kept.region[first] == kept.region[second]) & (end[first] < row[second])
        indel = (kind[first] != kernels.SUBSTITUTION) | (kind[second] != kernels.SUBSTITUTION)
        chosen = first[fits & indel]
        pairs.append(bit[chosen] | bit[chosen + lag])
        regions.append(kept.region[chosen])
    return bit, np.concatenate(pairs), np.concatenate(regions)


def _best_distinct(
    sets: np.ndarray, ranks: list[np.ndarray], n_regions: int, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Order by ``ranks`` (the first is the region), keep the first of equal sets and ``most`` of a region."""
    order = np.lexsort((sets, *reversed(ranks)))
    place, sets = ranks[0][order], sets[order]
    by_value = np.lexsort((sets, place))
    first = np.zeros(sets.size, dtype=bool)
    first[by_value[_changes(place[by_value], sets[by_value])]] = True
    place, sets = place[first], sets[first]
    keep = np.arange(sets.size) - np.searchsorted(place, place) < most
    return sets[keep], _starts(np.bincount(place[keep], minlength=n_regions))


def spanning_reads(reads: RegionReads, regions: np.ndarray) -> np.ndarray:
    """Return (n_regions,) int64: reads that cover the whole region."""
    region = np.repeat(np.arange(regions.shape[0]), np.diff(reads.region_offsets))
    spans = (reads.first_row <= regions[region, 0]) & (reads.last_row >= regions[region, 1])
    return np.bincount(region[spans], minlength=regions.shape[0])


def with_assembled(
    haplotypes: Haplotypes, alignments: Alignments, reads: RegionReads, uncertain: np.ndarray, window: Window,
    config: CallConfig,
) -> Haplotypes:  # fmt: skip
    """Add the haplotypes that local assembly of some regions gives.

    Parameters
    ----------
    reads : RegionReads of the regions ``uncertain`` ((n,) int64), cut wider than for comparison
    """
    pieces, sizes, regions = [haplotypes.sequences], [np.diff(haplotypes.offsets)], []  # few: a loop will do
    for i, region in enumerate(uncertain):
        sequences, offsets = _assemble(haplotypes, alignments, reads, i, region, window, config)
        pieces.append(sequences)
        sizes.append(np.diff(offsets))
        regions.append(np.full(offsets.size - 1, region))
    n_regions = haplotypes.region_offsets.size - 1
    first = np.repeat(np.arange(n_regions), np.diff(haplotypes.region_offsets))
    region = np.concatenate([first, *regions]).astype(np.int64)
    return _distinct(np.concatenate(pieces), _starts(np.concatenate(sizes)), region, haplotypes, config)


def _assemble(
    haplotypes: Haplotypes, alignments: Alignments, reads: RegionReads, i: int, region: int, window: Window,
    config: CallConfig,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    entries = slice(reads.region_offsets[i], reads.region_offsets[i + 1])
    begin, end = reads.begin[entries], reads.end[entries]
    offsets = _starts(end - begin)
    codes, quals = np.empty(offsets[-1], dtype=np.uint8), np.empty(offsets[-1], dtype=np.uint8)
    cut_reads(alignments.bases, begin, end, offsets, codes)
    cut_reads(alignments.quals, begin, end, offsets, quals)
    reference = window.reference[haplotypes.low[region] : haplotypes.high[region]]
    least_weight = max(config.min_support, int(config.min_event_fraction * reads.n_fragments[i]))
    limits = AssemblyLimits(
        config.min_base_quality, least_weight, config.max_paths, reference.size + 2 * config.assembly_flank
    )
    return assemble(codes, quals, offsets, reference, np.array(config.assembly_kmers), limits)


def _distinct(
    sequences: np.ndarray, offsets: np.ndarray, region: np.ndarray, haplotypes: Haplotypes, config: CallConfig
) -> Haplotypes:
    """Sort sequences by region, keep the first of equal ones and so many of a region as can be."""
    key = sequence_keys(sequences, offsets[:-1], offsets[1:])
    by_key = np.lexsort((key, region))
    keep = np.zeros(key.size, dtype=bool)
    keep[by_key[_changes(region[by_key], key[by_key])]] = True
    order = np.flatnonzero(keep)
    order = order[np.argsort(region[order], kind="stable")]
    place = region[order]
    most = config.max_haplotypes + config.max_paths
    order = order[np.arange(order.size) - np.searchsorted(place, place) < most]
    starts = _starts(offsets[order + 1] - offsets[order])
    out = np.empty(starts[-1], dtype=np.uint8)
    cut_reads(sequences, offsets[order], offsets[order + 1], starts, out)
    counts = np.bincount(region[order], minlength=haplotypes.region_offsets.size - 1)
    return haplotypes._replace(sequences=out, offsets=starts, region_offsets=_starts(counts))


def events_of(haplotypes: Haplotypes, regions: np.ndarray, window: Window) -> Events:
    """Align haplotypes to the reference and list the distinct events of each region.

    An indel may come to lie outside of the region when the whole haplotype is aligned; it belongs to the
    region unless it stands in another one.
    """
    n_regions = regions.shape[0]
    region = np.repeat(np.arange(n_regions), np.diff(haplotypes.region_offsets))
    found, key, offsets = event_kernels.haplotype_events(
        haplotypes.sequences,
        haplotypes.offsets,
        haplotypes.low[region],
        haplotypes.high[region],
        window.reference,
    )
    place = np.repeat(region, np.diff(offsets))
    before = np.concatenate([[0], regions[:-1, 1]])
    first = np.maximum(before, regions[:, 0] - _MAX_STRAY)
    behind = np.append(regions[1:, 0], window.reference.size)
    last = np.minimum(behind, regions[:, 1] + _MAX_STRAY)
    inside = (found[:, 0] >= first[place]) & (found[:, 0] < last[place])
    owner = np.repeat(np.arange(region.size), np.diff(offsets))[inside]
    found, key, place = found[inside], key[inside], place[inside]
    row, ref_length, alt_length = found[:, 0], found[:, 1], found[:, 3] - found[:, 2]
    order = np.lexsort((key, alt_length, ref_length, row, place))
    new = _changes(*(column[order] for column in (place, row, ref_length, alt_length, key)))
    number = np.empty(order.size, dtype=np.int64)
    number[order] = np.cumsum(new) - 1
    distinct = found[order[new]]
    region_offsets = _starts(np.bincount(place[order[new]], minlength=n_regions))
    row, ref_length, alt_begin, alt_end = (np.ascontiguousarray(column) for column in distinct.T)
    of_haplotype_offsets = _starts(np.bincount(owner, minlength=region.size))
    return Events(row, ref_length, alt_begin, alt_end, region_offsets, number, of_haplotype_offsets)
