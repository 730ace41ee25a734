"""From what a page shows to its HTML: one Jinja environment for each language, and what every page knows."""

import dataclasses
import functools
from typing import Any
from urllib.parse import urlencode, urlsplit

import jinja2
from markupsafe import Markup

from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.description.document import in_language
from genomehub.hub.pages import charts, statics, vocabularies
from genomehub.hub.pages.texts import LANGUAGES, Words, translations


@dataclasses.dataclass(frozen=True)
class Reader:
    """Who reads a page, and where they are.

    language : of the page
    prefix : "" where the browser's wish chose the language, else "/en" or "/fr"
    path, query : of the page, without the prefix
    site : what the hub is called; organisation, contact_email : who runs it
    public_url : how the world reaches it
    single_sign_on : whether an OpenID provider is there
    """

    principal: Principal
    language: str
    prefix: str
    path: str
    query: str
    site: str
    organisation: str
    contact_email: str
    public_url: str
    single_sign_on: bool

    @property
    def words(self) -> Words:
        """How the language says numbers and days."""
        return _words(self.language)

    def to(self, path: str, **query: object) -> str:
        """Return the address of another page in the same language."""
        asked = urlencode({key: value for key, value in query.items() if value not in (None, "")}, doseq=True)
        return self.prefix + path + (f"?{asked}" if asked else "")

    def here_in(self, language: str) -> str:
        """Return the address of this page in a language."""
        return f"/{language}{self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def here(self) -> str:
        """The address of this page, to come back to."""
        return self.prefix + self.path + (f"?{self.query}" if self.query else "")

    def is_a(self, *roles: str) -> bool:
        """Tell whether the reader has one of the roles in any project."""
        return any(self.principal.has_anywhere(Role(role)) for role in roles)

    def text(self, text: dict[str, str]) -> str:
        """Return a text of a description in the reader's language, or in one that there is."""
        return in_language(text, self.language)

    def language_of(self, text: dict[str, str]) -> str:
        """Return which language ``text`` answers in, for the ``lang`` attribute."""
        return next((name for name in (self.language, "en") if text.get(name)), next(iter(text), "en"))


@functools.cache
def _words(language: str) -> Words:
    return Words(language)


@functools.cache
def _environment(language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("genomehub.hub.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    words = _words(language)
    environment.filters |= {
        "number": words.number, "share": words.share, "size": words.size, "day": words.day,
        "moment": words.moment, "say": words.say, "host": host,
    }  # fmt: skip
    environment.globals |= {
        "static": statics.address, "icon": icon, "languages": LANGUAGES, "vocabulary": vocabularies,
        "charts": charts,
    }  # fmt: skip
    return environment


def host(link: str) -> str:
    """Return what a link leads to in short.

    >>> host("https://www.example.org/genomes"), host("doi:10.5555/x")
    ('www.example.org', 'doi:10.5555/x')
    """
    return urlsplit(link).hostname or link


def icon(name: str, label: str = "") -> Markup:
    """Return one of our icons; without a label it is decoration, and not read aloud."""
    said = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon" {} width="20" height="20"><use href="{}#{}"></use></svg>').format(
        said, statics.address("icons.svg"), name
    )


def render(reader: Reader, template: str, **shown: Any) -> str:
    """Return a page as HTML."""
    return _environment(reader.language).get_template(template).render(reader=reader, **shown)
