"""docs/hub.md: its commands run and print what it says; it leaves out no option, table or event."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from genomehub.cli.hub import command
from genomehub.hub import filing, models

DOCS = Path(__file__).parents[2] / "docs" / "hub.md"
TEXT = DOCS.read_text("utf-8")
HOME = "/home/ada/genomes"
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


def _blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def _commands():
    """Yield each command of the page with the output that stands below it."""
    for block in _blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            yield line, output


@pytest.fixture
def folder(tmp_path):
    """What the page takes for granted: small stand-ins for results."""
    reference = tmp_path / "b37.ref"
    reference.mkdir()
    contigs = [{"name": "20", "length": 10_500_000}]
    table = {"digest": "kH1a8vFh2hNGLuIBRuVbkCcTyfWHFbwN", "source": "b37.fa.gz", "contigs": contigs}
    (reference / "reference.json").write_text(json.dumps(table))
    for name in ("NA12878.vcz", "NA12878.recalled.vcz"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "zarr.json").write_text('{"zarr_format": 3}')
    (tmp_path / "NA12878.vcz" / "call_genotype.0").write_text("genotypes")
    (tmp_path / "NA12878.recalled.vcz" / "call_genotype.0").write_text("genotypes 2")
    (tmp_path / "NA12878.bam").write_text("a BAM with all re")
    (tmp_path / "NA12878_R1.fastq.gz").write_text("r1")
    (tmp_path / "NA12878_R2.fastq.gz").write_text("r2")
    (tmp_path / "config.yaml").write_text("alignments: bam\n")
    (tmp_path / "qc.json").write_text('{"coverage": {"mean": 52.1}}')
    (tmp_path / "align.json").write_text('{"command": "align", "core_seconds": 20.5}')
    (tmp_path / "targets.bed").write_text("20\t10000000\t10100000\n")
    return tmp_path


def _run(line, folder):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "GENOMEHUB_ACTOR": "ada"}
    environment.pop("GENOMEHUB_CATALOGUE", None)
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def _tidy(output, folder):
    """Leave out what differs from run to run: times, the folder, white space at the ends of lines."""
    output = TIME.sub("TIME", output.replace(str(folder), HOME))
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


@pytest.mark.integration
def test_docs__commands_print_what_stands_there(folder):
    n_compared = 0
    for line, expected in _commands():
        done = _run(line, folder)
        # A folder of another length moves the columns of paths, but those stand last.
        seen = _tidy(done.stdout, folder)
        assert done.returncode == (5 if "size changed" in expected else 0), f"{line}\n{done.stderr}"
        assert seen or line.startswith(("cp", "printf")), line
        if expected:
            assert seen == _tidy(expected, folder), line
            n_compared += 1
    assert n_compared >= 8
    (folder / "NA12878.bam").write_text("a BAM with all re")
    (example,) = _blocks("python")
    expected = _blocks("text")[0]
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == expected, done.stderr


def subcommands(group):
    for subcommand in group.commands.values():
        yield from subcommands(subcommand) if isinstance(subcommand, click.Group) else (subcommand,)


def test_docs__every_option_is_explained():
    text = "\n".join(page.read_text("utf-8") for page in DOCS.parent.glob("hub*.md"))
    options = {
        name
        for subcommand in subcommands(command)
        for option in subcommand.params
        if isinstance(option, click.Option)
        for name in option.opts
        if name.startswith("--")
    }
    told = set(re.findall(r"--[a-z-]+", text))
    assert options - told - {"--verbose", "--quiet", "--help", "--all"} == set()
    assert {name for name in command.commands if f"hub {name}" not in text} == set()


def test_docs__every_table_is_named():
    tables = {*models.Model.metadata.tables, models.VERSION_TABLE}
    assert {table for table in tables if f"`{table}`" not in TEXT} == set()


def test_docs__every_event_is_named():
    source = inspect.getsource(filing)
    actions = set(re.findall(r'log\.append\(\s*"([a-z-]+)"', source)) | {"create", "migrate"}
    assert len(actions) == 7
    assert {action for action in actions if f"`{action}`" not in TEXT} == set()
