"""Which data sets somebody may find: the gate's rules for seeing, for all data sets at once.

The public does not find what was withdrawn, though its page still says so. A test compares with the gate,
data set by data set.
"""

from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.gate import BY_ROLE, Action
from genomehub.hub.access.principals import Principal
from genomehub.hub.discovery.columns import STATES, Columns, Mask

_PUBLISHED = STATES.index("published")


def visible(session: Session, principal: Principal, now: datetime, columns: Columns) -> Mask:
    """Return which data sets a principal may find now."""
    exists = columns.state != 0
    grants = [grant for grant in principal.grants if grant.role in BY_ROLE[Action.SEE]]
    if any(grant.project_id is None for grant in grants):
        return exists
    mask = columns.state == _PUBLISHED
    if grants:
        mask |= np.isin(columns.project, np.array([grant.project_id for grant in grants], np.int64))
    if principal.known:
        permitted = np.array(_permitted(session, principal, now), np.int64)
        mask[permitted[permitted < columns.size]] = True
    return mask & exists


def _permitted(session: Session, principal: Principal, now: datetime) -> list[int]:
    permit = models.Permit
    valid = (
        select(models.PermitDataset.dataset_id)
        .join(permit, permit.id == models.PermitDataset.permit_id)
        .join(models.PermitPerson, models.PermitPerson.permit_id == permit.id)
        .where(
            models.PermitPerson.person_id == principal.person_id,
            permit.withdrawn_at.is_(None),
            permit.starts_at <= now,
            permit.ends_at > now,
        )
    )
    return list(session.scalars(valid))
