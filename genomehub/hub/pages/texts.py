"""Languages: which one a reader gets, and what a text is in it.

Texts stand in English in templates and in Python (marked by ``N_`` where they are translated later). The
French ones are in ``locale/fr/LC_MESSAGES/messages.po``, read when the first page is made.
"""

import functools
import gettext
import io
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from babel import Locale, dates, negotiate_locale, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from genomehub.hub.description.document import in_language

#: Languages of the pages, the first being that of the texts in the source, and how they call themselves.
LANGUAGES = {"en": "English", "fr": "Français"}
FOLDER = Path(__file__).parent / "locale"
_BYTES_UNITS = {"en": ("B", "kB", "MB", "GB", "TB", "PB"), "fr": ("o", "ko", "Mo", "Go", "To", "Po")}


def N_(text: str) -> str:  # noqa: N802 - gettext's own name, known to its tools
    """Mark a text to be translated where it is shown."""
    return text


@functools.cache
def translations(language: str) -> gettext.NullTranslations:
    """Return the texts of a language."""
    file = FOLDER / language / "LC_MESSAGES" / "messages.po"
    if not file.is_file():
        return gettext.NullTranslations()
    with file.open("rb") as po:
        catalog = read_po(po, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def choose(cookie: str | None, accepted: str, default: str) -> str:
    """Return the language of a reader who did not name one in the address.

    Parameters
    ----------
    cookie : what they chose before
    accepted : ``Accept-Language`` of their browser

    Examples
    --------
    >>> choose(None, "fr-CH, fr;q=0.9, en;q=0.8", "en")
    'fr'
    >>> choose("en", "fr", "fr")
    'en'
    """
    if cookie in LANGUAGES:
        return str(cookie)
    wanted = [(_weight(part), part.partition(";")[0].strip()) for part in accepted[:400].split(",")]
    ordered = [name for weight, name in sorted(wanted, key=lambda one: -one[0]) if name and weight > 0]
    short = [name.partition("-")[0].lower() for name in ordered]
    return negotiate_locale(short, list(LANGUAGES)) or default


def _weight(part: str) -> float:
    _, found, weight = part.partition("q=")
    try:
        return float(weight) if found else 1.0
    except ValueError:
        return 0.0


class Words:
    """How one language says texts, numbers, sizes and days."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._locale = Locale(language, "GB" if language == "en" else None)
        self._texts = translations(language)

    def say(self, text: str | Mapping[str, str], **values: object) -> str:
        """Return a text in this language, its %(name)s filled.

        Parameters
        ----------
        text : one of ours, in English; or one of the descriptions' vocabularies and fields, by language
        """
        if isinstance(text, Mapping):
            return in_language(dict(text), self.language)
        said = self._texts.gettext(text) if text else ""
        return said % values if values else said

    def number(self, value: float | None, digits: int = 0) -> str:
        """Return a number with as many digits after the point, none of them idle."""
        if value is None:
            return "–"
        return numbers.format_decimal(value, format="#,##0." + "#" * digits, locale=self._locale)

    def share(self, value: float | None, digits: int = 1) -> str:
        """Return a share in percent."""
        if value is None:
            return "–"
        return numbers.format_percent(value, format="#,##0." + "#" * digits + " %", locale=self._locale)

    def size(self, n_bytes: int | None) -> str:
        """Return a size in bytes with a decimal unit."""
        if n_bytes is None:
            return "–"
        value, step = float(n_bytes), 0
        units = _BYTES_UNITS[self.language]
        while value >= 1000 and step < len(units) - 1:
            value, step = value / 1000, step + 1
        return f"{self.number(value, 1 if step and value < 100 else 0)}\u00a0{units[step]}"

    def day(self, when: date | datetime | None) -> str:
        """Return a day in words."""
        return "–" if when is None else dates.format_date(when, "d MMMM y", locale=self._locale)

    def moment(self, when: datetime | None) -> str:
        """Return a day and a time in UTC."""
        if when is None:
            return "–"
        return dates.format_datetime(when, "d MMM y, HH:mm 'UTC'", locale=self._locale)
