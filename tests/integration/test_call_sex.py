"""``--sex auto``: read off simulated depths of X and Y, on contigs of GRCh38's true lengths."""

import json
import logging

import numpy as np
import pysam
import pytest
from builders.alignment_files import header, write_bam

from genomehub.cli import run
from genomehub.config import CallConfig
from genomehub.formats.alignment_reader import AlignmentReader
from genomehub.pipeline.ploidy import plan_ploidy, sex_depths, spread
from genomehub.store.reference import BASES, FORMAT_VERSION, PADDING, TABLE, Reference
from genomehub.store.variants import VariantStore
from genomehub.types import Interval
from genomehub.variants.ploidy import sex_contig

pytestmark = pytest.mark.integration

LENGTHS = {"1": 2_000_000, "X": 156_040_895, "Y": 57_227_415}
READ, DEPTH = 150, 2.0
#: Share of windows of Y where reads can be placed, and of its bases that are as deep as one chromosome there.
UNIQUE_Y = 1 / 3


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A reference with A where it is looked at; all else is a hole in a file, not 100 MB of bases."""
    folder = tmp_path_factory.mktemp("sex") / "holes.ref"
    folder.mkdir()
    contigs, end = [], PADDING
    for number, (name, length) in enumerate(LENGTHS.items()):
        contigs.append(
            {"name": name, "length": length, "md5": f"{number:032x}", "refget": f"SQ.{number}", "offset": end}
        )
        end += length + length % 2 + PADDING
    with (folder / BASES).open("wb") as file:
        fields = {"descr": "|u1", "fortran_order": False, "shape": (end // 2,)}
        np.lib.format.write_array_header_1_0(file, fields)
        file.truncate(file.tell() + end // 2)
    table = {"format_version": FORMAT_VERSION, "digest": "holes", "contigs": contigs}
    (folder / TABLE).write_text(json.dumps(table))
    found = Reference.open(folder)
    packed = np.lib.format.open_memmap(folder / BASES, mode="r+")
    for index, contig in enumerate(found.contigs):
        for window in spread(outside_pars(contig, index), 60, 10_000):
            offset = contigs[index]["offset"]
            packed[(offset + window.start) // 2 : (offset + window.end + 1) // 2] = 0x11
    packed.flush()
    return Reference.open(folder)


def outside_pars(contig, index):
    known = sex_contig(contig)
    edges = [0, *(edge for par in known.pars for edge in par), contig.length] if known else [0, contig.length]
    return [Interval(index, *span) for span in zip(edges[::2], edges[1::2], strict=True)]


def write_sample(path, reference, copies):
    """BAM of reads in the windows that are looked at; ``copies`` of each contig, 2 is DEPTH."""
    rng = np.random.default_rng(7)
    head = header(LENGTHS)
    records = []
    for index, contig in enumerate(reference.contigs):
        for n, window in enumerate(spread(outside_pars(contig, index), 60, 10_000)):
            share = copies[contig.name] / 2
            if contig.name == "Y" and n % round(1 / UNIQUE_Y):
                share = 0  # ampliconic, or heterochromatin: MAPQ 0
            n_reads = rng.poisson(DEPTH * share * 10_000 / READ)
            records += [(index, int(p), 60) for p in rng.integers(window.start, window.end - READ, n_reads)]
            if contig.name == "Y":
                n_reads = rng.poisson(DEPTH * 10_000 / READ / 4)  # of other contigs: never sure
                records += [
                    (index, int(p), 3) for p in rng.integers(window.start, window.end - READ, n_reads)
                ]
    segments = []
    for i, (index, start, quality) in enumerate(sorted(records)):
        segment = pysam.AlignedSegment(head)
        segment.query_name, segment.flag = f"r{i}", 16 * (i % 2)
        segment.reference_id, segment.reference_start, segment.mapping_quality = index, start, quality
        segment.cigartuples, segment.query_sequence = [(0, READ)], "A" * READ
        segment.query_qualities = pysam.qualitystring_to_array("D" * READ)
        segment.set_tag("RG", head.to_dict()["RG"][0]["ID"])
        segments.append(segment)
    return write_bam(path, head, segments)


@pytest.mark.parametrize(
    ("copies", "sex"),
    [
        ({"1": 2, "X": 1, "Y": 1}, "male"),
        ({"1": 2, "X": 2, "Y": 0}, "female"),
        ({"1": 2, "X": 2, "Y": 1}, "unknown"),
        ({"1": 2, "X": 1, "Y": 0}, "unknown"),
        ({"1": 0, "X": 1, "Y": 1}, "unknown"),
    ],
    ids=["XY", "XX", "XXY", "X0", "too_few_reads"],
)
def test_sex__of_simulated_depths(reference, tmp_path, caplog, copies, sex):
    bam = write_sample(tmp_path / "in.bam", reference, copies)
    called = [Interval(1, 60_000_000, 60_001_000)]
    with AlignmentReader(bam, reference) as reader, caplog.at_level(logging.INFO, "genomehub.call"):
        depths = sex_depths(reference, reader, None, None, CallConfig())
        found = plan_ploidy(reference, reader, None, called, None, CallConfig(), "auto", None)
    assert found.sex.value == sex
    assert found.sex_from == "coverage"
    assert found.map.of(called[0]) == (1 if sex == "male" else 2)
    assert found.map.of(Interval(1, 20_000, 21_000)) == 2  # PAR
    assert found.map.of(Interval(2, 20_000_000, 20_000_001)) == {"male": 1, "female": 0, "unknown": 2}[sex]
    assert depths["autosomes"] == pytest.approx(DEPTH * copies["1"] / 2, rel=0.1)
    assert depths["X"] == pytest.approx(DEPTH * copies["X"] / 2, rel=0.1)
    assert depths["Y"] == pytest.approx(DEPTH * copies["Y"] / 2 * UNIQUE_Y, rel=0.2)
    assert any(record.levelno == logging.WARNING for record in caplog.records) == (sex == "unknown")


def test_sex__of_targets(reference, tmp_path):
    """An exome has reads in its targets only; a window is as long as the target it lies in."""
    bam = write_sample(tmp_path / "in.bam", reference, {"1": 2, "X": 1, "Y": 1})
    targets = [
        Interval(index, window.start + 2_000, window.start + 2_400)
        for index, contig in enumerate(reference.contigs)
        for window in spread(outside_pars(contig, index), 60, 10_000)
    ]
    with AlignmentReader(bam, reference) as reader:
        found = plan_ploidy(reference, reader, None, targets, targets, CallConfig(), "auto", None)
    assert found.sex.value == "male"


def test_call__says_how_the_sex_was_found(reference, tmp_path, capsys):
    bam = write_sample(tmp_path / "in.bam", reference, {"1": 2, "X": 1, "Y": 1})
    bed = tmp_path / "x.bed"
    bed.write_text("X\t60000000\t60001000\nY\t20000000\t20001000\n")
    arguments = ["call", "-q", "-r", str(reference.path), "--regions", str(bed), "--no-calibrate", "--json"]
    assert run([*arguments, "-o", str(tmp_path / "o.vcz"), str(bam)]) == 0
    assert json.loads(capsys.readouterr().out)["sex"] == "male"
    provenance = VariantStore.open(tmp_path / "o.vcz").attributes["provenance"]
    assert (provenance["sex"], provenance["sex_from"]) == ("male", "coverage")
    assert [span[3] for span in provenance["ploidy_spans"]] == [1, 1, 1, 1]
