"""Slices: random regions of every format and index hold what samtools and bcftools show, and read little."""

import random
import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest
from builders.alignment_files import make_reference, random_sequence

from genomehub.errors import NotFoundError, ResourceError, StoreError
from genomehub.hub.delivery.bgzf import EOF_BLOCK, block
from genomehub.hub.delivery.cram import CramSource
from genomehub.hub.delivery.indexes import parse_index
from genomehub.hub.delivery.regions import Asked, RangeError, Region, resolve
from genomehub.hub.delivery.slices import BgzfSource
from genomehub.hub.storage.posix import LocalBlob

LENGTHS = {"1": 60_000, "2": 200_000, "MT": 1_000}
FORMATS = [
    ("BAM", "reads.bam", "reads.bam.bai"),
    ("BAM", "reads.bam", "by_csi.csi"),
    ("CRAM", "reads.cram", "reads.cram.crai"),
    ("VCF", "calls.vcf.gz", "calls.vcf.gz.tbi"),
    ("VCF", "calls.vcf.gz", "calls_by_csi.csi"),
    ("BCF", "calls.bcf", "calls.bcf.csi"),
]


class Counting(LocalBlob):
    """Counts the bytes that are read."""

    n_bytes = 0

    def read(self, start: int, end: int) -> bytes:
        got = super().read(start, end)
        self.n_bytes += len(got)
        return got


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Reads of all kinds (long, spliced, unmapped beside a mate or without a place), variants with END."""
    folder = tmp_path_factory.mktemp("slices")
    sequences = {name: random_sequence(length, seed) for seed, (name, length) in enumerate(LENGTHS.items())}
    reference = make_reference(folder / "genome.ref", sequences)
    _write_reads(folder, sequences, random.Random(1))
    _write_calls(folder, sequences, random.Random(2))
    fasta = reference.path / "genome.fa.gz"
    for command in (
        f"samtools index reads.bam && samtools index -c reads.bam by_csi.csi && "
        f"samtools view -T {fasta} --output-fmt-option seqs_per_slice=400 -C -o reads.cram reads.bam && "
        "samtools index reads.cram",
        "bcftools view calls.vcf -Oz -o calls.vcf.gz && bcftools index -t calls.vcf.gz && "
        "bcftools index -c -o calls_by_csi.csi calls.vcf.gz && "
        "bcftools view calls.vcf -Ob -o calls.bcf && bcftools index calls.bcf",
    ):
        subprocess.run(command, shell=True, cwd=folder, check=True)
    return folder


def _write_reads(folder, sequences, chance):
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": name, "LN": length} for name, length in LENGTHS.items()],
            "RG": [{"ID": "a", "SM": "x"}, {"ID": "b", "SM": "x"}],
        }
    )
    reads = []
    for number in range(15_000):
        read = pysam.AlignedSegment(header)
        read.query_name = f"read{number}"
        contig = chance.choices([0, 1, 2, -1], [3, 10, 0.3, 0.5])[0]
        length = (
            chance.choice([50, 100, 151, 151]) if chance.random() > 0.001 else chance.randint(3000, 30_000)
        )
        if contig < 0:
            read.flag, start = 4, 0
        else:
            length = min(length, list(LENGTHS.values())[contig] - 1)
            start = chance.randint(0, list(LENGTHS.values())[contig] - length)
            read.reference_id, read.reference_start = contig, start
        text = "".join(chance.choices("ACGT", k=length))
        kind = chance.random()
        if contig >= 0 and kind < 0.05:
            read.flag = 5
        elif contig >= 0 and kind < 0.1 and start + length + 5000 < list(LENGTHS.values())[contig]:
            read.cigartuples = [(0, 20), (3, chance.randint(1, 5000)), (0, length - 20)]
        elif contig >= 0:
            read.cigartuples, text = [(0, length)], list(sequences.values())[contig][start : start + length]
        read.query_sequence = text
        read.query_qualities = pysam.qualitystring_to_array("".join(chance.choices("!5AI", k=length)))
        read.set_tag("RG", chance.choice("ab"))
        reads.append((contig if contig >= 0 else 9, start, number, read))
    with pysam.AlignmentFile(str(folder / "reads.bam"), "wb", header=header) as out:
        for *_, read in sorted(reads, key=lambda one: one[:3]):
            out.write(read)


def _write_calls(folder, sequences, chance):
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={n},length={k}>" for n, k in LENGTHS.items())]
    lines += ['##INFO=<ID=END,Number=1,Type=Integer,Description="e">', '##ALT=<ID=DEL,Description="d">']
    lines += ['##INFO=<ID=X,Number=.,Type=String,Description="x">']
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="g">']
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1"]
    for name, length in list(LENGTHS.items())[:2]:
        for position in sorted(chance.choices(range(1, length - 100), k=length // 20)):
            allele = sequences[name][position - 1 : position - 1 + chance.choice([1, 1, 1, 2, 40])]
            info, other = f"X={''.join(chance.choices('abcd', k=60))}", chance.choice("ACGT") + "T"
            if chance.random() < 0.02:
                info, other = f"END={min(length, position + chance.randint(0, 20_000))}", "<DEL>"
                allele = allele[0]
            lines.append(f"{name}\t{position}\t.\t{allele}\t{other}\t.\t.\t{info}\tGT\t0/1")
    (folder / "calls.vcf").write_text("\n".join(lines) + "\n")


def source(place, format, file, index):
    reader, identity = Counting(place / file), (str(place), file, index)
    if format == "CRAM":
        fasta = str(place / "genome.ref" / "genome.fa.gz")
        return CramSource(reader, LocalBlob(place / index), identity, lambda contigs: fasta)
    return BgzfSource(format, reader, LocalBlob(place / index), identity)


def records(path, place, *region):
    """What the standard tool shows of a file, and that it says nothing is wrong with it."""
    if path.suffix in (".bam", ".cram"):
        fasta = place / "genome.ref" / "genome.fa.gz"
        command = ["samtools", "view", "-T", str(fasta), str(path), *region]
    else:
        command = ["bcftools", "view", "-H", str(path), *(("-r", *region) if region else ())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "EOF" in done.stderr) == (0, False), done.stderr
    return done.stdout


def written(given, regions, path):
    parts = [part for region in regions for part in given.region(region)]
    path.write_bytes(given.header() + b"".join(parts) + given.end)
    return path


@pytest.mark.parametrize(("format", "file", "index"), FORMATS, ids=lambda value: str(value))
def test_region__holds_the_records_of_the_standard_tool(place, tmp_path, format, file, index):
    chance, given = random.Random(7), source(place, format, file, index)
    out = tmp_path / f"out{'.vcf.gz' if format == 'VCF' else '.' + format.lower()}"
    asked = [("1", 0, 60_000), ("2", 0, 16_384), ("2", 16_384, 32_768), ("MT", 0, 1), ("2", 199_999, 300_000)]
    for _ in range(25):
        name = chance.choice(["1", "2"])
        start = chance.randrange(LENGTHS[name])
        asked.append((name, start, start + chance.choice([1, 10, 300, 3000, 50_000, 200_000])))
    for number, (name, start, end) in enumerate(asked):
        regions = resolve([Asked(name, start, end)], given.names)
        if number % 3 == 0:  # the same in parts
            regions = [part for region in regions for part in given.parts(region, 20_000)]
        expected = records(place / file, place, f"{name}:{start + 1}-{end}")
        assert records(written(given, regions, out), place) == expected, (name, start, end)


@pytest.mark.parametrize(("format", "file", "index"), FORMATS[:3], ids=lambda value: str(value))
def test_unplaced__are_those_of_samtools(place, tmp_path, format, file, index):
    given, out = source(place, format, file, index), tmp_path / f"out.{format.lower()}"
    out.write_bytes(given.header() + b"".join(given.unplaced()) + given.end)
    got = records(out, place)
    assert got == records(place / "reads.bam", place, "*")
    assert len(got.splitlines()) > 100


@pytest.mark.parametrize(("format", "file", "index"), FORMATS[:3], ids=lambda value: str(value))
def test_region__reads_little_of_the_file(place, format, file, index):
    given = source(place, format, file, index)
    given.header()
    before = given.reader.n_bytes
    (region,) = resolve([Asked("2", 100_000, 100_050)], given.names)
    assert b"".join(given.region(region))
    assert given.reader.n_bytes - before < given.reader.size / 2


def test_region__hands_on_inner_blocks_as_they_are(place):
    given = source(place, *FORMATS[0])
    content = (place / "reads.bam").read_bytes()
    (region,) = resolve([Asked("2", 2_000, 190_000)], given.names)
    parts = list(given.region(region))
    as_they_are = sum(len(part) for part in parts if part in content)
    assert as_they_are > 0.7 * sum(len(part) for part in parts)


def test_cram__a_cut_reads_its_part_of_the_reference_only(tmp_path):
    """Not the whole contig, which may be a tenth of a genome, to give out a few reads of it."""
    bases = np.random.default_rng(1).choice(np.frombuffer(b"ACGT", np.uint8), 8_000_000).tobytes().decode()
    fasta, cram = tmp_path / "genome.fa", tmp_path / "reads.cram"
    fasta.write_text(f">chr1\n{bases}\n")
    pysam.faidx(str(fasta))
    head = pysam.AlignmentHeader.from_dict(
        {"HD": {"SO": "coordinate"}, "SQ": [{"SN": "chr1", "LN": len(bases)}]}
    )
    with pysam.AlignmentFile(str(cram), "wc", header=head, reference_filename=str(fasta)) as out:
        for number, start in enumerate(range(4_000_000, 4_020_000, 10)):
            read = pysam.AlignedSegment(head)
            read.query_name, read.reference_id, read.reference_start = f"r{number}", 0, start
            letters = bases[start : start + 50] + "A" + bases[start + 51 : start + 100]
            read.query_sequence, read.query_qualities, read.cigarstring = letters, [30] * 100, "100M"
            out.write(read)
    pysam.index(str(cram))
    source = CramSource(
        LocalBlob(cram), LocalBlob(Path(f"{cram}.crai")), ("part",), lambda contigs: str(fasta)
    )
    header = source.header()

    def n_read():
        return int(Path("/proc/self/io").read_text().split()[1])  # rchar

    before = n_read()
    cut = b"".join(source.region(Region(0, 4_010_000, 4_010_100)))
    assert n_read() - before < 1_000_000
    (tmp_path / "cut.cram").write_bytes(header + cut + source.end)
    command = ["samtools", "view", "-T", str(fasta)]
    given = subprocess.run([*command, str(tmp_path / "cut.cram")], capture_output=True, check=True)
    asked = subprocess.run([*command, str(cram), "chr1:4010001-4010100"], capture_output=True, check=True)
    assert given.stdout == asked.stdout
    assert len(given.stdout.splitlines()) == 19


def test_cram__without_its_reference_says_what_to_do(place):
    given = source(place, *FORMATS[2])
    without = CramSource(given.reader, given.index_reader, ("without",), lambda contigs: None)
    with pytest.raises(ResourceError, match="Add its directory to the hub's setting references"):
        b"".join(without.region(Region(1, 100, 200)))


def test_resolve__sorts_merges_and_knows_aliases():
    names = ("1", "2", "MT")
    asked = [Asked("chr2", 5, 9), Asked("1", 3, 4), Asked("1", 0, 2), Asked("1", 2, 3), Asked("1", 8, None)]
    regions = resolve(asked, names)
    assert [(one.contig, one.start, one.end, one.after) for one in regions[:2]] == [
        (0, 0, 4, -1),
        (0, 8, 1 << 40, 4),
    ]
    assert resolve([Asked("chrM")], names)[0].contig == 2
    assert resolve([Asked("1", 3, 3)], names) == []
    with pytest.raises(RangeError, match="start 3 is not before end 3"):
        resolve([Asked("1", 3, 3)], names, strict=True)
    with pytest.raises(NotFoundError, match="no such reference sequence"):
        resolve([Asked("chr3")], names)
    assert resolve([Asked("chr1")], ("1", "chr1"))[0].contig == 1


def test_region__damaged_data_is_an_error_not_a_slice(place, tmp_path):
    content = bytearray((place / "reads.bam").read_bytes())
    content[len(content) // 2 :: 97] = bytes(len(content[len(content) // 2 :: 97]))
    (tmp_path / "damaged.bam").write_bytes(content)
    given = BgzfSource(
        "BAM",
        LocalBlob(tmp_path / "damaged.bam"),
        LocalBlob(place / "reads.bam.bai"),
        ("damaged",),
    )
    everywhere = (given.region(Region(1, start, start + 1)) for start in range(0, 200_000, 1000))
    with pytest.raises(StoreError, match="verify"):
        b"".join(part for parts in everywhere for part in parts)


@pytest.mark.parametrize(
    "raw", [b"", b"BAI\1", b"CSI\1\0\0", b"TBI\1" + bytes(8), b"\x1f\x8b\x08\x04short", b"x"]
)
def test_parse_index__refuses_what_is_none(raw):
    with pytest.raises(StoreError):
        parse_index(raw)


def test_records__straddle_blocks(tmp_path):
    """htsjdk cuts records at the end of a block, which htslib does not."""
    path = tmp_path / "a.bam"
    header = {"HD": {"SO": "coordinate"}, "SQ": [{"SN": "1", "LN": 100_000}]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number in range(3000):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.reference_id, read.reference_start = f"r{number}", 0, number * 30
            read.cigarstring, read.query_sequence = "50M", "ACGTA" * 10
            out.write(read)
    import gzip

    data = gzip.decompress(path.read_bytes())
    cut = [data[at : at + 9973] for at in range(0, len(data), 9973)]
    path.write_bytes(b"".join(map(block, cut)) + EOF_BLOCK)
    pysam.index(str(path))
    given = BgzfSource("BAM", LocalBlob(path), LocalBlob(tmp_path / "a.bam.bai"), ("straddle",))
    for start in np.linspace(0, 89_000, 40, dtype=int).tolist():
        out_path = written(given, [Region(0, start, start + 4000)], tmp_path / "out.bam")
        got = subprocess.run(["samtools", "view", str(out_path)], capture_output=True, text=True, check=True)
        command = ["samtools", "view", str(path), f"1:{start + 1}-{start + 4000}"]
        expected = subprocess.run(command, capture_output=True, text=True, check=True)
        assert got.stdout == expected.stdout
