"""Cookies of a login: signed, unreadable for scripts, not sent with requests that other sites make."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from itsdangerous import BadData

from genomehub.errors import NotAllowedError
from genomehub.hub.access.people import digest_of
from genomehub.hub.service.context import Hub

#: Seconds that a login may take at the provider.
LOGIN_SECONDS = 600
#: Methods that change nothing.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _name(hub: Hub, cookie: str) -> str:
    """Return a cookie's name; with HTTPS its prefix lets browsers refuse one that another host has set."""
    return f"__Host-genomehub-{cookie}" if _is_https(hub) else f"genomehub-{cookie}"


def _is_https(hub: Hub) -> bool:
    return hub.settings.public_url.startswith("https://")


def put(hub: Hub, response: Response, cookie: str, value: object, seconds: int | None = None) -> None:
    """Set a cookie; without ``seconds`` it goes when the browser is closed."""
    response.set_cookie(
        _name(hub, cookie), str(hub.signer(cookie).dumps(value)), max_age=seconds, path="/",
        secure=_is_https(hub), httponly=True, samesite="lax",
    )  # fmt: skip


def drop(hub: Hub, response: Response, cookie: str) -> None:
    """Remove a cookie."""
    response.delete_cookie(_name(hub, cookie), path="/", secure=_is_https(hub), httponly=True, samesite="lax")


def read(hub: Hub, request: Request, cookie: str, seconds: int | None = None) -> Any:
    """Return what we put into a cookie; None if there is none, it is forged, or older than ``seconds``."""
    value = request.cookies.get(_name(hub, cookie))
    if value is None or len(value) > 4096:
        return None
    try:
        return hub.signer(cookie).loads(value, max_age=seconds)
    except BadData:
        return None


def csrf_token(hub: Hub, secret: str) -> str:
    """Return what scripts of our own pages send as ``X-CSRF-Token``: other sites cannot know it."""
    return str(hub.signer("csrf").dumps(digest_of(secret)))


def require_same_site(hub: Hub, request: Request) -> None:
    """Return unless a browser says that another site sent this: for logins, which come without our cookie.

    Raises
    ------
    NotAllowedError
    """
    if request.headers.get("origin") or request.headers.get("sec-fetch-site"):
        require_same_origin(hub, request, None)


def require_same_origin(hub: Hub, request: Request, secret: str | None) -> None:
    """Return if a request that changes something, and comes with our cookie, was made by our own pages.

    Browsers say where a request comes from (``Sec-Fetch-Site``, ``Origin``) and no page can change that; a
    program that sends neither must send the token of its session.

    Raises
    ------
    NotAllowedError
    """
    if request.method in SAFE:
        return
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is not None or site is not None:
        parts = urlsplit(hub.settings.public_url)
        same = origin in (None, f"{parts.scheme}://{parts.netloc}") and site in (None, "same-origin")
    else:
        token = request.headers.get("x-csrf-token", "")
        try:
            same = secret is not None and hub.signer("csrf").loads(token) == digest_of(secret)
        except BadData:
            same = False
    if not same:
        raise NotAllowedError(
            "this was not sent by a page of this hub. Send it from there, or with a token of your own."
        )
