"""The caller on invented diploids: what was put in comes out, and nothing else, however the window is cut."""

import dataclasses

import numpy as np
import pytest
from builders.calling import (
    Read,
    aligned_read,
    apply_edits,
    codes,
    diploid_reads,
    make_records,
    random_sequence,
    reference_span,
)

from genomehub.config import CallConfig
from genomehub.types import Interval, Records
from genomehub.variants.annotations import FILTERS
from genomehub.variants.caller import call_interval

CONFIG = CallConfig()
LENGTH = 1_000
START = 5_000  # of the window on its contig


def context(middle):
    """A reference with ``middle`` at place 500, random elsewhere."""
    sides = random_sequence(500, seed=21), random_sequence(LENGTH - 500 - len(middle), seed=22)
    return middle.join(sides)


def shifted(records, distance=START):
    return records._replace(start=records.start + np.int32(distance), end=records.end + np.int32(distance))


def call(reference, records, first=0, last=LENGTH, config=CONFIG, features=False):
    interval = Interval(0, START + first, START + last)
    return call_interval(shifted(records), codes(reference), START, interval, config, features=features)


def genotypes(calls):
    """[(place, alleles, genotype)] of passing sites."""
    v = calls.variants
    return [
        (int(position) - 1 - START, [str(a) for a in alleles if a], genotype[0].tolist())
        for position, alleles, genotype, filters in zip(
            v["variant_position"], v["variant_allele"], v["call_genotype"], v["variant_filter"], strict=True
        )
        if filters[0]
    ]


def called(reference, first, second, **options):
    return genotypes(call(reference, diploid_reads(reference, first, second, **options)))


MIDDLE = "GATCCGTATTACGCAAAAAAAAAATGCTACGATCGGTACC"


@pytest.mark.parametrize(
    ("middle", "first", "second", "expected"),
    [
        (MIDDLE, [], [(505, "G", "T")], [(505, ["G", "T"], [0, 1])]),
        (MIDDLE, [(505, "G", "T")], [(505, "G", "T")], [(505, ["G", "T"], [1, 1])]),
        (MIDDLE, [(505, "G", "T")], [(505, "G", "A")], [(505, ["G", "A", "T"], [1, 2])]),
        (MIDDLE, [(513, "CA", "C")], [(513, "CA", "C")], [(513, ["CA", "C"], [1, 1])]),
        (MIDDLE, [], [(504, "C", "CTTGAG")], [(504, ["C", "CTTGAG"], [0, 1])]),
        (MIDDLE, [(513, "CA", "C")], [(513, "CAAA", "C")], [(513, ["CAAA", "C", "CAA"], [1, 2])]),
        (MIDDLE, [(502, "T", "A"), (503, "C", "G"), (507, "A", "C")], [],
         [(502, ["T", "A"], [0, 1]), (503, ["C", "G"], [0, 1]), (507, ["A", "C"], [0, 1])]),
        (MIDDLE, [(502, "TCCGTATTAC", "T")], [(507, "A", "C")],
         [(502, ["TCCGTATTAC", "T"], [0, 1]), (507, ["A", "C", "*"], [1, 2])]),
        (MIDDLE, [(502, "TCCGTATTACGCAAAAAAAAAATGCTACGA", "T")], [],
         [(502, ["TCCGTATTACGCAAAAAAAAAATGCTACGA", "T"], [0, 1])]),
        (MIDDLE, [], [(502, "T", "T" + "GATTACA" * 8)], [(502, ["T", "T" + "GATTACA" * 8], [0, 1])]),
        (MIDDLE, [], [], []),
    ],
    ids=["het_snv", "hom_snv", "two_alts", "hom_deletion_in_homopolymer", "het_insertion", "two_deletions",
         "cluster", "deletion_spans_snv", "long_deletion", "long_insertion", "nothing"],
)  # fmt: skip
def test_call_interval__by_hand(middle, first, second, expected):
    found = called(context(middle), first, second, depth=40)
    wanted = [(place, sorted(alleles[1:]), genotype) for place, alleles, genotype in expected]
    assert [(place, sorted(alleles[1:]), genotype) for place, alleles, genotype in found] == wanted
    assert [alleles[0] for _, alleles, _ in found] == [alleles[0] for _, alleles, _ in expected]


def test_call_interval__numbers_of_a_het_snv():
    reference = context(MIDDLE)
    calls = call(reference, diploid_reads(reference, [], [(505, "G", "T")], depth=40))
    v = calls.variants
    ref, alt = v["call_AD"][0, 0, :2].tolist()
    assert min(ref, alt) > 8
    assert v["call_DP"][0, 0] == v["variant_DP"][0] == ref + alt
    assert v["call_SB"][0, 0].sum() == ref + alt
    # that foreign fragments of MAPQ 60 mimic a het SNV is as likely as 10^-9, a het SNV 10^-3
    assert v["call_GQ"][0, 0] == 60
    assert v["call_PL"][0, 0].tolist()[1] == 0
    assert min(v["call_PL"][0, 0].tolist()[:3:2]) == 90
    assert v["variant_quality"][0] == pytest.approx(60, abs=0.1)
    assert v["variant_MQ"][0] == 60
    assert abs(float(v["variant_BaseQRankSum"][0])) < 1e-6  # all qualities are the same


def test_call_interval__snvs_at_errors_of_one_strand_are_not_called():
    reference = context(MIDDLE)
    good = diploid_reads(reference, [], [], depth=40)
    sequence, places = apply_edits(reference, [(505, "G", "T")])
    quals = np.full(100, 35)
    bad = []
    for begin in range(420, 480, 4):  # all reverse, with poor quality where they err
        read = aligned_read(sequence, places, begin, 100, flag=16)
        read_quals = quals.copy()
        read_quals[505 - begin] = 8
        bad.append(read._replace(quals=read_quals))
    both = Records(*(_joined(field, good, make_records(bad)) for field in Records._fields))
    assert genotypes(call(reference, _sorted(both))) == []


def test_call_interval__insertion_that_only_clips_show():
    reference, inserted = random_sequence(LENGTH, seed=51), random_sequence(55, seed=52)
    sequence, places = apply_edits(reference, [(500, reference[500], reference[500] + inserted)])
    reads = [_clipped(aligned_read(sequence, places, begin, 100)) for begin in range(0, 950, 5)]
    reads = [read for read in reads if read is not None]
    assert not any(op == "I" for read in reads for _, op in read.cigar)
    found = genotypes(call(reference, make_records(reads)))
    assert [(len(alleles[1]) - len(alleles[0]), genotype) for _, alleles, genotype in found] == [(55, [1, 1])]


def test_call_interval__indels_of_long_units_that_alignments_show_as_mismatches():
    unit = random_sequence(24, seed=53)
    other = unit[:10] + ("A" if unit[10] != "A" else "C") + unit[11:]
    reference = context(unit + unit + other + unit)
    for edit in ((499, reference[499], reference[499] + other), (523, reference[523:548], reference[523])):
        reads = []
        for edits in ([], [edit]):
            sequence, places = apply_edits(reference, edits)
            reads += [_ungapped(aligned_read(sequence, places, n, 120), reference) for n in range(0, 800, 7)]
        assert {op for read in reads for _, op in read.cigar} == {"M"}
        found = genotypes(call(reference, make_records(reads)))
        spelled = [
            apply_edits(reference, [(place, a[0], a[g[1]])])[0] for place, a, g in found if g == [0, 1]
        ]
        assert spelled == [apply_edits(reference, [edit])[0]]


def test_call_interval__deletion_of_a_unit_that_alignments_show_as_substitutions():
    reference = context("TTCC" * 16 + "TTCT" + "TTCC" * 6)
    edit = (567, "TTTCC", "T")
    reads = []
    for edits in ([], [edit]):
        sequence, places = apply_edits(reference, edits)
        reads += [_ungapped(aligned_read(sequence, places, n, 90), reference) for n in range(0, 800, 7)]
    assert {op for read in reads for _, op in read.cigar} == {"M"}
    assert genotypes(call(reference, make_records(reads))) == [(567, ["TTTCC", "T"], [0, 1])]


def _ungapped(read, reference):
    """The read without gaps, at the end of its alignment that fits better."""
    n, end = len(read.bases), read.start + reference_span(read.cigar)
    starts = (read.start, end - n)
    wrong = [sum(a != b for a, b in zip(read.bases, reference[at : at + n], strict=True)) for at in starts]
    return read._replace(start=starts[wrong[1] < wrong[0]], cigar=[(n, "M")])


def test_call_interval__haplotype_that_no_read_covers():
    reference = context(MIDDLE)
    first, second = [(505, "G", "T"), (527, "T", "C"), (530, "G", "C")], [(505, "G", "T"), (530, "G", "C")]
    reads = []
    for edits, begins in ((first, (440, 445, 450, 460)), (second, (410, 415, 420, 510, 512, 515))):
        sequence, places = apply_edits(reference, edits)
        reads += [aligned_read(sequence, places, begin, 100) for begin in begins]
    found = genotypes(call(reference, make_records(reads)))
    assert [(place, genotype) for place, _, genotype in found] == [
        (505, [1, 1]),
        (527, [0, 1]),
        (530, [1, 1]),
    ]


def _clipped(read):
    """The read as an aligner gives it that clips at an insertion instead of placing it."""
    at = next((i for i, (_, op) in enumerate(read.cigar) if op == "I"), None)
    if at is None:
        return read
    (before, _), (n, _), (after, _) = read.cigar
    if before >= after:
        return read._replace(cigar=[(before, "M"), (n + after, "S")])
    return read._replace(start=read.start + before, cigar=[(before + n, "S"), (after, "M")])


def test_call_interval__deletion_that_moves_out_of_its_region():
    """20:37258690-37258830 of NA12878: aligners open one gap of 23 bp, the haplotype spells gaps of 18 and 5.

    The first stands 18 bp in front of what reads show; it was left out, and the second reported alone.
    """
    text = "CCTCCTCCTTCTTTTTTCTTTCTTTCTTTCTTTCTTTTTCTTTCTTTCTTTCTTTGTTTTTCTTTTCTTTCTCTTTCTTTCCTTTCTTTC"
    as_aligned = [(537, "T", "G"), (538, text[38:62], text[38])]
    found = called(context(text), [], as_aligned, length=150, depth=40)
    assert found == [(517, ["CTTTCTTTCTTTCTTTCTT", "C"], [0, 1]), (556, ["TTTTTC", "T"], [0, 1])]


def test_call_interval__low_mapping_quality_is_ignored():
    reference = context(MIDDLE)
    records = diploid_reads(reference, [], [(505, "G", "T")])
    poor = records._replace(mapping_quality=np.full_like(records.mapping_quality, 5))
    calls = call(reference, poor)
    assert genotypes(calls) == []
    assert len(calls.blocks["block_start"]) == 0


def test_call_interval__blocks_cover_what_variants_leave():
    reference = context(MIDDLE)
    calls = call(
        reference, diploid_reads(reference, [(502, "TCCGTATTAC", "T")], [(600, *_other(reference, 600))])
    )
    covered = np.zeros(LENGTH, int)
    for start, end in zip(calls.blocks["block_start"], calls.blocks["block_end"], strict=True):
        covered[start - START : end - START] += 1
    for place, alleles, _ in genotypes(calls):
        covered[place : place + len(alleles[0])] += 1
    assert set(covered[100:900].tolist()) == {1}


def test_call_interval__features_of_sites_called_and_rejected():
    reference = context(MIDDLE)
    records = diploid_reads(reference, [], [(505, "G", "T")], depth=40)
    few = np.flatnonzero((records.start < 590) & (records.end > 610))[:4]
    bases = records.bases.copy()
    for read in few:  # an error that four reads share
        at = records.offsets[read] + 600 - records.start[read]
        bases[at] = (bases[at] + 1) % 4
    calls = call(reference, records._replace(bases=bases), features=True)
    features = calls.candidates
    assert call(reference, records._replace(bases=bases)).candidates is None
    at = (features["candidate_position"] - START - 1).tolist()
    called, error = at.index(505), at.index(600)
    assert features["candidate_called"][[called, error]].tolist() == [True, False]
    assert features["candidate_alt"][called] == "T"
    assert features["candidate_QUAL"][called] == pytest.approx(calls.variants["variant_quality"][0], abs=0.01)
    assert features["candidate_SB"][called].tolist() == calls.variants["call_SB"][0, 0].tolist()
    assert features["candidate_SB"][error, 2:].sum() == 4
    none, some, only = features["candidate_PL"][error].tolist()
    assert (some, features["candidate_PL"][called].argmin()) == (0, 1)
    assert none < only
    assert features["candidate_mean_end_distance"].shape == (len(at), 2)


@pytest.mark.parametrize("size", [37, 250, 500])
def test_call_interval__does_not_depend_on_the_cut(size):
    reference = context(MIDDLE)
    edits = (
        [(502, "TCCGTATTAC", "T")],
        [(507, "A", "C"), (530, *_other(reference, 530)), (700, *_other(reference, 700))],
    )
    records = diploid_reads(reference, *edits, depth=40, error_rate=0.004)
    whole = call(reference, records)
    parts = [call(reference, records, first, min(LENGTH, first + size)) for first in range(0, LENGTH, size)]
    assert len(whole.variants["variant_position"]) >= 4
    for name, column in whole.variants.items():
        joined = np.concatenate([part.variants[name] for part in parts if len(part.variants[name])])
        assert np.array_equal(column, joined, equal_nan=column.dtype.kind == "f"), name
    covered = [_covered(part) for part in ([whole], parts)]
    assert covered[0] == covered[1]


def test_call_interval__does_not_depend_on_the_window():
    reference = random_sequence(2_500, seed=31)
    edits = [(1_202, *_other(reference, 1_202)), (1_240, reference[1_240:1_244], reference[1_240])]
    records = diploid_reads(reference, edits, [], depth=40, error_rate=0.004)
    answers = []
    for low, high in ((0, 2_500), (313, 2_111)):
        keep = (records.end > low) & (records.start < high)
        calls = call_interval(
            _subset(records, keep), codes(reference[low:high]), low, Interval(0, 1_150, 1_300), CONFIG,
            features=True,
        )  # fmt: skip
        answers.append(calls)
    assert len(answers[0].variants["variant_position"]) == 2
    for one, two in zip(answers[0][:2], answers[1][:2], strict=True):
        assert all(
            np.array_equal(one[name], two[name], equal_nan=one[name].dtype.kind == "f") for name in one
        )
    assert len(answers[0].links) == 1
    assert np.array_equal(answers[0].links, answers[1].links)


def test_call_interval__very_deep_place_is_thinned():
    reference = context(MIDDLE)
    config = dataclasses.replace(CONFIG, max_reads=60)
    records = diploid_reads(reference, [], [(505, "G", "T")], depth=800)
    calls = call(reference, records, config=config)
    assert genotypes(calls) == [(505, ["G", "T"], [0, 1])]
    assert 30 <= calls.variants["variant_DP"][0] <= 90


def test_call_interval__strange_cigars():
    reference = context(MIDDLE)
    base = reference[450:550]
    reads = [
        Read(450, [(3, "H"), (50, "="), (50, "=")], base),
        Read(450, [(40, "M"), (100, "N"), (40, "M")], reference[450:490] + reference[590:630]),
        Read(450, [(40, "M"), (2, "P"), (60, "M")], base),
        Read(450, [(100, "S")], base),
        Read(900, [(150, "M")], reference[900:] + "A" * 50),  # reaches beyond the window
    ]
    assert all(reference_span(read.cigar) >= 0 for read in reads)
    calls = call(reference, make_records(reads))
    assert genotypes(calls) == []


def test_call_interval__no_reads():
    calls = call(context(MIDDLE), make_records([]))
    assert len(calls.variants["variant_position"]) == 0
    assert len(calls.blocks["block_start"]) == 0


def test_filters__order_of_columns():
    assert FILTERS == ("LowQual", "LowDepth", "StrandBias", "LowMQ", "ReadBias", "HighDepth")


def _other(reference, place):
    return reference[place], "ACGT"[("ACGT".index(reference[place]) + 1) % 4]


def _covered(parts):
    return {
        (place, int(quality))
        for part in parts
        for start, end, quality in zip(
            part.blocks["block_start"], part.blocks["block_end"], part.blocks["block_band"], strict=True
        )
        for place in range(start, end)
    }


def _subset(records, keep):
    from genomehub.formats.alignment_depth import select_records

    return select_records(records, keep)


def _joined(field, one, two):
    a, b = getattr(one, field), getattr(two, field)
    if field in ("offsets", "cigar_offsets"):
        return np.concatenate([a, a[-1] + b[1:]])
    return np.concatenate([a, b])


def _sorted(records):
    order = np.argsort(records.start, kind="stable")
    pick = np.concatenate([np.arange(records.offsets[i], records.offsets[i + 1]) for i in order])
    ops = np.concatenate([np.arange(records.cigar_offsets[i], records.cigar_offsets[i + 1]) for i in order])
    flat = {"bases": records.bases[pick], "quals": records.quals[pick], "cigars": records.cigars[ops]}
    for name in ("offsets", "cigar_offsets"):
        sizes = np.diff(getattr(records, name))[order]
        flat[name] = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    rows = {name: getattr(records, name)[order] for name in Records._fields if name not in flat}
    return Records(**flat, **rows)


@pytest.mark.parametrize(("mate_start", "sure"), [(460, True), (540, False)])
def test_call__amplicon_of_low_base_quality(mate_start, sure):
    """All fragments start at one base. Read by one strand alone, errors of a quality drop explain as much."""
    reference = context("ACGT")
    first, second = reference, reference[:520] + "ACGT"["CGTA".index(reference[520])] + reference[521:]
    reads = []
    for name in range(60):
        own, end = (first, second)[name % 2], mate_start + 110
        reads.append(Read(400, [(130, "M")], own[400:530], 20, 0x63, 60, name, mate_start, end - 400))
        mate = own[mate_start:end]
        reads.append(Read(mate_start, [(110, "M")], mate, 20, 0x93, 60, name, 400, 400 - end))
    variants = call(reference, make_records(reads)).variants
    assert variants["call_genotype"][0, 0].tolist() == [0, 1]
    assert (variants["call_GQ"][0, 0] >= 50) == sure
