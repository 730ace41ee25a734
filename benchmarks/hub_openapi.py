"""Ask a served hub everything its OpenAPI document says, many times: no 5xx, no answer other than described.

    python benchmarks/hub_openapi.py --examples 500
    python benchmarks/hub_openapi.py --database postgresql --person visitor --include /api/search

schemathesis runs over a real port, first as a visitor, then as somebody with every role and a permit. Exit
code 1 if anything fails; each failure is printed with the curl command that repeats it. The last line tells
what it cost, the service and schemathesis together.
"""

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from builders import postgresql  # noqa: E402
from builders.hub_openapi import open_hub  # noqa: E402

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,ignored_auth,unsupported_method"
)


@contextlib.contextmanager
def hub(database: str) -> Iterator[tuple[str, str]]:
    """Serve a hub with data; yield its address and the token of somebody with every role."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(postgresql.cluster()) if database == "postgresql" else None
        yield stack.enter_context(open_hub(folder, url))


def main() -> int:
    """Run both passes and return the worse exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=500, help="of each operation")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--person", choices=("visitor", "everything"), help="only as this one")
    parser.add_argument("--include", metavar="REGEX", help="only paths that match")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    worst = 0
    with hub(options.database) as (address, token):
        for person, headers in (("visitor", []), ("everything", [f"Authorization: Bearer {token}"])):
            if options.person not in (None, person):
                continue
            print(
                f"== as {person}, on {options.database}, {options.examples} examples an operation", flush=True
            )
            command = [
                "schemathesis", "run", f"{address}/openapi.json", "--max-examples", str(options.examples),
                "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--seed", str(options.seed),
                "--continue-on-failure", "--request-timeout", "70", "--no-color", "--warnings", "off",
                "--generation-database", "none", "--suppress-health-check", "too_slow",
            ]  # fmt: skip
            for header in headers:
                command += ["--header", header]
            if options.include:
                command += ["--include-path-regex", options.include]
            path = f"{Path(sys.executable).parent}"
            modules = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
            hooks = {"SCHEMATHESIS_HOOKS": "builders.hub_openapi", "PYTHONPATH": modules}
            done = subprocess.run([f"{path}/{command[0]}", *command[1:]], env=os.environ | hooks, check=False)
            worst = max(worst, done.returncode)
    print(f"== {cpu_seconds() / 60:.1f} CPU minutes on {options.database}", flush=True)
    return worst


def cpu_seconds() -> float:
    """Return what this process and those that it started and that have ended have cost."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


if __name__ == "__main__":
    sys.exit(main())
