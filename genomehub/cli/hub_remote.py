"""``genomehub hub`` against a service: login, search, show, download, reads, variants, request."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from genomehub.cli.options import TerminalProgress, json_option, verbosity_options
from genomehub.errors import ConfigError

Function = TypeVar("Function", bound=Callable[..., Any])


def hub_option(function: Function) -> Function:
    """``--hub``: the address of a service."""
    return click.option(
        "--hub", "hub", envvar="GENOMEHUB_HUB_URL", default=None, metavar="URL",
        help="Ask this hub's service.  [default: $GENOMEHUB_HUB_URL]",
    )(function)  # fmt: skip


@contextlib.contextmanager
def opened(url: str | None) -> Iterator[Any]:
    """Yield a client of a hub."""
    from genomehub.hub.client import Hub

    with Hub(url) as hub:
        yield hub


@click.command()
@click.argument("url")
@click.option(
    "--token-file", type=click.File(), default=None, help="Read the token from a file, - for stdin."
)
@verbosity_options
def login(url: str, token_file: Any) -> None:
    """Keep a token of your account page for a hub, in a file that only you can read.

    \b
    Example:
      genomehub hub login https://hub.example.org
    """
    from genomehub.hub.client import Hub
    from genomehub.hub.client.login import keep_token

    token = token_file.read() if token_file else click.prompt("Token", hide_input=True, err=True)
    with Hub(url, token.strip()) as hub:
        name = hub.account()["name"]
    path = keep_token(url, token.strip())
    click.echo(f"logged in at {url} as {name}; the token is kept in {path}")


@click.command()
@click.argument("url")
@verbosity_options
def logout(url: str) -> None:
    """Forget the token of a hub here; revoke it on your account page.

    \b
    Example:
      genomehub hub logout https://hub.example.org
    """
    from genomehub.hub.client.login import forget_token

    forget_token(url)
    click.echo(f"forgot the token of {url}")


@click.command()
@click.argument("dataset")
@hub_option
@json_option
@verbosity_options
def files(dataset: str, hub: str | None, as_json: bool) -> None:
    """Print the files of a data set: name, size, checksum, and whether regions of it can be fetched.

    \b
    Example:
      genomehub hub files 2f0c1a52-... --hub https://hub.example.org
    """
    import dataclasses

    from genomehub.cli.hub_tables import human_size, print_rows

    with opened(hub) as remote:
        found = remote.dataset(dataset).files
    if as_json:
        print_json([dataclasses.asdict(file) for file in found])
        return
    rows = [
        (file.name, human_size(file.size_bytes), (file.sha256 or "")[:16],
         "reads" if file.reads else "variants" if file.variants else "", file.id)
        for file in found
    ]  # fmt: skip
    print_rows(("name", "size", "sha256", "regions of", "id"), rows)


@click.command()
@click.argument("dataset")
@click.argument("names", nargs=-1, metavar="[FILE]...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=None, help="Folder.  [default: here]"
)
@hub_option
@verbosity_options
def download(dataset: str, names: tuple[str, ...], output: Path | None, hub: str | None) -> None:
    """Fetch files of a data set, all or those named, and check them; run again, it goes on where it was.

    \b
    Example:
      genomehub hub download 2f0c1a52-... NA12878.vcf.gz -o data --hub https://hub.example.org
    """
    folder = output or Path()
    folder.mkdir(parents=True, exist_ok=True)
    with opened(hub) as remote, TerminalProgress() as bars:
        held = remote.dataset(dataset)
        for file in [held.file(name) for name in names] or held.files:
            bars.start(file.name, file.size_bytes, "B")
            there = 0

            def advance(seen: int, _total: int) -> None:
                nonlocal there
                bars.advance(seen - there)
                there = seen

            path = remote.download(file, folder / file.name if file.folder else folder, advance)
            bars.finish()
            click.echo(str(path))


def _slice(kind: str, dataset: str, region: str | None, output: Path, hub: str | None) -> None:
    with opened(hub) as remote:
        fetched = getattr(remote, kind)(dataset, region, output)
    click.echo(f"{fetched.path}  {fetched.format}, {fetched.path.stat().st_size:,} bytes", err=True)


@click.command()
@click.argument("what")
@click.argument("region", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="BAM or CRAM to write.")
@hub_option
@verbosity_options
def reads(what: str, region: str | None, output: Path, hub: str | None) -> None:
    """Fetch reads of a region (CONTIG:START-END, from 1) of a data set or file; only its blocks travel.

    \b
    Example:
      genomehub hub reads 2f0c1a52-... 20:10,000,000-10,001,000 -o slice.bam
    """
    _slice("reads", what, region, output, hub)


@click.command()
@click.argument("what")
@click.argument("region", required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="VCF.gz or BCF to write."
)
@hub_option
@verbosity_options
def variants(what: str, region: str | None, output: Path, hub: str | None) -> None:
    """Fetch variants of a region (CONTIG:START-END, from 1) of a data set or file; only its blocks travel.

    \b
    Example:
      genomehub hub variants 2f0c1a52-... 20:10,000,000-10,100,000 -o slice.vcf.gz
    """
    _slice("variants", what, region, output, hub)


@click.command()
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option("--study", metavar="TITLE|ID", help="For which of your studies; a new title makes one.")
@click.option("--purpose", metavar="TEXT", help="What for, in words; the public register shows it.")
@click.option("--duo", multiple=True, metavar="DUO:NNNNNNN", help="Code of the purpose; may be repeated.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="For how long.")
@click.option("--draft", is_flag=True, help="Do not hand it in yet.")
@hub_option
@json_option
@verbosity_options
def request(
    datasets: tuple[str, ...],
    study: str | None,
    purpose: str | None,
    draft: bool,
    hub: str | None,
    **options: Any,
) -> None:
    """Ask for data sets; without any, list your requests and how far they are.

    \b
    Example:
      genomehub hub request 2f0c1a52-... --study "Ears" --purpose "Causes of deafness" --duo DUO:0000006
      genomehub hub request
    """
    if datasets and not (study and purpose):
        raise ConfigError("a request needs --study and --purpose: who asks, and what for.")
    with opened(hub) as remote:
        if datasets:
            made = remote.request(
                datasets, study=study, purpose=purpose, duo=options["duo"], days=options["days"],
                submit=not draft,
            )  # fmt: skip
            found = [made]
        else:
            found = remote.requests()
    if options["as_json"]:
        print_json(found)
        return
    from genomehub.cli.hub_tables import print_rows

    columns = ("uuid", "state", "study_title", "purpose")
    rows = [tuple(str(one.get(column) or "")[:60] for column in columns) for one in found]
    print_rows(("request", "state", "study", "purpose"), rows)


def search_remote(
    hub: str, text: tuple[str, ...], facets: tuple[str, ...], limit: int, offset: int, as_json: bool
) -> None:
    """Print what a hub's search finds."""
    chosen: dict[str, Any] = {}
    for facet in facets:
        name, equals, value = facet.partition("=")
        if not (name and equals and value):
            raise ConfigError(f"--facet {facet}: NAME=VALUE was expected, such as assay=WGS.")
        chosen.setdefault(name, []).append(value)
    with opened(hub) as remote:
        found = remote.search(" ".join(text), page=limit, offset=str(offset), **chosen)
        page: list[Any] = next(found.pages(), [])
    if as_json:
        print_json({"total": found.total, "datasets": [one.document for one in page], "facets": found.facets})
        return
    from genomehub.cli.hub_tables import print_rows

    print_rows(("data set", "title"), [(one.id, one.title) for one in page])
    click.echo(f"{len(page)} of {found.total} data sets", err=True)


def show_remote(hub: str, identifier: str, as_json: bool) -> None:
    """Print what a hub says of a data set."""
    with opened(hub) as remote:
        dataset = remote.dataset(identifier)
    if as_json:
        print_json(dataset.document)
        return
    click.echo(f"{dataset.id}  {dataset.title}")
    for name, value in dataset.document.items():
        if name not in ("uuid", "page") and isinstance(value, str | int | float) and value != "":
            click.echo(f"{name:<14} {value}")
    page = dataset.document.get("page") or f"{remote.url}/datasets/{dataset.id}"
    click.echo(f"{'page':<14} {page}")


def print_json(answer: Any) -> None:
    """Print an answer as JSON."""
    import json

    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
