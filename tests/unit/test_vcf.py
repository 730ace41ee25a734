"""VCF and gVCF text: header, columns, order, and the same bytes every time."""

import gzip

import numpy as np
import pysam
import pytest
from builders import alignment_files
from builders import variants as build

from genomehub.errors import ResourceError
from genomehub.formats.vcf import header_lines, write_gvcf, write_vcf
from genomehub.store.variants import VariantStore

SEQUENCES = {
    contig.name: alignment_files.random_sequence(contig.length, i) for i, contig in enumerate(build.CONTIGS)
}
SITES = [
    (0, 100, ("A", "C"), (0, 1)),
    (0, 101, ("A", "C"), (-1, -1)),
    (0, 200, ("ACG", "A", "AT"), (1, 2)),
    (1, 50, ("G", "T"), (1, -2)),
]
BLOCKS = [(0, 0, 99), (0, 202, 300), (1, 0, 49), (1, 50, 60)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return alignment_files.make_reference(tmp_path_factory.mktemp("reference") / "ref", SEQUENCES)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return VariantStore.open(build.make_store(tmp_path_factory.mktemp("store") / "s.vcz", SITES, BLOCKS))


def records(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as handle:
        return [line.rstrip("\n").split("\t") for line in handle if not line.startswith("#")]


def test_header__complete_and_without_date_or_path(store):
    lines = header_lines(store)
    assert lines[0] == "##fileformat=VCFv4.3"
    assert "##contig=<ID=1,length=50000,md5=" + "a" * 32 + ">" in lines
    assert '##FILTER=<ID=PASS,Description="All filters passed">' in lines
    assert r'##FILTER=<ID=LowDepth,Description="Depth below \"5\"">' in lines
    assert "##genomehub_reference=digest" in lines
    assert lines[-1].endswith("FORMAT\tS1")
    keys = {line.split("ID=")[1].split(",")[0] for line in lines if line.startswith("##FORMAT")}
    assert keys == {"GT", "AD", "ADF", "ADR", "DP", "GQ", "PL", "PQ", "PS", "SB"}
    assert not any("date" in line.lower() or str(store.path) in line for line in lines)


def test_records__columns(store, tmp_path):
    write_vcf(store, tmp_path / "s.vcf")
    rows = records(tmp_path / "s.vcf")
    assert rows[0] == [
        "1", "100", ".", "A", "C", "123.7", "LowQual",
        "AC=1;AF=0.5;AN=2;DP=10;HRun=1;MQ=40.12;MQRankSum=-2;RPA=10,11;RU=CA;STR", "GT:AD:ADF:ADR:DP:GQ:PL",
        "0/1:30,31:20,21:10,11:20:0:0,731,762",
    ]  # fmt: skip
    assert rows[1][7:] == [
        "AC=0;AN=0;DP=11;HRun=2;MQ=41.12;MQRankSum=-1.941",
        "GT:AD:ADF:ADR:DP:GQ:PL:SB",
        "./.:31,32:21,22:11,12:21:1:0,738,769:0,1,2,3",
    ]
    assert rows[2][3:5] == ["ACG", "A,AT"]
    assert rows[2][9].split(":")[0] == "1/2"
    assert rows[2][9].split(":")[1].count(",") == 2
    assert rows[2][9].split(":")[6].count(",") == 5
    assert rows[3][9].split(":")[0] == "1"


def test_records__filters(tmp_path):
    sites = [(0, position, ("A", "C"), (0, 1)) for position in (3, 4, 5)]
    regions = build.regions_of(50_000)
    writer = build.make_writer(tmp_path / "s.vcz", regions)
    calls = build.region_calls(sites)
    calls.variants["variant_filter"][:] = [[True, False, False], [False, True, True], [False, False, False]]
    writer.write_region(0, calls)
    writer.write_region(1, build.region_calls([]))
    write_vcf(VariantStore.open(writer.finalise()), tmp_path / "s.vcf")
    assert [row[6] for row in records(tmp_path / "s.vcf")] == ["PASS", "LowQual;LowDepth", "."]


def test_records__phased(tmp_path):
    regions = build.regions_of(50_000)
    writer = build.make_writer(tmp_path / "s.vcz", regions)
    calls = build.region_calls([(0, 3, ("A", "C"), (1, 0))])
    calls.variants["call_genotype_phased"] = np.array([[True]])
    writer.write_region(0, calls)
    writer.write_region(1, build.region_calls([]))
    write_vcf(VariantStore.open(writer.finalise()), tmp_path / "s.vcf")
    assert records(tmp_path / "s.vcf")[0][9].startswith("1|0:")


def test_gvcf__blocks_and_sites_in_order(store, reference, tmp_path):
    write_gvcf(store, reference, tmp_path / "s.g.vcf.gz")
    rows = records(tmp_path / "s.g.vcf.gz")
    places = [(row[0], int(row[1]), row[4]) for row in rows]
    assert places == [
        ("1", 1, "<NON_REF>"), ("1", 100, "C,<NON_REF>"), ("1", 101, "C,<NON_REF>"),
        ("1", 200, "A,AT,<NON_REF>"), ("1", 203, "<NON_REF>"),
        ("2", 1, "<NON_REF>"), ("2", 50, "T,<NON_REF>"), ("2", 51, "<NON_REF>"),
    ]  # fmt: skip
    block = rows[4]
    assert block[3] == SEQUENCES["1"][202]
    assert block[5:] == [".", ".", "END=300", "GT:DP:GQ:MIN_DP:PL", "0/0:35:1:5:0,262,802"]


def test_gvcf__calls_say_how_likely_an_unnamed_allele_is(store, reference, tmp_path):
    write_gvcf(store, reference, tmp_path / "s.g.vcf")
    rows = records(tmp_path / "s.g.vcf")
    assert rows[1][7:] == [
        "AC=1,0;AF=0.5,0;AN=2;DP=10;HRun=1;MQ=40.12;MQRankSum=-2;RAW_MQandDP=16096,10;RPA=10,11,.;RU=CA;STR",
        "GT:AD:ADF:ADR:DP:GQ:PL", "0/1:30,31,0:20,21,0:10,11,0:20:0:0,731,762,200,217,234",
    ]  # fmt: skip
    likelihoods = rows[3][9].split(":")[6].split(",")
    assert likelihoods[6:] == ["400", "417", "434", "451"]
    assert len(likelihoods) == 10


@pytest.mark.parametrize("name", ["NON_REF", "*"])
def test_gvcf__name_of_the_unnamed_allele(store, reference, tmp_path, name):
    write_gvcf(store, reference, tmp_path / "s.g.vcf", name)
    assert {row[4].split(",")[-1] for row in records(tmp_path / "s.g.vcf")} == {f"<{name}>"}
    header = (tmp_path / "s.g.vcf").read_text()
    assert f"##ALT=<ID={name}," in header


def test_gvcf__header_names_the_bands(tmp_path, reference):
    attributes = {"call_config": {"block_bands": [0, 20]}}
    path = build.make_store(tmp_path / "s.vcz", SITES, BLOCKS, source_attrs=attributes)
    lines = header_lines(VariantStore.open(path), "NON_REF")
    assert "##GVCFBlock0-20=minGQ=0(inclusive),maxGQ=20(exclusive)" in lines
    assert "##GVCFBlock20-100=minGQ=20(inclusive),maxGQ=100(exclusive)" in lines


def test_index__fetches_a_region(store, tmp_path):
    write_vcf(store, tmp_path / "s.vcf.gz")
    with pysam.VariantFile(str(tmp_path / "s.vcf.gz")) as handle:
        assert [record.pos for record in handle.fetch("1", 150, 210)] == [200]


def test_index__csi_for_long_contigs(tmp_path):
    contigs = (build.Contig("long", 1 << 30, "", ""),)
    store = VariantStore.open(
        build.make_store(tmp_path / "s.vcz", [(0, 600_000_000, ("A", "C"), (0, 1))], contigs=contigs)
    )
    write_vcf(store, tmp_path / "s.vcf.gz")
    assert (tmp_path / "s.vcf.gz.csi").exists()
    with pysam.VariantFile(str(tmp_path / "s.vcf.gz")) as handle:
        assert [record.pos for record in handle.fetch("long", 599_000_000)] == [600_000_000]
    assert "##contig=<ID=long,length=1073741824>" in header_lines(store)


def test_bytes__same_twice(store, reference, tmp_path):
    for name in ("a", "b"):
        write_gvcf(store, reference, tmp_path / name / "s.g.vcf.gz")
    for suffix in ("", ".tbi"):
        first, second = ((tmp_path / name / f"s.g.vcf.gz{suffix}").read_bytes() for name in ("a", "b"))
        assert first == second


def test_batches__many_rows_are_all_there(tmp_path, monkeypatch, reference):
    sites = build.random_sites(50, seed=4)
    blocks = build.blocks_between(sites)
    store = VariantStore.open(build.make_store(tmp_path / "s.vcz", sites, blocks))
    write_gvcf(store, reference, tmp_path / "whole.vcf")
    monkeypatch.setattr("genomehub.formats.vcf._ROWS_PER_BATCH", 7)
    write_gvcf(store, reference, tmp_path / "pieces.vcf")
    assert (tmp_path / "pieces.vcf").read_bytes() == (tmp_path / "whole.vcf").read_bytes()
    assert len(records(tmp_path / "whole.vcf")) == len(sites) + len(blocks)


def test_write__folder_is_a_file(store, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="cannot be written"):
        write_vcf(store, tmp_path / "file" / "s.vcf.gz")
