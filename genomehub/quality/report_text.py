"""Numbers as people read them, and the templates they are put into."""

from typing import Any

import jinja2

from genomehub import __version__

LEVEL_WORDS = {"good": "good", "look": "look", "poor": "poor", "unjudged": "not judged"}
NOTHING = "–"


def count(value: float | None) -> str:
    """A whole number with thousands apart.

    Examples
    --------
    >>> count(1234567)
    '1,234,567'
    """
    return NOTHING if value is None else f"{value:,.0f}"


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction of 1 as per cent; small ones with more digits.

    Examples
    --------
    >>> percent(0.98765), percent(0.00031)
    ('98.77 %', '0.031 %')
    """
    if value is None:
        return NOTHING
    if 0 < value < 0.001:
        digits = 3
    return f"{100 * value:.{digits}f} %"


def plain(value: float | None, digits: int = 2) -> str:
    """A number with a fixed number of decimals."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def with_unit(value: float | None, unit: str) -> str:
    """A number of the summary with its unit: "%", "x" or none."""
    if value is None:
        return NOTHING
    if unit == "%":
        return percent(value)
    return f"{value:,.1f}x" if unit == "x" else f"{value:,.2f}"


def seconds(value: float | None) -> str:
    """A span of time.

    Examples
    --------
    >>> seconds(3.21), seconds(75), seconds(299.6), seconds(7500)
    ('3.2 s', '1 min 15 s', '5 min 0 s', '2 h 5 min')
    """
    if value is None:
        return NOTHING
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def data_size(value: float | None) -> str:
    """Bytes in the unit that suits.

    Examples
    --------
    >>> data_size(1_500_000)
    '1.5 MB'
    """
    if value is None:
        return NOTHING
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value:.0f} B"


def render(template: str, **values: Any) -> str:
    """Fill a template of this package; values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("genomehub.quality", "templates"),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters.update(
        count=count, percent=percent, plain=plain, unit=with_unit, seconds=seconds, data_size=data_size
    )
    source, *_ = environment.loader.get_source(environment, "style.css")  # type: ignore[union-attr]
    environment.globals.update(style=source, version=__version__, level_words=LEVEL_WORDS)
    text = environment.get_template(template).render(**values)
    return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"
