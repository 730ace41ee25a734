"""Signed links: what may be fetched, by whom and until when, in a token that cannot be made elsewhere."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from itsdangerous import BadData

from genomehub.errors import NotAuthenticatedError

_LONGEST = 8192


class Signer(Protocol):
    """Signs for one purpose; what was signed for another is not accepted."""

    def dumps(self, obj: Any) -> str | bytes: ...

    def loads(self, s: str) -> Any: ...


class Links:
    """Makes and reads the tokens of one purpose."""

    def __init__(self, signer: Signer, clock: Callable[[], datetime], seconds: int) -> None:
        self._signer, self._clock, self._seconds = signer, clock, seconds

    def make(self, person_id: int, content: dict[str, Any]) -> str:
        """Return a token for a person, good from now on for as long as links are."""
        until = int(self._clock().timestamp()) + self._seconds
        return str(self._signer.dumps({"person": person_id, "until": until, **content}))

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
