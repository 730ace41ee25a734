"""The hub's tests run on SQLite and on PostgreSQL alike."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import postgresql
from builders.hub import World, hub_world
from moto.server import ThreadedMotoServer

from genomehub.hub.storage.s3 import S3Storage


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A database of this test process' own."""
    with postgresql.cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A hub with data sets and people on each kind of database."""
    url = None
    if request.param == "postgresql":
        url = postgresql.emptied(request.getfixturevalue("postgresql_url"))
    made = hub_world(tmp_path, url)
    yield made
    made.hub.catalogue.close()


@pytest.fixture
def sqlite_world(tmp_path: Path) -> Iterator[World]:
    """A hub on SQLite, where the kind of database does not matter."""
    made = hub_world(tmp_path)
    yield made
    made.hub.catalogue.close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an object store on loopback."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket of an object store on loopback, and the variables that lead to it."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    name = f"hub-{uuid.uuid4().hex[:12]}"
    S3Storage(f"s3://{name}")._client.create_bucket(Bucket=name)
    return name
