"""Settings: file, variables and options in rising weight; a wrong one is a sentence that names its place."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from genomehub.errors import ConfigError, NotFoundError
from genomehub.hub.service.settings import HIDDEN, Settings, read_settings, shown, source_of

PAGE = Path(__file__).parents[2] / "docs" / "hub-operations.md"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text('name = "of the file"\nmax_page = 50\nreferences = ["a.ref"]\n')
    return path


def test_read__option_over_variable_over_file(file, monkeypatch):
    monkeypatch.setenv("GENOMEHUB_HUB_MAX_PAGE", "60")
    monkeypatch.setenv("GENOMEHUB_HUB_PORT", "1")
    settings = read_settings(file, port=2, host=None)
    assert (settings.name, settings.max_page, settings.port) == ("of the file", 60, 2)
    assert settings.references == [Path("a.ref")]
    options = {"port": 2}
    sources = [source_of(name, file, options) for name in ("name", "max_page", "port", "host")]
    assert sources == [str(file), "variable GENOMEHUB_HUB_MAX_PAGE", "option --port", "default"]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PORT", "high", r"variable GENOMEHUB_HUB_PORT: port: 'high' found; .* integer"),
        ("WORKERS", "0", r"variable GENOMEHUB_HUB_WORKERS: workers: '0' found; .* 1"),
        ("PROT", "1", r"variable GENOMEHUB_HUB_PROT: prot is no setting of the hub. Was port meant\?"),
        ("REFERENCES", "a.ref", r"GENOMEHUB_HUB_REFERENCES: references is a list, .* JSON"),
        ("PUBLIC_URL", "hub.org", r"public_url: 'hub.org' found; an address such as https"),
        ("CORS_ORIGINS", '["igv.org/x"]', r"cors_origins: .* an origin such as https://igv.org is expected"),
        ("METRICS", "token", r"needs metrics_token"),
        ("METRICS_TOKEN", "too short", r"metrics_token: .* at least 16"),
        ("MAIL_SERVER", "mail.org/x", r"mail_server: 'mail.org/x' found; the name of a host such as"),
        ("MAIL_SECURITY", "ssl", r"mail_security: 'ssl' found; .*'starttls', 'tls' or 'none'"),
        ("MAIL_FROM", "Hub <hub@x>", r"mail_from: 'Hub <hub@x>' found; an address such as hub@example.org"),
        ("MAIL_USER", "hub", r"mail_user and mail_password belong together. Set it"),
        ("PERMIT_WARNING_DAYS", "[0]", r"permit_warning_days: .* days from 1 to 365 are expected"),
    ],
)
def test_read__wrong_variable(monkeypatch, variable, value, sentence):
    monkeypatch.setenv(f"GENOMEHUB_HUB_{variable}", value)
    with pytest.raises(ConfigError, match=sentence) as failed:
        read_settings()
    assert "\n" not in str(failed.value)
    assert "too short" not in str(failed.value)


def test_read__no_password_goes_out_unencrypted(tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text('mail_user = "hub"\nmail_password = "a secret word"\nmail_security = "none"\n')
    with pytest.raises(ConfigError, match="mail_password is never sent unencrypted") as failed:
        read_settings(path)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("port = 99999", "hub.toml: port: 99999 found"),
        ("prot = 1", "hub.toml: prot is no setting of the hub. Was port meant"),
        ("port", "hub.toml: is not TOML"),
        ("references = 'a.ref'", "hub.toml: references: 'a.ref' found; input should be a valid list"),
    ],
)
def test_read__wrong_file(tmp_path, text, sentence):
    path = tmp_path / "hub.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        read_settings(path)


def test_read__no_file(tmp_path):
    with pytest.raises(NotFoundError, match="no such file of settings"):
        read_settings(tmp_path / "hub.toml")


def test_read__variables_of_clients_are_none_of_the_service(monkeypatch):
    monkeypatch.setenv("GENOMEHUB_HUB_URL", "https://hub.example.org")
    monkeypatch.setenv("GENOMEHUB_HUB_TOKEN", "x")
    read_settings()


def test_shown__hides_secrets():
    assert shown("metrics_token", SecretStr("of sixteen letters")) == HIDDEN
    assert shown("catalogue", "postgresql://ada:word@host/genomes") == "postgresql://ada:***@host/genomes"


def test_docs__every_setting_with_its_default_and_meaning():
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*?) \| (.*?) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    told = {name: (default.strip("` "), meaning) for name, default, meaning in rows}
    assert list(told) == list(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        value = field.get_default()
        assert told[name] == (shown(name, value), field.description), name
