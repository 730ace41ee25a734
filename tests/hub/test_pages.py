"""Pages over HTTP: what each reader sees, what forms do, what is refused."""

import json
import re

import pytest
from builders.descriptions import na12878, trio
from builders.hub_pages import REAL_DOCUMENT, SUMMARY, send
from builders.hub_pages import browser_client as browser
from sqlalchemy import select, text

from genomehub.hub import models
from genomehub.hub.access.principals import Principal
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.pages import charts, form, quality
from genomehub.hub.pages.texts import Words
from genomehub.hub.pages.tracks import newest_entry, tracks_of


def described(world, name="open-door", **document):
    """Give a data set another description."""
    with world.hub.database.write() as session:
        dataset = world.dataset(session, name)
        whole = DatasetDescription.model_validate({"title": {"en": "A title"}, **document})
        former = session.get_one(models.Publication, dataset.id)
        row = models.Description(
            dataset_id=dataset.id, version=former.description.version + 1, source="form",
            document=whole.model_dump(mode="json", exclude_defaults=True), created_at=world.clock(),
            created_by="test",
        )  # fmt: skip
        session.add(row)
        session.flush()
        former.description_id, former.state, former.changed_at = row.id, "published", world.clock()


# ---- languages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "language"),
    [
        ("/", {}, "en"),
        ("/", {"Accept-Language": "fr-CH, de;q=0.9"}, "fr"),
        ("/", {"Accept-Language": "de, fr;q=0.5, en;q=0.4"}, "fr"),
        ("/en", {"Accept-Language": "fr"}, "en"),
        ("/fr/catalogue", {}, "fr"),
        ("/", {"Accept-Language": "fr;q=x, ;q=1", "Cookie": "genomehub_language=fr"}, "fr"),
    ],
)
def test_language__by_address_then_cookie_then_browser(sqlite_world, path, headers, language):
    answer = browser(sqlite_world).get(path, headers=headers, follow_redirects=True)
    assert f'<html lang="{language}">' in answer.text
    assert answer.headers["content-language"] == language


def test_language__is_remembered_and_kept_in_links(sqlite_world):
    client = browser(sqlite_world)
    page = client.get("/fr/catalogue?q=door").text
    assert 'href="/fr/datasets/' in page
    assert 'href="/en/catalogue?q=door"' in page
    assert '<html lang="fr">' in client.get("/").text


# ---- what is sent with every page ------------------------------------------------------------------


def test_headers__nothing_from_elsewhere(sqlite_world):
    headers = browser(sqlite_world).get("/").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_pages__no_inline_script_style_or_foreign_source(sqlite_world):
    client = browser(sqlite_world, "holder")
    for path in ("/", "/catalogue", f"/datasets/{sqlite_world.datasets['open-door']}", "/api", "/account"):
        text = client.get(path).text
        assert not re.search(
            r"<script(?![^>]* (src=|type=\"application/ld\+json\"))|<style|\sstyle=|\son[a-z]+=", text
        ), path
        assert not re.search(r'(src|<link[^>]* href)="(https?:)?//(?!hub\.test)', text), path


def test_statics__are_kept_for_ever_and_nothing_else_is_served(sqlite_world):
    client = browser(sqlite_world)
    address = re.search(r'href="(/static/[^"]+hub\.css)"', client.get("/").text)[1]
    answer = client.get(address)
    assert "immutable" in answer.headers["cache-control"]
    for other in ("../texts.py", "%2e%2e/texts.py", "..%2f..%2ftexts.py", "hub.css/", ""):
        assert client.get(f"/static/x/{other}", follow_redirects=True).status_code == 404


def test_errors__a_page_for_browsers_a_problem_for_programs(sqlite_world):
    client = browser(sqlite_world)
    page = client.get("/fr/nulle-part")
    assert page.status_code == 404
    assert "Il n’y a rien ici" in page.text
    answer = client.get("/nowhere", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/api/nowhere").headers["content-type"] == "application/problem+json"


def test_machines__robots_sitemap_security(sqlite_world):
    client = browser(sqlite_world)
    assert "Sitemap: http://hub.test/sitemap.xml" in client.get("/robots.txt").text
    sitemap = client.get("/sitemap.xml").text
    assert sqlite_world.datasets["open-door"] in sitemap
    assert sqlite_world.datasets["back-room"] not in sitemap
    assert "Expires: 2027-11-01T00:00:00Z" in client.get("/.well-known/security.txt").text


# ---- who sees what ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/account", {"holder", "steward", "researcher", "auditor", "administrator"}),
        ("/studies", {"holder", "steward", "researcher", "auditor", "administrator"}),
        ("/describe", {"holder"}),
        ("/inbox", {"steward"}),
        ("/audit", {"auditor"}),
        ("/audit.csv", {"auditor"}),
        ("/people", {"administrator"}),
    ],
)
def test_roles__each_page_is_for_its_own(sqlite_world, path, allowed):
    assert browser(sqlite_world).get(path).status_code == 401
    for person in ("holder", "steward", "researcher", "auditor", "administrator"):
        expected = 200 if person in allowed else 403
        assert browser(sqlite_world, person).get(path).status_code == expected, person


def test_dataset__hidden_answers_as_if_there_were_none(sqlite_world):
    client = browser(sqlite_world, "researcher")
    hidden = client.get(f"/datasets/{sqlite_world.datasets['back-room']}")
    none = client.get("/datasets/00000000-0000-0000-0000-000000000000")
    assert hidden.status_code == none.status_code == 404
    without = [re.sub(r"[0-9a-f-]{36}", "", one.text) for one in (hidden, none)]
    assert without[0] == without[1]
    for path in ("/requests/new?dataset=", "/browser?dataset="):
        assert client.get(path + sqlite_world.datasets["back-room"]).status_code == 404
    assert "Data set back-room" not in client.get("/catalogue").text
    assert "Data set back-room" in browser(sqlite_world, "steward").get("/catalogue").text


def test_dataset__few_people_are_not_counted_and_paths_not_told(sqlite_world):
    described(sqlite_world, n_individuals=7, minimum_age=20, maximum_age=21)
    client = browser(sqlite_world)
    page = client.get(f"/datasets/{sqlite_world.datasets['open-door']}").text
    assert "fewer than 10" in page
    assert "20 – 21" not in page
    assert str(sqlite_world.folder) not in page
    assert "open-door.bam" not in page
    assert "NA12878" not in page, "names of samples are not public"
    assert "fewer people than may be shown" in client.get("/catalogue").text


def test_dataset__withdrawn_says_so_and_no_more(sqlite_world):
    described(sqlite_world, description={"en": "Something about donors"})
    uuid = sqlite_world.datasets["open-door"]
    holder = browser(sqlite_world, "holder")
    path = f"/datasets/{uuid}"
    assert "say why the data set is withdrawn" in send(holder, f"{path}/withdraw", path, reason=" ").text
    assert send(holder, f"{path}/withdraw", path, reason="A donor asked.").status_code == 303
    page = browser(sqlite_world).get(f"/datasets/{uuid}")
    assert page.status_code == 200
    assert "This data set was withdrawn" in page.text
    assert "SHA-256" not in page.text
    assert "A title" not in browser(sqlite_world).get("/catalogue").text


def test_dataset__markup_in_a_description_is_text(sqlite_world):
    described(sqlite_world, description={"en": "<script>alert(1)</script>"}, keywords={"en": ['"><b>x']})
    page = browser(sqlite_world).get(f"/datasets/{sqlite_world.datasets['open-door']}").text
    assert "<script>alert" not in page
    assert '"><b>x' not in page


def test_dataset__is_marked_up_for_search_engines(sqlite_world):
    described(sqlite_world, description={"en": "a </script><b> of it"}, keywords={"en": ["exome"]})
    uuid = sqlite_world.datasets["open-door"]
    client = browser(sqlite_world)
    page = client.get(f"/datasets/{uuid}").text
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, flags=re.DOTALL)
    told = json.loads(found[0])
    assert (told["@type"], told["@id"]) == ("Dataset", f"http://hub.test/datasets/{uuid}")
    assert told["description"] == "a </script><b> of it"
    exported = client.get(f"/api/datasets/{uuid}?format=schema", headers={"Accept": "*/*"})
    assert told == exported.json()


def test_dataset__links_to_formats_that_there_are(sqlite_world):
    client = browser(sqlite_world)
    page = client.get(f"/datasets/{sqlite_world.datasets['open-door']}").text
    links = set(re.findall(r'href="(/api/datasets/[^"]+format=[a-z.]+)"', page))
    assert len(links) == 6
    for link in links:
        assert client.get(link, headers={"Accept": "*/*"}).status_code == 200, link


def test_dataset__versions_and_what_changed(sqlite_world):
    path = f"/datasets/{sqlite_world.datasets['open-door']}"
    holder, visitor = browser(sqlite_world, "holder"), browser(sqlite_world)
    for title in ("First title", "Second title"):
        document = na12878().model_copy(update={"title": {"en": title}})
        sent = send(holder, f"{path}/describe", action="publish", **filled_in(document))
        assert sent.status_code == 303
    send(holder, f"{path}/describe", action="save", **{"title.en": "Third, a draft"})
    page = visitor.get(path).text
    assert "Description, version 3" in page
    assert "Description, version 4" not in page
    link = re.findall(r'href="([^"]+/changes[^"]+)"', page)[0].replace("&amp;", "&")
    changed = visitor.get(link).text
    assert "First title" in changed
    assert "Second title" in changed
    assert "Ce qui a changé" in visitor.get("/fr" + link).text
    assert visitor.get(f"{path}/changes?first=3&second=4").status_code == 404
    assert "Third, a draft" in holder.get(f"{path}/changes?first=3&second=4").text
    assert visitor.get(f"{path}/changes?first=3&second=3").status_code == 200


# ---- search ----------------------------------------------------------------------------------------


def test_catalogue__words_facets_order_and_pages(sqlite_world):
    described(
        sqlite_world, title={"en": "Epilepsies of childhood", "fr": "Épilepsies de l’enfant"},
        n_individuals=250, duo=["DUO:0000006"], languages=["fr"],
        health_categories=["http://healthdataportal.eu/resource/authority/healthcategories/HGPD"],
        holder={"name": {"en": "Lyon hospitals", "fr": "Hospices de Lyon"}},
    )  # fmt: skip
    client = browser(sqlite_world)
    page = client.get("/fr/catalogue?q=épilepsie").text
    for words in (
        "Épilepsies de l’enfant", "Hospices de Lyon", "250 personnes", "100 – 999", "Langues",
        "Recherche en santé, médicale ou biomédicale", "Données génétiques, épigénomiques",
    ):  # fmt: skip
        assert words in page, words
    nothing = client.get("/en/catalogue?q=epilepsy of childhod").text
    assert "Nothing fits all of that" in nothing
    assert "epilepsies" in nothing
    assert "Epilepsies of" in client.get("/en/catalogue?duo=DUO:0000006&size=100-999&sort=size&page=7").text
    assert "Epilepsies of" not in client.get("/en/catalogue?duo=DUO:0000007&sort=nonsense").text
    many = client.get("/en/catalogue?q=" + "+".join(f"word{n}" for n in range(30)))
    assert many.status_code in (400, 422)
    assert "Leave some out" in many.text


def test_catalogue__by_day_of_the_description(sqlite_world):
    described(sqlite_world, title={"en": "Hearts of old"}, modified="2024-05-02")
    client = browser(sqlite_world)
    within = client.get("/en/catalogue?since=2024-05-02&until=2024-05-02").text
    assert "Hearts of old" in within
    assert 'name="since" type="date" min="1900-01-01" max="9999-12-31" value="2024-05-02"' in within
    assert "/fr/catalogue?since=2024-05-02&amp;until=2024-05-02" in within
    outside = client.get("/en/catalogue?until=2024-05-01&sort=title")
    assert outside.status_code == 200
    assert "Hearts of old" not in outside.text
    assert "1 data set fits, but was not changed in these days." in outside.text
    assert 'href="/en/catalogue?sort=title">Look on any day' in outside.text
    assert "changed in these days" not in client.get("/en/catalogue?q=nothing&until=2024-05-01").text


@pytest.mark.parametrize(
    ("query", "sentence", "wrong"),
    [
        ("since=2024-13-01", "“2024-13-01” is no day; write it like 2026-11-28.", 1),
        ("until=<b>", "“&lt;b&gt;” is no day", 1),
        ("since=2024-02-02&until=2024-02-01", "The first day is after the last; exchange them.", 2),
    ],
)
def test_catalogue__wrong_days_are_told_on_the_page(sqlite_world, query, sentence, wrong):
    answer = browser(sqlite_world).get(f"/en/catalogue?{query}")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert answer.text.count('aria-invalid="true"') == wrong
    assert "Data set open-door" in answer.text, "the list is there all the same"
    assert "n’est pas une date" in browser(sqlite_world).get("/fr/catalogue?since=demain").text


def test_home__counts_what_may_be_seen(sqlite_world):
    described(sqlite_world, n_individuals=250)
    told = re.findall(r"<strong>([^<]+)</strong><span>([^<]+)", browser(sqlite_world).get("/").text)
    assert ("250", "people") in told
    assert browser(sqlite_world, "steward").get("/").text.count('class="hit"') >= 1


# ---- login -----------------------------------------------------------------------------------------


def test_login__by_token_and_out_again(sqlite_world):
    client = browser(sqlite_world)
    answer = send(client, "/fr/login", token=sqlite_world.tokens["researcher"], to="/fr/studies")
    assert (answer.status_code, answer.headers["location"]) == (303, "/fr/studies")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert client.get("/account").status_code == 200
    assert send(client, "/logout", "/account").status_code == 303
    assert client.get("/account").status_code == 401


@pytest.mark.parametrize("to", ["https://evil.test", "//evil.test", "/\\evil.test", "javascript:alert(1)"])
def test_login__goes_nowhere_else(sqlite_world, to):
    answer = send(browser(sqlite_world), "/login", token=sqlite_world.tokens["researcher"], to=to)
    assert answer.headers["location"] == "/account"


def test_login__wrong_token_says_so_beside_the_field(sqlite_world):
    answer = send(browser(sqlite_world), "/login", token="ghub_wrong")
    assert answer.status_code == 401
    assert "This token is unknown, expired or revoked." in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_session__ends_with_its_token(sqlite_world):
    client = browser(sqlite_world, "researcher")
    cookie = next(iter(client.cookies))
    assert client.get("/account").status_code == 200
    with sqlite_world.hub.database.write() as session:
        for token in session.scalars(select(models.ApiToken)):
            token.revoked_at = sqlite_world.clock()
    assert client.get("/account").status_code == 401
    client.cookies.set(cookie, "forged")
    assert client.get("/account").status_code == 401


@pytest.mark.parametrize(
    "foreign", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}, {"Origin": "null"}]
)
def test_forms__of_others_are_refused(sqlite_world, foreign):
    client = browser(sqlite_world, "researcher")
    fields = {"title": "Forged hearts"}
    answer = client.post("/studies", data=fields, headers=foreign)
    assert answer.status_code == 403
    assert "not sent by a page of this hub" in answer.text
    token = {"token": sqlite_world.tokens["researcher"]}
    assert browser(sqlite_world).post("/login", data=token, headers=foreign).status_code == 403
    del client.headers["Origin"]
    assert client.post("/studies", data=fields).status_code == 403
    assert "Forged hearts" not in client.get("/studies").text


def test_forms__take_no_file(sqlite_world):
    client = browser(sqlite_world, "researcher")
    assert client.post("/studies", data={"title": "A study"}, files={"x": b"1"}).status_code in (400, 422)


def test_session__ended_everywhere(sqlite_world):
    client, other = browser(sqlite_world, "researcher"), browser(sqlite_world, "researcher")
    assert send(client, "/account/sessions/end", "/account").status_code == 303
    assert client.get("/account").status_code == other.get("/account").status_code == 401


# ---- tokens ----------------------------------------------------------------------------------------


def test_tokens__told_once_and_revoked(sqlite_world):
    client = browser(sqlite_world, "researcher")
    page = send(client, "/account/tokens", "/account", label="laptop", days="30")
    secret = re.search(r"ghub_[\w-]{20,}", page.text)[0]
    assert sqlite_world.client("researcher").get("/health").status_code == 200
    assert secret not in client.get("/account").text
    number = max(re.findall(r"/account/tokens/(\d+)/revoke", client.get("/account").text), key=int)
    other = send(browser(sqlite_world, "colleague"), f"/account/tokens/{number}/revoke", "/account")
    assert other.status_code == 404
    assert send(client, f"/account/tokens/{number}/revoke", "/account").status_code == 303
    assert send(browser(sqlite_world), "/login", token=secret).status_code == 401


# ---- ask, decide, withdraw ---------------------------------------------------------------------------


def test_request__from_study_to_permit_and_withdrawal(world):
    uuid = world.datasets["open-door"]
    described(world, duo=["DUO:0000006", "DUO:0000021"], hdab_days=30)
    asker, steward = browser(world, "researcher"), browser(world, "steward")
    first = send(asker, "/studies", f"/requests/new?dataset={uuid}", title="Hearts", summary="", to=uuid)
    assert first.headers["location"] == f"/requests/new?dataset={uuid}"
    wrong = send(asker, "/requests/new", first.headers["location"], dataset=uuid, purpose="short")
    assert wrong.status_code == 422
    for fault in ("Choose the study", "few sentences", "at least one purpose", "until which day"):
        assert fault in wrong.text
    study = re.search(r'option value="([0-9a-f-]{36})"', wrong.text)[1]
    sent = send(
        asker, "/requests/new", first.headers["location"], dataset=uuid, study=study, purpose=SUMMARY,
        duo=["DUO:0000006"], say=["not-commercial"], ethics_approval="CPP 2026-14", diseases="MONDO:0004975",
        until="2027-06-30",
    )  # fmt: skip
    assert sent.status_code == 303
    request = sent.headers["location"].split("?")[0]
    assert "Waiting for a decision" in asker.get(request).text
    assert browser(world, "colleague").get(request).status_code == 404
    world.clock.turn(days=31)
    asker, steward = browser(world, "researcher"), browser(world, "steward")
    inbox = steward.get("/inbox").text
    assert "Hearts" in inbox
    assert "1 day later than promised" in inbox
    shown = steward.get(request).text
    assert "look at the approval that they name: “CPP 2026-14”" in shown
    assert "le but est la recherche" in browser(world, "steward").get(f"/fr{request}").text
    decision = f"{request}/decision"
    assert "Choose a decision." in send(steward, decision, request).text
    short = send(steward, decision, request, decision="refused", words="no <b>", conditions="Cite us").text
    assert "Say why" in short
    for kept in ('value="refused" checked', ">no &lt;b&gt;</textarea>", ">Cite us</textarea>"):
        assert kept in short
    yes = {
        "decision": "granted",
        "words": "The purpose fits.",
        "conditions": "Cite us.",
        "ends": "2027-05-31",
    }
    assert send(steward, decision, request, **yes).headers["location"] == "/inbox?done=granted"
    assert send(steward, decision, request, **yes).status_code == 409
    assert "Your permit holds until" in asker.get(f"/datasets/{uuid}").text
    assert "Hearts" in browser(world).get("/permits").text
    assert "Researcher" not in browser(world).get("/permits").text
    withdraw = re.search(r'action="(/permits/[^"]+/withdraw)"', steward.get(request).text)[1]
    assert send(steward, withdraw, request, reason="").status_code == 422
    assert send(steward, withdraw, request, reason="Consent was withdrawn.").status_code == 303
    assert "Your permit holds" not in asker.get(f"/datasets/{uuid}").text
    assert "Consent was withdrawn." in asker.get("/studies").text
    log = browser(world, "auditor").get("/audit").text
    for action in ("study-make", "request-submit", "request-decide", "permit-grant", "permit-withdraw"):
        assert action in log


def test_request__returned_changed_and_taken_back(sqlite_world):
    uuid = sqlite_world.datasets["open-door"]
    described(sqlite_world, duo=["DUO:0000007"], hdab_days=30)
    asker, steward = browser(sqlite_world, "researcher"), browser(sqlite_world, "steward")
    study = send(asker, "/studies", title="Hearts", summary="x").headers["location"]
    fields = {"study": study.split("/")[-1], "purpose": SUMMARY, "duo": "DUO:0000007", "until": "2027-01-31"}
    fault = send(asker, "/requests/new", dataset=uuid, diseases="heart", **fields)
    assert fault.status_code == 422
    assert "String should match pattern" in fault.text
    sent = send(asker, "/requests/new", dataset=uuid, **fields)
    request = sent.headers["location"].split("?")[0]
    assert "the data set does not say for which disease" in steward.get(request).text
    terms = {"diseases": ["MONDO:0004975"]}
    put = sqlite_world.client("holder").put(f"/api/datasets/{uuid}/terms", json=terms)
    assert put.status_code == 200
    assert "MONDO:0004975" in browser(sqlite_world).get(f"/datasets/{uuid}").text
    assert "the request names no disease" in steward.get(request).text
    assert asker.get(f"{request}/change").status_code == 409
    question = {"decision": "returned", "words": "Which disease is it?"}
    assert send(steward, f"{request}/decision", request, **question).status_code == 303
    assert "Which disease is it?" in asker.get(request).text
    form = asker.get(f"{request}/change").text
    assert SUMMARY[:40] in form
    again = send(asker, f"{request}/change", diseases="MONDO:0004975", **fields)
    assert again.headers["location"] == f"{request}?done=sent"
    assert "the study is on MONDO:0004975" in steward.get(request).text
    assert send(asker, f"{request}/cancel", request).status_code == 303
    assert send(asker, f"{request}/cancel", request).status_code == 409
    assert "Withdrawn by the study" in asker.get(request).text


# ---- terms of a data set -------------------------------------------------------------------------------


def published(world):
    """Publish a whole description of the open door; return the path of its terms."""
    path = f"/datasets/{world.datasets['open-door']}"
    answer = send(browser(world, "holder"), f"{path}/describe", action="publish", **filled_in(na12878()))
    assert answer.status_code == 303
    return f"{path}/terms"


def agent_of(document):
    """What a browser sends of who decides, how fast and under which conditions."""
    sent = filled_in(document)
    return {
        name: text for name, text in sent.items() if name.startswith(("hdab.", "hdab_days", "conditions."))
    }


def test_terms__set_seen_by_all_and_remembered(world):
    path, holder = published(world), browser(world, "holder")
    fields = agent_of(na12878()) | {
        "duo": ["DUO:0000007", "DUO:0000026", "DUO:0000025"], "diseases": "MONDO:0004975\nMONDO:0005148",
        "people": "ada@hub.test", "months": "24", "hdab_days": "45",
    }  # fmt: skip
    assert send(holder, path, version="", **fields).headers["location"] == f"{path}?done=saved"
    visitor = browser(world).get(path.removesuffix("/terms")).text
    for shown in (
        "MONDO:0004975, MONDO:0005148",
        "45 days promised",
        "DUO:0000007",
        "Months of use, at most",
    ):
        assert shown in visitor
    assert "ada@hub.test" not in visitor
    page = holder.get(path).text
    assert "ada@hub.test</textarea>" in page
    assert "Steward" in page.partition("Who decides in this hub")[2]
    assert browser(world).get(path).status_code == 401
    assert browser(world, "researcher").get(path).status_code == 403
    send(browser(world, "steward"), path, **(fields | {"months": "12", "hdab_days": "30"}))
    past = holder.get(path).text.partition("How they changed")[2]
    for line in ("<del>24</del> <ins>12</ins>", "<del>45</del> <ins>30</ins>", "Steward", "Holder"):
        assert line in past
    assert "ada@hub.test" not in past
    log = world.client("auditor").get("/api/audit", params={"action": "terms"}).json()["events"]
    assert [one["detail"]["terms"]["months"] for one in log] == [12, 24]
    assert log[0]["detail"]["terms"]["people"] == 1, "addresses are not kept for ever"
    n_events = len(log)
    send(holder, path, **(fields | {"months": "12", "hdab_days": "30"}))
    log = world.client("auditor").get("/api/audit", params={"action": "terms"}).json()["events"]
    assert len(log) == n_events, "the same again is no change"


def test_terms__faults_beside_their_fields_and_nothing_saved(sqlite_world):
    path, holder = published(sqlite_world), browser(sqlite_world, "holder")
    before = holder.get(f"/en{path}").text
    answer = send(
        holder, path, duo=["DUO:0000007", "DUO:0000025"], diseases="hearts", months="many", countries="FR",
        hdab_days="soon",
    )  # fmt: skip
    assert answer.status_code == 422
    for fault in (
        "Write numbers of MONDO, one a line", "Write a number of months from 1 to 600.", "A whole number",
        "Choose this code, too, or empty the field", "Nothing was saved", ">hearts</textarea>",
    ):  # fmt: skip
        assert fault in answer.text, fault
    assert answer.text.count('aria-invalid="true"') == 4
    french = send(holder, "/fr" + path, duo=["DUO:0000007"], diseases="hearts").text
    assert "Écrivez des numéros MONDO" in french
    assert holder.get(f"/en{path}").text == before
    without = send(holder, path, duo=["DUO:0000042"])
    assert without.status_code == 422, "who decides is needed of what is published"
    assert "Health data access body" in without.text
    assert holder.get(f"/en{path}").text == before


def test_terms__of_a_draft_count_when_it_is_published(sqlite_world):
    path, holder = published(sqlite_world), browser(sqlite_world, "holder")
    describe = path.removesuffix("terms") + "describe"
    changed = filled_in(na12878()) | {"title.en": ["A better title"]}
    send(holder, describe, action="save", **changed)
    fields = agent_of(na12878()) | {"duo": ["DUO:0000042"], "hdab_days": "99"}
    assert send(holder, path, **fields).headers["location"] == f"{path}?done=draft"
    assert "A better title" in holder.get(describe).text
    visitor = browser(sqlite_world)
    assert "99 days" not in visitor.get(path.removesuffix("/terms")).text
    assert send(holder, path, version="1", **fields).status_code == 409


def test_study__people_are_invited_join_lead_and_leave(sqlite_world):
    asker, other = browser(sqlite_world, "researcher"), browser(sqlite_world, "colleague")
    study = send(asker, "/studies", title="Hearts", summary="x").headers["location"]
    wrong = send(asker, f"{study}/invitations", study, email="nobody")
    assert "is no e-mail address" in wrong.text
    assert send(asker, f"{study}/invitations", study, email="colleague@hub.test").status_code == 303
    assert other.get(study).status_code == 404
    join = re.search(r'action="(/invitations/[^"]+/accept)"', other.get("/studies").text)[1]
    assert send(other, join, "/studies").headers["location"] == study
    again = send(asker, f"{study}/invitations", study, email="colleague@hub.test")
    assert "is in the study already" in again.text
    assert send(other, f"{study}/invitations", study, email="x@hub.test").status_code == 403
    members = re.findall(r'action="(/studies/[^"]+/members/[^"]+)"', asker.get(study).text)
    assert send(asker, members[1], study, change="lead").status_code == 303
    assert send(other, members[0], study, change="leave").status_code == 303
    assert asker.get(study).status_code == 404


def test_study__shows_who_accessed_what(sqlite_world):
    sqlite_world.permit("researcher", "open-door")
    client = browser(sqlite_world, "researcher")
    study = re.search(r'href="(/studies/[0-9a-f-]{36})"', client.get("/studies").text)[1]
    assert "Nothing was accessed" in client.get(study).text
    with sqlite_world.hub.database.read() as session:
        permit = session.scalars(select(models.Permit.uuid)).one()
        number = sqlite_world.dataset(session, "open-door").id
        who = Principal(sqlite_world.people["researcher"], uuid_of(session, sqlite_world, "researcher"))
    sqlite_world.hub.desk.journal.record(who, "access", number, reason="permit", permit=permit)
    page = client.get(study).text
    assert "access</span>" in page
    assert "Researcher" in page


def uuid_of(session, world, person):
    return session.get_one(models.Person, world.people[person]).uuid


# ---- the form --------------------------------------------------------------------------------------


def test_form__asks_every_field_once():
    asked = [field.name for _, fields in form.groups({}) for field in fields]
    assert sorted(asked) == sorted(DatasetDescription.model_fields)
    needed = {field.name for _, fields in form.groups({}, ["hdh"]) for field in fields if field.needed}
    assert {"title", "publisher", "spatial"} <= needed


def posted_of(fields):
    """What a browser sends of a drawn form."""
    sent: dict[str, list[str]] = {}
    for field in fields:
        if field.widget == "part":
            sent |= posted_of(field.within)
        elif field.widget == "many":
            for one in field.within:
                sent |= posted_of(one)
        elif field.widget in ("texts", "words"):
            sent |= {f"{field.name}.{language}": [text] for language, text in field.value.items()}
        elif field.several:
            sent[field.name] = field.value
        else:
            sent[field.name] = [field.value]
    return sent


def filled_in(document):
    """What a browser sends of a form with a document in it."""
    raw = document.model_dump(mode="json", exclude_defaults=True)
    return posted_of([field for _, fields in form.groups(raw) for field in fields])


@pytest.mark.parametrize(
    "document",
    [DatasetDescription.model_validate(REAL_DOCUMENT), na12878(), trio()],
    ids=["real", "one", "trio"],
)
def test_form__drawn_and_read_back_is_the_same_document(document):
    read, faults = form.check(form.read(filled_in(document)))
    assert faults == []
    assert read == document


def test_form__offers_vocabularies_in_both_languages(sqlite_world):
    path = f"/datasets/{sqlite_world.datasets['open-door']}/describe"
    client = browser(sqlite_world, "holder")
    french = client.get("/fr" + path).text
    for words in ("Recherche générale", "Organisme responsable de l&#39;accès", "Données personnelles"):
        assert words in french
    assert '<option value="http://publications.europa.eu/resource/authority/country/FRA"' in french
    assert "Human genetic, epigenomic and genomic data" in client.get("/en" + path).text


def test_form__faults_beside_their_fields_and_nothing_saved(sqlite_world):
    client, uuid = browser(sqlite_world, "holder"), sqlite_world.datasets["open-door"]
    path = f"/datasets/{uuid}/describe"
    fields = {
        "title.en": "Better", "license": "not an address", "n_individuals": "many", "issued": "yesterday",
        "tables.0.title.en": "T", "tables.0.variables.0.name": "", "tables.0.variables.0.unit": "a",
        "documentation": "http://ok.example/\nno", "maximum_age": "500",
    }  # fmt: skip
    page = send(client, path, action="save", **fields)
    assert page.status_code == 422
    assert page.text.count("This is no address; it begins with https:// and has no spaces.") >= 2
    for fault in ("A whole number is expected.", "A day is expected", "This is needed.", "too large"):
        assert fault in page.text
    assert 'id="f-tables-0-variables-0-name-fault1"' in page.text
    assert 'value="Better"' in page.text, "what was written stays"
    assert "Better" not in client.get(f"/datasets/{uuid}").text


def test_form__draft_then_published(sqlite_world):
    client, uuid = browser(sqlite_world, "holder"), sqlite_world.datasets["open-door"]
    path, visitor = f"/datasets/{uuid}/describe", browser(sqlite_world)
    assert send(client, path, action="save", **{"title.en": "A draft"}).status_code == 303
    assert "A draft" in client.get(path).text
    assert "A draft" not in visitor.get(f"/datasets/{uuid}").text
    missing = send(client, path, action="publish", **{"title.en": "Another"})
    assert missing.status_code == 422
    assert "Is required. Say what was measured on whom, how and why." in missing.text
    assert 'id="f-description-fault1"' in missing.text
    assert "Est obligatoire. Dites ce qui a été mesuré" in send(
        client, "/fr" + path, action="publish", **{"title.en": "Another"}
    ).text  # fmt: skip
    assert "Another" not in client.get(path).text, "nothing was saved"
    published = send(client, path, action="publish", **filled_in(na12878()))
    assert published.headers["location"].endswith("done=published")
    assert "a megabase of chromosome 20" in visitor.get(f"/datasets/{uuid}").text
    assert "Before it can be published" not in client.get(path).text
    log = browser(sqlite_world, "auditor").get("/audit").text
    assert "save-description" in log


def test_form__two_at_once_is_told(sqlite_world):
    client, uuid = browser(sqlite_world, "holder"), sqlite_world.datasets["open-door"]
    path = f"/datasets/{uuid}/describe"
    version = re.search(r'name="version" value="(\d+)"', client.get(path).text)[1]
    assert send(client, path, action="save", version=version, **{"title.en": "First"}).status_code == 303
    second = send(client, path, action="save", version=version, **{"title.en": "Second"})
    assert second.status_code == 409
    assert "someone saved in between" in second.text
    assert "First" in client.get(path).text


@pytest.mark.parametrize(
    ("place", "drawn"),
    [("hdab.contact.email", "hdab.contact.email"), ("distributions.7.format", "distributions"),
     ("title.en", "title"), ("nowhere", "nowhere")],
)  # fmt: skip
def test_form__a_fault_without_field_is_told_at_its_part(place, drawn):
    fault = form.Fault(place, {"en": "x"}, "wrong")
    assert [one.name for one in form.place([fault], form.groups({}))] == [drawn]


def test_form__one_more_part_without_script(sqlite_world):
    client, uuid = browser(sqlite_world, "holder"), sqlite_world.datasets["open-door"]
    fields = {"title.en": "T", "tables.0.title.en": "Samples", "action": "more:tables"}
    page = send(client, f"/datasets/{uuid}/describe", **fields)
    assert 'name="tables.1.title.en"' in page.text
    assert 'value="Samples"' in page.text


def test_describe__new_data_set(sqlite_world):
    client = browser(sqlite_world, "holder")
    made = send(client, "/describe", project="genomes", name="Atlas")
    assert made.status_code == 303
    assert client.get(made.headers["location"]).status_code == 200
    again = send(client, "/describe", project="genomes", name="Atlas")
    assert "has a data set 'Atlas' already" in again.text.replace("&#39;", "'")
    assert send(browser(sqlite_world, "researcher"), "/describe", "/studies").status_code == 403


# ---- staff -----------------------------------------------------------------------------------------


def test_people__roles_given_and_taken(sqlite_world):
    client = browser(sqlite_world, "administrator")
    uuid = re.search(r"/people/([0-9a-f-]{36})\">Researcher", client.get("/people?q=resea").text)[1]
    path = f"/people/{uuid}"
    assert send(client, f"{path}/roles", path, role="auditor", project="", change="give").status_code == 303
    assert browser(sqlite_world, "researcher").get("/audit").status_code == 200
    assert send(client, f"{path}/roles", path, role="auditor", project="", change="take").status_code == 303
    assert browser(sqlite_world, "researcher").get("/audit").status_code == 403
    assert send(client, f"{path}/roles", path, role="king", change="give").status_code == 422
    reader = browser(sqlite_world, "researcher")
    assert send(client, f"{path}/state", path, change="disable").status_code == 303
    assert reader.get("/account").status_code == 401


def test_audit__filtered_and_as_csv(sqlite_world):
    send(browser(sqlite_world, "researcher"), "/studies", title="=1+1", summary="")
    client = browser(sqlite_world, "auditor")
    page = client.get("/audit?person=resear").text
    assert "study-make" in page
    assert "register</span>" not in page
    assert "open-door" in client.get("/audit?dataset=open&action=register").text
    assert client.get("/audit?since=tomorrow").status_code == 400
    csv = client.get("/audit.csv?since=2026-01-01").text
    assert csv.startswith("id,time,actor")
    assert not re.search(r"(^|,)[=+@]", csv, re.MULTILINE)
    log = client.get("/audit?action=audit-read").text
    assert "csv" in log
    assert "The log is what was written" in client.get("/audit/verify").text
    with sqlite_world.hub.database.write() as session:
        session.execute(text("DROP TRIGGER event_no_update"))
        session.execute(text("UPDATE event SET actor = 'nobody' WHERE id = 1"))
    assert "The log is not what was written." in client.get("/audit/verify").text


# ---- files for the genome browser --------------------------------------------------------------------


def test_browser__tracks_come_by_the_gate_into_the_log(sqlite_world):
    with sqlite_world.hub.database.read() as session:
        entry = newest_entry(session, sqlite_world.dataset(session, "open-door"))
        drawn = {track["format"]: track for track in tracks_of(entry)}
    assert set(drawn) == {"bam", "vcf"}
    assert browser(sqlite_world).get(drawn["bam"]["url"]).status_code == 401
    researcher = browser(sqlite_world, "researcher")
    assert researcher.get(drawn["bam"]["url"]).status_code == 403
    sqlite_world.permit("researcher", "open-door")
    for track in drawn.values():
        for place in (track["url"], track["indexURL"]):
            part = researcher.get(place, headers={"Range": "bytes=0-17"})
            assert (part.status_code, len(part.content)) == (206, 18)
    auditor = sqlite_world.client("auditor")
    read = auditor.get("/api/audit", params={"action": "download"}).json()
    assert len(read["events"]) == 4


# ---- plots -----------------------------------------------------------------------------------------


def test_plots__of_odd_or_missing_numbers():
    words = Words("en")
    assert quality.plots({}, words) == []
    odd = {"coverage": {"histogram": "x"}, "insert_size": {"orientations": {"FR": None}}, "summary": 3}
    assert quality.plots(odd, words) == []
    assert quality.figures(odd, words) == []
    assert quality.figures({"summary": {"ti_tv": 2.0}, "checks": "x"}, words)[0].value == "2"


def test_histogram__bars_axis_and_words():
    drawn = charts.histogram([0, 1, 4, 0], title='mean "2"', axis="depth", mark=2)
    assert drawn.count('class="bar"') == 2
    assert 'aria-label="mean &#34;2&#34;"' in drawn
    assert "style=" not in drawn
    assert charts.histogram([], title="none", axis="x").count("<rect") == 0
    assert "NaN" not in charts.lines([[None, 3.0, None]], title="one", axis="x")
