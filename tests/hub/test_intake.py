"""Intake: real files are recognised and summarised; wrong, cut off and hostile ones are refused."""

import gzip
import json
import os
import shutil
import stat
import struct
import subprocess
import time
import zipfile
import zlib
from pathlib import Path

import pytest
import zarr
from builders import intake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genomehub.errors import GenomehubError
from genomehub.hub import models
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.checksums import checksum, describe_files
from genomehub.hub.intake import bgzf
from genomehub.hub.intake.facts import HeaderContig
from genomehub.hub.intake.genomes import read_genome, recognise
from genomehub.hub.intake.inspection import Given, Said, compare_with_catalogue, inspect
from genomehub.hub.intake.memory import SeenFiles
from genomehub.hub.intake.recognition import look_at
from genomehub.hub.records import Result

B38 = {"chr1": 39_000, "chr2": 30_500, "chrM": 16_569}


@pytest.fixture
def genomes(tmp_path):
    return [
        read_genome(intake.reference(tmp_path)),
        read_genome(intake.reference(tmp_path, "tiny38", "b" * 32, B38)),
    ]


def report(paths, genomes, **said):
    named = [Given(kind, path, path.name) for kind, path in paths]
    return inspect(named, Said("p", **said), genomes)


def only(kind, path, genomes, **said):
    """The report of one file and its index beside it."""
    return report([(kind, path)], genomes, **said)


def refusals(kind, path, genomes, **said):
    return " ".join(only(kind, path, genomes, **said).problems(strict=True))


# ------------------------------------------------------------------------------------------- recognised


@pytest.mark.parametrize("index", ["bai", "csi"])
def test_bam__everything_that_header_and_index_tell(tmp_path, genomes, index):
    seen = only("bam", intake.bam(tmp_path / "a.bam", index=index), genomes)
    (facts,) = seen.facts
    assert seen.findings == ()
    assert (facts.n_reads, facts.n_mapped, facts.counts) == (307, 300, {"1": 100, "2": 100, "MT": 100})
    assert (seen.samples, seen.reference.digest) == (("NA12878",), intake.DIGEST)
    assert facts.detail["programs"][0] == {"ID": "bwa", "PN": "bwa", "VN": "0.7", "CL": "bwa mem"}
    assert (facts.detail["read_length"], facts.detail["sort_order"]) == (100, "coordinate")


def test_cram__records_are_counted_by_containers(tmp_path, genomes):
    seen = only("cram", intake.bam(tmp_path / "a.cram", n_reads=30_000), genomes)
    (facts,) = seen.facts
    assert (seen.findings, seen.reference.digest, facts.samples) == ((), intake.DIGEST, ("NA12878",))
    assert (
        facts.n_reads
        == 30_007
        == int(
            subprocess.run(
                ["samtools", "view", "-c", tmp_path / "a.cram"], capture_output=True, check=True
            ).stdout
        )
    )


@pytest.mark.parametrize(
    ("kind", "letter", "index"), [("vcf", "z", "tbi"), ("vcf", "z", "csi"), ("bcf", "b", "csi")]
)
def test_variants__counted_by_their_index(tmp_path, genomes, kind, letter, index):
    path = intake.vcf(tmp_path / f"a.{kind}.gz", kind=letter, index=index)
    seen = only(kind, path, genomes)
    (facts,) = seen.facts
    assert (seen.findings, facts.format, facts.n_variants) == ((), kind, 90)
    assert (facts.counts["1"], facts.samples, seen.reference.digest) == (30, ("NA12878",), intake.DIGEST)


def test_gvcf__is_told_by_its_blocks(tmp_path, genomes):
    text = intake.vcf_text().replace("##FORMAT", '##ALT=<ID=NON_REF,Description="x">\n##FORMAT', 1)
    assert only("gvcf", intake.vcf(tmp_path / "a.g.vcf.gz", text), genomes).facts[0].format == "gvcf"


def _store(path, n=90, version="0.4", drop=()):
    root = zarr.open_group(path, mode="w", zarr_format=2, attributes={"vcf_zarr_version": version})
    labels = {"contig_id": ["1", "2", "MT"], "sample_id": ["NA12878"]}
    for name, values in labels.items():
        root.create_array(name, shape=(len(values),), dtype=str)[...] = values
    root.create_array("contig_length", shape=(3,), dtype="int64")[...] = list(intake.CONTIGS.values())
    root.create_array("variant_contig", shape=(n,), dtype="int8", chunks=(30,))[...] = 0
    root.create_array("variant_position", shape=(n,), dtype="int32", chunks=(30,))[...] = range(1, n + 1)
    root.create_array("variant_allele", shape=(n, 2), dtype=str, chunks=(30, 2))[...] = "A"
    root.create_array("call_genotype", shape=(n, 1, 2), dtype="int8", chunks=(30, 1, 2))[...] = 1
    for name in drop:
        shutil.rmtree(path / name)
    return path


def _zipped(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for part in sorted(folder.rglob("*")):
            if part.is_file():
                archive.write(part, part.relative_to(folder).as_posix())
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("zipped", [False, True])
def test_vcz__folder_and_zip(tmp_path, genomes, version, zipped):
    path = _store(tmp_path / "a.vcz", version=version)
    path = _zipped(path, tmp_path / "a.vcz.zip") if zipped else path
    seen = only("vcz", path, genomes)
    (facts,) = seen.facts
    assert seen.findings == ()
    assert (facts.n_variants, facts.samples, facts.detail["ploidy"]) == (90, ("NA12878",), 2)
    assert (facts.compression, seen.reference.digest) == ("zip" if zipped else "none", intake.DIGEST)


def test_fastq__read_through(tmp_path, genomes):
    data = intake.Path(__file__).parents[2] / "reference_data" / "na12878" / "NA12878_R1.fastq.gz"
    (facts,) = only("fastq", data, genomes).facts
    assert (facts.n_reads, facts.detail["read_length"]) == (25839, 101)


PACKET = {
    "id": "p1", "subject": {"id": "NA12878", "sex": "FEMALE"},
    "phenotypicFeatures": [{"type": {"id": "HP:0001250", "label": "Seizure"}}],
    "diseases": [{"term": {"id": "MONDO:0005027"}}],
    "metaData": {"created": "2026-01-01T00:00:00Z", "phenopacketSchemaVersion": "2.0"},
}  # fmt: skip


def test_phenopacket__subject_sex_terms(tmp_path, genomes):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(PACKET))
    (facts,) = only("json", path, genomes).facts
    assert (facts.samples, facts.sexes) == (("NA12878",), {"NA12878": "female"})
    assert (facts.detail["n_phenotypicFeatures"], facts.detail["n_diseases"]) == (1, 1)
    cohort = {"id": "c", "metaData": PACKET["metaData"], "members": [PACKET]}
    path.write_text(json.dumps(cohort))
    assert only("phenopacket", path, genomes).facts[0].samples == ("NA12878",)


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_table__samples_and_sexes(tmp_path, genomes, delimiter):
    path = tmp_path / "s.tsv"
    rows = [["Sample_ID", "Sex", "age"], ["NA12878", "2", "60"], ["NA12891", "male", ""], ["x", "", "1"]]
    path.write_text("\n".join(delimiter.join(row) for row in rows) + "\n")
    (facts,) = only("table", path, genomes).facts
    assert facts.samples == ("NA12878", "NA12891", "x")
    assert facts.sexes == {"NA12878": "female", "NA12891": "male"}


# ---------------------------------------------------------------------------------------------- refused


def _cut(path, by=28):
    path.write_bytes(path.read_bytes()[:-by])
    return path


@pytest.mark.parametrize(
    ("kind", "make", "by", "message"),
    [
        ("bam", lambda f: intake.bam(f / "a.bam"), 28, "no BGZF end-of-file block"),
        ("bam", lambda f: intake.bam(f / "a.bam"), 500, "no BGZF end-of-file block"),
        ("cram", lambda f: intake.bam(f / "a.cram"), 38, "no end-of-file container"),
        ("vcf", lambda f: intake.vcf(f / "a.vcf.gz"), 28, "no BGZF end-of-file block"),
        ("bcf", lambda f: intake.vcf(f / "a.bcf", kind="b", index="csi"), 100, "no BGZF end-of-file block"),
    ],
)
def test_cut_off__is_refused_also_where_intake_is_lenient(tmp_path, genomes, kind, make, by, message):
    path = _cut(make(tmp_path), by)
    assert message in " ".join(only(kind, path, genomes).problems(strict=False))


def test_cut_off__fastq(tmp_path, genomes):
    text = b"@r\nACGT\n+\nIIII\n" * 10_000
    for content, message in (
        (gzip.compress(text)[:-50], "the file is cut off"),
        (text[:-5], "the last read is cut off"),
        (text.replace(b"IIII", b"III", 1), "record 1: is not a read"),
    ):
        (tmp_path / "a.fq").write_bytes(content)
        assert message in refusals("fastq", tmp_path / "a.fq", genomes)


def test_index__of_another_file_or_version(tmp_path, genomes):
    bam = intake.bam(tmp_path / "a.bam")
    index = Path(f"{bam}.bai")
    other = intake.bam(tmp_path / "b.bam", n_reads=3000)
    shutil.copy(f"{other}.bai", index)
    os.utime(index, (time.time() + 100, time.time() + 100))  # its time would say that it is right
    assert "a.bam.bai: is not the index of this file" in refusals("bam", bam, genomes)
    shutil.copy(f"{bam}.bai", f"{other}.bai")
    intake.bam(bam)
    shutil.copy(index, f"{other}.bai")
    assert "b.bam.bai: is not the index of this file" in refusals("bam", other, genomes)
    vcf, more = intake.vcf(tmp_path / "a.vcf.gz"), intake.vcf(tmp_path / "b.vcf.gz", intake.vcf_text(n=9000))
    shutil.copy(f"{vcf}.tbi", f"{more}.tbi")
    assert "b.vcf.gz.tbi: is not the index of this file" in refusals("vcf", more, genomes)
    cram, longer = intake.bam(tmp_path / "a.cram"), intake.bam(tmp_path / "b.cram", n_reads=3000)
    shutil.copy(f"{longer}.crai", f"{cram}.crai")
    assert "a.cram.crai: is not the index of this file" in refusals("cram", cram, genomes)


def test_index__old_but_right_is_taken(tmp_path, genomes):
    bam = intake.bam(tmp_path / "a.bam")
    os.utime(f"{bam}.bai", (1, 1))
    assert refusals("bam", bam, genomes) == ""


def test_index__missing_damaged_or_alone(tmp_path, genomes):
    bam = intake.bam(tmp_path / "a.bam", index=None)
    found = only("bam", bam, genomes)
    assert (found.problems(strict=False), "has no index" in found.problems(strict=True)[0]) == ([], True)
    Path(f"{bam}.bai").write_bytes(b"BAI\1" + struct.pack("<i", 2**30))
    assert "the index is damaged" in refusals("bam", bam, genomes)
    Path(f"{bam}.bai").write_bytes(b"hello")
    assert "is no index" in refusals("bam", bam, genomes)
    assert "is the index of no file" in refusals("index", Path(f"{bam}.bai"), genomes)


@pytest.mark.parametrize(
    ("contigs", "message"),
    [
        ({f"chr{name}".replace("MT", "M"): length for name, length in intake.CONTIGS.items()}, None),
        (B38, None),
        ({"1": 40_000}, None),
        ({"1": 40_001, "2": 30_000}, 'contig "1" is 40001 bp there, but 40000 bp in tiny'),
        ({"1": 40_000, "chr2": 30_500}, "builds are mixed: 1 are of tiny, chr2 of tiny38"),
        ({"1": 40_000, "chr1": 40_000}, 'contigs "1" and "chr1" are the same contig'),
        ({"X": 1000, "Y": 999}, "none of its contigs (X, Y) is known"),
        ({"1": 40_000, "decoy": 500}, "decoy are not in tiny"),
    ],
)
def test_reference__recognised_or_refused(tmp_path, genomes, contigs, message):
    seen = only("bam", intake.bam(tmp_path / "a.bam", contigs=contigs), genomes)
    if message is None:
        assert seen.findings == ()
        assert seen.reference.digest == ("b" * 32 if contigs == B38 else intake.DIGEST)
    else:
        assert message in " ".join(seen.problems(strict=False))


def test_reference__by_md5_against_the_name(genomes):
    odd = [HeaderContig("NC_01", 40_000, intake.md5("tiny", "1"))]
    found = recognise(odd, None, genomes, "x")
    assert (found.genome.title, found.renamed, found.exact) == ("tiny", (("NC_01", "1"),), False)
    with pytest.raises(GenomehubError, match="has MD5"):
        recognise([HeaderContig("1", 40_000, "0" * 32)], None, genomes, "x")


def test_reference__ambiguous_unsaid_and_contradicted(tmp_path, genomes):
    twin = read_genome(intake.reference(tmp_path / "other", "twin", "c" * 32))
    both = [genomes[0], twin]
    contigs = [HeaderContig(name, length) for name, length in intake.CONTIGS.items()]
    with pytest.raises(GenomehubError, match="are those of tiny and twin alike"):
        recognise(contigs, None, both, "x")
    assert recognise(contigs, None, both, "x", "c" * 32).genome is twin
    with pytest.raises(GenomehubError, match="which this hub does not have"):
        recognise(contigs, None, both, "x", "d" * 32)
    with pytest.raises(GenomehubError, match="neither lengths nor MD5"):
        recognise([HeaderContig("1")], None, genomes, "x")
    assert recognise([HeaderContig("1")], None, genomes, "x", intake.DIGEST).genome is genomes[0]


def test_reference__files_of_two_are_refused(tmp_path, genomes):
    pair = [
        ("bam", intake.bam(tmp_path / "a.bam")),
        ("vcf", intake.vcf(tmp_path / "a.vcf.gz", intake.vcf_text(contigs=B38))),
    ]
    assert "a.vcf.gz: is on tiny38, but a.bam on tiny" in report(pair, genomes).problems(strict=False)[0]


def test_samples__contradictions(tmp_path, genomes):
    bam = intake.bam(tmp_path / "a.bam")
    message = "is of sample 'NA12878', but 'HG002' was said"
    assert message in refusals("bam", bam, genomes, samples=("HG002",))
    assert refusals("bam", bam, genomes, samples=("HG002",), other_names=True) == ""
    assert "names no sample" in refusals("bam", intake.bam(tmp_path / "b.bam", sample=None), genomes)
    table = tmp_path / "s.csv"
    table.write_text("sample,sex\nNA12878,male\n")
    found = report([("bam", bam), ("samples", table)], genomes, samples=("NA12878",), sex="female")
    assert "says that sample 'NA12878' is male, but female" in found.problems(strict=False)[0]
    table.write_text("sample\nNA12878\nhidden\n")
    found = report([("bam", bam), ("samples", table)], genomes)
    assert "names 'hidden', of whom no file is given" in found.problems(strict=False)[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sample,sex\nx,purple\n", "line 2: the sex 'purple' is not understood"),
        ("sample,sex\nx,f\nx,f\n", "line 3: names sample 'x' again"),
        ("sample,sex\nx\n", "line 2: has 1 fields; 2 are expected"),
        ("sample,sample\nx,f\n", "must name the columns, each once"),
        ("name,sex\nx,f\n", "has no column of samples"),
    ],
)
def test_table__refused(tmp_path, genomes, content, message):
    path = tmp_path / "s.csv"
    path.write_text(content)
    assert message in refusals("samples", path, genomes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metaData": {}}, "its metaData has no date"),
        ({"id": ""}, "has no id"),
        ({"subject": {}}, "its subject has no id"),
        ({"phenotypicFeatures": [{"type": {"id": "fits"}}]}, "a type has no id such as HP:0001250"),
        ({"phenotypicFeatures": "many"}, "a list of objects is expected"),
        ({"metaData": {"created": "x", "phenopacketSchemaVersion": "1.0"}}, "is of Phenopacket schema 1.0"),
    ],
)
def test_phenopacket__refused(tmp_path, genomes, change, message):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(PACKET | change))
    assert message in refusals("phenopacket", path, genomes)


def test_kind__another_than_said(tmp_path, genomes):
    bam = intake.bam(tmp_path / "a.bam")
    assert "is said to be vcf, but its content is not vcf or bcf (it looks like bam)" in refusals(
        "vcf", bam, genomes
    )
    text = tmp_path / "x.bam"
    text.write_text("reads")
    found = only("bam", text, genomes)
    assert (found.problems(strict=False), len(found.notes())) == ([], 1)
    gz = tmp_path / "p.vcf.gz"
    gz.write_bytes(gzip.compress(intake.vcf_text().encode()))
    assert "is compressed by gzip, so no region" in refusals("vcf", gz, genomes)


def test_vcz__refused(tmp_path, genomes):
    cases = {
        "lacks the array variant_allele": _store(tmp_path / "a.vcz", drop=["variant_allele"]),
        "is VCF Zarr 9.9": _store(tmp_path / "b.vcz", version="9.9"),
        "1 of the 3 chunks of variant_position are missing": _store(tmp_path / "c.vcz"),
        "no vcf_zarr_version": tmp_path / "d.vcz",
        "is no Zarr store": tmp_path / "e.vcz",
    }
    (tmp_path / "c.vcz" / "variant_position" / "1").unlink()
    zarr.open_group(tmp_path / "d.vcz", mode="w")
    (tmp_path / "e.vcz").mkdir()
    for message, path in cases.items():
        assert message in refusals("vcz", path, genomes), message


# ---------------------------------------------------------------------------------------------- hostile


def _zip(path, **entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def test_zip__traversal_links_bombs_and_damage(tmp_path, genomes):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    linked = tmp_path / "l.zip"
    with zipfile.ZipFile(linked, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(_zip(tmp_path / "whole.zip", a="x" * 10_000).read_bytes()[:-30])
    cases = {
        "leads out of the archive": _zip(tmp_path / "a.zip", **{"../../etc/x": "x"}),
        "'/etc/x', which leads out": _zip(tmp_path / "b.zip", **{"/etc/x": "x"}),
        "'C:/x', which leads out": _zip(tmp_path / "c.zip", **{"C:/x": "x"}),
        "holds the link 'link'": linked,
        "times its size when it is unpacked": _zip(tmp_path / "d.zip", a=bytes(200 * 2**20)),
        "is no whole zip archive": cut,
    }
    for message, path in cases.items():
        started = time.process_time()
        assert message in refusals("vcz", path, genomes), message
        assert time.process_time() - started < 5


def _block(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
    return head + body + struct.pack("<II", zlib.crc32(data), len(data))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"BAM\1" + struct.pack("<i", 2**31 - 1), "states a header text of 2147483647"),
        (b"BAM\1" + struct.pack("<i", -1), "states a header text of -1"),
        (b"BAM\1" + struct.pack("<ii", 0, 2**30), "states a table of contigs of 1073741824"),
        (b"BAM\1" + struct.pack("<i", 1000) + b"@HD", "ends within its header"),
    ],
)
def test_bam__absurd_header(tmp_path, genomes, content, message):
    path = tmp_path / "a.bam"
    path.write_bytes(_block(content) + bgzf.EOF_BLOCK)
    assert message in refusals("bam", path, genomes)


def test_header__bomb_is_not_unpacked(tmp_path, genomes):
    path = tmp_path / "a.vcf.gz"
    line = b"##x=" + b"A" * 65_000
    path.write_bytes(_block(b"##fileformat=VCFv4.3\n") + _block(line) * 3000 + bgzf.EOF_BLOCK)
    assert "more than 128 MiB decompressed" in refusals("vcf", path, genomes)
    index = Path(f"{intake.bam(tmp_path / 'a.bam')}.csi")
    index.write_bytes(gzip.compress(bytes(2**30 + 2**20), 1))
    Path(tmp_path / "a.bam.bai").unlink()
    assert "more than 1024 MiB decompressed" in refusals("bam", tmp_path / "a.bam", genomes)


def test_fastq__bomb(tmp_path, genomes, monkeypatch):
    monkeypatch.setattr("genomehub.hub.intake.reads._GIBIBYTE", 1 << 20)
    (tmp_path / "a.fq.gz").write_bytes(gzip.compress(b"@r\n" + b"A" * (50 << 20)))
    assert "grows to more than 300 times" in refusals("fastq", tmp_path / "a.fq.gz", genomes)


def test_folder__link_out_is_refused(tmp_path):
    store = _store(tmp_path / "a.vcz")
    (store / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(GenomehubError, match="is a link that leads out of the folder"):
        describe_files([("vcz", store)])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged__is_a_sentence_or_a_report(tmp_path_factory, data):
    """Whatever byte is changed or where the file ends: a report comes, never another exception."""
    folder = tmp_path_factory.getbasetemp() / "damaged"
    if not folder.exists():
        folder.mkdir()
        intake.bam(folder / "a.bam"), intake.bam(folder / "a.cram"), intake.vcf(folder / "a.vcf.gz")
        intake.vcf(folder / "a.bcf", kind="b", index="csi")
        _zipped(_store(folder / "a.vcz"), folder / "a.zip")
    kind, name = data.draw(
        st.sampled_from(
            [("bam", "a.bam"), ("cram", "a.cram"), ("vcf", "a.vcf.gz"), ("bcf", "a.bcf"), ("vcz", "a.zip")]
        )
    )
    indexes = {"bam": ".bai", "cram": ".crai", "vcf": ".tbi", "bcf": ".csi", "vcz": ""}
    spoilt = folder / "spoilt"
    shutil.rmtree(spoilt, ignore_errors=True)
    spoilt.mkdir()
    shutil.copy(folder / name, spoilt / name)
    index = spoilt / (name + indexes[kind])
    if indexes[kind]:
        shutil.copy(folder / index.name, index)
    target = data.draw(st.sampled_from([spoilt / name, index]))
    content = bytearray(target.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    target.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2, 40]))])
    genome = folder / "tiny.ref"
    known = read_genome(genome if genome.exists() else intake.reference(folder))
    seen = only(kind, spoilt / name, [known])
    for problem in seen.problems(strict=True):
        assert len(problem) < 1000
        assert "Traceback" not in problem


# ------------------------------------------------------------------------------------- with a catalogue


def test_catalogue__knows_another_sex_and_the_same_content(tmp_path, genomes):
    bam = intake.bam(tmp_path / "a.bam")
    table = tmp_path / "s.csv"
    table.write_text("sample,sex\nNA12878,male\n")
    with Catalogue.create(tmp_path / "c.sqlite") as catalogue:
        files = describe_files([("bam", bam)])
        catalogue.register(Result(files, samples=("NA12878",), sex="female", project="p"))
        named = [("bam", bam), ("samples", table)]
        seen, said = report(named, genomes), Said("p")
        with catalogue.database.read() as session:
            (found,) = compare_with_catalogue(session, seen, said, describe_files(named))
            assert "is known as female, not male" in found.text
            other = report([("bam", bam)], genomes, samples=("HG002",), other_names=True)
            (found,) = compare_with_catalogue(session, other, Said("p", ("HG002",)), files)
            assert "this very content is registered as that of sample 'NA12878'" in found.text
            assert compare_with_catalogue(session, other, Said("elsewhere", ("HG002",)), files) == []


def test_memory__unchanged_files_are_not_read_again(tmp_path, monkeypatch):
    bam = intake.bam(tmp_path / "a.bam")
    store = _store(tmp_path / "a.vcz")
    read = []

    def counted(path, advance):
        read.append(path.name)
        return checksum(path, advance)

    monkeypatch.setattr("genomehub.hub.checksums.checksum", counted)
    monkeypatch.setattr("genomehub.hub.checksums._SETTLED_SECONDS", -1)
    with Catalogue.create(tmp_path / "c.sqlite") as catalogue:
        memory = SeenFiles(catalogue.database)
        named = [("bam", bam), ("vcz", store)]
        first = describe_files(named, memory=memory)
        assert (describe_files(named, memory=memory), read) == (first, ["a.bam", "a.vcz"])
        assert first[0].md5
        assert first[0].md5 == describe_files(named, memory=memory)[0].md5
        assert first[1].members == describe_files(named, memory=memory)[1].members
        assert len(first[1].members) == first[1].n_files
        (store / "variant_position" / "0").write_bytes(b"x")
        content = bam.read_bytes()
        state = bam.stat()
        bam.write_bytes(bytes([content[0] ^ 1]) + content[1:])  # same size, and its time is set back
        os.utime(bam, ns=(state.st_atime_ns, state.st_mtime_ns))
        again = describe_files(named, memory=memory)
        assert [one.sha256 != two.sha256 for one, two in zip(first, again, strict=True)] == [True, True]
        monkeypatch.setattr("genomehub.hub.checksums._SETTLED_SECONDS", 3600)
        bam.write_bytes(content)
        describe_files(named[:1], memory=memory)
        with catalogue.database.read() as session:
            assert session.query(models.SeenFile).count() == 2 + first[1].n_files
            stamps = {row.sha256 for row in session.query(models.SeenFile)}
        assert first[0].sha256 not in stamps  # it had changed a moment ago: not remembered


class _Counting:
    """A file that counts what is read of it."""

    n_bytes = 0

    def __init__(self, handle):
        self._handle = handle

    def read(self, n=-1):
        data = self._handle.read(n)
        _Counting.n_bytes += len(data)
        return data

    def __getattr__(self, name):
        return getattr(self._handle, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._handle.close()


def test_look_at__reads_little_of_a_large_file(tmp_path, monkeypatch):
    """Reads are counted by the index: of the file itself only its ends and some places are read."""
    path = intake.bam(tmp_path / "a.bam", n_reads=90_000, varied=True)
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: _Counting(real(self, *a, **k)))
    seen = look_at(path, path.name, "bam", Path(f"{path}.bai"))
    assert seen.facts.n_reads == 90_007
    assert path.stat().st_size > 3 * 2**20
    assert _Counting.n_bytes < 2**20
