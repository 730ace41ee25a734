"""The hub's tests run on SQLite and on PostgreSQL alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import postgresql
from builders.hub import World, hub_world


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
