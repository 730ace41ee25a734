"""``genomehub call`` with ploidies, alleles that are asked for, and targets, through the command line."""

import json

import numpy as np
import pysam
import pytest
from builders.alignment_files import make_reference, write_bam
from builders.calling import aligned_read, apply_edits, random_sequence

from genomehub.cli import run
from genomehub.store.variants import VariantStore
from genomehub.store.verify import verify_variants

pytestmark = pytest.mark.integration

NAME = "20"
SEQUENCE = random_sequence(20_000, seed=41) + "N" * 10_000
SNV, DELETION, INSERTION = 3_000, 9_994, 12_345


def other(place):
    return "ACGT"[("ACGT".index(SEQUENCE[place]) + 1) % 4]


FIRST = [(SNV, SEQUENCE[SNV], other(SNV)), (DELETION, SEQUENCE[DELETION : DELETION + 12], SEQUENCE[DELETION])]
SECOND = [FIRST[0], (INSERTION, SEQUENCE[INSERTION], SEQUENCE[INSERTION] + "GATTACA")]
ABSENT = 5_000
HOMOPOLYMER = next(
    i for i in range(6_000, 9_000) if SEQUENCE[i : i + 3] == SEQUENCE[i] * 3 != SEQUENCE[i - 1] * 3
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return make_reference(tmp_path_factory.mktemp("call") / "s.ref", {NAME: SEQUENCE})


def reads_of(edits, begins):
    sequence, places = apply_edits(SEQUENCE, edits)
    return [aligned_read(sequence, places, begin, 100) for begin in begins]


def write_reads(path, reads):
    head = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": NAME, "LN": len(SEQUENCE)}],
         "RG": [{"ID": "a", "SM": "NA1"}]}
    )  # fmt: skip
    out = []
    for i, read in enumerate(sorted(reads, key=lambda read: read.start)):
        record = pysam.AlignedSegment(head)
        record.query_name, record.flag, record.mapping_quality = f"r{i}", 16 * (i % 2), 60
        record.reference_id, record.reference_start = 0, read.start
        record.cigartuples = [("MIDNS".index(op), n) for n, op in read.cigar]
        record.query_sequence = read.bases
        record.query_qualities = pysam.qualitystring_to_array("D" * len(read.bases))
        record.set_tag("RG", "a")
        out.append(record)
    return write_bam(path, head, out)


@pytest.fixture(scope="module")
def bam(tmp_path_factory):
    """Reads of two haplotypes over 2,000-15,000, every 10 bases of each."""
    reads = [read for edits in (FIRST, SECOND) for read in reads_of(edits, range(2_000, 15_000, 10))]
    return write_reads(tmp_path_factory.mktemp("bam") / "in.bam", reads)


def call(reference, source, output, *options):
    return run(["call", "-q", "-r", str(reference.path), "-o", str(output), *map(str, options), str(source)])


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write(path, *rows):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


def alleles_vcf(path, *sites):
    """A VCF without samples of (0-based start, REF, ALT)."""
    fixed = [(NAME, start + 1, ".", ref, alt, ".", ".", ".") for start, ref, alt in sites]
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    return write(path, ["##fileformat=VCFv4.3"], [f"##contig=<ID={NAME},length=30000>"], head, *fixed)


def records(path):
    return list(pysam.VariantFile(str(path)))


def test_call__ploidy_by_regions(reference, bam, tmp_path):
    bed = write(
        tmp_path / "p.bed", (NAME, 2_900, 3_100, 1), (NAME, 9_900, 10_100, 4), (NAME, 12_300, 12_400, 0)
    )
    options = ("--ploidy-regions", bed, "--vcf", tmp_path / "o.vcf", "--gvcf", tmp_path / "o.g.vcf")
    assert call(reference, bam, tmp_path / "o.vcz", *options) == 0
    assert verify_variants(tmp_path / "o.vcz")["variants"] == 2
    store = VariantStore.open(tmp_path / "o.vcz")
    assert store["call_genotype"][:, 0].tolist() == [[1, -2, -2, -2], [0, 0, 1, 1]]
    assert store["call_genotype_mask"][:, 0].tolist() == [[False, True, True, True], [False] * 4]
    likelihoods = store["call_PL"][:, 0]
    assert (likelihoods != -2).sum(axis=1).tolist() == [2, 5]
    assert (store["nonref_PL"][:, 0] != -2).sum(axis=1).tolist() == [1, 10]
    assert store["variant_AN"].tolist() == [1, 4]
    assert store.attributes["provenance"]["ploidy_spans"][0] == [NAME, 2_900, 3_100, 1]
    lines = [line.split("\t") for line in (tmp_path / "o.vcf").read_text().splitlines() if line[0] != "#"]
    assert [line[9].split(":")[0] for line in lines] == ["1", "0/0/1/1"]
    calls = [r.samples[0] for r in records(tmp_path / "o.g.vcf") if len(r.alts) == 2]
    assert [(len(sample["PL"]), min(sample["PL"])) for sample in calls] == [(3, 0), (15, 0)]
    blocks = [r for r in records(tmp_path / "o.g.vcf") if r.alts[0].startswith("<")]
    genotypes = {(r.start, r.stop): r.samples[0]["GT"] for r in blocks}
    for (start, end), genotype in genotypes.items():
        ploidy = 1 if 2_900 <= start < 3_100 else 4 if 9_900 <= start < 10_100 else 2
        assert genotype == (0,) * ploidy
        assert not (start < 12_400 and end > 12_300)  # ploidy 0: no data
    assert call(reference, bam, tmp_path / "p.vcz", *options[:2], "--partition-bp", 1_000, "-t", 2) == 0
    assert files(tmp_path / "o.vcz") == files(tmp_path / "p.vcz")


def test_call__excess_depth(reference, bam, tmp_path):
    """Reads of three more copies of a stretch, which differ from it at one place: no SNV of the sample."""
    place = 8_250
    copies = [read for edits in (FIRST, SECOND) for read in reads_of(edits, range(2_000, 15_000, 10))]
    differs = [(place, SEQUENCE[place], other(place))]
    copies += [read for _ in range(3) for read in reads_of(differs, range(8_000, 8_500, 5))]
    output = tmp_path / "o.vcf"
    assert call(reference, write_reads(tmp_path / "d.bam", copies), tmp_path / "o.vcz", "--vcf", output) == 0
    found = {record.start: list(record.filter) for record in records(output)}
    assert found[place] == ["HighDepth"]
    assert [found[start] for start in (SNV, DELETION, INSERTION)] == [["PASS"]] * 3


def test_call__haploid(reference, bam, tmp_path, capsys):
    options = ("--ploidy", 1, "--gvcf", tmp_path / "o.g.vcf.gz", "--json", "--features")
    assert call(reference, bam, tmp_path / "o.vcz", *options) == 0
    assert json.loads(capsys.readouterr().out)["sex"] == "unknown"
    assert verify_variants(tmp_path / "o.vcz")["blocks"] > 0
    store = VariantStore.open(tmp_path / "o.vcz")
    sure = store["call_GQ"][:, 0] >= 20
    assert store["variant_position"][sure].tolist() == [SNV + 1]  # the only one on both haplotypes
    assert store["call_genotype"][sure, 0].tolist() == [[1, -2]]
    assert all(len(r.samples[0]["GT"]) == 1 for r in records(tmp_path / "o.g.vcf.gz"))
    none, some, only = store["candidate_PL"][store["candidate_called"]].T
    assert (some == 9999).all()  # one chromosome has the ALT or has it not
    assert (np.minimum(none, only) == 0).all()


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ((NAME, 1, 9), "line 1: the ploidy is ''; a whole number of 0 to 6"),
        ((NAME, 1, 9, "two"), "line 1: the ploidy is 'two'"),
        ((NAME, 1, 9, 7), "line 1: the ploidy is '7'"),
        ((NAME, 9, 1, 2), "line 1: start 9 and end 1"),
        ((NAME, 1, 9, 2, "\n" + NAME, 5, 12, 1), "line 2: overlaps the interval of line 1"),
        ((), "holds no interval"),
    ],
)
def test_call__bad_ploidy_regions(reference, bam, tmp_path, capsys, row, sentence):
    bed = tmp_path / "p.bed"
    bed.write_text("\t".join(map(str, row)).replace("\t\n", "\n") + "\n" if row else "")
    assert call(reference, bam, tmp_path / "o.vcz", "--ploidy-regions", bed) == 3
    assert sentence in capsys.readouterr().err


def test_call__sex_beside_ploidy(reference, bam, tmp_path, capsys):
    assert call(reference, bam, tmp_path / "o.vcz", "--ploidy", 3, "--sex", "male") == 2
    assert "has no say beside ploidy 3" in capsys.readouterr().err


def test_call__alleles(reference, bam, tmp_path):
    base = SEQUENCE[ABSENT]
    asked = alleles_vcf(
        tmp_path / "a.vcf",
        (ABSENT, base, other(ABSENT)),  # no read has it
        (SNV, SEQUENCE[SNV], other(SNV)),  # called in any case
        (ABSENT + 700, SEQUENCE[ABSENT + 700], SEQUENCE[ABSENT + 700] + "GATTACA"),
        (
            HOMOPOLYMER + 1,
            SEQUENCE[HOMOPOLYMER + 1 : HOMOPOLYMER + 3],
            SEQUENCE[HOMOPOLYMER + 1],
        ),  # not leftmost
        (16_000, SEQUENCE[16_000], other(16_000)),  # no reads there
        (16_003, SEQUENCE[16_003], other(16_003)),  # nor there, in the same region
        (25_000, "N", "A"),
        (9_000, SEQUENCE[9_000], "<DEL>"),
    )
    options = ("--alleles", asked, "--vcf", tmp_path / "o.vcf")
    assert call(reference, bam, tmp_path / "o.vcz", *options) == 0
    verify_variants(tmp_path / "o.vcz")
    rows = {r.pos - 1: r for r in records(tmp_path / "o.vcf")}
    places = {SNV, ABSENT, ABSENT + 700, HOMOPOLYMER - 1, 16_000, 16_003}
    assert set(rows) == places | {DELETION, INSERTION}
    assert {place for place, r in rows.items() if "ASKED" in r.info} == places
    genotypes = {place: r.samples[0]["GT"] for place, r in rows.items()}
    assert genotypes[SNV] == (1, 1)
    assert [genotypes[place] for place in sorted(places - {SNV})] == [(0, 0)] * 3 + [(None, None)] * 2
    assert [rows[place].samples[0]["PL"] for place in (16_000, 16_003)] == [(0, 0, 0)] * 2
    absent = rows[ABSENT]
    assert (absent.alts, absent.info["ASKED"], absent.samples[0]["AD"][1]) == ((other(ABSENT),), (1,), 0)
    assert absent.samples[0]["GQ"] >= 30
    assert "LowQual" in absent.filter
    assert call(reference, bam, tmp_path / "one.vcz") == 0
    plain = VariantStore.open(tmp_path / "one.vcz")
    assert plain["variant_position"].tolist() == [SNV + 1, DELETION + 1, INSERTION + 1]


@pytest.mark.parametrize("size", [1_000, 5_001, 9_990])
def test_call__alleles_do_not_depend_on_the_cut(reference, bam, tmp_path, size):
    places = [ABSENT - 1, ABSENT, ABSENT + 1, 9_990, 12_000]
    sites = [(p, SEQUENCE[p : p + 8], SEQUENCE[p]) for p in places] + [(7_999, SEQUENCE[7_999], other(7_999))]
    asked = alleles_vcf(tmp_path / "a.vcf", *sites)
    assert call(reference, bam, tmp_path / "one.vcz", "--alleles", asked) == 0
    assert call(reference, bam, tmp_path / "two.vcz", "--alleles", asked, "--partition-bp", size) == 0
    assert VariantStore.open(tmp_path / "one.vcz").n_variants >= 6
    assert files(tmp_path / "one.vcz") == files(tmp_path / "two.vcz")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no #CHROM line"),
        ("hello\n", "starts with 'hello'"),
        ("##fileformat=VCFv4.3\n20\t1\n", "stands before the #CHROM line"),
        ("##fileformat=VCFv4.3\n#CHROM\n20\t5\n", "2 columns; CHROM, POS, ID, REF and ALT were expected"),
        ("##fileformat=VCFv4.3\n#CHROM\n", "holds no allele"),
        ("##fileformat=VCFv4.3\n#CHROM\n20\tx\t.\tA\tC\n", "POS is 'x'"),
        ("##fileformat=VCFv4.3\n#CHROM\n20\t40000\t.\tA\tC\n", "lies beyond the contig"),
        ("##fileformat=VCFv4.3\n#CHROM\n7\t40\t.\tA\tC\n", "none of its contigs"),
        ("##fileformat=VCFv4.3\n#CHROM\n20\t3001\t.\t@\tC\n", "REF is '@'"),
    ],
)
def test_call__bad_alleles(reference, bam, tmp_path, capsys, text, sentence):
    (tmp_path / "a.vcf").write_text(text)
    assert call(reference, bam, tmp_path / "o.vcz", "--alleles", tmp_path / "a.vcf") == 3
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.strip().splitlines()) == 1


def test_call__alleles_of_another_build(reference, bam, tmp_path, capsys):
    asked = alleles_vcf(tmp_path / "a.vcf", (SNV, other(SNV), SEQUENCE[SNV]))
    assert call(reference, bam, tmp_path / "o.vcz", "--alleles", asked) == 3
    assert "of another build" in capsys.readouterr().err


def test_call__targets(reference, bam, tmp_path):
    bed = write(
        tmp_path / "t.bed", (NAME, SNV - 60, SNV - 30), (NAME, SNV - 25, SNV - 20), (NAME, 29_990, 30_000)
    )
    regions = write(tmp_path / "r.bed", (NAME, SNV - 110, SNV + 30), (NAME, 29_940, 30_000))
    assert call(reference, bam, tmp_path / "exact.vcz", "--targets", bed) == 0
    assert VariantStore.open(tmp_path / "exact.vcz").n_variants == 0
    assert call(reference, bam, tmp_path / "t.vcz", "--targets", bed, "--padding", 50) == 0
    assert call(reference, bam, tmp_path / "r.vcz", "--regions", regions) == 0
    assert files(tmp_path / "t.vcz") == files(tmp_path / "r.vcz")
    assert VariantStore.open(tmp_path / "t.vcz")["variant_position"].tolist() == [SNV + 1]


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--regions", "t.bed", "--targets", "t.bed"), 2, "both say what to call"),
        (("--padding", "10"), 2, "widens targets, but none are given"),
        (("--targets", "empty.bed"), 3, "holds no interval"),
        (("--targets", "bad.bed"), 3, "line 1: start 9 and end 5"),
        (("--targets", "none.bed"), 3, "no such"),
    ],
)
def test_call__bad_targets(reference, bam, tmp_path, capsys, monkeypatch, options, code, sentence):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t.bed", (NAME, 5, 9))
    write(tmp_path / "bad.bed", (NAME, 9, 5))
    (tmp_path / "empty.bed").write_text("# nothing\n")
    assert call(reference, bam, tmp_path / "o.vcz", *options) == code
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.strip().splitlines()) == 1


def test_evaluate__pool_is_refused(reference, bam, tmp_path, capsys):
    assert call(reference, bam, tmp_path / "o.vcz", "--ploidy", 4) == 0
    truth = tmp_path / "truth.vcf"
    fixed = (NAME, SNV + 1, ".", SEQUENCE[SNV], other(SNV), 50, "PASS", ".", "GT", "1/1")
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "NA1"]
    write(truth, ["##fileformat=VCFv4.3"], head, fixed)
    options = ["evaluate", "-q", "-r", str(reference.path), "--truth", str(truth), str(tmp_path / "o.vcz")]
    assert run(options) == 3
    assert "holds calls of ploidy 4" in capsys.readouterr().err


@pytest.fixture(scope="module")
def contaminated(tmp_path_factory):
    """Of the sample 27 reads over any base, of another person, who has an SNV at ABSENT twice, 4."""
    reads = reads_of([], [begin for begin in range(2_000, 15_000, 11) for _ in range(3)])
    reads += reads_of([(ABSENT, SEQUENCE[ABSENT], other(ABSENT))], range(2_007, 15_000, 25))
    return write_reads(tmp_path_factory.mktemp("bam") / "mixed.bam", reads)


def test_call__contamination(reference, contaminated, tmp_path):
    told = {}
    for name, options in {
        "without": [],
        "none": ["--contamination", 0],
        "some": ["--contamination", 0.1],
    }.items():
        vcf = tmp_path / f"{name}.vcf"
        assert call(reference, contaminated, tmp_path / f"{name}.vcz", "--vcf", vcf, *options) == 0
        told[name] = vcf.read_text()
    assert told["without"] == told["none"]
    assert "contamination" not in told["none"]
    assert f"{ABSENT + 1}\t" in told["none"]
    assert "##genomehub_contamination=0.1000 (given)\n" in told["some"]
    assert f"{ABSENT + 1}\t" not in told["some"]
    verify_variants(tmp_path / "some.vcz")


def test_call__contamination_of_few_bases_is_not_measured(reference, contaminated, tmp_path, capsys):
    options = ("--contamination", "auto", "--json", "--vcf", tmp_path / "o.vcf")
    command = ["call", "-r", reference.path, "-o", tmp_path / "o.vcz", *options, contaminated]
    assert run([str(word) for word in command]) == 0
    out, log = capsys.readouterr()
    assert json.loads(out)["contamination"] == 0
    assert "contamination: 0 homozygous SNVs are too few to measure it (50 are needed)" in log
    assert "##genomehub_contamination=0.0000 (0 homozygous SNVs)" in (tmp_path / "o.vcf").read_text()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--contamination", "0.5"],
            "contamination 0.5: is the share of reads that are another person's, 0 to 0.3",
        ),
        (["--contamination", "some"], "'some' is neither a share of reads, such as 0.02, nor auto"),
        (
            ["--contamination", "0.1", "--ploidy", "3"],
            "contamination with a ploidy of 3: is modelled for one and two",
        ),
    ],
)
def test_call__contamination_that_cannot_be(reference, bam, tmp_path, capsys, options, sentence):
    assert call(reference, bam, tmp_path / "o.vcz", *options) != 0
    assert sentence in " ".join(capsys.readouterr().err.split())
