"""DRS as others judge it: GA4GH's compliance suite, which knows 1.2, and the schemas of 1.5 themselves.

``make test`` installs the suite from ``drs_suite.txt`` into an environment of its own.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from builders.hub import World
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from genomehub.hub import models
from genomehub.hub.checksums import describe_files
from genomehub.hub.records import Result

SUITE = Path(sys.prefix) / "drs-suite" / "bin" / "python"
SCHEMAS = Path(__file__).parents[1] / "data" / "drs-1.5.0"
DRS = "/ga4gh/drs/v1"
#: Fields of DRS 1.3 and later, by what has them. The suite's schemas, of 1.2, forbid what they do not name.
LATER = {"service-info": {"maxBulkRequestLength", "drs"}, "object": {"available", "authorizations"}}


@pytest.fixture
def place(sqlite_world: World) -> Iterator[tuple[World, str, str, str]]:
    """A served hub with files and a folder: world, address, and two versions, of files and of a folder."""
    world = sqlite_world
    world.permit("researcher", "open-door")
    root = world.folder / "calls.vcz"
    (root / "call_genotype").mkdir(parents=True)
    (root / "zarr.json").write_text("{}")
    (root / "call_genotype" / "0.0").write_bytes(bytes(100))
    done = world.hub.catalogue.register(
        Result(describe_files([("vcz", root)]), dataset="calls", project="genomes"), actor="test"
    )
    with world.hub.database.read() as session:
        dataset = world.dataset(session, "open-door")
        version = session.query(models.Entry).filter_by(dataset_id=dataset.id).one().digest
    with world.serve() as address:
        yield world, address, version, done.entry.id


def report_of(address: str, config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run the suite and return its report."""
    assert SUITE.exists(), "GA4GH's DRS suite is not installed: make .venv/drs-suite/.made"
    # The wheel lacks the module that says which versions it supports.
    (folder / "supported_drs_versions.py").write_text('SUPPORTED_DRS_VERSIONS = ["1.2.0"]\n')
    (folder / "config.json").write_text(json.dumps(config))
    command = [SUITE, "-W", "ignore", "-m", "compliance_suite.report_runner"]
    command += ["--server_base_url", address + DRS, "--platform_name", "genomehub"]
    command += ["--platform_description", "genomehub", "--drs_version", "1.2.0"]
    command += ["--config_file", "config.json", "--report_path", "report.json"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(folder)}
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def test_suite__fails_only_where_it_forbids_what_later_versions_have(place, tmp_path):
    """Ways to prove who one is: none, bearer, passport; the hub has no basic authentication (passwords)."""
    world, address, version, _ = place
    token = world.tokens["researcher"]
    answer = httpx.get(f"{address}/api/passport", headers={"Authorization": f"Bearer {token}"})
    passports = [answer.json()["passport"]]
    ways = {"none": "", "bearer": token, "passport": passports}
    objects = [
        {"drs_id": id, "auth_type": way, "auth_token": secret, "is_bundle": id == version}
        for way, secret in ways.items()
        for id in (f"{version}.1", version)
    ]
    config = {
        "service_info": {"auth_type": "none", "auth_token": ""},
        "drs_object_info": objects,
        "drs_object_access": [one for one in objects if one["auth_type"] != "none" and not one["is_bundle"]],
    }
    report = report_of(address, config, tmp_path)
    cases: dict[str, list[tuple[str, str, str]]] = {"PASS": [], "FAIL": [], "SKIP": []}
    for phase in report["phases"]:
        for test in phase["tests"]:
            asked = test["test_name"].replace(f"{version}.1", "FILE").replace(version, "BUNDLE")
            for case in test["cases"]:
                cases[case["status"]].append((asked, case["case_name"], case["message"]))
    failed = {}
    for asked, case, message in cases["FAIL"]:
        assert message.startswith("Additional properties are not allowed"), (asked, case, message)
        failed[asked, case] = set(re.findall(r"'(\w+)'", message))
    about = "Run test cases on the"
    service = f"{about} service-info endpoint; auth_type = none"
    assert failed == {
        (service, "Service Info response schema validation"): LATER["service-info"],
        **{
            (f"{about} drs object info endpoint for drs id = FILE; auth_type = {way}",
             "DRS Object Info response schema validation"): LATER["object"]
            for way in ways
        },
    }  # fmt: skip
    assert [len(cases[status]) for status in ("PASS", "FAIL", "SKIP")] == [35, 4, 3]
    assert {(case, message) for _, case, message in cases["SKIP"]} == {
        (
            "DRS Object Info has access information",
            "Skip this test case as access_methods is optional for a DRS Bundle",
        )
    }


# ------------------------------------------------------------------------------------- the schemas of 1.5


def closed(schema: Any) -> Any:
    """Return a schema that takes no field that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items()}
    if made.get("type") == "object" and "properties" in made:
        made["additionalProperties"] = False
    return made


def validator(name: str, *, strict: bool = True) -> Draft202012Validator:
    """Return what checks an answer; strict : against fields that are none of DRS too."""
    texts = {path.name: yaml.safe_load(path.read_text()) for path in SCHEMAS.glob("*.yaml")}
    documents = {file: closed(text) if strict else text for file, text in texts.items()}
    resources = [(file, Resource(text, DRAFT202012)) for file, text in documents.items()]
    registry = Registry().with_resources([*resources, *((f"./{file}", one) for file, one in resources)])
    return Draft202012Validator({"$ref": f"{name}.yaml"}, registry=registry)


def faults(name: str, answer: Any, *, strict: bool = True) -> list[str]:
    return [error.message for error in validator(name, strict=strict).iter_errors(answer)]


def test_schemas__of_1_5_take_every_answer_and_know_every_field(place):
    world, address, version, folder = place
    headers = {"Authorization": f"Bearer {world.tokens['holder']}"}
    with httpx.Client(base_url=address + DRS, headers=headers) as client:
        ids = [version, f"{version}.1", f"{version}.3", folder, f"{folder}.1", f"{folder}.1~call_genotype"]
        ids.append(f"{folder}.1~call_genotype~0.0")
        for id in ids:
            for query in ({}, {"expand": "true"}):
                answer = client.get(f"/objects/{id}", params=query)
                assert (answer.status_code, faults("DrsObject", answer.json())) == (200, []), id
            assert faults("Authorizations", client.options(f"/objects/{id}").json()) == []
        assert faults("AccessURL", client.get(f"/objects/{version}.1/access/https").json()) == []
        info = client.get("/service-info").json()
        assert faults("DrsService", info, strict=False) == []  # with GA4GH's service-info in one object
        assert (
            faults(
                "DrsService",
                {"type": {"artifact": "drs"}, **{k: info[k] for k in ("drs", "maxBulkRequestLength")}},
            )
            == []
        )
        bulk = client.post("/objects", json={"bulk_object_ids": [*ids, "nothing"]}).json()
        ways = [{"bulk_object_id": id, "bulk_access_ids": ["https"]} for id in (ids[1], "nothing")]
        links = client.post("/objects/access", json={"bulk_object_access_ids": ways}).json()
        how = client.request("OPTIONS", "/objects", json={"bulk_object_ids": ids}).json()
        for answer in (bulk, links, how):
            assert faults("summary", answer["summary"]) == []
            assert faults("unresolved", answer["unresolved_drs_objects"]) == []
        assert [faults("DrsObject", one) for one in bulk["resolved_drs_object"]] == [[]] * len(ids)
        assert [faults("BulkAccessURL", one) for one in links["resolved_drs_object_access_urls"]] == [[]]
        assert [faults("Authorizations", one) for one in how["resolved_drs_object"]] == [[]] * len(ids)
        for path in ("/objects/nothing", f"/objects/{version}.1/access/nothing"):
            refused = client.get(path)
            assert (refused.status_code, faults("Error", refused.json())) == (404, [])


def test_schemas__see_what_is_wrong():
    """The check itself: a field that is lacking, one that is unknown, one of a wrong kind, deep within."""
    whole = {"id": "a", "self_uri": "drs://a/a", "size": 1, "created_time": "2026-11-28T09:00:00Z"}
    sums = [{"checksum": "00", "type": "md5"}]
    assert faults("DrsObject", {**whole, "checksums": sums}) == []
    assert faults("DrsObject", whole) == ["'checksums' is a required property"]
    odd = {**whole, "checksums": sums, "access_methods": [{"type": "https", "authorizations": {"other": 1}}]}
    assert faults("DrsObject", odd) == ["Additional properties are not allowed ('other' was unexpected)"]
    assert faults("DrsObject", odd, strict=False) == []
    wrong = {**whole, "checksums": sums, "contents": [{"name": "a", "contents": [{"name": 1}]}]}
    assert faults("DrsObject", wrong) == ["1 is not of type 'string'"]
