"""Pages of oneself: log in, account, tokens."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from genomehub.errors import NotAuthenticatedError
from genomehub.hub import models
from genomehub.hub.pages.texts import N_
from genomehub.hub.service.dependencies import HubDependency, person_of
from genomehub.hub.service.readers import PostedDependency, ReaderDependency, checked, go, one, page
from genomehub.hub.service.routes import account as accounts
from genomehub.hub.service.routes import login as logins

pages = APIRouter()
TOKEN_DAYS = (30, 90, 365)


@pages.get("/login")
def login(
    hub: HubDependency,
    reader: ReaderDependency,
    to: Annotated[str, Query(max_length=2000)] = "",
    elsewhere: Annotated[bool, Query(alias="out")] = False,
) -> Response:
    """Log in with the organisation's provider, or with a token; ``out``: how to log out there, too."""
    return _login(hub, reader, _here(to), elsewhere=elsewhere)


def _login(
    hub: HubDependency, reader: ReaderDependency, to: str, fault: str = "", *, elsewhere: bool = False
) -> Response:
    provider = hub.desk.provider
    still = provider.logout_address() if elsewhere and provider is not None else None
    return page(
        reader, "login.html", 401 if fault else 200, to=to, fault=fault, provider_logout=still,
        hours=hub.settings.session_hours,
    )  # fmt: skip


@pages.post("/login")
def enter(
    request: Request, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Take a token and give a cookie."""
    to = _here(one(fields, "to"))
    answer = RedirectResponse(to or reader.to("/account"), 303)
    try:
        logins.enter_with_token(hub, request, answer, one(fields, "token", 200))
    except NotAuthenticatedError:
        return _login(hub, reader, to, N_("This token is unknown, expired or revoked."))
    return answer


def _here(to: str) -> str:
    """Return where to go after the login: a page of ours, or nothing."""
    return to if logins.local(to) == to else ""


@pages.post("/logout")
def leave(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """End this login."""
    answer = go(reader, "/login", out="true")
    logins.logout(hub, reader.principal, answer)
    return answer


@pages.get("/account")
def account(
    hub: HubDependency, reader: ReaderDependency, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """Name, roles, tokens, e-mails."""
    return _account(hub, reader, done=done)


def _account(hub: HubDependency, reader: ReaderDependency, secret: str = "", *, done: str = "") -> Response:
    who = person_of(reader.principal)
    tokens = accounts.list_tokens(hub, who)
    with hub.database.read() as session:
        person = session.get_one(models.Person, who.person_id)
        roles = accounts.held_roles(session, person)
        return page(
            reader, "account.html", person=person, roles=roles, tokens=tokens, secret=secret, days=TOKEN_DAYS,
            done=done, mail=hub.settings.mail_server is not None,
        )  # fmt: skip


@pages.post("/account/tokens")
def make_token(
    response: Response, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """Make a token and tell it this once."""
    who = person_of(reader.principal)
    wanted = checked(accounts.WantedToken, label=one(fields, "label") or "token", days=one(fields, "days"))
    made = accounts.make_token(hub, who, wanted, response)
    answer = _account(hub, reader, made.secret)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.post("/account/tokens/{number}/revoke")
def revoke_token(
    number: accounts.Number, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """End a token."""
    accounts.delete_token(hub, person_of(reader.principal), number)
    return go(reader, "/account")


@pages.post("/account/notices")
def change_notices(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Choose the language of e-mails, or none."""
    who, choice = person_of(reader.principal), one(fields, "notices", 10)
    language = None if choice in ("", "none") else choice
    wanted = checked(accounts.WantedNotices, wanted=choice != "none", language=language)
    accounts.change_notices(hub, who, wanted)
    return go(reader, "/account", done="notices")


@pages.post("/account/sessions/end")
def end_sessions(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Log out everywhere."""
    accounts.end_sessions(hub, person_of(reader.principal))
    return go(reader, "/login", out="true")
