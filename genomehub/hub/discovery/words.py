"""Words as the index knows them: without accents, case and plural s, the same in every database.

Both databases get text that is already split and folded, so that neither's own rules for words matter.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable

#: A longer word is cut, in texts and in questions alike.
LONGEST_WORD = 64
_WORD = re.compile(r"[^\W_]+")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "OE", "Æ": "AE"})
_MARKS = re.compile(r"[\u0300-\u036f]")

#: Words that say nothing by themselves, folded; left out of questions unless they are quoted or alone.
LITTLE_WORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "by", "for", "from", "in", "is", "it", "of", "on", "or", "the",
    "this", "to", "with", "au", "aux", "avec", "ce", "ces", "dan", "de", "des", "du", "elle", "en",
    "est", "et", "il", "ils", "la", "le", "les", "leur", "ou", "par", "pour", "que", "qui", "sont",
    "sur", "un", "une",
))  # fmt: skip


def surface_words(text: str) -> list[str]:
    """Return the words of a text as they are written, in lower case.

    >>> surface_words("Les Génomes d'enfants (exome-seq)")
    ['les', 'génomes', 'd', 'enfants', 'exome', 'seq']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


@functools.lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """Return a word without accents, case and plural s.

    >>> [fold(word) for word in ("Épilepsies", "diabetes", "diabète", "cœur", "glass", "GWAS", "cas")]
    ['epilepsie', 'diabete', 'diabete', 'coeur', 'glass', 'gwa', 'cas']
    """
    if not word.isascii():
        word = _MARKS.sub("", unicodedata.normalize("NFKD", word.translate(_LIGATURES))).casefold()
        word = "".join(_WORD.findall(word))  # databases' languages for questions are never met
    word = word.lower()
    if len(word) > 3 and word[-1] == "s" and word[-2] != "s":
        word = word[:-1]
    return word[:LONGEST_WORD]


def folded_words(text: str) -> list[str]:
    """Return the words of a text, folded.

    >>> folded_words("L'épilepsie: GRCh38.p14")
    ['l', 'epilepsie', 'grch38', 'p14']
    """
    return [folded for word in surface_words(text) if (folded := fold(word))]


def same(text: str) -> str:
    """Return a text as values of facets are compared: normal form, single spaces, no case.

    >>> same("  Rare   Diseases ")
    'rare diseases'
    """
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def title_key(text: str) -> str:
    """Return what titles are sorted by: their words without accents and case."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text.translate(_LIGATURES)))
    return " ".join(_WORD.findall(plain.casefold()))


def joined(texts: Iterable[str]) -> list[list[str]]:
    """Return the folded words of each text that has some; a phrase never goes from one text to the next."""
    return [words for text in texts if (words := folded_words(text))]
