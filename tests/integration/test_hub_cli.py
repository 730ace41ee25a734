"""``genomehub hub`` as people and the workflow call it."""

import contextlib
import json
import os
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from genomehub import cli

pytestmark = pytest.mark.integration

REFERENCE = {"digest": "kH1a8v", "source": "b37.fa.gz", "contigs": [{"name": "20", "length": 10_500_000}]}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a folder that holds results; return exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENOMEHUB_ACTOR", "ada")
    monkeypatch.delenv("GENOMEHUB_CATALOGUE", raising=False)
    Path("ref").mkdir()
    Path("ref/reference.json").write_text(json.dumps(REFERENCE))
    Path("NA12878.bam").write_text("reads")
    Path("NA12878.vcz").mkdir()
    Path("NA12878.vcz/zarr.json").write_text("{}")
    Path("R1.fastq.gz").write_text("@r1")
    Path("config.yaml").write_text("call:\n  ploidy: 2\n")
    Path("qc.json").write_text('{"coverage": {"mean": 31.25, "histogram": [1, 2]}}')
    Path("evaluation.json").write_text('{"snv": {"f1": 0.995}}')
    Path("align.json").write_text(
        '{"command": "align", "core_seconds": 12.5, "wall_seconds": 6.5, "peak_rss_bytes": 1}'
    )
    Path("call.tsv").write_text("s\tcpu_time\tmax_rss\n3.5\t3.0\t100\n")

    def call(*arguments):
        capsys.readouterr()
        code = cli.run(["hub", *arguments])
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return call


FULL = shlex.split(
    "register --sample NA12878 --sex female --title Slice --project demo --reference ref "
    "--input R1.fastq.gz --config config.yaml --qc qc.json --evaluation evaluation.json "
    "--cost align.json --cost calling=call.tsv --software art=2016 --file report=qc.json "
    "NA12878.bam NA12878.vcz/"
)


def test_init__says_what_it_did(run):
    assert run("init")[:2] == (0, f"made the catalogue {Path.cwd()}/catalogue.sqlite (schema 0010)\n")
    code, out, _ = run("init")
    assert (code, "is there and current" in out) == (0, True)
    code, out, _ = run("init", "--catalogue", "new/folder/c.sqlite", "--json")
    assert json.loads(out) == {
        "catalogue": str(Path("new/folder/c.sqlite").absolute()),
        "outcome": "made",
        "schema": "0010",
    }


def test_register__everything_is_shown(run):
    run("init")
    code, out, _ = run(*FULL)
    assert code == 0
    assert "NA12878 version 1, 3 files" in out
    identifier = out.split()[1]
    code, out, _ = run("show", identifier)
    assert code == 0
    for told in (
        "NA12878, version 1, in project demo", "Slice", "NA12878 (female)", "b37 kH1a8v, 10,500,000 bp",
        "by ada", "NA12878.vcz (1 file)", "R1.fastq.gz", "align", "calling", "31.25", "snv.f1", "art 2016",
        "ploidy: 2",
    ):  # fmt: skip
        assert told in out
    shown = json.loads(run("show", identifier, "--json")[1])
    assert shown["id"].startswith(identifier)
    assert shown["configuration"] == {"call": {"ploidy": 2}}
    assert {file["kind"]: file["path"] for file in shown["files"]} == {
        kind: str(Path(name).absolute())
        for kind, name in [("report", "qc.json"), ("bam", "NA12878.bam"), ("vcz", "NA12878.vcz")]
    }
    assert [cost["stage"] for cost in shown["costs"]] == ["align", "calling"]
    assert {"genomehub", "python", "numba", "art"} <= shown["software"].keys()


def test_register__twice_then_changed(run):
    run("init")
    first = json.loads(run(*FULL, "--json")[1])
    assert first["outcome"] == "registered"
    again = json.loads(run(*FULL, "--json")[1])
    assert again == {**first, "outcome": "unchanged"}
    assert "unchanged" in run(*FULL)[1]
    Path("NA12878.bam").write_text("other reads")
    code, out, _ = run(*FULL)
    assert (code, f"supersedes {first['id'][:12]}" in out) == (0, True)
    out = run("history", first["id"])[1]
    assert [line.split()[-2] for line in out.splitlines() if "ada" in line] == ["register", "register"]
    assert len(json.loads(run("history", first["id"], "--json")[1])["versions"]) == 2


def test_checksums__of_a_catalogue_of_an_earlier_version(run):
    run("init")
    run(*FULL)
    assert run("checksums")[:2] == (0, "completed 0 files and folders\n")  # 'register' has made them
    with contextlib.closing(sqlite3.connect("catalogue.sqlite", isolation_level=None)) as database:
        database.execute("DELETE FROM file_member")
        database.execute("UPDATE file_content SET md5 = NULL")
    Path("NA12878.bam").write_text("READS")
    code, out, err = run("checksums", "--threads", "2")
    assert (code, out) == (0, "completed 2 files and folders\n")
    assert "NA12878.bam: is not what was registered, and was left out; see: genomehub hub verify" in err
    assert json.loads(run("checksums", "--json")[1]) == {
        "completed": 0, "changed": [str(Path("NA12878.bam").absolute())],
    }  # fmt: skip


def test_register__made_elsewhere(run):
    run("init")
    made = run(
        "register", "--made-elsewhere", "--sample", "x", "--software", "gatk=4.6", "NA12878.bam", "--json"
    )
    assert json.loads(made[1])["software"] == {"gatk": "4.6"}


def test_register__child_of_an_entry(run):
    run("init")
    parent = json.loads(run("register", "--sample", "x", "NA12878.bam", "--json")[1])["id"]
    arguments = ("--dataset", "calls", "--sample", "x", "--parent", parent[:10], "NA12878.vcz")
    child = json.loads(run("register", *arguments, "--json")[1])
    assert child["parents"] == [parent]
    assert json.loads(run("show", parent, "--json")[1])["children"] == [child["id"]]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("--sample x gone.bam", 3, "gone.bam: no such file or folder; nothing was registered"),
        ("--sample x empty.bam", 3, "empty.bam: is empty; nothing was registered"),
        ("--sample x what.xyz", 2, "does not tell what kind of file it is"),
        ("--sample x", 2, "needs at least one file"),
        ("--sample x --file bam", 2, "--file bam: KIND=PATH was expected"),
        ("--sample x --file BAM=NA12878.bam", 2, "'BAM' cannot be a kind of file"),
        ("--sample x --software gatk NA12878.bam", 2, "--software gatk: NAME=VERSION was expected"),
        ("NA12878.bam", 2, "needs a name: --dataset NAME"),
        ("--sample x --sex other NA12878.bam", 2, "'other' is not one of"),
        ("--sample x -r . NA12878.bam", 3, "no reference directory"),
        ("--sample x --qc config.yaml NA12878.bam", 3, "is not valid JSON"),
        ("--sample x --config gone.yaml NA12878.bam", 3, "gone.yaml: no such configuration file"),
        ("--sample x --cost gone=x.tsv NA12878.bam", 3, "x.tsv: no such cost file"),
        ("--sample x --parent 12 NA12878.bam", 3, "no entry has an identifier that starts with '12'"),
        ("--sample x --actor  NA12878.bam --actor \x1b", 2, "cannot be the name of the actor"),
    ],
)
def test_register__wrong_call_registers_nothing(run, arguments, code, message):
    run("init")
    Path("empty.bam").touch()
    seen, out, error = run("register", *arguments.split(" "))
    assert (seen, out) == (code, "")
    assert message in error
    assert error.count("\n") == 1 or "Usage" in error
    assert json.loads(run("search", "--all-versions", "--json")[1])["total"] == 0


def test_register__without_catalogue(run):
    code, _, error = run(*FULL)
    assert (code, "Make it: genomehub hub init --catalogue" in error) == (3, True)
    assert not Path("catalogue.sqlite").exists()


def test_search__table_and_json(run):
    run("init")
    for n, sample in enumerate(["NA12878", "NA12891", "[red]NA12892"]):
        Path("qc.json").write_text(json.dumps({"coverage": {"mean": 10.0 * n}}))
        assert run("register", "--sample", sample, "--qc", "qc.json", "-r", "ref", "NA12878.bam")[0] == 0
    code, out, _ = run("search", "na128")
    assert code == 0
    header, *lines = out.splitlines()
    assert " ".join(header.split()) == "id data set version samples files size reference registered (UTC)"
    assert [line.split()[1] for line in lines] == ["[red]NA12892", "NA12891", "NA12878"]
    code, out, error = run("search", "--where", "coverage.mean>=10", "--limit", "1")
    assert "coverage.mean" in out
    assert "entries 1 to 1 of 2; go on with --offset 1" in error
    page = json.loads(run("search", "--reference", "ref", "--offset", "2", "--json")[1])
    assert (page["total"], [entry["samples"] for entry in page["entries"]]) == (3, [["NA12878"]])
    assert json.loads(run("search", "--since", "2999-01-01", "--json")[1])["total"] == 0
    assert "no entry matches" in run("search", "nobody")[2]
    assert "no more: 3 entries match" in run("search", "--offset", "5")[2]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--where", "coverage"], 2, "is no condition"),
        (["--since", "yesterday"], 2, "is no date"),
        (["--limit", "0"], 2, "is not in the range"),
        (["--limit", "100000"], 2, "is not in the range"),
        (["--offset", "-1"], 2, "is not in the range"),
    ],
)
def test_search__wrong_call(run, arguments, code, message):
    run("init")
    seen, _, error = run("search", *arguments)
    assert (seen, message in error) == (code, True)


def test_show__unknown_and_ambiguous(run):
    run("init")
    code, _, error = run("show", "abc")
    assert (code, "no entry has an identifier that starts with 'abc'" in error) == (3, True)
    for n in range(20):
        Path("NA12878.bam").write_text(f"reads {n}")
        run("register", "--sample", "x", "NA12878.bam")
    entries = json.loads(run("search", "--all-versions", "--json")[1])["entries"]
    first = [entry["id"][0] for entry in entries]
    code, _, error = run("show", next(digit for digit in first if first.count(digit) > 1))
    assert (code, "several entries start with" in error) == (3, True)


def test_verify__exit_code_tells(run):
    run("init")
    identifier = json.loads(run(*FULL, "--json")[1])["id"]
    code, out, _ = run("verify", identifier[:12])
    assert (code, out) == (0, "1 entry, 3 of 3 files as registered\n")
    assert run("verify", "--all", "--threads", "2")[0] == 0
    Path("NA12878.bam").write_text("READS")
    code, out, error = run("verify", "--all")
    assert code == 5
    assert "content changed" in out
    assert "1 of 3 files and 0 of 1 records are not what was registered" in error
    code, out, _ = run("verify", identifier, "--json")
    report = json.loads(out)
    assert (code, report["holds"]) == (5, False)
    assert [file["state"] for file in report["files"]] == ["unchanged", "content changed", "unchanged"]


def test_verify__named_and_all(run):
    run("init")
    for option in ("--all", "--all-versions"):
        code, _, error = run("verify", "abc", option)
        assert (code, "entries are named and all are asked for" in error) == (2, True)


def test_verify__all_if_none_is_named(run):
    run("init")
    run(*FULL)
    assert run("verify")[1] == run("verify", "--all")[1] == "1 entry, 3 of 3 files as registered\n"


def test_catalogue__from_the_environment(run, monkeypatch):
    monkeypatch.setenv("GENOMEHUB_CATALOGUE", "elsewhere.sqlite")
    assert run("init")[0] == 0
    assert Path("elsewhere.sqlite").is_file()
    assert run(*FULL)[0] == 0


def test_register__jobs_at_once(run):
    """Two jobs of a workflow, as processes of their own."""
    run("init")
    program = Path(sys.executable).with_name("genomehub")
    jobs = []
    for n in range(3):
        Path(f"{n}.bam").write_text(f"reads {n}")
        command = [program, "hub", "register", "--sample", "NA12878", f"{n}.bam", "--json"]
        jobs.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ.copy()))
    answers = [json.loads(job.communicate(timeout=120)[0]) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0]
    assert sorted(answer["version"] for answer in answers) == [1, 2, 3]


def test_help__every_command_has_an_example(run):
    for name in ("init", "register", "search", "show", "history", "verify"):
        code, out, _ = run(name, "--help")
        assert (code, f"genomehub hub {name}" in out.partition("Example:")[2]) == (0, True)
