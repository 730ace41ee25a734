"""Did you mean: a known word for one that is in no data set which somebody may see."""

import threading
from weakref import WeakKeyDictionary

from rapidfuzz import process
from rapidfuzz.distance import OSA
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.discovery.columns import Columns, Mask
from genomehub.hub.discovery.question import Element

#: Near words that are looked up; those nearer come first.
_CANDIDATES = 12
#: Words up to this length may differ by one letter, longer ones by two.
_SHORT = 4

_lock = threading.Lock()
_known: WeakKeyDictionary[Engine, tuple[int, dict[int, list[str]], dict[str, str]]] = WeakKeyDictionary()


def corrected(session: Session, columns: Columns, visible: Mask, element: Element) -> Element | None:
    """Return a word that is near and that visible data sets have; the nearest, then the most used."""
    if len(element.words) > 1 or len(element.words[0]) < 3:
        return None
    word = element.words[0]
    by_length, written = _words(session)
    most = 1 if len(word) <= _SHORT else 2
    words = [
        one for length in range(len(word) - most, len(word) + most + 1) for one in by_length.get(length, ())
    ]
    near = process.extract(word, words, scorer=OSA.distance, score_cutoff=most, limit=_CANDIDATES)
    best: tuple[int, int, str] | None = None
    for candidate, distance, _ in near:
        if best is not None and distance > best[0]:
            break
        title, keywords, body = columns.having(session, Element((candidate,)))
        n = int(((title | keywords | body) & visible).sum())
        if n and (best is None or (distance, -n, candidate) < best):
            best = (int(distance), -n, candidate)
    return None if best is None else Element((best[2],), surface=written[best[2]])


def _words(session: Session) -> tuple[dict[int, list[str]], dict[str, str]]:
    """Return words by length, and how each is written. Words are only ever added."""
    model, engine = models.SearchWord, session.connection().engine
    with _lock:
        last, by_length, written = _known.get(engine, (0, {}, {}))
        new = select(model.id, model.word, model.written).where(model.id > last).order_by(model.id)
        for number, word, surface in session.execute(new):
            by_length.setdefault(len(word), []).append(word)
            written[word], last = surface, number
        _known[engine] = (last, by_length, written)
        return by_length, written
