"""What the routes that give out files share: opening, links, streams that are watched and noted."""

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from fastapi import Request
from sqlalchemy.orm import Session

from genomehub.errors import GenomehubError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.principals import Principal
from genomehub.hub.access.watch import Watch
from genomehub.hub.delivery.guard import Delivery
from genomehub.hub.delivery.links import Links
from genomehub.hub.delivery.ranges import Opener
from genomehub.hub.delivery.references import References
from genomehub.hub.service.context import Hub
from genomehub.hub.service.streaming import Streamed
from genomehub.hub.storage import open_location

_log = logging.getLogger("genomehub.hub")
#: Browsers keep what a preflight said for so long (htsget asks for 30 days).
_PREFLIGHT_SECONDS = 30 * 24 * 3600


def opener(hub: Hub) -> Opener:
    """Return what opens the files of the catalogue, local or in an object store."""
    return partial(open_location, hub.settings)


def references(hub: Hub) -> References:
    """Return the reference genomes of the settings, opened once."""
    return _references(tuple(hub.settings.references))


@lru_cache(maxsize=4)
def _references(paths: tuple[Path, ...]) -> References:
    return References(paths)


def links(hub: Hub, purpose: str) -> Links:
    """Return what makes and reads links of a purpose."""
    return Links(hub.signer(purpose), hub.clock, hub.settings.link_seconds)


@dataclasses.dataclass(frozen=True)
class Access:
    """An access to a version's data that the gate has allowed.

    because : of the gate's decision, for the event log
    dataset_id, entry_id : numbers in the database
    """

    principal: Principal
    because: Mapping[str, str]
    dataset_id: int
    entry_id: int
    dataset_uuid: str


def allowed(
    hub: Hub, session: Session, principal: Principal, entry: models.Entry | None, what: str
) -> Access:
    """Ask the gate whether somebody may read a version (None: there is none).

    Raises
    ------
    NotFoundError, NotAuthenticatedError, NotAllowedError
    """
    dataset = None if entry is None else entry.dataset
    decision = Gate(session, principal, hub.clock()).require(Action.READ, dataset, what)
    assert entry is not None, "the gate lets nobody read what is not there"
    return Access(principal, decision.detail, entry.dataset_id, entry.id, entry.dataset.uuid)


def note(hub: Hub, access: Access, action: str, **detail: object) -> None:
    """Append to the event log what is given out; on the disk before it is. No session may be open."""
    hub.desk.journal.record(
        access.principal, action, access.dataset_id, access.entry_id, **detail, **access.because
    )


def watched(
    hub: Hub,
    access: Access,
    parts: Iterator[bytes],
    close: Callable[[], Any],
    action: str,
    detail: Mapping[str, object],
    **answer: Any,
) -> Streamed:
    """Note an access, and return an answer that is sent while the gate is open.

    If it ends early, that is noted too, with the bytes that were sent.

    Parameters
    ----------
    close : called at the end
    """
    try:
        note(hub, access, action, **detail)
    except GenomehubError:
        close()
        raise
    watch = Watch(hub.database, access.principal, Action.READ, access.dataset_id, hub.clock)
    delivery = Delivery(watch, parts)

    def done() -> None:
        close()
        if delivery.complete:
            return
        try:
            note(hub, access, "break-off", of=action, bytes=delivery.n_bytes, **detail)
        except GenomehubError as error:  # the access itself is noted
            _log.error("the early end of a %s could not be noted: %s", action, error)

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
