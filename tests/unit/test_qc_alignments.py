"""Metrics of alignments: equal to plain counting, whatever the partitions, and right on hand examples."""

import json
import statistics

import numpy as np
import pysam
import pytest
from builders import alignment_files as build
from plain import read_metrics as plain

from genomehub.config import QcConfig
from genomehub.errors import ConfigError, InputError, NotFoundError
from genomehub.kernels.read_metrics import FLAGSTAT
from genomehub.pipeline import qc as pipeline
from genomehub.pipeline.qc import qc
from genomehub.quality import metrics, metrics_alignments
from genomehub.types import Contig

SEQUENCES = {
    "1": "N" * 3_000 + build.random_sequence(50_000, 1),
    "2": build.random_sequence(5_500, 2),
    "empty": build.random_sequence(2_000, 3),
}
SMALL = QcConfig(partition_bp=7_000, n_windows=50)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Reference, reads.bam with reads on a contig that the reference lacks too."""
    folder = tmp_path_factory.mktemp("qc")
    build.make_reference(folder / "ref", SEQUENCES)
    head = build.header({**SEQUENCES, "decoy": 4_000}, read_groups=[{"ID": "lane1", "SM": "NA1"}])
    reads = [r for r in build.random_reads(head, 4000, seed=4) if r.reference_id != 2]
    build.write_bam(folder / "reads.bam", head, reads)
    return folder


@pytest.fixture(scope="module")
def reads(folder):
    with pysam.AlignmentFile(str(folder / "reads.bam")) as file:
        return list(file.fetch(until_eof=True))


@pytest.fixture(scope="module")
def result(folder):
    return qc(folder / "ref", folder / "reads.bam", None, folder / "qc", config=SMALL, threads=2)


def test_flagstat__equals_plain(result, reads):
    rows = plain.flagstat(reads)
    assert result["reads"]["flagstat"] == [[rows[name, 0], rows[name, 1]] for name in FLAGSTAT]


@pytest.mark.parametrize(("contig", "name"), [(0, "1"), (1, "2")])
def test_depth__equals_plain(result, reads, contig, name):
    depth = np.array(plain.depth(reads, contig, len(SEQUENCES[name])))
    row = next(row for row in result["coverage"]["contigs"] if row["name"] == name)
    assert row["depth_sum"] == depth.sum()
    assert row["n_covered"] == (depth > 0).sum()
    known = np.array([letter != "N" for letter in SEQUENCES[name]])
    assert row["mean"] == pytest.approx(depth[known].mean(), abs=1e-4)
    starts = range(0, len(depth), result["coverage"]["window_bp"])
    windows = [(depth[s : s + 2_000], known[s : s + 2_000]) for s in starts]
    assert result["coverage"]["window_bp"] == 2_000
    expected = [d[k].mean() if k.sum() >= 200 else None for d, k in windows]
    assert row["profile"] == [None if e is None else pytest.approx(e, abs=0.006) for e in expected]


def test_coverage__equals_plain(result, reads):
    depth = np.concatenate(
        [
            np.array(plain.depth(reads, i, len(text)))[[c != "N" for c in text]]
            for i, text in enumerate(SEQUENCES.values())
        ]
    )
    coverage = result["coverage"]
    assert coverage["histogram"] == np.bincount(depth).tolist()
    assert coverage["target_bases"] == depth.size
    assert coverage["mean"] == pytest.approx(depth.mean(), abs=1e-4)
    assert coverage["median"] == statistics.median_low(depth.tolist())
    assert coverage["standard_deviation"] == pytest.approx(depth.std(), abs=1e-4)
    assert coverage["at_least"]["5x"] == pytest.approx((depth >= 5).mean(), abs=1e-6)
    assert coverage["p20"] == np.quantile(depth, 0.2, method="inverted_cdf") == 0
    assert coverage["fold_80"] is None


def test_coverage__fold_80():
    histogram = np.array([1, 0, 3, 4, 2])  # depths 0 2 2 2 3 3 3 3 4 4: 20 % reach no more than 2
    assert metrics_alignments._percentile(histogram, 0.2) == 2


def test_base_quality__equals_plain(result, reads):
    counts = plain.cycle_qualities(reads)
    for end, name in enumerate(("read1", "read2")):
        for cycle in (0, 7, 39, 99):
            here = {q: n for (e, c, q), n in counts.items() if (e, c) == (end, cycle)}
            mean = sum(q * n for q, n in here.items()) / sum(here.values())
            assert result["base_quality"][name]["mean_by_cycle"][cycle] == pytest.approx(mean, abs=0.006)
    total = sum(counts.values())
    good = sum(n for (_, _, q), n in counts.items() if q >= 30)
    assert result["base_quality"]["q30_fraction"] == pytest.approx(good / total, abs=1e-6)


def test_errors__equal_plain(result, reads):
    errors = result["errors"]
    keys = ("edit_distance", "nm_aligned_bases", "nm_inserted_bases", "nm_deleted_bases")
    assert [errors[key] for key in keys] == plain.edits(reads)


@pytest.mark.parametrize(
    ("threads", "config"),
    [(1, SMALL), (2, QcConfig(partition_bp=10**9, n_windows=50)), (1, QcConfig(2_000, 50))],
)
def test_qc__same_whatever_the_partitions(folder, result, threads, config, tmp_path):
    other = qc(folder / "ref", folder / "reads.bam", None, tmp_path / "qc", config=config, threads=threads)
    assert {**other, "config": None} == {**result, "config": None}


def test_qc__same_bytes(folder, result, tmp_path):
    qc(folder / "ref", folder / "reads.bam", None, tmp_path / "qc", config=SMALL, threads=1)
    names = sorted(path.name for path in (folder / "qc").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "qc").iterdir())
    for name in names:
        assert (tmp_path / "qc" / name).read_bytes() == (folder / "qc" / name).read_bytes()
    assert json.loads((folder / "qc" / "qc.json").read_text()) == result


def test_qc__regions(folder, reads, tmp_path):
    (tmp_path / "r.bed").write_text("1\t2500\t3500\n1\t20000\t20500\n2\t5000\t5500\n")
    found = qc(
        folder / "ref", folder / "reads.bam", None, tmp_path / "qc", config=SMALL, regions=tmp_path / "r.bed"
    )
    first, second = (np.array(plain.depth(reads, i, len(SEQUENCES[n]))) for i, n in ((0, "1"), (1, "2")))
    depth = np.concatenate((first[3000:3500], first[20000:20500], second[5000:5500]))
    assert found["coverage"]["histogram"] == np.bincount(depth).tolist()
    assert found["target"] == "r.bed"
    assert found["reads"]["total"] == len(reads)


def test_qc__no_reads(folder, tmp_path):
    bam = build.write_bam(tmp_path / "none.bam", build.header(SEQUENCES), [])
    found = qc(folder / "ref", bam, None, tmp_path / "qc", config=SMALL)
    assert found["summary"]["coverage_mean"] == 0
    assert found["summary"]["mapped_fraction"] is None
    assert found["insert_size"] == {"n_pairs": 0, "orientations": {}}
    assert "NaN" not in (tmp_path / "qc" / "qc.json").read_text()


def test_insert_sizes__by_hand(folder, tmp_path):
    head = build.header(SEQUENCES)
    pairs = [(4000 + 10 * i, size) for i, size in enumerate([300] * 60 + [301] * 30 + [310] * 9 + [9000])]
    ends = []
    for number, (start, size) in enumerate(pairs):
        for flag, place, mate, length in (
            (99, start, start + size - 50, size),
            (147, start + size - 50, start, -size),
        ):
            read = pysam.AlignedSegment(head)
            read.query_name, read.flag, read.reference_id, read.reference_start = str(number), flag, 0, place
            read.query_sequence, read.cigartuples, read.mapping_quality = "A" * 50, [(0, 50)], 60
            read.next_reference_id, read.next_reference_start, read.template_length = 0, mate, length
            ends.append(read)
    ends.sort(key=lambda read: read.reference_start)
    bam = build.write_bam(tmp_path / "pairs.bam", head, ends)
    found = qc(folder / "ref", bam, None, tmp_path / "qc", config=SMALL)["insert_size"]["orientations"]
    assert list(found) == ["FR"]
    values = found["FR"]
    assert (values["n_pairs"], values["median"], values["mode"], values["max"]) == (100, 300.0, 300, 9000)
    # 9000 lies beyond median + 10 deviations of 0: all that is longer than the median is left out (picard)
    assert values["median_absolute_deviation"] == 0
    assert values["mean"] == 300


def test_insert_sizes__longer_than_the_table(folder):
    counts = np.zeros(101, np.int64)
    counts[0], counts[50], counts[60] = 2, 2, 1  # two inserts beyond 100 bp
    values = metrics_alignments._insert_sizes(counts, 7_000)
    assert (values["median"], values["n_longer"], values["max"], values["min"]) == (60, 2, 7000, 50)


def test_plan__windows_of_whole_partitions():
    contigs = tuple(
        Contig(str(i), length, "", "") for i, length in enumerate((248_956_422, 57_227_415, 16_569))
    )
    layout = metrics.plan(contigs, QcConfig())
    assert layout.window == 200_000
    assert all(part.start % layout.window == 0 for part in layout.partitions)
    assert sum(part.end - part.start for part in layout.partitions) == sum(c.length for c in contigs)
    assert layout.first_window.tolist() == [0, 1245, 1532, 1533]


@pytest.mark.parametrize(
    ("depths", "suggested"),
    [((30, 30, 0.1), "female"), ((30, 15, 9), "male"), ((30, 30, 9), "unclear"), ((0, 0, 0), None)],
)
def test_sex__by_depth(depths, suggested):
    contigs = tuple(Contig(name, 1000, "", "") for name in ("chr1", "chrX", "chrY"))
    tally = metrics.new_tally(metrics.plan(contigs, QcConfig()), QcConfig())
    tally.contigs[:, -1] = [int(depth * 1000) for depth in depths]
    assert metrics_alignments.sex_section(tally, contigs)["suggested"] == suggested


# --- what can be wrong --------------------------------------------------------------------------------------
def test_error__nothing_given(folder, tmp_path):
    with pytest.raises(ConfigError, match="qc needs alignments"):
        qc(folder / "ref", None, None, tmp_path / "qc")


def test_error__nothing_left_behind(folder, tmp_path):
    with pytest.raises(NotFoundError, match="no such alignment file"):
        qc(folder / "ref", tmp_path / "none.bam", None, tmp_path / "qc")
    assert list(tmp_path.iterdir()) == []


def test_error__unsorted(folder, tmp_path, reads):
    head = build.header({**SEQUENCES, "decoy": 4_000})
    bam = build.write_bam(tmp_path / "u.bam", head, [r for r in reads if r.reference_id >= 0])
    index = (tmp_path / "u.bam.bai").read_bytes()
    build.write_bam(bam, head, [*reads[:900], reads[10], *reads[900:]], index=None)
    (tmp_path / "u.bam.bai").write_bytes(index)
    with pytest.raises(InputError, match=r"is not sorted by coordinate|does not fit"):
        qc(folder / "ref", bam, None, tmp_path / "qc", threads=2)
    assert not (tmp_path / "qc").exists()


def test_error__samples_differ(folder, tmp_path, monkeypatch):
    class Store:
        samples = ("other",)

        @staticmethod
        def open(path):
            return Store

    monkeypatch.setattr(pipeline, "VariantStore", Store)
    monkeypatch.setattr(pipeline, "_measure_calls", lambda *_: {"with_alt": 0})
    with pytest.raises(InputError, match="alignments are of sample 'NA1', calls of 'other'"):
        qc(folder / "ref", folder / "reads.bam", "x.vcz", tmp_path / "qc", config=SMALL)
