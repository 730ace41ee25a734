"""Login with a real OpenID provider; sessions, cookies, requests of other sites; forged tokens refused."""

import base64
import dataclasses
import json
import sqlite3
import time
from datetime import UTC, datetime

import httpx
import pytest
from builders.hub import Clock
from builders.oidc import provider as running_provider
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from pydantic import SecretStr
from sqlalchemy import select

from genomehub.errors import ConfigError, NotAuthenticatedError, ResourceError, TooOftenError
from genomehub.hub import models
from genomehub.hub.access.keys import Remote, peek, secure
from genomehub.hub.access.limits import Limit, OwnCounts, SharedCounts
from genomehub.hub.access.people import add_person
from genomehub.hub.service.routes.login import local

PUBLIC = "http://hub.test"


@pytest.fixture(scope="module")
def provider():
    with running_provider(PUBLIC) as running:
        yield running


@pytest.fixture
def world(sqlite_world, provider):
    """A hub that logs in with the provider, at the time of now."""
    sqlite_world.clock.now = datetime.now(UTC)
    changes = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": provider.client_id,
        "oidc_client_secret": SecretStr(provider.client_secret),
    }
    return with_settings(sqlite_world, **changes)


def with_settings(world, **changes):
    hub = dataclasses.replace(world.hub, settings=world.hub.settings.model_copy(update=changes))
    return dataclasses.replace(world, hub=hub)


def log_in(world, provider, person="ada", to="/api/account", client=None):
    client = client or world.client()
    client.follow_redirects = False
    begun = client.get("/auth/login", params={"to": to})
    assert begun.status_code == 303, begun.text
    answer = provider.answer_to(begun.headers["location"], person)
    return client, client.get("/auth/callback", params=answer)


def events(world, action):
    with world.hub.database.read() as session:
        found = session.scalars(select(models.Event).where(models.Event.action == action))
        return [(event.actor, event.detail) for event in found]


# ------------------------------------------------------------------------------------- the whole way


def test_login__new_person_may_ask_for_data_and_is_known_again(world, provider):
    client, answer = log_in(world, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/api/account")
    account = client.get("/api/account").json()
    assert (account["name"], account["email"], account["means"]) == ("Ada", "ada@hub.test", "session")
    assert account["roles"] == [{"role": "researcher", "project": None}]
    again, _ = log_in(world, provider)
    assert again.get("/api/account").json()["uuid"] == account["uuid"]
    assert [detail["how"] for _, detail in events(world, "login")] == ["new", "known"]


def test_login__cookie_is_hidden_from_scripts_and_other_sites(world, provider):
    secured = with_settings(world, public_url="https://hub.test")
    for each, name, secure_flag in (
        (world, "genomehub-login", False),
        (secured, "__Host-genomehub-login", True),
    ):
        client = each.client()
        client.follow_redirects = False
        cookie = client.get("/auth/login").headers["set-cookie"]
        assert cookie.startswith(f"{name}=")
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert ("Secure" in cookie) is secure_flag
    client, answer = log_in(world, provider)
    kept = [cookie for cookie in answer.headers.get_list("set-cookie") if "genomehub-session" in cookie]
    assert "HttpOnly" in kept[0]
    assert "Max-Age" not in kept[0]


def test_login__person_entered_by_staff_is_linked_by_verified_address(world, provider):
    world = with_settings(world, oidc_everybody=False)
    with world.hub.database.write() as session:
        for name in ("carol", "unverified"):
            add_person(session, name, f"{name.title()}@hub.test", world.clock())
    client, _ = log_in(world, provider, "carol")
    assert client.get("/api/account").json()["name"] == "carol"
    for stranger in ("unverified", "eve"):
        _, answer = log_in(world, provider, stranger)
        assert answer.status_code == 403
        assert "verified e-mail" in answer.json()["detail"]
    assert len(events(world, "login-refused")) == 2


def test_login__address_of_another_login_is_not_taken_over(world, provider):
    log_in(world, provider, "ada")
    with world.hub.database.write() as session:
        session.scalars(select(models.Identity)).one().subject = "an older login of the same address"
    _, answer = log_in(world, provider, "ada")
    assert answer.status_code == 403
    assert "belongs to another login" in answer.json()["detail"]


def test_login__provider_changes_its_keys(world, provider):
    remote = world.hub.desk.provider._remote
    log_in(world, provider)
    provider.rotate()
    remote._kept = {url: (at - 11, kept) for url, (at, kept) in remote._kept.items()}  # 11 s later
    client, answer = log_in(world, provider)
    assert answer.status_code == 303
    assert client.get("/api/account").status_code == 200


# ---------------------------------------------------------------------------------- attacks on the way


def test_callback__answer_to_another_login_is_refused(world, provider):
    client = world.client()
    client.follow_redirects = False
    mine = client.get("/auth/login").headers["location"]
    other = world.client()
    other.follow_redirects = False
    theirs = provider.answer_to(other.get("/auth/login").headers["location"], "mallory")
    refused = client.get("/auth/callback", params=theirs)
    assert refused.status_code == 401
    assert "not to this login" in refused.json()["detail"]
    without = world.client().get("/auth/callback", params=theirs)
    assert "not begun in this browser" in without.json()["detail"]
    answer = provider.answer_to(mine, "ada")
    assert client.get("/auth/callback", params=answer | {"iss": "https://evil.example"}).status_code == 401
    assert client.get("/auth/callback", params=answer | {"error": "access_denied"}).status_code == 401
    assert client.get("/api/account").status_code == 401


def test_callback__code_is_worth_nothing_twice_nor_without_verifier(world, provider):
    client, _ = log_in(world, provider)
    begun = client.get("/auth/login")
    answer = provider.answer_to(begun.headers["location"], "ada")
    kept = dict(client.cookies)
    assert client.get("/auth/callback", params=answer).status_code == 303
    client.cookies.update(kept)
    assert client.get("/auth/callback", params=answer).status_code == 401
    hub = world.hub
    url, transaction = hub.desk.provider.begin()
    code = provider.answer_to(url, "ada")["code"]
    stolen = dataclasses.replace(transaction, verifier="x" * 43)
    with pytest.raises(NotAuthenticatedError, match="does not accept this login's code"):
        hub.desk.provider.finish(stolen, transaction.state, code, None)


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "x", "/a\nb"])
def test_login__leads_to_no_other_site(to):
    assert local(to) == "/"


def test_login__too_many_tries_of_one_address(world):
    client = world.client()
    client.follow_redirects = False
    answers = [client.get("/auth/login").status_code for _ in range(31)]
    assert answers == [303] * 30 + [429]
    world.clock.turn(minutes=3)
    assert client.get("/auth/login").status_code == 303


# ------------------------------------------------------------------------------------------- sessions


def session_of(world, person="researcher"):
    """Log in with a token, as hubs without a provider do."""
    client = world.client()
    client.follow_redirects = False
    answer = client.post("/auth/token", data={"token": world.tokens[person], "to": "/x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/x")
    return client


def test_session__ends_at_once(sqlite_world):
    client = session_of(sqlite_world)
    cookies = dict(client.cookies)
    assert client.get("/api/account").status_code == 200
    token = client.get("/api/account").json()["csrf_token"]
    assert client.post("/auth/logout", headers={"X-CSRF-Token": token}).status_code == 200
    assert client.get("/api/account").status_code == 401
    client.cookies.update(cookies)
    assert client.get("/api/account").status_code == 401  # the cookie was kept, and is worth nothing


def test_session__ends_unused_and_after_its_hours(sqlite_world):
    world = with_settings(sqlite_world, session_hours=2, session_idle_minutes=60)
    client = session_of(world)
    for _ in range(3):
        world.clock.turn(minutes=30)
        assert client.get("/api/account").status_code == 200
    world.clock.turn(minutes=31)
    assert client.get("/api/account").status_code == 401  # two hours are over
    client = session_of(world)
    world.clock.turn(minutes=61)
    assert client.get("/api/account").status_code == 401  # unused


def test_session__ends_with_its_token_its_person_and_everywhere(sqlite_world):
    world, administrator = sqlite_world, sqlite_world.client("administrator")
    client = session_of(world)
    me = client.get("/api/account").json()["uuid"]
    assert administrator.post(f"/api/people/{me}/disable").status_code == 200
    assert client.get("/api/account").status_code == 401
    assert world.client("researcher").get("/api/account").status_code == 401
    assert administrator.post(f"/api/people/{me}/enable").status_code == 200
    client, other = session_of(world), session_of(world)
    assert world.client("researcher").delete("/api/account/sessions").json() == {"n_sessions": 2}
    assert {each.get("/api/account").status_code for each in (client, other)} == {401}
    client = session_of(world)
    number = client.get("/api/account/tokens").json()[0]["id"]
    assert world.client("researcher").delete(f"/api/account/tokens/{number}").status_code == 204
    assert client.get("/api/account").status_code == 401


def test_session__forged_cookie_is_nobody(sqlite_world):
    client = sqlite_world.client()
    secret = session_of(sqlite_world).cookies["genomehub-session"]
    for cookie in (secret[:-2] + "xx", sqlite_world.hub.signer("link").dumps("x"), "x", "", "x" * 5000):
        assert (
            client.get("/api/account", headers={"Cookie": f"genomehub-session={cookie}"}).status_code == 401
        )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"X-CSRF-Token": "x"}, 403),
        ({"Origin": "https://evil.example", "X-CSRF-Token": "{token}"}, 403),
        ({"X-CSRF-Token": "{token}"}, 201),
        ({"Origin": PUBLIC}, 201),
        ({"Origin": PUBLIC, "Sec-Fetch-Site": "same-origin"}, 201),
    ],
)
def test_session__other_sites_change_nothing(sqlite_world, headers, status):
    client = session_of(sqlite_world)
    token = client.get("/api/account").json()["csrf_token"]
    headers = {name: value.replace("{token}", token) for name, value in headers.items()}
    answer = client.post("/api/studies", json={"title": "Mine"}, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert "not sent by a page of this hub" in answer.json()["detail"]


def test_session__csrf_token_of_another_login_is_not_enough(sqlite_world):
    client, other = session_of(sqlite_world), session_of(sqlite_world, "colleague")
    token = other.get("/api/account").json()["csrf_token"]
    answer = client.post("/api/studies", json={"title": "Mine"}, headers={"X-CSRF-Token": token})
    assert answer.status_code == 403


def test_token_login__other_sites_cannot_log_one_in(sqlite_world):
    form = {"token": sqlite_world.tokens["researcher"]}
    answer = sqlite_world.client().post("/auth/token", data=form, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_wrong_credentials__too_many_of_one_address(sqlite_world):
    client = sqlite_world.client()
    wrong = {"Authorization": "Bearer ghub_wrong"}
    assert [client.get("/api/account", headers=wrong).status_code for _ in range(21)] == [401] * 20 + [429]
    right = {"Authorization": f"Bearer {sqlite_world.tokens['researcher']}"}
    assert client.get("/api/account", headers=right).status_code == 429
    answer = client.post("/auth/token", data={"token": "ghub_wrong"})
    assert answer.status_code == 429
    assert "Try again in" in answer.json()["detail"]
    sqlite_world.clock.turn(minutes=2)
    assert client.get("/api/account", headers=right).status_code == 200


@pytest.mark.parametrize("shared", [False, True])
def test_limit__slides_and_is_one_for_all_who_share_it(tmp_path, shared):
    clock = Clock()
    if shared:
        SharedCounts.make(tmp_path / "tries.sqlite")
        counts = [SharedCounts(tmp_path / "tries.sqlite", "logins") for _ in range(2)]
        other = Limit(4, 60, clock, SharedCounts(tmp_path / "tries.sqlite", "another limit"))
    else:
        counts, other = [OwnCounts()] * 2, Limit(4, 60, clock)
    first, second = (Limit(4, 60, clock, one) for one in counts)
    assert [first.count("a"), second.count("a"), first.count("a"), second.count("a")] == [True] * 4
    assert (first.count("a"), first.count("b"), other.count("a")) == (False, True, True)
    with pytest.raises(TooOftenError, match=r"too many logins from a\. Try again in 61 seconds"):
        second.check("a", "logins")
    clock.turn(seconds=75)  # three quarters of the former five still count
    second.check("a", "logins")
    assert [second.count("a"), first.count("a")] == [True, False]
    clock.turn(minutes=5)
    assert first.count("a")
    if shared:
        with sqlite3.connect(tmp_path / "tries.sqlite") as kept:
            assert kept.execute("SELECT count(*) FROM tries WHERE name = 'logins'").fetchone() == (1,)


def test_limit__that_cannot_be_counted_lets_nobody_try(tmp_path):
    SharedCounts.make(tmp_path / "tries.sqlite")
    limit = Limit(4, 60, Clock(), SharedCounts(tmp_path / "tries.sqlite", "logins"))
    with sqlite3.connect(tmp_path / "tries.sqlite") as kept:
        kept.execute("DROP TABLE tries")
    with pytest.raises(ResourceError, match=r"tries cannot be counted \(no such table: tries\)"):
        limit.check("a", "logins")


# ------------------------------------------------------------------------------- tokens of the provider


def test_access_token__of_somebody_known(world, provider):
    bearer = {
        "Authorization": f"Bearer {provider.tokens('ada', f'{PUBLIC}/auth/callback', PUBLIC)['access_token']}"
    }
    refused = world.client().get("/api/account", headers=bearer)
    assert (refused.status_code, "Log in once" in refused.json()["detail"]) == (401, True)
    log_in(world, provider)
    account = world.client().get("/api/account", headers=bearer).json()
    assert (account["name"], account["means"]) == ("Ada", "oidc")
    world.clock.turn(hours=2)
    assert world.client().get("/api/account", headers=bearer).status_code == 401


def test_id_token__is_no_access_token(world, provider):
    log_in(world, provider)
    tokens = provider.tokens("ada", f"{PUBLIC}/auth/callback", PUBLIC)
    bearer = {"Authorization": f"Bearer {tokens['id_token']}"}
    assert world.client().get("/api/account", headers=bearer).status_code == 401


class Forger:
    """An issuer of our own, whose keys the hub fetches: right tokens, and wrong ones."""

    def __init__(self, world):
        self.key = RSAKey.generate_key(2048, {"kid": "right"})
        self.other = RSAKey.generate_key(2048, {"kid": "right"})
        self.curve = ECKey.generate_key("P-256", {"kid": "curve"})
        self.issuer = "https://issuer.example"
        self.provider = world.hub.desk.provider
        self.provider.issuer = self.issuer
        self.keys = [self.key, self.curve]
        self.provider._remote = Remote(httpx.Client(transport=httpx.MockTransport(self.answer)))
        self.now = int(world.clock().timestamp())

    def answer(self, request):
        if request.url.path == "/keys":
            return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})
        return httpx.Response(200, json={"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"})

    def claims(self, **changes):
        right = {
            "iss": self.issuer, "aud": "hub", "sub": "ada", "iat": self.now, "exp": self.now + 300,
            "nonce": "n",
        }  # fmt: skip
        return {name: value for name, value in (right | changes).items() if value is not None}

    def token(self, key=None, alg="RS256", **changes):
        key = key or self.key
        return jwt.encode({"alg": alg, "kid": key.kid}, self.claims(**changes), key, [alg])


def test_id_token__forged_ones_are_refused(world):
    forger = Forger(world)

    def check(token, nonce="n"):
        return forger.provider.id_token_claims(token, nonce, None)

    assert check(forger.token())["sub"] == "ada"
    assert check(forger.token(forger.curve, "ES256"))["sub"] == "ada"
    assert check(forger.token(aud=["hub", "other"], azp="hub"))["sub"] == "ada"
    assert check(forger.token(exp=forger.now - 30))["sub"] == "ada"  # clocks may differ by a minute
    public = base64.b64encode(json.dumps(forger.key.as_dict(private=False)).encode())
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    payload = base64.urlsafe_b64encode(json.dumps(forger.claims()).encode()).rstrip(b"=").decode()
    body, signature = forger.token().rsplit(".", 1)
    refused = {
        "none": f"{header}.{payload}.",
        "none with a signature": f"{header}.{payload}.{signature}",
        "public key as a secret": jwt.encode(
            {"alg": "HS256", "kid": "right"}, forger.claims(), OctKey.import_key(public), ["HS256"]
        ),
        "another key, same name": forger.token(forger.other),
        "another signature": f"{body}.{signature[:-6]}AAAAAA",
        "payload changed": f"{body.split('.')[0]}.{payload[:-4]}fQ.{signature}",
        "expired": forger.token(exp=forger.now - 120),
        "of the future": forger.token(iat=forger.now + 600),
        "not before": forger.token(nbf=forger.now + 600),
        "no end": forger.token(exp=None),
        "wrong audience": forger.token(aud="another"),
        "no audience": forger.token(aud=None),
        "wrong issuer": forger.token(iss="https://evil.example"),
        "another login": forger.token(nonce="other"),
        "no nonce": forger.token(nonce=None),
        "many audiences, no party": forger.token(aud=["hub", "other"]),
        "another party": forger.token(aud=["hub", "other"], azp="other"),
        "unknown key": forger.token(RSAKey.generate_key(2048, {"kid": "unknown"})),
        "no token": "a.b.c",
        "nothing": "",
        "not even text": None,
    }
    accepted = []
    for name, token in refused.items():
        try:
            check(token)
            accepted.append(name)
        except NotAuthenticatedError:
            pass
    assert accepted == []


def test_keys__rotated_ones_are_looked_for_at_most_each_ten_seconds(world):
    forger = Forger(world)
    asked = []
    remote = forger.provider._remote
    remote.client = httpx.Client(
        transport=httpx.MockTransport(
            lambda request: asked.append(request.url.path) or forger.answer(request)
        )
    )
    forger.provider.id_token_claims(forger.token(), "n", None)
    forger.keys = [RSAKey.generate_key(2048, {"kid": "new"})]
    new = forger.token(forger.keys[0])
    for _ in range(3):
        with pytest.raises(NotAuthenticatedError, match="not of its issuer's keys"):
            forger.provider.id_token_claims(new, "n", None)
    assert asked.count("/keys") == 1  # a flood of unknown keys asks the provider nothing
    remote._kept = {url: (time.monotonic() - 11, kept) for url, (_, kept) in remote._kept.items()}
    assert forger.provider.id_token_claims(new, "n", None)["sub"] == "ada"
    with pytest.raises(NotAuthenticatedError):
        forger.provider.id_token_claims(forger.token(), "n", None)  # the former key is gone


@pytest.mark.parametrize(
    "answer", [httpx.Response(500), httpx.Response(200, text="no JSON"), httpx.Response(302)]
)
def test_provider__that_does_not_answer_is_our_trouble(world, answer):
    world.hub.desk.provider._remote = Remote(httpx.Client(transport=httpx.MockTransport(lambda _: answer)))
    client = world.client()
    client.follow_redirects = False
    assert client.get("/auth/login").status_code == 503


def test_provider__of_another_name(world, provider):
    world.hub.desk.provider.issuer = provider.issuer + "/"
    with pytest.raises(ConfigError, match="says that its issuer is"):
        world.hub.desk.provider.begin()


def test_secure__only_this_machine_without_tls():
    assert secure("https://login.example")
    assert secure("http://127.0.0.1:3000")
    with pytest.raises(ConfigError, match="https:// address is expected"):
        secure("http://login.example")


def test_peek__long_and_odd_tokens():
    for token in ("x" * 200_000, "a.b.c", "..", "W10.W10.", "é.é.é"):
        with pytest.raises(NotAuthenticatedError):
            peek(token)


def test_remote__answers_are_bounded():
    big = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="[" * 2_000_000)))
    with pytest.raises(ResourceError, match="no JSON object"):
        Remote(big).document("https://issuer.example/keys")


def test_login__forged_state_is_refused(world, provider):
    client = world.client()
    client.follow_redirects = False
    answer = provider.answer_to(client.get("/auth/login").headers["location"], "ada")
    value = client.cookies["genomehub-login"]
    for forged in (value[:-3] + "abc", world.hub.signer("session").dumps({}), ""):
        headers = {"Cookie": f"genomehub-login={forged}"}
        refused = world.client().get("/auth/callback", params=answer, headers=headers)
        assert refused.status_code == 401
