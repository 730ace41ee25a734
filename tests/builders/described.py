"""Described data sets for tests of search: registered by name, described by a document, in any state."""

import uuid
from datetime import UTC, datetime

from sqlalchemy import func, select

from genomehub.hub import models

WHEN = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


def project(session, name):
    found = session.scalar(select(models.Project).where(models.Project.name == name))
    if found is None:
        found = models.Project(name=name, created_at=WHEN)
        session.add(found)
        session.flush()
    return found


def add_dataset(session, name, document=None, state="published", project_name="search", title=None):
    """Add a data set; with a document also its description; a state of None makes no publication."""
    dataset = models.Dataset(
        uuid=str(uuid.uuid4()), project_id=project(session, project_name).id, name=name, title=title,
        created_at=WHEN,
    )  # fmt: skip
    session.add(dataset)
    session.flush()
    description = None if document is None else describe(session, dataset.id, document)
    if state is not None:
        session.add(
            models.Publication(
                dataset_id=dataset.id,
                description_id=description and description.id,
                state=state,
                changed_at=WHEN,
            )
        )
        session.flush()
    return dataset


def describe(session, dataset_id, document):
    """Add the next version of a description; what is published stays."""
    of_dataset = models.Description.dataset_id == dataset_id
    last = session.scalar(select(func.max(models.Description.version)).where(of_dataset)) or 0
    description = models.Description(
        dataset_id=dataset_id, version=last + 1, document=document, source="form", created_at=WHEN,
        created_by="test",
    )  # fmt: skip
    session.add(description)
    session.flush()
    return description


def publish(session, dataset_id, description_id=None, state="published"):
    """Change the state, and which description is published."""
    publication = session.get_one(models.Publication, dataset_id)
    publication.state = state
    if description_id is not None:
        publication.description_id = description_id
    session.flush()
