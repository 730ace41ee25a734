"""Pushing a description upward: a local hub tells the national catalogue, with that catalogue's own verbs."""

import dataclasses
import hashlib
from typing import Literal

import httpx
from sqlalchemy import select

from genomehub.errors import GenomehubError, InputError, NotAllowedError, NotFoundError, ResourceError
from genomehub.hub import models
from genomehub.hub.description.rdf import to_graph, to_turtle
from genomehub.hub.description.room import Descriptions, NotValidError
from genomehub.hub.description.validation import validate
from genomehub.hub.filing import EventLog

_SECONDS = 60.0
_SHOWN = 300


@dataclasses.dataclass(frozen=True)
class Pushed:
    """What was done; remote_id : what the other catalogue calls the data set."""

    outcome: Literal["created", "updated", "unchanged", "removed"]
    remote_id: str


class Target:
    """Another catalogue: POST and PUT of Turtle, DELETE, with a key."""

    def __init__(self, address: str, key: str, transport: httpx.BaseTransport | None = None) -> None:
        self.address = address.rstrip("/")
        self._client = httpx.Client(
            base_url=self.address, headers={"X-API-Key": key}, timeout=_SECONDS, transport=transport
        )

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def create(self, turtle: str) -> str:
        """Send a new description; return its identifier there."""
        return self._sent("POST", "/ingest/datasets", turtle)

    def update(self, remote_id: str, turtle: str) -> str:
        """Send a newer version."""
        return self._sent("PUT", "/ingest/datasets/origin", turtle, originalId=remote_id)

    def remove(self, remote_id: str) -> str:
        """Take it back."""
        return self._sent("DELETE", f"/ingest/datasets/{remote_id}", None)

    def _sent(self, method: str, path: str, turtle: str | None, **query: str) -> str:
        headers = {"Content-Type": "text/turtle"} if turtle is not None else {}
        content = None if turtle is None else turtle.encode()
        try:
            answer = self._client.request(method, path, content=content, params=query, headers=headers)
        except httpx.HTTPError as error:
            raise ResourceError(
                f"{self.address}: gave no answer ({type(error).__name__}). Try again later."
            ) from error
        if answer.is_success:
            return self._identifier(answer)
        raise self._refused(answer)

    def _identifier(self, answer: httpx.Response) -> str:
        try:
            return str(answer.json()["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.address}: answered {answer.status_code} without an 'id'. "
                "Is it a catalogue with /ingest?"
            ) from error

    def _refused(self, answer: httpx.Response) -> GenomehubError:
        try:
            said = str(answer.json().get("detail", answer.text))
        except (ValueError, AttributeError):
            said = answer.text
        sentence = f"{self.address}: refused with {answer.status_code}: {said[:_SHOWN]}"
        if answer.status_code in (401, 403):
            return NotAllowedError(f"{sentence} Check the key and its role there.")
        return NotFoundError(sentence) if answer.status_code == 404 else InputError(sentence)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be sent: nothing is written or locked while another catalogue answers.

    remote_id : what it calls the data set, if it has it; turtle : None to take it back
    """

    uuid: str
    remote_id: str | None
    turtle: str | None
    changed: bool

    @property
    def digest(self) -> str:
        """SHA-256 of what is sent."""
        return hashlib.sha256((self.turtle or "").encode()).hexdigest()


def plan(there: Descriptions, uuid: str, address: str) -> Plan:
    """Return what another catalogue is to be sent of a data set.

    Raises
    ------
    NotValidError
        The French profile asks for more.
    InputError
        The data set is not published.
    """
    view = there.view(uuid)
    known = _known(there, uuid, address)
    remote_id = None if known is None else known.remote_id
    if view.state == "withdrawn" and known is not None:
        return Plan(uuid, remote_id, None, True)
    if view.state != "published":
        raise InputError(
            f"{uuid}: is {view.state}; only published descriptions are pushed. Publish it first."
        )
    findings = validate(view.document, view.subject, ("dcat-ap", "hdh"))
    if findings:
        raise NotValidError.of(findings)
    made = Plan(uuid, remote_id, to_turtle(to_graph(view.document, view.subject, for_hdh=True)), True)
    return dataclasses.replace(made, changed=known is None or known.digest != made.digest)


def send(plan: Plan, target: Target) -> Pushed:
    """Send what is planned."""
    if not plan.changed:
        return Pushed("unchanged", str(plan.remote_id))
    if plan.turtle is None:
        return Pushed("removed", target.remove(str(plan.remote_id)))
    if plan.remote_id is None:
        return Pushed("created", target.create(plan.turtle))
    target.update(plan.remote_id, plan.turtle)
    return Pushed("updated", plan.remote_id)


def record(there: Descriptions, plan: Plan, done: Pushed, address: str, actor: str) -> None:
    """Keep what was sent, and note in the log who sent it."""
    if done.outcome == "unchanged":
        return
    session = there.session
    dataset = session.scalars(select(models.Dataset).where(models.Dataset.uuid == plan.uuid)).one()
    known = _known(there, plan.uuid, address)
    if done.outcome == "removed":
        session.delete(known)
    else:
        if known is None:
            known = models.Push(dataset_id=dataset.id, target=address[:200])
            session.add(known)
        known.remote_id, known.digest, known.pushed_at = done.remote_id[:200], plan.digest, there.now
    detail = {"target": address, "outcome": done.outcome, "id": done.remote_id}
    EventLog(session, actor, there.now).append("push", dataset, None, detail)


def _known(there: Descriptions, uuid: str, address: str) -> models.Push | None:
    return there.session.scalar(
        select(models.Push)
        .join(models.Dataset, models.Dataset.id == models.Push.dataset_id)
        .where(models.Dataset.uuid == uuid, models.Push.target == address[:200])
    )
