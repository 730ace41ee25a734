"""Studies, requests and permits over HTTP, from the invitation to the withdrawal."""

import itertools
import json
import uuid
from datetime import timedelta

import pytest
from builders.access import populate
from sqlalchemy import select

from genomehub.errors import ConflictError
from genomehub.hub import models
from genomehub.hub.access.requests import TRANSITIONS, State, Step, step

UNTIL = "2027-06-01T00:00:00Z"


@pytest.fixture
def given(world):
    return populate(world)


def wanted(given, *datasets, people=("member",), **changes):
    return {
        "purpose": "To learn about diabetes", "duo": ["DUO:0000006"], "until": UNTIL,
        "datasets": [given[name] for name in datasets or ("open-door",)],
        "people": [given[person] for person in people], **changes,
    }  # fmt: skip


def submitted(world, given, *datasets, **changes):
    lead = world.client("member")
    answer = lead.post(f"/api/studies/{given['study']}/requests", json=wanted(given, *datasets, **changes))
    assert answer.status_code == 201, answer.text
    request = answer.json()["uuid"]
    assert lead.post(f"/api/requests/{request}/submit").json()["state"] == "submitted"
    return request


def decide(world, request, person="steward", granted=True, **more):
    body = {"granted": granted, "reason": "Looked at it", **more}
    return world.client(person).post(f"/api/requests/{request}/decision", json=body)


def may_read(world, given, person="member", name="open-door"):
    answer = world.client(person).get(f"/api/datasets/{given[name]}/access")
    return answer.status_code == 200 and answer.json()["read"]


# --------------------------------------------------------------------------------------------- studies


def test_study__invited_by_address_accepted_left(world, given):
    lead, new = world.client("member"), world.client("researcher")
    study = lead.post("/api/studies", json={"title": "Ageing"}).json()
    there = f"/api/studies/{study['uuid']}"
    invited = lead.post(f"{there}/invitations", json={"email": " Researcher@HUB.test "}).json()
    assert invited["invited"] == ["researcher@hub.test"]
    assert lead.post(f"{there}/invitations", json={"email": "researcher@hub.test"}).json() == invited
    (mine,) = [one for one in new.get("/api/account/invitations").json() if one["study"] == "Ageing"]
    assert new.get(there).status_code == 404
    path = f"/api/account/invitations/{mine['uuid']}/accept"
    assert world.client("colleague").post(path).status_code == 404
    assert new.post(path).json() == {"study": study["uuid"]}
    assert new.post(path).status_code == 404
    members = new.get(there).json()["members"]
    assert [(one["name"], one["lead"]) for one in members] == [("Member", True), ("Researcher", False)]
    again = lead.post(f"{there}/invitations", json={"email": "researcher@hub.test"})
    assert (again.status_code, "in the study already" in again.json()["detail"]) == (409, True)
    last = lead.delete(f"{there}/members/{members[0]['uuid']}")
    assert (last.status_code, "Make another lead" in last.json()["detail"]) == (409, True)
    lead.post(f"{there}/members/{members[1]['uuid']}/lead")
    assert lead.delete(f"{there}/members/{members[0]['uuid']}").status_code == 200
    assert lead.get(there).status_code == 404


def test_study__invitation_expires_and_needs_an_address(world, given):
    lead = world.client("member")
    there = f"/api/studies/{given['study']}/invitations"
    for wrong in ("nobody", "a@b@c", "@x", "x@"):
        answer = lead.post(there, json={"email": wrong})
        assert (answer.status_code, "is no e-mail address" in answer.json()["detail"]) == (422, True)
    world.clock.turn(days=31)
    path = f"/api/account/invitations/{given['invitation']}/accept"
    assert world.client("researcher").post(path).status_code == 404


def test_study__who_leaves_loses_the_permit_at_once(world, given):
    request = submitted(world, given, people=("member", "colleague"))
    decide(world, request)
    assert may_read(world, given, "colleague")
    world.client("member").delete(f"/api/studies/{given['study']}/members/{given['colleague']}")
    assert not may_read(world, given, "colleague")
    assert may_read(world, given)


# -------------------------------------------------------------------------------------------- requests


def test_transitions__are_those_of_the_table_and_no_other():
    allowed = {(state.value, taken.value): after.value for (state, taken), after in TRANSITIONS.items()}
    assert allowed == {
        ("draft", "edit"): "draft", ("draft", "submit"): "submitted", ("draft", "cancel"): "cancelled",
        ("submitted", "return"): "returned", ("submitted", "grant"): "granted",
        ("submitted", "refuse"): "refused", ("submitted", "cancel"): "cancelled",
        ("returned", "edit"): "returned", ("returned", "submit"): "submitted",
        ("returned", "cancel"): "cancelled",
    }  # fmt: skip
    for state, taken in itertools.product(State, Step):
        request = models.AccessRequest(uuid="r", state=state.value)
        if (state, taken) in TRANSITIONS:
            assert step(request, taken) is TRANSITIONS[state, taken]
        else:
            with pytest.raises(ConflictError, match=f"is {state}; one cannot {taken} it. Possible: "):
                step(request, taken)


def test_request__from_draft_to_permit(world, given):
    request = submitted(world, given, use={"ethics_approval": "CPP 1"})
    world.clock.turn(days=5)
    steward = world.client("steward")
    inbox = steward.get("/api/requests", params={"inbox": True}).json()["requests"]
    assert {one["uuid"] for one in inbox} == {request, given["submitted"]}
    shown = steward.get(f"/api/requests/{request}").json()
    assert (shown["may_decide"], shown["clock"]["days"], shown["clock"]["promised"]) == (True, 5, None)
    assert shown["steps"] == ["cancel", "grant", "refuse", "return"]
    returned = steward.post(f"/api/requests/{request}/return", json={"question": "Who pays?"}).json()
    assert (returned["state"], returned["decision"]) == ("returned", "Who pays?")
    world.clock.turn(days=9)
    assert steward.get(f"/api/requests/{request}").json()["clock"]["days"] == 5  # the clock stands still
    lead = world.client("member")
    changed = lead.put(f"/api/requests/{request}", json=wanted(given, purpose="To learn; we pay"))
    assert changed.json()["purpose"] == "To learn; we pay"
    lead.post(f"/api/requests/{request}/submit")
    assert not may_read(world, given)
    done = decide(world, request, conditions="Publish openly").json()
    assert done["request"]["state"] == "granted"
    assert may_read(world, given)
    permit = lead.get(f"/api/permits/{done['permit']}").json()
    assert (permit["state"], permit["conditions"]) == ("valid", "Publish openly")
    assert permit["ends_at"] == UNTIL
    assert [one["name"] for one in permit["people"]] == ["Member"]
    assert not may_read(world, given, "colleague")
    assert decide(world, request).status_code == 409


def test_request__clock_against_what_is_promised(world, given):
    steward = world.client("steward")
    clock = steward.get(f"/api/requests/{given['submitted']}").json()["clock"]
    assert (clock["days"], clock["promised"], clock["overdue"]) == (0, 60, False)
    world.clock.turn(days=61)
    clock = steward.get(f"/api/requests/{given['submitted']}").json()["clock"]
    assert (clock["days"], clock["overdue"]) == (61, True)


def test_request__match_is_shown_and_noted(world, given):
    path = f"/api/datasets/{given['side-door']}/terms"
    assert world.client("steward").put(path, json={"countries": ["FR"], "people": ["x@y"]}).status_code == 200
    assert world.client().get(path).json()["people"] == []  # addresses are for the staff
    match = world.client("steward").get(f"/api/requests/{given['submitted']}/match").json()
    verdicts = {one["shorthand"]: one["answer"] for one in match[given["side-door"]]["verdicts"]}
    assert verdicts == {"HMB": "met", "IRB": "not met"}
    decide(world, given["submitted"])
    with world.hub.database.read() as session:
        event = session.scalars(select(models.Event).where(models.Event.action == "request-decide")).one()
        assert (event.detail["match"], event.detail["granted"]) == ("not met", True)  # a human decides


def test_request__stewards_of_two_projects_decide_each_their_own(world, given):
    with world.hub.database.write() as session:
        elsewhere = session.scalars(select(models.Project).where(models.Project.name == "elsewhere")).one()
        now = world.clock()
        far = models.Dataset(uuid=str(uuid.uuid4()), project_id=elsewhere.id, name="far", created_at=now)
        session.add(far)
        session.flush()
        session.add(models.Publication(dataset_id=far.id, state="published", changed_at=now))
        given["far"] = far.uuid
    request = submitted(world, given, "open-door", "far")
    others = decide(world, request, datasets=[given["far"]])
    assert (others.status_code, "not yours to decide" in others.json()["detail"]) == (422, True)
    ends = (world.clock() + timedelta(days=10)).isoformat()
    first = decide(world, request, ends=ends, conditions="A").json()
    assert (first["permit"], first["request"]["state"]) == (None, "submitted")
    assert not may_read(world, given)
    twice = decide(world, request)
    assert (twice.status_code, "others' decisions are missing" in twice.json()["detail"]) == (409, True)
    done = decide(world, request, "steward2", conditions="B").json()
    permit = world.client("member").get(f"/api/permits/{done['permit']}").json()
    assert permit["conditions"] == "A\nB"
    assert permit["ends_at"].startswith(ends[:19])
    assert may_read(world, given)
    assert may_read(world, given, name="far")
    # one of them withdraws: only their data set
    path = f"/api/permits/{done['permit']}"
    amended = world.client("steward2").post(f"{path}/people", json={"person": given["colleague"]})
    assert (amended.status_code, "all the permit's" in amended.json()["detail"]) == (403, True)
    world.client("steward2").post(f"{path}/withdraw", json={"reason": "Consent ended"})
    assert not may_read(world, given, name="far")
    assert may_read(world, given)


def test_request__refused_and_partly_granted(world, given):
    request = submitted(world, given)
    assert decide(world, request, granted=False).json()["request"]["state"] == "refused"
    request = submitted(world, given, "open-door", "side-door")
    first = decide(world, request, granted=False, datasets=[given["side-door"]])
    assert first.json()["request"]["state"] == "submitted"
    done = decide(world, request, datasets=[given["open-door"]]).json()
    assert done["request"]["state"] == "granted"
    permit = world.client("member").get(f"/api/permits/{done['permit']}").json()
    assert [one["uuid"] for one in permit["datasets"]] == [given["open-door"]]


def test_request__what_was_decided_of_a_former_wording_is_void(world, given):
    request = submitted(world, given, "open-door", "side-door")
    decide(world, request, datasets=[given["open-door"]])
    world.client("steward").post(f"/api/requests/{request}/return", json={"question": "Why?"})
    lead = world.client("member")
    lead.put(f"/api/requests/{request}", json=wanted(given, "open-door", "side-door", purpose="Else"))
    lead.post(f"/api/requests/{request}/submit")
    assert decide(world, request, datasets=[given["side-door"]]).json()["permit"] is None
    assert not may_read(world, given)


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"duo": ["DUO:9999999"]}, 422, "is no code of the Data Use Ontology"),
        ({"until": "2026-01-01T00:00:00Z"}, 422, "is not within ten years"),
        ({"until": "2040-01-01T00:00:00Z"}, 422, "is not within ten years"),
        ({"people": []}, 422, "at least one of each"),
        ({"datasets": []}, 422, "at least one of each"),
        ({"people": ["nobody"]}, 422, "is not in the study"),
        ({"datasets": ["nothing"]}, 404, "no such data set"),
        ({"datasets": ["back-room"]}, 404, "no such data set"),
        ({"purpose": " "}, 422, "not as described"),
    ],
)
def test_request__what_it_may_ask(sqlite_world, changes, status, sentence):
    given = populate(sqlite_world)
    changes = {name: [given.get(one, one) for one in value] if name == "datasets" else value
               for name, value in changes.items()}  # fmt: skip
    path = f"/api/studies/{given['study']}/requests"
    answer = sqlite_world.client("member").post(path, json=wanted(given) | changes)
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]


def test_request__nobody_decides_about_their_own_study(sqlite_world):
    world, given = sqlite_world, populate(sqlite_world)
    with world.hub.database.write() as session:
        study = session.scalars(select(models.Study).where(models.Study.uuid == given["study"])).one()
        session.add(models.StudyMember(study_id=study.id, person_id=world.people["steward"], lead=True))
    answer = decide(world, given["submitted"])
    assert (answer.status_code, "another steward must" in answer.json()["detail"]) == (403, True)
    extended = world.client("steward").post(f"/api/permits/{given['permit']}/extend", json={"ends": UNTIL})
    assert extended.status_code == 403


# --------------------------------------------------------------------------------------------- permits


def test_permit__amended_extended_withdrawn(world, given):
    steward, path = world.client("steward"), f"/api/permits/{given['permit']}"
    assert may_read(world, given, name="side-door")
    stranger = steward.post(f"{path}/people", json={"person": str(uuid.uuid4())})
    assert (stranger.status_code, "must join it first" in stranger.json()["detail"]) == (422, True)
    steward.post(f"{path}/people", json={"person": given["colleague"]})
    assert may_read(world, given, "colleague", "side-door")
    steward.delete(f"{path}/people/{given['colleague']}")
    assert not may_read(world, given, "colleague", "side-door")
    world.clock.turn(days=29)
    assert steward.post(f"{path}/extend", json={"ends": UNTIL}).json()["ends_at"] == UNTIL
    world.clock.turn(days=29)
    assert may_read(world, given, name="side-door")
    for wrong in ("2026-01-01T00:00:00Z", "2040-01-01T00:00:00Z"):
        assert steward.post(f"{path}/extend", json={"ends": wrong}).status_code == 422
    steward.post(f"{path}/withdraw", json={"reason": "Misuse"})
    assert not may_read(world, given, name="side-door")
    again = steward.post(f"{path}/withdraw", json={"reason": "Misuse"})
    assert (again.status_code, "is withdrawn already" in again.json()["detail"]) == (409, True)
    late = steward.post(f"{path}/extend", json={"ends": UNTIL})
    assert (late.status_code, "is withdrawn" in late.json()["detail"]) == (409, True)


def test_permit__begins_and_ends_on_its_days(world, given):
    request = submitted(world, given)
    starts, ends = (world.clock() + timedelta(days=day) for day in (1, 3))
    wrong = decide(world, request, starts=ends.isoformat(), ends=starts.isoformat())
    assert (wrong.status_code, "before it begins" in wrong.json()["detail"]) == (422, True)
    permit = decide(world, request, starts=starts.isoformat(), ends=ends.isoformat()).json()["permit"]
    states = []
    for _ in range(4):
        state = world.client("member").get(f"/api/permits/{permit}").json()["state"]
        states.append((state, may_read(world, given)))
        world.clock.turn(days=1)
    assert states == [("not yet begun", False), ("valid", True), ("valid", True), ("expired", False)]


def test_register__is_public_and_names_no_person(world, given):
    request = submitted(world, given)
    decide(world, request)
    answer = world.client().get("/api/permits/register")
    register = answer.json()
    assert register["total"] == 2
    newest = register["permits"][0]
    assert newest["datasets"] == [
        {"uuid": given["open-door"], "title": {"en": "Data set open-door", "fr": "Jeu de données open-door"}}
    ]
    assert (newest["purpose"], newest["state"], newest["n_people"]) == ("To learn about diabetes", "valid", 1)
    assert "@" not in answer.text
    assert "Member" not in answer.text
    world.permit("researcher", "back-room")
    hidden = world.client().get("/api/permits/register").json()["permits"][0]
    assert (hidden["datasets"], hidden["other_datasets"]) == ([], 1)


# ---------------------------------------------------------------------------------------------- people


def test_people__last_administrator_stays(world):
    administrator = world.client("administrator")
    me = administrator.get("/api/account").json()["uuid"]
    for answer in (
        administrator.delete(f"/api/people/{me}/roles/administrator"),
        administrator.post(f"/api/people/{me}/disable"),
    ):
        assert (answer.status_code, "is the last administrator" in answer.json()["detail"]) == (409, True)
    entered = administrator.post("/api/people", json={"name": "Ada", "email": "ADA@hub.test"}).json()
    assert entered["email"] == "ada@hub.test"
    twice = administrator.post("/api/people", json={"name": "Ada", "email": "ada@hub.test"})
    assert twice.status_code == 409
    path = f"/api/people/{entered['uuid']}/roles"
    assert administrator.post(path, json={"role": "administrator"}).status_code == 200
    assert administrator.delete(f"/api/people/{me}/roles/administrator").status_code == 200
    assert administrator.get("/api/people").status_code == 403  # with the next request


def test_people__roles_in_one_project(world):
    given, administrator = populate(world), world.client("administrator")
    path = f"/api/people/{given['colleague']}/roles"
    assert not may_read(world, given, "colleague")
    held = administrator.post(path, json={"role": "holder", "project": "genomes"}).json()["roles"]
    assert {"role": "holder", "project": "genomes"} in held
    assert may_read(world, given, "colleague")
    administrator.delete(f"{path}/holder", params={"project": "genomes"})
    assert not may_read(world, given, "colleague")
    wrong = administrator.post(path, json={"role": "auditor", "project": "genomes"})
    assert (wrong.status_code, "not in one project" in wrong.json()["detail"]) == (422, True)
    assert administrator.post(path, json={"role": "holder", "project": "none"}).status_code == 404
    found = administrator.get("/api/people", params={"q": "COLL hub.test"}).json()
    assert [one["name"] for one in found["people"]] == ["Colleague"]
    assert administrator.get("/api/people", params={"q": "%"}).json()["total"] == 0


def test_tokens__told_once_bounded_and_revoked(world):
    client = world.client("researcher")
    made = client.post("/api/account/tokens", json={"label": "laptop", "days": 10})
    assert made.headers["cache-control"] == "no-store"
    secret, token = made.json()["secret"], made.json()["token"]
    assert secret.startswith("ghub_")
    assert secret not in client.get("/api/account/tokens").text
    own = {"Authorization": f"Bearer {secret}"}
    child = world.client().post("/api/account/tokens", json={"label": "child", "days": 700}, headers=own)
    assert child.json()["token"]["expires_at"] == token["expires_at"]  # it ends with its parent
    assert client.delete(f"/api/account/tokens/{token['id']}").status_code == 204
    assert world.client().get("/api/account", headers=own).status_code == 401
    answers = [client.post("/api/account/tokens", json={"label": "x"}).status_code for _ in range(50)]
    assert answers[-1] == 409
    with world.hub.database.read() as session:
        digests = session.scalars(select(models.ApiToken.digest)).all()
        assert secret not in str(digests)


def test_errors__of_grants_that_do_not_fit_together(sqlite_world):
    """Two stewards' days that leave no day between them."""
    world, given = sqlite_world, populate(sqlite_world)
    request = submitted(world, given, "open-door", "side-door")
    soon, later = (world.clock() + timedelta(days=day) for day in (5, 10))
    decide(world, request, datasets=[given["open-door"]], ends=soon.isoformat())
    answer = decide(world, request, datasets=[given["side-door"]], starts=later.isoformat())
    assert (answer.status_code, "do not fit what the other" in answer.json()["detail"]) == (422, True)


# ---------------------------------------------------------------------- what no database can hold


@pytest.mark.parametrize("title", ["a\x00b", "\ud800", "x" * 501, " ", 1, None])
def test_fields__texts_that_no_database_holds(world, given, title):
    body = json.dumps({"title": title})
    answer = world.client("member").post(
        "/api/studies", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "path", ["/api/studies/a%00b", "/api/people/%ff", "/api/people?q=%00", "/api/audit?actor=%00"]
)
def test_fields__paths_and_queries_that_no_database_holds(world, given, path):
    for person in ("member", "administrator", "auditor"):
        assert world.client(person).get(path).status_code in (400, 403, 404, 422)


@pytest.mark.parametrize(
    "until", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2027-01-01T00:00:00"]
)
def test_fields__days_that_no_database_holds(world, given, until):
    path = f"/api/studies/{given['study']}/requests"
    assert world.client("member").post(path, json=wanted(given, until=until)).status_code == 422
    assert world.client("auditor").get("/api/audit", params={"since": until}).status_code == 422
