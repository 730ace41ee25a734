"""Search in lists, word by word and data set by data set: what the hub's index must answer."""

import math
from collections import Counter

from genomehub.hub.discovery.question import FACETS, elements
from genomehub.hub.discovery.words import folded_words, same, title_key

WEIGHTS = {"title": 8, "keywords": 4, "body": 1}


def matches(words, element):
    """Whether a text, as its words, has a word, a beginning of a word, or a phrase."""
    if element.prefix:
        return any(word.startswith(element.words[0]) for word in words)
    n = len(element.words)
    return any(tuple(words[i : i + n]) == element.words for i in range(len(words) - n + 1))


def weight(facts, element):
    """Weight of the best place where a data set has an element; 0 if it has it nowhere."""
    best = 0
    for field, of_field in WEIGHTS.items():
        for text in getattr(facts, field):
            words = folded_words(text)
            if matches(words, element):
                whole = not element.prefix or element.words[0] in words
                best = max(best, of_field * (1 if whole else 0.5))
    return best


def search(datasets, seen, question):
    """Return numbers of all data sets found, in order, and the counts of each facet.

    datasets : facts by number; seen : numbers that may be seen
    """
    wanted = elements(question.text)
    weights = {one: [weight(datasets[one], element) for element in wanted] for one in seen}
    within = [one for one in seen if all(weights[one]) and between(datasets[one], question)]
    if question.text.strip() and not wanted:
        within = []
    found = [one for one in within if all(chosen(datasets[one], question, facet) for facet in FACETS)]
    facets = {}
    for facet in FACETS:
        others = [name for name in FACETS if name != facet]
        some = [one for one in within if all(chosen(datasets[one], question, name) for name in others)]
        facets[facet] = Counter(
            value for one in some for value in {v.value for v in datasets[one].values if v.facet == facet}
        )
    rarity = [
        math.log(1 + len(seen) / max(sum(weights[one][place] > 0 for one in seen), 1))
        for place in range(len(wanted))
    ]

    def newest(one):
        return (-datasets[one].date.toordinal(), -one)

    def key(one):
        facts = datasets[one]
        if question.sort == "title":
            titles = facts.titles
            other = {"en": "fr", "fr": "en"}[question.language]
            shown = titles.get(question.language) or titles.get(other) or next(iter(titles.values()), "")
            return (title_key(shown), one)
        if question.sort == "size":
            return (-1 if facts.individuals is None else facts.individuals) * -1, newest(one)
        if question.sort == "relevance":
            score = sum(r * w for r, w in zip(rarity, weights[one], strict=True))
            return (-round(score, 9), newest(one))
        return newest(one)

    return sorted(found, key=key), facets


def between(facts, question):
    return not (
        (question.since and facts.date < question.since) or (question.until and facts.date > question.until)
    )


def chosen(facts, question, facet):
    values = question.chosen.get(facet, ())
    has = {value.value for value in facts.values if value.facet == facet}
    return not values or any(value in has or same(value) in has for value in values)
