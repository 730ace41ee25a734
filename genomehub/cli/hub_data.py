"""``genomehub hub upload|checksums|clean|backup|restore``: data in, and kept."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import click

from genomehub.cli.options import (
    TerminalProgress,
    json_option,
    threads_option,
    usable_cores,
    verbosity_options,
)
from genomehub.errors import ConfigError

_log = logging.getLogger("genomehub.hub")


def _catalogue(function: Any) -> Any:
    return click.option(
        "--catalogue", envvar="GENOMEHUB_CATALOGUE", default="catalogue.sqlite", metavar="PATH|URL",
        help="SQLite file, or postgresql://USER@HOST/DATABASE.  [default: $GENOMEHUB_CATALOGUE, else "
        "catalogue.sqlite here]",
    )(function)  # fmt: skip


@click.command()
@click.argument("url")
@click.argument("files", nargs=-1, type=click.Path(), metavar="[FILES]...")
@click.option("--file", "named", multiple=True, metavar="KIND=PATH", help="A file whose name does not tell.")
@click.option("--dataset", required=True, metavar="NAME|ID", help="Data set that they are a version of.")
@click.option("--project", default="default", show_default=True, metavar="NAME", help="Its project.")
@click.option("--sample", "samples", multiple=True, metavar="NAME", help="By default those in the files.")
@click.option("--sex", type=click.Choice(["female", "male", "unknown"]), help="Of the only sample.")
@click.option("--reference", metavar="DIGEST", help="By default it is recognised.")
@click.option("--title", metavar="TEXT", help="What the data set is, in a line.")
@click.option("--other-names", is_flag=True, help="The samples are called otherwise in the files, rightly.")
@json_option
@verbosity_options
def upload(url: str, files: tuple[str, ...], named: tuple[str, ...], **options: Any) -> None:
    """Send files to the hub at URL and have them registered; a call that was cut off is gone on with.

    Indexes that lie beside the files are sent too. The same command again sends only what has not come. The
    token is that of 'genomehub hub login', or $GENOMEHUB_HUB_TOKEN.

    \b
    Example:
      genomehub hub upload https://hub.example.org --dataset NA12878 NA12878.cram NA12878.vcf.gz
    """
    from genomehub.hub.client.login import require_token
    from genomehub.hub.uploading import Source, Uploader, with_indexes

    sources = [Source(Path(path)) for path in files]
    for text in named:
        kind, equals, path = text.partition("=")
        if not (kind and equals and path):
            raise ConfigError(f"--file {text}: KIND=PATH was expected.")
        sources.append(Source(Path(path), kind))
    if not sources:
        raise ConfigError("no file is named. Name those that belong to the data set.")
    said = {
        "samples": list(options["samples"]), "sex": options["sex"], "reference": options["reference"],
        "title": options["title"], "other_names": options["other_names"],
    }  # fmt: skip
    said = {name: value for name, value in said.items() if value}
    with TerminalProgress() as progress, Uploader(
        url, require_token(url), progress=progress, say=_log.info
    ) as uploader:  # fmt: skip
        done = uploader.send(with_indexes(sources), options["dataset"], options["project"], said)
    if options["as_json"]:
        click.echo(json.dumps(done, indent=2, ensure_ascii=False))
    else:
        click.echo(f"{done['outcome']}  {done['entry'][:12]}  {done['dataset']}, {len(done['files'])} files")


@click.command()
@_catalogue
@threads_option
@json_option
@verbosity_options
def checksums(catalogue: str, threads: int | None, as_json: bool) -> None:
    """Make the checksums that an earlier version did not: MD5 of files, and those of the files in folders.

    'register' and uploads make them at once. Run it after 'hub init' has migrated a catalogue, while the
    service runs or not: the hub does not give out a folder whose files are not listed. If it is killed, run
    it again; what is done is not done twice.

    \b
    Example:
      genomehub hub checksums --catalogue results/catalogue.sqlite
    """
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.contents import complete
    from genomehub.hub.service.context import now_utc

    with Catalogue.open(catalogue) as opened, TerminalProgress() as progress:
        done = complete(opened.database, now_utc(), threads=usable_cores(threads), progress=progress)
    if as_json:
        click.echo(json.dumps({"completed": done.n_files, "changed": [str(path) for path in done.changed]}))
        return
    click.echo(f"completed {done.n_files} files and folders")
    for path in done.changed:
        _log.warning("%s: is not what was registered, and was left out; see: genomehub hub verify", path)


@click.command()
@click.option(
    "--config", type=click.Path(), envvar="GENOMEHUB_HUB_CONFIG", help="The service's settings (TOML)."
)
@click.option("--catalogue", metavar="PATH|URL", default=None, help="Over the one in the settings.")
@click.option("--storage", metavar="PLACE", default=None, help="Over the one in the settings.")
@click.option(
    "--hours", type=click.FloatRange(0), default=24, show_default=True,
    help="Parts in the storage that were cut off are removed when they are older.",
)  # fmt: skip
@click.option(
    "--unknown", is_flag=True, help="Also stored files of uploads that the catalogue does not know."
)
@json_option
@verbosity_options
def clean(
    config: str | None, catalogue: str | None, storage: str | None, hours: float, unknown: bool, as_json: bool
) -> None:
    """Remove expired uploads and what killed processes have left; what is registered stays.

    \b
    Example:
      genomehub hub clean --config hub.toml
    """
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.intake import memory
    from genomehub.hub.intake.cleaning import clean as remove_leftovers
    from genomehub.hub.intake.uploads import Uploads
    from genomehub.hub.service.context import now_utc
    from genomehub.hub.service.settings import read_settings

    settings = read_settings(Path(config) if config else None, catalogue=catalogue, storage=storage)
    with Catalogue.open(settings.catalogue) as opened:
        room = Uploads(opened.database, settings, now_utc)
        done = remove_leftovers(room, older_hours=hours, unknown=unknown)
        with opened.database.write() as session:
            forgotten = memory.forget_files(session, now_utc())
    if as_json:
        click.echo(json.dumps({**vars(done), "forgotten": forgotten}, indent=2))
        return
    click.echo(
        f"removed {len(done.expired)} expired uploads, {len(done.folders)} orphaned folders, "
        f"{len(done.stored)} stored files, {len(done.parts)} parts"
    )
    if done.unknown:
        _log.info(
            "%d stored files are of uploads that the catalogue does not know; they stay", len(done.unknown)
        )


@click.command()
@click.argument("target", type=click.Path(), metavar="FOLDER|FILE.tar")
@_catalogue
@click.option("--secret", type=click.Path(), help="The service's key, to be kept with it.")
@click.option("--settings", type=click.Path(), help="The service's settings, to be kept with it.")
@json_option
@verbosity_options
def backup(target: str, catalogue: str, secret: str | None, settings: str | None, as_json: bool) -> None:
    """Write a backup of the catalogue; the service and jobs may go on writing.

    \b
    Example:
      genomehub hub backup --secret hub.secret --settings hub.toml /backup/2026-11-28.tar
    """
    from genomehub.hub.backup import backup as write

    made = write(
        catalogue,
        target,
        secret=Path(secret) if secret else None,
        settings=Path(settings) if settings else None,
    )
    _tell(made, f"backed up to {target}", as_json)


@click.command()
@click.argument("source", type=click.Path(), metavar="FOLDER|FILE.tar")
@_catalogue
@json_option
@verbosity_options
def restore(source: str, catalogue: str, as_json: bool) -> None:
    """Make a catalogue from a backup, where there is none, and check it.

    \b
    Example:
      genomehub hub restore /backup/2026-11-28.tar --catalogue new/catalogue.sqlite
    """
    from genomehub.hub.backup import restore as read
    from genomehub.hub.models import SCHEMA_VERSION

    made = read(source, catalogue)
    _tell(made, f"restored from {os.fspath(source)}", as_json)
    if made.schema < SCHEMA_VERSION:
        _log.info("it is of schema %s; migrate it: genomehub hub init --catalogue %s", made.schema, catalogue)
    _log.info("look whether the data files are there too: genomehub hub verify --catalogue %s", catalogue)


def _tell(made: Any, what: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(vars(made), indent=2))
    else:
        click.echo(f"{what}: {made.n_entries} entries, {made.n_events} events, schema {made.schema}")
