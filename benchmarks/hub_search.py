"""How quickly the hub finds: a mixed load of searches and data set pages over HTTP, on a made-up catalogue.

    python benchmarks/hub_search.py                       SQLite in a temporary folder, 100,000 data sets
    python benchmarks/hub_search.py --postgresql          a PostgreSQL server of its own (Debian's binaries)
    python benchmarks/hub_search.py --catalogue PATH|URL  a catalogue that is kept; filled if it is not there

The service runs in a process of its own. Clients ask as visitors, each its next question when the last is
answered. --json FILE appends rows as in benchmarks/history.jsonl.
"""

import argparse
import contextlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import synthetic_catalogue as synthetic

from genomehub.errors import NotFoundError
from genomehub.hub.catalogue import Catalogue
from genomehub.pipeline.benchmark_history import append_history

ROOT = Path(__file__).parents[1]
#: What is asked how often: name, share of the searches, maker of its parameters.
Load = tuple[str, int, Callable[[random.Random, "Words"], dict[str, Any]]]


class Words:
    """What people might type: words of descriptions that are there."""

    def __init__(self, n: int) -> None:
        self.n, self._made = n, synthetic.Synthetic()

    def document(self, chance: random.Random) -> dict[str, Any]:
        """Return some description that is published."""
        number = 2 + chance.randrange(max(self.n - 2, 1))
        return self._made.document(number + 2 * (synthetic.state(number) != "published"))

    def of(self, chance: random.Random, field: str, n: int) -> str:
        """Return words of a title or description, in either language."""
        text = self.document(chance)[field][chance.choice(("en", "fr"))]
        return " ".join(chance.choices([word.strip(",.") for word in text.split()], k=n))

    def following(self, chance: random.Random, n: int) -> str:
        """Return words that follow one another in a title."""
        words = self.document(chance)["title"]["en"].split()
        start = chance.randrange(len(words) - n + 1)
        return " ".join(words[start : start + n])


def _one_word(chance: random.Random, words: Words) -> dict[str, Any]:
    return {"q": words.of(chance, chance.choice(("title", "title", "description")), 1)}


def _some_words(chance: random.Random, words: Words) -> dict[str, Any]:
    return {"q": words.of(chance, chance.choice(("title", "description")), chance.choice((2, 2, 3)))}


def _unfinished(chance: random.Random, words: Words) -> dict[str, Any]:
    return {"q": words.of(chance, "title", 1)[: chance.choice((2, 3, 4))]}


def _phrase(chance: random.Random, words: Words) -> dict[str, Any]:
    return {"q": f'"{words.following(chance, chance.choice((2, 3)))}"'}


def _misspelt(chance: random.Random, words: Words) -> dict[str, Any]:
    word = max(words.following(chance, 4).split(), key=len)
    place = chance.randrange(1, len(word))
    return {"q": word[:place] + word[place + 1 :] + " "}


def _browse(chance: random.Random, words: Words) -> dict[str, Any]:
    document = words.document(chance)
    choices = {
        "assay": document["genome"]["assays"], "access": document["access_rights"], "duo": document["duo"],
        "category": document["health_categories"][0], "year": document["issued"][:4],
        "kind": document["genome"]["kinds"][:1], "keyword": document["keywords"]["en"][-1],
        "holder": document["holder"]["name"]["en"], "since": document["issued"],
    }  # fmt: skip
    return {name: choices[name] for name in chance.sample(sorted(choices), chance.randint(0, 3))}


def _words_and_facets(chance: random.Random, words: Words) -> dict[str, Any]:
    return _one_word(chance, words) | _browse(chance, words)


def _deep_page(chance: random.Random, words: Words) -> dict[str, Any]:
    asked = chance.choice((_browse, _one_word))(chance, words)
    sort = chance.choice(("newest", "title", "size", "relevance"))
    return asked | {"offset": chance.randrange(words.n), "sort": sort}


SEARCHES: tuple[Load, ...] = (
    ("browse", 25, _browse), ("one word", 20, _one_word), ("several words", 20, _some_words),
    ("unfinished word", 10, _unfinished), ("words and facets", 10, _words_and_facets), ("phrase", 5, _phrase),
    ("deep page", 5, _deep_page), ("misspelt", 5, _misspelt),
)  # fmt: skip
PAGES = {"record": "/api/datasets/{uuid}", "page": "/datasets/{uuid}"}


def questions(n: int, words: Words, seed: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return kind, path and parameters of ``n`` searches."""
    chance = random.Random(seed)
    kinds = chance.choices(SEARCHES, [share for _, share, _ in SEARCHES], k=n)
    return [(name, "/api/search", make(chance, words)) for name, _, make in kinds]


def lookups(n: int, words: Words, kind: str, seed: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Return ``n`` data sets to be looked up, some of them hidden or not there."""
    chance = random.Random(seed)
    uuids = [synthetic.uuid_of(1 + chance.randrange(words.n)) for _ in range(n)]
    return [(kind, PAGES[kind].format(uuid=uuid), {}) for uuid in uuids]


@contextlib.contextmanager
def serving(catalogue: str, folder: Path) -> Iterator[str]:
    """Run the service in a process of its own and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        __file__,
        "--catalogue",
        catalogue,
        "--serve",
        str(port),
        "--folder",
        str(folder),
    ]
    process = subprocess.Popen(command)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{address}/health").status_code == 200:
                    break
            assert process.poll() is None, "the service did not start"
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def serve(catalogue: str, port: int, folder: Path) -> None:
    """Be the service."""
    import uvicorn

    from genomehub.hub.service.app import create_app
    from genomehub.hub.service.context import open_hub
    from genomehub.hub.service.settings import Settings

    address = f"http://127.0.0.1:{port}"
    settings = Settings(catalogue=catalogue, secret_file=folder / "hub.secret", public_url=address)
    uvicorn.run(create_app(open_hub(settings)), port=port, log_level="warning")


def ask(
    address: str, asked: list[tuple[str, str, dict[str, Any]]], clients: int
) -> list[tuple[str, float, int, int]]:
    """Return kind, seconds, status and bytes of every answer."""
    local = threading.local()

    def one(question: tuple[str, str, dict[str, Any]]) -> tuple[str, float, int, int]:
        if not hasattr(local, "client"):
            local.client = httpx.Client(base_url=address, timeout=60)
        kind, path, parameters = question
        start = time.perf_counter()
        answer = local.client.get(path, params=parameters)
        return kind, time.perf_counter() - start, answer.status_code, len(answer.content)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, asked))


def row(kind: str, answers: list[tuple[str, float, int, int]], about: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one kind of question."""
    seconds = sorted(answer[1] for answer in answers)
    cuts = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else seconds * 99
    return {
        "task": "hub.search", "kind": kind, **about, "requests": len(seconds),
        **{f"p{cut}_seconds": round(cuts[cut - 1], 5) for cut in (50, 95, 99)},
        "max_seconds": round(seconds[-1], 5),
    }  # fmt: skip


def measure(address: str, options: argparse.Namespace, database: str) -> list[dict[str, Any]]:
    """Ask everything and return rows: searches of a service that has just started, of one that has answered
    as many, each kind of these, records and pages.
    """
    words = Words(options.datasets)
    about = {"input": f"{options.datasets} data sets", "database": database, "clients": options.clients}
    start = time.perf_counter()
    first = ask(address, [("first", "/api/search", {})], 1)  # reads the index into memory
    rows = [{**row("first search", first, about), "seconds": round(time.perf_counter() - start, 3)}]
    for kind, seed in (("searches, cold", 1), ("all searches", 2)):  # cold: no word was looked up before
        answers = ask(address, questions(options.requests, words, seed), options.clients)
        assert {status for _, _, status, _ in answers} == {200}, answers
        rows.append(row(kind, answers, about))
    for name, _, _ in SEARCHES:
        some = [answer for answer in answers if answer[0] == name]
        rows += [row(name, some, about)] if some else []
    for kind in PAGES:
        some = lookups(50, words, kind, seed=0)
        if all(status == 404 for _, _, status, _ in ask(address, some, 1)):
            print(f"{kind}: is not served by this version", file=sys.stderr)
            continue
        answers = ask(address, lookups(options.requests, words, kind, seed=1), options.clients)
        assert {status for _, _, status, _ in answers} <= {200, 404, 410}, answers
        rows.append(row(kind, answers, about))
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(f"{rows[0]['database']}, {rows[0]['input']}, {rows[0]['clients']} clients")
    print(f"{'':18s} {'requests':>8s} {'p50 ms':>8s} {'p95 ms':>8s} {'p99 ms':>8s} {'max ms':>8s}")
    for one in rows:
        figures = (1000 * one[name] for name in ("p50_seconds", "p95_seconds", "p99_seconds", "max_seconds"))
        print(f"{one['kind']:18s} {one['requests']:8d} " + " ".join(f"{figure:8.1f}" for figure in figures))


@contextlib.contextmanager
def place(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Yield where the catalogue is: named, in a server of our own, or in the folder."""
    if options.postgresql:
        sys.path.insert(0, str(ROOT / "tests"))
        from builders import postgresql

        with postgresql.cluster() as url:
            yield url
    else:
        yield options.catalogue or str(folder / "catalogue.sqlite")


def prepare(catalogue: str, n: int) -> None:
    """Fill the catalogue if it is not there."""
    try:
        Catalogue.open(catalogue).close()
    except NotFoundError:
        start = time.perf_counter()
        with Catalogue.create(catalogue, actor="benchmark") as made:
            synthetic.fill(made, n)
        print(f"filled with {n:,} data sets in {time.perf_counter() - start:.0f} s", file=sys.stderr)


def main() -> None:
    """Fill, serve, ask and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--datasets", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=1000, help="of searches, of records, of pages")
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--postgresql", action="store_true", help="start a PostgreSQL server for it")
    parser.add_argument("--catalogue", metavar="PATH|URL", help="of --datasets made-up data sets")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append rows to FILE")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.catalogue, options.serve, options.folder)
        return
    with tempfile.TemporaryDirectory() as name, place(options, Path(name)) as catalogue:
        prepare(catalogue, options.datasets)
        with serving(catalogue, Path(name)) as address:
            rows = measure(address, options, "postgresql" if "://" in catalogue else "sqlite")
    show(rows)
    if options.json:
        append_history(options.json, rows)


if __name__ == "__main__":
    main()
