"""Login by an OpenID Connect provider: authorization code with PKCE, and access tokens that are JWTs.

Cryptography is joserfc's, the rules for ID tokens are Authlib's. What a provider asserts becomes a person in
``logins``.
"""

import dataclasses
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError

from genomehub.errors import ConfigError, NotAuthenticatedError, ResourceError
from genomehub.hub.access.keys import Remote, peek, secure

#: Clocks of two machines may differ by this much.
LEEWAY_SECONDS = 60
_WELL_KNOWN = "/.well-known/openid-configuration"


@dataclasses.dataclass(frozen=True)
class Transaction:
    """A login that has begun: what the browser keeps, signed, until the provider sends it back."""

    state: str
    nonce: str
    verifier: str


@dataclasses.dataclass(frozen=True)
class Assertion:
    """What the provider says of somebody. ``email`` is None unless it says that it has verified it."""

    issuer: str
    subject: str
    name: str
    email: str | None
    visas: tuple[str, ...] = ()


class Provider:
    """An OpenID provider, as a client of it."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        *,
        scopes: str,
        redirect_uri: str,
        audience: str,
        remote: Remote,
        clock: Callable[[], datetime],
    ) -> None:
        self.issuer, self._client_id, self._client_secret = secure(issuer), client_id, client_secret
        self._scopes, self._redirect_uri, self._audience = scopes, redirect_uri, audience
        self._remote, self._clock = remote, clock

    def _configuration(self) -> dict[str, Any]:
        url = self.issuer.rstrip("/") + _WELL_KNOWN
        document = self._remote.document(url)
        if document.get("issuer") != self.issuer:
            raise ConfigError(
                f"{url}: says that its issuer is {document.get('issuer')!r}; oidc_issuer is {self.issuer!r}. "
                "Write it as the provider does."
            )
        return document

    def begin(self) -> tuple[str, Transaction]:
        """Return where to send the browser, and what it must bring back."""
        transaction = Transaction(*(secrets.token_urlsafe(32) for _ in range(3)))
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._scopes,
            "state": transaction.state,
            "nonce": transaction.nonce,
            "code_challenge": create_s256_code_challenge(transaction.verifier),
            "code_challenge_method": "S256",
        }
        endpoint = self._configuration()["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", transaction

    def finish(self, transaction: Transaction, state: str, code: str, issuer: str | None) -> Assertion:
        """Exchange the code and return what the provider asserts.

        Parameters
        ----------
        issuer : ``iss`` of the answer (RFC 9207), if it has one: an answer of another provider is refused

        Raises
        ------
        NotAuthenticatedError
            The answer is not to this login, or what it brought does not hold.
        """
        configuration = self._configuration()
        if not secrets.compare_digest(state.encode(), transaction.state.encode()):
            raise NotAuthenticatedError("the provider's answer is not to this login. Log in again.")
        if issuer is not None and issuer != self.issuer:
            raise NotAuthenticatedError("the answer is of another provider. Log in again.")
        tokens = self._exchange(configuration, transaction, code)
        claims = self.id_token_claims(tokens.get("id_token"), transaction.nonce, tokens.get("access_token"))
        missing = not {"name", "email", "ga4gh_passport_v1"} <= claims.keys()
        if missing and tokens.get("access_token") and "userinfo_endpoint" in configuration:
            url = configuration["userinfo_endpoint"]
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            more = self._remote.json(lambda: self._remote.client.get(url, headers=headers), url)
            if more.get("sub") != claims["sub"]:
                raise NotAuthenticatedError("the provider tells of another person than it logged in.")
            claims = {**more, **claims}
        return _assertion(claims)

    def logout_address(self) -> str | None:
        """Return where the provider ends its own login, if it offers that and answers."""
        try:
            address = self._configuration().get("end_session_endpoint")
        except ResourceError:
            return None
        return address if isinstance(address, str) else None

    def _exchange(self, configuration: dict[str, Any], transaction: Transaction, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": transaction.verifier,
        }
        auth: httpx.Auth = httpx.Auth()
        methods = configuration.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._client_secret is None or "client_secret_basic" not in methods:
            form["client_id"] = self._client_id
            if self._client_secret is not None:
                form["client_secret"] = self._client_secret
        else:
            auth = httpx.BasicAuth(self._client_id, self._client_secret)
        url = secure(configuration["token_endpoint"])
        try:
            answer = self._remote.client.post(url, data=form, auth=auth)
        except httpx.HTTPError as error:
            raise NotAuthenticatedError("the provider does not answer. Log in again.") from error
        if answer.status_code != 200:
            raise NotAuthenticatedError("the provider does not accept this login's code. Log in again.")
        return self._remote.json(lambda: answer, url)

    def id_token_claims(self, token: object, nonce: str, access_token: str | None) -> dict[str, Any]:
        """Return the claims of an ID token that is for us, of now and of this login.

        Raises
        ------
        NotAuthenticatedError
        """
        if not isinstance(token, str):
            raise NotAuthenticatedError("the provider sent no ID token. Log in again.")
        found = self._verified(token, self._client_id)
        rules = CodeIDToken(
            found.claims,
            found.header,
            {},
            {"nonce": nonce, "client_id": self._client_id, "access_token": access_token},
        )
        try:
            rules.validate(int(self._clock().timestamp()), LEEWAY_SECONDS)
            if found.claims.get("nonce") != nonce:
                raise NotAuthenticatedError("the provider's token is of another login. Log in again.")
        except JoseError as error:
            raise NotAuthenticatedError("the provider's token does not hold. Log in again.") from error
        return found.claims

    def access_token_identity(self, token: str) -> tuple[str, str]:
        """Return issuer and subject of an access token for this hub (RFC 9068).

        Raises
        ------
        NotAuthenticatedError
        """
        typ = str(peek(token)[0].get("typ", "")).lower().removeprefix("application/")
        if typ != "at+jwt" and (typ not in ("", "jwt") or self._audience == self._client_id):
            raise NotAuthenticatedError("the token is no access token.")
        claims = self._verified(token, self._audience).claims
        return claims["iss"], claims["sub"]

    def _verified(self, token: str, audience: str) -> jwt.Token:
        found = self._remote.verify(token, self._configuration()["jwks_uri"])
        check_claims(found.claims, self._clock(), issuer=self.issuer, audience=audience)
        return found


def check_claims(claims: dict[str, Any], now: datetime, *, issuer: str, audience: str | None) -> None:
    """Return if a token is of this issuer, for this audience (None: for any), and of now.

    Raises
    ------
    NotAuthenticatedError
        Which of these fails is not told: the caller knows its token.
    """
    options: dict[str, Any] = {
        "iss": {"essential": True, "value": issuer},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }
    if audience is not None:
        options["aud"] = {"essential": True, "value": audience}
    rules = jwt.JWTClaimsRegistry(int(now.timestamp()), LEEWAY_SECONDS, **options)
    try:
        rules.validate(claims)
    except JoseError as error:
        raise NotAuthenticatedError(
            "the token has expired, or is of another issuer or for another audience."
        ) from error


def _assertion(claims: dict[str, Any]) -> Assertion:
    email = claims.get("email")
    verified = claims.get("email_verified") in (True, "true")
    name = claims.get("name") or claims.get("preferred_username") or email or claims["sub"]
    visas = claims.get("ga4gh_passport_v1")
    return Assertion(
        issuer=claims["iss"],
        subject=claims["sub"],
        name=str(name)[:200],
        email=str(email)[:200] if email and verified else None,
        visas=tuple(visa for visa in visas if isinstance(visa, str)) if isinstance(visas, list) else (),
    )
