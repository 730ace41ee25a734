"""``genomehub hub serve`` as a process: start, refusals, end; the people and tokens that it needs."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.mmap_dict import MmapedDict

from genomehub import cli

GENOMEHUB = Path(sys.executable).parent / "genomehub"


@pytest.fixture(autouse=True)
def environment():
    """No settings of the caller's, and none left to other tests."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("GENOMEHUB_HUB_") or name == "GENOMEHUB_CATALOGUE":
            del os.environ[name]
    os.environ["GENOMEHUB_ACTOR"] = "ada"
    yield
    os.environ.clear()
    os.environ.update(before)


@contextlib.contextmanager
def serving(folder, *arguments):
    """Run the service in ``folder`` on a free port; yield its process and address."""
    command = [sys.executable, "-m", "genomehub", "hub", "serve", "--init", "--port", "0", *arguments]
    log = (folder / "log").open("w")
    with log, subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            for line in process.stdout:
                if found := re.search(r"answers at (\S+?);", line):
                    break
            else:
                pytest.fail((folder / "log").read_text())
            address = found[1]
            for _ in range(200):
                with contextlib.suppress(httpx.TransportError):
                    httpx.get(f"{address}/health")
                    break
                time.sleep(0.05)
            yield process, address
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)


def events_of(folder):
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


def test_serve__makes_the_catalogue_answers_and_logs(tmp_path):
    with serving(tmp_path, "--log-format", "json") as (process, address):
        answer = httpx.get(f"{address}/api/nothing?secret=1", headers={"X-Request-ID": "number-0001"})
        assert answer.status_code == 404
        assert answer.headers["x-request-id"] == "number-0001"
        assert "server" not in answer.headers
        assert httpx.get(f"{address}/openapi.json").json()["servers"] == [{"url": address}]
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    (event,) = [event for event in events_of(tmp_path) if event.get("request") == "number-0001"]
    assert (event["message"], event["method"], event["route"], event["status"]) == (
        "request",
        "GET",
        "none",
        404,
    )
    assert "secret" not in (tmp_path / "log").read_text()
    assert [path.name for path in tmp_path.glob("catalogue.sqlite")] == ["catalogue.sqlite"]
    assert (tmp_path / "hub.secret").stat().st_mode & 0o777 == 0o600


def test_serve__several_workers_count_together(tmp_path):
    with serving(tmp_path, "--workers", "2") as (_, address):
        for _ in range(20):
            assert httpx.get(f"{address}/health").status_code == 200
        seen = {
            line for _ in range(6) for line in httpx.get(f"{address}/metrics").text.splitlines()
            if line.startswith("genomehub_requests_total") and '"/health"' in line
        }  # fmt: skip
    (count,) = {line.rpartition(" ")[2] for line in seen}
    assert float(count) >= 20


def test_serve__several_workers_have_one_limit(tmp_path, monkeypatch):
    """20 wrong credentials a minute, whichever process they come to."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving(tmp_path, "--workers", "2") as (_, address):
        if time.time() % 60 > 45:
            time.sleep(20)  # all of it within one window
        wrong = {"Authorization": "Bearer wrong"}
        answers = [httpx.get(f"{address}/api/account", headers=wrong).status_code for _ in range(45)]
        assert (answers.count(401), answers.count(429)) == (20, 25)
        by_process = [
            sum(n for key, n, *_ in MmapedDict.read_all_values_from_file(file) if "/api/account" in key)
            for file in tmp_path.glob("genomehub-counts-*/counter_*.db")
        ]
        assert len([n for n in by_process if n]) == 2, "both have answered"


def test_serve__ends_an_open_request_before_it_stops(tmp_path):
    with serving(tmp_path) as (process, address):
        body = iter_slowly(process)
        answer = httpx.post(f"{address}/health", content=body, timeout=30)
        assert answer.status_code == 405
        process.wait(30)


def iter_slowly(process):
    yield b"x"
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    yield b"y"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 3, "no catalogue there. Make it: genomehub hub init"),
        (["--port", "99999"], 2, "99999"),
        (["--host", "192.0.2.1", "--init"], 4, "192.0.2.1:8000: this machine has no such address"),
        (["--config", "nothing.toml"], 3, "nothing.toml: no such file of settings"),
    ],
)
def test_serve__refuses_with_a_sentence(tmp_path, monkeypatch, capsys, arguments, code, sentence):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["hub", "serve", *arguments]) == code
    assert sentence in capsys.readouterr().err


def test_serve__old_catalogue(tmp_path, monkeypatch, capsys):
    from sqlalchemy import create_engine

    from genomehub.hub.database import migrate

    monkeypatch.chdir(tmp_path)
    with create_engine("sqlite:///catalogue.sqlite").begin() as connection:
        migrate(connection, "0001")
    assert cli.run(["hub", "serve"]) == 5
    assert "has schema version 0001; this genomehub needs" in capsys.readouterr().err
    assert cli.run(["hub", "serve", "--check", "--init"]) == 0
    assert "migrated the catalogue" in capsys.readouterr().out


def test_serve__port_taken(tmp_path, monkeypatch, capsys):
    with serving(tmp_path) as (_, address):
        monkeypatch.chdir(tmp_path)
        assert cli.run(["hub", "serve", "--port", address.rpartition(":")[2]]) == 4
    assert "another program listens there" in capsys.readouterr().err


def test_check__shows_settings_and_sources_and_hides_secrets(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENOMEHUB_HUB_METRICS_TOKEN", "a secret of the monitor")
    Path("hub.toml").write_text('name = "Genomes of Nantes"\n')
    assert cli.run(["hub", "serve", "--check", "--init", "--config", "hub.toml", "--port", "80"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^name +Genomes of Nantes +hub.toml$", out, re.MULTILINE)
    assert re.search(r"^port +80 +option --port$", out, re.MULTILINE)
    assert re.search(r"^metrics_token +\(set, not shown\) +variable", out, re.MULTILINE)
    assert "of the monitor" not in out
    assert cli.run(["hub", "serve", "--check", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["host"] == {"value": "127.0.0.1", "source": "default"}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["hub", "init"]) == 0

    def call(*arguments):
        capsys.readouterr()
        code = cli.run(["hub", *arguments])
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return call


def test_person__from_first_administrator_to_disabled(run):
    assert run("person", "add", "Ada", "--email", "ada@x.org", "--role", "administrator")[0] == 0
    assert "administrator" in run("person", "list")[1]
    assert run("person", "role", "ada@x.org", "steward")[1] == "Ada: administrator, steward\n"
    assert run("person", "role", "Ada", "administrator", "--remove")[1] == "Ada: steward\n"
    assert run("person", "disable", "ADA@x.org")[1] == "disabled Ada\n"
    assert run("person", "list")[1] == ""
    (everybody,) = json.loads(run("person", "list", "--all", "--json")[1])
    assert (everybody["disabled"], everybody["roles"]) == (True, ["steward"])
    assert run("person", "enable", everybody["uuid"][:8])[0] == 0
    assert run("verify")[0] == 0, "the event log holds"


def test_token__made_used_listed_revoked(run, tmp_path):
    run("person", "add", "Ada", "--role", "administrator")
    secret = run("token", "create", "Ada", "--label", "laptop", "--days", "3")[1].strip()
    assert secret.startswith("ghub_")
    assert secret not in (tmp_path / "catalogue.sqlite").read_bytes().decode("latin-1")
    assert "laptop" in run("token", "list", "Ada")[1]
    assert run("token", "revoke", "1")[1] == "revoked token 1, 'laptop' of Ada\n"
    (token,) = json.loads(run("token", "list", "--json")[1])
    assert token["state"] == "revoked"
    assert secret not in json.dumps(token)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["person", "add", "B", "--email", "ADA@x.org"], 3, "somebody here has this address"),
        (["person", "role", "Nobody", "steward"], 3, "nobody here is called like this"),
        (["person", "role", "Ada", "steward", "--remove"], 3, "is not steward everywhere"),
        (["person", "role", "Ada", "holder", "--project", "x"], 3, "no project is called like this"),
        (["token", "revoke", "9"], 3, "no token has this number"),
        (["token", "create", "Bob"], 3, "is disabled. Let them in first"),
        (["person", "disable", "Eve"], 3, "2 people are called like this"),
    ],
)
def test_person__refusals(run, arguments, code, sentence):
    run("person", "add", "Ada", "--email", "ada@x.org")
    run("person", "add", "Bob")
    run("person", "disable", "Bob")
    run("person", "add", "Eve")
    run("person", "add", "Eve")
    seen = run(*arguments)
    assert (seen[0], sentence in seen[2]) == (code, True), seen[2]
