"""Who reads a page: a signed cookie names the person, and the token they logged in with.

The cookie ends with the token, with the person's account, and after twelve hours. Forms carry a token of
their own,
signed for their reader, so that no other site can send them in a reader's name.
"""

import hashlib
from datetime import datetime

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import NotAllowedError
from genomehub.hub import models
from genomehub.hub.access.people import principal_of, principal_of_token
from genomehub.hub.access.principals import ANONYMOUS, Principal

COOKIE = "genomehub_session"
SECONDS = 12 * 3600


def begin(session: Session, signer: URLSafeTimedSerializer, secret: str, now: datetime) -> str:
    """Return a cookie for the person of a token.

    Raises
    ------
    NotAuthenticatedError
        The token is unknown, expired or revoked.
    """
    person = principal_of_token(session, secret, now)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    token = session.scalar(select(models.ApiToken.id).where(models.ApiToken.digest == digest))
    return str(signer.dumps([person.uuid, token]))


def resume(session: Session, signer: URLSafeTimedSerializer, cookie: str, now: datetime) -> Principal:
    """Return whose cookie this is; a visitor where it, its token or the account has ended."""
    try:
        uuid, token_id = signer.loads(cookie, max_age=SECONDS)
    except (BadSignature, ValueError, TypeError):
        return ANONYMOUS
    token = session.get(models.ApiToken, token_id)
    if (
        token is None
        or token.person.uuid != uuid
        or token.person.disabled_at is not None
        or token.revoked_at is not None
        or (token.expires_at is not None and token.expires_at <= now)
    ):
        return ANONYMOUS
    return principal_of(token.person, "session")


def check_form(forms: URLSafeTimedSerializer, principal: Principal, token: str) -> None:
    """Raise unless a form was made for this reader, in the last twelve hours.

    Raises
    ------
    NotAllowedError
        It was not.
    """
    try:
        belongs = forms.loads(token, max_age=SECONDS) == principal.uuid
    except BadSignature:
        belongs = False
    if not belongs:
        raise NotAllowedError("this form is too old, or came from another site. Open the page again.")
