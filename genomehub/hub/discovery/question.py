"""What somebody looks for: words and phrases, choices in facets, a span of time, an order, a page."""

import dataclasses
import re
from collections.abc import Mapping
from datetime import date
from typing import Literal

from genomehub.errors import InputError
from genomehub.hub.discovery.words import LITTLE_WORDS, fold, folded_words, surface_words

Sort = Literal["relevance", "newest", "title", "size"]

#: Facets in the order in which they are shown. ``facts`` tells what their values are.
FACETS = (
    "category", "assay", "reference", "size", "access", "duo", "year", "keyword", "holder", "kind",
    "language", "state",
)  # fmt: skip
MOST_ELEMENTS = 16
#: Shorter beginnings of words would match nearly everything.
SHORTEST_PREFIX = 2
_PART = re.compile(r'"([^"]*)"?|([^\s"]+)')


@dataclasses.dataclass(frozen=True)
class Element:
    """A word or a phrase to be found.

    words : folded; several are a phrase
    prefix : words that begin like this count too (the last word of a question, which may be unfinished)
    surface : as it was written, in lower case
    """

    words: tuple[str, ...]
    prefix: bool = False
    surface: str = ""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked; everything must hold at once, values chosen in one facet are alternatives.

    text : words, "phrases in quotes"
    chosen : values by facet
    since, until : of the date of the description, both included
    sort : without words "relevance" is "newest"
    language : of titles, for their order
    values : how many values of a facet are listed; chosen ones always are
    """

    text: str = ""
    chosen: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    since: date | None = None
    until: date | None = None
    sort: Sort = "relevance"
    language: str = "en"
    limit: int = 50
    offset: int = 0
    values: int = 20


def elements(text: str) -> tuple[Element, ...]:
    """Return the words and phrases of a question.

    >>> [element.words for element in elements('genomes of "rare diseases" epilep')]
    [('genome',), ('rare', 'disease'), ('epilep',)]

    Raises
    ------
    InputError
        There are more than are looked for.
    """
    found: list[Element] = []
    for part in _PART.finditer(text):
        quoted, bare = part.groups()
        if bare is not None:
            found += [Element((fold(word),), surface=word) for word in surface_words(bare) if fold(word)]
        elif folded := tuple(folded_words(quoted)):
            found.append(Element(folded, surface=f'"{" ".join(surface_words(quoted))}"'))
    if found and found[-1].surface[-1] != '"' and surface_words(text[-1:]):
        last = found[-1]  # nothing follows it: it may be unfinished
        found[-1] = dataclasses.replace(last, prefix=len(last.words[0]) >= SHORTEST_PREFIX)
    telling = [one for one in found if one.surface[0] == '"' or one.words[0] not in LITTLE_WORDS]
    once = {one.words: one for one in telling or found}
    if len(once) > MOST_ELEMENTS:
        raise InputError(
            f"q: has {len(once)} words and phrases; at most {MOST_ELEMENTS} are looked for. Leave some out."
        )
    return tuple(once.values())
