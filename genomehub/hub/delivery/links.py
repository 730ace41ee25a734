"""Signed links: what may be fetched, by whom and until when, in a token that cannot be made elsewhere.

A link holds no longer than what it was asked for with: it ends with the login or API token, and the gate is
asked again when it is used.
"""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from itsdangerous import BadData
from sqlalchemy.orm import Session

from genomehub.errors import NotAuthenticatedError
from genomehub.hub.access.people import recall, remember
from genomehub.hub.access.principals import Principal

_LONGEST = 8192


class Signer(Protocol):
    """Signs for one purpose; what was signed for another is not accepted."""

    def dumps(self, obj: Any) -> str | bytes: ...

    def loads(self, s: str) -> Any: ...


class Links:
    """Makes and reads the tokens of one purpose."""

    def __init__(self, signer: Signer, clock: Callable[[], datetime], seconds: int) -> None:
        self._signer, self._clock, self._seconds = signer, clock, seconds

    def make(self, principal: Principal, dataset_uuid: str, content: dict[str, Any]) -> str:
        """Return a token for who asks, good from now on for as long as links are.

        Of their visas it carries those for the data set, of each issuer the one that holds longest.
        """
        visas = sorted(principal.visas, key=lambda visa: visa.until)
        longest = {visa.issuer: visa for visa in visas if visa.dataset_uuid == dataset_uuid}
        bearer = dataclasses.replace(principal, visas=frozenset(longest.values()))
        until = int(self._clock().timestamp()) + self._seconds
        return str(self._signer.dumps({"who": remember(bearer), "until": until, **content}))

    def bearer(self, session: Session, said: dict[str, Any]) -> Principal:
        """Return whom a link was made for, as they are now.

        Raises
        ------
        NotAuthenticatedError
            They are disabled, or the login or token with which they asked for it has ended.
        """
        return recall(session, said["who"], self._clock(), "link")

    def read(self, token: str) -> dict[str, Any]:
        """Return what a token says.

        Raises
        ------
        NotAuthenticatedError
            It was not made here for this purpose, was changed, or has ended; which of these is not told.
        """
        refused = NotAuthenticatedError("the link has ended or is not one of this hub; ask for a new one.")
        if len(token) > _LONGEST:
            raise refused
        try:
            content: dict[str, Any] = self._signer.loads(token)
        except BadData:
            raise refused from None
        if self._clock().timestamp() >= content["until"]:
            raise refused
        return content
