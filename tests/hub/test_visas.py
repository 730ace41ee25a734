"""GA4GH passports: what is accepted of others, what is made of permits."""

import dataclasses
import json
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from genomehub.errors import ConfigError, NotAuthenticatedError
from genomehub.hub.access.keys import Remote, new_key, open_keys, peek
from genomehub.hub.access.visas import PASSPORT_TYPE, VISA_TYPE, Clearinghouse, TrustedIssuer, _fits

BROKER, OTHER = "https://broker.example", "https://visas.example"
SOURCE = "https://dac.example"


class Elsewhere:
    """Two issuers of visas: a broker, and one that is no broker."""

    def __init__(self, world):
        self.keys = {issuer: ECKey.generate_key("P-256", {"kid": issuer}) for issuer in (BROKER, OTHER)}
        self.now = int(world.clock().timestamp())
        issuers = [
            TrustedIssuer(issuer=BROKER, jwks_uri=f"{BROKER}/jwks", sources={SOURCE}, broker=True),
            TrustedIssuer(issuer=OTHER, jwks_uri=f"{OTHER}/jwks", sources={SOURCE}, by={"dac", "so"}),
        ]
        self.settings = world.hub.settings.model_copy(update={"visa_issuers": issuers})
        self.remote = Remote(httpx.Client(transport=httpx.MockTransport(self.answer)))
        self.clearinghouse = Clearinghouse(issuers, "http://hub.test", self.remote, world.clock)
        self.dataset = world.datasets["open-door"]

    def answer(self, request):
        key = self.keys[f"https://{request.url.host}"]
        return httpx.Response(200, json={"keys": [key.as_dict(private=False)]})

    def visa(self, issuer=BROKER, sub="ada", key=None, header=None, exp=600, **changes):
        claims = {
            "type": "ControlledAccessGrants", "asserted": self.now, "source": SOURCE, "by": "dac",
            "value": f"http://hub.test/datasets/{self.dataset}",
        } | changes  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        token = {"iss": issuer, "sub": sub, "iat": self.now, "exp": self.now + exp, "ga4gh_visa_v1": claims}
        return self.signed(token, issuer, key, {"typ": VISA_TYPE} | (header or {}))

    def passport(self, *visas, sub="ada", exp=600, key=None, typ=PASSPORT_TYPE, issuer=BROKER):
        token = {
            "iss": issuer, "sub": sub, "iat": self.now, "exp": self.now + exp,
            "ga4gh_passport_v1": list(visas),
        }  # fmt: skip
        return self.signed(token, issuer, key, {"typ": typ})

    def signed(self, claims, issuer, key, header):
        signer = key or self.keys.get(issuer) or ECKey.generate_key("P-256", {"kid": issuer})
        return jwt.encode({"alg": "ES256", "kid": issuer, **header}, claims, signer)

    def grants(self, *visas):
        return {visa.dataset_uuid for visa in self.clearinghouse.grants(visas)}


@pytest.fixture
def elsewhere(sqlite_world):
    return Elsewhere(sqlite_world)


def test_visa__grants_until_it_ends(elsewhere):
    (grant,) = elsewhere.clearinghouse.grants([elsewhere.visa()])
    assert (grant.issuer, grant.dataset_uuid) == (BROKER, elsewhere.dataset)
    assert grant.until == datetime.fromtimestamp(elsewhere.now + 600, UTC)
    assert elsewhere.grants(elsewhere.visa(OTHER, by="so"))


def test_visa__what_does_not_hold_is_ignored(elsewhere):
    stranger = ECKey.generate_key("P-256", {"kid": BROKER})
    ignored = {
        "another key": elsewhere.visa(key=stranger),
        "its own key's address": elsewhere.visa(header={"jku": "https://evil.example/jwks"}),
        "issuer not trusted": elsewhere.visa("https://evil.example"),
        "expired": elsewhere.visa(exp=-120),
        "other type": elsewhere.visa(type="ResearcherStatus"),
        "other source": elsewhere.visa(source="https://evil.example"),
        "other authority": elsewhere.visa(by="self"),
        "no authority": elsewhere.visa(by=None),
        "other hub": elsewhere.visa(value=f"https://other.example/datasets/{elsewhere.dataset}"),
        "asserted in the future": elsewhere.visa(asserted=elsewhere.now + 3600),
        "no assertion": elsewhere.visa(asserted=None),
        "no visa": "a.b.c",
        "no text": 1,
        "condition not met": elsewhere.visa(conditions=[[{"type": "ResearcherStatus", "by": "const:so"}]]),
        "condition unreadable": elsewhere.visa(conditions="x"),
        "condition empty": elsewhere.visa(conditions=[[]]),
    }
    assert {name for name, visa in ignored.items() if elsewhere.grants(visa)} == set()
    assert elsewhere.grants(*ignored.values(), elsewhere.visa()) == {elsewhere.dataset}


def faculty(elsewhere, **changes):
    return elsewhere.visa(type="AffiliationAndRole", value="faculty@uni.example", by="so", **changes)


@pytest.mark.parametrize(
    ("clauses", "met"),
    [
        ([[{"type": "AffiliationAndRole", "value": "const:faculty@uni.example"}]], True),
        ([[{"type": "AffiliationAndRole", "value": "pattern:faculty@*.exam?le", "by": "const:so"}]], True),
        ([[{"type": "AffiliationAndRole", "value": "pattern:faculty@*.org"}]], False),
        ([[{"type": "AffiliationAndRole", "value": "pattern:faculty"}]], False),
        ([[{"type": "AffiliationAndRole", "value": "split_pattern:faculty@*"}]], True),
        ([[{"type": "AffiliationAndRole", "value": "regex:.*"}]], False),
        ([[{"type": "AffiliationAndRole"}]], False),
        ([[{"value": "const:faculty@uni.example"}]], False),
        ([[{"type": "AffiliationAndRole", "asserted": "pattern:*"}]], False),
        ([[{"type": "AffiliationAndRole", "by": "const:so"}, {"type": "X", "by": "const:so"}]], False),
        ([[{"type": "X", "by": "const:so"}], [{"type": "AffiliationAndRole", "by": "const:so"}]], True),
    ],
)
def test_conditions(elsewhere, clauses, met):
    grant = elsewhere.visa(conditions=clauses)
    assert bool(elsewhere.grants(grant, faculty(elsewhere))) is met


def test_conditions__are_met_by_visas_of_the_same_person_only(elsewhere):
    grant = elsewhere.visa(conditions=[[{"type": "AffiliationAndRole", "by": "const:so"}]])
    assert not elsewhere.grants(grant, faculty(elsewhere, sub="eve"))
    assert not elsewhere.grants(grant, faculty(elsewhere, conditions=[[{"type": "X", "by": "const:so"}]]))
    other = faculty(elsewhere, issuer=OTHER, sub="lovelace")
    assert not elsewhere.grants(grant, other)
    links = {"type": "LinkedIdentities", "by": "system"}
    linked = elsewhere.visa(value=f"lovelace,{quote(OTHER, safe='')}", **links)
    assert elsewhere.grants(grant, other, linked)
    eves = elsewhere.visa(sub="eve", value=f"lovelace,{quote(OTHER, safe='')}", **links)
    assert not elsewhere.grants(grant, other, eves)


def test_fits__takes_no_longer_for_odd_patterns():
    assert not _fits("*a" * 200 + "b", "a" * 2000)
    assert _fits("*a" * 200, "a" * 2000)


def test_passport__opens_files_over_http(sqlite_world, elsewhere):
    hub = dataclasses.replace(sqlite_world.hub, settings=elsewhere.settings)
    world = dataclasses.replace(sqlite_world, hub=hub)
    object.__setattr__(hub.desk, "clearinghouse", elsewhere.clearinghouse)
    where = f"/api/datasets/{elsewhere.dataset}/access"

    def ask(passport, path=where):
        return world.client().get(path, headers={"Authorization": f"Bearer {passport}"})

    passport = elsewhere.passport(elsewhere.visa(), "nonsense")
    assert ask(passport).json() | {"until": None} == {
        "see": True, "read": True, "reason": "visa", "permit": None, "until": None, "request": None,
    }  # fmt: skip
    hidden = world.datasets["back-room"]
    assert ask(passport, f"/api/datasets/{hidden}/access").status_code == 404
    grant = elsewhere.visa(value=f"http://hub.test/datasets/{hidden}")
    assert ask(elsewhere.passport(grant), f"/api/datasets/{hidden}/access").status_code == 200
    assert ask(passport, "/api/account").status_code == 401  # they are nobody's person here
    refused = {
        "no broker": elsewhere.passport(elsewhere.visa(), issuer=OTHER),
        "nobody we know": elsewhere.passport(elsewhere.visa(), issuer="https://evil.example"),
        "another key": elsewhere.passport(elsewhere.visa(), key=elsewhere.keys[OTHER]),
        "expired": elsewhere.passport(elsewhere.visa(), exp=-120),
        "a visa": elsewhere.visa(),
    }
    assert {name: ask(passport).status_code for name, passport in refused.items()} == dict.fromkeys(
        refused, 401
    )
    world.clock.turn(minutes=12)
    assert ask(passport).status_code == 401


def test_passport__ours_names_the_permits_and_opens_what_holds_now(sqlite_world):
    world = sqlite_world
    permit = world.permit("researcher", "back-room", ends=0.01)
    world.permit("researcher", "open-door", withdrawn=True)
    client = world.client("researcher")
    info = client.get("/auth/userinfo").json()
    (visa,) = info["ga4gh_passport_v1"]
    header, claims = peek(visa)
    assert header["jku"] == "http://hub.test/.well-known/jwks.json"
    assert (header["typ"], header["alg"]) == (VISA_TYPE, "ES256")
    assert claims["ga4gh_visa_v1"] == {
        "type": "ControlledAccessGrants", "by": "dac", "source": "https://example.org",
        "value": f"http://hub.test/datasets/{world.datasets['back-room']}",
        "asserted": int(world.clock().timestamp()),
    }  # fmt: skip
    assert claims["exp"] - claims["iat"] == 864  # the permit ends before the visa's hour
    configuration = world.client().get("/.well-known/openid-configuration").json()
    assert (configuration["issuer"], configuration["jwks_uri"]) == (claims["iss"], header["jku"])

    passport = client.get("/api/passport").json()["passport"]
    bearer = {"Authorization": f"Bearer {passport}"}
    access = f"/api/datasets/{world.datasets['back-room']}/access"
    assert world.client().get(access, headers=bearer).json()["permit"] == permit
    withdrawn = world.client("steward").post(f"/api/permits/{permit}/withdraw", json={"reason": "Enough"})
    assert withdrawn.status_code == 200
    assert world.client().get(access, headers=bearer).status_code == 404
    assert client.get("/auth/userinfo").json()["ga4gh_passport_v1"] == []


def test_passport__ours_is_accepted_by_another_hub(sqlite_world):
    """What we issue, our own clearinghouse at another place accepts, with our keys fetched over HTTP."""
    world = sqlite_world
    world.permit("researcher", "open-door")
    with world.serve() as address:
        client = httpx.Client(headers={"Authorization": f"Bearer {world.tokens['researcher']}"})
        passport = client.get(f"{address}/api/passport").json()["passport"]
        trusted = TrustedIssuer(
            issuer=address, jwks_uri=f"{address}/.well-known/jwks.json", sources={"https://example.org"},
            broker=True,
        )  # fmt: skip
        there = Clearinghouse([trusted], address, Remote(), world.clock)
        holder = there.read_passport(passport)
    assert {visa.dataset_uuid for visa in holder.visas} == {world.datasets["open-door"]}
    assert holder.issuer == address


def test_keys__kept_private_rotated_and_checked(tmp_path):
    file = tmp_path / "hub.keys"
    first = open_keys(file)
    assert file.stat().st_mode & 0o777 == 0o600
    token = first.sign({"sub": "x"}, "JWT")
    assert open_keys(file).verify(token)["sub"] == "x"
    assert all("d" not in key for key in first.public()["keys"])
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({"keys": [new_key(), *kept["keys"]]}))
    rotated = open_keys(file)
    assert rotated.verify(token)["sub"] == "x"  # the former key still verifies
    assert peek(rotated.sign({}, "JWT"))[0]["kid"] != peek(token)[0]["kid"]
    with pytest.raises(NotAuthenticatedError, match="not signed by this hub"):
        open_keys(tmp_path / "other").verify(token)
    file.write_text("{}")
    with pytest.raises(ConfigError, match="Remove it to get a new one"):
        open_keys(file)
    public = {"keys": [first.public()["keys"][0]]}
    file.write_text(json.dumps(public))
    with pytest.raises(ConfigError, match="private keys of curve P-256"):
        open_keys(file)
