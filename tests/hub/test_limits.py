"""What the service takes: hosts, headers, sizes, encodings, slow clients; and what browsers are told."""

import gzip
import json
import logging
import socket
import threading
import time

import httpx
import pytest
from builders.hub_server import raw, serving
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from sqlalchemy import text

from genomehub.errors import InputError, ResourceError
from genomehub.hub import models
from genomehub.hub.database import Database, Tuning
from genomehub.hub.service.dependencies import HubDependency, PrincipalDependency

router = APIRouter()


@router.post("/echo")
def echo(body: dict) -> dict:
    return {"n": len(body)}


@router.post("/large", max_body_size=10 * 2**20)
def large(body: dict) -> dict:
    return {"n": len(body)}


@router.get("/slow")
def slow() -> dict:
    time.sleep(5)
    return {}


@router.get("/stream")
def stream() -> StreamingResponse:
    return StreamingResponse(b"x" * 65536 for _ in range(2000))


@router.get("/pause")
def pause() -> StreamingResponse:
    def chunks():
        for _ in range(4):
            time.sleep(1)
            yield b"x"

    return StreamingResponse(chunks())


@router.get("/wrong")
def wrong(principal: PrincipalDependency) -> dict:
    raise RuntimeError("a secret of the inside")


@router.get("/kept")
def kept(hub: HubDependency, name: str) -> dict:
    with hub.database.write() as session:
        session.add(models.Project(name=name, created_at=hub.clock()))
    return {}


@pytest.fixture
def address(sqlite_world):
    limits = {"max_body_bytes": 2**20, "idle_seconds": 3, "request_seconds": 3, "max_header_bytes": 8192}
    with serving(sqlite_world.hub, router, **limits) as found:
        yield found


def detail(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


def test_body__too_large_with_a_length_or_chunked(address):
    body = json.dumps({"x": "y" * 2**20}).encode()
    kind = {"content-type": "application/json"}
    for content in (body, iter([body[:1000], body[1000:]])):
        answer = httpx.post(f"{address}/echo", content=content, headers=kind)
        assert answer.status_code == 413
        assert detail(answer)
    assert httpx.post(f"{address}/large", content=body, headers=kind).json() == {"n": 1}


def test_body__length_that_lies_is_cut(address):
    head = b"POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    assert b" 413 " in raw(address, head + b"content-length: 99999999999\r\n\r\n{}", 5)


def test_body__compressed_is_refused(address):
    bomb = gzip.compress(b"0" * 10**7)
    answer = httpx.post(f"{address}/echo", content=bomb, headers={"content-encoding": "gzip"})
    assert answer.status_code == 415
    assert "Leave Content-Encoding out" in detail(answer)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1]", b'"\\ud800"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b"1e999"],
)
def test_body__malformed(address, body):
    answer = httpx.post(f"{address}/echo", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_body__unknown_field_with_half_a_character(address):
    answer = httpx.post(
        f"{address}/echo", content=b'["\\ud800"]', headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422


def test_body__that_does_not_come(address):
    head = (
        b"POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n"
    )
    answer = raw(address, head + b"\r\n{", 10)
    assert b" 408 " in answer
    assert b"the body came too slowly" in answer


def test_headers__too_slow_too_large_too_many(address):
    assert b" 408 " in raw(address, b"GET /health HTTP/1.1\r\nhost: localhost\r\n", 10)
    assert b" 431 " in raw(address, b"GET /health HTTP/1.1\r\nx: " + b"y" * 20_000, 5)
    many = {f"x-{number}": "" for number in range(150)}
    answer = httpx.get(f"{address}/health", headers=many)
    assert answer.status_code == 431
    assert "at most 100" in detail(answer)


def test_headers__second_request_of_a_connection_is_bounded_too(address):
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b" 200 " in connection.recv(65536)
        connection.sendall(b"GET /health HTTP/1.1\r\nx: " + b"y" * 20_000)
        assert b" 431 " in connection.recv(65536)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET /health?" + b"x" * 70_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n", id="address"),
        pytest.param(b"GET /health HTTP/1.1\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", id="header"),
    ],
)
def test_headers__that_come_whole_are_bounded_too(address, sent):
    answer = raw(address, sent, 5)
    assert b" 431 " in answer
    assert b"the headers are larger than" in answer


def test_headers__that_end_between_two_pieces(address):
    """What follows them is body, and bounded as such."""
    host, port = address.removeprefix("http://").split(":")
    head = b"POST /large HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    body = b'{"a": "' + b"x" * 200_000 + b'"}'
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head + f"content-length: {len(body)}\r\n\r".encode())
        time.sleep(0.2)
        connection.sendall(b"\n" + body)
        assert b" 200 " in connection.recv(65536)


def test_request__that_is_no_http_is_told_so_as_a_problem(address):
    answer = raw(address, b"HELLO HUB\r\n\r\n", 5)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n")
    assert b"what came is no HTTP as it is spoken here." in answer


def test_host__of_another_name(address):
    answer = httpx.get(f"{address}/openapi.json", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert "this is not the hub's name" in detail(answer)
    assert httpx.get(f"{address}/health", headers={"host": "10.0.0.7:8000"}).status_code == 200


def test_address__with_nul(address):
    for path in ("/health?x=%00", "/%00"):
        answer = httpx.get(f"{address}{path}")
        assert (answer.status_code, "NUL" in detail(answer)) == (400, True)


def test_answer__that_takes_too_long(address):
    answer = httpx.get(f"{address}/slow")
    assert answer.status_code == 503
    assert "no answer within 3 s" in detail(answer)
    assert answer.headers["retry-after"]
    time.sleep(2.5)
    assert httpx.get(f"{address}/health").status_code == 200


def test_answer__that_is_streamed_may_take_longer(address):
    assert httpx.get(f"{address}/pause").text == "xxxx"


def test_answer__client_that_reads_nothing_is_cut_off(address, caplog):
    host, port = address.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((host, int(port)))
    with caplog.at_level(logging.INFO, "genomehub.hub.access"), connection:
        connection.sendall(b"GET /stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
        for _ in range(100):
            time.sleep(0.1)
            lines = [getattr(record, "fields", {}) for record in caplog.records]
            if lines := [fields for fields in lines if fields.get("route") == "/stream"]:
                break
    assert lines[0]["cut_off"] is True
    assert lines[0]["bytes"] < 2000 * 65536


def test_error__not_foreseen_tells_its_number_only(sqlite_world, caplog):
    token = {"authorization": f"Bearer {sqlite_world.tokens['steward']}"}
    with serving(sqlite_world.hub, router) as address:
        answer = httpx.get(f"{address}/wrong", headers=token)
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in detail(answer)
    assert "secret" not in answer.text
    (line,) = [record for record in caplog.records if record.getMessage() == "error of ours"]
    assert line.fields["request"] == answer.headers["x-request-id"]
    assert "a secret of the inside" in str(line.exc_info[1])


def test_database__half_a_character(world):
    with pytest.raises(InputError, match="cannot be kept"), world.hub.database.write() as session:
        session.add(models.Project(name="a\ud800b", created_at=world.clock()))


def test_database__nul_and_number_out_of_range(world):
    for statement, value in (("SELECT CAST(:x AS TEXT)", "a\x00b"), ("SELECT CAST(:x AS BIGINT)", 2**70)):
        if world.hub.database.location.file and value == "a\x00b":
            continue  # SQLite keeps it
        with pytest.raises(InputError, match="cannot be kept"), world.hub.database.read() as session:
            session.execute(text(statement), {"x": value})


def test_database__question_that_takes_too_long(world):
    database = Database(world.hub.database.location, Tuning(connections=2, read_seconds=0.3))
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) "
        "SELECT count(*) FROM n"
    )
    with pytest.raises(ResourceError, match=r"took longer than 0\.3 s"), database.read() as session:
        session.execute(text(endless))
    with database.read() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
    database.close()


def test_database__all_connections_busy(world):
    database = Database(world.hub.database.location, Tuning(connections=1, lock_seconds=1))
    with database.read() as session:
        session.execute(text("SELECT 1"))
        assert database.connections == 1
        with pytest.raises(ResourceError, match="all 1 connections were busy"), database.read() as other:
            other.execute(text("SELECT 1"))
    assert database.connections == 0
    database.close()


def test_database__twenty_threads_read_and_write(world):
    """What each wrote is there, versions of the log have no gap, and nobody waited in vain."""
    hub, n_threads, n_rounds = world.hub, 20, 6
    failures = []

    def work(number):
        try:
            for turn in range(n_rounds):
                with hub.database.write() as session:
                    session.add(models.Project(name=f"p{number}-{turn}", created_at=hub.clock()))
                    hub.note(session, _somebody(), "test", number=number)
                for _ in range(3):
                    with hub.database.read() as session:
                        assert session.query(models.Project).filter_by(name=f"p{number}-{turn}").count() == 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with hub.database.read() as session:
        assert session.query(models.Project).filter(models.Project.name.like("p%-%")).count() == 120
        assert session.query(models.Event).filter_by(action="test").count() == 120
    assert hub.catalogue.verify().holds


def _somebody():
    from genomehub.hub.access.principals import ANONYMOUS

    return ANONYMOUS


def test_headers__what_browsers_are_told(sqlite_world):
    client = sqlite_world.client()
    answer = client.get("/health")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "cache-control" not in answer.headers
    assert (
        "access-control-allow-origin"
        not in client.get("/health", headers={"origin": "https://igv.org"}).headers
    )
    mine = sqlite_world.client("steward").get("/health")
    assert mine.headers["cache-control"] == "private, no-store"


def test_cors__listed_origins_only(sqlite_world):
    with serving(sqlite_world.hub, cors_origins=["https://igv.org"]) as address:
        asked = {"origin": "https://igv.org", "access-control-request-method": "GET",
                 "access-control-request-headers": "authorization,range"}  # fmt: skip
        answer = httpx.options(f"{address}/health", headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://igv.org"
        plain = httpx.get(f"{address}/health", headers={"origin": "https://igv.org"})
        assert "Content-Range" in plain.headers["access-control-expose-headers"]
        other = httpx.get(f"{address}/health", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
