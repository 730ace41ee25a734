"""VCF reader: genotypes as they are meant, and one sentence for each thing that can be wrong."""

# ruff: noqa: E501 - one record or complaint a line

import gzip
import math

import pysam
import pytest
from builders import alignment_files
from builders import variants as build

from genomehub.errors import InputError, NotFoundError
from genomehub.formats.bgzf import BgzfWriter
from genomehub.formats.vcf_reader import SequenceWindows, read_genotypes

SEQUENCES = {"1": "ACGTN" * 1_000, "2": "G" * 300}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return alignment_files.make_reference(tmp_path_factory.mktemp("reference") / "ref", SEQUENCES)


def write(tmp_path, records, name="x.vcf", **others):
    path = tmp_path / name
    path.write_text(build.vcf_text(records, **others))
    return path


def read(tmp_path, reference, records, sample=None, passing_only=True, **others):
    return read_genotypes(write(tmp_path, records, **others), reference, sample, passing_only)


def test_read__genotypes(tmp_path, reference):
    records = [
        ("1", 1, "A", "C", "0/1"), ("1", 2, "C", "G,T", "2|1"), ("1", 3, "g", "a", "1"), ("1", 4, "T", "A", "./1"),
        ("1", 6, "A", "C", "0/0"), ("1", 7, "C", "G", "./."), ("1", 8, "G", "*,T", "1/2"),
        ("1", 9, "T", "<DEL>", "0/1"), ("1", 11, "A", ".", "0/0"), ("1", 12, "C", "G", "."),
        ("1", 14, "T", "G", "/1"),
    ]  # fmt: skip
    genotypes = read(tmp_path, reference, records)
    assert genotypes.position.tolist() == [1, 2, 3, 4, 8, 14]
    assert genotypes.genotype.tolist() == [[0, 1], [2, 1], [1, 1], [0, 1], [0, 2], [1, 1]]
    assert genotypes.alleles == [
        ("A", "C"),
        ("C", "G", "T"),
        ("G", "A"),
        ("T", "A"),
        ("G", "*", "T"),
        ("T", "G"),
    ]
    assert genotypes.quality.tolist() == [50.0] * 6
    assert genotypes.genotype_quality.tolist() == [40.0] * 6


def test_read__filters(tmp_path, reference):
    records = [
        ("1", 1, "A", "C", "0/1", 9.5, "LowQual"),
        ("1", 2, "C", "G", "0/1", ".", "."),
        ("1", 3, "G", "T", "0/1"),
    ]
    assert read(tmp_path, reference, records).position.tolist() == [2, 3]
    everything = read(tmp_path, reference, records, passing_only=False)
    assert everything.position.tolist() == [1, 2, 3]
    assert everything.quality[0] == 9.5
    assert math.isnan(everything.quality[1])


def test_read__names_are_resolved_and_put_in_our_order(tmp_path, reference):
    genotypes = read(
        tmp_path,
        reference,
        [("chr2", 5, "G", "C", "0/1"), ("X", 1, "T", "C", "1/1"), ("chr1", 1, "A", "C", "0/1")],
    )
    assert genotypes.contig_index.tolist() == [0, 1]
    assert genotypes.position.tolist() == [1, 5]


def test_read__header_lengths_of_the_whole_chromosome_do_not_matter(tmp_path, reference):
    genotypes = read(tmp_path, reference, [("1", 1, "A", "C", "0/1")], contigs=[("1", 249_250_621)])
    assert len(genotypes.position) == 1


def test_read__ambiguous_reference_bases_fit(tmp_path, reference):
    assert (
        len(read(tmp_path, reference, [("1", 4, "TNA", "T", "0/1"), ("1", 9, "TC", "T", "0/1")]).position)
        == 2
    )


def test_read__several_samples(tmp_path, reference):
    records = [("1", 1, "A", "C", "0/1")]
    with pytest.raises(InputError, match=r"holds 2 samples \(S1, S2\); name the one to read with --sample"):
        read(tmp_path, reference, records, samples=("S1", "S2"))
    assert len(read(tmp_path, reference, records, "S2", samples=("S1", "S2")).position) == 1
    with pytest.raises(NotFoundError, match='has no sample "S3"; it holds S1, S2'):
        read(tmp_path, reference, records, "S3", samples=("S1", "S2"))
    with pytest.raises(InputError, match="has no sample column"):
        read(tmp_path, reference, [], samples=())


def test_read__no_records(tmp_path, reference):
    assert len(read(tmp_path, reference, []).position) == 0


@pytest.mark.parametrize("name", ["x.vcf.gz", "x.bgz.vcf.gz", "x.bcf"])
def test_read__compressed(tmp_path, reference, name):
    plain = write(tmp_path, [("1", 1, "A", "C", "0/1"), ("1", 2, "C", "G", "1/1")], header=[
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">', '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">',
    ])  # fmt: skip
    path = tmp_path / name
    if name == "x.vcf.gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
    elif name == "x.bcf":
        with (
            pysam.VariantFile(str(plain)) as source,
            pysam.VariantFile(str(path), "wb", header=source.header) as out,
        ):
            for record in source:
                out.write(record)
    else:
        pysam.tabix_compress(str(plain), str(path))
    for given in (plain, path):
        assert read_genotypes(given, reference).genotype.tolist() == [[0, 1], [1, 1]]


LINE = "1\t1\t.\tA\tC\t50\tPASS\t.\tGT:GQ\t0/1:40"


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([("1", 9, "T", "C", "0/1"), ("1", 8, "G", "C", "0/1")], "line 5: 1:8 comes after 9; sort the file"),
        ([("1", 9, "T", "C", "0/1"), ("2", 8, "G", "C", "0/1"), ("1", 9, "T", "C", "0/1")], "line 6: contig 1 comes again"),
        ([("1", 1, "G", "C", "0/1")], "line 4: 1:1 has REF G, the reference has A. The file is of another build"),
        ([("1", 4_999, "TNN", "T", "0/1")], r"line 4: 1:4999 lies beyond the contig \(5,000 bp in the reference\)"),
        ([("1", 0, "A", "C", "0/1")], "line 4: 1:0 lies beyond the contig"),
        ([("X", 1, "A", "C", "0/1")], "none of its contigs"),
        ([LINE.replace("\t1\t", "\tone\t")], "line 4: POS is 'one'; a whole number was expected"),
        ([LINE.replace("\tA\t", "\tA C\t")], "line 4: REF is 'A C'; bases were expected"),
        ([LINE.replace("\tC\t", "\tC,,G\t")], "line 4: ALT is 'C,,G'; an allele between commas is empty"),
        ([LINE.replace("50", "high")], "line 4: QUAL is 'high'; a number was expected"),
        ([LINE.replace(":40", ":x")], "line 4: GQ is 'x'; a number was expected"),
        ([LINE.replace("0/1", "0/1/1")], "line 4: GT is '0/1/1'; a haploid or diploid genotype"),
        ([LINE.replace("0/1", "0/2")], "line 4: GT is '0/2', but the record has only 1 ALT alleles"),
        (["1\t1\t.\tA\tC"], "line 4: 5 columns; 10 or more were expected"),
        (["1 1 . A C 50 PASS . GT 0/1"], "line 4: 1 columns"),
    ],
)  # fmt: skip
def test_read__wrong_records(tmp_path, reference, records, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, reference, records)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no #CHROM line; the file is empty, cut off or no VCF"),
        ("##fileformat=VCFv4.2\n", "has no #CHROM line"),
        (">1\nACGT\n", "starts with '>1'; a VCF file starts with ##fileformat=VCF"),
        ("##fileformat=VCFv4.2\n1\t1\n", r"line 2: '1\\t1' stands before the #CHROM line"),
    ],
)
def test_read__wrong_header(tmp_path, reference, text, message):
    path = tmp_path / "x.vcf"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_genotypes(path, reference)


def test_read__cut_off(tmp_path, reference):
    records = [("1", 1 + 5 * i, "A", "C", "0/1") for i in range(900)]
    plain = write(tmp_path, records)
    path = tmp_path / "x.vcf.gz"
    path.write_bytes(gzip.compress(plain.read_bytes())[:-200])
    with pytest.raises(
        InputError, match=r"x\.vcf\.gz: the compressed data ends before its end-of-stream mark"
    ):
        read_genotypes(path, reference)


def test_read__bcf_cut_off(tmp_path, reference, capfd):
    plain = write(tmp_path, [("1", 1, "A", "C", "0/1")] * 3, header=[
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">', '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">',
    ])  # fmt: skip
    path = tmp_path / "x.bcf"
    with (
        pysam.VariantFile(str(plain)) as source,
        pysam.VariantFile(str(path), "wb", header=source.header) as out,
    ):
        for record in source:
            out.write(record)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="the file is cut off"):
        read_genotypes(path, reference)
    path.write_bytes(gzip.compress(gzip.decompress(whole)))  # plain gzip is no BGZF
    with pytest.raises(InputError, match="cannot be read as BCF"):
        read_genotypes(path, reference)
    with BgzfWriter(path, 1) as out:
        out.write(gzip.decompress(whole)[:-7])
    with pytest.raises(InputError, match="cannot be read as BCF"):
        read_genotypes(path, reference)
    assert capfd.readouterr().err == ""


def test_read__missing(tmp_path, reference):
    with pytest.raises(NotFoundError, match="no such VCF file"):
        read_genotypes(tmp_path / "x.vcf", reference)


def test_windows__any_order(reference, monkeypatch):
    monkeypatch.setattr("genomehub.formats.vcf_reader._WINDOW", 64)
    windows = SequenceWindows(reference)
    for contig, start, end in [
        (0, 10, 20),
        (0, 4_990, 5_010),
        (1, 0, 5),
        (0, 0, 200),
        (0, -5, 3),
        (0, 15, 15),
    ]:
        text = list(SEQUENCES.values())[contig]
        assert windows.text(contig, start, end) == text[max(start, 0) : end]
