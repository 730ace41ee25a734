"""The event log: every access and refusal, tampering that shows, many writers; downloads that must stop."""

import concurrent.futures
import csv
import dataclasses
import io
import threading

import pytest
from builders.access import populate, probe
from fastapi.testclient import TestClient
from sqlalchemy import delete, event, func, select, text

from genomehub.errors import NotAllowedError, NotAuthenticatedError, NotFoundError, ResourceError
from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.journal import Journal
from genomehub.hub.access.people import principal_of_token, recall, remember
from genomehub.hub.access.principals import ANONYMOUS
from genomehub.hub.access.watch import Watch
from genomehub.hub.service.app import create_app
from genomehub.hub.service.desk import sealing
from genomehub.hub.service.routes import audit
from genomehub.hub.verification import event_problems


def reader(world, person=None):
    """A client of an application that gives out data."""
    app = create_app(world.hub)
    app.include_router(probe)
    headers = {"Authorization": f"Bearer {world.tokens[person]}"} if person else {}
    return TestClient(app, base_url="http://hub.test", headers=headers)


def log(world, **filters):
    return world.client("auditor").get("/api/audit", params={"limit": 200, **filters}).json()["events"]


# ------------------------------------------------------------------------------------------ what it holds


def test_log__every_access_and_refusal(world):
    permit = world.permit("researcher", "back-room")
    uuids = world.datasets
    assert reader(world, "researcher").get(f"/probe/{uuids['back-room']}").status_code == 200
    assert reader(world, "researcher").get(f"/probe/{uuids['open-door']}").status_code == 403
    assert reader(world, "colleague").get(f"/probe/{uuids['back-room']}").status_code == 404
    assert reader(world, "colleague").get("/probe/nothing").status_code == 404
    assert reader(world).get(f"/probe/{uuids['open-door']}").status_code == 401
    (access,) = log(world, action="access")
    assert (access["name"], access["dataset"]) == ("Researcher", uuids["back-room"])
    assert access["detail"] == {"reason": "permit", "permit": permit}
    refusals = [
        (one["name"], one["dataset_name"], one["detail"]["status"])
        for one in log(world, action="access-refused")
    ]
    assert refusals == [
        (None, "open-door", 401),
        ("Colleague", None, 404),
        ("Colleague", "back-room", 404),
        ("Researcher", "open-door", 403),
    ]


def test_log__refusals_of_one_fill_it_no_more_than_sixty_a_minute(sqlite_world):
    client = reader(sqlite_world)
    for _ in range(70):
        client.get("/probe/nothing")
    assert len(log(sqlite_world, action="access-refused")) == 60


def test_log__that_cannot_be_written_gives_nothing_out(sqlite_world, monkeypatch):
    def broken(notes):
        raise OSError("no space left")

    monkeypatch.setattr(sqlite_world.hub.desk.journal, "_commit", broken)
    path = f"/probe/{sqlite_world.datasets['open-door']}"
    assert reader(sqlite_world, "holder").get(path).status_code == 503
    refused = reader(sqlite_world, "researcher").get(path)
    assert (refused.status_code, "ACGT" in refused.text) == (403, False)


def test_log__filters_pages_and_csv(world, monkeypatch):
    given = populate(world)
    steward = world.client("steward")
    steward.put(f"/api/datasets/{given['side-door']}/terms", json={"months": 3})
    world.clock.turn(days=1)
    steward.post(f"/api/permits/{given['permit']}/withdraw", json={"reason": "=1+1"})
    auditor = world.client("auditor")
    first = auditor.get("/api/audit", params={"limit": 2}).json()
    assert [one["action"] for one in first["events"]] == ["audit-read", "permit-withdraw"]
    second = auditor.get("/api/audit", params={"limit": 2, "before": first["next"]}).json()
    assert second["events"][0]["id"] == first["next"] - 1
    of_dataset = log(world, dataset=given["side-door"])
    assert [one["action"] for one in of_dataset] == ["permit-withdraw", "terms"]
    since = {"since": (world.clock() - world.clock().resolution).isoformat()}
    assert [one["action"] for one in log(world, dataset=given["side-door"], **since)] == ["permit-withdraw"]
    actor = of_dataset[0]["actor"]
    assert {one["name"] for one in log(world, actor=actor)} == {"Steward"}
    answer = auditor.get("/api/audit", params={"format": "csv", "action": "permit-withdraw"})
    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    monkeypatch.setattr(audit, "CSV_PAGE", 3)
    whole = auditor.get("/api/audit", params={"format": "csv"}).text
    numbers = [int(row["id"]) for row in csv.DictReader(io.StringIO(whole))]
    assert numbers == list(range(numbers[0], 0, -1))
    assert (row["name"], row["dataset_name"]) == ("Steward", "side-door")
    assert world.client("administrator").get("/api/audit").status_code == 403


def test_study__sees_who_accessed_what_under_its_permits(world):
    given = populate(world)
    reader(world, "member").get(f"/probe/{given['side-door']}")
    reader(world, "holder").get(f"/probe/{given['side-door']}")
    seen = world.client("colleague").get(f"/api/studies/{given['study']}/accesses").json()
    assert [(one["name"], one["action"], one["dataset"]) for one in seen] == [
        ("Member", "access", given["side-door"])
    ]


# --------------------------------------------------------------------------------------------- tampering


def verify(world, *seals):
    return world.client("auditor").get("/api/audit/verify", params={"seal": seals}).json()


def tamper(world, *statements):
    """Change the log as somebody with full rights on the database can."""
    with world.hub.database.connection() as connection:
        postgresql = connection.dialect.name == "postgresql"
        for action in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER event_no_{action}" + (" ON event" if postgresql else "")))
        for statement in statements:
            connection.execute(text(statement))


def written(world, n=5):
    for number in range(n):
        world.hub.desk.journal.record(ANONYMOUS, "access", detail_number=number)
    with world.hub.database.read() as session:
        return session.scalar(select(func.max(models.Event.id)))


def test_verify__sound_log_and_kept_head(world):
    written(world)
    head = world.client("auditor").get("/api/audit/head").json()["seal"]
    written(world)
    found = verify(world, head)
    assert (found["sound"], found["problems"], found["n_seals"]) == (True, [], 1)
    forged = verify(world, head[:-4] + "AAAA")
    assert forged["problems"] == ["seal 1: is not signed by this hub's keys."]


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE event SET actor = 'nobody' WHERE id = {middle}"],
        ["UPDATE event SET time = '2026-01-01 00:00:00' WHERE id = {middle}"],
        ["UPDATE event SET detail = '{{}}' WHERE id = {middle}"],
        ["DELETE FROM event WHERE id = {middle}"],
        ["DELETE FROM event WHERE id <= {middle}"],
        [
            "UPDATE event SET id = 1000000 WHERE id = {middle}",
            "UPDATE event SET id = {middle} WHERE id = {middle} + 1",
            "UPDATE event SET id = {middle} + 1 WHERE id = 1000000",
        ],
    ],
    ids=["actor", "time", "detail", "deleted", "beginning", "moved"],
)
def test_verify__changed_log_shows(world, statements):
    middle = written(world) - 2
    assert verify(world)["sound"]
    tamper(world, *(statement.format(middle=middle) for statement in statements))
    found = verify(world)
    assert not found["sound"]
    assert "was changed after it was written" in found["problems"][0]


def test_verify__cut_end_shows_by_seals(world):
    with sealing(world.hub):
        last = written(world)
    kept = world.client("auditor").get("/api/audit/head").json()["seal"]
    tamper(world, f"DELETE FROM event WHERE id >= {last}")
    with world.hub.database.read() as session:
        assert event_problems(session) == []  # the chain alone does not show it
    found = verify(world)
    assert not found["sound"]
    assert f"held event {last} at" in found["problems"][0]
    seals = world.folder / "hub.seals"
    seals.unlink()  # who removes the file, too, meets an auditor who kept a head
    assert verify(world)["sound"]
    assert "its end was cut off" in verify(world, kept)["problems"][0]
    new = written(world, 1)  # and a new event in the place of an old one is another
    with world.hub.database.connection() as connection:
        connection.execute(text(f"UPDATE event SET id = {last} WHERE id = {new}"))
    assert "the log was replaced" in verify(world, kept)["problems"][0]


def test_seals__one_a_change_in_a_private_file(sqlite_world):
    seals, hub = sqlite_world.hub.desk.seals, sqlite_world.hub

    def seal():
        with hub.database.read() as session:
            return seals.seal(session, hub.clock())

    assert (seal(), seal()) == (True, False)
    written(sqlite_world, 1)
    assert seal()
    file = sqlite_world.folder / "hub.seals"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().splitlines()) == 2


# ------------------------------------------------------------------------------------- many at one time


def test_journal__many_writers_one_chain_few_commits(world):
    commits = []
    engine = world.hub.database._engine
    event.listen(engine, "commit", lambda connection: commits.append(1))
    journal = world.hub.desk.journal
    gate = threading.Barrier(40)

    def write(number):
        gate.wait()
        for part in range(5):
            journal.record(ANONYMOUS, "access", writer=number, part=part)

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        list(pool.map(write, range(40)))
    with world.hub.database.read() as session:
        assert event_problems(session) == []
        notes = select(models.Event.detail).where(models.Event.action == "access").order_by(models.Event.id)
        found = session.scalars(notes).all()
    assert len({(one["writer"], one["part"]) for one in found}) == 200
    assert len(commits) < 100  # of 200 events
    for number in range(40):  # each writer's own events are in the order it wrote them
        parts = [one["part"] for one in found if one["writer"] == number]
        assert parts == [0, 1, 2, 3, 4]


def test_journal__one_that_cannot_be_written_fails_alone(sqlite_world):
    journal = Journal(sqlite_world.hub.database, sqlite_world.clock)
    gate = threading.Barrier(2)

    def write(detail):
        gate.wait()
        journal.record(ANONYMOUS, "access", what=detail)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong, right = pool.submit(write, object()), pool.submit(write, "text")
        with pytest.raises(ResourceError, match="the event log cannot be written, so nothing is given out"):
            wrong.result()
        right.result()
    with sqlite_world.hub.database.read() as session:
        assert event_problems(session) == []


# -------------------------------------------------------------------------------- equal questions asked


def queries(world, person, what):
    """Ask to read, and return the statements that the gate sent to the database, and the error."""
    statements = []
    with world.hub.database.read() as session:
        principal = principal_of_token(session, world.tokens[person], world.clock()) if person else ANONYMOUS
        dataset = session.scalar(select(models.Dataset).where(models.Dataset.uuid == what))
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        with pytest.raises(NotFoundError) as error:
            Gate(session, principal, world.clock()).require(Action.READ, dataset, "x")
    return statements, str(error.value)


@pytest.mark.parametrize("person", [None, "researcher"])
def test_hidden__costs_the_same_questions_as_nothing(world, person):
    hidden = queries(world, person, world.datasets["back-room"])
    assert hidden == queries(world, person, "nothing")
    assert len(hidden[0]) == (2 if person else 1)


def test_hidden__answers_alike_over_http(world):
    for person in (None, "researcher", "auditor"):
        client = reader(world, person)
        answers = [
            client.get(f"/probe/{what}")
            for what in (world.datasets["back-room"], "00000000-0000-4000-8000-000000000000")
        ]
        bodies = [answer.text.replace(str(answer.url).rsplit("/", 1)[1], "X") for answer in answers]
        assert bodies[0] == bodies[1]
        assert [set(answer.headers) for answer in answers] == [set(answers[0].headers)] * 2


# ---------------------------------------------------------------------------- what runs long must stop


def watching(world, person="researcher", name="open-door", seconds=0.0):
    with world.hub.database.read() as session:
        principal = principal_of_token(session, world.tokens[person], world.clock())
        number = world.dataset(session, name).id
    return Watch(world.hub.database, principal, Action.READ, number, world.clock, seconds)


def test_watch__stops_when_the_permit_is_withdrawn_or_over(world):
    permit = world.permit("researcher", "open-door", ends=1)
    watch = watching(world)
    watch.check()
    world.client("steward").post(f"/api/permits/{permit}/withdraw", json={"reason": "Misuse"})
    with pytest.raises(NotAllowedError, match="may not read"):
        watch.check()
    assert not watch.holds
    world.permit("researcher", "open-door", ends=1)
    assert watch.holds
    world.clock.turn(days=2)
    assert not watch.holds


def test_watch__stops_when_the_token_is_revoked_or_the_person_disabled(world):
    world.permit("researcher", "open-door")
    watch, client = watching(world), world.client("researcher")
    number = client.get("/api/account/tokens").json()[0]["id"]
    client.delete(f"/api/account/tokens/{number}")
    with pytest.raises(NotAuthenticatedError, match="has ended"):
        watch.check()
    watch = watching(world, "holder")
    assert watch.holds
    with world.hub.database.write() as session:
        session.get_one(models.Person, world.people["holder"]).disabled_at = world.clock()
    assert not watch.holds


def test_watch__asks_the_database_once_a_second(sqlite_world):
    sqlite_world.permit("researcher", "open-door")
    watch = watching(sqlite_world, seconds=1.0)
    asked = []
    event.listen(sqlite_world.hub.database._engine, "begin", lambda connection: asked.append(1))
    for _ in range(1000):
        watch.check()
    assert asked == []


def test_link__remembers_whom_and_ends_with_them(world):
    with world.hub.database.read() as session:
        principal = principal_of_token(session, world.tokens["researcher"], world.clock())
    signed = world.hub.signer("link").dumps(remember(principal))
    with world.hub.database.read() as session:
        again = recall(session, world.hub.signer("link").loads(signed), world.clock(), "link")
        visitor = recall(session, remember(ANONYMOUS), world.clock(), "link")
    assert again == dataclasses.replace(principal, means="link")
    assert visitor == ANONYMOUS
    with world.hub.database.write() as session:
        session.execute(delete(models.RoleGrant))
        session.get_one(models.Person, principal.person_id).disabled_at = world.clock()
    with world.hub.database.read() as session, pytest.raises(NotAuthenticatedError, match="has ended"):
        recall(session, world.hub.signer("link").loads(signed), world.clock(), "link")
