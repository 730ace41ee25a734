"""What describes a result: configuration, QC, costs, reference and software, read from text files."""

import json
import math
import subprocess
import sys

import pytest

from genomehub import cost
from genomehub.errors import ConfigError, InputError, NotFoundError, StoreError
from genomehub.hub import sources
from genomehub.hub.records import CostRecord


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "call:\n  depth: 3 # comment\n  since: 2026-01-02\n"),
        ("c.json", '{"call": {"depth": 3, "since": "2026-01-02"}}'),
        ("c.toml", "[call]\ndepth = 3\nsince = 2026-01-02\n"),
    ],
)
def test_read_configuration__formats_agree(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert sources.read_configuration(tmp_path / name) == (
        {"call": {"depth": 3, "since": "2026-01-02"}},
        text,
    )


def test_read_configuration__other_text_as_it_is(tmp_path):
    (tmp_path / "command.sh").write_text("bwa mem -t 4\n")
    assert sources.read_configuration(tmp_path / "command.sh") == ("bwa mem -t 4\n", "bwa mem -t 4\n")


@pytest.mark.parametrize(("name", "text"), [("c.yaml", "a: [1"), ("c.json", "{"), ("c.toml", "a =")])
def test_read_configuration__malformed(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"{name}: is not the {name[2:].upper()} that its name says"):
        sources.read_configuration(tmp_path / name)


def test_read_configuration__binary(tmp_path):
    (tmp_path / "c.txt").write_bytes(b"a\0b")
    with pytest.raises(InputError, match="is binary"):
        sources.read_configuration(tmp_path / "c.txt")
    (tmp_path / "c.txt").write_bytes(b"a\xff")
    with pytest.raises(InputError, match=r"is not UTF-8 text \(byte 1\)"):
        sources.read_configuration(tmp_path / "c.txt")


def test_read_object__numbers_that_json_has_not_become_null(tmp_path):
    (tmp_path / "qc.json").write_text('{"a": NaN, "b": [Infinity, 1.5], "c": "x\\u0000\\ud800"}')
    expected = {"a": None, "b": [None, 1.5], "c": "x\ufffd?"}
    assert sources.read_object(tmp_path / "qc.json", "QC summary") == expected


@pytest.mark.parametrize(
    ("text", "message"), [("[1]", "holds a JSON list; an object"), ("{", "is not valid JSON")]
)
def test_read_object__no_object(tmp_path, text, message):
    (tmp_path / "qc.json").write_text(text)
    with pytest.raises(InputError, match=message):
        sources.read_object(tmp_path / "qc.json", "QC summary")


def test_read_object__missing(tmp_path):
    with pytest.raises(NotFoundError, match="no such QC summary"):
        sources.read_object(tmp_path / "qc.json", "QC summary")


def test_read_qc__scores_and_costs_stand_elsewhere(tmp_path):
    qc = {"coverage": {"mean": 30}, "costs": [{"core_seconds": 1.5}], "evaluation": {"snv": {"f1": 0.9}}}
    (tmp_path / "qc.json").write_text(json.dumps(qc))
    assert sources.read_qc(tmp_path / "qc.json") == ({"coverage": {"mean": 30}}, {"snv": {"f1": 0.9}})
    (tmp_path / "qc.json").write_text('{"evaluation": 3}')
    assert sources.read_qc(tmp_path / "qc.json") == ({}, None)


def test_read_reference__digest_name_and_length(tmp_path):
    contigs = [{"name": "20", "length": 10_500_000}, {"name": "MT", "length": 16_569}]
    table = {"digest": "abc", "source": "/genomes/b37.fa.gz", "contigs": contigs}
    (tmp_path / "reference.json").write_text(json.dumps(table))
    record = sources.read_reference(tmp_path)
    assert (record.digest, record.name, record.n_contigs, record.length_bp) == ("abc", "b37", 2, 10_516_569)


def test_read_reference__no_directory(tmp_path):
    with pytest.raises(NotFoundError, match="no reference directory"):
        sources.read_reference(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"digest": "x"}', '{"digest": "x", "contigs": [{}]}'])
def test_read_reference__damaged(tmp_path, text):
    (tmp_path / "reference.json").write_text(text)
    with pytest.raises(StoreError, match=r"reference\.json: damaged"):
        sources.read_reference(tmp_path)


BENCHMARK = (
    "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    "10.0\t0:00:10\t100.5\t1\t1\t1\t2.0\t4.0\t99.0\t9.5\n"
    "12.0\t0:00:12\t101.5\t1\t1\t1\t2.0\t4.0\t99.0\t10.5\n"
)


def test_read_costs__snakemake_benchmark_mean_of_repeats(tmp_path):
    (tmp_path / "align.tsv").write_text(BENCHMARK)
    mebibyte = 1 << 20
    expected = CostRecord("align", 11.0, 10.0, 101 * mebibyte, 2 * mebibyte, 4 * mebibyte)
    assert sources.read_costs(tmp_path / "align.tsv") == (expected,)
    assert sources.read_costs(tmp_path / "align.tsv", "map")[0].stage == "map"


def test_read_costs__snakemake_benchmark_too_short_to_measure(tmp_path):
    (tmp_path / "a.tsv").write_text("s\tmax_rss\tio_in\tcpu_time\n0.1\t-\tNA\tnan\n")
    assert sources.read_costs(tmp_path / "a.tsv") == (CostRecord("a", 0.1),)


def test_read_costs__of_the_program(tmp_path):
    cost.write(cost.Cost("align", 12.5, 6.5, 1000), tmp_path / "cost.json")
    assert sources.read_costs(tmp_path / "cost.json") == (CostRecord("align", 6.5, 12.5, 1000),)


def test_read_costs__several_stages(tmp_path):
    (tmp_path / "cost.json").write_text('{"align": {"core_seconds": 5, "note": "x"}, "call": {}}')
    expected = (CostRecord("align", core_seconds=5), CostRecord("call"))
    assert sources.read_costs(tmp_path / "cost.json") == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "x\ty\n1\t2\n", "a Snakemake benchmark table was expected"),
        ("a.tsv", "", "a Snakemake benchmark table was expected"),
        ("a.json", '{"align": 3}', "the cost of 'align' is not what was expected"),
        ("a.json", '{"align": {"core_seconds": "3"}}', "the cost of 'align' is not what was expected"),
    ],
)
def test_read_costs__neither(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        sources.read_costs(tmp_path / name)


def test_kind_of__longest_ending_counts():
    kinds = {
        name: sources.kind_of(name) for name in ("a.g.vcf.gz", "a.vcf.gz", "A.BAM", "x/a.vcz", "a.fq.gz")
    }
    assert list(kinds.values()) == ["gvcf", "vcf", "bam", "vcz", "fastq"]


def test_kind_of__unknown():
    with pytest.raises(ConfigError, match=r"Say it: --file KIND=a\.xyz"):
        sources.kind_of("a.xyz")
    assert sources.input_kind("a.xyz") == "input"


def test_flat_numbers__lists_and_truth_values_left_out():
    values = {"a": {"b": 1, "c": [1, 2], "d": True, "e": None}, "f": 2.5, "g": "x", "h": 10**400}
    assert dict(sources.flat_numbers(values)) == {"a.b": 1.0, "f": 2.5}
    assert all(math.isfinite(value) for _, value in sources.flat_numbers(values))


def test_installed_software__without_importing_it():
    code = (
        "import json, sys, genomehub.hub.sources as s; v = s.installed_software(); "
        "heavy = ('numba', 'zarr', 'pysam', 'dask', 'snakemake'); "
        "print(json.dumps([v, [m for m in heavy if m in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    versions, loaded = json.loads(done.stdout)
    assert {"genomehub", "python", "numba", "zarr", "pysam"} <= versions.keys()
    assert loaded == []
