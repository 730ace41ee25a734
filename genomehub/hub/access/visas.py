"""GA4GH Passports (AAI and Passport 1.2): visas of others accepted, and our own made from permits.

A passport is a list of visas, each a token signed by its issuer. We accept ``ControlledAccessGrants`` for our
data sets, from issuers, sources and authorities that the settings name; everything else is ignored, as the
standard asks. Signatures are verified with the keys that the settings name, never with those a token names.
"""

import dataclasses
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from genomehub.errors import ConfigError, GenomehubError, NotAuthenticatedError
from genomehub.hub import models
from genomehub.hub.access.keys import KeyRing, Remote, peek
from genomehub.hub.access.oidc import check_claims
from genomehub.hub.access.principals import VisaGrant

By = Literal["self", "peer", "system", "so", "dac"]
PASSPORT_TYPE, VISA_TYPE = "vnd.ga4gh.passport+jwt", "vnd.ga4gh.visa+jwt"
#: Visas of one passport that are looked at.
MAXIMAL_VISAS = 200


class TrustedIssuer(BaseModel, extra="forbid", frozen=True):
    """An issuer of visas that the hub trusts; in the settings.

    jwks_uri : where its keys are; issuer : ``iss`` of its visas
    sources : organisations (``source``) that may decide about data sets here
    by : authorities within them that count
    broker : whether its passports are accepted, too
    """

    issuer: str
    jwks_uri: str
    sources: frozenset[str] = frozenset()
    by: frozenset[By] = frozenset({"dac"})
    broker: bool = False


@dataclasses.dataclass(frozen=True)
class Holder:
    """Whom a passport is about, and what its visas grant here."""

    issuer: str
    subject: str
    visas: frozenset[VisaGrant]


@dataclasses.dataclass(frozen=True)
class _Visa:
    """A visa whose signature and times hold."""

    issuer: TrustedIssuer
    subject: str
    expires: float
    claims: dict[str, Any]

    @property
    def identity(self) -> tuple[str, str]:
        return self.issuer.issuer, self.subject


class Clearinghouse:
    """Reads passports and visas."""

    def __init__(
        self,
        issuers: Sequence[TrustedIssuer],
        public_url: str,
        remote: Remote,
        clock: Callable[[], datetime],
    ) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._iri = public_url.rstrip("/") + "/datasets/"
        self._remote, self._clock = remote, clock

    def read_passport(self, passport: str) -> Holder:
        """Return what a passport grants.

        Raises
        ------
        NotAuthenticatedError
            It is not signed by a broker that the hub trusts, or has expired. Visas in it that do not hold are
            ignored, without an error.
        """
        header, claims = peek(passport)
        if str(header.get("typ", "")).lower().removeprefix("application/") != PASSPORT_TYPE:
            raise NotAuthenticatedError(f"the token is no passport: its typ is not {PASSPORT_TYPE}.")
        broker = self._issuers.get(str(claims.get("iss")))
        if broker is None or not broker.broker:
            raise NotAuthenticatedError("the passport is not of a broker that this hub trusts.")
        claims = self._remote.verify(passport, broker.jwks_uri).claims
        check_claims(claims, self._clock(), issuer=broker.issuer, audience=None)
        visas = claims.get("ga4gh_passport_v1")
        return Holder(broker.issuer, claims["sub"], self.grants(visas if isinstance(visas, list) else ()))

    def grants(self, visas: Iterable[object]) -> frozenset[VisaGrant]:
        """Return what visas grant here; those that do not hold are ignored."""
        held = [visa for text in list(visas)[:MAXIMAL_VISAS] if (visa := self._held(text)) is not None]
        return frozenset(grant for visa in held if (grant := self._grant(visa, held)) is not None)

    def _held(self, text: object) -> _Visa | None:
        """Return a visa if its issuer is trusted and its signature, form and times hold."""
        if not isinstance(text, str):
            return None
        try:
            header, claims = peek(text)
            issuer = self._issuers.get(str(claims.get("iss")))
            if issuer is None or header.get("jku", issuer.jwks_uri) != issuer.jwks_uri:
                return None
            claims = self._remote.verify(text, issuer.jwks_uri).claims
            check_claims(claims, self._clock(), issuer=issuer.issuer, audience=None)
        except ConfigError:
            raise
        except GenomehubError:
            return None
        visa = claims.get("ga4gh_visa_v1")
        if not isinstance(visa, dict) or not all(
            isinstance(visa.get(name), str) for name in ("type", "value", "source")
        ):
            return None
        if not isinstance(visa.get("asserted"), int) or visa["asserted"] > self._clock().timestamp() + 60:
            return None
        return _Visa(issuer, claims["sub"], claims["exp"], visa)

    def _grant(self, visa: _Visa, held: Sequence[_Visa]) -> VisaGrant | None:
        claims = visa.claims
        if claims["type"] != "ControlledAccessGrants" or not claims["value"].startswith(self._iri):
            return None
        if claims["source"] not in visa.issuer.sources or claims.get("by") not in visa.issuer.by:
            return None
        if not self._conditions_met(visa, held):
            return None
        until = datetime.fromtimestamp(visa.expires, UTC)
        return VisaGrant(visa.issuer.issuer, claims["value"].removeprefix(self._iri), until)

    def _conditions_met(self, visa: _Visa, held: Sequence[_Visa]) -> bool:
        """Tell whether one of the lists of clauses is met, each clause by one visa of the same person."""
        conditions = visa.claims.get("conditions")
        if conditions in (None, []):
            return True
        others = [
            other
            for other in held
            if other is not visa and not other.claims.get("conditions") and _same_person(visa, other, held)
        ]
        return isinstance(conditions, list) and any(
            isinstance(clauses, list)
            and bool(clauses)
            and all(any(_clause_met(clause, other.claims) for other in others) for clause in clauses)
            for clauses in conditions
        )


def _clause_met(clause: object, visa: dict[str, Any]) -> bool:
    if not isinstance(clause, dict) or len(clause) < 2 or clause.get("type") != visa["type"]:
        return False
    if not clause.keys() <= {"type", "value", "source", "by"}:
        return False
    return all(_matches(clause[name], visa.get(name)) for name in clause.keys() - {"type"})


def _matches(wanted: object, value: object) -> bool:
    """Match ``const:``, ``pattern:`` (``?`` a character, ``*`` any), ``split_pattern:`` (one of ``a;b``)."""
    if not isinstance(wanted, str) or not isinstance(value, str) or len(wanted) > 1000:
        return False
    kind, _, text = wanted.partition(":")
    if kind == "const":
        return text == value
    if kind not in ("pattern", "split_pattern"):
        return False
    return any(_fits(text, part) for part in (value.split(";") if kind == "split_pattern" else [value]))


def _fits(pattern: str, text: str) -> bool:
    """Match a whole text with wildcards in time proportional to pattern times text, whatever the pattern.

    >>> _fits("faculty@*.de", "faculty@uni.de"), _fits("a?c", "ac"), _fits("*", "")
    (True, False, True)
    """
    at = here = mark = 0
    star = -1
    while at < len(text):
        if here < len(pattern) and pattern[here] == "*":
            star, mark, here = here, at, here + 1
        elif here < len(pattern) and pattern[here] in ("?", text[at]):
            at, here = at + 1, here + 1
        elif star >= 0:
            mark += 1
            at, here = mark, star + 1
        else:
            return False
    return not pattern[here:].strip("*")


def _same_person(one: _Visa, other: _Visa, held: Sequence[_Visa]) -> bool:
    """Tell whether two visas are about one identity, or about two that a trusted visa links."""
    reached, new = set(), {one.identity}
    while new:
        reached |= new
        new = {identity for visa in held for identity in _links(visa) if _links(visa) & reached} - reached
    return other.identity in reached


def _links(visa: _Visa) -> set[tuple[str, str]]:
    """Return the identities that a ``LinkedIdentities`` visa says to be one person's."""
    if visa.claims["type"] != "LinkedIdentities" or visa.claims.get("conditions"):
        return set()
    pairs = (part.partition(",") for part in visa.claims["value"].split(";"))
    return {visa.identity} | {(unquote(issuer), unquote(subject)) for subject, _, issuer in pairs}


# -------------------------------------------------------------------------------------------- our visas


@dataclasses.dataclass(frozen=True)
class Issuer:
    """Makes visas and passports of this hub's permits.

    source : the organisation that decides, as visas name it; seconds : how long a visa holds at most
    """

    keys: KeyRing
    url: str
    source: str
    seconds: int

    def visas(self, session: Session, person: models.Person, now: datetime) -> list[str]:
        """Return a visa for each data set that a permit lets the person read now."""
        permit = models.Permit
        held = session.scalars(
            select(permit)
            .join(models.PermitPerson, models.PermitPerson.permit_id == permit.id)
            .where(
                models.PermitPerson.person_id == person.id,
                permit.withdrawn_at.is_(None),
                permit.starts_at <= now,
                permit.ends_at > now,
            )
            .order_by(permit.ends_at)
            .options(selectinload(permit.datasets))
        )
        longest = {dataset.uuid: each for each in held for dataset in each.datasets}
        return [self._visa(person, uuid_, each, now) for uuid_, each in sorted(longest.items())]

    def _visa(self, person: models.Person, dataset_uuid: str, permit: models.Permit, now: datetime) -> str:
        visa = {
            "type": "ControlledAccessGrants",
            "asserted": int(permit.granted_at.timestamp()),
            "value": f"{self.url}/datasets/{dataset_uuid}",
            "source": self.source,
            "by": "dac",
        }
        until = min(permit.ends_at, now + timedelta(seconds=self.seconds))
        return self._sign(person, now, until, VISA_TYPE, ga4gh_visa_v1=visa)

    def passport(self, session: Session, person: models.Person, now: datetime) -> str:
        """Return a passport with all visas of a person."""
        until = now + timedelta(seconds=self.seconds)
        visas = self.visas(session, person, now)
        return self._sign(person, now, until, PASSPORT_TYPE, ga4gh_passport_v1=visas)

    def _sign(self, person: models.Person, now: datetime, until: datetime, typ: str, **claims: object) -> str:
        times = {"iat": int(now.timestamp()), "exp": int(until.timestamp())}
        who = {"iss": self.url, "sub": person.uuid, "jti": str(uuid.uuid4())}
        jku = {} if typ == PASSPORT_TYPE else {"jku": f"{self.url}/.well-known/jwks.json"}
        return self.keys.sign(who | times | claims, typ, **jku)

    def owner(self, passport: str, now: datetime) -> str:
        """Return whose passport of ours this is: the person's uuid. Their permits of now count, not visas.

        Raises
        ------
        NotAuthenticatedError
        """
        header, _ = peek(passport)
        claims = self.keys.verify(passport)
        if header.get("typ") != PASSPORT_TYPE:
            raise NotAuthenticatedError("the token is no passport.")
        check_claims(claims, now, issuer=self.url, audience=None)
        return str(claims["sub"])
