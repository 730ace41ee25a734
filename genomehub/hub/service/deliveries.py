"""What the routes that give out files share: opening, links, streams that are watched and noted."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request

from genomehub.errors import NotAuthenticatedError
from genomehub.hub import models
from genomehub.hub.access.principals import Principal
from genomehub.hub.delivery.guard import Delivery
from genomehub.hub.delivery.links import Links
from genomehub.hub.delivery.ranges import Opener, PosixReader
from genomehub.hub.delivery.references import References
from genomehub.hub.service.context import Hub
from genomehub.hub.service.streaming import Streamed

#: Browsers keep what a preflight said for so long (htsget asks for 30 days).
_PREFLIGHT_SECONDS = 30 * 24 * 3600


def opener(hub: Hub) -> Opener:
    """Return what opens the files of the catalogue."""
    return PosixReader


def references(hub: Hub) -> References:
    """Return the reference genomes of the settings, opened once."""
    return _references(tuple(hub.settings.references))


@lru_cache(maxsize=4)
def _references(paths: tuple[Path, ...]) -> References:
    return References(paths)


def links(hub: Hub, purpose: str) -> Links:
    """Return what makes and reads links of a purpose."""
    return Links(hub.signer(purpose), hub.clock, hub.settings.link_seconds)


def holder(principal: Principal) -> int:
    """Return the person for whom a link is made.

    Raises
    ------
    NotAuthenticatedError
        They are nobody whom the hub knows.
    """
    if principal.person_id is None:
        raise NotAuthenticatedError("log in, or send a token, to get a link to data.")
    return principal.person_id


def note(hub: Hub, principal: Principal, action: str, entry_id: int, **detail: object) -> None:
    """Append to the event log what was given out of a version."""
    with hub.database.write() as session:
        entry = session.get_one(models.Entry, entry_id)
        hub.note(session, principal, action, entry.dataset, entry, **detail)


def watched(
    hub: Hub,
    principal: Principal,
    entry: tuple[int, int],
    parts: Iterator[bytes],
    close: Callable[[], Any],
    action: str,
    detail: Mapping[str, object],
    **answer: Any,
) -> Streamed:
    """Return an answer that is sent while the gate is open, and noted with its bytes when it is over.

    Parameters
    ----------
    entry : numbers of the version and of its data set
    close : called at the end
    """
    entry_id, dataset_id = entry
    delivery = Delivery(hub.database, hub.clock, holder(principal), dataset_id, parts)

    def done() -> None:
        close()
        note(
            hub, principal, action, entry_id,
            **detail, bytes=delivery.n_bytes, complete=delivery.complete,
        )  # fmt: skip

    return Streamed(iter(delivery), done, **answer)


def cross_origin(request: Request) -> dict[str, str]:
    """Return headers with which scripts of other sites may read an answer; they have no cookies of ours."""
    origin = request.headers.get("origin")
    return {} if origin is None else {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def preflight(request: Request) -> dict[str, str]:
    """Return the headers that answer a browser's question whether it may ask."""
    asked = request.headers.get("access-control-request-headers")
    allowed = {} if asked is None else {"Access-Control-Allow-Headers": asked}
    methods = {"Access-Control-Allow-Methods": "GET, POST, HEAD"}
    return cross_origin(request) | allowed | methods | {"Access-Control-Max-Age": str(_PREFLIGHT_SECONDS)}
