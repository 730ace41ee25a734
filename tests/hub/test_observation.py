"""What is seen of the service: lines of the log, counts, readiness."""

import json
import logging
import re

import httpx
import pytest
from builders.hub_server import serving
from pydantic import SecretStr
from sqlalchemy import text

from genomehub.hub.service import logs


def lines(caplog):
    return [record.fields for record in caplog.records if record.name == "genomehub.hub.access"]


@pytest.fixture
def heard(caplog):
    with caplog.at_level(logging.INFO, "genomehub.hub.access"):
        yield caplog


def test_log__template_person_and_no_secret(sqlite_world, heard):
    client = sqlite_world.client("steward")
    client.get("/api/nothing", params={"token": "a-secret"}, headers={"X-Request-ID": "proxy-number-7"})
    (line,) = lines(heard)
    assert (line["request"], line["method"], line["status"]) == ("proxy-number-7", "GET", 404)
    assert line["bytes"] > 0
    assert line["ms"] >= 0
    assert "a-secret" not in str(line)


@pytest.mark.parametrize("number", ["short", "with space", "x" * 65, 'quote"quote', "new\nline12"])
def test_log__number_of_a_proxy_that_is_no_number(sqlite_world, number):
    with serving(sqlite_world.hub) as address:
        try:
            answer = httpx.get(f"{address}/health", headers={"X-Request-ID": number})
        except httpx.LocalProtocolError:
            return
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_log__probes_are_not_logged_unless_they_fail(sqlite_world, heard):
    client = sqlite_world.client()
    client.get("/health")
    client.get("/ready")
    assert lines(heard) == []
    client.get("/metrics")
    assert [line["status"] for line in lines(heard)] == [403]


@pytest.mark.parametrize("form", ["text", "json"])
def test_log__forms(form):
    record = logging.LogRecord("genomehub.hub.access", logging.INFO, "", 0, "request", (), None)
    record.fields = {"route": "/x y", "status": 200, "who": None, "note": 'a"\n'}
    formatter = {"text": logs._Text(), "json": logs._Json()}[form]
    line = formatter.format(record)
    assert "\n" not in line
    if form == "text":
        assert re.match(r'\S+Z info request route="/x y" status=200 note="a\\"\\n"$', line)
    else:
        event = json.loads(line)
        assert (event["message"], event["status"], event["level"]) == ("request", 200, "info")
        assert "who" not in event


def counts(text_):
    return {name: float(value) for name, value in re.findall(r"^(genomehub_\S+) (\S+)$", text_, re.MULTILINE)}


def test_metrics__count_requests_and_sizes(world):
    with serving(world.hub) as address:
        before = counts(httpx.get(f"{address}/metrics").text)
        httpx.get(f"{address}/health")
        httpx.get(f"{address}/no/such/path")
        after = counts(httpx.get(f"{address}/metrics").text)
    grown = {name for name in after if after[name] > before.get(name, 0)}
    assert 'genomehub_requests_total{method="GET",route="/health",status="200"}' in grown
    assert 'genomehub_requests_total{method="GET",route="none",status="404"}' in grown
    assert 'genomehub_sent_bytes_total{route="/health"}' in grown
    assert 'genomehub_request_seconds_bucket{le="+Inf",method="GET",route="/health"}' in grown
    assert after["genomehub_open_requests"] == 1
    assert after["genomehub_open_downloads"] == 0
    assert (after["genomehub_catalogue_datasets"], after["genomehub_catalogue_files"]) == (2, 8)
    assert after['genomehub_publications{state="published"}'] == 1
    assert not any("/no/such/path" in name for name in after)


def test_metrics__who_may_read_them(sqlite_world):
    hub = sqlite_world.hub
    with serving(hub) as address:
        assert httpx.get(f"{address}/metrics").status_code == 200
        passed_on = {"x-forwarded-for": "192.0.2.7"}
        assert httpx.get(f"{address}/metrics", headers=passed_on).status_code == 403
    with serving(hub, metrics="off") as address:
        assert httpx.get(f"{address}/metrics").status_code == 404
    with serving(hub, metrics="token", metrics_token=SecretStr("the-token-of-the-monitor")) as address:
        right = {"authorization": "Bearer the-token-of-the-monitor"}
        assert httpx.get(f"{address}/metrics", headers=right).status_code == 200
        for wrong in ({}, {"authorization": "Bearer x"}, {"authorization": "Bearer"}):
            assert httpx.get(f"{address}/metrics", headers=wrong).status_code == 401


def test_ready__database_gone_and_schema_of_another_version(world, caplog):
    client = world.client()
    assert client.get("/ready").json()["checks"] == {"database": "ok", "schema": "ok", "storage": "ok"}
    with world.hub.database.connection() as connection:
        connection.execute(text("UPDATE genomehub_schema SET version_num = '0001'"))
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "not ready: schema; its log says why."
    assert "has schema 0001" in caplog.text
    if file := world.hub.database.location.file:
        file.rename(file.with_suffix(".away"))
        file.mkdir()
        world.hub.catalogue.close()
        assert client.get("/ready").json()["detail"].startswith("not ready: database")
        assert client.get("/health").status_code == 503
        assert str(file) not in client.get("/health").text


def test_ready__storage_that_cannot_be_written(sqlite_world, tmp_path):
    (tmp_path / "file").touch()
    with serving(sqlite_world.hub, storage=str(tmp_path / "file" / "storage")) as address:
        assert "storage" in httpx.get(f"{address}/ready").json()["detail"]
