"""Making data sets that have a description and no files yet; ``hub.description.room`` keeps descriptions."""

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.errors import ConflictError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.filing import check_name


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
