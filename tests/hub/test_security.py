"""What should not be possible: traces of hidden data sets, forged links, injection, inner details in errors.

Elsewhere: the access matrix (test_access_matrix.py), traversal by names (test_hub_files.py), tokens and
audiences (test_login.py, test_visas.py), bodies (test_limits.py), archives that grow (test_intake.py).
"""

import httpx
import pytest
from builders.uploads import begin
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import func, select

from genomehub.hub import models
from genomehub.hub.service.routes.htsget import _key

NOTHING = "00000000-0000-4000-8000-000000000000"


def entry(world, name):
    with world.hub.database.read() as session:
        of_dataset = models.Entry.dataset_id == world.dataset(session, name).id
        return session.scalars(select(models.Entry.digest).where(of_dataset)).one()


def same(first, second, *names):
    """Tell whether two answers differ in what was asked for only."""
    texts = [answer.text for answer in (first, second)]
    for name in names:
        texts = [text.replace(name, "X") for text in texts]
    kept = ("content-type", "cache-control", "vary", "www-authenticate")
    headers = [{name: answer.headers.get(name) for name in kept} for answer in (first, second)]
    return (first.status_code, texts[0], headers[0]) == (second.status_code, texts[1], headers[1])


@pytest.mark.parametrize("person", [None, "researcher", "auditor", "administrator"])
def test_hidden__is_answered_as_what_does_not_exist(sqlite_world, person):
    client = sqlite_world.client(person)
    hidden, digest, no_digest = sqlite_world.datasets["back-room"], entry(sqlite_world, "back-room"), "0" * 64
    for url in (
        "/api/datasets/{uuid}", "/api/datasets/{uuid}.ttl", "/api/datasets/{uuid}/versions",
        "/api/datasets/{uuid}/access", "/ga4gh/drs/v1/objects/{digest}", "/files/{digest}.1",
        "/ga4gh/drs/v1/objects/{digest}.1/access/https", "/htsget/reads/{uuid}", "/htsget/variants/{digest}",
    ):  # fmt: skip
        seen = client.get(url.format(uuid=hidden, digest=digest))
        unknown = client.get(url.format(uuid=NOTHING, digest=no_digest))
        assert seen.status_code == 404, url
        assert same(seen, unknown, hidden, NOTHING, digest, no_digest), url
        assert "back-room" not in seen.text


def test_hidden__an_upload_for_it_does_not_tell_its_name(sqlite_world):
    client = sqlite_world.client("researcher")
    answers = [
        begin(client, "a.bam", 5, dataset=one) for one in (sqlite_world.datasets["back-room"], NOTHING)
    ]
    assert same(*answers, sqlite_world.datasets["back-room"], NOTHING)
    assert "back-room" not in answers[0].text


@pytest.mark.parametrize("route", ["/files/{token}/x.bam", "/htsget/data/{key}/bam"])
def test_link__of_another_key_purpose_or_hub_is_refused(sqlite_world, route):
    sqlite_world.permit("researcher", "open-door")
    who = {"person": sqlite_world.people["holder"], "credential": None, "visas": [], "subject": ""}
    content = {"who": who, "until": 1 << 40, "object": f"{entry(sqlite_world, 'open-door')}.1"}
    content |= {"datatype": "reads", "regions": ["*"]}
    purpose = "file" if "files" in route else "htsget"
    other = URLSafeTimedSerializer("another secret of thirty-two characters", salt=f"genomehub.{purpose}")
    tokens = [
        other.dumps(content), sqlite_world.hub.signer("session").dumps(content),
        sqlite_world.hub.signer("file" if purpose == "htsget" else "htsget").dumps(content),
        sqlite_world.hub.signer(purpose).dumps(content | {"until": 1}), "", ".", "a.b.c", "." * 3000,
    ]  # fmt: skip
    client = sqlite_world.client()

    for token in filter(None, tokens):
        url = route.format(token=token.replace(".", "%2E"), key=_key(token))
        answer = client.get(url, headers={"Authorization": f"Bearer {token}"} if "htsget" in route else {})
        assert answer.status_code in (401, 404), (token[:40], answer.text)
        assert "ACGT" not in answer.text
    good = sqlite_world.hub.signer(purpose).dumps(content)
    headers = {"Authorization": f"Bearer {good}"} if purpose == "htsget" else {}
    assert client.get(route.format(token=good, key=_key(good)), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE dataset; --", '" OR 1=1 --', "a' UNION SELECT digest FROM api_token --",
        "title:secret", "NEAR(a b)", "a AND NOT b", "back*", "^room", "-room", "(", '"', "\\", "%", "_",
        "back & room", "room:*", "<script>alert(1)</script>", "\u202e", "a" * 300,
    ],
)  # fmt: skip
def test_search__takes_no_orders(world, text):
    for query in ({"q": text}, {"keyword": text}, {"assay": text}, {"holder": text}):
        answer = world.client().get("/api/search", params=query)
        assert answer.status_code in (200, 400, 422), answer.text
        assert "back-room" not in answer.text
        assert "api_token" not in answer.text.replace(text, "")
    with world.hub.database.read() as session:
        assert session.scalar(select(func.count()).select_from(models.Dataset)) == 2


def test_errors__tell_nothing_of_the_inside(sqlite_world, monkeypatch):
    """An error that nobody foresaw, in the middle of giving out data, tells its number and no more."""
    secret = f"postgresql://hub:hush@db/{sqlite_world.folder}"

    def broken(hub):
        raise RuntimeError(secret)

    for module in ("files", "htsget"):
        monkeypatch.setattr(f"genomehub.hub.service.routes.{module}.opener", broken)
    headers = {"Authorization": f"Bearer {sqlite_world.tokens['holder']}"}
    digest = entry(sqlite_world, "open-door")
    with sqlite_world.serve() as address:
        for url in (f"/files/{digest}.1", f"/htsget/reads/{digest}"):
            answer = httpx.get(address + url, headers=headers)
            assert answer.status_code == 500
            for inner in ("hush", str(sqlite_world.folder), "Traceback", "RuntimeError", ".py"):
                assert inner not in answer.text + str(answer.headers)
