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
    references: list[Path] = Field([], description="reference directories that are served and recognised")
    profiles: list[Literal["dcat-ap", "healthdcat-ap", "hdh"]] = Field(
        ["dcat-ap", "healthdcat-ap", "hdh"], description="that a description must satisfy to be published"
    )
    default_language: Literal["en", "fr"] = Field("en", description="of pages, where a browser asks for none")
    max_body_bytes: int = Field(16 * 2**20, description="largest body of a request, uploads apart")
    max_page: int = Field(200, description="most rows in a page of an answer")
    link_seconds: int = Field(900, description="how long a signed link holds")
    log_format: Literal["text", "json"] = Field("text", description="of the log on standard error")
    oidc_issuer: str | None = Field(None, description="URL of the OpenID provider; none: tokens only")
    oidc_client_id: str | None = Field(None, description="this service's name there")
    oidc_client_secret: SecretStr | None = Field(None, description="and its secret")

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
