"""What a command cost is measured, written and read back."""

import sys
import types

import click
import pytest

from genomehub import cli, cost


def test_measure__counts_this_process_and_its_children():
    measured = cost.measure("align", wall_seconds=1.23456)
    assert (measured.command, measured.wall_seconds) == ("align", 1.235)
    assert measured.core_seconds > 0
    assert measured.peak_rss_bytes > 1_000_000


def test_write__reads_back_the_same(tmp_path):
    measured = cost.measure("call", 2.0)
    cost.write(measured, tmp_path / "folder" / "cost.json")
    assert cost.read(tmp_path / "folder" / "cost.json") == measured


@pytest.mark.parametrize(("result", "written"), [(None, True), (0, True), (3, False)])
def test_program__cost_of_a_command_that_succeeds(tmp_path, monkeypatch, result, written):
    module = types.ModuleType("genomehub.cli.fake")
    module.command = click.Command("qc", callback=lambda: result)
    monkeypatch.setitem(sys.modules, "genomehub.cli.fake", module)
    monkeypatch.setitem(cli.COMMANDS, "qc", ("fake", ""))
    path = tmp_path / "cost.json"
    assert cli.run(["--cost", str(path), "qc"]) == (result or 0)
    assert path.exists() == written
    if written:
        assert cost.read(path).command == "qc"
