"""genomehub.align.Aligner: what notebooks see, from one read to files; mistakes are told in a sentence."""

import random

import pysam
import pytest

import genomehub.align as door
from genomehub.align import Aligner, InsertSizeModel, read_fastq, reverse_complement
from genomehub.errors import ConfigError, InputError, NotFoundError
from genomehub.formats.fastq import Lane
from genomehub.pipeline.align import align
from genomehub.pipeline.reference import build_reference
from genomehub.types import ReadGroup

R1, R2 = (f"reference_data/trio/HG001_R{end}.fastq.gz" for end in (1, 2))
GENOME = {name: "".join(random.Random(name).choices("ACGT", k=6000)) for name in ("a", "b")}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aligner") / "slice.ref"
    return build_reference("reference_data/b37.20_9.5-10.5M.fa.gz", folder).path


@pytest.fixture(scope="module")
def aligner():
    return Aligner(GENOME)


@pytest.mark.parametrize("ends", [(R1,), (R1, R2)], ids=["single", "paired"])
def test_map_fastq__says_what_align_writes(reference, tmp_path, ends):
    align(reference, [Lane(ReadGroup("1", "1", "1"), *ends)], tmp_path / "out.bam", threads=1)
    expected = {}
    with pysam.AlignmentFile(str(tmp_path / "out.bam")) as file:
        for read in file.fetch(until_eof=True):
            if not read.is_unmapped:
                key = (read.query_name, 2 if read.is_read2 else 1, read.is_supplementary)
                expected.setdefault(key, []).append(read)
    n_seen = n_others = 0
    for name, hits in Aligner(reference).map_fastq(*ends, batch_size=2**15):
        for hit in hits:
            if not hit.is_primary and not hit.is_supplementary:
                n_others += 1
                continue
            (read,) = expected[name, hit.read_number, hit.is_supplementary]
            assert (hit.contig, hit.start, hit.end) == ("20", read.reference_start, read.reference_end)
            assert (hit.cigar, hit.cigar_tuples) == (read.cigarstring, read.cigartuples)
            assert hit.flag == read.flag & ~0x400
            assert hit.strand == (-1 if read.is_reverse else 1)
            assert (hit.mapping_quality, hit.template_length) == (read.mapping_quality, read.template_length)
            assert (hit.edit_distance, hit.md) == (read.get_tag("NM"), read.get_tag("MD"))
            assert (hit.score, hit.second_score) == (read.get_tag("AS"), read.get_tag("XS"))
            assert (hit.is_proper_pair, hit.is_primary) == (read.is_proper_pair, not read.is_supplementary)
            if not hit.is_supplementary:
                clips = read.query_alignment_start, read.query_alignment_end
                length = read.query_length
                turned = (length - clips[1], length - clips[0]) if read.is_reverse else clips
                assert (hit.query_start, hit.query_end) == turned
            n_seen += 1
    assert n_seen == sum(map(len, expected.values())) > 800
    named = [
        read.get_tag("XA").count(";") for reads in expected.values() for read in reads if read.has_tag("XA")
    ]
    assert n_others == sum(named) > 0, "other places are what XA tells"


def test_map_many__mixed_reads_and_pairs_in_their_order(aligner):
    a, b = GENOME["a"], GENOME["b"]
    pair = (a[100:200], reverse_complement(a[400:500]))
    reads = [b[:80], pair, pair, "N" * 50, b[50:130]]
    found = list(aligner.map_many(reads, batch_size=1))
    assert found == list(aligner.map_many(reads)) == list(aligner.map_many(iter(reads)))
    starts = [[(hit.contig, hit.start, hit.read_number) for hit in hits] for hits in found]
    mates = [("a", 100, 1), ("a", 400, 2)]
    assert starts == [[("b", 0, 1)], mates, mates, [], [("b", 50, 1)]]


def test_map__insert_sizes_decide_what_is_proper(aligner):
    pair = GENOME["a"][100:200], reverse_complement(GENOME["a"][1400:1500])
    assert not any(hit.is_proper_pair for hit in aligner.map(*pair))
    far = InsertSizeModel(1400.0, 50.0, 1200, 1600, 0)
    assert all(hit.is_proper_pair for hit in Aligner(GENOME, insert_sizes=far).map(*pair))
    (hits,) = aligner.map_many([pair], insert_sizes=far)
    assert all(hit.is_proper_pair for hit in hits)


def test_map__case_and_ambiguity_codes(aligner):
    read = GENOME["a"][100:200]
    assert aligner.map(read.lower()) == aligner.map(read)
    assert aligner.map(read[:50] + "R" + read[51:]) == aligner.map(read[:50] + "N" + read[51:])
    (hit,) = aligner.map(read[:50] + "n" + read[51:])
    assert (hit.edit_distance, hit.start) == (1, 100)


def test_map__empty_read_lies_nowhere(aligner):
    assert aligner.map("") == []
    assert list(aligner.map_many([])) == []


def test_seq__spans_and_whole_contigs(aligner):
    assert aligner.seq_names == ["a", "b"]
    assert aligner.seq("b", 10, 20) == GENOME["b"][10:20]
    assert aligner.seq("b") == GENOME["b"]
    assert aligner.seq("b", 5990, 9000) == GENOME["b"][5990:]
    assert aligner.seq("b", 7000, 9000) == ""


def test_reference__fasta_in_lower_case_with_ambiguity_codes(tmp_path):
    text = GENOME["a"].lower()
    (tmp_path / "g.fa").write_text(f">a soft-masked\n{text[:3000]}R{text[3001:]}\n")
    aligner = Aligner(tmp_path / "g.fa")
    assert aligner.seq("a", 2990, 3010) == f"{GENOME['a'][2990:3000]}R{GENOME['a'][3001:3010]}"
    (hit,) = aligner.map(GENOME["a"][2950:3050])
    assert (hit.start, hit.edit_distance, hit.md, hit.cigar) == (2950, 1, "50R49", "100M")


def test_read_fastq__as_pysam_reads_it():
    with pysam.FastxFile(R1) as file:
        expected = [(read.name.removesuffix("/1"), read.sequence, read.quality) for read in file]
    assert list(read_fastq(R1)) == expected


def test_reverse_complement__keeps_case_and_codes():
    assert reverse_complement("ACGTNRYSWKMBDHVacgtn") == "nacgtBDHVKMWSRYNACGT"


@pytest.mark.parametrize(
    ("reads", "message"),
    [
        (["ACGT-ACGT"], "read 1, base 5: b?'-' is no base"),
        (["ACGT", "AC1"], "read 2, base 3"),
        (["A" * 1001], r'read "1"\): 1001 bases, and at most 1000'),
    ],
)
def test_map_many__reads_that_are_none(aligner, reads, message):
    with pytest.raises(InputError, match=message):
        list(aligner.map_many(reads))


def test_map_many__three_texts_are_no_pair(aligner):
    with pytest.raises(ConfigError, match="3 texts were given as one read"):
        list(aligner.map_many([("A", "C", "G")]))


def test_seq__unknown_contig(aligner):
    with pytest.raises(NotFoundError, match='no contig "chr7" in the reference'):
        aligner.seq("chr7")


def test_aligner__no_such_reference(tmp_path):
    with pytest.raises(NotFoundError, match="no such reference directory"):
        Aligner(tmp_path / "none")


def test_door__names_what_it_offers():
    assert set(door.__all__) <= set(dir(door))
    assert all(getattr(door, name) for name in door.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = door.Nonsense
