"""Keys for signed tokens: our own, in a file beside the secret; those of others, fetched and kept a while."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from genomehub.errors import ConfigError, NotAuthenticatedError, ResourceError

#: Signatures that are accepted: none of them can be made with a public key.
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
#: Longest token that is looked at.
MAXIMAL_TOKEN = 120_000
#: Largest answer of a provider.
_MAXIMAL_ANSWER = 1_000_000
_KEEP_SECONDS, _AGAIN_SECONDS = 3600.0, 10.0
_REGISTRY = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)


class KeyRing:
    """Our own keys: the first signs, all are published: a former one still verifies what it signed."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def sign(self, claims: Mapping[str, Any], typ: str, **header: str) -> str:
        """Return a token."""
        key = self._keys.keys[0]
        return jwt.encode({"alg": "ES256", "typ": typ, "kid": key.kid, **header}, dict(claims), key)

    def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that we signed.

        Raises
        ------
        NotAuthenticatedError
        """
        try:
            return jwt.decode(token, self._keys, ["ES256"], _REGISTRY).claims
        except (JoseError, ValueError) as error:
            raise NotAuthenticatedError("the token is not signed by this hub.") from error

    def public(self) -> dict[str, Any]:
        """Return the public keys (a JWK set)."""
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": "ES256"} for key in self._keys]}


def open_keys(file: Path) -> KeyRing:
    """Return the keys of a file (a JWK set, private); it is made if there is none.

    Raises
    ------
    ConfigError
        What is there is no set of private keys for ES256.
    """
    try:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as made:
            json.dump({"keys": [new_key()]}, made)
    except FileExistsError:
        pass
    try:
        keys = KeySet.import_key_set(json.loads(file.read_text()))
        fit = bool(keys.keys) and all(
            isinstance(key, ECKey) and key.curve_name == "P-256" and key.is_private for key in keys
        )
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file}: holds no keys. Remove it to get a new one.") from error
    if not fit:
        raise ConfigError(
            f"{file}: private keys of curve P-256 are expected. Remove the file to get a new one."
        )
    for key in keys:
        key.ensure_kid()
    return KeyRing(keys)


def new_key() -> dict[str, Any]:
    """Return a new private key, to be put before the others in the file of keys."""
    key = ECKey.generate_key("P-256", private=True)
    key.ensure_kid()
    return {**key.as_dict(private=True)}


class Remote:
    """Documents of providers: their configuration and keys, fetched by HTTPS and kept for an hour."""

    def __init__(self, client: httpx.Client | None = None) -> None:
        self.client = client or httpx.Client(timeout=10, follow_redirects=False)
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def document(self, url: str, *, older: float = _KEEP_SECONDS) -> dict[str, Any]:
        """Return a JSON object, fetched again if what is kept is older than so many seconds.

        Raises
        ------
        ResourceError
            The provider does not answer as it should.
        """
        with self._lock:
            at, kept = self._kept.get(url, (float("-inf"), {}))
            if time.monotonic() - at < older:
                return kept
            document = self.json(lambda: self.client.get(url), url)
            self._kept[url] = (time.monotonic(), document)
            return document

    def json(self, ask: Callable[[], httpx.Response], url: str) -> dict[str, Any]:
        """Return the JSON object that a provider answers."""
        secure(url)
        try:
            answer = ask()
            answer.raise_for_status()
            document = answer.json() if len(answer.content) <= _MAXIMAL_ANSWER else None
        except (httpx.HTTPError, ValueError) as error:
            raise ResourceError(f"{url}: the login provider does not answer as it should.") from error
        if not isinstance(document, dict):
            raise ResourceError(f"{url}: the login provider answers no JSON object.")
        return document

    def verify(self, token: str, jwks_uri: str) -> jwt.Token:
        """Return a token whose signature is of one of the keys at ``jwks_uri``.

        A key that is not known yet is looked for once more: providers change theirs.

        Raises
        ------
        NotAuthenticatedError
            The signature is missing, forged, of another key or of an algorithm that is not accepted.
        """
        for older in (_KEEP_SECONDS, _AGAIN_SECONDS):
            try:
                keys = KeySet.import_key_set(_usable(self.document(jwks_uri, older=older)))
                return jwt.decode(token, keys, ALGORITHMS, _REGISTRY)
            except (JoseError, ValueError) as error:
                failure = error
        raise NotAuthenticatedError("the token's signature is not of its issuer's keys.") from failure


def _usable(document: dict[str, Any]) -> Any:
    """Return the set without keys for encryption and of kinds that we do not know."""
    keys = [
        key
        for key in document.get("keys", [])
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]
    return {"keys": keys}


def secure(url: str) -> str:
    """Return an address that is HTTPS, or of this machine.

    Raises
    ------
    ConfigError
    """
    parts = urlsplit(url)
    if parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    ):
        return url
    raise ConfigError(f"{url[:200]}: an https:// address is expected; others can be listened to and changed.")


def peek(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token that is NOT verified: only to choose whose keys to verify it with.

    Raises
    ------
    NotAuthenticatedError
    """
    if len(token) > MAXIMAL_TOKEN:
        raise NotAuthenticatedError(f"the token is longer than {MAXIMAL_TOKEN} characters.")
    try:
        found = jws.extract_compact(token.encode())
        claims = json.loads(found.payload)
    except (JoseError, ValueError, RecursionError) as error:
        raise NotAuthenticatedError("the token cannot be read.") from error
    if not isinstance(claims, dict):
        raise NotAuthenticatedError("the token cannot be read.")
    return found.headers(), claims
