"""Answering questions: which data sets, in which order, and how many have which value of a facet.

Everything is counted over the data sets that the one who asks may see, so nothing is told of others: not by a
count, not by an order, not by a suggestion.
"""

import dataclasses
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.principals import Principal
from genomehub.hub.discovery.columns import Columns, Mask, columns_of
from genomehub.hub.discovery.question import FACETS, Element, Question, elements
from genomehub.hub.discovery.spelling import corrected
from genomehub.hub.discovery.visibility import visible
from genomehub.hub.discovery.words import same

#: What a word weighs where it is found: title, keywords, elsewhere. Only begun, it weighs half.
WEIGHTS = (8.0, 4.0, 1.0)
#: Facets whose values have an order of their own; others are listed by their counts.
_BY_VALUE = frozenset({"year", "size"})


@dataclasses.dataclass(frozen=True)
class Found:
    """A data set of the answer; ``card`` is what ``facts`` put there."""

    uuid: str
    state: str
    card: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Count:
    """How many data sets have a value, under the choices made in the other facets."""

    value: str
    label: dict[str, str]
    n: int
    chosen: bool


@dataclasses.dataclass(frozen=True)
class Facet:
    """Values of a facet; ``more`` tells how many further values some data set has."""

    name: str
    values: tuple[Count, ...]
    more: int


@dataclasses.dataclass(frozen=True)
class Answer:
    """A page of what was found.

    total : how many were found in all; individuals : how many people they are about, as far as may be told
    suggestion : a question that would find some
    """

    total: int
    individuals: int
    datasets: tuple[Found, ...]
    facets: tuple[Facet, ...]
    suggestion: str | None


def find(session: Session, principal: Principal, now: datetime, question: Question) -> Answer:
    """Answer a question.

    Raises
    ------
    InputError
        It has more words than are looked for.
    """
    wanted = elements(question.text)
    columns = columns_of(session)
    seen = visible(session, principal, now, columns)
    having = [columns.having(session, element) for element in wanted]
    text = _all_of(having, seen)
    if question.text.strip() and not wanted:
        text = np.zeros(columns.size, bool)  # nothing but signs
    within = text & _between(columns, question)
    chosen = {facet: _chosen(columns, facet, values, seen) for facet, values in question.chosen.items()}
    choices = {
        facet: columns.postings[facet].having([one for one in numbers.values() if one >= 0], columns.size)
        for facet, numbers in chosen.items()
        if numbers
    }
    found = _all(within, choices)
    total = int(found.sum())
    ids = _ordered(session, columns, question, wanted, having, seen, found)
    return Answer(
        total,
        int(columns.individuals[found].clip(min=0).sum()),
        _cards(session, ids[question.offset : question.offset + question.limit].tolist()),
        tuple(
            _facet(
                columns, name, _others(name, within, found, choices), chosen.get(name, {}), question.values
            )
            for name in FACETS
        ),
        None if text.any() else _suggestion(session, columns, seen, wanted, having),
    )


def _any_field(fields: tuple[Mask, ...]) -> Mask:
    title, keywords, body = fields
    return title | keywords | body


def _all_of(having: list[tuple[Mask, ...]], seen: Mask) -> Mask:
    mask = seen
    for fields in having:
        mask = mask & _any_field(fields)
    return mask


def _between(columns: Columns, question: Question) -> Mask:
    mask = np.ones(columns.size, bool)
    if question.since is not None:
        mask &= columns.date >= question.since.toordinal()
    if question.until is not None:
        mask &= columns.date <= question.until.toordinal()
    return mask


def _chosen(columns: Columns, facet: str, values: Iterable[str], seen: Mask) -> dict[str, int]:
    """Return the numbers of chosen values; -1 for one that no visible data set has, whoever else has it."""
    numbers = {}
    for value in values:
        key = next((key for key in ((facet, value), (facet, same(value))) if key in columns.value_ids), None)
        number = -1 if key is None else columns.value_ids[key]
        if number >= 0 and not (columns.postings[facet].having([number], columns.size) & seen).any():
            number = -1
        numbers[value] = number
    return numbers


def _all(mask: Mask, choices: dict[str, Mask]) -> Mask:
    for choice in choices.values():
        mask = mask & choice
    return mask


def _others(facet: str, within: Mask, found: Mask, choices: dict[str, Mask]) -> Mask:
    """Return what is found under the choices in the other facets."""
    if facet not in choices:
        return found
    return _all(within, {name: mask for name, mask in choices.items() if name != facet})


def _facet(columns: Columns, name: str, mask: Mask, chosen: dict[str, int], most: int) -> Facet:
    """Return a facet's values, the most frequent first, and the chosen ones whatever their counts."""
    postings = columns.postings[name]
    counts = postings.counts(mask)
    some, n = postings.values[counts > 0], counts[counts > 0]
    if name in _BY_VALUE:
        values = sorted(
            some.tolist(), key=lambda one: _natural(columns.value_names[one][1]), reverse=name == "year"
        )[:most]
    else:
        values = some[np.lexsort((columns.value_rank[some], -n))[:most]].tolist()
    picked = dict.fromkeys(number for number in chosen.values() if number >= 0)
    listed = list(dict.fromkeys([*values, *picked]))
    n_of = dict(zip(listed, counts[np.searchsorted(postings.values, listed)].tolist(), strict=True))
    shown = [
        Count(columns.value_names[one][1], columns.labels[one], n_of[one], one in picked) for one in listed
    ]
    shown += [Count(value, {}, 0, True) for value, number in chosen.items() if number < 0]
    return Facet(name, tuple(shown), len(some) - sum(n > 0 for n in n_of.values()))


def _natural(value: str) -> tuple[int, int, str]:
    """Return what classes of size and years are listed by: small to large, words before numbers."""
    digits = value.partition("-")[0].rstrip("+")
    return (1, int(digits), value) if digits.isascii() and digits.isdigit() else (0, 0, value)


def _ordered(
    session: Session,
    columns: Columns,
    question: Question,
    wanted: tuple[Element, ...],
    having: list[tuple[Mask, ...]],
    seen: Mask,
    found: Mask,
) -> np.ndarray:
    if question.sort != "relevance":
        order = columns.order(question.sort, question.language)
        return order[found[order]]
    order = columns.order("newest", question.language)
    ids = order[found[order]]
    if not wanted or len(ids) < 2:
        return ids
    weight = np.zeros(len(ids), np.float64)
    for element, fields in zip(wanted, having, strict=True):
        n = int((_any_field(fields) & seen).sum())
        weight += rarity(n, int(seen.sum())) * _field_weight(session, columns, element, fields, ids)
    return ids[np.argsort(-weight.round(9), kind="stable")]


def rarity(n: int, of: int) -> float:
    """Return the weight of a word that ``n`` of so many data sets have: a rare one tells more."""
    return math.log(1 + of / max(n, 1))


def _field_weight(
    session: Session, columns: Columns, element: Element, fields: tuple[Mask, ...], ids: np.ndarray
) -> np.ndarray:
    """Return what an element weighs in each data set: where it weighs most."""
    heaviest = np.zeros(len(ids), np.float64)
    factor = 0.5 if element.prefix else 1.0
    for weight, mask in zip(WEIGHTS, fields, strict=True):
        np.maximum(heaviest, weight * factor * mask[ids], out=heaviest)
    if element.prefix:
        whole = dataclasses.replace(element, prefix=False)
        np.maximum(
            heaviest,
            _field_weight(session, columns, whole, columns.having(session, whole), ids),
            out=heaviest,
        )
    return heaviest


def _cards(session: Session, ids: list[int]) -> tuple[Found, ...]:
    document = models.SearchDocument
    rows = session.execute(
        select(document.dataset_id, document.uuid, document.state, document.card).where(
            document.dataset_id.in_(ids)
        )
    )
    by_id = {row.dataset_id: Found(row.uuid, row.state, row.card) for row in rows}
    return tuple(by_id[one] for one in ids if one in by_id)


def _suggestion(
    session: Session,
    columns: Columns,
    seen: Mask,
    wanted: tuple[Element, ...],
    having: list[tuple[Mask, ...]],
) -> str | None:
    """Return the question with a near word for each that nothing has, if that finds something."""
    better: list[Element] = []
    for element, fields in zip(wanted, having, strict=True):
        if (_any_field(fields) & seen).any():
            better.append(element)
        elif (near := corrected(session, columns, seen, element)) is not None:
            better.append(near)
        else:
            return None
    if [one.words for one in better] == [one.words for one in wanted]:
        return None
    if not _all_of([columns.having(session, one) for one in better], seen).any():
        return None
    return " ".join(element.surface for element in better)
