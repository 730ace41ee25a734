"""``genomehub hub``: the catalogue of results."""

import dataclasses
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from genomehub.cli import hub_data, hub_descriptions
from genomehub.cli.hub_people import person, token
from genomehub.cli.hub_remote import (
    download,
    files,
    hub_option,
    login,
    logout,
    reads,
    request,
    search_remote,
    show_remote,
    variants,
)
from genomehub.cli.hub_serve import serve
from genomehub.cli.options import (
    TerminalProgress,
    json_option,
    threads_option,
    usable_cores,
    verbosity_options,
)
from genomehub.errors import ConfigError, InputError, StoreError

_log = logging.getLogger("genomehub.hub")

Function = TypeVar("Function", bound=Callable[..., Any])


def _catalogue_option(function: Function) -> Function:
    return click.option(
        "--catalogue", envvar="GENOMEHUB_CATALOGUE", default="catalogue.sqlite", metavar="PATH|URL",
        help="SQLite file, or postgresql://USER@HOST/DATABASE.  [default: $GENOMEHUB_CATALOGUE, else "
        "catalogue.sqlite here]",
    )(function)  # fmt: skip


def _actor_option(function: Function) -> Function:
    return click.option(
        "--actor", envvar="GENOMEHUB_ACTOR", default=None, metavar="NAME",
        help="Who does this, for the event log.  [default: $GENOMEHUB_ACTOR, else the login name]",
    )(function)  # fmt: skip


@click.group()
def command() -> None:
    """The catalogue: register, search, show and verify results.

    A catalogue is one SQLite file, or a PostgreSQL database. Its entries are never changed: a new result
    of the same data set is its next version.

    \b
    Example:
      genomehub hub init
      genomehub hub register --sample NA12878 -r genome.ref NA12878.cram NA12878.vcz
      genomehub hub search NA12878
    """


command.add_command(hub_descriptions.push)


@command.command()
@_catalogue_option
@_actor_option
@json_option
@verbosity_options
def init(catalogue: str, actor: str | None, as_json: bool) -> None:
    """Make the catalogue, or migrate it to this version; harmless if there is nothing to do.

    \b
    Example:
      genomehub hub init --catalogue results/catalogue.sqlite
    """
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.models import SCHEMA_VERSION

    with Catalogue.create(catalogue, actor=actor) as made:
        sentence = {
            "made": f"made the catalogue {made.location} (schema {SCHEMA_VERSION})",
            "migrated": f"migrated the catalogue {made.location} to schema {SCHEMA_VERSION}",
            "current": f"the catalogue {made.location} is there and current (schema {SCHEMA_VERSION})",
        }[made.change]
        answer = {"catalogue": str(made.location), "outcome": made.change, "schema": SCHEMA_VERSION}
    if as_json:
        _print_json(answer)
    else:
        click.echo(sentence)


@command.command()
@click.argument("results", nargs=-1, type=click.Path(), metavar="[RESULTS]...")
@_catalogue_option
@click.option("--file", "files", multiple=True, metavar="KIND=PATH", help="A file or folder of the result.")
@click.option("--sample", "samples", multiple=True, metavar="NAME", help="Sample; repeat it for several.")
@click.option(
    "--sex",
    type=click.Choice(["female", "male", "unknown"], case_sensitive=False),
    help="Of the only sample.",
)
@click.option("--correct-sex", is_flag=True, help="The sample is known with another sex: this one is right.")
@click.option("--dataset", metavar="NAME", help="Name of the data set.  [default: the only sample's]")
@click.option("--project", default="default", show_default=True, metavar="NAME", help="Its project.")
@click.option("--title", metavar="TEXT", help="What the data set is, in a line.")
@click.option("--description", metavar="TEXT", help="What the data set is, at length.")
@click.option(
    "-r", "--reference", type=click.Path(), metavar="REF", help="Reference directory; its digest is recorded."
)
@click.option(
    "--input", "inputs", multiple=True, type=click.Path(), metavar="PATH", help="What it was made from."
)
@click.option("--parent", "parents", multiple=True, metavar="ID", help="An entry that it was made from.")
@click.option("--config", "config", type=click.Path(), help="The configuration: YAML, TOML, JSON or text.")
@click.option("--qc", "qc", type=click.Path(), help="Summary that 'genomehub qc' wrote (JSON).")
@click.option("--evaluation", type=click.Path(), help="Scores that 'genomehub evaluate' wrote (JSON).")
@click.option(
    "--cost", "costs", multiple=True, metavar="[STAGE=]PATH",
    help="What a stage cost: JSON of 'genomehub --cost', or a Snakemake benchmark table.",
)  # fmt: skip
@click.option("--software", multiple=True, metavar="NAME=VERSION", help="Other software that made it.")
@click.option(
    "--made-elsewhere", is_flag=True, help="Do not record the versions of this installation as its makers."
)
@click.option(
    "--other-names", is_flag=True, help="The samples are called otherwise in the files, and that is right."
)
@click.option(
    "--strict", is_flag=True,
    help="Refuse what cannot be checked too: no index, unknown reference or format, no sample's name.",
)  # fmt: skip
@_actor_option
@threads_option
@json_option
@verbosity_options
def register(**options: Any) -> None:
    """File a result: its files with checksums, where it came from, how good it is, what it cost.

    RESULTS are files and folders whose kind their name tells; name others with --file. The same content
    twice is one entry; other content under the same data set is its next version, which supersedes the
    former. Nothing is registered if a file is missing or empty, cut off, on another reference than the
    others or of another sample.

    \b
    Example:
      genomehub hub register --sample NA12878 --sex female -r genome.ref \\
        --input NA12878_R1.fastq.gz --input NA12878_R2.fastq.gz --config config.yaml \\
        --qc qc/qc.json --cost align.json NA12878.cram NA12878.vcz
    """
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.records import to_json

    with Catalogue.open(options["catalogue"]) as catalogue:
        options["parents"] = tuple(catalogue.get(parent).id for parent in options["parents"])
        with TerminalProgress() as progress:
            result, report = _read_result(options, catalogue, progress)
        done = catalogue.register(result, actor=options["actor"], correct_sex=options["correct_sex"])
        _keep_contents(catalogue, result, report)
    for note in report.notes():
        _log.info("note: %s", note)
    if options["as_json"]:
        _print_json({"outcome": done.outcome, **to_json(done.entry)})
        return
    from genomehub.cli.hub_tables import registration

    click.echo(registration(done))


def _read_result(options: dict[str, Any], catalogue: Any, progress: TerminalProgress) -> tuple[Any, Any]:
    """Read small files first: a wrong option is told before the checksums of large files are made."""
    from genomehub.hub import sources
    from genomehub.hub.checksums import describe_files, present
    from genomehub.hub.filing import check_names
    from genomehub.hub.intake.memory import SeenFiles
    from genomehub.hub.records import Result

    wanted = [_pair(text, "--file", "KIND=PATH") for text in options["files"]]
    wanted += [(sources.kind_of(path), path) for path in options["results"]]
    software = {} if options["made_elsewhere"] else sources.installed_software()
    software |= dict(_pair(text, "--software", "NAME=VERSION") for text in options["software"])
    reference, config = options["reference"], options["config"]
    configuration, text = sources.read_configuration(config) if config else (None, None)
    qc, evaluation = sources.read_qc(options["qc"]) if options["qc"] else (None, None)
    if options["evaluation"]:
        evaluation = sources.read_object(options["evaluation"], "evaluation")
    result = check_names(
        Result(
            files=(),
            samples=options["samples"],
            sex=options["sex"],
            dataset=options["dataset"],
            project=options["project"],
            title=options["title"],
            description=options["description"],
            reference=sources.read_reference(reference) if reference else None,
            software=software,
            configuration=configuration,
            configuration_text=text,
            parents=options["parents"],
            qc=qc,
            evaluation=evaluation,
            costs=tuple(cost for text in options["costs"] for cost in _costs(text)),
        )
    )
    inputs = [(sources.input_kind(path), path) for path in options["inputs"]]
    paths = present([*wanted, *inputs])[: len(wanted)]
    report = _inspect(result, paths, options, progress)
    described = describe_files(
        [*wanted, *inputs], threads=usable_cores(options["threads"]), progress=progress,
        memory=SeenFiles(catalogue.database),
    )  # fmt: skip
    files = described[: len(wanted)]
    _compare(catalogue, result, report, files, options)
    if result.reference is None and report.reference is not None:
        result = dataclasses.replace(result, reference=report.reference)
    if result.sex is None and len(result.samples) == 1:
        result = dataclasses.replace(result, sex=report.sexes.get(result.samples[0]))
    return result.with_files(files, described[len(wanted) :]), report


def _said(result: Any, options: dict[str, Any]) -> Any:
    from genomehub.hub.intake.inspection import Said

    return Said(
        result.project,
        result.samples,
        result.sex,
        None if result.reference is None else result.reference.digest,
        options["other_names"],
        options["correct_sex"],
    )


def _inspect(result: Any, files: Any, options: dict[str, Any], progress: TerminalProgress) -> Any:
    """Look into the files before their checksums are made; refuse what is wrong."""
    from genomehub.hub.intake.genomes import read_genome
    from genomehub.hub.intake.inspection import Given, inspect
    from genomehub.hub.service.settings import FILE_VARIABLE, read_settings

    if options["reference"]:
        genomes = [read_genome(options["reference"])]
    else:
        file = os.environ.get(FILE_VARIABLE)
        genomes = [read_genome(path) for path in read_settings(Path(file) if file else None).references]
    given = [Given(kind, path, path.name) for kind, path in files]
    report = inspect(
        given, _said(result, options), genomes, threads=usable_cores(options["threads"]), progress=progress
    )
    _refuse(report.problems(strict=options["strict"]))
    return report


def _compare(catalogue: Any, result: Any, report: Any, files: Any, options: dict[str, Any]) -> None:
    from genomehub.hub.intake.inspection import compare_with_catalogue

    with catalogue.database.read() as session:
        found = compare_with_catalogue(session, report, _said(result, options), files)
    _refuse([one.text for one in found])


def _refuse(problems: list[str]) -> None:
    if problems:
        more = f" And {len(problems) - 1} more: see --verbose." if len(problems) > 1 else ""
        for problem in problems[1:]:
            _log.debug("also: %s", problem)
        raise InputError(f"{problems[0]} Nothing was registered.{more}")


def _keep_contents(catalogue: Any, result: Any, report: Any) -> None:
    """Note MD5 and what was seen of the contents, for those who ask for the files."""
    from datetime import UTC, datetime

    from genomehub.hub.intake.memory import keep_contents

    with catalogue.database.write() as session:
        keep_contents(session, result.files, report.facts, datetime.now(UTC))


def _pair(text: str, option: str, shape: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ConfigError(f"{option} {text}: {shape} was expected.")
    return name, value


def _costs(text: str) -> Any:
    from genomehub.hub.sources import read_costs

    stage, equals, path = text.partition("=")
    return read_costs(path, stage) if equals and not Path(text).exists() else read_costs(text)


@command.command()
@click.argument("text", nargs=-1)
@_catalogue_option
@click.option("--sample", metavar="NAME", help="Of exactly this sample.")
@click.option("--project", metavar="NAME", help="Of exactly this project.")
@click.option("--kind", metavar="KIND", help="With a file of this kind: bam, cram, vcz, vcf, ...")
@click.option("--reference", metavar="DIGEST|NAME|REF", help="On this reference genome.")
@click.option("--since", metavar="DATE", help="Registered then or later (UTC).")
@click.option(
    "--where", "where", multiple=True, metavar="'NAME>=NUMBER'",
    help="Bound on a value of QC, or of the evaluation as evaluation.NAME; all must hold.",
)  # fmt: skip
@click.option("--all-versions", is_flag=True, help="Also what was superseded.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Size of a page.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Where the page starts.")
@click.option(
    "--facet", "facets", multiple=True, metavar="NAME=VALUE", help="With --hub: choose a value of a facet."
)
@hub_option
@json_option
@verbosity_options
def search(
    catalogue: str, limit: int, offset: int, hub: str | None, facets: tuple[str, ...], as_json: bool,
    **filters: Any,
) -> None:  # fmt: skip
    """Find entries, the newest first; every word of TEXT must occur in sample, title, name or project.

    With --hub, find data sets of a service by words and facets.

    \b
    Example:
      genomehub hub search NA12878 --kind vcz --where 'coverage.mean>=30'
      genomehub hub search exome --facet assay=WES --hub https://hub.example.org
    """
    if hub is not None:
        text = filters.pop("text")
        _refuse_local(filters)
        search_remote(hub, text, facets, limit, offset, as_json)
        return
    if facets:
        raise ConfigError("--facet is for the search of a service. Name one with --hub, or use --where.")
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.records import to_json

    query = _query(**filters)
    with Catalogue.open(catalogue) as opened:
        page = opened.search(query, limit=limit, offset=offset)
    if as_json:
        _print_json(to_json(page))
        return
    from genomehub.cli.hub_tables import print_page

    print_page(page)
    last = offset + len(page.entries)
    if not page.entries:
        _log.info("no entry matches" if not page.total else f"no more: {page.total} entries match")
    elif page.total > len(page.entries):
        more = f"; go on with --offset {last}" if last < page.total else ""
        _log.info("entries %d to %d of %d%s", offset + 1, last, page.total, more)


def _refuse_local(filters: dict[str, Any]) -> None:
    """Refuse options of the local search: a service would silently leave them out."""
    given = [name for name, value in filters.items() if value]
    if given:
        raise ConfigError(
            f"--{given[0].replace('_', '-')} is for a catalogue here, and --hub (or $GENOMEHUB_HUB_URL) "
            "names a service. Use --facet, or leave the hub out."
        )


def _query(
    text: tuple[str, ...],
    sample: str | None,
    project: str | None,
    kind: str | None,
    reference: str | None,
    since: str | None,
    where: tuple[str, ...],
    all_versions: bool,
) -> Any:
    from genomehub.hub.search import Query, parse_condition, parse_since
    from genomehub.hub.sources import read_reference

    if reference is not None and Path(reference, "reference.json").is_file():
        reference = read_reference(reference).digest
    return Query(
        text=" ".join(text),
        sample=sample,
        project=project,
        kind=kind,
        reference=reference,
        since=parse_since(since) if since else None,
        where=tuple(parse_condition(condition) for condition in where),
        all_versions=all_versions,
    )


@command.command()
@click.argument("identifier", metavar="ID")
@_catalogue_option
@hub_option
@json_option
@verbosity_options
def show(identifier: str, catalogue: str, hub: str | None, as_json: bool) -> None:
    """Print everything about an entry; the first digits of its identifier are enough.

    With --hub, print what a service says of a data set.

    \b
    Example:
      genomehub hub show 3f2a9c --json
    """
    if hub is not None:
        show_remote(hub, identifier, as_json)
        return
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.records import to_json

    with Catalogue.open(catalogue) as opened:
        entry = opened.get(identifier)
    if as_json:
        _print_json(to_json(entry))
        return
    from genomehub.cli.hub_tables import print_entry

    print_entry(entry)


@command.command()
@click.argument("identifier", metavar="ID")
@_catalogue_option
@json_option
@verbosity_options
def history(identifier: str, catalogue: str, as_json: bool) -> None:
    """Print all versions of the data set that an entry belongs to, and what happened to it.

    \b
    Example:
      genomehub hub history 3f2a9c
    """
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.records import to_json

    with Catalogue.open(catalogue) as opened:
        past = opened.history(identifier)
    if as_json:
        _print_json(to_json(past))
        return
    from genomehub.cli.hub_tables import print_history

    print_history(past)


@command.command()
@click.argument("identifiers", nargs=-1, metavar="[ID]...")
@_catalogue_option
@click.option("--all", "all_entries", is_flag=True, help="All current entries; the same as naming none.")
@click.option("--all-versions", is_flag=True, help="All entries, what was superseded too.")
@threads_option
@json_option
@verbosity_options
def verify(
    identifiers: tuple[str, ...],
    catalogue: str,
    all_entries: bool,
    all_versions: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Read the files of entries again: are sizes and checksums still true? Exit code 5 if not.

    Without an ID, all current entries are verified, and the database and its event log with them.

    \b
    Example:
      genomehub hub verify --catalogue results/catalogue.sqlite
    """
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.records import to_json

    if identifiers and (all_entries or all_versions):
        raise ConfigError("entries are named and all are asked for. Leave out the one or the other.")
    with Catalogue.open(catalogue) as opened, TerminalProgress() as progress:
        report = opened.verify(
            identifiers or None, all_versions=all_versions, threads=usable_cores(threads), progress=progress
        )
    if as_json:
        _print_json({"holds": report.holds, **to_json(report)})
    else:
        from genomehub.cli.hub_tables import print_verification

        print_verification(report)
    if not report.holds:
        raise StoreError(_untrue(catalogue, report))


def _untrue(catalogue: str, report: Any) -> str:
    counts = [
        f"{len(report.failed)} of {len(report.files)} files",
        f"{len(report.records_changed)} of {report.n_entries} records",
    ]
    damage = f" The catalogue itself has {len(report.problems)} problems." if report.problems else ""
    return (
        f"{catalogue}: {' and '.join(counts)} are not what was registered.{damage} Restore them, or "
        "register what is there now."
    )


def _print_json(answer: Any) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


for _command in (hub_data.upload, hub_data.checksums, hub_data.clean, hub_data.backup, hub_data.restore):
    command.add_command(_command)
for added in (serve, person, token, login, logout, files, download, reads, variants, request):
    command.add_command(added)
