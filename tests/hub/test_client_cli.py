"""``genomehub hub`` against a served hub, as people call it."""

import json

import pytest
from builders.hub_server import serving

from genomehub import cli


@pytest.fixture
def run(sqlite_world, tmp_path, monkeypatch, capsys):
    """Run a command at a hub, logged in as the researcher, who has a permit."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("GENOMEHUB_HUB_TOKEN", raising=False)
    sqlite_world.permit("researcher", "open-door")
    with serving(sqlite_world.hub) as address:
        monkeypatch.setenv("GENOMEHUB_HUB_URL", address)
        (tmp_path / "token").write_text(sqlite_world.tokens["researcher"] + "\n")

        def call(*arguments):
            capsys.readouterr()
            code = cli.run(["hub", *arguments])
            seen = capsys.readouterr()
            return code, seen.out, seen.err

        code, out, err = call("login", address, "--token-file", str(tmp_path / "token"))
        assert (code, "as Researcher" in out) == (0, True), err
        yield call


def test_search_show_files(run, sqlite_world):
    dataset = sqlite_world.datasets["open-door"]
    code, out, err = run("search", "door")
    assert (code, dataset in out, "1 of 1 data sets" in err) == (0, True, True)
    assert json.loads(run("search", "door", "--json")[1])["total"] == 1
    assert "Data set open-door" in run("show", dataset)[1]
    assert json.loads(run("show", dataset, "--json")[1])["uuid"] == dataset
    code, out, _ = run("files", dataset)
    assert "open-door.bam " in out
    assert {file["name"] for file in json.loads(run("files", dataset, "--json")[1])} >= {"open-door.bam"}


def test_download_and_regions(run, sqlite_world, tmp_path):
    dataset = sqlite_world.datasets["open-door"]
    code, out, err = run("download", dataset, "open-door.vcf.gz", "-o", str(tmp_path / "data"))
    assert (code, out) == (0, f"{tmp_path}/data/open-door.vcf.gz\n"), err
    assert run("download", dataset, "-o", str(tmp_path / "all"))[1].count("\n") == 4
    code, _, err = run("variants", dataset, "20:10000000-10010000", "-o", str(tmp_path / "slice.vcf.gz"))
    assert (code, "VCF" in err) == (0, True)
    assert run("reads", dataset, "20:10000000-10001000", "-o", str(tmp_path / "slice.bam"))[0] == 0


def test_request(run, sqlite_world):
    dataset = sqlite_world.datasets["open-door"]
    code, out, err = run(
        "request", dataset, "--study", "Ears", "--purpose", "Deafness", "--duo", "DUO:0000042"
    )
    assert (code, "submitted" in out) == (0, True), err
    assert "Ears" in run("request")[1]
    assert json.loads(run("request", "--json")[1])[0]["state"] == "submitted"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["search", "--sample", "x"], 2, "--sample is for a catalogue here"),
        (["search", "--facet", "assay"], 2, "NAME=VALUE was expected"),
        (["request", "x"], 2, "a request needs --study and --purpose"),
        (["show", "00000000-0000-0000-0000-000000000000"], 3, "no such data set"),
        (["logout", "https://nowhere.example"], 3, "no token is kept"),
    ],
)
def test_refusals(run, arguments, code, sentence):
    seen = run(*arguments)
    assert (seen[0], sentence in seen[2]) == (code, True), seen[2]


def test_logout__then_a_visitor(run, sqlite_world, monkeypatch):
    import os

    assert run("logout", os.environ["GENOMEHUB_HUB_URL"])[0] == 0
    code, _, err = run("request")
    assert (code, "log in" in err) == (6, True)


def test_search__of_the_catalogue_here_takes_no_facet(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("GENOMEHUB_HUB_URL", raising=False)
    assert cli.run(["hub", "search", "--facet", "assay=WGS"]) == 2
    assert "--facet is for the search of a service" in capsys.readouterr().err
