"""``genomehub call`` from end to end on an invented diploid: outputs, determinism, resumption, bad input."""

import json

import numpy as np
import pysam
import pytest
from builders.alignment_files import make_reference, write_bam, write_cram
from builders.calling import aligned_read, apply_edits, random_sequence

from genomehub.cli import run
from genomehub.config import CallConfig
from genomehub.errors import InputError
from genomehub.formats.alignment_depth import select_records
from genomehub.pipeline import call as pipeline
from genomehub.pipeline.call_scope import CallScope
from genomehub.store.variants import VariantStore
from genomehub.store.verify import verify_variants
from genomehub.types import Interval
from genomehub.variants.annotations import FILTERS

pytestmark = pytest.mark.integration

NAME, LENGTH = "20", 30_000
SEQUENCE = random_sequence(20_000, seed=41) + "N" * 10_000
GROUP = [{"ID": "a", "SM": "NA1", "LB": "l", "PL": "ILLUMINA"}]
SNV, DELETION, INSERTION = 3_000, 9_994, 12_345


def other(place):
    return "ACGT"[("ACGT".index(SEQUENCE[place]) + 1) % 4]


FIRST = [(SNV, SEQUENCE[SNV], other(SNV)), (DELETION, SEQUENCE[DELETION : DELETION + 12], SEQUENCE[DELETION])]
SECOND = [(INSERTION, SEQUENCE[INSERTION], SEQUENCE[INSERTION] + "GATTACA"), FIRST[0]]


def header(groups=GROUP, length=LENGTH, sort_order="coordinate"):
    return pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": sort_order}, "SQ": [{"SN": NAME, "LN": length}], "RG": groups}
    )


def segments(head, group="a", step=10):
    """Reads of both haplotypes over 2,000-15,000, every ``step`` bases, in coordinate order."""
    reads = []
    for edits in (FIRST, SECOND):
        sequence, places = apply_edits(SEQUENCE, edits)
        reads += [aligned_read(sequence, places, begin, 100) for begin in range(2_000, 15_000, step)]
    out = []
    for i, read in enumerate(sorted(reads, key=lambda read: read.start)):
        record = pysam.AlignedSegment(head)
        record.query_name, record.flag, record.mapping_quality = f"r{i}", 16 * (i % 2), 60
        record.reference_id, record.reference_start = 0, read.start
        record.cigartuples = [("MIDNS".index(op), n) for n, op in read.cigar]
        record.query_sequence = read.bases
        record.query_qualities = pysam.qualitystring_to_array("D" * len(read.bases))
        record.set_tag("RG", group)
        out.append(record)
    return out


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return make_reference(tmp_path_factory.mktemp("call") / "s.ref", {NAME: SEQUENCE})


@pytest.fixture(scope="module")
def bam(tmp_path_factory):
    return write_bam(tmp_path_factory.mktemp("bam") / "in.bam", header(), segments(header()))


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def call(reference, source, output, *options):
    return run(["call", "-q", "-r", str(reference.path), "-o", str(output), *map(str, options), str(source)])


def test_call__outputs(reference, bam, tmp_path, capsys):
    vcf, gvcf = tmp_path / "o.vcf.gz", tmp_path / "o.g.vcf.gz"
    assert call(reference, bam, tmp_path / "o.vcz", "--vcf", vcf, "--gvcf", gvcf, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["sample"], summary["n_pass"], summary["n_snvs"], summary["n_indels"]) == ("NA1", 3, 1, 2)
    rows = [(r.pos, r.ref, *r.alts, r.samples[0]["GT"]) for r in pysam.VariantFile(str(vcf))]
    expected = [(place + 1, ref, alt) for place, ref, alt in (FIRST[0], FIRST[1], SECOND[0])]
    assert [row[:3] for row in rows] == expected
    assert [row[3] for row in rows] == [(1, 1), (0, 1), (0, 1)]
    store = VariantStore.open(tmp_path / "o.vcz")
    blocks = store.blocks(Interval(0, 0, LENGTH))
    assert blocks["block_start"].min() == 2_000  # bases without reads are in no block
    assert blocks["block_end"].max() <= 15_110
    assert set(store.filters) == {"PASS", *FILTERS}
    assert {r.alts[-1] for r in pysam.VariantFile(str(gvcf))} == {"<NON_REF>"}


def test_call__gvcf_as_bcftools_names_it(reference, bam, tmp_path):
    gvcf = tmp_path / "o.g.vcf.gz"
    assert call(reference, bam, tmp_path / "o.vcz", "--gvcf", gvcf, "--gvcf-allele", "*") == 0
    assert {r.alts[-1] for r in pysam.VariantFile(str(gvcf))} == {"<*>"}


@pytest.mark.parametrize("options", [(), ("--partition-bp", 1_000, "-t", 2)])
def test_call__features(reference, bam, tmp_path, options):
    assert call(reference, bam, tmp_path / "plain.vcz", "-t", 1) == 0
    assert call(reference, bam, tmp_path / "one.vcz", "-t", 1, "--features") == 0
    assert call(reference, bam, tmp_path / "two.vcz", "--features", *options) == 0
    assert files(tmp_path / "one.vcz") == files(tmp_path / "two.vcz")
    store, plain = VariantStore.open(tmp_path / "one.vcz"), VariantStore.open(tmp_path / "plain.vcz")
    called = store["candidate_called"]
    assert store["candidate_position"][called].tolist() == plain["variant_position"].tolist()
    assert store["candidate_DP"][called].tolist() == plain["variant_DP"].tolist()
    assert verify_variants(tmp_path / "one.vcz")["variants"] == 3


@pytest.mark.parametrize(
    "options", [("-t", 2), ("--partition-bp", 1_000), ("--partition-bp", 9_990, "-t", 2)]
)
def test_call__same_bytes(reference, bam, tmp_path, options):
    assert call(reference, bam, tmp_path / "one.vcz", "-t", 1) == 0
    assert call(reference, bam, tmp_path / "two.vcz", *options) == 0
    assert files(tmp_path / "one.vcz") == files(tmp_path / "two.vcz")


def test_call__cram_gives_the_same(reference, bam, tmp_path):
    cram = write_cram(tmp_path / "in.cram", header(), segments(header()), reference)
    assert call(reference, cram, tmp_path / "cram.vcz") == 0
    assert call(reference, bam, tmp_path / "bam.vcz") == 0
    assert files(tmp_path / "cram.vcz") == files(tmp_path / "bam.vcz")


def test_call__resumes_after_a_crash(reference, bam, tmp_path, monkeypatch):
    done, limit = [], [5]
    whole = pipeline.call_partition

    def failing(reference, reader, interval, *rest):
        if len(done) >= limit[0]:
            raise InputError("the node went away")
        done.append(interval)
        return whole(reference, reader, interval, *rest)

    monkeypatch.setattr(pipeline, "call_partition", failing)
    options = ("-t", 1, "--partition-bp", 2_000)
    assert call(reference, bam, tmp_path / "o.vcz", *options) == 3
    assert not (tmp_path / "o.vcz").exists()
    limit[0] = 1_000
    assert call(reference, bam, tmp_path / "o.vcz", *options) == 0
    assert len(done) <= 15 + 2  # of 15 partitions, those in flight at the crash may run twice
    assert call(reference, bam, tmp_path / "p.vcz", "-t", 1) == 0
    assert files(tmp_path / "o.vcz") == files(tmp_path / "p.vcz")


def test_call__regions(reference, bam, tmp_path):
    bed = tmp_path / "r.bed"
    bed.write_text(f"{NAME}\t2500\t3500\n{NAME}\t12000\t{INSERTION}\n")
    assert call(reference, bam, tmp_path / "o.vcz", "--regions", bed) == 0
    store = VariantStore.open(tmp_path / "o.vcz")
    assert store["variant_position"].tolist() == [SNV + 1]
    assert store["block_end"].max() == INSERTION


def test_call__region_without_known_bases(reference, bam, tmp_path):
    bed = tmp_path / "r.bed"
    bed.write_text(f"{NAME}\t21000\t29000\n")
    assert call(reference, bam, tmp_path / "o.vcz", "--regions", bed, "--vcf", tmp_path / "o.vcf") == 0
    assert VariantStore.open(tmp_path / "o.vcz").n_variants == 0


def test_call__sample_of_several(reference, tmp_path, capsys):
    groups = [*GROUP, {"ID": "b", "SM": "NA2", "LB": "l", "PL": "ILLUMINA"}]
    source = write_bam(tmp_path / "two.bam", header(groups), segments(header(groups)))
    assert call(reference, source, tmp_path / "o.vcz") == 3
    assert "2 samples" in capsys.readouterr().err
    assert call(reference, source, tmp_path / "o.vcz", "--sample", "NA3") == 3
    assert "no sample 'NA3'" in capsys.readouterr().err
    assert call(reference, source, tmp_path / "o.vcz", "--sample", "NA2") == 0  # has no reads
    assert VariantStore.open(tmp_path / "o.vcz").n_variants == 0
    assert call(reference, source, tmp_path / "o.vcz", "--sample", "NA1") == 0
    assert VariantStore.open(tmp_path / "o.vcz").n_variants == 3


def test_call__no_sample_in_the_file(reference, tmp_path, capsys):
    groups = [{"ID": "a"}]
    source = write_bam(tmp_path / "none.bam", header(groups), segments(header(groups), step=100))
    assert call(reference, source, tmp_path / "o.vcz") == 3
    assert "names a sample" in capsys.readouterr().err
    assert call(reference, source, tmp_path / "o.vcz", "--sample", "X") == 0
    assert VariantStore.open(tmp_path / "o.vcz").samples == ("X",)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: write_bam(p, header(length=99), []), "build|length"),
        (lambda p: write_bam(p, header(sort_order="unsorted"), segments(header())[:9]), "sorted"),
        (lambda p: write_bam(p, header(), segments(header())[:9], index=None), "index"),
        (lambda p: _cut(write_bam(p, header(), segments(header()))), "cut off|truncated"),
        (lambda p: p, "no such"),
    ],
    ids=["other_build", "unsorted", "unindexed", "truncated", "missing"],
)
def test_call__bad_alignments(reference, tmp_path, capsys, make, sentence):
    source = make(tmp_path / "in.bam")
    assert call(reference, source, tmp_path / "o.vcz") == 3
    error = capsys.readouterr().err
    assert any(word in error for word in sentence.split("|")), error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "o.vcz").exists()


def test_call__output_that_is_no_store(reference, bam, tmp_path, capsys):
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "thesis.txt").write_text("dear")
    assert call(reference, bam, tmp_path / "o") == 2
    assert "is no variant store" in capsys.readouterr().err
    assert (tmp_path / "o" / "thesis.txt").exists()


def test_source_attributes__name_what_has_an_effect():
    one = pipeline.source_attributes(CallConfig())
    assert one == pipeline.source_attributes(CallConfig(partition_bp=1_000))
    assert one != pipeline.source_attributes(CallConfig(min_mapping_quality=3))


def test_select_records__keeps_rows_and_their_parts(reference, bam):
    with pipeline.AlignmentReader(bam, reference) as reader:
        records = reader.fetch(Interval(0, 2_900, 3_100))
    keep = np.arange(records.start.size) % 3 == 0
    few = select_records(records, keep)
    for j, i in enumerate(np.flatnonzero(keep)):
        assert few.start[j] == records.start[i]
        for flat, offsets in (("bases", "offsets"), ("cigars", "cigar_offsets")):
            a, b = getattr(few, offsets)[j : j + 2]
            c, d = getattr(records, offsets)[i : i + 2]
            assert getattr(few, flat)[a:b].tolist() == getattr(records, flat)[c:d].tolist()


def _cut(path):
    path.write_bytes(path.read_bytes()[:-4_000])
    return path


def records_of(reference, bam, path, regions, calibrate_on):
    """Records of the VCF of ``regions`` (a BED), and the gap costs they were called with."""
    scope = CallScope(regions=regions, calibrate_on=calibrate_on)
    config = CallConfig(calibration_cell_bp=1_000)
    exports = pipeline.Exports(vcf=path.with_suffix(".vcf"))
    pipeline.call(reference.path, bam, path, scope, exports, config=config, threads=1)
    lines = path.with_suffix(".vcf").read_text().splitlines()
    costs = VariantStore.open(path).attributes["provenance"]["call_config"]["gap_open"]
    return [line for line in lines if not line.startswith("#")], costs


def test_call__pieces_are_as_the_whole(reference, bam, tmp_path):
    beds = {"whole": (2_000, 15_000), "first": (2_000, 9_000), "second": (9_000, 15_000)}
    for name, (start, end) in beds.items():
        (tmp_path / f"{name}.bed").write_text(f"{NAME}\t{start}\t{end}\n")
    whole = tmp_path / "whole.bed"
    alone = [records_of(reference, bam, tmp_path / f"{n}.vcz", tmp_path / f"{n}.bed", None) for n in beds]
    assert alone[1][1] != alone[0][1]
    pieces = [
        records_of(reference, bam, tmp_path / f"{n}.2.vcz", tmp_path / f"{n}.bed", whole)
        for n in ("first", "second")
    ]
    assert [costs for _, costs in pieces] == [alone[0][1]] * 2
    assert len(pieces[0][0]) == 1
    assert [line for lines, _ in pieces for line in lines] == alone[0][0]


def test_call__calibration_on_a_bed_that_is_missing(reference, bam, tmp_path, capsys):
    assert call(reference, bam, tmp_path / "o.vcz", "--calibrate-on", tmp_path / "none.bed") == 3
    assert "none.bed: no such BED file" in capsys.readouterr().err
