"""``genomehub hub serve``: run the service; check its settings."""

import os
from pathlib import Path
from typing import Any

import click

from genomehub.cli.options import json_option

_WILDCARDS = {"0.0.0.0", "::"}


@click.command()
@click.option(
    "--config", "config", type=click.Path(path_type=Path), envvar="GENOMEHUB_HUB_CONFIG", metavar="PATH",
    help="TOML file of settings.  [default: $GENOMEHUB_HUB_CONFIG, else none]",
)  # fmt: skip
@click.option("--catalogue", metavar="PATH|URL", help="SQLite file, or postgresql://USER@HOST/DATABASE.")
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Its port; 0 takes a free one.  [default: 8000]")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that answer.  [default: 1]")
@click.option(
    "--public-url", metavar="URL", help="How the world reaches it, such as https://hub.example.org."
)
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Of the log.  [default: text]")
@click.option("--init", "initialise", is_flag=True, help="Make the catalogue, or migrate it, before.")
@click.option("--check", is_flag=True, help="Print all settings and where they come from, and do not serve.")
@json_option
def serve(config: Path | None, initialise: bool, check: bool, as_json: bool, **given: Any) -> None:
    """Run the hub: catalogue, access, files, pages, and the API, until it is told to stop.

    Options weigh more than variables GENOMEHUB_HUB_..., and these more than the file. Ctrl-C or SIGTERM lets
    open requests end. docs/hub-operations.md explains every setting, and how to run it behind a proxy.

    \b
    Example:
      genomehub hub serve --catalogue results/catalogue.sqlite --init
      genomehub hub serve --config /etc/genomehub/hub.toml --check
    """
    from genomehub.hub.service.server import export
    from genomehub.hub.service.settings import read_settings, source_of

    options = {name: value for name, value in given.items() if value is not None}
    if source_of("catalogue", config, options) == "default" and (
        known := os.environ.get("GENOMEHUB_CATALOGUE")
    ):
        options["catalogue"] = known
    settings = read_settings(config, **options)
    if check:
        _print_settings(settings, config, options, as_json)
    if initialise:
        _initialise(settings.catalogue)
    if check:
        _check(settings)
        _greet_mail_server(settings)
        return
    export(config, options)
    _serve(settings, config, options)


def _address(host: str, port: int) -> str:
    host = "127.0.0.1" if host in _WILDCARDS else host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _serve(settings: Any, config: Path | None, options: dict[str, Any]) -> None:
    from genomehub.hub.service.server import bind, export, serve, settings_of_environment
    from genomehub.hub.service.settings import source_of

    _check(settings)
    sock = bind(settings.host, settings.port)
    port = sock.getsockname()[1]
    address = _address(settings.host, port)
    # Links name the address that was bound, unless another one is set.
    if source_of("public_url", config, options) == "default":
        export(config, {"public_url": address})
        settings = settings_of_environment()
    public = "" if settings.public_url == address else f" for {settings.public_url}"
    click.echo(f"the hub {settings.name!r} answers at {address}{public}; stop it with Ctrl-C")
    if settings.host in _WILDCARDS and settings.public_url == address:
        click.echo("genomehub: warning: others reach it under its name only if public_url says it", err=True)
    try:
        serve(settings, sock)
    except KeyboardInterrupt:  # the server raises it again after it has ended in order
        click.echo("stopped", err=True)


def _initialise(catalogue: str) -> None:
    from genomehub.hub.catalogue import Catalogue

    with Catalogue.create(catalogue) as made:
        if made.change != "current":
            click.echo(f"{made.change} the catalogue {made.location}")


def _check(settings: Any) -> None:
    """Open what the service opens, so that what is wrong is told now and in one sentence."""
    from genomehub.hub.service.context import open_hub

    open_hub(settings).catalogue.close()


def _greet_mail_server(settings: Any) -> None:
    """Warn if the mail server does not answer; letters then wait, and nothing else does."""
    import smtplib

    from genomehub.hub.service.postman import mail_server

    server = mail_server(settings)
    if server is None:
        return
    try:
        server.connect().quit()
    except (OSError, smtplib.SMTPException) as error:
        click.echo(f"genomehub: warning: mail server {server.host}:{server.port}: {error}", err=True)


def _print_settings(settings: Any, config: Path | None, options: dict[str, Any], as_json: bool) -> None:
    import json

    from genomehub.hub.service.settings import shown, source_of

    rows = [
        (name, shown(name, getattr(settings, name)), source_of(name, config, options))
        for name in type(settings).model_fields
    ]
    if as_json:
        answer = {name: {"value": value, "source": source} for name, value, source in rows}
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        click.echo(f"{name:<{widths[0]}}  {value:<{min(widths[1], 50)}}  {source}".rstrip())
