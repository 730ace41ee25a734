"""``genomehub evaluate`` from its command line: table, JSON, annotated VCF, exit codes."""

import json

import pytest
from builders import alignment_files
from builders import variants as build
from click.testing import CliRunner

from genomehub.cli import program, run
from genomehub.files import sha256
from genomehub.pipeline.evaluate import evaluate

pytestmark = pytest.mark.integration

SEQUENCES = {"1": alignment_files.random_sequence(5_000, 8), "2": alignment_files.random_sequence(900, 9)}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return alignment_files.make_reference(tmp_path_factory.mktemp("reference") / "ref", SEQUENCES)


def snv(contig, position, genotype, *rest):
    base = SEQUENCES[contig][position - 1]
    return (contig, position, base, "A" if base != "A" else "C", genotype, *rest)


TRUTH = [snv("1", 100, "0/1"), snv("1", 200, "1/1"), snv("1", 300, "0/1"), snv("1", 4_000, "0/1")]
CALLS = [
    snv("1", 100, "0/1", 80, "PASS"), snv("1", 200, "0/1", 60, "PASS"), snv("1", 250, "0/1", 20, "PASS"),
    snv("1", 300, "0/1", 10, "LowQual"), snv("1", 4_000, "0/1", 90, "PASS"),
]  # fmt: skip


@pytest.fixture
def files(tmp_path):
    (tmp_path / "truth.vcf").write_text(build.vcf_text(TRUTH))
    (tmp_path / "calls.vcf").write_text(build.vcf_text(CALLS))
    (tmp_path / "confident.bed").write_text("chr1\t0\t1000\n")
    (tmp_path / "low.bed").write_text("1\t0\t150\n")
    return tmp_path


def call(reference, files, *options):
    arguments = [
        "evaluate",
        "-r",
        str(reference.path),
        "--truth",
        str(files / "truth.vcf"),
        *map(str, options),
    ]
    result = CliRunner().invoke(program, [*arguments, str(files / "calls.vcf")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_table_and_json(reference, files):
    table = call(
        reference, files, "--confident", files / "confident.bed", "--stratify", f"low={files / 'low.bed'}",
        "--json", files / "out.json",
    )  # fmt: skip
    rows = [line.split() for line in table.splitlines()]
    assert rows[0] == ["TP", "truth", "TP", "calls", "FP", "FN", "genotype", "precision", "recall", "F1"]
    assert rows[1] == ["SNV", "1", "1", "2", "2", "1", "0.3333", "0.3333", "0.3333"]
    assert rows[2] == ["indel", "0", "0", "0", "0", "0", "-", "-", "-"]
    assert rows[4:6] == [["low:"], ["SNV", "1", "1", "0", "0", "0", "1.0000", "1.0000", "1.0000"]]
    report = json.loads((files / "out.json").read_text())
    assert report["snv"]["genotype_mismatches"] == 1
    assert (report["n_truth"], report["n_calls"], report["confident_bp"]) == (4, 4, 1_000)
    assert report["strata"]["low"]["all"]["f1"] == 1.0
    assert report["roc"]["snv"]["QUAL"]["threshold"] == [80.0, 60.0, 20.0]
    assert report["roc"]["snv"]["QUAL"]["fp"] == [0, 1, 2]
    assert report["reference_digest"] == reference.digest


def test_classes(reference, files):
    table = call(
        reference, files, "--classes", "--json", files / "out.json", "--stratify", f"low={files / 'low.bed'}"
    )
    rows = [line.split() for line in table.splitlines()]
    assert ["SNV", "het", "2", "2", "2", "1", "0", "0.5000", "0.6667", "0.5714"] in rows
    assert ["SNV", "hom", "0", "0", "0", "1", "1", "-", "0.0000", "-"] in rows
    classes = json.loads((files / "out.json").read_text())["strata"]["low"]["classes"]
    assert classes["all"]["het"]["snv"]["tp_truth"] == 1
    assert "hom" not in classes["all"]


@pytest.mark.parametrize(
    ("name", "magic"), [("roc.png", b"\x89PNG"), ("roc.svg", b"<?xml"), ("roc.pdf", b"%PDF")]
)
def test_plot(reference, files, name, magic):
    images = []
    for _ in range(2):
        call(reference, files, "--plot", files / name)
        images.append((files / name).read_bytes())
    assert images[0].startswith(magic)
    assert images[0] == images[1]


def test_plot__without_calls(reference, files):
    (files / "calls.vcf").write_text(build.vcf_text([]))
    call(reference, files, "--plot", files / "roc.png")
    assert (files / "roc.png").stat().st_size > 1_000


def test_progress__counts_records_and_variants(reference, files, monkeypatch):
    monkeypatch.setattr("genomehub.formats.vcf_reader._REPORT_EVERY", 2)

    class Watch:
        def __init__(self):
            self.seen = []

        def start(self, task, total, unit):
            self.seen.append([task, total, unit, 0])

        def advance(self, amount):
            self.seen[-1][3] += amount

        def finish(self):
            pass

    watch = Watch()
    evaluate(reference.path, files / "truth.vcf", files / "calls.vcf", progress=watch)
    assert watch.seen == [
        ["read truth.vcf", None, "records", 4], ["read calls.vcf", None, "records", 4],
        ["compare", 8, "variants", 8], ["score", 1, "regions", 1],
    ]  # fmt: skip


def test_all_records(reference, files):
    rows = [line.split() for line in call(reference, files, "--all").splitlines()]
    assert rows[1][:5] == ["SNV", "3", "3", "2", "1"]


def test_annotated_vcf(reference, files):
    call(reference, files, "--confident", files / "confident.bed", "--output-vcf", files / "out.vcf")
    lines = [line.split("\t") for line in (files / "out.vcf").read_text().splitlines() if line[0] != "#"]
    decisions = {int(line[1]): (line[9].split(":")[1], line[10].split(":")[1]) for line in lines}
    assert decisions == {
        100: ("TP", "TP"),
        200: ("FN", "FP"),
        250: (".", "FP"),
        300: ("FN", "."),
        4000: ("N", "N"),
    }


def test_report__same_bytes_twice(reference, files):
    for name in ("a", "b"):
        call(reference, files, "--json", files / f"{name}.json", "--output-vcf", files / f"{name}.vcf.gz")
    for suffix in ("json", "vcf.gz", "vcf.gz.tbi"):
        assert sha256(files / f"a.{suffix}") == sha256(files / f"b.{suffix}")


def test_store_scores_as_its_vcf(reference, files):
    sites = [
        (0, position, (ref, alt), tuple(map(int, genotype.split("/"))))
        for _, position, ref, alt, genotype, *_ in CALLS
    ]
    build.make_store(files / "s.vcz", sites, contigs=reference.contigs, reference_digest=reference.digest)
    from genomehub.formats.vcf import write_vcf
    from genomehub.store.variants import VariantStore

    write_vcf(VariantStore.open(files / "s.vcz"), files / "s.vcf.gz")
    for passing_only in (True, False):
        scores = [
            evaluate(reference.path, files / "truth.vcf", files / name, passing_only=passing_only)
            for name in ("s.vcz", "s.vcf.gz")
        ]
        assert scores[0] == scores[1]
        assert scores[0]["n_calls"] == (5 if not passing_only else len([s for s in sites if s[1] % 3 == 0]))


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--truth", "no.vcf"], 3, "no.vcf: no such VCF file"),
        (["--stratify", "low.bed"], 2, "NAME=BED is needed"),
        (["--stratify", "a=b", "--stratify", "a=c"], 2, "the name 'a' is given twice"),
        (["--sample", "S9"], 3, 'has no sample "S9"'),
        (["--confident", "no.bed"], 3, "no.bed: no such BED file"),
        (["--json", "truth.vcf/out.json"], 4, "cannot be written"),
        (
            ["--plot", "roc.gif"],
            2,
            "roc.gif: the plot cannot be written in this format; name it .png, .svg or .pdf",
        ),
    ],
)
def test_errors__one_sentence_and_no_output(reference, files, monkeypatch, capsys, options, code, message):
    monkeypatch.chdir(files)
    before = sorted(files.iterdir())
    arguments = ["evaluate", "-r", str(reference.path), "--truth", "truth.vcf", *options, "calls.vcf"]
    assert run(arguments) == code
    assert message in capsys.readouterr().err
    assert sorted(files.iterdir()) == before


def test_errors__store_of_another_reference_or_sample(reference, files, capsys):
    build.make_store(files / "s.vcz", [], contigs=reference.contigs)
    arguments = [
        "evaluate",
        "-r",
        str(reference.path),
        "--truth",
        str(files / "truth.vcf"),
        str(files / "s.vcz"),
    ]
    assert run(arguments) == 3
    assert "was called against reference digest, but" in capsys.readouterr().err
    build.make_store(files / "s.vcz", [], contigs=reference.contigs, reference_digest=reference.digest)
    assert run([*arguments, "--sample", "S2"]) == 3
    assert 'has no sample "S2"; it holds S1' in capsys.readouterr().err


def test_errors__damaged_store(reference, files, capsys):
    (files / "s.vcz").mkdir()
    arguments = [
        "evaluate",
        "-r",
        str(reference.path),
        "--truth",
        str(files / "truth.vcf"),
        str(files / "s.vcz"),
    ]
    assert run(arguments) == 5
    assert "is not a variant store" in capsys.readouterr().err
