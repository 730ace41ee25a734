"""htsget: samtools and bcftools as clients get the records of a region, all of them and no other."""

import base64
import os
import random
import subprocess

import httpx
import pytest

from genomehub.hub import models

READS, VARIANTS = "/htsget/reads", "/htsget/variants"
UNENCRYPTED = {"HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER": "I understand the risks"}


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)
    assert (done.returncode, "EOF" in done.stderr) == (0, False), (command, done.stderr)
    return done.stdout


def joined(client, ticket: dict) -> bytes:
    """Fetch the blocks of a ticket as a client does, and join them."""
    parts = []
    for url in ticket["htsget"]["urls"]:
        if url["url"].startswith("data:"):
            parts.append(base64.b64decode(url["url"].partition("base64,")[2]))
        else:
            answer = client.get(url["url"], headers=url.get("headers", {}))
            assert answer.status_code in (200, 206), answer.text
            parts.append(answer.content)
    return b"".join(parts)


def error(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["htsget"]["error"]


@pytest.fixture
def place(sqlite_world):
    """The published data set, which the researcher may read."""
    sqlite_world.permit("researcher", "open-door")
    return sqlite_world


def test_ticket__region_is_what_samtools_views(place, tmp_path):
    client, local = place.client("researcher"), place.folder / "open-door" / "open-door.bam"
    where = {"referenceName": "20", "start": 10_001_000, "end": 10_002_000}
    answer = client.get(f"{READS}/{place.datasets['open-door']}", params=where)
    assert answer.headers["content-type"].startswith("application/vnd.ga4gh.htsget.v1.3.0+json")
    ticket = answer.json()
    assert ticket["htsget"]["format"] == "BAM"
    assert [url["class"] for url in ticket["htsget"]["urls"]] == ["header", "body", "body"]
    (tmp_path / "got.bam").write_bytes(joined(client, ticket))
    got = run("samtools", "view", "-h", "--no-PG", str(tmp_path / "got.bam"))
    assert got == run("samtools", "view", "-h", "--no-PG", str(local), "20:10001001-10002000")
    assert len(got.splitlines()) > 50


def test_clients__samtools_and_bcftools_over_http(place, tmp_path):
    """Many regions: within, at edges, empty, past the end, a whole contig, unplaced."""
    token = tmp_path / "token"
    token.write_text(place.tokens["researcher"])
    environment = UNENCRYPTED | {"HTS_AUTH_LOCATION": str(token)}
    bam = place.folder / "open-door" / "open-door.bam"
    vcf = place.folder / "open-door" / "open-door.vcf.gz"
    chance = random.Random(1)
    starts = [chance.randrange(9_999_000, 10_081_000) for _ in range(12)]
    regions = [(start, start + chance.choice((1, 100, 5000))) for start in starts]
    regions += [
        (10_000_000, 10_000_001),
        (9_999_999, 10_000_000),
        (10_080_079, 10_080_080),
        (10_080_080, 10_080_200),
    ]
    regions += [(63_025_000, 63_025_520), (0, 4_294_967_295), (10_010_000, 10_010_000)]
    with place.serve() as address:
        for start, end in regions:
            query = f"?referenceName=20&start={start}&end={end}"
            got = run("samtools", "view", f"{address}{READS}/open-door{query}", **environment)
            expected = run("samtools", "view", str(bam), f"20:{start + 1}-{end}") if start < end else ""
            assert got == expected, (start, end)
            url = f"{address}{VARIANTS}/open-door{query}"
            got = run("bcftools", "view", "-H", url, **environment)
            expected = (
                run("bcftools", "view", "-H", "-r", f"20:{start + 1}-{end}", str(vcf)) if start < end else ""
            )
            assert got == expected, (start, end)
        whole = run("samtools", "view", f"{address}{READS}/open-door", **environment)
        assert whole == run("samtools", "view", str(bam))
        assert run("samtools", "view", f"{address}{READS}/open-door?referenceName=*", **environment) == ""


def test_ticket__names_differ_by_chr_only(place):
    client, url = place.client("researcher"), f"{READS}/open-door"
    where = {"start": 10_001_000, "end": 10_001_500}
    same = [
        joined(client, client.get(url, params=where | {"referenceName": name}).json())
        for name in ("20", "chr20")
    ]
    assert same[0] == same[1]
    assert error(client.get(url, params={"referenceName": "chr21"})) == (404, "NotFound")


def test_ticket__post_gives_each_record_once_in_the_files_order(place, tmp_path):
    client, local = place.client("researcher"), place.folder / "open-door" / "open-door.bam"
    regions = [
        {"referenceName": "20", "start": 10_002_000, "end": 10_002_100},
        {"referenceName": "20", "start": 10_001_000, "end": 10_001_050},
        {"referenceName": "20", "start": 10_001_040, "end": 10_001_060},
        {"referenceName": "20", "start": 10_002_150, "end": 10_002_200},
    ]
    ticket = client.post(f"{READS}/open-door", json={"format": "bam", "regions": regions}).json()
    (tmp_path / "got.bam").write_bytes(joined(client, ticket))
    bed = tmp_path / "regions.bed"
    bed.write_text("20\t10001000\t10001060\n20\t10002000\t10002100\n20\t10002150\t10002200\n")
    assert run("samtools", "view", str(tmp_path / "got.bam")) == run(
        "samtools", "view", "-M", "-L", str(bed), str(local)
    )


def test_ticket__header_alone(place, tmp_path):
    client = place.client("researcher")
    for base, name, format in ((READS, "got.bam", "BAM"), (VARIANTS, "got.vcf.gz", "VCF")):
        ticket = client.get(f"{base}/open-door", params={"class": "header", "format": format}).json()
        (tmp_path / name).write_bytes(joined(client, ticket))
        assert all(url["url"].startswith("data:") for url in ticket["htsget"]["urls"])
    assert run("samtools", "view", str(tmp_path / "got.bam")) == ""
    assert "SN:20" in run("samtools", "view", "-H", str(tmp_path / "got.bam"))
    assert "##contig" in run("bcftools", "view", "-h", str(tmp_path / "got.vcf.gz"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("format=FASTQ", (400, "UnsupportedFormat")),
        ("format=CRAM", (400, "UnsupportedFormat")),
        ("start=1", (400, "InvalidInput")),
        ("referenceName=*&end=9", (400, "InvalidInput")),
        ("referenceName=20&start=9&end=3", (400, "InvalidRange")),
        ("referenceName=20&start=-1", (400, "InvalidInput")),
        ("referenceName=20&start=x", (400, "InvalidInput")),
        ("referenceName=20&end=4294967296", (400, "InvalidInput")),
        ("referenceName=2020", (404, "NotFound")),
        ("class=body", (400, "InvalidInput")),
        ("class=header&referenceName=20", (400, "InvalidInput")),
        ("class=header&tags=NM", (400, "InvalidInput")),
        ("tags=NM,MD&notags=MD", (400, "InvalidInput")),
        ("fields=QNAME,COLOUR", (400, "InvalidInput")),
    ],
)
def test_ticket__refuses(place, query, expected):
    assert error(place.client("researcher").get(f"{READS}/open-door?{query}")) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"regions": []}, (400, "InvalidInput")),
        ({"regions": [{"start": 1}]}, (400, "InvalidInput")),
        ({"regions": [{"referenceName": "20", "start": 3, "end": 3}]}, (400, "InvalidRange")),
        ({"class": "header", "regions": [{"referenceName": "20"}]}, (400, "InvalidInput")),
        ({"tags": ["NM"], "notags": ["NM"]}, (400, "InvalidInput")),
        ({"regions": [{"referenceName": "20"}] * 2001}, (413, "PayloadTooLarge")),
        ({"regions": [{"referenceName": "nope"}]}, (404, "NotFound")),
    ],
)
def test_ticket__refuses_by_post(place, question, expected):
    assert error(place.client("researcher").post(f"{READS}/open-door", json=question)) == expected
    if expected[0] != 413:
        with_query = place.client("researcher").post(f"{READS}/open-door?format=BAM", json=question)
        assert with_query.status_code == 400


def test_gate__tells_no_existence_and_lets_nobody_in(world):
    url, hidden = f"{READS}/{world.datasets['open-door']}", f"{READS}/{world.datasets['back-room']}"
    assert error(world.client().get(url)) == (401, "InvalidAuthentication")
    assert error(world.client("researcher").get(url)) == (403, "PermissionDenied")
    assert error(world.client("steward").get(url)) == (403, "PermissionDenied")
    unknown = world.client("researcher").get(f"{READS}/{'0' * 64}")
    seen = world.client("researcher").get(hidden)
    assert error(seen) == error(unknown) == (404, "NotFound")
    assert seen.text.replace(world.datasets["back-room"], "X") == unknown.text.replace("0" * 64, "X")
    bad = httpx.Headers({"Authorization": "Bearer ghub_forged"})
    assert error(world.client().get(url, headers=bad)) == (401, "InvalidAuthentication")
    assert world.client("holder").get(url).status_code == 200


def test_block__only_with_the_tickets_own_headers_and_while_the_permit_holds(place):
    client = place.client("researcher")
    params = {"referenceName": "20", "start": 10_001_000, "end": 10_002_000}
    urls = client.get(f"{READS}/open-door", params=params).json()["htsget"]["urls"]
    block, other = urls[1], client.get(f"{READS}/open-door", params=params | {"end": 10_003_000}).json()
    visitor = place.client()
    assert visitor.get(block["url"], headers=block["headers"]).status_code == 200
    refused = [
        visitor.get(block["url"]),
        client.get(block["url"]),  # a token of the API is none of a block
        visitor.get(block["url"], headers=other["htsget"]["urls"][1]["headers"]),
        visitor.get(block["url"], headers={"Authorization": block["headers"]["Authorization"][:-2] + "xx"}),
    ]
    assert [error(answer) for answer in refused] == [(401, "InvalidAuthentication")] * 4
    place.clock.turn(seconds=901)
    assert error(visitor.get(block["url"], headers=block["headers"])) == (401, "InvalidAuthentication")
    urls = client.get(f"{READS}/open-door", params=params).json()["htsget"]["urls"]
    place.clock.turn(seconds=10)
    with place.hub.database.write() as session:
        session.query(models.Permit).update({"withdrawn_at": place.clock()})
    assert error(visitor.get(urls[1]["url"], headers=urls[1]["headers"])) == (403, "PermissionDenied")


def test_block__is_noted_with_its_region(place):
    client = place.client("researcher")
    params = {"referenceName": "20", "start": 10_001_000, "end": 10_002_000}
    ticket = client.get(f"{READS}/open-door", params=params).json()
    client.get(ticket["htsget"]["urls"][1]["url"], headers=ticket["htsget"]["urls"][1]["headers"])
    with place.hub.database.read() as session:
        last = session.query(models.Event).order_by(models.Event.id.desc()).limit(2).all()
        assert [event.action for event in last] == ["slice", "ticket"]
        assert last[0].detail["regions"] == [["20", 10_001_000, 10_002_000]]
        assert [event.detail["reason"] for event in last] == ["permit", "permit"]
        assert last[0].actor.startswith("person:")
    assert place.hub.catalogue.verify().problems == ()


def test_service_info__says_what_is_given(sqlite_world):
    for datatype, formats in (("reads", ["BAM", "CRAM"]), ("variants", ["VCF", "BCF"])):
        info = sqlite_world.client().get(f"/htsget/{datatype}/service-info").json()
        assert info["type"] == {"group": "org.ga4gh", "artifact": "htsget", "version": "1.3.0"}
        assert info["htsget"]["formats"] == formats
        assert info["htsget"]["datatype"] == datatype


def test_cross_origin__as_the_standard_asks(place):
    client = place.client("researcher")
    asked = {"Origin": "https://igv.example", "Access-Control-Request-Headers": "authorization"}
    answer = client.options(f"{READS}/open-door", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://igv.example"
    assert answer.headers["access-control-allow-headers"] == "authorization"
    assert answer.headers["access-control-max-age"] == str(30 * 86400)
    answer = client.get(f"{READS}/open-door", headers={"Origin": "https://igv.example"})
    assert answer.headers["access-control-allow-origin"] == "https://igv.example"
