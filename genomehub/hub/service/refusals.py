"""Refusals of data go into the event log: whose, of what, and which answer they got."""

import logging

from fastapi import Request

from genomehub.errors import GenomehubError, ResourceError, http_status
from genomehub.hub.access.gate import Refusal
from genomehub.hub.service.context import Hub

_log = logging.getLogger("genomehub.hub")


def address_of(request: Request) -> str:
    """Return the address that asks; behind a proxy the server takes it from the proxy's headers."""
    return request.client.host if request.client is not None else "unknown"


def note_refusal(request: Request, error: GenomehubError) -> None:
    """Note a refusal that the gate spoke.

    A data set that is hidden and one that does not exist are noted alike, in one write each. Of one person,
    or address of visitors, at most 60 a minute are noted, so that nobody fills the log; the rest go to the
    service's own log.
    """
    refusal = Refusal.of(error)
    if refusal is None:
        return
    hub: Hub = request.app.state.hub
    who = refusal.principal
    address = address_of(request)
    try:
        if not hub.desk.refusals.count(who.actor if who.known or who.subject else address):
            _log.warning("refused (not in the event log): %s %s of %s", address, refusal.action, refusal.what)
            return
        hub.desk.journal.record(
            who, "access-refused", refusal.dataset_id, asked=refusal.action.value, what=refusal.what,
            status=http_status(error), address=address, means=who.means,
        )  # fmt: skip
    except ResourceError as failure:  # it stays refused
        _log.error("a refusal could not be noted: %s", failure)
