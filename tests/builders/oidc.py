"""A real OpenID provider for tests (node-oidc-provider), and a browser's part in logging in there."""

import base64
import contextlib
import dataclasses
import hashlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

TESTS = Path(__file__).parents[1]


@dataclasses.dataclass
class OpenIdProvider:
    """A provider that runs; one client, "hub"."""

    issuer: str
    client_id: str = "hub"
    client_secret: str = "secret-of-the-hub"

    def rotate(self) -> None:
        """Give the provider new keys."""
        httpx.post(f"{self.issuer}/rotate").raise_for_status()

    def answer_to(self, url: str, person: str) -> dict[str, str]:
        """Follow a login to its end in a browser of one's own; return the query of the way back."""
        with httpx.Client() as browser:
            answer = browser.get(url)
            for _ in range(12):
                if answer.is_redirect:
                    there = urljoin(str(answer.url), answer.headers["location"])
                    if not there.startswith(self.issuer):
                        return {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
                    answer = browser.get(there)
                    continue
                form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
                assert answer.status_code == 200, answer.text
                assert form is not None, answer.text
                prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
                assert prompt is not None, answer.text
                fields = {"prompt": prompt[1], "login": person, "password": "any"}
                answer = browser.post(urljoin(str(answer.url), form[1]), data=fields)
        raise AssertionError("the login does not end")

    def tokens(self, person: str, redirect_uri: str, resource: str) -> dict[str, str]:
        """Log in as a program that wants an access token for a resource; return the provider's tokens."""
        verifier = "v" * 43
        digest = hashlib.sha256(verifier.encode()).digest()
        query = httpx.QueryParams(
            client_id=self.client_id, response_type="code", scope="openid", redirect_uri=redirect_uri,
            state="s", nonce="n", resource=resource, code_challenge_method="S256",
            code_challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        )  # fmt: skip
        code = self.answer_to(f"{self.issuer}/auth?{query}", person)["code"]
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
            "code_verifier": verifier, "resource": resource,
        }  # fmt: skip
        answer = httpx.post(f"{self.issuer}/token", data=form, auth=(self.client_id, self.client_secret))
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextlib.contextmanager
def provider(public_url: str) -> Iterator[OpenIdProvider]:
    """Run the provider for a hub at ``public_url`` on a free loopback port."""
    made = subprocess.run(
        ["make", "-s", "-C", str(TESTS), "oidc"], capture_output=True, text=True, timeout=300
    )
    if made.returncode:
        pytest.fail(f"the OpenID provider cannot be installed: {made.stderr}")
    modules = made.stdout.split()[-1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "node",
        str(TESTS / "oidc" / "provider.mjs"),
        str(port),
        f"{public_url}/auth/callback",
        public_url,
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "OIDC_MODULES": modules},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready", "the OpenID provider does not start"
        yield OpenIdProvider(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)
