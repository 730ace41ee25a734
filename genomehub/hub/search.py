"""Searching the catalogue: filters, conditions on QC values, pages of a bounded size in a stable order."""

import dataclasses
import difflib
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from genomehub.errors import ConfigError, NotFoundError
from genomehub.hub import models
from genomehub.hub.lookup import is_current, summaries
from genomehub.hub.records import Page

DEFAULT_LIMIT = 50
MAXIMAL_LIMIT = 1000

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne,
    "=": operator.eq, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_CONDITION = re.compile(
    r"\s*(?P<measure>[^<>=!]*[^<>=!\s])\s*(?P<compare>>=|<=|!=|==|=|>|<)\s*"
    r"(?P<value>[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)\s*"
)


@dataclasses.dataclass(frozen=True)
class Condition:
    """A bound on a value of QC or evaluation, such as ``coverage.mean >= 30``."""

    measure: str
    compare: str
    value: float


@dataclasses.dataclass(frozen=True)
class Query:
    """What is looked for; everything given must hold.

    text : words; each must occur in a sample, the data set's name, title or description, or the project
    sample, project, kind : exact
    reference : start of a reference's digest, or its exact name
    since : registered then or later
    where : conditions on QC and evaluation values
    all_versions : also what was superseded
    """

    text: str = ""
    sample: str | None = None
    project: str | None = None
    kind: str | None = None
    reference: str | None = None
    since: datetime | None = None
    where: tuple[Condition, ...] = ()
    all_versions: bool = False


def parse_condition(condition: str) -> Condition:
    """Return a condition from its text.

    >>> parse_condition("coverage.mean>=30")
    Condition(measure='coverage.mean', compare='>=', value=30.0)

    Raises
    ------
    ConfigError
        It is no NAME, comparison, NUMBER.
    """
    match = _CONDITION.fullmatch(condition)
    if match is None:
        raise ConfigError(
            f"{condition!r} is no condition; a name, one of >= <= > < = != and a number are expected, "
            "such as 'coverage.mean>=30'."
        )
    compare = "=" if match["compare"] == "==" else match["compare"]
    return Condition(match["measure"], compare, float(match["value"]))


def parse_since(since: str) -> datetime:
    """Return a date or time in ISO 8601 as a time; without a time zone it is meant in UTC.

    >>> parse_since("2026-11-23").isoformat()
    '2026-11-23T00:00:00+00:00'

    Raises
    ------
    ConfigError
        It is no date.
    """
    try:
        time = datetime.fromisoformat(since)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{since!r} is no date; 2026-11-23 or 2026-11-23T09:30 is expected.") from error


def search(session: Session, query: Query, limit: int, offset: int) -> Page:
    """Return one page of the entries that match, the newest first.

    Raises
    ------
    ConfigError
        The page is larger than MAXIMAL_LIMIT or does not exist.
    NotFoundError
        No entry has a value of the name that a condition asks for.
    """
    if not 1 <= limit <= MAXIMAL_LIMIT or not 0 <= offset < 2**62:
        raise ConfigError(f"a page has 1 to {MAXIMAL_LIMIT} entries and starts at 0 or later.")
    matching = _select(session, query)
    page = matching.add_columns(func.count().over())  # one pass finds the page and counts all that match
    rows = session.execute(page.order_by(models.Entry.id.desc()).limit(limit).offset(offset)).all()
    if rows or not offset:
        total = rows[0][1] if rows else 0
    else:
        total = session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    measures = dict.fromkeys(condition.measure for condition in query.where)
    return Page(summaries(session, [row[0] for row in rows], measures), total, limit, offset)


def _select(session: Session, query: Query) -> Select[tuple[int]]:
    """Return the numbers of the entries that match; how a filter is written was chosen at 100,000 entries."""
    entry, file = models.Entry, models.File
    matching = select(entry.id)
    if not query.all_versions:
        matching = matching.where(is_current())
    for word in query.text.split():
        matching = matching.where(_mentions(session, word))
    if query.sample is not None:
        matching = matching.where(_has_sample(models.Sample.name == query.sample))
    if query.project is not None:
        matching = matching.where(_in_project(models.Project.name == query.project))
    if query.kind is not None:
        of_kind = (file.entry_id == entry.id, file.kind == query.kind, file.role == "result")
        matching = matching.where(exists().where(*of_kind))
    if query.reference is not None:
        matching = matching.where(entry.reference_id.in_(_references(query.reference)))
    if query.since is not None:
        matching = matching.where(entry.registered_at >= query.since)
    for condition in query.where:
        measured = aliased(models.Measurement)  # an entry has a value once, so joining repeats no entry
        matching = matching.join(measured, _holds(session, measured, condition))
    return matching


def _mentions(session: Session, word: str) -> ColumnElement[bool]:
    """Return the condition that a word occurs, in upper or lower case, in what a person would look for."""
    dataset = models.Dataset
    of_sqlite = session.get_bind().dialect.name == "sqlite"

    def occurs(text: ColumnElement[Any]) -> ColumnElement[bool]:
        if of_sqlite and word.isascii():  # its own LIKE ignores case there, and is ten times as fast
            return text.contains(word, autoescape=True)
        return text.icontains(word, autoescape=True)

    told = (
        dataset.name + " " + func.coalesce(dataset.title, "") + " " + func.coalesce(dataset.description, "")
    )
    return or_(
        models.Entry.dataset_id.in_(select(dataset.id).where(occurs(told))),
        _in_project(occurs(models.Project.name.expression)),
        _has_sample(occurs(models.Sample.name.expression)),
    )


def _in_project(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    projects = select(models.Project.id).where(condition)
    datasets = select(models.Dataset.id).where(models.Dataset.project_id.in_(projects))
    return models.Entry.dataset_id.in_(datasets)


def _has_sample(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    link = models.EntrySample
    named = select(link.entry_id).join(models.Sample, models.Sample.id == link.sample_id).where(condition)
    return models.Entry.id.in_(named)


def _references(name: str) -> Select[tuple[int]]:
    reference = models.Reference
    starts = func.substr(reference.digest, 1, len(name)) == name
    return select(reference.id).where(or_(starts, reference.name == name))


def _holds(session: Session, measured: Any, condition: Condition) -> ColumnElement[bool]:
    measure = session.scalar(select(models.Measure.id).where(models.Measure.name == condition.measure))
    if measure is None:
        _check_known(session, condition.measure)
    bound = _COMPARE[condition.compare](measured.value, condition.value)
    return and_(measured.entry_id == models.Entry.id, measured.measure_id == measure, bound)


def _check_known(session: Session, name: str) -> None:
    """Raise if entries have values but none of this name: a typing error should not look like no result."""
    known: Sequence[str] = session.scalars(select(models.Measure.name).order_by(models.Measure.name)).all()
    if not known:
        return
    similar: Iterable[str] = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
    raise NotFoundError(f"no entry has a value {name!r}. There are, for example: {', '.join(similar)}.")
