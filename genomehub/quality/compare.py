"""Calls against truth, haplotype-aware: which variants of each side the other side has, too.

Variants are trimmed, gathered into clusters that cannot touch one another, and each cluster is matched on its
own: at once where both sides say the same, else by the search in ``haplotypes.py``. Counting by kind, region
and threshold is the business of ``scores.py``. Nothing here knows files.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from genomehub.config import EvaluateConfig
from genomehub.quality.haplotypes import CALLS, TRUTH, Event, match_cluster
from genomehub.types import Genotypes, NoProgress, Progress

#: Letters of the reference: (contig_index, start, end) -> text, shorter where the contig ends.
ReferenceText = Callable[[int, int, int], str]


class Kind(IntEnum):
    """What a variant does, by its called alleles: an indel if one changes the length, else an MNP if one
    changes several bases, else an SNV."""

    SNV = 0
    INDEL = 1
    MNP = 2


class TrimmedVariants(NamedTuple):
    """Variants of one side, without the bases that their alleles share at either end.

    contig_index, start, end : (n,) int64, the span of the reference that is replaced, 0-based
    bases : n pairs of the new bases on either haplotype, None where the haplotype keeps the reference
    kind : (n,) int8, Kind
    first, last : (n,) int64, how far the variant can be shifted in a repeat
    """

    contig_index: np.ndarray
    start: np.ndarray
    end: np.ndarray
    bases: list[tuple[str | None, str | None]]
    kind: np.ndarray
    first: np.ndarray
    last: np.ndarray


class Comparison(NamedTuple):
    """The outcome, variant by variant, in the order of the ``Genotypes`` given.

    truth, calls : TrimmedVariants of both sides
    truth_group, calls_group : (n,) int64, number of the group that a variant matched in, -1 where it did not;
        the members of a group spell the same haplotypes together
    truth_allele_match, calls_allele_match : (n,) bool, unmatched, but the other side has its alleles in
        another genotype
    n_inexact : clusters whose search was cut short (EvaluateConfig.max_states)
    """

    truth: TrimmedVariants
    calls: TrimmedVariants
    truth_group: np.ndarray
    calls_group: np.ndarray
    truth_allele_match: np.ndarray
    calls_allele_match: np.ndarray
    n_inexact: int


def compare(
    truth: Genotypes, calls: Genotypes, reference_text: ReferenceText, config: EvaluateConfig,
    progress: Progress | None = None,
) -> Comparison:  # fmt: skip
    """Match called variants with true ones.

    Parameters
    ----------
    truth, calls : genotypes of both sides, sorted
    reference_text : letters of the reference
    config : EvaluateConfig
    progress : told of variants as they are compared

    Notes
    -----
    A genotype matches as a whole: heterozygous called homozygous is unmatched on both sides (and an allele
    match). Swapping both sides swaps the outcome.
    """
    sides = (trim(truth, reference_text), trim(calls, reference_text))
    groups = [np.full(len(side.start), -1, dtype=np.int64) for side in sides]
    allele_match = [np.zeros(len(side.start), dtype=bool) for side in sides]
    n_groups = n_inexact = 0
    progress = progress or NoProgress()
    progress.start("compare", sum(len(side.start) for side in sides), "variants")
    for members in _clusters(sides, config.cluster_gap):
        progress.advance(sum(map(len, members)))
        if not members[TRUTH] or not members[CALLS]:
            continue
        pairs = _identical(sides, members)
        if pairs is None:
            pairs, is_exact = _search(sides, members, reference_text, config, _phases)
            n_inexact += not is_exact
        for matched in pairs:
            for side, index in matched:
                groups[side][index] = n_groups
            n_groups += 1
        unmatched = ([i for i in members[side] if groups[side][i] < 0] for side in (TRUTH, CALLS))
        rest: Members = (next(unmatched), next(unmatched))
        if rest[TRUTH] and rest[CALLS]:
            for side, index in itertools.chain(
                *_search(sides, rest, reference_text, config, _single_alleles)[0]
            ):
                allele_match[side][index] = True
    progress.finish()
    return Comparison(
        *sides, groups[TRUTH], groups[CALLS], allele_match[TRUTH], allele_match[CALLS], n_inexact
    )


Members = tuple[list[int], list[int]]
Matched = list[list[tuple[int, int]]]


def _identical(sides: tuple[TrimmedVariants, ...], members: Members) -> Matched | None:
    """Pair the variants of a cluster whose sides say the same and do not overlap: the usual case."""
    if len(members[TRUTH]) != len(members[CALLS]):
        return None
    keys = [sorted((_key(sides[side], i), i) for i in members[side]) for side in (TRUTH, CALLS)]
    if any(a != b for (a, _), (b, _) in zip(*keys, strict=True)):
        return None
    spans = [key[:2] for key, _ in keys[TRUTH]]
    if any(after[0] < before[1] or after == before for before, after in itertools.pairwise(spans)):
        return None
    return [[(TRUTH, t), (CALLS, c)] for (_, t), (_, c) in zip(*keys, strict=True)]


def _key(side: TrimmedVariants, i: int) -> tuple[int, int, str, str]:
    first, second = sorted("." if bases is None else bases for bases in side.bases[i])
    return int(side.start[i]), int(side.end[i]), first, second


def _search(
    sides: tuple[TrimmedVariants, ...], members: Members, reference_text: ReferenceText,
    config: EvaluateConfig, options: Callable[[tuple[str | None, str | None]], Iterable[tuple]],
) -> tuple[Matched, bool]:  # fmt: skip
    events = [
        Event(
            int(sides[side].start[i]), int(sides[side].end[i]), tuple(options(sides[side].bases[i])), side, i
        )
        for side in (TRUTH, CALLS)
        for i in members[side]
    ]
    contig = int(sides[TRUTH].contig_index[members[TRUTH][0]])
    start, end = min(event.start for event in events), max(event.end for event in events)
    match = match_cluster(events, reference_text(contig, start, end + 1), start, config.max_states)
    return [[(event.side, event.member) for event in group] for group in match.groups], match.is_exact


def _phases(bases: tuple[str | None, str | None]) -> Iterable[tuple[str | None, str | None]]:
    return dict.fromkeys((bases, bases[::-1]))


def _single_alleles(bases: tuple[str | None, str | None]) -> Iterable[tuple[str]]:
    return dict.fromkeys((allele,) for allele in bases if allele is not None)


def _clusters(sides: tuple[TrimmedVariants, ...], gap: int) -> Iterator[Members]:
    """Yield the variants of both sides between stretches of ``gap`` bp that none can reach."""
    side = np.concatenate([np.full(len(s.start), i, dtype=np.int8) for i, s in enumerate(sides)])
    index = np.concatenate([np.arange(len(s.start)) for s in sides])
    contig, first, last = (
        np.concatenate([getattr(s, name) for s in sides]) for name in ("contig_index", "first", "last")
    )
    order = np.lexsort((last, first, contig))
    members: Members = ([], [])
    reached, contig_before = 0, -1
    for which, i, c, f, e in zip(
        *(a[order].tolist() for a in (side, index, contig, first, last)), strict=True
    ):
        if c != contig_before or f > reached + gap:
            if members[0] or members[1]:
                yield members
            members, reached, contig_before = ([], []), e, c
        members[which].append(i)
        reached = max(reached, e)
    if members[0] or members[1]:
        yield members


def trim(genotypes: Genotypes, reference_text: ReferenceText) -> TrimmedVariants:
    """Trim the called alleles of each record against REF, classify it, find how far it can be shifted."""
    starts, ends, bases, kinds, firsts, lasts = [], [], [], [], [], []
    rows = zip(
        genotypes.contig_index.tolist(), genotypes.position.tolist(), genotypes.alleles,
        genotypes.genotype.tolist(), strict=True,
    )  # fmt: skip
    for contig, position, alleles, genotype in rows:
        start, end, pair = trimmed(position - 1, alleles, genotype)
        first, last = start, end
        for allele in pair:
            if allele is not None and (start == end) != (allele == ""):
                left, right = shifts(contig, start, end, allele, reference_text)
                first, last = min(first, start - left), max(last, end + right)
        starts.append(start)
        ends.append(end)
        bases.append(pair)
        kinds.append(_kind(end - start, pair, alleles, genotype))
        firsts.append(first)
        lasts.append(last)
    columns = (np.array(column, dtype=np.int64) for column in (starts, ends, firsts, lasts))
    start_array, end_array, first_array, last_array = columns
    return TrimmedVariants(
        genotypes.contig_index.astype(np.int64), start_array, end_array, bases,
        np.array(kinds, dtype=np.int8), first_array, last_array,
    )  # fmt: skip


def trimmed(
    start: int, alleles: tuple[str, ...], genotype: Iterable[int]
) -> tuple[int, int, tuple[str | None, str | None]]:
    """Return the span of the reference that a genotype replaces, and the new bases of both haplotypes.

    Examples
    --------
    >>> trimmed(100, ("CAT", "CT", "CATT"), (1, 2))
    (101, 102, ('', 'AT'))
    """
    called = [None if allele == 0 else alleles[allele] for allele in genotype]
    texts = [alleles[0], *(text for text in called if text is not None)]
    shortest = min(map(len, texts))
    suffix = 0
    while suffix < shortest and len({text[len(text) - 1 - suffix] for text in texts}) == 1:
        suffix += 1
    prefix = 0
    while prefix < shortest - suffix and len({text[prefix] for text in texts}) == 1:
        prefix += 1
    cut = [None if text is None else text[prefix : len(text) - suffix] for text in called]
    return start + prefix, start + len(alleles[0]) - suffix, (cut[0], cut[1])


def shifts(contig: int, start: int, end: int, allele: str, reference_text: ReferenceText) -> tuple[int, int]:
    """Return by how many bp an insertion (start == end) or deletion can be shifted left and right.

    Examples
    --------
    >>> shifts(0, 3, 4, "", lambda contig, start, end: "CAAAAG"[max(start, 0) : end])
    (2, 1)
    """
    unit = allele or reference_text(contig, start, end)
    left = _n_repeated(unit[::-1], _letters(contig, start, -1, reference_text))
    return left, _n_repeated(unit, _letters(contig, end, 1, reference_text))


def _n_repeated(unit: str, letters: Iterator[str]) -> int:
    """Count the letters that go on repeating ``unit``."""
    n = 0
    for base in letters:
        if base != unit[n % len(unit)]:
            break
        n += 1
    return n


def _letters(contig: int, position: int, step: int, reference_text: ReferenceText) -> Iterator[str]:
    """Letters from ``position`` on to the right, or before it to the left."""
    size = 32
    while True:
        if step > 0:
            text = reference_text(contig, position, position + size)
            position += size
        else:
            text = reference_text(contig, max(position - size, 0), position)[::-1] if position > 0 else ""
            position -= size
        yield from text
        if len(text) < size:
            return
        size *= 2


def _kind(
    span: int, bases: tuple[str | None, str | None], alleles: tuple[str, ...], genotype: Iterable[int]
) -> Kind:
    ref_length = len(alleles[0])
    lengths = {len(alleles[allele]) for allele in genotype if allele > 0}
    if lengths != {ref_length}:
        return Kind.INDEL
    changed = max(
        sum(a != b for a, b in zip(alleles[0], alleles[allele], strict=True))
        for allele in genotype
        if allele > 0
    )
    return Kind.SNV if changed <= 1 else Kind.MNP
