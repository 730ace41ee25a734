"""The gate: may this principal do this to this data set, now? Every route and every file asks here.

The rules are one table for people and one question to the database for permits, so that a withdrawal takes
effect with the next question. Whether a data set that somebody may not see exists is never told: ``require``
answers as if there were none.
"""

import dataclasses
import enum
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from genomehub.errors import GenomehubError, NotAllowedError, NotAuthenticatedError, NotFoundError
from genomehub.hub import models
from genomehub.hub.access.principals import Principal, Role


class Action(enum.StrEnum):
    """What can be done to a data set."""

    SEE = "see"  # its description, numbers and list of files
    READ = "read"  # its files: reads, variants, tables
    REGISTER = "register"  # add versions and files
    DESCRIBE = "describe"  # edit, publish and withdraw its description
    DECIDE = "decide"  # on requests for it


#: Roles of the project that holds the data set which suffice, without any permit.
BY_ROLE: dict[Action, frozenset[Role]] = {
    Action.SEE: frozenset({Role.HOLDER, Role.STEWARD}),
    Action.READ: frozenset({Role.HOLDER}),
    Action.REGISTER: frozenset({Role.HOLDER}),
    Action.DESCRIBE: frozenset({Role.HOLDER, Role.STEWARD}),
    Action.DECIDE: frozenset({Role.STEWARD}),
}


@dataclasses.dataclass(frozen=True)
class Decision:
    """What the gate says, and why.

    reason : "role", "public", "permit", "visa", or why not: "none"
    permit_uuid, visa_issuer : of what allowed it
    """

    allowed: bool
    reason: str
    permit_uuid: str | None = None
    visa_issuer: str | None = None

    @property
    def detail(self) -> dict[str, str]:
        """What the event log notes of an access: why, and by which permit or visa."""
        because = {"reason": self.reason, "permit": self.permit_uuid, "visa_issuer": self.visa_issuer}
        return {name: value for name, value in because.items() if value is not None}


#: Stands for a data set that does not exist: asking about it costs the same questions to the database.
NOTHING = -1


def _nothing() -> models.Dataset:
    return models.Dataset(id=NOTHING, project_id=NOTHING, uuid="")


@dataclasses.dataclass(frozen=True)
class Refusal:
    """What was refused to whom; an error carries it to whoever writes the event log."""

    principal: Principal
    action: Action
    dataset_id: int | None
    what: str

    @classmethod
    def attach(
        cls,
        error: GenomehubError,
        principal: Principal,
        action: Action,
        dataset: models.Dataset | None,
        what: str,
    ) -> GenomehubError:
        """Return the error, carrying the refusal."""
        error.refusal = cls(  # type: ignore[attr-defined]
            principal, action, None if dataset is None else dataset.id, what[:80]
        )
        return error

    @staticmethod
    def of(error: GenomehubError) -> "Refusal | None":
        """Return what an error of ``Gate.require`` carries."""
        return getattr(error, "refusal", None)


class Gate:
    """Decides for one principal at one time."""

    def __init__(self, session: Session, principal: Principal, now: datetime) -> None:
        self._session, self.principal, self._now = session, principal, now

    def decide(self, action: Action, dataset: models.Dataset) -> Decision:
        """Tell whether the principal may, and why."""
        if any(self.principal.has(role, dataset.project_id) for role in BY_ROLE[action]):
            return Decision(True, "role")
        if action is Action.SEE and self._published(dataset):
            return Decision(True, "public")
        if action in (Action.SEE, Action.READ):
            permit = self._permit(dataset)
            if permit is not None:
                return Decision(True, "permit", permit)
            issuer = self._visa(dataset)
            if issuer is not None:
                return Decision(True, "visa", visa_issuer=issuer)
        return Decision(False, "none")

    def require(self, action: Action, dataset: models.Dataset | None, what: str) -> Decision:
        """Return the decision if the principal may.

        Parameters
        ----------
        dataset : None if there is none; the answer, and the questions asked for it, are those for one that
            may not be seen
        what : as the person named it, for the sentence

        Raises
        ------
        NotFoundError
            There is no such data set, or they may not even see it.
        NotAuthenticatedError
            They may see it, and might do this if they were logged in.
        NotAllowedError
            They may see it, and may not do this.
        """
        seen = self.decide(Action.SEE, _nothing() if dataset is None else dataset)
        decision = (
            seen if action is Action.SEE or not seen.allowed else self.decide(action, dataset or _nothing())
        )
        if decision.allowed and dataset is not None:
            return decision
        error: GenomehubError
        if dataset is None or not seen.allowed:  # also for who may see whatever there is
            error = NotFoundError(f"{what[:80]!r}: no such data set. Look for it in the catalogue.")
        elif not self.principal.known:
            error = NotAuthenticatedError(
                f"{what[:80]!r}: log in, or send a token, to {action} this data set."
            )
        else:
            error = NotAllowedError(
                f"{what[:80]!r}: you may not {action} this data set. Ask for access on its page, or look "
                "whether your permit has ended."
            )
        raise Refusal.attach(error, self.principal, action, dataset, what)

    def _published(self, dataset: models.Dataset) -> bool:
        publication = models.Publication
        found = exists().where(
            publication.dataset_id == dataset.id, publication.state.in_(("published", "withdrawn"))
        )
        return bool(self._session.scalar(select(found)))

    def _permit(self, dataset: models.Dataset) -> str | None:
        """Return the identifier of a permit that holds now for this person and data set."""
        if not self.principal.known:
            return None
        permit = models.Permit
        valid = (
            select(permit.uuid)
            .join(models.PermitDataset, models.PermitDataset.permit_id == permit.id)
            .join(models.PermitPerson, models.PermitPerson.permit_id == permit.id)
            .where(
                models.PermitDataset.dataset_id == dataset.id,
                models.PermitPerson.person_id == self.principal.person_id,
                permit.withdrawn_at.is_(None),
                permit.starts_at <= self._now,
                permit.ends_at > self._now,
            )
            .order_by(permit.ends_at.desc(), permit.id)
        )
        return self._session.scalar(valid.limit(1))

    def _visa(self, dataset: models.Dataset) -> str | None:
        """Return who issued a visa for this data set that has not expired."""
        issuers = [
            visa.issuer
            for visa in self.principal.visas
            if visa.dataset_uuid == dataset.uuid and visa.until > self._now
        ]
        return min(issuers, default=None)
