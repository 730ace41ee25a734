"""Pages in a real browser: every page, both languages, every role; keyboard, axe, igv.js, a narrow screen.

The browser is Debian's Chromium. Whatever it asks for is watched: nothing may fail and nothing may leave
the hub.
"""

import io
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from builders.hub_pages import REAL, SUMMARY, demo_results, login_cookie, pages_world
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import select

from genomehub.hub import models

pytestmark = pytest.mark.integration

PEOPLE = (None, "holder", "steward", "researcher", "auditor", "administrator")
#: Pages that anybody, and that people of a role, find in the navigation and behind it.
OPEN = (
    "/",
    "/catalogue",
    "/catalogue?q=exomes&assay=WES",
    "/catalogue?until=2001-01-01",
    "/permits",
    "/legal",
    "/login",
    "/api",
    "/datasets/REAL",
)
OF_ROLE = {
    None: (),
    "holder": (
        "/account", "/studies", "/describe", "/datasets/REAL/describe", "/datasets/REAL/terms",
        "/browser?dataset=REAL",
    ),
    "steward": ("/account", "/inbox", "/requests/REQUEST", "/datasets/REAL", "/permits/LONGER"),
    "researcher": (
        "/account", "/studies", "/requests/new?dataset=OTHER", "/browser?dataset=REAL", "/permits/ENDING",
    ),
    "auditor": ("/account", "/audit", "/audit/verify"),
    "administrator": ("/account", "/people", "/people/PERSON"),
}  # fmt: skip


class Watch:
    """A page that is watched: what it asked for, what failed, what it complained of."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.asked: list[str] = []
        self.wrong: list[str] = []
        page.on("request", lambda request: self._asked(request.url))
        page.on(
            "requestfailed", lambda request: self.wrong.append(f"failed: {request.url} {request.failure}")
        )
        page.on("response", lambda answer: self._answered(answer.status, answer.url))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))

    def _asked(self, url: str) -> None:
        self.asked.append(url)
        if not url.startswith((self.address, "data:", "blob:")):
            self.wrong.append(f"left the hub: {url}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400:
            self.wrong.append(f"{status}: {url}")

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.wrong.append(f"console: {text}")

    def open(self, path: str) -> Page:
        self.page.goto(self.address + path, wait_until="load")
        return self.page


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[object, str]]:
    """A hub with realistic content, served."""
    demo = demo_results(tmp_path_factory.mktemp("demo"))
    world = pages_world(tmp_path_factory.mktemp("hub"), demo)
    with world.serve() as address:
        yield world, address
    world.hub.catalogue.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(hub, chromium):
    """Open pages as somebody: ``visit("steward")``; at the end nothing may have gone wrong."""
    world, address = hub
    watched = []

    def visit(person=None, **options) -> Watch:
        context = chromium.new_context(**options)
        if person:
            context.add_cookies([login_cookie(world, person) | {"url": address}])
        watched.append(Watch(context.new_page(), address))
        return watched[-1]

    yield visit
    for watch in watched:
        watch.page.context.close()
        assert watch.wrong == []


def filled(world, path: str) -> str:
    """Put identifiers into a path."""
    with world.hub.database.read() as session:
        person = session.scalars(select(models.Person.uuid).order_by(models.Person.id)).first()
        request = session.scalars(
            select(models.AccessRequest.uuid).where(models.AccessRequest.state == "submitted")
        ).first()
        about = select(models.Permit.uuid).order_by(models.Permit.ends_at)
        longer, ending = session.scalars(about.limit(2)).all()
    path = path.replace("LONGER", longer).replace("ENDING", ending)
    path = path.replace("REAL", world.datasets[REAL]).replace("OTHER", world.datasets["biobank-wes"])
    return path.replace("PERSON", person).replace("REQUEST", request)


def grave_findings(page: Page) -> list[str]:
    """Return what axe calls serious or critical; what others wrote (igv.js, Swagger UI) is theirs."""
    options = {"resultTypes": ["violations"]}
    found = Axe().run(page, context={"exclude": [["#igv"], ["#swagger"]]}, options=options)
    return [
        f"{violation['id']}: {[node['html'][:160] for node in violation['nodes'][:3]]}"
        for violation in found.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_page__no_error_and_nothing_grave(hub, visit, person, language):
    world, _ = hub
    watch = visit(person)
    for path in (*(OPEN if person in (None, "steward") else OPEN[:2]), *OF_ROLE[person]):
        page = watch.open(f"/{language}{filled(world, path)}")
        if "igv" in page.content() and page.locator("#igv").count():
            page.wait_for_selector("#igv[data-drawn]", timeout=60_000)
        if path == "/api":
            page.wait_for_selector("#swagger .opblock", timeout=60_000)
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("h1:not(#swagger *)").count() == 1, path
        assert grave_findings(page) == [], path


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_contrast__in_the_dark_too(hub, visit, scheme):
    world, _ = hub
    watch = visit("holder", color_scheme=scheme)
    for path in ("/", "/catalogue", "/datasets/REAL", "/datasets/REAL/describe", "/datasets/REAL/terms"):
        assert grave_findings(watch.open(filled(world, path))) == [], path


def test_theme__chosen_and_kept(visit):
    page = visit(color_scheme="light").open("/en/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Light or dark").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_igv__draws_our_reads_and_variants(hub, visit):
    world, _ = hub
    watch = visit("researcher", viewport={"width": 1280, "height": 1000})
    page = watch.open(f"/en/browser?dataset={world.datasets[REAL]}")
    page.wait_for_selector("#igv[data-drawn]", timeout=60_000)
    page.wait_for_load_state("networkidle")
    paths = [urlsplit(url).path for url in watch.asked]
    assert any(re.fullmatch(r"/browser/references/[^/]+/genome\.fa\.gz", path) for path in paths)
    data = {path for path in paths if re.fullmatch(r"/files/[0-9a-f]{64}\.\d+", path)}
    assert len(data) == 4, "CRAM and VCF, each with its index"
    picture = Image.open(io.BytesIO(page.locator("#igv").screenshot())).convert("RGB")
    colours = picture.getcolors(maxcolors=10**6)
    used = {colour: n for n, colour in colours}
    reads = sum(n for (red, green, blue), n in used.items() if red == green == blue and 160 < red < 210)
    assert reads > 50_000, "reads are grey"
    assert len(used) > 50
    tracks = page.locator(".igv-track-label").all_inner_texts()
    assert {f"{REAL} · VCF", f"{REAL} · CRAM"} <= set(tracks)


def test_keyboard__from_search_to_data_set_to_request(visit):
    page = visit("colleague").open("/en/")

    def tab_to(name: str, most: int = 60) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            here = page.evaluate(
                "() => { const e = document.activeElement; const label = e.labels?.[0]?.textContent ?? '';"
                " return (e.getAttribute('aria-label') ?? e.textContent ?? '') + ' ' + label + ' ' + e.id; }"
            )
            if name in here:
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"the focus on {name} is not seen"
                return
        pytest.fail(f"{name} is not reached by the keyboard")

    tab_to("Skip to the content", 1)
    page.keyboard.press("Enter")
    tab_to("Search the catalogue", 3)
    page.keyboard.type("biobank exomes")
    page.keyboard.press("Enter")
    page.wait_for_url("**/catalogue?q=biobank*")
    tab_to("Biobank exomes 2020")
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets/*")
    tab_to("Request access")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/new*")
    tab_to("study")
    page.keyboard.press("ArrowDown")
    tab_to("purpose")
    page.keyboard.type(SUMMARY)
    tab_to("Health, medical or biomedical research")
    page.keyboard.press("Space")
    tab_to("until")
    page.keyboard.type("06302027")
    tab_to("Send the request")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/*done=sent")
    assert page.get_by_role("status").inner_text().strip().startswith("Sent.")


def test_facets__narrow_the_list_at_once_and_keep_the_focus(visit):
    page = visit().open("/en/catalogue")
    before = int(page.locator(".found-head strong").inner_text())
    page.get_by_role("checkbox", name=re.compile("^WES")).check()
    page.wait_for_url("**assay=WES**")
    assert int(page.locator(".found-head strong").inner_text()) < before
    assert page.evaluate("document.activeElement.value") == "WES"
    assert page.locator(".hit").count() == 2


def test_pages__work_without_javascript(visit):
    page = visit("colleague", java_script_enabled=False).open("/en/catalogue")
    page.get_by_role("checkbox", name=re.compile("^WES")).check()
    page.get_by_role("button", name="Apply").click()
    assert page.locator(".hit").count() == 2
    page.get_by_label("From", exact=True).fill("2026-11-27")
    page.get_by_role("button", name="Apply").click()
    assert page.locator(".hit").count() == 0
    page.get_by_role("link", name="Look on any day").click()
    assert "assay=WES" in page.url
    page.get_by_role("link", name="Biobank exomes 2020–2025").click()
    page.locator("summary", has_text="curl").click()
    assert page.get_by_text("curl -H").is_visible()
    page.get_by_role("link", name=re.compile("Request access|Your request")).first.click()
    assert page.locator("h1").count() == 1


def test_days__narrow_the_list_while_they_are_typed(visit):
    watch = visit()
    page = watch.open("/en/catalogue")
    before = int(page.locator(".found-head strong").inner_text())
    page.get_by_label("Until", exact=True).focus()
    page.keyboard.type("10012026")
    page.wait_for_url("**until=2026-10-01**")
    n_left = int(page.locator(".found-head strong").inner_text())
    assert 0 < n_left < before
    assert page.evaluate("document.activeElement.id") == "until"
    page.get_by_label("From", exact=True).focus()
    page.keyboard.type("10022026")
    page.wait_for_selector("#days-fault .fault")
    assert "The first day is after the last" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("From", exact=True).get_attribute("aria-invalid") == "true"
    assert grave_findings(page) == []
    watch.wrong = [one for one in watch.wrong if "422" not in one]
    page.get_by_label("From", exact=True).fill("2026-01-01")
    page.wait_for_url("**since=2026-01-01**")
    page.wait_for_selector("#days-fault .fault", state="detached")
    assert page.get_by_label("From", exact=True).get_attribute("aria-invalid") is None
    page.get_by_role("checkbox", name=re.compile("^WES")).check()
    page.wait_for_url("**assay=WES**")
    assert "until=2026-10-01" in page.url


def test_form__errors_are_told_linked_and_focused(hub, visit):
    world, _ = hub
    watch = visit("holder")
    page = watch.open(f"/en/datasets/{world.datasets['centenarians']}/describe")
    page.get_by_label("Licence", exact=True).first.fill("none")
    page.get_by_label("People", exact=True).fill("eight")
    page.get_by_role("button", name="Save draft").first.click()
    page.wait_for_selector("#faults")
    assert page.evaluate("document.activeElement.id") == "faults"
    assert "2 fields need a look" in page.locator("#faults").inner_text()
    described = page.get_by_label("People", exact=True).get_attribute("aria-describedby")
    told = [page.locator(f"#{name}").inner_text() for name in described.split()]
    assert "A whole number is expected." in " ".join(told)
    assert grave_findings(page) == []
    watch.wrong = [one for one in watch.wrong if "422" not in one]
    page.locator("#tabs button[data-show=fr]").click()
    assert page.locator(".tongue[data-language=en]").first.is_hidden()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/catalogue",
        "/datasets/REAL",
        "/datasets/REAL/terms",
        "/inbox",
        "/permits/LONGER",
        "/login",
        "/audit",
    ],
)
def test_phone__nothing_is_wider_than_the_screen(hub, visit, path):
    world, _ = hub
    person = {
        "/inbox": "steward", "/permits/LONGER": "steward", "/audit": "auditor",
        "/datasets/REAL/terms": "holder",
    }.get(path)  # fmt: skip
    watch = visit(person, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = watch.open("/fr" + filled(world, path))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.evaluate(
        "[...document.querySelectorAll('button, .button, input')]"
        ".filter(e => !['hidden', 'checkbox', 'radio'].includes(e.type))"
        ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 28).map(e => "
        "e.outerHTML.slice(0, 80))"
    )
    assert small == []


def test_print__without_what_only_a_screen_needs(hub, visit):
    world, _ = hub
    page = visit().open(f"/en/datasets/{world.datasets[REAL]}")
    page.emulate_media(media="print")
    assert not page.locator(".main-nav").is_visible()
    assert page.locator("#quality").is_visible()


def test_errors__as_pages(visit):
    watch = visit()
    for path, status in (("/en/nowhere", 404), ("/en/account", 401), ("/en/catalogue?page=x", 422)):
        watch.open(path)
        assert grave_findings(watch.page) == []
        assert any(one.startswith(f"{status}:") for one in watch.wrong), path
        watch.wrong.clear()
