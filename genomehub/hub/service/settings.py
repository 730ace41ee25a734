"""Settings of the service: a TOML file, over it variables GENOMEHUB_HUB_..., over them options."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from genomehub.hub.access.visas import TrustedIssuer

#: Variable that names the file.
FILE_VARIABLE = "GENOMEHUB_HUB_CONFIG"


class Settings(BaseSettings):
    """All settings; ``docs/hub-operations.md`` lists them, and a test compares."""

    model_config = SettingsConfigDict(env_prefix="GENOMEHUB_HUB_", extra="forbid", env_nested_delimiter="__")

    catalogue: str = Field("catalogue.sqlite", description="SQLite file, or postgresql://USER@HOST/DATABASE")
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
    default_language: Literal["en", "fr"] = Field("en", description="of pages, where a browser asks for none")
    max_body_bytes: int = Field(16 * 2**20, description="largest body of a request, uploads apart")
    max_page: int = Field(200, description="most rows in a page of an answer")
    link_seconds: int = Field(900, description="how long a signed link holds")
    log_format: Literal["text", "json"] = Field("text", description="of the log on standard error")
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
    visa_seconds: int = Field(3600, gt=0, description="how long a visa of ours holds at most")
    visa_issuers: list[TrustedIssuer] = Field(
        [], description="issuers of GA4GH visas that are trusted: issuer, jwks_uri, sources, by, broker"
    )

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
    """Return the settings of a file, the environment and the options that are not None, in rising weight."""

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    given = {name: value for name, value in options.items() if value is not None}
    return (FromFile if file else Settings)(**given)  # type: ignore[arg-type]
