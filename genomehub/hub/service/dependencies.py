"""What routes ask for in their signatures: the hub, who asks, and bounds of a page."""

from typing import Annotated

from fastapi import Depends, Query, Request

from genomehub.errors import NotAllowedError, NotAuthenticatedError
from genomehub.hub.access.people import principal_of_token
from genomehub.hub.access.principals import ANONYMOUS, Principal, Role
from genomehub.hub.service.context import Hub


def hub_of(request: Request) -> Hub:
    """Return what the routes work with."""
    hub: Hub = request.app.state.hub
    return hub


def principal_of(request: Request) -> Principal:
    """Return who asks: ``Authorization: Bearer TOKEN``, ``X-API-Key: TOKEN``, else an anonymous visitor."""
    hub = hub_of(request)
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme and scheme.lower() != "bearer":
        raise NotAuthenticatedError("Authorization: 'Bearer TOKEN' is expected.")
    secret = secret.strip() or request.headers.get("x-api-key", "")
    if not secret:
        return ANONYMOUS
    with hub.database.read() as session:
        return principal_of_token(session, secret, hub.clock())


HubDependency = Annotated[Hub, Depends(hub_of)]


def noted_principal(principal: Annotated[Principal, Depends(principal_of)], request: Request) -> Principal:
    """Return who asks, and leave it for the request's line in the log."""
    request.state.principal = principal
    return principal


PrincipalDependency = Annotated[Principal, Depends(noted_principal)]


def require_role(principal: Principal, *roles: Role) -> Principal:
    """Return the principal if they have one of the roles, in any project.

    Raises
    ------
    NotAuthenticatedError, NotAllowedError
    """
    if not principal.known:
        raise NotAuthenticatedError("log in, or send a token, to do this.")
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
