"""reference_data/hub.py: a data set as the demo makes it is described, published, found and shown."""

import importlib.util
from pathlib import Path

import pytest
from builders.hub import REFERENCE_DATA

from genomehub.hub import models
from genomehub.hub.access.principals import Grant, Principal, Role
from genomehub.hub.checksums import describe_files
from genomehub.hub.records import Result

specification = importlib.util.spec_from_file_location("demo_hub", REFERENCE_DATA / "hub.py")
demo_hub = importlib.util.module_from_spec(specification)
specification.loader.exec_module(demo_hub)


@pytest.fixture
def dataset(sqlite_world, tmp_path):
    """The identifier of a data set with files of the demo's kinds, also of one that nobody knows."""
    kinds = ("duplicates", "qc", "cram", "index", "vcz", "vcf", "gvcf", "unheard-of")
    files = [(kind, Path(tmp_path / f"NA12878.{kind}")) for kind in kinds]
    for kind, path in files:
        path.write_text(kind)
    result = Result(describe_files(files), samples=("NA12878",), dataset="NA12878", project="demo")
    return sqlite_world.hub.catalogue.register(result, actor="test").entry.dataset_uuid


def test_publish__then_found_and_shown(sqlite_world, dataset):
    holder = Principal(sqlite_world.people["holder"], "x", "Holder", frozenset({Grant(Role.HOLDER)}), "token")
    with sqlite_world.hub.database.write() as session:
        demo_hub.publish(session, holder, sqlite_world.folder, sqlite_world.clock())
        assert session.query(models.Publication).count() == 3
    visitor = sqlite_world.client()
    found = visitor.get("/api/search", params={"q": "slice"}).json()
    assert [one["uuid"] for one in found["datasets"]] == [dataset]
    for language, title in (("en", "a slice of chromosome 20"), ("fr", "une tranche du chromosome 20")):
        page = visitor.get(
            f"/datasets/{dataset}", headers={"Accept": "text/html", "Accept-Language": language}
        )
        assert page.status_code == 200
        assert title in page.text
        assert ">genomehub.example.org</a>" in page.text
