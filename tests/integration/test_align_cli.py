"""``genomehub reference`` and ``genomehub align`` as people run them: good input, bad input, full disks."""

import errno
import gzip
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest
from builders.reads import random_codes

from genomehub.cli import run
from genomehub.config import SortConfig
from genomehub.errors import ConfigError, ResourceError
from genomehub.formats import bam
from genomehub.formats.fastq import Lane
from genomehub.pipeline import align as pipeline
from genomehub.pipeline import align_output, align_tasks
from genomehub.pipeline.align import align
from genomehub.types import ReadGroup

pytestmark = pytest.mark.integration

DATA = Path("reference_data")
READS = [str(DATA / "trio" / f"HG001_R{end}.fastq.gz") for end in (1, 2)]
MORE = [str(DATA / "trio" / f"NA12891_R{end}.fastq.gz") for end in (1, 2)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference") / "slice.ref"
    assert run(["reference", "build", str(DATA / "b37.20_9.5-10.5M.fa.gz"), "-o", str(folder), "-q"]) == 0
    return str(folder)


def command(reference, out, *arguments):
    return run(["align", "-r", reference, "--sample", "HG001", "-o", str(out), "-q", *map(str, arguments)])


def lane(reads1, reads2=None, group="g"):
    return Lane(ReadGroup(group, "s", "l"), str(reads1), None if reads2 is None else str(reads2))


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def test_reference_show__text_and_json(reference, capsys):
    assert run(["reference", "show", reference]) == 0
    text = capsys.readouterr().out
    assert "FuamusjOqnvvTWtZOgL4dBPCbo-Ow09j" in text
    assert "2dd744aea382bcf5189f9ff936c7259d" in text
    assert run(["reference", "show", reference, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["contigs"] == [
        {
            "name": "20",
            "length": 10_500_000,
            "md5": "2dd744aea382bcf5189f9ff936c7259d",
            "refget": "SQ.LdOG4dnOYYMPlTw05X8vqDs081ZeHlHw",
            "is_alt": False,
        }
    ]


@pytest.mark.parametrize("suffix", ["bam", "cram"])
def test_align__same_bytes_with_one_and_two_threads(reference, tmp_path, suffix):
    config = SortConfig(
        templates_per_batch=150, spill_buffer_bytes=50_000, bin_bp=2**17, duplicate_bins=1
    )  # fmt: skip
    for threads in (1, 2):
        out = tmp_path / f"{threads}" / f"out.{suffix}"
        align(reference, [lane(*READS), lane(*MORE, "h")], out, None, config, threads=threads)
    index = {"bam": "bai", "cram": "crai"}[suffix]
    for name in (f"out.{suffix}", f"out.{suffix}.{index}"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    assert listing(tmp_path / "1") == [f"out.{suffix}", f"out.{suffix}.{index}"]


def test_align__lanes_read_groups_metrics_and_json(reference, tmp_path):
    out, summary, metrics = tmp_path / "out.bam", tmp_path / "out.json", tmp_path / "out.txt"
    code = command(
        reference, out, "-t", 1, "--json", summary, "--metrics", metrics, "--library", "A",
        "--read-group", "ID=L1,PU=F.1", "--lane", "ID=L2,LB=B,PL=BGI", *MORE,
        "--lane", "-", MORE[0], "-", *READS,
    )  # fmt: skip
    assert code == 0
    with pysam.AlignmentFile(str(out)) as file:
        groups = {group["ID"]: group for group in file.header.to_dict()["RG"]}
        reads = list(file.fetch(until_eof=True))
    assert groups == {
        "L1": {"ID": "L1", "SM": "HG001", "LB": "A", "PL": "ILLUMINA", "PU": "F.1"},
        "L2": {"ID": "L2", "SM": "HG001", "LB": "B", "PL": "BGI"},
        "HG001": {"ID": "HG001", "SM": "HG001", "LB": "A", "PL": "ILLUMINA"},
    }
    counts = {group: sum(r.get_tag("RG") == group for r in reads) for group in groups}
    lines = {path: gzip.decompress(Path(path).read_bytes()).count(b"\n") // 4 for path in (*READS, *MORE)}
    assert counts == {"L1": 2 * lines[READS[0]], "L2": 2 * lines[MORE[0]], "HG001": lines[MORE[0]]}
    told = json.loads(summary.read_text())
    primary = [r for r in reads if not r.is_supplementary]
    assert told["reads"] == len(primary)
    assert told["mapped"] == sum(not r.is_unmapped for r in primary)
    assert told["properly_paired"] == sum(r.is_proper_pair for r in primary)
    assert told["duplicates"] == sum(r.is_duplicate for r in primary)
    assert set(told["insert_sizes"]) == set(groups)
    assert set(told["libraries"]) == {"A", "B"}
    assert "LIBRARY\t" in metrics.read_text()


@pytest.mark.parametrize("option", ["--json", "--metrics"])
def test_align__does_not_write_over_reads(reference, tmp_path, capsys, option):
    """``--json R1.fq.gz R2.fq.gz`` is soon typed by who thinks that --json takes no file."""
    ends = [tmp_path / Path(read).name for read in READS]
    for end, read in zip(ends, READS, strict=True):
        end.write_bytes(Path(read).read_bytes())
    assert command(reference, tmp_path / "out.bam", option, *ends) == 2
    assert f"{option} {ends[0]}: there are reads in this file, which would be lost" in capsys.readouterr().err
    assert ends[0].read_bytes() == Path(READS[0]).read_bytes()
    assert listing(tmp_path) == sorted(end.name for end in ends)


def test_align__optical_duplicates_tags_and_memory(reference, tmp_path):
    text = gzip.decompress(Path(READS[0]).read_bytes()).decode().splitlines()[:8]
    other = gzip.decompress(Path(READS[1]).read_bytes()).decode().splitlines()[:8]
    names = ["A:1:F:1:1101:100:200", "A:1:F:1:1101:1600:900", "A:1:F:1:1102:100:200"]
    for path, lines in ((tmp_path / "1.fq", text), (tmp_path / "2.fq", other)):
        path.write_text("".join(f"@{name}\n{lines[1]}\n+\n{lines[3]}\n" for name in names))
    out, summary = tmp_path / "out.bam", tmp_path / "out.json"
    options = ["--optical-distance", 2500, "--duplicate-tags", "all", "--sort-memory", 1, "--json", summary]
    assert command(reference, out, *options, tmp_path / "1.fq", tmp_path / "2.fq") == 0
    with pysam.AlignmentFile(str(out)) as file:
        found = {r.query_name: r.get_tag("DT") for r in file if r.is_duplicate}
    assert found == {names[1]: "SQ", names[2]: "LB"}
    told = json.loads(summary.read_text())
    assert told["libraries"]["HG001"]["read_pair_optical_duplicates"] == 1
    assert told["libraries"]["HG001"]["read_pair_duplicates"] == 2
    peaks = [told["peak_rss_bytes"][stage] for stage in ("aligning", "deciding", "writing")]
    assert 1 << 20 < peaks[0] <= peaks[1] <= peaks[2]


def test_align__names_without_a_place_are_told_once(reference, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(pipeline._log, "warning", lambda text, *values: told.append(text % values))
    align(reference, [lane(*READS)], tmp_path / "out.bam", None, SortConfig(templates_per_batch=150))
    assert len(told) == 1
    assert "pairs have names that tell no tile and position" in told[0]


def test_align__single_reads(reference, tmp_path):
    assert command(reference, tmp_path / "out.bam", READS[0]) == 0
    with pysam.AlignmentFile(str(tmp_path / "out.bam")) as file:
        assert not any(read.is_paired for read in file)


def test_align__split_read_other_places_and_alt_contigs(tmp_path):
    """--alt marks contigs; clips are hard unless asked otherwise; XA is left out when it is not wanted."""
    rng = np.random.default_rng(5)
    one, two = random_codes(rng, 4000), random_codes(rng, 3000)
    contigs = {"one": one, "two": np.concatenate([two, two[500:900]]), "one_alt": one[1000:2000]}
    texts = {name: "".join("ACGT"[code] for code in codes) for name, codes in contigs.items()}
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    (tmp_path / "names.alt").write_text("one_alt\t0\tone\t1001\n")
    split, repeat = texts["one"][:90] + texts["two"][2000:2060], texts["two"][600:750]
    reads = [("split", split), ("repeat", repeat), ("shared", texts["one_alt"][100:250])]
    (tmp_path / "r.fq").write_text("".join(f"@{n}\n{r}\n+\n{'I' * 150}\n" for n, r in reads))
    build = [tmp_path / "g.fa", "-o", tmp_path / "g.ref", "--alt", tmp_path / "names.alt"]
    assert run(["reference", "build", *map(str, build)]) == 0
    for options, clip, listed in (((), "H", True), (("--soft-clip-supplementary", "--xa", 0), "S", False)):
        out = tmp_path / "out.bam"
        assert command(str(tmp_path / "g.ref"), out, tmp_path / "r.fq", *options) == 0
        with pysam.AlignmentFile(str(out)) as file:
            assert [line.get("AH") for line in file.header["SQ"]] == [None, None, "*"]
            rows = {(r.query_name, r.is_supplementary): r for r in file}
        assert rows["split", False].cigarstring == "90M60S"
        assert rows["split", True].cigarstring == f"90{clip}60M"
        assert rows["repeat", False].mapping_quality == 0
        assert rows["repeat", False].has_tag("XA") is listed
        assert rows["shared", False].reference_name == "one"
        assert rows["shared", False].mapping_quality == 60
        assert len(rows) == 4


def test_align__all_reads_unmapped(reference, tmp_path):
    (tmp_path / "r.fq").write_text("@a\n" + "N" * 100 + "\n+\n" + "I" * 100 + "\n@b\n\n+\n\n")
    assert command(reference, tmp_path / "out.bam", tmp_path / "r.fq") == 0
    with pysam.AlignmentFile(str(tmp_path / "out.bam")) as file:
        assert [read.flag for read in file.fetch(until_eof=True)] == [4, 4]


def damaged(folder, **changes):
    """R1 and R2 of six pairs, one of them changed."""
    paths = {}
    for end, path in zip(("R1", "R2"), READS, strict=True):
        lines = gzip.decompress(Path(path).read_bytes()).decode().splitlines()[:24]
        text = changes.get(end, lambda lines: "\n".join(lines) + "\n")(lines)
        paths[end] = folder / f"{end}.fastq"
        paths[end].write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(paths.values())


BAD = {
    "truncated gzip": (
        lambda lines: gzip.compress("\n".join(lines).encode())[:-20],
        "R2.fastq: the compressed data",
    ),
    "fewer mates": (lambda lines: "\n".join(lines[:-4]), "R2.fastq: ends after 5 reads"),
    "other names": (lambda lines: "\n".join(["@x", *lines[1:]]), 'R2.fastq, record 1 (read "x"): its mate'),
    "short quality": (lambda lines: "\n".join([*lines[:3], "I", *lines[4:]]), "bases but 1 qualities"),
    "empty": (lambda lines: "", "R2.fastq: holds no reads"),
    "no FASTQ": (lambda lines: "PK\x03\x04 zip", "record 1: starts with"),
}


@pytest.mark.parametrize("fault", BAD)
def test_align__bad_reads_leave_no_output(reference, tmp_path, capsys, fault):
    change, sentence = BAD[fault]
    reads = damaged(tmp_path, R2=change)
    before = listing(tmp_path)
    assert command(reference, tmp_path / "out.bam", *reads) == 3
    message = capsys.readouterr().err
    assert sentence in message
    assert message.count("\n") == 1
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["out.sam", *READS], 2, "out.sam: the output's name must end in .bam or .cram"),
        (["out.bam"], 2, "no reads were given"),
        (["out.bam", *READS, MORE[0]], 2, "3 FASTQ files were given"),
        (["out.bam", READS[0], READS[0]], 2, "is given as R1 and as R2"),
        (["out.bam", "--read-group", "XX=1", *READS], 2, "'XX=1' is no field"),
        (["out.bam", "--lane", "ID=a,LB=x", *READS, "--lane", "ID=a,LB=y", *MORE], 2, '"a" is given twice'),
        (["out.bam", "none.fastq.gz"], 3, "none.fastq.gz: no such FASTQ, BAM or CRAM file"),
    ],
)
def test_align__bad_arguments(reference, tmp_path, capsys, arguments, code, sentence):
    assert command(reference, tmp_path / arguments[0], *arguments[1:]) == code
    assert sentence in capsys.readouterr().err
    assert listing(tmp_path) == []


def test_align__output_is_a_folder(reference, tmp_path):
    (tmp_path / "out.bam").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        align(reference, [lane(*READS)], tmp_path / "out.bam")


def test_align__reference_is_none(tmp_path, capsys):
    assert command(str(tmp_path), tmp_path / "out.bam", *READS) == 5
    assert "is no reference directory" in capsys.readouterr().err


def test_align__output_folder_not_writable(reference, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert command(reference, tmp_path / "file" / "out.bam", *READS) == 4
    assert "cannot be written" in capsys.readouterr().err


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", ["spill", "write", "finish"])
def test_align__disk_full(reference, tmp_path, monkeypatch, capsys, place):
    target = {
        "spill": (pipeline.BinStore, "flush"),
        "write": (align_output.SortedBins, "_write_bam"),
        "finish": (align_tasks, "finish_bin"),
    }
    monkeypatch.setattr(*target[place], full_disk)
    assert command(reference, tmp_path / "out.bam", *READS) == 4
    assert "out.bam: no space left to write it" in capsys.readouterr().err
    assert listing(tmp_path) == []


def test_align__htslib_fails_while_writing_cram(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(bam, "_VIEW", "raise SystemExit('write failed: No space left on device')")
    with pytest.raises(ResourceError, match=r"could not write or index it \(write failed: No space left"):
        align(reference, [lane(*READS)], tmp_path / "out.cram")
    assert listing(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("suffix", ["bam", "cram"])
def test_align__really_full_disk(reference, tmp_path, capsys, suffix):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this container may not mount")
    try:
        assert command(reference, disk / f"out.{suffix}", *READS) == 4
        assert "space" in capsys.readouterr().err
        assert listing(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_reference_build__bad_fasta_exits_3(tmp_path, capsys):
    (tmp_path / "bad.fa").write_text(">a\nAC\n>a\nAC\n")
    assert run(["reference", "build", str(tmp_path / "bad.fa"), "-o", str(tmp_path / "bad.ref"), "-q"]) == 3
    assert 'line 3, contig "a": this name was used before' in capsys.readouterr().err
    assert listing(tmp_path) == ["bad.fa"]


def test_help__has_an_example(capsys):
    for arguments in (["align", "--help"], ["reference", "build", "--help"], ["reference", "show", "--help"]):
        assert run(arguments) == 0
        assert "Example" in capsys.readouterr().out
