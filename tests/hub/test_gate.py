"""The gate: roles, permits and what is told of data sets that one may not see."""

import httpx
import pytest

from genomehub.errors import NotAllowedError, NotAuthenticatedError, NotFoundError
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.people import principal_of_token
from genomehub.hub.access.principals import ANONYMOUS


def gate(world, session, person):
    principal = principal_of_token(session, world.tokens[person], world.clock()) if person else ANONYMOUS
    return Gate(session, principal, world.clock())


@pytest.mark.parametrize(
    ("person", "action", "name", "reason"),
    [
        (None, Action.SEE, "open-door", "public"),
        (None, Action.SEE, "back-room", "none"),
        ("holder", Action.SEE, "back-room", "role"),
        ("holder", Action.READ, "open-door", "role"),
        ("steward", Action.READ, "open-door", "none"),
        ("steward", Action.DECIDE, "open-door", "role"),
        ("administrator", Action.READ, "open-door", "none"),
        ("auditor", Action.READ, "open-door", "none"),
        ("researcher", Action.READ, "open-door", "none"),
    ],
)
def test_decide__roles(world, person, action, name, reason):
    with world.hub.database.read() as session:
        decision = gate(world, session, person).decide(action, world.dataset(session, name))
    assert (decision.allowed, decision.reason) == (reason != "none", reason)


def test_decide__permit_holds_between_its_days_and_until_withdrawn(world):
    def may(person="researcher", name="open-door"):
        with world.hub.database.read() as session:
            return gate(world, session, person).decide(Action.READ, world.dataset(session, name)).allowed

    assert not may()
    world.permit("researcher", "open-door", starts=1, ends=3)
    assert not may()
    world.clock.turn(days=2)
    assert may()
    assert not may("colleague")
    assert not may(name="back-room")
    world.clock.turn(days=1)
    assert not may()
    world.permit("researcher", "open-door", withdrawn=True)
    assert not may()


def test_require__tells_no_existence(world):
    with world.hub.database.read() as session:
        hidden, seen = world.dataset(session, "back-room"), world.dataset(session, "open-door")
        visitor, researcher = gate(world, session, None), gate(world, session, "researcher")
        with pytest.raises(NotFoundError) as of_hidden:
            researcher.require(Action.READ, hidden, "x")
        with pytest.raises(NotFoundError) as of_none:
            researcher.require(Action.READ, None, "x")
        assert str(of_hidden.value) == str(of_none.value)
        with pytest.raises(NotFoundError, match="no such data set"):
            gate(world, session, "holder").require(Action.READ, None, "x")
        with pytest.raises(NotAuthenticatedError, match="log in"):
            visitor.require(Action.READ, seen, "x")
        with pytest.raises(NotAllowedError, match="may not read"):
            researcher.require(Action.READ, seen, "x")


def test_service__answers_over_http(sqlite_world):
    assert sqlite_world.client().get("/health").json()["status"] == "ok"
    with sqlite_world.serve() as address:
        assert httpx.get(f"{address}/health").status_code == 200
