"""E-mails: who is told of what, in which language; a mail server on loopback that is down, rude or slow."""

import inspect
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from builders.mail import MailServer, knows, mailing, post, trusted_tls
from builders.uploads import Service
from pydantic import SecretStr
from sqlalchemy import select

from genomehub.hub import models
from genomehub.hub.access import studies
from genomehub.hub.access.people import add_person
from genomehub.hub.access.studies import leave
from genomehub.hub.notices import occasions, outbox
from genomehub.hub.pages.letters import LETTERS
from genomehub.hub.service.postman import look_round, mail_server, posting

UNTIL = "2027-06-30T00:00:00Z"


@pytest.fixture
def server():
    with MailServer() as made:
        yield made


def asked(world, title="Hearts"):
    """Make a study and submit its request for the open door; return the request's identifier."""
    client = world.client("researcher")
    study = client.post("/api/studies", json={"title": title}).json()
    wish = {
        "purpose": "To learn why hearts fail", "duo": ["DUO:0000042"],
        "datasets": [world.datasets["open-door"]], "people": [study["members"][0]["uuid"]], "until": UNTIL,
    }  # fmt: skip
    request = client.post(f"/api/studies/{study['uuid']}/requests", json=wish).json()["uuid"]
    assert client.post(f"/api/requests/{request}/submit").status_code == 200
    return request


def decide(world, request, granted=True):
    ruling = {"granted": granted, "reason": "A secret reason"}
    answer = world.client("steward").post(f"/api/requests/{request}/decision", json=ruling)
    assert answer.status_code == 200
    return answer.json()["permit"]


def waiting(world):
    """Return kinds of letters that wait, and of those given up with why."""
    with world.hub.database.read() as session:
        rows = session.scalars(select(models.Notice).order_by(models.Notice.id)).all()
        kept = [one.kind for one in rows if one.sent_at is None and one.given_up_at is None]
        return kept, {one.kind: one.failure for one in rows if one.given_up_at is not None}


def person(session, world, name):
    return session.get_one(models.Person, world.people[name])


# ---- who is told of what ---------------------------------------------------------------------------------


def test_request__stewards_are_told_and_then_the_study(world, server):
    mailing(world, server, contact_email="help@hub.test", mail_from="hub@hub.test")
    with world.hub.database.write() as session:
        person(session, world, "researcher").language = "fr"
    request = asked(world)
    assert waiting(world)[0] == ["request-waits"]
    assert post(world).n_sent == 1
    (letter,) = server.letters
    assert (letter["To"], letter["From"]) == ("Steward <steward@hub.test>", "Test hub <hub@hub.test>")
    assert letter["Subject"] == "[Test hub] A request waits for your decision"
    assert (letter["Reply-To"], letter["Auto-Submitted"]) == ("help@hub.test", "auto-generated")
    text = letter.get_content()
    assert "The study “Hearts” asks for data that you decide about." in text
    assert f"http://hub.test/en/requests/{request}" in text
    assert "http://hub.test/en/account" in text
    for private in ("why hearts fail", "open-door", "Researcher", "researcher@"):
        assert private not in text, "what it is about stands behind the login"
    decide(world, request)
    post(world)
    (answer,) = server.to("researcher@hub.test")
    assert answer["Subject"] == "[Test hub] Votre demande a été accordée"
    assert answer["Content-Language"] == "fr"
    assert f"http://hub.test/fr/requests/{request}" in answer.get_content()
    assert "A secret reason" not in answer.get_content()
    assert len(server.letters) == 2, "who did it is not told"
    assert post(world).n_sent == 0
    log = world.client("auditor").get("/api/audit", params={"action": "notice-send"}).json()["events"]
    assert [one["detail"]["kind"] for one in log] == ["request-granted", "request-waits"]
    assert all(one["actor"] == "hub" for one in log)


def test_request__returned_refused(sqlite_world, server):
    mailing(sqlite_world, server)
    request, client = asked(sqlite_world), sqlite_world.client("steward")
    client.post(f"/api/requests/{request}/return", json={"question": "Whose hearts?"})
    post(sqlite_world)
    subjects = [one["Subject"] for one in server.letters]
    assert subjects == ["[Test hub] Questions about your request"], "what waited for the steward does no more"
    assert waiting(sqlite_world) == ([], {"request-waits": "nobody or nothing to tell any more"})
    sqlite_world.clock.turn(minutes=1)
    sqlite_world.client("researcher").post(f"/api/requests/{request}/submit")
    decide(sqlite_world, request, granted=False)
    post(sqlite_world)
    assert server.letters[-1]["Subject"] == "[Test hub] Your request was refused"


def test_invitation__is_sent_once_to_people_who_are_known(world, server):
    mailing(world, server)
    with world.hub.database.write() as session:
        person(session, world, "colleague").language = "fr"
    client = world.client("researcher")
    study = client.post("/api/studies", json={"title": "Hearts", "summary": "Private"}).json()["uuid"]
    for email in ("Colleague@hub.test", "colleague@hub.test", "auditor@hub.test", "nobody@else.test"):
        assert client.post(f"/api/studies/{study}/invitations", json={"email": email}).status_code == 201
    auditor = world.client("auditor")
    (invitation,) = auditor.get("/api/account/invitations").json()
    assert auditor.post(f"/api/account/invitations/{invitation['uuid']}/accept").status_code == 200
    done = post(world)
    assert (done.n_sent, done.n_dropped) == (1, 1), "who has accepted is not told any more"
    (letter,) = server.letters
    assert letter["To"] == "Colleague <colleague@hub.test>"
    assert letter["Subject"] == "[Test hub] Une étude vous invite"
    text = " ".join(letter.get_content().split())
    assert "L’étude « Hearts » vous invite à la rejoindre, jusqu’au 28 décembre 2026." in text
    assert "http://hub.test/fr/studies" in text
    assert "Private" not in text


def test_invitation__that_has_expired_is_not_sent(sqlite_world, server):
    mailing(sqlite_world, server)
    client = sqlite_world.client("researcher")
    study = client.post("/api/studies", json={"title": "Hearts"}).json()["uuid"]
    client.post(f"/api/studies/{study}/invitations", json={"email": "colleague@hub.test"})
    sqlite_world.clock.turn(days=31)
    assert post(sqlite_world).n_dropped == 1
    assert server.letters == []


def invited(world, *emails, title="Hearts", status=201):
    """Make a study that invites addresses; return the last answer."""
    client = world.client("researcher")
    study = client.post("/api/studies", json={"title": title, "summary": "Private"}).json()["uuid"]
    for email in emails:
        answer = client.post(f"/api/studies/{study}/invitations", json={"email": email})
        assert answer.status_code == status, answer.text
    return answer.json()


LOGIN = {"oidc_issuer": "https://login.hub.test", "oidc_everybody": True}


def test_invitation__of_a_stranger_tells_nothing_of_the_study(world, server):
    mailing(world, server, contact_email="help@hub.test", mail_from="hub@hub.test", **LOGIN)
    answers = [invited(world, email) for email in ("Nobody@Else.test", "colleague@hub.test")]
    assert answers[0].keys() == answers[1].keys(), "who invites is not told who is known here"
    assert post(world).n_sent == 2
    (letter,) = server.to("nobody@else.test")
    assert letter["Subject"] == "[Test hub] You are invited to a study"
    assert letter["Reply-To"] == "help@hub.test"
    text = " ".join(letter.get_content().split())
    assert "Log in with this e-mail address until 28 December 2026" in text
    assert "http://hub.test/en/studies" in text
    for private in ("Hearts", "Private", "Researcher", "researcher@"):
        assert private not in letter.as_string()
    assert post(world).n_sent == 0
    log = world.client("auditor").get("/api/audit", params={"action": "notice-send"}).json()["events"]
    assert {frozenset(one["detail"]) for one in log} == {
        frozenset({"kind", "person"}), frozenset({"kind", "invitation"})
    }  # fmt: skip
    assert "else.test" not in str(log)


def test_invitation__of_a_stranger_once_in_thirty_days(world, server):
    mailing(world, server, default_language="fr", **LOGIN)
    for title in ("Hearts", "Lungs"):
        invited(world, "nobody@else.test", "nobody@else.test", title=title)
        post(world)
    world.clock.turn(days=29)
    invited(world, "nobody@else.test", title="Eyes")
    assert post(world).n_sent == 0
    assert [one["Subject"] for one in server.letters] == ["[Test hub] Vous êtes invité à une étude"]
    world.clock.turn(days=2)
    look_round(world.hub)
    with world.hub.database.read() as session:
        assert session.scalars(select(models.Notice)).all() == [], "the address is forgotten"
    invited(world, "nobody@else.test", title="Ears")
    assert post(world).n_sent == 1


@pytest.mark.parametrize("settings", [{}, {"oidc_everybody": False}, {"oidc_issuer": None}])
def test_invitation__of_a_stranger_only_who_can_log_in(sqlite_world, server, settings):
    mailing(sqlite_world, server, **(LOGIN | settings))
    invited(sqlite_world, "nobody@else.test")
    assert post(sqlite_world).n_sent == (0 if settings else 1)


def test_invitation__of_a_stranger_who_came_meanwhile_is_not_sent(sqlite_world, server):
    mailing(sqlite_world, server, **LOGIN)
    invited(sqlite_world, "nobody@else.test", "other@else.test")
    with sqlite_world.hub.database.write() as session:
        add_person(session, "Nobody", "nobody@else.test", sqlite_world.clock())
    sqlite_world.clock.turn(days=31)
    done = post(sqlite_world)
    assert (done.n_sent, done.n_dropped) == (0, 2), "one is known, the other's invitation has expired"


def test_invitation__so_many_in_a_day_whoever_they_are(sqlite_world, monkeypatch):
    monkeypatch.setattr(studies, "MAXIMAL_INVITATIONS", 3)
    invited(sqlite_world, "a@else.test", "colleague@hub.test", "b@else.test", "b@else.test")
    for email in ("c@else.test", "auditor@hub.test"):
        answer = invited(sqlite_world, email, title=email, status=429)
        assert answer["detail"] == "you have invited 3 people in a day. Go on tomorrow."
    sqlite_world.clock.turn(days=1, minutes=1)
    invited(sqlite_world, "c@else.test", title="Tomorrow")


def test_permit__withdrawn_changed_and_longer(sqlite_world, server):
    mailing(sqlite_world, server)
    permit = decide(sqlite_world, asked(sqlite_world))
    lead, steward = sqlite_world.client("researcher"), sqlite_world.client("steward")
    wish = {"until": "2027-12-31T23:59:59Z", "reason": "The trial goes on"}
    extension = lead.post(f"/api/permits/{permit}/extensions", json=wish).json()["uuid"]
    post(sqlite_world)
    assert [one["Subject"] for one in server.to("steward@hub.test")] == [
        "[Test hub] A study asks for a longer permit"
    ]
    steward.post(f"/api/extensions/{extension}/decision", json={"granted": True, "reason": "Good"})
    post(sqlite_world)
    assert "holds until 31 December 2027" in server.letters[-1].get_content().replace("\n", " ")
    steward.post(f"/api/permits/{permit}/extend", json={"ends": "2027-05-01T00:00:00Z"})
    post(sqlite_world)
    assert server.letters[-1]["Subject"] == "[Test hub] A permit now holds until 1 May 2027"
    steward.post(f"/api/permits/{permit}/withdraw", json={"reason": "Enough"})
    post(sqlite_world)
    assert server.letters[-1]["Subject"] == "[Test hub] A permit was withdrawn"
    assert f"/en/permits/{permit}" in server.letters[-1].get_content()


def test_permit__its_people_are_warned_once_of_each_day(world, server):
    mailing(world, server, permit_warning_days=[30, 7])
    with world.hub.database.write() as session:
        session.execute(models.Person.__table__.update().values(language="fr"))
    permit, short = (
        world.permit("researcher", "open-door", ends=40),
        world.permit("colleague", "open-door", ends=5),
    )
    for _ in range(3):
        look_round(world.hub)
    post(world)
    assert server.letters == [], "the short one began within its warnings"
    world.clock.turn(days=11)
    for _ in range(3):
        look_round(world.hub)
        post(world)
    (letter,) = server.letters
    assert letter["Subject"] == "[Test hub] Une autorisation prend fin le 7 janvier 2027"
    assert f"/fr/permits/{permit}" in letter.get_content()
    world.clock.turn(days=23)
    look_round(world.hub)
    post(world)
    assert len(server.letters) == 2
    world.client("steward").post(f"/api/permits/{permit}/extend", json={"ends": "2027-02-10T00:00:00Z"})
    look_round(world.hub)
    world.clock.turn(days=1)
    look_round(world.hub)
    post(world)
    assert len(server.letters) == 3, "of the change; the warning comes when 30 days are left"
    world.clock.turn(days=9)
    look_round(world.hub)
    post(world)
    assert len(server.letters) == 4
    assert short not in "".join(one.get_content() for one in server.letters)


@pytest.mark.parametrize("why", ["role", "disabled", "unsubscribed", "no address", "decided"])
def test_letter__is_none_for_who_may_not_see_or_does_not_want_it(sqlite_world, server, why):
    mailing(sqlite_world, server)
    request = asked(sqlite_world)
    if why == "unsubscribed":
        client = sqlite_world.client("steward")
        assert client.put("/api/account/notices", json={"wanted": False}).json()["wanted"] is False
        assert client.get("/api/account").json()["notices"] == {"wanted": False, "language": None}
    elif why == "decided":
        decide(sqlite_world, request)
    with sqlite_world.hub.database.write() as session:
        steward = person(session, sqlite_world, "steward")
        if why == "role":
            session.delete(steward.roles[0])
        elif why == "disabled":
            steward.disabled_at = sqlite_world.clock()
        elif why == "no address":
            steward.email = None
    done = post(sqlite_world)
    assert server.to("steward@hub.test") == []
    assert done.n_dropped == 1
    assert "request-waits" in waiting(sqlite_world)[1]


def test_letter__is_none_for_who_left_the_study(sqlite_world, server):
    mailing(sqlite_world, server)
    decide(sqlite_world, asked(sqlite_world))
    with sqlite_world.hub.database.write() as session:
        study = session.scalars(select(models.Study)).one()
        member = models.StudyMember(study_id=study.id, person_id=sqlite_world.people["colleague"], lead=True)
        session.add(member)
        session.flush()
        session.expire_all()
        leave(session, study, person(session, sqlite_world, "researcher").uuid)
    post(sqlite_world)
    assert server.to("researcher@hub.test") == []


def test_outbox__stays_empty_without_a_mail_server(sqlite_world):
    decide(sqlite_world, asked(sqlite_world))
    look_round(sqlite_world.hub)
    assert waiting(sqlite_world) == ([], {})
    with posting(sqlite_world.hub):
        assert "postman" not in {thread.name for thread in threading.enumerate()}


def test_outbox__forgets_what_was_sent_long_ago(sqlite_world, server):
    mailing(sqlite_world, server)
    asked(sqlite_world)
    post(sqlite_world)
    for days, n_kept in ((399, 1), (2, 0)):
        sqlite_world.clock.turn(days=days)
        look_round(sqlite_world.hub)
        with sqlite_world.hub.database.read() as session:
            assert session.query(models.Notice).count() == n_kept


def test_settings__a_password_is_not_shown(sqlite_world, server):
    secret = {"mail_user": "hub", "mail_password": SecretStr("a password"), "mail_security": "tls"}
    mailing(sqlite_world, server, **secret)
    assert "a password" not in repr(mail_server(sqlite_world.hub.settings))


def test_outbox__nothing_without_the_change(sqlite_world, server):
    mailing(sqlite_world, server)
    asked(sqlite_world)

    def change():
        with sqlite_world.hub.database.write() as session:
            steward = person(session, sqlite_world, "steward")
            outbox.put(session, "request-waits", [steward], "other", "now", sqlite_world.clock())
            raise RuntimeError("the change fails")

    with pytest.raises(RuntimeError, match="the change fails"):
        change()
    assert waiting(sqlite_world)[0] == ["request-waits"]


def test_letter__odd_names_and_titles_are_headers_of_one_line(sqlite_world, server):
    mailing(sqlite_world, server, name="Hub génomique")
    with sqlite_world.hub.database.write() as session:
        person(session, sqlite_world, "steward").name = 'Ada "Ł" O\'Hara,\n Bcc: evil@hub.test'
    asked(sqlite_world, title="Cœur <b>\nBcc: evil@hub.test %(x)s {y}")
    assert post(sqlite_world).n_sent == 1
    (letter,) = server.letters
    assert letter["Bcc"] is None
    assert letter["To"].addresses[0].addr_spec == "steward@hub.test"
    assert "Cœur <b> Bcc: evil@hub.test %(x)s {y}" in letter.get_content()


def test_letter__an_address_that_is_none_holds_nobody_up(sqlite_world, server):
    mailing(sqlite_world, server)
    with sqlite_world.hub.database.write() as session:
        person(session, sqlite_world, "steward").email = "a b@@hub.test"
    request = asked(sqlite_world)
    assert post(sqlite_world).n_dropped == 1
    assert "the address cannot be written to" in waiting(sqlite_world)[1]["request-waits"]
    decide(sqlite_world, request)
    assert post(sqlite_world).n_sent == 1


def test_letters__of_every_kind_are_told_by_somebody():
    source = inspect.getsource(occasions)
    assert {kind for kind in LETTERS if f'"{kind}"' not in source} == set()


# ---- a mail server that is not at its best ---------------------------------------------------------------


def test_server__down_then_up(world):
    with MailServer() as server:
        mailing(world, server)
    asked(world)  # nobody waits for the mail server
    for wait in (1, 2, 4, 8):
        done = post(world)
        assert (done.n_sent, done.n_postponed) == (0, 1)
        assert "refused" in done.failure
        assert post(world).n_postponed == 0, "not at once again"
        world.clock.turn(minutes=wait, seconds=1)
    server.start()
    assert post(world).n_sent == 1
    server.stop()
    assert len(server.letters) == 1
    assert waiting(world) == ([], {})


def test_server__refuses_for_now_or_for_ever(sqlite_world, server):
    mailing(sqlite_world, server)
    request = asked(sqlite_world)
    server.answer = lambda address: "451 busy"
    assert post(sqlite_world).n_postponed == 1
    sqlite_world.clock.turn(minutes=2)
    server.answer = lambda address: None
    assert post(sqlite_world).n_sent == 1
    server.answer = lambda address: "550 no such person" if address == "researcher@hub.test" else None
    decide(sqlite_world, request)
    assert post(sqlite_world).n_dropped == 1
    assert waiting(sqlite_world)[1] == {"request-granted": "the mail server answered 550 no such person"}
    log = sqlite_world.client("auditor").get("/api/audit", params={"action": "notice-fail"}).json()["events"]
    assert [one["detail"]["kind"] for one in log] == ["request-granted"]


def test_server__gives_up_after_days(sqlite_world):
    with MailServer() as server:
        mailing(sqlite_world, server, mail_days=2)
    asked(sqlite_world)
    tries = 0
    while waiting(sqlite_world)[0]:
        tries += post(sqlite_world).n_postponed
        sqlite_world.clock.turn(hours=1)
    assert 12 <= tries <= 20, "seldom, in the end"
    assert "Connection refused" in waiting(sqlite_world)[1]["request-waits"]


def test_server__hangs_up_in_the_middle(sqlite_world, server):
    mailing(sqlite_world, server)
    for number in range(3):
        asked(sqlite_world, title=f"Study {number}")
    server.answer = lambda address: "421 closing" if len(server.letters) == 1 else None
    done = post(sqlite_world)
    assert done.n_sent == 1
    assert done.n_postponed == 2
    server.answer = lambda address: None
    sqlite_world.clock.turn(minutes=2)
    assert post(sqlite_world).n_sent == 2
    assert len({one["Message-ID"] for one in server.letters}) == len(server.letters) == 3


def test_process__that_dies_before_it_noted_sends_the_same_letter_again(sqlite_world, server, monkeypatch):
    mailing(sqlite_world, server)
    asked(sqlite_world)

    def die(notice, now):
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "sent", die)
        with pytest.raises(MemoryError):
            post(sqlite_world)
    assert post(sqlite_world).n_sent == 0, "its turn is not over"
    sqlite_world.clock.turn(minutes=11)
    assert post(sqlite_world).n_sent == 1
    first, second = server.letters
    assert first["Message-ID"] == second["Message-ID"], "mailboxes can tell that it is one"


def test_processes__do_not_send_what_another_has(world, server):
    mailing(world, server)
    for number in range(30):
        asked(world, title=f"Study {number}")
    done = []
    threads = [threading.Thread(target=lambda: done.append(post(world).n_sent)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    while n_sent := post(world).n_sent:
        done.append(n_sent)
    assert sum(done) == len(server.letters) == 30
    assert len({one["Message-ID"] for one in server.letters}) == 30


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_server__encrypted_and_logged_in(sqlite_world, tmp_path, monkeypatch, security):
    context, certificate = trusted_tls(tmp_path)
    login = {"auth_required": True, "authenticator": knows("hub", "a password")}
    options = {"tls_context": context, "require_starttls": True} if security == "starttls" else {}
    with MailServer(**login, **options) if security == "starttls" else TlsServer(context, login) as server:
        mailing(
            sqlite_world,
            server,
            mail_security=security,
            mail_user="hub",
            mail_password=SecretStr("a password"),
        )
        asked(sqlite_world)
        assert "certificate verify failed" in post(sqlite_world).failure, "nothing is said to a stranger"
        sqlite_world.clock.turn(minutes=2)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert post(sqlite_world).n_sent == 1
        mailing(
            sqlite_world, server, mail_security=security, mail_user="hub", mail_password=SecretStr("wrong")
        )
        asked(sqlite_world, title="Another")
        assert "535" in post(sqlite_world).failure


class TlsServer(MailServer):
    """A mail server that is encrypted from the beginning."""

    def __init__(self, context, login):
        super().__init__(ssl_context=context, auth_require_tls=False, **login)


@pytest.mark.integration
def test_service__killed_while_a_letter_is_under_way(world, server):
    mailing(world, server, mail_seconds=0.2)
    world.clock.now = datetime.now(UTC)
    for number in range(5):
        asked(world, title=f"Study {number}")
    server.most = 2
    running = Service(world).start()
    assert server.held.wait(30)
    running.kill()
    server.most = None
    running.start()
    time.sleep(2)
    running.kill()
    assert len(server.letters) == 2, "the turn of who was killed is not over"
    world.clock.now = datetime.now(UTC) + timedelta(minutes=11)
    assert post(world).n_sent == 3
    links = {one.get_content().split("/requests/")[1][:36] for one in server.letters}
    assert len(links) == len(server.letters) == 5, "nothing lost, nothing doubled"
    assert waiting(world) == ([], {})


# ---- the service -----------------------------------------------------------------------------------------


def test_service__sends_by_itself(sqlite_world, server):
    mailing(sqlite_world, server, mail_seconds=0.1)
    with sqlite_world.serve():
        asked(sqlite_world)
        until = time.monotonic() + 20
        while not server.letters and time.monotonic() < until:
            time.sleep(0.05)
    assert len(server.letters) == 1


def test_account__language_by_login_and_by_choice(sqlite_world, server):
    mailing(sqlite_world, server)
    token = {"token": sqlite_world.tokens["steward"]}
    visitor = sqlite_world.client()
    visitor.post(
        "/auth/token", data=token, headers={"Accept-Language": "fr-CH, en;q=0.5"}, follow_redirects=False
    )
    client = sqlite_world.client("steward")
    assert client.get("/api/account").json()["notices"] == {"wanted": True, "language": "fr"}
    page = client.get("/en/account").text
    assert '<option value="fr" lang="fr" selected>' in page
    chosen = client.post("/en/account/notices", data={"notices": "none"}, follow_redirects=False)
    assert chosen.headers["location"] == "/en/account?done=notices"
    assert '<option value="none" selected>' in client.get("/en/account").text
    assert client.post("/en/account/notices", data={"notices": "xx"}).status_code == 422
