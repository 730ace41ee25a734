"""map_batch on simulated reads with known places, and what SAM demands of every row."""

import dataclasses
import re

import numpy as np
import pytest
from builders.reads import (
    cigar_text,
    make_batch,
    mutate,
    pack_reference,
    random_codes,
    real_slice,
    reverse_complement,
)
from plain.extension import best_part

from genomehub.align.index import build_seed_index
from genomehub.align.mapper import estimate_insert_sizes, map_batch
from genomehub.align.pairing import model_of
from genomehub.config import AlignConfig, IndexConfig
from genomehub.errors import ConfigError, InputError
from genomehub.types import AlignmentBatch, Flag, InsertSizeModel, PackedReference

CONFIG = AlignConfig()
BESIDE = Flag.SECONDARY | Flag.SUPPLEMENTARY
MODEL = InsertSizeModel(400.0, 50.0, 200, 600, 1000)
CONTIGS = (real_slice(480_000, 620_000), real_slice(700_000, 760_000))


@pytest.fixture(scope="module")
def genome():
    bases = pack_reference(CONTIGS)
    return build_seed_index(bases), bases


def run_all(genome, reads, n_ends=1, first_template=0, model=MODEL, config=CONFIG):
    return map_batch(make_batch(reads, n_ends, first_template), *genome, config, model)


def run(*arguments, **options):
    """The primary rows of run_all."""
    return rows_where(run_all(*arguments, **options), lambda flag: flag & BESIDE == 0)


def rows_where(result, wanted):
    rows = np.flatnonzero(wanted(result.flag))
    cigars = [result.cigars[result.cigar_offsets[i] : result.cigar_offsets[i + 1]] for i in rows]
    columns = {
        name: column[rows] for name, column in result._asdict().items() if not name.startswith("cigar")
    }
    return AlignmentBatch(
        **columns,
        cigars=np.concatenate([np.empty(0, np.uint32), *cigars]),
        cigar_offsets=np.cumsum([0, *map(len, cigars)]),
    )


def cigar_of(result, row):
    return cigar_text(result.cigars[result.cigar_offsets[row] : result.cigar_offsets[row + 1]])


def simulate_pairs(rng, n, length, error_rate=0.005):
    """Pairs from both contigs and strands; returns reads and, for each, (contig, start, strand)."""
    reads, truth = [], []
    for _ in range(n):
        contig = int(rng.integers(0, 2))
        insert = max(length, int(rng.normal(400, 50)))
        start = int(rng.integers(0, CONTIGS[contig].size - insert))
        left = CONTIGS[contig][start : start + length]
        right = CONTIGS[contig][start + insert - length : start + insert]
        pair = [mutate(rng, left, error_rate), reverse_complement(mutate(rng, right, error_rate))]
        places = [(contig, start, 0), (contig, start + insert - length, 1)]
        order = [0, 1] if rng.random() < 0.5 else [1, 0]
        reads += [pair[i] for i in order]
        truth += [places[i] for i in order]
    return reads, truth


@pytest.mark.parametrize("length", [50, 76, 101, 150, 250, 500])
def test_map_batch__simulated_pairs_of_every_length(genome, length):
    reads, truth = simulate_pairs(np.random.default_rng(length), 400, length)
    result = run(genome, reads, n_ends=2, model=InsertSizeModel(420.0, 60.0, 150, 800, 1000))
    mapped = np.array([(c, s) for c, s, _ in truth])
    near = (result.contig_index == mapped[:, 0]) & (abs(result.start - mapped[:, 1]) <= 5)
    sure = result.mapping_quality >= 20
    assert near.mean() > 0.985
    assert (near | ~sure).all()
    assert sure.mean() > 0.97
    strands = (result.flag & Flag.REVERSE) > 0
    assert (strands == np.array([t for _, _, t in truth]))[near].all()


@pytest.mark.parametrize("length", [30, 36, 40])
def test_map_batch__short_single_reads(genome, length):
    rng = np.random.default_rng(length)
    starts = rng.integers(0, CONTIGS[0].size - length, 500)
    result = run(genome, [CONTIGS[0][start : start + length] for start in starts])
    placed = (result.flag & Flag.UNMAPPED) == 0
    near = abs(result.start - starts) <= 5
    assert placed.mean() > 0.98  # a seed is needed: 997 of 1,000 reads of 30 bp hold one
    assert near[placed & (result.mapping_quality >= 20)].all()


@pytest.mark.parametrize("indel", [-20, -12, -5, -1, 1, 5, 12, 20])
def test_map_batch__indels_up_to_20_bp(genome, indel):
    rng = np.random.default_rng(100 + indel)
    n, right, cigars = 200, 0, 0
    starts = rng.integers(0, CONTIGS[0].size - 200, n)
    reads = [mutate(rng, CONTIGS[0][start : start + 150 - min(indel, 0)], 0.0, indel) for start in starts]
    reads = [read[:150] for read in reads]
    flipped = [reverse_complement(read) if i % 2 else read for i, read in enumerate(reads)]
    result = run(genome, flipped)
    for i in range(n):
        right += abs(int(result.start[i]) - int(starts[i])) <= 5
        cigars += f"{abs(indel)}{'D' if indel < 0 else 'I'}" in cigar_of(result, i)
    assert right >= 0.98 * n
    assert cigars >= 0.9 * n


def test_map_batch__mixed_lengths_with_empty_and_tiny_reads(genome):
    contig = CONTIGS[1]
    reads = [contig[100:400], [], contig[5:15], contig[1000:1101], np.full(80, 4, np.uint8), contig[50:550]]
    result = run(genome, reads)
    unmapped = (result.flag & Flag.UNMAPPED) > 0
    assert unmapped.tolist() == [False, True, True, False, True, False]
    assert result.start[~unmapped].tolist() == [100, 1000, 50]
    assert [cigar_of(result, i) for i in range(6)] == ["300M", "*", "*", "101M", "*", "500M"]
    assert (result.contig_index[unmapped] == -1).all()
    assert (result.start[unmapped] == -1).all()
    assert (result.mapping_quality[unmapped] == 0).all()


def test_map_batch__empty_batch(genome):
    assert run(genome, []).flag.size == 0
    assert run(genome, [], n_ends=2).flag.size == 0


def test_map_batch__ns_in_the_read(genome):
    read = CONTIGS[0][5000:5150].copy()
    read[[40, 90]] = 4
    result = run(genome, [read])
    assert (int(result.start[0]), cigar_of(result, 0), int(result.score[0])) == (5000, "150M", 140)


@pytest.mark.parametrize("contig", [0, 1])
def test_map_batch__ends_of_contigs_clip(genome, contig):
    """A read that hangs over a contig's end is clipped there, on either strand."""
    rng = np.random.default_rng(3)
    codes = CONTIGS[contig]
    first = np.concatenate([random_codes(rng, 30), codes[:120]])
    last = np.concatenate([codes[-120:], random_codes(rng, 30)])
    reads = [codes[:150], codes[-150:], first, last, reverse_complement(first), reverse_complement(last)]
    result = run(genome, reads)
    end = codes.size
    assert result.contig_index.tolist() == [contig] * 6
    assert result.start.tolist() == [0, end - 150, 0, end - 120, 0, end - 120]
    assert [cigar_of(result, i) for i in range(2)] == ["150M", "150M"]
    for row in (2, 4):
        assert cigar_of(result, row) == "30S120M"
    for row in (3, 5):
        assert cigar_of(result, row) == "120M30S"


def test_map_batch__read_over_two_contigs_stays_on_one(genome):
    read = np.concatenate([CONTIGS[0][-100:], CONTIGS[1][:50]])
    result = run(genome, [read])
    assert (int(result.contig_index[0]), cigar_of(result, 0)) == (0, "100M50S")


def rows_of(result):
    return [(int(f), int(c), int(s), cigar_of(result, i)) for i, (f, c, s) in enumerate(
        zip(result.flag, result.contig_index, result.start, strict=True))]  # fmt: skip


def test_map_batch__split_read_has_a_supplementary_row(genome):
    """The longer part is primary, the other hard-clipped; mates point to primary rows."""
    one, two = CONTIGS
    left = np.concatenate([one[9000:9090], reverse_complement(two[5000:5060])])
    right = reverse_complement(one[9250:9400])
    result = run_all(genome, [left, right], n_ends=2)
    assert rows_of(result) == [
        (99, 0, 9000, "90M60S"), (0x800 | 115, 1, 5000, "60M90H"), (147, 0, 9250, "150M"),
    ]  # fmt: skip
    assert result.mate_start.tolist() == [9250, 9250, 9000]
    assert result.template_length.tolist() == [400, 0, -400]
    assert result.score.tolist() == [90, 60, 150]
    assert (result.mapping_quality == 60).all()
    assert result.read_index.tolist() == [0, 0, 1]
    soft = run_all(
        genome, [left, right], n_ends=2, config=dataclasses.replace(CONFIG, soft_clip_supplementary=True)
    )
    assert cigar_of(soft, 1) == "60M90S"


@pytest.mark.parametrize(
    ("deletion", "left", "cigars"),
    [
        (60, 100, ["100M50S", "100H50M"]),  # crossing costs 66 of the 50 bases beyond
        (60, 75, ["75M60D75M"]),
        (90, 60, ["60S90M", "60M90H"]),
        (500, 75, ["75M75S", "75H75M"]),
    ],
)
def test_map_batch__long_deletion_is_crossed_or_split(genome, deletion, left, cigars):
    start = 30_000
    read = np.concatenate(
        [CONTIGS[0][start : start + left], CONTIGS[0][start + left + deletion : start + deletion + 150]]
    )
    found = [cigar_of(run_all(genome, [read]), i) for i in range(len(cigars))]
    lengths = [[int(n) for n in re.findall("[0-9]+", cigar)] for cigar in found]
    assert [re.sub("[0-9]+", "", cigar) for cigar in found] == [re.sub("[0-9]+", "", c) for c in cigars]
    for got, wanted in zip(lengths, cigars, strict=True):  # equal bases on both sides may shift the break
        assert np.allclose(got, [int(n) for n in re.findall("[0-9]+", wanted)], atol=6)


def test_map_batch__three_parts(genome):
    one, two = CONTIGS
    read = np.concatenate([one[9000:9080], two[5000:5060], reverse_complement(one[70_000:70_070])])
    result = run_all(genome, [read])
    assert [flag & ~Flag.REVERSE for flag in result.flag] == [0, 0x800, 0x800]
    assert sorted(result.start.tolist()) == [5000, 9000, 70_000]


def test_map_batch__other_places_are_rows_flagged_secondary():
    rng = np.random.default_rng(21)
    repeat = random_codes(rng, 400)
    copy = repeat.copy()
    copy[200] ^= 1
    parts = [random_codes(rng, 3000) for _ in range(3)]
    bases = pack_reference([np.concatenate([parts[0], repeat, parts[1], copy, parts[2]])])
    genome = build_seed_index(bases), bases
    result = run_all(genome, [repeat[130:280]])
    assert rows_of(result) == [(0, 0, 3130, "150M"), (256, 0, 6530, "150M")]
    off = run_all(genome, [repeat[130:280]], config=dataclasses.replace(CONFIG, max_other_places=0))
    assert rows_of(off) == [(0, 0, 3130, "150M")]


def test_map_batch__alt_contigs_do_not_compete():
    """A read with an equal copy on an ALT contig is as sure as without it; a better copy is supplementary."""
    rng = np.random.default_rng(22)
    assembly = random_codes(rng, 6000)
    same, changed = assembly[2000:4000].copy(), assembly[2000:4000].copy()
    changed[::50] ^= 1
    bases = pack_reference([assembly, same, changed], alt=(1, 2))
    genome = build_seed_index(bases), bases
    result = run_all(genome, [assembly[2500:2650], changed[510:660], random_codes(rng, 150)])
    mine = rows_where(result, lambda flag: flag & Flag.SECONDARY == 0)
    assert rows_of(mine) == [
        (0, 0, 2500, "150M"), (0, 0, 2510, "150M"), (0x800, 2, 510, "150M"), (4, -1, -1, "*"),
    ]  # fmt: skip
    assert mine.mapping_quality[:2].tolist() == [60, 60]
    assert mine.score.tolist() == [150, 135, 150, 0]
    assert mine.alt_score.tolist() == [0, 150, 0, 0]
    blind = build_seed_index(bases), pack_reference([assembly, same, changed])
    assert run(blind, [assembly[2500:2650]]).mapping_quality.tolist() == [0]


def test_map_batch__exact_copies_have_quality_zero():
    rng = np.random.default_rng(8)
    repeat, between = random_codes(rng, 400), random_codes(rng, 5000)
    bases = pack_reference([np.concatenate([between[:2500], repeat, between[2500:], repeat])])
    genome = build_seed_index(bases), bases
    result = run(genome, [repeat[i : i + 100] for i in range(0, 300, 10)])
    assert (result.mapping_quality == 0).all()
    assert (result.second_score == 100).all()
    assert set(result.start // 4000) == {0, 1}
    again = run(genome, [repeat[i : i + 100] for i in range(0, 300, 10)])
    assert again.start.tolist() == result.start.tolist()


def test_map_batch__unique_mate_places_a_repeat():
    rng = np.random.default_rng(9)
    repeat, parts = random_codes(rng, 300), [random_codes(rng, 3000) for _ in range(3)]
    codes = np.concatenate([parts[0], repeat, parts[1], repeat, parts[2]])
    bases = pack_reference([codes])
    genome = build_seed_index(bases), bases
    # The forward mate lies 250 bp before the second copy, the reverse mate within it.
    start = 3000 + 300 + 3000 - 250
    pair = [codes[start : start + 100], reverse_complement(codes[start + 300 : start + 400])]
    result = run(genome, pair, n_ends=2)
    assert result.start.tolist() == [start, start + 300]
    assert result.mapping_quality[0] == 60
    assert result.mapping_quality[1] >= 20
    assert (result.flag & Flag.PROPER_PAIR > 0).all()


def test_map_batch__rescue_finds_a_mate_without_seeds(genome):
    """A mate with a mismatch every 12 bases has no seed; its partner says where to look."""
    codes = CONTIGS[0]
    mate = codes[9300:9400].copy()
    mate[6::12] = (mate[6::12] + 1) % 4
    assert run(genome, [reverse_complement(mate)]).flag[0] & Flag.UNMAPPED
    result = run(genome, [codes[9000:9100], reverse_complement(mate)], n_ends=2)
    assert result.start.tolist() == [9000, 9300]
    assert (result.flag & Flag.PROPER_PAIR > 0).all()


def test_map_batch__flags_and_template_length(genome):
    codes = CONTIGS[0]
    left, right = codes[7000:7100], reverse_complement(codes[7300:7400])
    junk = random_codes(np.random.default_rng(1), 100)
    result = run(genome, [left, right, right, left, left, junk, junk, left, junk, junk], n_ends=2)
    expected = [99, 147, 83, 163, 73, 133, 69, 137, 77, 141]
    assert result.flag.tolist() == expected
    assert result.template_length.tolist() == [400, -400, -400, 400, 0, 0, 0, 0, 0, 0]
    assert result.start.tolist() == [7000, 7300, 7300, 7000, 7000, 7000, 7000, 7000, -1, -1]
    assert result.mate_start.tolist() == [7300, 7000, 7000, 7300, 7000, 7000, 7000, 7000, -1, -1]
    assert result.mate_contig_index.tolist() == [0] * 8 + [-1] * 2
    assert result.contig_index.tolist() == [0] * 8 + [-1] * 2


def test_map_batch__discordant_mates_on_two_contigs(genome):
    pair = [CONTIGS[0][7000:7100], CONTIGS[1][5000:5100]]
    result = run(genome, pair, n_ends=2)
    assert result.flag.tolist() == [65, 129]
    assert result.template_length.tolist() == [0, 0]
    assert result.mate_contig_index.tolist() == [1, 0]
    assert (result.mapping_quality == 60).all()


def test_map_batch__every_row_is_consistent(genome):
    """CIGARs add up to reads, alignments stay on their contig, and scores are of the CIGAR's best part."""
    rng = np.random.default_rng(11)
    reads, _ = simulate_pairs(rng, 300, 120, error_rate=0.03)
    reads = [mutate(rng, read, 0.0, int(rng.integers(-9, 10))) for read in reads]
    result = run(genome, reads, n_ends=2)
    for row, read in enumerate(reads):
        if result.flag[row] & Flag.UNMAPPED:
            continue
        codes = reverse_complement(read) if result.flag[row] & Flag.REVERSE else read
        contig = CONTIGS[result.contig_index[row]]
        i, j, points = 0, int(result.start[row]), []
        for word in result.cigars[result.cigar_offsets[row] : result.cigar_offsets[row + 1]]:
            n, op = int(word >> 4), "MIDNS"[word & 15]
            if op == "M":
                points += np.where(codes[i : i + n] == contig[j : j + n], 1, -4).tolist()
            if op in "ID":
                points.append(-6 - n)
            i += n if op in "MIS" else 0
            j += n if op in "MD" else 0
        assert i == len(read)
        assert j <= contig.size
        assert result.score[row] == best_part(points)
        assert result.second_score[row] <= result.score[row] or result.mapping_quality[row] <= 40


def test_map_batch__does_not_depend_on_neighbours(genome):
    """A batch cut in two gives the same rows: nothing leaks from read to read or lane to lane."""
    reads, _ = simulate_pairs(np.random.default_rng(12), 200, 100, error_rate=0.04)
    whole = run(genome, reads, n_ends=2)
    parts = [run(genome, reads[:146], n_ends=2), run(genome, reads[146:], n_ends=2, first_template=73)]
    for name in ("flag", "start", "contig_index", "mapping_quality", "cigars", "score", "template_length"):
        assert np.array_equal(
            getattr(whole, name), np.concatenate([getattr(part, name) for part in parts])
        ), name


def test_estimate_insert_sizes__of_simulated_pairs(genome):
    reads, _ = simulate_pairs(np.random.default_rng(13), 800, 100)
    model = estimate_insert_sizes(make_batch(reads, 2), *genome, CONFIG)
    assert model.n_pairs > 750
    assert abs(model.mean - 400) < 8
    assert abs(model.standard_deviation - 50) < 8
    assert 100 < model.low < 260
    assert 540 < model.high < 700


def test_estimate_insert_sizes__too_few_pairs_or_single(genome):
    reads, _ = simulate_pairs(np.random.default_rng(14), 5, 100)
    for batch in (make_batch(reads, 2), make_batch(reads, 1)):
        model = estimate_insert_sizes(batch, *genome, CONFIG)
        assert (model.mean, model.n_pairs) == (CONFIG.default_insert_mean, 0)


def test_model_of__outliers_do_not_move_it():
    distances = np.random.default_rng(15).normal(300, 30, 1000).astype(np.int64)
    with_outliers = np.concatenate([distances, np.full(60, 9000)])
    assert abs(model_of(with_outliers, CONFIG).mean - model_of(distances, CONFIG).mean) < 3


def test_map_batch__too_long_a_read(genome):
    reads = [CONTIGS[0][:100], CONTIGS[0][:1001]]
    with pytest.raises(InputError, match=r'record 8 \(read "read7"\): 1001 bases, and at most 1000'):
        run(genome, reads, first_template=6)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (IndexConfig(20, 15), "syncmer_length 20 and smer_length 15 make no seeds"),
        (IndexConfig(32, 16), "syncmer_length 32"),
        (IndexConfig(partner_first=0), "partner_first 0 and partner_last 9 link no seeds"),
    ],
)
def test_build_seed_index__bad_configuration(config, said):
    with pytest.raises(ConfigError, match=said):
        build_seed_index(pack_reference([CONTIGS[0][:1000]]), config)


def test_build_seed_index__reference_beyond_32_bits():
    packed = np.broadcast_to(np.uint8(0), (2**31,))
    bases = PackedReference(packed, np.array([512]), np.array([2**32 - 1024]), np.array([False]))
    with pytest.raises(InputError, match=r"4,294,967,296 bases with padding; .* Leave out contigs"):
        build_seed_index(bases)


def test_build_seed_index__reference_of_n_has_no_seeds():
    bases = pack_reference([np.full(3000, 4, np.uint8)])
    index = build_seed_index(bases)
    assert index.entries.size == 0
    result = map_batch(make_batch([CONTIGS[0][:100]]), index, bases, CONFIG, MODEL)
    assert result.flag.tolist() == [Flag.UNMAPPED]


@pytest.mark.parametrize("length", [0, 4096])
def test_align_config__read_length_that_kernels_cannot_hold(length):
    with pytest.raises(ConfigError, match=f"max_read_length {length}: a read has 1 to 4095"):
        AlignConfig(max_read_length=length)
