"""The frame of the command line: help, version, exit codes, one sentence per error."""

import subprocess
import sys

import click
import pytest

from genomehub import __version__, cli
from genomehub.errors import InputError


def test_version(capsys):
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"genomehub, version {__version__}\n"


def test_unknown_command__is_usage(capsys):
    assert cli.run(["algin"]) == 2
    assert "No such command 'algin'" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_command__has_help_with_an_example(name, capsys):
    command = cli.program.get_command(click.Context(cli.program), name)
    assert isinstance(command, click.Command)
    text = command.get_help(click.Context(command, info_name=f"genomehub {name}"))
    subcommands = command.commands.values() if isinstance(command, click.Group) else [command]
    for subcommand in subcommands:
        text = subcommand.get_help(click.Context(subcommand, info_name=subcommand.name))
        assert "Example" in text, f"{name} {subcommand.name} shows no example"


def test_failure__prints_one_sentence_and_its_code(monkeypatch, capsys):
    def fail(**_):
        raise InputError("reads.fastq.gz, record 3: cut off. Copy the file again.")

    monkeypatch.setattr(cli.program, "main", fail)
    assert cli.run([]) == 3
    assert capsys.readouterr().err == (
        "genomehub: error: reads.fastq.gz, record 3: cut off. Copy the file again.\n"
    )


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_start__loads_no_heavy_library(arguments):
    code = (
        "import sys\nfrom genomehub import cli\n"
        f"cli.run({arguments!r})\n"
        "heavy = {'numba', 'dask', 'distributed', 'zarr', 'pysam', 'matplotlib', 'sqlalchemy', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
