"""Pages for people: those that anybody reads. Each answers under ``/``, ``/en`` and ``/fr``."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub import __version__
from genomehub.errors import NotFoundError
from genomehub.hub import models
from genomehub.hub.access import permits as access_permits
from genomehub.hub.access.duo import Terms
from genomehub.hub.access.requests import terms_of
from genomehub.hub.description.exports import to_schema_org
from genomehub.hub.discovery.question import FACETS
from genomehub.hub.pages import finding, quality, reading, snippets
from genomehub.hub.pages.statics import statics
from genomehub.hub.pages.texts import LANGUAGES
from genomehub.hub.service.dependencies import HubDependency
from genomehub.hub.service.readers import ReaderDependency, page
from genomehub.hub.service.routes import (
    pages_account,
    pages_browser,
    pages_describe,
    pages_permits,
    pages_staff,
    pages_studies,
)
from genomehub.hub.service.routes.datasets import reading as open_to_read

router = APIRouter(include_in_schema=False)
pages = APIRouter()
PER_PAGE = 50


@pages.get("/")
def home(hub: HubDependency, reader: ReaderDependency) -> Response:
    """What the hub is, what it holds, where to begin."""
    with hub.database.read() as session:
        figures, newest = finding.figures(session, reader.principal, hub.clock())
        return page(reader, "home.html", figures=figures, newest=newest)


@pages.get("/catalogue")
def catalogue(
    request: Request,
    hub: HubDependency,
    reader: ReaderDependency,
    q: Annotated[str, Query(max_length=300)] = "",
    since: Annotated[str, Query(max_length=300)] = "",
    until: Annotated[str, Query(max_length=300)] = "",
    sort: Annotated[str, Query(max_length=10)] = "",
    page_number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    """Search with facets, and by the day of the description."""
    values = {name: request.query_params.getlist(name)[:50] for name in FACETS}
    chosen = {name: [one[:300] for one in some if one] for name, some in values.items() if any(some)}
    days = finding.days_of(since, until)
    asked = finding.Asked(q, chosen, finding.sort_of(sort), page_number, days)
    with hub.database.read() as session:
        found = finding.find(session, reader.principal, hub.clock(), asked, reader.language)
        return page(
            reader, "catalogue.html", 422 if days.fault else 200, asked=asked, found=found, few=finding.FEW,
            sorts=finding.SORTS,
        )  # fmt: skip


@pages.get("/datasets/{uuid}")
def dataset(uuid: str, hub: HubDependency, reader: ReaderDependency, done: str = "") -> Response:
    """Everything about one data set."""
    with open_to_read(hub, reader.principal) as room:
        view = reading.view_dataset(room, uuid)
        shown: dict[str, Any] = {"view": view, "done": done}
        if view.state != "withdrawn" or view.may_describe:
            address = f"{reader.public_url}/datasets/{view.uuid}"
            shown |= {
                "figures": quality.figures(view.qc, reader.words),
                "levels": quality.LEVELS,
                "plots": quality.plots(view.qc, reader.words),
                "snippets": snippets.snippets(reader.public_url, view.uuid),
                "citation": snippets.citation(reader, view),
                "address": address,
                "markup": to_schema_org(view.document, address, address, reader.site),
                "terms": _terms(room.session, view),
            }
        return page(reader, "dataset.html", **shown)


@pages.get("/datasets/{uuid}/changes")
def changes(
    uuid: str,
    hub: HubDependency,
    reader: ReaderDependency,
    first: Annotated[int, Query(ge=1, le=2**31)],
    second: Annotated[int, Query(ge=1, le=2**31)],
) -> Response:
    """What differs between two versions of a description."""
    with open_to_read(hub, reader.principal) as room:
        title = room.view(uuid).document.title
        found = reading.differences(room, uuid, first, second)
    return page(reader, "changes.html", uuid=uuid, title=title, first=first, second=second, differences=found)


def _terms(session: Session, view: reading.DatasetView) -> Terms:
    """Return what the codes of a data set leave open; people are named to those who describe it only."""
    dataset = reading.find_dataset(session, view.uuid)
    assert dataset is not None
    terms = terms_of(session, dataset)
    return terms if view.may_describe else terms.model_copy(update={"people": []})


@pages.get("/permits")
def permits(
    hub: HubDependency,
    reader: ReaderDependency,
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    """The public register of permits."""
    now = hub.clock()
    with hub.database.read() as session:
        lines, total = access_permits.register(session, now, PER_PAGE, PER_PAGE * (number - 1))
        return page(
            reader, "permits.html", lines=lines, number=number, total=total, more=total > PER_PAGE * number
        )


@pages.get("/legal")
def legal(reader: ReaderDependency) -> Response:
    """Who runs the hub, and what it keeps about its readers."""
    return page(reader, "legal.html", version=__version__)


@pages.get("/api")
def api(reader: ReaderDependency) -> Response:
    """The interface for programs, drawn from /openapi.json."""
    return page(reader, "api.html", policy={"style-src": "'self' 'unsafe-inline'"})


PARTS = (pages_account, pages_browser, pages_describe, pages_permits, pages_staff, pages_studies)
router.include_router(pages)
for part in PARTS:
    router.include_router(part.pages)
for language in LANGUAGES:
    router.include_router(pages, prefix=f"/{language}")
    for part in PARTS:
        router.include_router(part.pages, prefix=f"/{language}")
router.include_router(pages_browser.files)


@router.get("/static/{digest}/{name:path}")
def static(digest: str, name: str) -> Response:
    """A file that pages need; its address changes with its content."""
    found = statics().get(name)
    if found is None:
        raise NotFoundError(f"{name[:80]!r}: no such file.")
    kept = "public, max-age=31536000, immutable" if digest == found.digest else "no-cache"
    headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
    return FileResponse(found.path, media_type=found.media_type, headers=headers)


@router.get("/favicon.ico")
def favicon() -> Response:
    """The hub's mark, for browsers that ask without having read a page."""
    return FileResponse(statics()["mark.svg"].path, media_type="image/svg+xml")


@router.get("/robots.txt")
def robots(hub: HubDependency) -> Response:
    """What crawlers may read: descriptions, nothing that needs a login."""
    closed = ("account", "audit", "browser", "inbox", "login", "people", "requests", "studies")
    lines = [
        "User-agent: *",
        *(f"Disallow: {start}/{part}" for part in closed for start in ("", "/en", "/fr")),
    ]
    lines.append(f"Sitemap: {hub.settings.public_url.rstrip('/')}/sitemap.xml")
    return PlainTextResponse("\n".join(lines) + "\n")


@router.get("/sitemap.xml")
def sitemap(hub: HubDependency, reader: ReaderDependency) -> Response:
    """Published data sets, for crawlers; the newest 50,000, which is what the protocol allows in one file."""
    publication, dataset = models.Publication, models.Dataset
    with hub.database.read() as session:
        rows = session.execute(
            select(dataset.uuid, publication.changed_at)
            .join(publication, publication.dataset_id == dataset.id)
            .where(publication.state == "published")
            .order_by(publication.changed_at.desc())
            .limit(50_000)
        ).all()
        answer = page(reader, "sitemap.xml", rows=rows)
    answer.headers["Content-Type"] = "application/xml"
    return answer


@router.get("/.well-known/security.txt")
def security(hub: HubDependency) -> Response:
    """Whom to tell of a weakness (RFC 9116)."""
    settings, now = hub.settings, hub.clock()
    expires = now.replace(hour=0, minute=0, second=0, microsecond=0, day=1, year=now.year + 1)
    host = urlsplit(settings.public_url)
    lines = (
        f"Contact: mailto:{settings.contact_email}",
        f"Expires: {expires.isoformat().replace('+00:00', 'Z')}",
        "Preferred-Languages: en, fr",
        f"Canonical: {host.scheme}://{host.netloc}/.well-known/security.txt",
    )
    return PlainTextResponse("\n".join(lines) + "\n")
