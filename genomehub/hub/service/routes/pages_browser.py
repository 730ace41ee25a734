"""The genome browser's page, and the references that it reads by range; data it reads by ``/files``."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.pages import tracks
from genomehub.hub.pages.reading import document_of, shown_description
from genomehub.hub.service.context import Hub
from genomehub.hub.service.dependencies import HubDependency
from genomehub.hub.service.readers import ReaderDependency, page

pages, files = APIRouter(), APIRouter()
#: igv.js writes style elements, and reads what it has decompressed from data: and blob: addresses.
_POLICY = {
    "script-src": "'self' 'wasm-unsafe-eval'",  # CRAM is decoded by WebAssembly
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self' data: blob:",
}
MOST_OFFERED = 200


def _references(hub: Hub) -> dict[str, tracks.ServedReference]:
    return tracks.served_references(tuple(hub.settings.references))


@pages.get("/browser")
def browser(
    hub: HubDependency,
    reader: ReaderDependency,
    dataset: Annotated[list[str], Query(max_length=tracks.MOST_DATASETS)] = [],  # noqa: B006 - FastAPI copies it
    locus: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Reads and variants of data sets that the reader may read."""
    now = hub.clock()
    with hub.database.write() as session:
        gate = Gate(session, reader.principal, now)
        shown = tracks.browse(session, gate, _references(hub), dataset, locus)
        for entry in shown.entries:
            hub.note(session, reader.principal, "browse", entry.dataset, entry)
        offered = _offered(session, gate)
        return page(reader, "browser.html", policy=_POLICY, shown=shown, offered=offered)


def _offered(session: Session, gate: Gate) -> list[tuple[str, dict[str, str]]]:
    """Return the data sets that the reader may read, by title."""
    if not gate.principal.known:
        return []
    found = []
    for dataset in session.scalars(select(models.Dataset).order_by(models.Dataset.id.desc()).limit(5000)):
        if gate.decide(Action.READ, dataset).allowed:
            publication = session.get(models.Publication, dataset.id)
            description = shown_description(session, dataset, publication, newest=False)
            found.append((dataset.uuid, document_of(dataset, description).title))
        if len(found) == MOST_OFFERED:
            break
    return found


@files.get("/browser/references/{digest}/{name}")
def reference(digest: str, name: str, hub: HubDependency) -> Response:
    """A reference's FASTA or an index of it, in ranges."""
    path = tracks.reference_file(_references(hub), digest, name)
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type="application/octet-stream", headers=headers)
