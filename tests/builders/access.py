"""People, studies and permits for tests of access: what a hub's world has, and everybody who may ask.

populate(world)             studies, requests, one permit about the data set "side-door", people of all roles
opened(world)               such a study again
permit_state(world, state)  the member's permit for "open-door" and "back-room" in one of STATES
waiting_extension(world, study)    another permit of the member's, that should hold longer
probe                       a route that gives out data, through the gate as every one of them must
"""

import uuid
from datetime import timedelta

from builders.hub import World
from fastapi import APIRouter
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.gate import Action, Gate
from genomehub.hub.access.people import add_person, grant_role, new_token, tokens
from genomehub.hub.access.principals import Role
from genomehub.hub.access.studies import invite, make_study
from genomehub.hub.service.dependencies import HubDependency, PrincipalDependency

ROLES = (
    "visitor", "researcher", "colleague", "member", "holder", "holder2", "steward", "steward2", "auditor",
    "administrator",
)  # fmt: skip
STATES = ("none", "pending", "granted", "not yet begun", "expired", "withdrawn", "another study's")


def populate(world: World) -> dict[str, str]:
    """Add people and studies; return identifiers by name, for paths of routes."""
    now = world.clock()
    with world.hub.database.write() as session:
        project = session.scalars(select(models.Project).where(models.Project.name == "genomes")).one()
        elsewhere = models.Project(name="elsewhere", created_at=now)
        session.add(elsewhere)
        session.flush()
        for name, role, place in (
            ("holder", Role.HOLDER, project), ("steward", Role.STEWARD, project),
            ("holder2", Role.HOLDER, elsewhere), ("steward2", Role.STEWARD, elsewhere),
            ("member", Role.RESEARCHER, None), ("outsider", Role.RESEARCHER, None),
        ):  # fmt: skip
            _person(world, session, name, role, place)
        side = _side_door(world, session, project)
        given = {
            **_opened(world, session, side),
            "colleague": session.get_one(models.Person, world.people["colleague"]).uuid,
            "member": session.get_one(models.Person, world.people["member"]).uuid,
            "token": str(tokens(session, world.people["researcher"], now)[0].id),
            "nothing": str(uuid.uuid4()),
        }
    return given | world.datasets


def opened(world: World) -> dict[str, str]:
    """Begin another study of the member's, with an invitation, requests and a permit; return identifiers."""
    with world.hub.database.write() as session:
        return _opened(world, session, world.dataset(session, "side-door"))


def permit_state(world: World, state: str) -> None:
    """Bring the member's permit for "open-door" and "back-room" into a state."""
    with world.hub.database.write() as session:
        study = session.scalars(select(models.Study).where(models.Study.title == "A study")).one()
        datasets = [world.dataset(session, name) for name in ("open-door", "back-room")]
        days = {"not yet begun": (1, 3), "expired": (-3, -1)}.get(state, (-1, 30))
        if state == "pending":
            _request(world, session, study, datasets, "submitted")
        elif state == "another study's":
            other = make_study(session, world.people["outsider"], "Another study", "", world.clock())
            for dataset in datasets:
                _permit(world, session, other, dataset, "outsider")
        elif state != "none":
            for dataset in datasets:
                permit = _permit(world, session, study, dataset, "member", days)
                if state == "withdrawn":
                    permit.withdrawn_at = world.clock()


def waiting_extension(world: World, study_uuid: str) -> str:
    """Give the member another permit for "side-door", and ask that it hold longer; return what is asked."""
    with world.hub.database.write() as session:
        study = session.scalars(select(models.Study).where(models.Study.uuid == study_uuid)).one()
        permit = _permit(world, session, study, world.dataset(session, "side-door"), "member")
        extension = models.PermitExtension(
            uuid=str(uuid.uuid4()), permit_id=permit.id, until=permit.ends_at + timedelta(days=30),
            reason="It takes longer", state="submitted", asked_at=world.clock(),
            asked_by_id=world.people["member"],
        )  # fmt: skip
        session.add(extension)
        return extension.uuid


def _opened(world: World, session: Session, side: models.Dataset) -> dict[str, str]:
    now = world.clock()
    study = make_study(session, world.people["member"], "A study", "", now)
    session.add(models.StudyMember(study_id=study.id, person_id=world.people["colleague"], lead=False))
    return {
        "study": study.uuid,
        "invitation": invite(session, study, "researcher@hub.test", world.people["member"], now).uuid,
        "permit": _permit(world, session, study, side, "member").uuid,
        **{state: _request(world, session, study, [side], state).uuid for state in ("draft", "submitted")},
    }


def _person(world: World, session: Session, name: str, role: Role, project: models.Project | None) -> None:
    now = world.clock()
    if name not in world.people:
        world.people[name] = add_person(session, name.title(), f"{name}@hub.test", now).id
        person = session.get_one(models.Person, world.people[name])
        world.tokens[name] = new_token(session, person, "tests", now, None)
    person = session.get_one(models.Person, world.people[name])
    session.execute(delete(models.RoleGrant).where(models.RoleGrant.person_id == person.id))
    grant_role(session, person, role, project)


def _side_door(world: World, session: Session, project: models.Project) -> models.Dataset:
    like = world.dataset(session, "open-door")
    dataset = models.Dataset(
        uuid=str(uuid.uuid4()), project_id=project.id, name="side-door", title="Side door",
        created_at=like.created_at,
    )  # fmt: skip
    session.add(dataset)
    session.flush()
    text = {"title": {"en": "Side door"}, "duo": ["DUO:0000006", "DUO:0000021"], "hdab_days": 60}
    description = models.Description(
        dataset_id=dataset.id, version=1, document=text, source="form", created_at=world.clock(),
        created_by="test",
    )  # fmt: skip
    session.add(description)
    session.flush()
    session.add(
        models.Publication(
            dataset_id=dataset.id, description_id=description.id, state="published", changed_at=world.clock()
        )
    )
    world.datasets["side-door"] = dataset.uuid
    return dataset


def _request(
    world: World, session: Session, study: models.Study, datasets: list[models.Dataset], state: str
) -> models.AccessRequest:
    now = world.clock()
    request = models.AccessRequest(
        uuid=str(uuid.uuid4()), study_id=study.id, purpose="To learn", duo=["DUO:0000006"], state=state,
        until=now + timedelta(days=300), created_at=now, created_by_id=world.people["member"],
        submitted_at=now if state == "submitted" else None, datasets=datasets,
        people=[session.get_one(models.Person, world.people["member"])],
    )  # fmt: skip
    session.add(request)
    session.flush()
    return request


def _permit(
    world: World,
    session: Session,
    study: models.Study,
    dataset: models.Dataset,
    person: str,
    days: tuple[int, int] = (-1, 30),
) -> models.Permit:
    now = world.clock()
    permit = models.Permit(
        uuid=str(uuid.uuid4()), study_id=study.id, duo=["DUO:0000006"], granted_at=now,
        granted_by_id=world.people["steward"], starts_at=now + timedelta(days=days[0]),
        ends_at=now + timedelta(days=days[1]), datasets=[dataset],
        people=[session.get_one(models.Person, world.people[person])],
    )  # fmt: skip
    session.add(permit)
    session.flush()
    return permit


probe = APIRouter()


@probe.get("/probe/{uuid}")
def read_probe(hub: HubDependency, principal: PrincipalDependency, uuid: str) -> dict[str, str]:
    """Give out data as every route must: ask the gate, note the access, then give."""
    with hub.database.read() as session:
        dataset = session.scalar(select(models.Dataset).where(models.Dataset.uuid == uuid))
        decision = Gate(session, principal, hub.clock()).require(Action.READ, dataset, uuid)
        number = dataset.id
    hub.desk.journal.record(principal, "access", number, **decision.detail)
    return {"data": "ACGT"}
