"""Behind real reverse proxies with TLS, as docs/hub-operations.md has them configured."""

import dataclasses
import os
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from builders.hub import World
from builders.hub_server import serving
from builders.proxies import free_port, proxied
from builders.uploads import OCTETS, TUS, begin

from genomehub.hub import models

DRS = "/ga4gh/drs/v1"


@dataclasses.dataclass
class Place:
    """A hub behind a proxy.

    url : as the world knows it; client(person, address) : asks the proxy, from an address of this machine
    """

    world: World
    kind: str
    url: str
    authority: Path
    client: Callable[..., httpx.Client]


@pytest.fixture(params=["nginx", "caddy"])
def place(request, sqlite_world, tmp_path):
    sqlite_world.permit("researcher", "open-door")
    port = free_port()
    url = f"https://localhost:{port}"
    settings = {"public_url": url, "upload_folder": tmp_path / "arriving"}
    with (
        serving(sqlite_world.hub, **settings) as hub,
        proxied(request.param, tmp_path / "proxy", port, hub) as authority,
    ):
        trusted = ssl.create_default_context(cafile=str(authority))

        def client(person: str | None = None, address: str = "127.0.0.1", **headers: str) -> httpx.Client:
            if person is not None:
                headers["Authorization"] = f"Bearer {sqlite_world.tokens[person]}"
            transport = httpx.HTTPTransport(verify=trusted, local_address=address)
            return httpx.Client(transport=transport, base_url=url, headers=headers, timeout=60)

        yield Place(sqlite_world, request.param, url, authority, client)


def version(world: World) -> str:
    with world.hub.database.read() as session:
        dataset = world.dataset(session, "open-door")
        return session.query(models.Entry).filter_by(dataset_id=dataset.id).one().digest


def refused_from(world: World) -> str:
    """Return the address that the last refused access was noted of."""
    with world.hub.database.read() as session:
        refusals = session.query(models.Event).filter_by(action="access-refused")
        return refusals.order_by(models.Event.id.desc()).first().detail["address"]


def test_links__are_of_the_public_address_and_hold(place):
    id = f"{version(place.world)}.1"
    with place.client("researcher") as client:
        link = client.get(f"{DRS}/objects/{id}/access/https").json()["url"]
        assert link.startswith(f"{place.url}/files/")
        content = (place.world.folder / "open-door" / "open-door.bam").read_bytes()
        got = client.get(f"/files/{id}", headers={"Range": "bytes=1000-", "Accept-Encoding": "gzip"})
        assert (got.status_code, got.content) == (206, content[1000:])
        assert "content-encoding" not in got.headers
    with place.client() as visitor:
        assert visitor.get(link).content == content
        page = visitor.get("/")
        assert (page.status_code, page.headers["strict-transport-security"]) == (200, "max-age=31536000")
        assert visitor.get("/openapi.json").json()["servers"] == [{"url": place.url}]
        assert visitor.get("/metrics").status_code == 404
        assert visitor.get("/health").status_code == 200


def test_login__by_the_form_of_its_own_pages(place):
    form = {"token": place.world.tokens["researcher"]}
    with place.client(Origin=place.url) as client:
        answer = client.post("/auth/token", data=form)
        assert answer.status_code == 303, answer.text
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert client.get("/api/account").json()["name"] == "Researcher"
    with place.client(Origin="https://evil.example") as other:
        assert other.post("/auth/token", data=form).status_code == 403


def test_forwarded__is_what_the_proxy_says_not_the_client(place):
    hidden = {"X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7", "Forwarded": "for=203.0.113.7"}
    for address in ("127.0.0.1", "127.0.0.2"):
        with place.client("researcher", address, **hidden) as client:
            assert client.get(f"/api/datasets/{place.world.datasets['back-room']}").status_code == 404
        assert refused_from(place.world) == address


def test_forwarded__is_believed_from_proxies_only(sqlite_world):
    asked = f"/api/datasets/{sqlite_world.datasets['back-room']}"
    told = {"X-Forwarded-For": "203.0.113.7"}
    for proxies, seen in ((["127.0.0.0/8"], "203.0.113.7"), (["192.0.2.1"], "127.0.0.1"), ([], "127.0.0.1")):
        with serving(sqlite_world.hub, proxies=proxies) as address:
            assert httpx.get(f"{address}{asked}", headers=told).status_code == 404
        assert refused_from(sqlite_world) == seen


def test_upload__of_a_large_part_goes_through_while_it_comes(place):
    """40 MiB in one PATCH, more than other bodies may be; it is not kept back by the proxy."""
    size, step = 40 << 20, 8 << 20
    data = os.urandom(step)
    with place.client("holder") as client, place.client("holder") as other:
        url = begin(client, "large.bin", size, kind="raw").headers["location"]
        assert url.startswith(place.url) or url.startswith("/")
        offsets = []

        def body():
            for number in range(size // step):
                if number == 1:  # the proxy must not keep it back
                    for _ in range(100):
                        offsets.append(int(other.head(url, headers=TUS).headers["upload-offset"]))
                        if offsets[-1] > 0:
                            break
                        time.sleep(0.1)
                yield data

        headers = {**OCTETS, "Upload-Offset": "0", "Content-Length": str(size)}
        answer = client.patch(url, headers=headers, content=body())
        assert (answer.status_code, answer.headers.get("upload-offset")) == (204, str(size)), answer.text
        assert 0 < offsets[-1] <= step
        too_large = client.post("/api/studies", content=b" " * (17 << 20))
        assert too_large.status_code == 413


def test_htsget__by_samtools_over_tls(place):
    environment = os.environ | {
        "HTS_AUTH_LOCATION": str(place.world.folder / "token"), "CURL_CA_BUNDLE": str(place.authority),
    }  # fmt: skip
    (place.world.folder / "token").write_text(place.world.tokens["researcher"])

    def lines(*command: str) -> list[str]:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    local = str(place.world.folder / "open-door" / "open-door.bam")
    asked = "referenceName=20&start=10001000&end=10060000"
    far = lines("samtools", "view", f"{place.url}/htsget/reads/open-door?{asked}")
    assert far == lines("samtools", "view", local, "20:10001001-10060000")
    assert len(far) > 2000
    whole = lines("samtools", "view", f"{place.url}/htsget/reads/open-door")
    assert len(whole) == 4000


def test_headers__as_large_as_the_hub_takes_them(place):
    """Passports are long; the hub answers itself, up to its own limit."""
    with place.client() as client:
        long = client.get("/api/account", headers={"Authorization": f"Bearer {'x' * 20_000}"})
        assert long.status_code == 401
        assert long.headers["content-type"] == "application/problem+json"
        assert client.get("/api/account", headers={"X-Long": "x" * 60_000}).status_code in (400, 431)
