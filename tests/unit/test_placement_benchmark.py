"""What benchmarks/aligners.py rests on, by hand: made-up genomes, places of reads, clocks, costs."""

import doctest
import importlib
import sys
import time
from pathlib import Path

import numpy as np
import pysam
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

placement = importlib.import_module("placement")
simulate_genome = importlib.import_module("simulate_genome")
simulate_reads = importlib.import_module("simulate_reads")
aligner_profile = importlib.import_module("aligner_profile")
aligner_tables = importlib.import_module("aligner_tables")
measure = importlib.import_module("measure").measure


@pytest.mark.parametrize("module", [placement, simulate_genome, simulate_reads], ids=lambda m: m.__name__)
def test_examples_hold(module):
    assert doctest.testmod(module).failed == 0


# --- genomes ------------------------------------------------------------------------------------------------
def read_fasta(path):
    with pysam.FastxFile(str(path)) as file:
        return {record.name: record.sequence for record in file}


def test_simulate_genome__lengths_and_ends(tmp_path):
    simulate_genome.simulate_genome(tmp_path / "g.fa", (1_200_000, 5_050), seed=3)
    contigs = read_fasta(tmp_path / "g.fa")
    assert {name: len(text) for name, text in contigs.items()} == {"chr1": 1_200_000, "chr2": 5_050}
    assert contigs["chr1"][:10_000] == contigs["chr1"][-10_000:] == "N" * 10_000
    assert set(contigs["chr1"][10_000:-10_000]) == set(contigs["chr2"]) == set("ACGT")
    assert max(map(len, (tmp_path / "g.fa").read_text().splitlines())) == 100
    assert not (tmp_path / "g.fa.part").exists()


def test_simulate_genome__same_seed_same_bytes(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate_genome.simulate_genome(tmp_path / name, (60_000, 30_000), seed)
    a, b, c = [(tmp_path / name).read_bytes() for name in "abc"]
    assert a == b != c


def test_simulate_genome__repeats():
    """In unique sequence of this length no 32-mer would be there twice."""
    rng = np.random.default_rng(5)
    families = simulate_genome.make_families(rng)
    contig = simulate_genome.make_contig(rng, families, 1_500_000, [])[10_000:-10_000].astype(np.uint64)
    words = np.zeros(contig.size - 31, np.uint64)
    for i in range(32):
        words |= contig[i : i + words.size] << np.uint64(2 * i)
    repeated = 1 - np.unique(words).size / words.size
    assert 0.02 < repeated < 0.3
    gc = np.isin(contig, [1, 2]).mean()
    assert 0.36 < gc < 0.48


def test_simulate_genome__human_names():
    names = [simulate_genome.contig_name(n, simulate_genome.HUMAN) for n in (1, 22, 23, 24)]
    assert names == ["chr1", "chr22", "chrX", "chrY"]
    assert 3.0e9 < sum(simulate_genome.HUMAN) < 3.1e9


def test_mutate__rates():
    rng = np.random.default_rng(1)
    bases = rng.integers(0, 4, 200_000, dtype=np.uint8)
    assert np.array_equal(simulate_genome.mutate(rng, bases, 0.0), bases)
    changed = simulate_genome.mutate(rng, bases, 0.02)
    # 0.0024 indels a base, half of them insertions of 2.5 bp on average: lengths cancel out
    assert abs(changed.size - bases.size) < 400
    first = next(i for i in range(1000) if changed[i] != bases[i])
    assert first < 500


def test_mutate__keeps_n():
    rng = np.random.default_rng(1)
    n = np.full(10_000, 4, np.uint8)
    assert (simulate_genome.mutate(rng, n, 0.05) == 4).sum() > 9_000
    assert simulate_genome.reverse_complement(np.array([0, 1, 4, 2], np.uint8)).tolist() == [1, 4, 2, 3]


def test_write_pieces__copies_on_both_strands():
    """A copy of a family, its reverse complement, and a tandem repeat of not quite three units."""
    bases = np.array([0, 1, 2, 3, 0, 0, 1], np.uint8)
    columns = [
        np.array(column) for column in ([1, 1, 4], [4, 4, 3], [0, 0, 0], [4, 4, 8], [False, True, False])
    ]
    pieces = simulate_genome.Pieces(*columns, np.zeros(3))
    out = simulate_genome.write_pieces(np.random.default_rng(0), pieces, np.full(3, 0.4), bases)
    assert out[:4].tolist() == [1, 2, 3, 0]
    assert out[4:8].tolist() == [3, 0, 1, 2]
    assert out[8:].tolist() == [0, 0, 1, 0, 0, 1, 0, 0]


# --- reads --------------------------------------------------------------------------------------------------
CHAIN = """chain 98 c1 100 + 0 100 c1 103 + 0 103 1
10 0 3
20 5 0
65

chain 50 c2 50 + 0 50 c2 50 + 0 50 2
50
"""


def test_read_chain(tmp_path):
    """Three bases are inserted after 10, five deleted after 30 of the reference."""
    (tmp_path / "x.chain").write_text(CHAIN)
    lifts = simulate_reads.read_chain(tmp_path / "x.chain")
    assert lifts["c1"].to_reference(np.array([0, 9, 10, 12, 13, 32, 33, 34])).tolist() == [
        0, 9, 9, 9, 10, 29, 35, 36,
    ]  # fmt: skip
    assert lifts["c2"].to_reference(np.array([0, 49])).tolist() == [0, 49]


# --- placement ----------------------------------------------------------------------------------------------
HEADER = "@SQ\tSN:c1\tLN:10000\n@SQ\tSN:c_2\tLN:10000\n"


def alignment(name, flag, contig, position, quality, cigar="100M"):
    return f"{name}\t{flag}\t{contig}\t{position}\t{quality}\t{cigar}\t*\t0\t0\t{'A' * 100}\t*\n"


@pytest.mark.parametrize(
    ("name", "flag", "contig", "position", "cigar", "right"),
    [
        ("h0_c1_500_0_800_1_0", 0x41, "c1", 520, "100M", True),
        ("h0_c1_500_0_800_1_0", 0x41, "c1", 521, "100M", False),
        ("h0_c1_500_0_800_1_0", 0x51, "c1", 500, "100M", False),
        ("h0_c1_500_0_800_1_0", 0x91, "c1", 800, "100M", True),
        ("h0_c1_500_0_800_1_0", 0x81, "c1", 800, "100M", False),
        ("h0_c1_500_0_800_1_0", 0x41, "c_2", 500, "100M", False),
        ("h2_c_2_500_0_800_1_7", 0x41, "c_2", 500, "100M", True),
        ("h0_c1_500_0_800_1_0", 0x41, "c1", 540, "40S60M", True),  # 40 bases clipped: starts at 500
        ("h0_c1_500_0_800_1_0", 0x41, "c1", 501, "40S60M", True),  # begins within an insertion
        ("h0_c1_500_0_800_1_0", 0x41, "c1", 540, "60M40S", False),
        ("h1_c1_500-630_0_800-899_1_0", 0x41, "c1", 550, "20S80M", True),  # 31 bases deleted, 20 clipped
        ("h1_c1_500-599_0_800-930_1_0", 0x91, "c1", 800, "80M20S", True),
        ("h1_c1_500-599_0_800-930_1_0", 0x91, "c1", 840, "80M20S", True),  # ends at 939 but for the clip
        ("h1_c1_500-599_0_800-899_1_0", 0x41, "c1", 540, "100M", False),
    ],
)
def test_score__one_read(tmp_path, name, flag, contig, position, cigar, right):
    (tmp_path / "x.sam").write_text(HEADER + alignment(name, flag, contig, position, 60, cigar))
    tally = placement.score(tmp_path / "x.sam")
    assert (tally.reads, int(tally.wrong[60])) == (1, not right)


def test_score__counts_by_quality(tmp_path):
    name = "h0_c1_500_0_800_1_0"
    rows = [alignment(name, 0x41, "c1", 500, 60)] * 3 + [alignment(name, 0x41, "c1", 900, 20)]
    rows += [alignment(name, 0x41, "c1", 900, 3), alignment(name, 0x45, "*", 0, 0, "*")]
    rows += [alignment(name, 0x841, "c1", 900, 60), alignment(name, 0x141, "c1", 900, 60)]  # not primary
    (tmp_path / "x.sam").write_text(HEADER + "".join(rows))
    summary = placement.summary(placement.score(tmp_path / "x.sam"))
    assert (summary["reads"], summary["unmapped"], summary["wrong"]) == (6, 1, 2)
    assert summary["right_percent"] == pytest.approx(50)
    assert summary["placed20_percent"] == pytest.approx(400 / 6)
    wrong = {row["mapping_quality"]: row["wrong"] for row in summary["at_least"]}
    assert wrong == {1: 2, 10: 1, 20: 1, 30: 0, 40: 0, 60: 0}
    low, middle, high = summary["calibration"]
    assert (low["low"], low["high"], low["placed"], low["wrong"]) == (3, 3, 1, 1)
    assert middle["expected"] == pytest.approx(0.01)
    assert middle["observed"] == 1
    assert (high["placed"], high["observed"]) == (3, 0)
    assert high["observed_low"] == 0 < high["observed_high"] < 1


def test_score__nothing(tmp_path, capsys):
    (tmp_path / "x.sam").write_text(HEADER)
    summary = placement.summary(placement.score(tmp_path / "x.sam"))
    assert (summary["reads"], summary["right_percent"], summary["calibration"]) == (0, 0, [])
    aligner_tables.print_accuracy([{"aligner": "x", **summary}], calibration=True)
    assert "right %" in capsys.readouterr().out


# --- clocks and costs ---------------------------------------------------------------------------------------
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_clocks__time_of_the_innermost():
    clocks = aligner_profile.Clocks()
    inner = clocks.wrap("inner", lambda: burn(0.05))

    def steps():
        for _ in range(2):
            burn(0.02)
            inner()
            yield

    for _ in clocks.wrap("outer", steps)():
        burn(0.03)  # between steps: nobody's
    assert clocks.seconds["inner"] == pytest.approx(0.1, abs=0.02)
    assert clocks.seconds["outer"] == pytest.approx(0.04, abs=0.02)


def test_install__says_what_is_missing(monkeypatch):
    monkeypatch.setattr(aligner_profile, "burn", burn, raising=False)
    clocks = aligner_profile.Clocks()
    wanted = [
        ("a", "aligner_profile", "burn"),
        ("b", "aligner_profile", "Gone.attribute"),
        ("c", "gone", "f"),
    ]
    assert aligner_profile.install(clocks, wanted) == ["aligner_profile.Gone.attribute", "gone.f"]
    aligner_profile.burn(0.01)
    assert clocks.seconds["a"] > 0


def test_measure__the_whole_tree(tmp_path):
    script = "{0} -c 'for _ in range(3_000_000): pass' | {0} -c 'x = bytearray(range(250)) * 400_000'"
    usage = measure(script.format(sys.executable), tmp_path / "log")
    assert usage.core_seconds > 0.05
    assert 1e8 < usage.peak_rss_bytes < 1.5e8
    assert measure("true", tmp_path / "log").peak_rss_bytes < 5e7  # not this process's own


def test_measure__a_failing_part_of_a_pipe(tmp_path):
    with pytest.raises(SystemExit, match=r"(?s)failed \(3\): .*last words.*The whole log"):
        measure("(echo last words; exit 3) >&2 | cat", tmp_path / "log")


def test_genotype_calibration__bins_of_calls(tmp_path):
    genotype_calibration = importlib.import_module("genotype_calibration")
    head = (
        "##fileformat=VCFv4.3\n##contig=<ID=c>\n{}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{}\n"
    )
    form = '##FORMAT=<ID={},Number=1,Type={},Description="x">\n'
    calls, judged = tmp_path / "calls.vcf", tmp_path / "judged.vcf"
    formats = form.format("GT", "String") + form.format("GQ", "Integer")
    calls.write_text(
        head.format(formats, "A")
        + "c\t5\t.\tA\tC\t50.2\t.\t.\tGT:GQ\t0/1:12\nc\t9\t.\tA\tC\t51\t.\t.\tGT:GQ\t1/1:13\n"
        + "c\t20\t.\tAT\tA\t30\t.\t.\tGT:GQ\t0/1:30\nc\t40\t.\tA\tG\t30\t.\t.\tGT:GQ\t0/1:30\n"
    )
    formats = form.format("GT", "String") + form.format("BD", "String")
    judged.write_text(
        head.format(formats, "TRUTH\tQUERY")
        + "c\t5\t.\tA\tC\t.\t.\t.\tGT:BD\t0/1:TP\t0/1:TP\nc\t9\t.\tA\tC\t.\t.\t.\tGT:BD\t0/1:FN\t1/1:FP\n"
        + "c\t20\t.\tAT\tA\t.\t.\t.\tGT:BD\t0/1:TP\t0/1:TP\nc\t40\t.\tA\tG\t.\t.\t.\tGT:BD\t./.:.\t0/1:N\n"
    )
    rows = genotype_calibration.read_calls(calls, judged)
    assert {name: len(found) for name, found in rows.items()} == {
        "GQ of SNVs": 2, "QUAL of SNVs": 2, "GQ of indels": 1, "QUAL of indels": 1,
    }  # fmt: skip
    (row,) = genotype_calibration.summarise(rows["GQ of SNVs"])
    assert (row["low"], row["high"], row["placed"], row["wrong"]) == (10, 13, 2, 1)
    assert row["expected_errors"] == pytest.approx(10**-1.2 + 10**-1.3)


def test_undecided_variants__where_the_alt_reads_lie(tmp_path):
    undecided_variants = importlib.import_module("undecided_variants")
    head = "##fileformat=VCFv4.3\n##contig=<ID=c>\n##FORMAT=<ID={},Number=1,Type=String,Description=x>\n"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
    truth, judged, bam = tmp_path / "truth.vcf", tmp_path / "judged.vcf", tmp_path / "reads.bam"
    truth.write_text(
        head.format("GT") + columns + "A\n"
        + "".join(f"c\t{at}\t.\tA\tC\t.\t.\t.\tGT\t1|0\n" for at in (150, 1150, 2150, 3150))
    )  # fmt: skip
    judged.write_text(
        head.format("BD") + columns + "TRUTH\tQUERY\n"
        + "".join(
            f"c\t{at}\t.\tA\tC\t.\t.\t.\tBD\t{decision}\t.\n"
            for at, decision in ((150, "TP"), (1150, "FN"), (2150, "FN"), (3150, "N"))
        )
    )  # fmt: skip
    truth = Path(pysam.tabix_index(str(truth), preset="vcf"))
    variants = undecided_variants.true_variants(truth, judged, [("c", 2000, 2100)])
    assert [v[1:] for v in variants] == [(149, True, (1,)), (1149, True, (1,)), (2149, True, (1,))]
    assert len(undecided_variants.true_variants(truth, judged, [("c", 2000, 3000)])) == 2
    header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "c", "LN": 9000}]})
    reads = [  # haplotype, true start (1-based), where it lies (0-based), MAPQ
        ("h1", 101, 100, 60), ("h1", 120, 119, 20), ("h1", 130, 129, 60), ("h2", 101, 100, 60),
        ("h1", 1101, 1100, 0), ("h1", 1101, 5100, 0), ("h1", 2101, 5100, 40), ("h1", 2120, 2119, 5),
        ("h1", 151, 150, 60),
    ]  # fmt: skip
    with pysam.AlignmentFile(str(bam), "wb", header=header) as file:
        for i, (haplotype, true, start, quality) in enumerate(reads):
            record = pysam.AlignedSegment(header)
            record.query_name = f"{haplotype}_c_{true}-{true + 99}_0_8000-8099_1_{i}"
            record.query_sequence, record.cigarstring = "A" * 100, "100M"
            record.reference_id, record.reference_start, record.mapping_quality = 0, start, quality
            file.write(record)
    counts = undecided_variants.alt_reads(bam, variants)
    assert counts == [{"sure": 3}, {"tied": 2}, {"away": 1, "unsure": 1}]
    assert [undecided_variants.kind_of(one, 3).partition(" ")[0] for one in counts] == ["3", "most", "most"]
    assert undecided_variants.kind_of(counts[2], 1) == "fewer, but 1 or more of MAPQ > 0"
