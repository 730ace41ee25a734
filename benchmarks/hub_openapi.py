"""Ask a served hub everything its OpenAPI document says, many times: no 5xx, no answer other than described.

    python benchmarks/hub_openapi.py --examples 500
    python benchmarks/hub_openapi.py --database postgresql --include /api/search

First as the tests do: so many examples of each operation, by callers of every role. Then schemathesis' own
command goes through the edges of the description (phases examples and coverage), as a visitor and as somebody
with every role. Exit code 1 if anything fails; each failure is printed with the curl command that repeats it.
The last line tells what it cost, the service and schemathesis together, without PostgreSQL's processes.
"""

import argparse
import contextlib
import logging
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import schemathesis

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from builders import postgresql  # noqa: E402
from builders.hub_openapi import Asked, open_hub  # noqa: E402
from builders.hub_questions import ask  # noqa: E402

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,ignored_auth,unsupported_method"
)


@contextlib.contextmanager
def hub(database: str) -> Iterator[Asked]:
    """Serve a hub with data."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(postgresql.cluster()) if database == "postgresql" else None
        yield stack.enter_context(open_hub(folder, url))


def ask_all(asked: Asked, n_examples: int, include: str, verbose: bool) -> bool:
    """Ask every operation as the tests do; tell whether all were answered as described."""
    schema = schemathesis.openapi.from_url(f"{asked.address}/openapi.json")
    operations = sorted(
        (path, method) for path in schema for method in schema[path] if re.search(include, path)
    )
    n, n_good, n_failed = 0, 0, 0
    for path, method in operations:
        began = time.process_time()
        try:
            answers = ask(asked, schema[path][method], n_examples)
        except Exception as failure:
            causes = failure.exceptions if isinstance(failure, ExceptionGroup) else ()
            print(f"{method.upper()} {path}: {failure}", *causes, sep="\n", flush=True)
            n_failed += 1
            continue
        n, n_good = n + answers.n, n_good + answers.n_good
        if verbose:
            cost = 1000 * (time.process_time() - began) / answers.n
            print(f"{method.upper():7} {path:60} {answers.n:5} {answers.n_good:5} {cost:6.1f} ms", flush=True)
    print(
        f"== {len(operations)} operations, {n:,} examples, {n_good:,} answered with what was asked for, "
        f"{n_failed} operations failed",
        flush=True,
    )
    return n_failed == 0


def go_round(asked: Asked, include: str) -> bool:
    """Let schemathesis go through the edges of the description; tell whether it found nothing."""
    fine = True
    for person in ("visitor", "everything"):
        print(f"== edges, as {person}", flush=True)
        command = [
            f"{Path(sys.executable).parent}/schemathesis", "run", f"{asked.address}/openapi.json",
            "--checks", CHECKS, "--phases", "examples,coverage", "--continue-on-failure", "--no-color",
            "--request-timeout", "70", "--warnings", "off", "--generation-database", "none", "--seed", "1",
            "--suppress-health-check", "too_slow", "--include-path-regex", include or ".",
        ]  # fmt: skip
        for name, value in asked.callers()[person].items():
            command += ["--header", f"{name}: {value}"]
        modules = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
        hooks = {"SCHEMATHESIS_HOOKS": "builders.hub_openapi", "PYTHONPATH": modules}
        fine &= subprocess.run(command, env=os.environ | hooks, check=False).returncode == 0
    return fine


def main() -> int:
    """Ask, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=500, help="of each operation")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--include", metavar="REGEX", default="", help="only paths that match")
    parser.add_argument("--verbose", action="store_true", help="a line for each operation")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    print(f"== {options.database}, {options.examples} examples an operation", flush=True)
    with hub(options.database) as asked:
        fine = ask_all(asked, options.examples, options.include, options.verbose)
        fine &= go_round(asked, options.include)
    print(f"== {cpu_seconds() / 60:.1f} CPU minutes on {options.database}", flush=True)
    return 0 if fine else 1


def cpu_seconds() -> float:
    """Return what this process and those that it started and that have ended have cost."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


if __name__ == "__main__":
    sys.exit(main())
