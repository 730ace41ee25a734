"""Settings of the service: a TOML file, over it variables GENOMEHUB_HUB_..., over them options.

A wrong value is one sentence that names the setting and where it came from. Secrets are never printed.
"""

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from genomehub.errors import ConfigError, NotFoundError
from genomehub.hub.access.visas import TrustedIssuer

PREFIX = "GENOMEHUB_HUB_"
#: Variable that names the file.
FILE_VARIABLE = "GENOMEHUB_HUB_CONFIG"
#: Variables of clients, which are no settings of the service.
CLIENT_VARIABLES = frozenset({"GENOMEHUB_HUB_URL", "GENOMEHUB_HUB_TOKEN"})
HIDDEN = "(set, not shown)"


class Settings(BaseSettings):
    """All settings; ``docs/hub-operations.md`` lists them, and a test compares."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", env_nested_delimiter="__")

    catalogue: str = Field("catalogue.sqlite", description="SQLite file, or postgresql://USER@HOST/DATABASE")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="and its port; 0 takes a free one")
    workers: int = Field(1, ge=1, le=256, description="processes that answer")
    public_url: str = Field(
        "http://127.0.0.1:8000", description="how the world reaches the service; links and tokens name it"
    )
    name: str = Field("genomehub", description="what the hub is called on its pages and in its answers")
    organisation: str = Field("unnamed organisation", description="who runs it")
    organisation_url: str = Field("https://example.org", description="its web page")
    contact_email: str = Field("hub@example.org", description="whom to write to")
    secret_file: Path | None = Field(
        None,
        description="file of the key that signs sessions and links; by default made beside the catalogue",
    )
    storage: str | None = Field(
        None, description="where uploads go: a folder or s3://BUCKET/PREFIX; by default beside the catalogue"
    )
    upload_folder: Path | None = Field(
        None, description="where uploads arrive before they are whole; by default beside storage or catalogue"
    )
    upload_max_bytes: int = Field(2**41, ge=1, description="largest file that may be uploaded")
    upload_quota_bytes: int = Field(2**43, ge=1, description="most that a person may have under way at once")
    upload_max_files: int = Field(1000, ge=1, description="most files in an upload")
    upload_days: float = Field(
        7, gt=0, description="days after which an upload that nothing came for is removed"
    )
    references: list[Path] = Field([], description="reference directories that are served and recognised")
    profiles: list[Literal["dcat-ap", "healthdcat-ap", "hdh"]] = Field(
        ["dcat-ap", "healthdcat-ap", "hdh"], description="that a description must satisfy to be published"
    )
    default_language: Literal["en", "fr"] = Field("en", description="of pages, where a browser asks for none")

    trusted_hosts: list[str] = Field(
        [], description='other names than public_url\'s and loopback that requests may be for; "*" for any'
    )
    proxies: list[str] = Field(
        ["127.0.0.1", "::1"],
        description="addresses and networks of reverse proxies whose X-Forwarded-* headers are believed",
    )
    cors_origins: list[str] = Field(
        [], description='web sites whose scripts may read answers, such as https://igv.org; "*" for any'
    )
    max_body_bytes: int = Field(16 * 2**20, ge=1024, description="largest body of a request, uploads apart")
    max_headers: int = Field(100, ge=10, le=1000, description="most headers of a request")
    max_header_bytes: int = Field(
        32 * 2**10, ge=1024, le=2**20, description="largest request line with headers"
    )
    max_page: int = Field(200, ge=1, le=1000, description="most rows in a page of an answer")
    request_seconds: float = Field(
        60, gt=0, description="longest wait until an answer begins; queries end a little earlier"
    )
    idle_seconds: float = Field(
        30, gt=0, description="longest silence of a client that sends or receives; then it is cut off"
    )
    keep_alive_seconds: int = Field(
        75, ge=1, description="how long an idle connection is kept; let it be longer than the proxy's time"
    )
    shutdown_seconds: int = Field(
        30, ge=0, description="how long open requests may go on after the service was told to stop"
    )
    threads: int = Field(20, ge=1, le=200, description="requests that one process works on at a time")
    max_connections: int = Field(1000, ge=1, description="connections of one process; further ones get 503")
    database_connections: int = Field(
        20, ge=1, le=200, description="connections to the database of one process, at most"
    )
    lock_seconds: int = Field(
        10, ge=1, le=600, description="how long a change waits for another one to be done with the catalogue"
    )
    link_seconds: int = Field(900, ge=1, description="how long a signed link holds")

    log_format: Literal["text", "json"] = Field("text", description="of the log on standard error")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="how much it says; info has a line for each request"
    )
    metrics: Literal["off", "loopback", "token"] = Field(
        "loopback", description="who may read /metrics: nobody, this machine, or who has metrics_token"
    )
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description='for metrics = "token"; Prometheus sends it as credentials'
    )
    oidc_issuer: str | None = Field(None, description="URL of the OpenID provider; none: tokens only")
    oidc_client_id: str | None = Field(None, description="this service's name there")
    oidc_client_secret: SecretStr | None = Field(None, description="and its secret")
    oidc_scopes: str = Field("openid profile email", description="asked for at login")
    oidc_audience: str | None = Field(
        None, description="audience of the provider's access tokens for this service; by default public_url"
    )
    oidc_everybody: bool = Field(
        True,
        description="whoever the provider knows may ask for data; else only people the staff has entered",
    )
    session_hours: float = Field(12, gt=0, description="how long a login lasts at most")
    session_idle_minutes: float = Field(60, gt=0, description="and unused")
    keys_file: Path | None = Field(
        None, description="file of the keys that sign visas and seals; by default made beside the secret"
    )
    seal_seconds: float = Field(60, gt=0, description="how often the event log's head is signed")
    mondo: Path | None = Field(
        None, description="mondo.obo of another release than the one that comes with the program"
    )
    visa_seconds: int = Field(3600, gt=0, description="how long a visa of ours holds at most")
    visa_issuers: list[TrustedIssuer] = Field(
        [], description="issuers of GA4GH visas that are trusted: issuer, jwks_uri, sources, by, broker"
    )

    mail_server: str | None = Field(
        None, description="host that takes e-mails to people; none: none are sent"
    )
    mail_port: int = Field(587, ge=1, le=65535, description="and its port; 465 for tls, 25 for a relay")
    mail_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how it is spoken to: encrypted after a word, from the beginning, or not"
    )
    mail_user: str | None = Field(None, description="name to log in with there, if it wants one")
    mail_password: SecretStr | None = Field(None, description="and its password; never sent unencrypted")
    mail_from: str | None = Field(
        None, description="address that e-mails come from; by default contact_email"
    )
    mail_seconds: float = Field(20, gt=0, description="how often the outbox is looked into")
    mail_days: float = Field(5, gt=0, description="days for which an e-mail that is not taken is tried")
    permit_warning_days: list[int] = Field(
        [30, 7], description="days before a permit's end on which its people are warned; pages from the first"
    )

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("an address such as https://hub.example.org is expected")
        return url.rstrip("/")

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            parts = urlsplit(origin)
            whole = parts.scheme in ("http", "https") and parts.netloc and not parts.path
            if origin != "*" and not whole:
                raise ValueError(f"{origin!r}: an origin such as https://igv.org is expected, without a path")
        return origins

    @field_validator("mail_server")
    @classmethod
    def _mail_server(cls, host: str | None) -> str | None:
        if host is not None and not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
            raise ValueError("the name of a host such as mail.example.org is expected; its port is mail_port")
        return host

    @field_validator("mail_from", "contact_email")
    @classmethod
    def _address(cls, address: str | None) -> str | None:
        if address is not None and not re.fullmatch(r"[^@\s<>,;:\"]+@[A-Za-z0-9.-]+", address):
            raise ValueError("an address such as hub@example.org is expected")
        return address

    @field_validator("permit_warning_days")
    @classmethod
    def _warning_days(cls, days: list[int]) -> list[int]:
        if any(not 1 <= n <= 365 for n in days):
            raise ValueError("days from 1 to 365 are expected")
        return sorted(set(days), reverse=True)

    @model_validator(mode="after")
    def _mail_together(self) -> "Settings":
        if (self.mail_user is None) != (self.mail_password is None):
            raise ValueError("mail_user and mail_password belong together")
        if self.mail_user is not None and self.mail_security == "none":
            raise ValueError(
                'mail_password is never sent unencrypted: mail_security = "none" goes without it'
            )
        return self

    @model_validator(mode="after")
    def _together(self) -> "Settings":
        if self.metrics == "token" and self.metrics_token is None:
            raise ValueError('metrics = "token" needs metrics_token')
        return self

    @property
    def hosts(self) -> frozenset[str]:
        """Names that requests may be for."""
        public = urlsplit(self.public_url).hostname or ""
        return frozenset({public, "localhost", "127.0.0.1", "::1", *(h.lower() for h in self.trusted_hosts)})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = cls.model_config.get("toml_file")
        layers = (init_settings, env_settings)
        return (*layers, TomlConfigSettingsSource(settings_cls)) if file else layers


def read_settings(file: Path | None = None, **options: object) -> Settings:
    """Return the settings of a file, the environment and the options that are not None, in rising weight.

    Raises
    ------
    NotFoundError
        The file is not there.
    ConfigError
        A value is wrong; the sentence names the setting and where it came from.
    """
    _check_names(file)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    given = {name: value for name, value in options.items() if value is not None}
    try:
        return (FromFile if file else Settings)(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(_sentence(error, file, given)) from None  # the cause would show secrets
    except SettingsError as error:
        raise ConfigError(_not_json(error)) from None


def _check_names(file: Path | None) -> None:
    """Refuse names that are no setting: a misspelt one would silently leave the default."""
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable not in {FILE_VARIABLE, *CLIENT_VARIABLES}:
            _check_name(variable.removeprefix(PREFIX).lower(), f"variable {variable}")
    for name in _in_file(file):
        _check_name(name, f"{file}")


def _check_name(name: str, where: str) -> None:
    if name in Settings.model_fields:
        return
    near = difflib.get_close_matches(name, Settings.model_fields, 1)
    hint = f" Was {near[0]} meant?" if near else ""
    raise ConfigError(f"{where}: {name} is no setting of the hub.{hint} docs/hub-operations.md lists them.")


def _in_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{file}: no such file of settings. Check --config and ${FILE_VARIABLE}."
        ) from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}). Check its permissions.") from error
    except ValueError as error:  # TOML, UTF-8
        raise ConfigError(f"{file}: is not TOML ({error}). Write NAME = VALUE lines.") from error


def source_of(name: str, file: Path | None, options: dict[str, Any]) -> str:
    """Return where the value of a setting comes from: option, variable, file or default."""
    if name in options:
        return f"option --{name.replace('_', '-')}"
    if (variable := f"{PREFIX}{name.upper()}") in os.environ:
        return f"variable {variable}"
    if name in _in_file(file):
        return str(file)
    return "default"


def _sentence(error: ValidationError, file: Path | None, options: dict[str, Any]) -> str:
    fault = error.errors(include_url=False, include_context=False)[0]
    what = fault["msg"].removeprefix("Value error, ")
    what = what[:1].lower() + what[1:]
    if not fault["loc"]:
        about = "mail_security" if "mail" in what else "metrics"
        return f"settings: {what}. Set it, or another value of {about}."
    name = str(fault["loc"][0])
    secret = "Secret" in str(Settings.model_fields[name].annotation)
    seen = "" if secret else f" {fault['input']!r:.80} found;"
    meaning = Settings.model_fields[name].description
    return f"{source_of(name, file, options)}: {name}:{seen} {what}. It is: {meaning}."


def _not_json(error: SettingsError) -> str:
    name = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "a list")
    return (
        f"variable {PREFIX}{name.upper()}: {name} is a list, and a variable holds it as JSON, such as "
        '["first", "second"].'
    )


def shown(name: str, value: object) -> str:
    """Return a setting's value as it may be shown: secrets hidden, also the password of a URL."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if name in ("catalogue", "storage") and "://" in str(value):
        try:
            return make_url(str(value)).render_as_string(hide_password=True)
        except (ArgumentError, ValueError):
            return "(a URL that cannot be understood)"
    return str(value)
