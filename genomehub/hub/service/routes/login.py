"""Log in with the provider, or with a token where there is none; log out."""

import dataclasses
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from genomehub.errors import GenomehubError, NotAuthenticatedError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access import sessions
from genomehub.hub.access.logins import admit
from genomehub.hub.access.oidc import Provider, Transaction
from genomehub.hub.access.people import principal_of, principal_of_token
from genomehub.hub.access.principals import ANONYMOUS, VisaGrant
from genomehub.hub.pages.texts import choose
from genomehub.hub.service import cookies
from genomehub.hub.service.context import Hub
from genomehub.hub.service.dependencies import HubDependency, PrincipalDependency, attempt
from genomehub.hub.service.desk import CALLBACK
from genomehub.hub.service.problems import problems
from genomehub.hub.service.readers import LANGUAGE_COOKIE
from genomehub.hub.service.refusals import address_of

router = APIRouter(tags=["access"])

Next = Annotated[str, Query(max_length=2000, description="page of this hub to go to afterwards")]


def local(page: str) -> str:
    """Return a page of ours to go to; anything that could lead elsewhere becomes the first page.

    >>> local("/datasets/1?a=b"), local("//evil.example"), local("https://evil.example")
    ('/datasets/1?a=b', '/', '/')
    """
    fits = page.startswith("/") and not page.startswith(("//", "/\\")) and page.isprintable()
    return page if fits and "\\" not in page else "/"


def begin_session(
    hub: Hub,
    response: Response,
    person_id: int,
    visas: frozenset[VisaGrant] = frozenset(),
    *,
    token_id: int | None = None,
    language: str | None = None,
    **detail: object,
) -> None:
    """Log a person in: a session, its cookie, an event. language : of e-mails, where none was chosen."""
    now, lasts = hub.clock(), timedelta(hours=hub.settings.session_hours)
    with hub.database.write() as session:
        person = session.get_one(models.Person, person_id)
        secret = sessions.begin(session, person, now, lasts, visas, token_id)
        person.language = person.language or language
        who = principal_of(person, "session")
        hub.note(session, who, "login", None, None, **detail)
    cookies.put(hub, response, "session", secret)


@router.get("/auth/login", status_code=303, response_class=RedirectResponse, responses=problems(404, 429))
def login(hub: HubDependency, request: Request, to: Next = "/") -> Response:
    """Send the browser to the login provider."""
    provider = _provider(hub)
    _within_limit(hub, request)
    url, transaction = provider.begin()
    answer = RedirectResponse(url, 303)
    kept = dataclasses.asdict(transaction) | {"to": local(to)}
    cookies.put(hub, answer, "login", kept, cookies.LOGIN_SECONDS)
    return answer


@router.get(
    CALLBACK, status_code=303, response_class=RedirectResponse, responses=problems(401, 403, 404, 429)
)
def callback(
    hub: HubDependency,
    request: Request,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    iss: Annotated[str | None, Query(max_length=500)] = None,
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Take the provider's answer: log in who it says it is."""
    provider = _provider(hub)
    _within_limit(hub, request)
    try:
        return _enter(hub, request, provider, state, code, iss, error)
    except GenomehubError as refused:
        reason, address = str(refused)[:300], address_of(request)
        hub.desk.journal.record(ANONYMOUS, "login-refused", reason=reason, address=address)
        raise


def _enter(
    hub: Hub, request: Request, provider: Provider, state: str, code: str, iss: str | None, error: str
) -> Response:
    kept = cookies.read(hub, request, "login", cookies.LOGIN_SECONDS)
    if kept is None:
        raise NotAuthenticatedError(
            "this login was not begun in this browser, or took too long. Log in again."
        )
    if error or not code:
        raise NotAuthenticatedError("the provider did not log you in. Log in again.")
    to = kept.pop("to")
    said = provider.finish(Transaction(**kept), state, code, iss)
    visas = hub.desk.clearinghouse.grants(said.visas)
    with hub.database.write() as session:
        person, how = admit(session, said, hub.clock(), everybody=hub.settings.oidc_everybody)
        person_id = person.id
    answer = RedirectResponse(local(to), 303)
    begin_session(
        hub, answer, person_id, visas, language=_language(hub, request), how=how, issuer=said.issuer,
        address=address_of(request),
    )  # fmt: skip
    cookies.drop(hub, answer, "login")
    return answer


@router.post(
    "/auth/token", status_code=303, response_class=RedirectResponse, responses=problems(401, 403, 429)
)
def login_with_token(
    hub: HubDependency,
    request: Request,
    token: Annotated[str, Form(max_length=200)],
    to: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Log in with a token of one's own: for hubs without a provider. The login ends with the token."""
    cookies.require_same_site(hub, request)
    answer = RedirectResponse(local(to), 303)
    enter_with_token(hub, request, answer, token)
    return answer


def enter_with_token(hub: Hub, request: Request, response: Response, token: str) -> None:
    """Log in the person of a token.

    Raises
    ------
    NotAuthenticatedError
    """
    with hub.database.read() as session:
        who = attempt(hub, request, lambda: principal_of_token(session, token.strip(), hub.clock()))
    assert who.person_id is not None
    assert who.credential is not None
    begin_session(
        hub, response, who.person_id, token_id=who.credential[1], language=_language(hub, request),
        how="token", address=address_of(request),
    )  # fmt: skip


class LoggedOut(BaseModel):
    """Where to end the login at the provider, too, if it offers that."""

    provider_logout: str | None


@router.post("/auth/logout", responses=problems(403))
def logout(hub: HubDependency, principal: PrincipalDependency, response: Response) -> LoggedOut:
    """End this login; its cookie is worth nothing from now on."""
    if principal.credential is not None and principal.credential[0] == "session":
        with hub.database.write() as session:
            sessions.end(session, principal.credential[1], hub.clock())
            hub.note(session, principal, "logout")
    cookies.drop(hub, response, "session")
    provider = hub.desk.provider
    return LoggedOut(provider_logout=None if provider is None else provider.logout_address())


def _language(hub: Hub, request: Request) -> str | None:
    """Return in which language somebody reads: as they chose, or as their browser asks; None if neither."""
    cookie, asked = request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
    return choose(cookie, asked, hub.settings.default_language) if cookie or asked else None


def _provider(hub: Hub) -> Provider:
    if hub.desk.provider is None:
        raise NotFoundError("this hub has no login provider. Use a token.")
    return hub.desk.provider


def _within_limit(hub: Hub, request: Request) -> None:
    address = address_of(request)
    hub.desk.logins.check(address, "logins")
    hub.desk.logins.count(address)
