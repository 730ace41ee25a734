"""The hub as an issuer of GA4GH passports: its keys, its configuration, a person's passport."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel

from genomehub.hub import models
from genomehub.hub.service.dependencies import HubDependency, PersonDependency
from genomehub.hub.service.problems import problems

router = APIRouter(tags=["access"])


class KeySetAnswer(BaseModel):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, Any]]


@router.get("/.well-known/jwks.json")
def show_keys(hub: HubDependency, response: Response) -> KeySetAnswer:
    """Get the public keys of what the hub signs."""
    response.headers["Cache-Control"] = "public, max-age=600"
    return KeySetAnswer.model_validate(hub.desk.keys.public())


class IssuerConfiguration(BaseModel):
    """What a passport clearinghouse needs to know of this issuer."""

    issuer: str
    jwks_uri: str
    userinfo_endpoint: str
    id_token_signing_alg_values_supported: list[str]
    claims_supported: list[str]
    scopes_supported: list[str]


@router.get("/.well-known/openid-configuration")
def show_configuration(hub: HubDependency) -> IssuerConfiguration:
    """Describe the hub as an issuer of visas."""
    url = hub.desk.issuer.url
    return IssuerConfiguration(
        issuer=url,
        jwks_uri=f"{url}/.well-known/jwks.json",
        userinfo_endpoint=f"{url}/auth/userinfo",
        id_token_signing_alg_values_supported=["ES256"],
        claims_supported=["sub", "name", "ga4gh_passport_v1"],
        scopes_supported=["openid", "ga4gh_passport_v1"],
    )


class UserInfo(BaseModel):
    """Who one is, with visas."""

    sub: str
    name: str
    ga4gh_passport_v1: list[str]


@router.get("/auth/userinfo", responses=problems(401))
def userinfo(hub: HubDependency, who: PersonDependency, response: Response) -> UserInfo:
    """Get one's visas: one for each data set that a permit lets one read now."""
    response.headers["Cache-Control"] = "no-store"
    with hub.database.read() as session:
        person = session.get_one(models.Person, who.person_id)
        visas = hub.desk.issuer.visas(session, person, hub.clock())
    hub.desk.journal.record(who, "visa-issue", n_visas=len(visas))
    return UserInfo(sub=who.uuid, name=who.name, ga4gh_passport_v1=visas)


class PassportAnswer(BaseModel):
    """A passport: a signed token with all visas."""

    passport: str


@router.get("/api/passport", responses=problems(401))
def passport(hub: HubDependency, who: PersonDependency, response: Response) -> PassportAnswer:
    """Get one's passport, signed, for other services."""
    response.headers["Cache-Control"] = "no-store"
    with hub.database.read() as session:
        person = session.get_one(models.Person, who.person_id)
        made = hub.desk.issuer.passport(session, person, hub.clock())
    hub.desk.journal.record(who, "visa-issue", passport=True)
    return PassportAnswer(passport=made)
