"""What routes ask for in their signatures: the hub, who asks, and bounds of a page."""

import dataclasses
import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query, Request

from genomehub.errors import ConfigError, NotAllowedError, NotAuthenticatedError
from genomehub.hub.access import sessions
from genomehub.hub.access.keys import peek
from genomehub.hub.access.logins import person_of_identity
from genomehub.hub.access.people import TOKEN_PREFIX, find_person, principal_of_token
from genomehub.hub.access.people import principal_of as principal_of_person
from genomehub.hub.access.principals import ANONYMOUS, Principal, Role
from genomehub.hub.access.visas import PASSPORT_TYPE
from genomehub.hub.service import cookies
from genomehub.hub.service.context import Hub
from genomehub.hub.service.refusals import address_of


def hub_of(request: Request) -> Hub:
    """Return what the routes work with."""
    hub: Hub = request.app.state.hub
    return hub


def principal_of(request: Request) -> Principal:
    """Return who asks.

    ``Authorization: Bearer`` or ``X-API-Key`` with a token of ours, an access token of the login provider or
    a GA4GH passport; else the cookie of a login; else an anonymous visitor.
    """
    hub = hub_of(request)
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme and scheme.lower() != "bearer":
        raise NotAuthenticatedError("Authorization: 'Bearer TOKEN' is expected.")
    secret = secret.strip() or request.headers.get("x-api-key", "")
    if secret:
        return attempt(hub, request, lambda: principal_of_credential(hub, secret))
    return _principal_of_cookie(hub, request)


def attempt(hub: Hub, request: Request, read: Callable[[], Principal]) -> Principal:
    """Return who a credential is of; wrong ones are counted, and too many of one address refused unread."""
    address = address_of(request)
    hub.desk.wrong_credentials.check(address, "wrong credentials")
    try:
        return read()
    except NotAuthenticatedError:
        hub.desk.wrong_credentials.count(address)
        raise


def principal_of_credential(hub: Hub, secret: str) -> Principal:
    """Return whose token, access token or passport this is.

    Raises
    ------
    NotAuthenticatedError
    """
    if secret.startswith(TOKEN_PREFIX) or secret.count(".") != 2:
        with hub.database.read() as session:
            return principal_of_token(session, secret, hub.clock())
    typ = str(peek(secret)[0].get("typ", "")).lower().removeprefix("application/")
    if typ == PASSPORT_TYPE:
        return principal_of_passport(hub, secret)
    if hub.desk.provider is None:
        raise NotAuthenticatedError("this hub has no login provider whose tokens it could accept.")
    issuer, subject = hub.desk.provider.access_token_identity(secret)
    known = _principal_of_identity(hub, issuer, subject, "oidc")
    if known is None:
        raise NotAuthenticatedError("you are not known here yet. Log in once with a browser.")
    return known


def principal_of_passport(hub: Hub, passport: str) -> Principal:
    """Return whom a GA4GH passport is about, with what its visas grant.

    Of a passport of ours only the person counts: their permits are those of now. Of another broker's, the
    person is one of ours if they have logged in by it; else they are nobody here, but for the visas.
    """
    if peek(passport)[1].get("iss") == hub.desk.issuer.url:
        uuid = hub.desk.issuer.owner(passport, hub.clock())
        with hub.database.read() as session:
            person = find_person(session, uuid)
            if person.disabled_at is not None:
                raise NotAuthenticatedError("the passport's holder is disabled here.")
            return principal_of_person(person, "passport")
    holder = hub.desk.clearinghouse.read_passport(passport)
    known = _principal_of_identity(hub, holder.issuer, holder.subject, "passport")
    subject = f"{holder.subject}@{holder.issuer}"
    principal = known or dataclasses.replace(ANONYMOUS, means="passport")
    return dataclasses.replace(principal, visas=holder.visas, subject=subject)


def with_passports(hub: Hub, request: Request, principal: Principal, passports: list[str]) -> Principal:
    """Return who asks with passports in the body, beside what the request's headers say (DRS).

    Raises
    ------
    NotAuthenticatedError
        One of them does not hold.
    ConfigError
        They are of different people.
    """
    for passport in passports:
        shown = attempt(hub, request, functools.partial(principal_of_passport, hub, passport))
        if shown.known and principal.known and shown.person_id != principal.person_id:
            raise ConfigError("passports: they are of different people. Send those of one person.")
        subject = principal.subject or shown.subject
        principal = dataclasses.replace(
            principal if principal.known else shown, visas=principal.visas | shown.visas, subject=subject
        )
    request.state.principal = principal
    return principal


def _principal_of_identity(hub: Hub, issuer: str, subject: str, means: str) -> Principal | None:
    with hub.database.read() as session:
        person = person_of_identity(session, issuer, subject)
        if person is None:
            return None
        if person.disabled_at is not None:
            raise NotAuthenticatedError("this account is disabled. Ask the hub's staff.")
        return principal_of_person(person, means)


def _principal_of_cookie(hub: Hub, request: Request) -> Principal:
    secret = cookies.read(hub, request, "session")
    if not isinstance(secret, str):
        return ANONYMOUS
    idle = timedelta(minutes=hub.settings.session_idle_minutes)
    now = hub.clock()
    with hub.database.read() as session:
        found = sessions.find(session, secret, now, idle)
    if found is None:
        return ANONYMOUS
    cookies.require_same_origin(hub, request, secret)
    principal = found.principal
    if found.stale and principal.credential is not None:
        with hub.database.write() as session:
            sessions.touch(session, principal.credential[1], now)
    issuers = {issuer.issuer for issuer in hub.settings.visa_issuers}
    trusted = frozenset(visa for visa in principal.visas if visa.issuer in issuers)
    return dataclasses.replace(principal, visas=trusted)


HubDependency = Annotated[Hub, Depends(hub_of)]


def noted_principal(principal: Annotated[Principal, Depends(principal_of)], request: Request) -> Principal:
    """Return who asks, and leave it for the request's line in the log."""
    request.state.principal = principal
    return principal


PrincipalDependency = Annotated[Principal, Depends(noted_principal)]


def person_of(principal: PrincipalDependency) -> Principal:
    """Return who asks if they are a person of this hub.

    Raises
    ------
    NotAuthenticatedError
    """
    if not principal.known:
        raise NotAuthenticatedError("log in, or send a token, to do this.")
    return principal


PersonDependency = Annotated[Principal, Depends(person_of)]


def require_role(principal: Principal, *roles: Role) -> Principal:
    """Return the principal if they have one of the roles, in any project.

    Raises
    ------
    NotAuthenticatedError, NotAllowedError
    """
    person_of(principal)
    if not any(principal.has_anywhere(role) for role in roles):
        raise NotAllowedError(f"this is for the {' or '.join(roles)}; ask an administrator for the role.")
    return principal


class Bounds:
    """Bounds of a page: ``?limit=&offset=``; a limit above the setting is the setting."""

    def __init__(
        self,
        hub: HubDependency,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> None:
        self.limit, self.offset = min(limit, hub.settings.max_page), offset


BoundsDependency = Annotated[Bounds, Depends()]
