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
                f"{self.address}: gave no answer ({type(error).__name__}). Try again later; sending "
                "twice does no harm."
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


def push(there: Descriptions, uuid: str, target: Target) -> Pushed:
    """Send a published data set's description, or take back one that was withdrawn.

    Raises
    ------
    NotValidError
        The French profile asks for more; nothing is sent.
    InputError
        The data set is not published.
    """
    view = there.view(uuid)
    dataset = there.session.scalars(select(models.Dataset).where(models.Dataset.uuid == uuid)).one()
    known = there.session.scalar(
        select(models.Push).where(
            models.Push.dataset_id == dataset.id, models.Push.target == target.address[:200]
        )
    )
    if view.state == "withdrawn" and known is not None:
        done = Pushed("removed", target.remove(known.remote_id))
        there.session.delete(known)
    elif view.state != "published":
        raise InputError(
            f"{uuid}: is {view.state}; only published descriptions are pushed. Publish it first."
        )
    else:
        findings = validate(view.document, view.subject, ("dcat-ap", "hdh"))
        if findings:
            raise NotValidError.of(findings)
        done = _sent(there, view.document, view.subject, dataset, known, target)
    if done.outcome != "unchanged":
        log = EventLog(there.session, there.principal.actor, there.now)
        log.append(
            "push", dataset, None, {"target": target.address, "outcome": done.outcome, "id": done.remote_id}
        )
    return done


def _sent(
    there: Descriptions,
    document: object,
    subject: str,
    dataset: models.Dataset,
    known: models.Push | None,
    target: Target,
) -> Pushed:
    turtle = to_turtle(to_graph(document, subject, for_hdh=True))  # type: ignore[arg-type]
    digest = hashlib.sha256(turtle.encode()).hexdigest()
    if known is not None and known.digest == digest:
        return Pushed("unchanged", known.remote_id)
    if known is None:
        remote_id = target.create(turtle)
        there.session.add(
            models.Push(
                dataset_id=dataset.id, target=target.address[:200], remote_id=remote_id[:200], digest=digest,
                pushed_at=there.now,
            )
        )  # fmt: skip
        return Pushed("created", remote_id)
    target.update(known.remote_id, turtle)
    known.digest, known.pushed_at = digest, there.now
    return Pushed("updated", known.remote_id)
