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
#: Words and how they are written, by engine; words are only ever added.
_known: WeakKeyDictionary[Engine, tuple[int, dict[str, str]]] = WeakKeyDictionary()


def corrected(session: Session, columns: Columns, visible: Mask, element: Element) -> Element | None:
    """Return a word that is near and that visible data sets have; the nearest, then the most used."""
    if len(element.words) > 1 or len(element.words[0]) < 3:
        return None
    written = _words(session)
    most = 1 if len(element.words[0]) <= _SHORT else 2
    near = process.extract(
        element.words[0], written.keys(), scorer=OSA.distance, score_cutoff=most, limit=_CANDIDATES
    )
    best: tuple[int, int, str] | None = None
    for word, distance, _ in near:
        title, keywords, body = columns.having(session, Element((word,)))
        n = int(((title | keywords | body) & visible).sum())
        if n and (best is None or (distance, -n, word) < best):
            best = (int(distance), -n, word)
    return None if best is None else Element((best[2],), surface=written[best[2]])


def _words(session: Session) -> dict[str, str]:
    word, engine = models.SearchWord, session.connection().engine
    with _lock:
        last, known = _known.get(engine, (0, {}))
        rows = session.execute(
            select(word.id, word.word, word.written).where(word.id > last).order_by(word.id)
        ).all()
        if rows:
            known = known | {row.word: row.written for row in rows}
            _known[engine] = (rows[-1].id, known)
        return known
