"""Extensions of permits: asked by who leads the study, decided by a steward; warnings; pages."""

import re

import pytest
from builders.access import populate
from builders.hub_pages import browser_client, send

from genomehub.hub import models

WISH = {"until": "2027-09-01T23:59:59Z", "reason": "The trial goes on"}


@pytest.fixture
def given(sqlite_world):
    return populate(sqlite_world)


def ask(world, given, **other):
    return world.client("member").post(f"/api/permits/{given['permit']}/extensions", json=WISH | other)


def ends_of(world, given):
    return world.client("member").get(f"/api/permits/{given['permit']}").json()["ends_at"]


def test_extension__asked_granted_and_noted(world):
    given = populate(world)
    steward = world.client("steward")
    made = ask(world, given)
    assert made.status_code == 201
    assert made.json()["may_decide"] is False
    (waits,) = steward.get("/api/extensions").json()["extensions"]
    assert (waits["uuid"], waits["may_decide"]) == (made.json()["uuid"], True)
    assert world.client("steward2").get("/api/extensions").json()["total"] == 0
    assert ask(world, given).status_code == 409, "one at a time"
    ruling = {"granted": True, "reason": "Good", "ends": "2027-06-01T00:00:00Z"}
    answer = steward.post(f"/api/extensions/{waits['uuid']}/decision", json=ruling).json()
    assert (answer["state"], answer["ends"]) == ("granted", "2027-06-01T00:00:00Z")
    assert ends_of(world, given) == "2027-06-01T00:00:00Z"
    assert steward.get("/api/extensions").json()["total"] == 0
    again = steward.post(f"/api/extensions/{waits['uuid']}/decision", json=ruling)
    assert again.status_code == 409
    assert ask(world, given).status_code == 201, "and once more later"
    listed = world.client("colleague").get(f"/api/permits/{given['permit']}/extensions").json()
    assert [one["state"] for one in listed] == ["submitted", "granted"]
    log = world.client("auditor").get("/api/audit").json()["events"]
    told = {one["action"]: one["detail"] for one in log}
    assert told["extension-decide"]["former"] < told["extension-decide"]["ends"]
    assert told["extension-ask"]["permit"] == given["permit"]


def test_extension__refused_or_taken_back_changes_nothing(sqlite_world, given):
    before, steward = ends_of(sqlite_world, given), sqlite_world.client("steward")
    first = ask(sqlite_world, given).json()["uuid"]
    refused = steward.post(f"/api/extensions/{first}/decision", json={"granted": False, "reason": "No"})
    assert refused.json()["decision"] == "No"
    second = ask(sqlite_world, given).json()["uuid"]
    cancel = f"/api/extensions/{second}/cancel"
    assert sqlite_world.client("colleague").post(cancel).status_code == 403
    assert sqlite_world.client("member").post(cancel).json()["state"] == "cancelled"
    assert sqlite_world.client("member").post(cancel).status_code == 409
    assert ends_of(sqlite_world, given) == before


@pytest.mark.parametrize("until", ["2026-12-01T00:00:00Z", "2039-01-01T00:00:00Z"])
def test_extension__until_when(sqlite_world, given, until):
    answer = ask(sqlite_world, given, until=until)
    assert answer.status_code == 422
    assert re.search(r"is not after the permit's end, 2026-12-28, or more than ten years", answer.text)


def test_extension__of_a_permit_that_has_ended(sqlite_world, given):
    extension = ask(sqlite_world, given).json()["uuid"]
    sqlite_world.clock.turn(days=31)
    steward = sqlite_world.client("steward")
    assert steward.get("/api/extensions").json()["total"] == 0
    answer = steward.post(f"/api/extensions/{extension}/decision", json={"granted": True, "reason": "Good"})
    assert answer.status_code == 409
    assert "is expired. A new request is needed." in answer.text


def test_extension__by_a_steward_in_the_study(sqlite_world, given):
    extension = ask(sqlite_world, given).json()["uuid"]
    with sqlite_world.hub.database.write() as session:
        study = session.query(models.Study).filter_by(uuid=given["study"]).one()
        session.add(
            models.StudyMember(study_id=study.id, person_id=sqlite_world.people["steward"], lead=True)
        )
    answer = sqlite_world.client("steward").post(
        f"/api/extensions/{extension}/decision", json={"granted": True, "reason": "Good"}
    )
    assert answer.status_code == 403
    assert "another steward must decide" in answer.text


def test_extension__to_grant_it_takes_a_steward_of_all(sqlite_world, given):
    with sqlite_world.hub.database.write() as session:
        elsewhere = session.query(models.Project).filter_by(name="elsewhere").one()
        foreign = models.Dataset(
            uuid="f" * 36, project_id=elsewhere.id, name="foreign", created_at=sqlite_world.clock()
        )
        permit = session.query(models.Permit).filter_by(uuid=given["permit"]).one()
        permit.datasets.append(foreign)
    extension = ask(sqlite_world, given).json()["uuid"]
    path, yes = f"/api/extensions/{extension}/decision", {"granted": True, "reason": "Good"}
    for steward in ("steward", "steward2"):
        answer = sqlite_world.client(steward).post(path, json=yes)
        assert answer.status_code == 403
        assert "a steward of all the permit's data sets" in answer.text
    page = browser_client(sqlite_world, "steward").get(f"/permits/{given['permit']}").text
    assert "you can refuse, but not grant" in page
    assert sqlite_world.client("steward2").post(path, json=yes | {"granted": False}).status_code == 200


# ---- pages -----------------------------------------------------------------------------------------------


def test_pages__warned_asked_and_granted(world):
    given = populate(world)
    world.clock.turn(days=20)
    member, steward = browser_client(world, "member"), browser_client(world, "steward")
    page, path = member.get("/studies").text, f"/permits/{given['permit']}"
    assert "A permit ends in 10 days." in page
    assert f'href="{path}#extension"' in page
    assert (
        "Une autorisation prend fin dans 10 jours." in browser_client(world, "member").get("/fr/studies").text
    )
    assert "A permit ends in 10 days." in browser_client(world, "colleague").get("/studies").text
    assert "A permit ends" not in browser_client(world, "outsider").get("/studies").text
    wrong = send(member, f"{path}/extensions", path, until="2026-12-01", reason="more")
    assert wrong.status_code == 422
    for told in (
        "Choose a day after the permit",
        "the steward reads it",
        'value="2026-12-01"',
        ">more</textarea>",
    ):
        assert told in wrong.text
    assert wrong.text.count('aria-invalid="true"') == 2
    assert send(member, f"{path}/extensions", path, until="tomorrow", reason="x" * 20).status_code == 422
    sent = send(
        member, f"{path}/extensions", path, until="2027-09-01", reason="The trial goes on until then."
    )
    assert sent.headers["location"] == f"{path}?done=asked"
    assert "A steward decides; you read the answer here." in member.get(f"{path}?done=asked").text
    assert "Asked for until 1 September 2027; a steward decides." in member.get("/studies").text
    inbox = steward.get("/inbox").text
    assert "Permits that should hold longer" in inbox
    assert "The trial goes on until then." in inbox
    decision = re.search(r'action="(/extensions/[^"]+/decision)"', steward.get(path).text)[1]
    assert "Choose a decision." in send(steward, decision, path).text
    late = send(steward, decision, path, decision="granted", words="It fits the consent.", ends="2026-12-01")
    assert late.status_code == 422
    assert "within ten years of its beginning" in late.text
    granted = {"decision": "granted", "words": "It fits the consent.", "ends": "2027-08-31"}
    assert send(steward, decision, path, **granted).headers["location"] == f"{path}?done=granted"
    shown = member.get(path).text
    assert "until 31 August 2027" in shown
    assert "It fits the consent." in shown
    assert "A permit ends" not in member.get("/studies").text
    assert "Permits that should hold longer" not in steward.get("/inbox").text


def test_pages__refused_taken_back_and_another_end(sqlite_world, given):
    member, steward = browser_client(sqlite_world, "member"), browser_client(sqlite_world, "steward")
    path = f"/permits/{given['permit']}"
    fields = {"until": "2027-09-01", "reason": "The trial goes on until then."}
    send(member, f"{path}/extensions", path, **fields)
    cancel = re.search(r'action="(/extensions/[^"]+/cancel)"', member.get(path).text)[1]
    assert send(steward, cancel, path).status_code == 403
    assert send(member, cancel, path).headers["location"] == path
    send(member, f"{path}/extensions", path, **fields)
    decision = re.search(r'action="(/extensions/[^"]+/decision)"', steward.get(path).text)[1]
    refused = send(steward, decision, path, decision="refused", words="The consent ends, too.")
    assert refused.headers["location"] == f"{path}?done=refused"
    shown = browser_client(sqlite_world, "member").get("/fr" + path).text
    for told in ("The consent ends, too.", "Refusée", "Demander une prolongation"):
        assert told in shown
    assert send(steward, f"{path}/end", path, ends="2026-01-01").status_code == 422
    assert send(steward, f"{path}/end", path, ends="2026-12-05").headers["location"] == f"{path}?done=changed"
    assert "ends in 7 days" in member.get(path).text
    sqlite_world.clock.turn(days=9)
    ended = browser_client(sqlite_world, "member").get(path).text
    assert "/extensions" not in ended
    assert browser_client(sqlite_world, "outsider").get(path).status_code == 404


def test_pages__forms_of_other_sites_are_refused(sqlite_world, given):
    extension = ask(sqlite_world, given).json()["uuid"]
    for person, path in (
        ("member", f"/permits/{given['permit']}/extensions"), ("steward", f"/permits/{given['permit']}/end"),
        ("steward", f"/extensions/{extension}/decision"), ("member", f"/extensions/{extension}/cancel"),
        ("steward", f"/datasets/{given['open-door']}/terms"), ("member", "/account/notices"),
    ):  # fmt: skip
        answer = browser_client(sqlite_world, person).post(
            path, data={"x": "y"}, headers={"Origin": "https://evil.test"}
        )
        assert answer.status_code == 403
        assert "not sent by a page of this hub" in answer.text
