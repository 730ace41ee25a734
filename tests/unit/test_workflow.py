"""The configuration of a run: defaults, paths, what is made, and what is told when it is wrong."""

import itertools
import shlex
from pathlib import Path

import pytest
import yaml

import genomehub
from genomehub import cost
from genomehub.errors import ConfigError, NotFoundError, StoreError
from genomehub.pipeline import commands, summary, workflow

SHEET = "sample\tread_group\tfastq_1\tfastq_2\talignments\tsex\ttruth\tconfident\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("g.fa.gz", "a 1.fq", "a 2.fq", "b.fq", "t.vcf.gz", "c.bed", "x.bam", "x.bam.csi"):
        (tmp_path / name).write_text("content")
    (tmp_path / "samples.tsv").write_text(
        SHEET + "NA1\tL1\ta 1.fq\ta 2.fq\t\tmale\tt.vcf.gz\tc.bed\nNA1\t\tb.fq\nNA2\t\t\t\tx.bam\n"
    )
    write(tmp_path)
    return tmp_path


def write(folder: Path, **settings: object) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"samples": "samples.tsv", "reference": "g.fa.gz", **settings}))
    return path


def test_read_run__defaults_and_paths(folder, monkeypatch):
    monkeypatch.chdir("/")
    run = workflow.read_run(folder / "config.yaml")
    assert list(run.samples) == ["NA1", "NA2"]
    assert (run.genome, run.reference) == (folder / "g.fa.gz", "results/reference/g")
    assert run.settings["catalogue"] == "results/catalogue.sqlite"
    assert yaml.safe_load(run.as_yaml())["samples"] == str(folder / "samples.tsv")


def test_read_run__a_reference_directory(folder):
    (folder / "ref").mkdir()
    (folder / "ref" / "reference.json").write_text("{}")
    run = workflow.read_run(write(folder, reference="ref"))
    assert (run.genome, run.reference) == (None, str(folder / "ref"))
    assert not any(output.startswith("results/reference") for output in run.all_outputs())


def test_memory__24_gb_for_a_human_genome_and_8_for_a_small_one(folder):
    assert workflow.read_run(folder / "config.yaml").memory_mb == 8_000
    with (folder / "human.fa").open("wb") as handle:
        handle.truncate(3_100_000_000)  # sparse: takes no space
    assert 24_000 < workflow.read_run(write(folder, reference="human.fa")).memory_mb < 24_500
    (folder / "ref").mkdir()
    (folder / "ref" / "reference.json").write_text("{}")
    assert workflow.read_run(write(folder, reference="ref")).memory_mb == 8_000


def test_outputs__fastq_with_truth(folder):
    outputs = workflow.read_run(folder / "config.yaml").outputs("NA1")
    assert [path.removeprefix("results/samples/NA1/") for path in outputs.values()] == [
        "NA1.cram", "NA1.cram.crai", "NA1.duplicates.txt",
        "NA1.vcz", "NA1.vcf.gz", "NA1.vcf.gz.tbi", "NA1.g.vcf.gz", "NA1.g.vcf.gz.tbi",
        "NA1.evaluation.json", "qc", "NA1.catalogue.json",
    ]  # fmt: skip


def test_outputs__bam_without_exports(folder):
    run = workflow.read_run(write(folder, vcf=False, gvcf=False, catalogue=None, alignments="bam"))
    assert list(run.outputs("NA2")) == ["calls", "qc"]
    assert run.alignment_inputs("NA2") == {"alignments": f"{folder}/x.bam", "index": f"{folder}/x.bam.csi"}
    assert run.alignment_inputs("NA1")["index"] == "results/samples/NA1/NA1.bam.bai"
    assert (run.steps("NA1"), run.steps("NA2")) == (["align", "call", "evaluate", "qc"], ["call", "qc"])


def test_commands__quoted_for_a_shell(folder):
    run = workflow.read_run(write(folder, regions="c.bed", project="p1"))
    assert commands.reads(run, "NA1") == [f"{folder}/a 1.fq", f"{folder}/a 2.fq", f"{folder}/b.fq"]
    assert shlex.split(commands.lanes(run, "NA1")) == [
        "--lane", "ID=L1,LB=NA1", f"{folder}/a 1.fq", f"{folder}/a 2.fq",
        "--lane", "ID=NA1.2,LB=NA1", f"{folder}/b.fq", "-",
    ]  # fmt: skip
    assert shlex.split(commands.exports(run, "NA1")) == [
        "--vcf", "results/samples/NA1/NA1.vcf.gz", "--gvcf", "results/samples/NA1/NA1.g.vcf.gz",
    ]  # fmt: skip
    assert commands.regions(run) == f"--regions {folder}/c.bed"
    assert {commands.sex(run, name) for name in run.samples} <= {"--sex auto", "--sex female", "--sex male"}
    assert commands.truth(run, "NA1") == {"truth": f"{folder}/t.vcf.gz", "confident": f"{folder}/c.bed"}
    assert (commands.truth(run, "NA2"), commands.confident(run, "NA2")) == ({}, "")


def test_commands__another_aligner(folder):
    assert commands.aligner(workflow.read_run(folder / "config.yaml")) == ""
    assert commands.aligner(workflow.read_run(write(folder, aligner="bwa"))) == "--aligner bwa"
    run = workflow.read_run(write(folder, aligner="bwa-mem3", aligner_index="indexes/a b"))
    assert shlex.split(commands.aligner(run)) == [
        "--aligner", "bwa-mem3", "--aligner-index", f"{folder}/indexes/a b",
    ]  # fmt: skip


def test_commands__quality_shows_the_score_and_no_costs(folder):
    run = workflow.read_run(write(folder, regions="c.bed"))
    assert shlex.split(commands.quality(run, "NA1")) == [
        "--regions", f"{folder}/c.bed",
        "--duplicate-metrics", "results/samples/NA1/NA1.duplicates.txt",
        "--evaluation", "results/samples/NA1/NA1.evaluation.json",
    ]  # fmt: skip
    assert commands.quality_inputs(run, "NA2") == []


def test_commands__register_names_inputs_scores_and_costs(folder):
    words = shlex.split(commands.register(workflow.read_run(write(folder, project="p1")), "NA1"))
    options = list(itertools.pairwise(words))
    assert ("--project", "p1") in options
    assert ("--sex", "male") in options
    assert ("--input", f"{folder}/b.fq") in options
    assert ("--evaluation", "results/samples/NA1/NA1.evaluation.json") in options
    assert ("--cost", "align=results/samples/NA1/cost/align.json") in options
    assert words[-1] == "results/samples/NA1/NA1.g.vcf.gz.tbi"


WRONG = {
    "unknown setting": ({"aligments": "bam"}, r"unknown setting 'aligments'.*Did you mean alignments\?"),
    "wrong format": ({"alignments": "sam"}, r"alignments is 'sam'; expected cram or bam"),
    "wrong type": ({"gvcf": "maybe"}, r"gvcf is 'maybe'; expected true or false"),
    "project with a space": ({"project": "my project"}, r"project is 'my project'; expected the project"),
    "unknown aligner": ({"aligner": "star"}, r"aligner is 'star'; expected genomehub, bwa or bwa-mem3"),
    "an index too few": (
        {"aligner": "bwa-mem3"},
        r"aligner_index is missing; expected the prefix of an",
    ),
    "an index too many": ({"aligner_index": "i"}, r"but aligner is genomehub, which has its index in"),
    "a folder as reference": ({"reference": "."}, r"is a folder but not a reference directory"),
}


@pytest.mark.parametrize("case", WRONG)
def test_read_run__wrong_setting(folder, case):
    settings, message = WRONG[case]
    with pytest.raises(ConfigError, match=message):
        workflow.read_run(write(folder, **settings))


def test_read_run__missing_setting_or_file(folder):
    (folder / "config.yaml").write_text("samples: samples.tsv\n")
    with pytest.raises(
        ConfigError, match=r"config\.yaml: the setting reference is missing; expected the path"
    ):
        workflow.read_run(folder / "config.yaml")
    with pytest.raises(NotFoundError, match="no such configuration"):
        workflow.read_run(folder / "none.yaml")
    with pytest.raises(NotFoundError, match=r"g2\.fa: no such reference genome"):
        workflow.read_run(write(folder, reference="g2.fa"))
    with pytest.raises(NotFoundError, match=r"r\.bed: no such BED file of regions"):
        workflow.read_run(write(folder, regions="r.bed"))


def test_read_run__not_yaml(folder):
    (folder / "config.yaml").write_text("samples: [a\nreference: b\n")
    with pytest.raises(ConfigError, match=r"config\.yaml: is not YAML: line 2, column 10"):
        workflow.read_run(folder / "config.yaml")
    (folder / "config.yaml").write_text("just words\n")
    with pytest.raises(ConfigError, match=r"expected settings, one 'name: value' a line"):
        workflow.read_run(folder / "config.yaml")


def test_workflow_directory__missing(tmp_path, monkeypatch):
    monkeypatch.setattr(genomehub, "__file__", str(tmp_path / "genomehub" / "__init__.py"))
    with pytest.raises(StoreError, match="the workflow is missing from this installation"):
        workflow.workflow_directory()


def test_write_templates__form_a_configuration_that_explains_itself(tmp_path):
    written = workflow.write_templates(tmp_path / "new" / "config.yaml")
    assert [path.name for path in written] == ["config.yaml", "samples.tsv"]
    (tmp_path / "new" / "genome.fa.gz").write_text(">1\nA\n")
    with pytest.raises(ConfigError, match=r"samples\.tsv: has a header but no sample"):
        workflow.read_run(written[0])
    with pytest.raises(ConfigError, match=r"config\.yaml: is there already"):
        workflow.write_templates(written[0])


def test_schemas__every_setting_and_column_is_explained():
    for name in ("config", "samples"):
        schema = workflow.read_schema(name)
        text = (workflow.workflow_directory() / "config" / "README.md").read_text()
        for key, value in schema["properties"].items():
            assert value["description"], key
            assert f"`{key}`" in text, f"{key} is not explained in workflows/config/README.md"


def test_environment__pins_this_version():
    text = (workflow.workflow_directory() / "envs" / "genomehub.yaml").read_text()
    assert f"genomehub =={genomehub.__version__}" in text


def test_summarise__what_is_there(folder):
    run = workflow.read_run(folder / "config.yaml")
    spent = cost.Cost("align", core_seconds=12.34, wall_seconds=7.0, peak_rss_bytes=1_500_000_000)
    cost.write(spent, folder / run.costs("NA1")["align"])
    text = summary.as_text(summary.summarise(run, folder))
    assert "align      12.3 core-seconds  7.0 s  1.50 GB" in text
    assert text.splitlines()[-1] == f"report       {folder}/results/report.html"
