"""``genomehub hub push``: a data set's description goes to another catalogue."""

import dataclasses
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from genomehub.cli.options import json_option, verbosity_options
from genomehub.errors import ConfigError


@click.command()
@click.argument("address", metavar="URL")
@click.argument("dataset", metavar="DATASET")
@click.option(
    "--catalogue", envvar="GENOMEHUB_CATALOGUE", default="catalogue.sqlite", metavar="PATH|URL",
    help="SQLite file, or postgresql://USER@HOST/DATABASE.  [default: $GENOMEHUB_CATALOGUE, else "
    "catalogue.sqlite here]",
)  # fmt: skip
@click.option(
    "--key-file", type=click.Path(path_type=Path), metavar="FILE",
    help="File with the key that the other catalogue gave.  [default: $GENOMEHUB_PUSH_KEY is the key]",
)  # fmt: skip
@click.option(
    "--public-url", envvar="GENOMEHUB_HUB_PUBLIC_URL", default="http://127.0.0.1:8000", show_default=True,
    metavar="URL", help="How the world reaches this hub; the data set's address begins with it.",
)  # fmt: skip
@json_option
@verbosity_options
def push(
    address: str, dataset: str, catalogue: str, key_file: Path | None, public_url: str, as_json: bool
) -> None:
    """Send a published description to another catalogue; take it back there if it was withdrawn here.

    URL is a catalogue that takes POST /ingest/datasets, such as the French Health Data Hub's or another
    genomehub. DATASET is the data set's identifier. What has not changed is not sent again.

    \b
    Example:
      genomehub hub push https://catalogue.example.org 0b6d3a1c-6f7e-4a55-9a0e-3f9b52f6a1de --key-file key
    """
    from sqlalchemy.orm import Session

    from genomehub.hub.access.principals import Grant, Principal, Role
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.description import pushing
    from genomehub.hub.description.room import Descriptions
    from genomehub.hub.filing import current_actor

    actor = current_actor()
    staff = Principal(name=actor, grants=frozenset({Grant(Role.HOLDER)}), means="command line")
    with Catalogue.open(catalogue) as opened, pushing.Target(address, _key(key_file)) as target:

        def room(session: Session) -> Descriptions:
            base, folder = public_url.rstrip("/"), opened.location.folder
            return Descriptions(session, staff, datetime.now(UTC), base, folder, ("dcat-ap", "hdh"))

        with opened.database.read() as session:
            planned = pushing.plan(room(session), dataset, target.address)
        done = pushing.send(planned, target)
        with opened.database.write() as session:
            pushing.record(room(session), planned, done, target.address, actor)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(done), indent=2))
    else:
        click.echo(f"{done.outcome}  {dataset} is {done.remote_id} at {target.address}")


def _key(file: Path | None) -> str:

    key = os.environ.get("GENOMEHUB_PUSH_KEY", "")
    if file is not None:
        try:
            key = file.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"{file}: cannot be read ({error.strerror}). Name the file of the key."
            ) from error
    if not key.strip():
        raise ConfigError("no key: name its file with --key-file, or set $GENOMEHUB_PUSH_KEY.")
    return key.strip()
