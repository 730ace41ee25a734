"""Writing descriptions from the form: drafts in versions, publication, withdrawal."""

import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from genomehub.errors import ConflictError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.filing import check_name
from genomehub.hub.pages.reading import shown_description


def save_draft(
    session: Session, dataset: models.Dataset, description: DatasetDescription, actor: str, now: datetime
) -> models.Description:
    """File a description as the newest version, if it differs from it; the public sees what it saw."""
    document = description.model_dump(mode="json", exclude_defaults=True)
    publication = session.get(models.Publication, dataset.id)
    newest = shown_description(session, dataset, publication, newest=True)
    if newest is not None and newest.document == document:
        return newest
    of = models.Description.dataset_id == dataset.id
    version = session.scalar(select(func.max(models.Description.version)).where(of)) or 0
    saved = models.Description(
        dataset_id=dataset.id, version=version + 1, document=document, source="form", created_at=now,
        created_by=actor,
    )  # fmt: skip
    session.add(saved)
    if publication is None:
        session.add(models.Publication(dataset_id=dataset.id, state="draft", changed_at=now))
    session.flush()
    return saved


def publish(
    session: Session, dataset: models.Dataset, description: models.Description, now: datetime
) -> None:
    """Show a version of a description to the public."""
    publication = session.get_one(models.Publication, dataset.id)
    publication.state, publication.description_id, publication.changed_at = "published", description.id, now


def unpublish(session: Session, dataset: models.Dataset, now: datetime) -> None:
    """Withdraw a data set from the public; its page says so.

    Raises
    ------
    ConflictError
        It is not published.
    """
    publication = session.get(models.Publication, dataset.id)
    if publication is None or publication.state != "published":
        raise ConflictError("the data set is not published.")
    publication.state, publication.changed_at = "withdrawn", now


def projects_to_describe(session: Session, principal: Principal) -> list[str]:
    """Return the names of the projects in which a person may make data sets."""
    projects = session.scalars(select(models.Project).order_by(models.Project.name))
    return [project.name for project in projects if principal.has(Role.HOLDER, project.id)]


def new_dataset(
    session: Session, principal: Principal, project_name: str, name: str, now: datetime
) -> models.Dataset:
    """Make a data set that has a description and no files yet.

    Raises
    ------
    ConfigError
        It cannot have this name.
    NotFoundError
        There is no such project of theirs.
    ConflictError
        The project has one of this name.
    """
    check_name("data set", name)
    if project_name not in projects_to_describe(session, principal):
        raise NotFoundError(f"{project_name[:40]!r}: no such project of yours.")
    project = session.scalars(select(models.Project).where(models.Project.name == project_name)).one()
    same = select(models.Dataset).where(models.Dataset.project_id == project.id, models.Dataset.name == name)
    if session.scalar(same) is not None:
        raise ConflictError(f"project {project_name!r} has a data set {name!r} already. Choose another name.")
    dataset = models.Dataset(uuid=str(uuid.uuid4()), project_id=project.id, name=name, created_at=now)
    session.add(dataset)
    session.flush()
    return dataset
