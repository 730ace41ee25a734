"""Pages of oneself: log in, account, tokens."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select

from genomehub.errors import NotAuthenticatedError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.people import new_token
from genomehub.hub.pages import session as sessions
from genomehub.hub.pages.texts import N_
from genomehub.hub.service.dependencies import HubDependency
from genomehub.hub.service.readers import PostedDependency, ReaderDependency, go, one, page

pages = APIRouter()
TOKEN_DAYS = (30, 90, 365)


@pages.get("/login")
def login(reader: ReaderDependency, to: Annotated[str, Query(max_length=2000)] = "") -> Response:
    """Log in with the organisation's provider, or with a token."""
    return page(reader, "login.html", to=_here(to), fault="")


@pages.post("/login")
def enter(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Take a token and give a cookie."""
    to = _here(one(fields, "to"))
    try:
        with hub.database.write() as session:
            cookie = sessions.begin(session, hub.signer("session"), one(fields, "token"), hub.clock())
            who = sessions.resume(session, hub.signer("session"), cookie, hub.clock())
            hub.note(session, who, "login")
    except NotAuthenticatedError:
        fault = N_("This token is unknown, expired or revoked.")
        return page(reader, "login.html", 401, to=to, fault=fault)
    answer = RedirectResponse(to or reader.to("/account"), 303)
    secure = hub.settings.public_url.startswith("https:")
    answer.set_cookie(sessions.COOKIE, cookie, sessions.SECONDS, httponly=True, samesite="lax", secure=secure)
    return answer


def _here(to: str) -> str:
    """Return where to go after the login: a page of ours, or nothing."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) and "\n" not in to else ""


@pages.post("/logout")
def leave(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Forget who reads."""
    with hub.database.write() as session:
        hub.note(session, reader.principal, "logout")
    answer = go(reader, "/")
    answer.delete_cookie(sessions.COOKIE)
    return answer


@pages.get("/account")
def account(hub: HubDependency, reader: ReaderDependency) -> Response:
    """Name, roles, tokens."""
    return _account(hub, reader)


def _account(hub: HubDependency, reader: ReaderDependency, secret: str = "") -> Response:
    if not reader.principal.known:
        raise NotAuthenticatedError("log in to see your account.")
    with hub.database.read() as session:
        person = session.get_one(models.Person, reader.principal.person_id)
        names = {project.id: project.name for project in session.scalars(select(models.Project))}
        roles = [(grant.role, names.get(grant.project_id or 0, "")) for grant in person.roles]
        tokens = session.scalars(
            select(models.ApiToken)
            .where(models.ApiToken.person_id == person.id)
            .order_by(models.ApiToken.id.desc())
            .limit(200)
        ).all()
        return page(
            reader, "account.html", person=person, roles=roles, tokens=tokens, secret=secret, now=hub.clock(),
            days=TOKEN_DAYS,
        )  # fmt: skip


@pages.post("/account/tokens")
def make_token(fields: PostedDependency, hub: HubDependency, reader: ReaderDependency) -> Response:
    """Make a token and tell it this once."""
    if not reader.principal.known:
        raise NotAuthenticatedError("log in to make a token.")
    days = one(fields, "days")
    expires = hub.clock() + timedelta(days=int(days) if days in map(str, TOKEN_DAYS) else TOKEN_DAYS[0])
    label = one(fields, "label", 200) or "token"
    with hub.database.write() as session:
        person = session.get_one(models.Person, reader.principal.person_id)
        secret = new_token(session, person, label, hub.clock(), expires)
        hub.note(session, reader.principal, "make-token", label=label)
    return _account(hub, reader, secret)


@pages.post("/account/tokens/{number}/revoke")
def revoke_token(
    number: int, fields: PostedDependency, hub: HubDependency, reader: ReaderDependency
) -> Response:
    """End a token."""
    with hub.database.write() as session:
        token = session.get(models.ApiToken, number)
        if token is None or token.person_id != reader.principal.person_id:
            raise NotFoundError(f"{number}: no such token of yours.")
        token.revoked_at = token.revoked_at or hub.clock()
        hub.note(session, reader.principal, "revoke-token", label=token.label)
    return go(reader, "/account")
