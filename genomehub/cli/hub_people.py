"""``genomehub hub person`` and ``genomehub hub token``: people, roles and tokens, on the catalogue itself.

Whoever may write the catalogue may do this: it makes the first administrator, who goes on in the browser.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from genomehub.cli.options import json_option, verbosity_options

Function = TypeVar("Function", bound=Callable[..., Any])
_ROLES = ("holder", "steward", "researcher", "auditor", "administrator")


def catalogue_option(function: Function) -> Function:
    """``--catalogue``: the SQLite file or PostgreSQL database."""
    return click.option(
        "--catalogue", envvar="GENOMEHUB_CATALOGUE", default="catalogue.sqlite", metavar="PATH|URL",
        help="SQLite file, or postgresql://USER@HOST/DATABASE.  [default: $GENOMEHUB_CATALOGUE, else "
        "catalogue.sqlite here]",
    )(function)  # fmt: skip


def actor_option(function: Function) -> Function:
    """``--actor``: who does this, for the event log."""
    return click.option(
        "--actor", envvar="GENOMEHUB_ACTOR", default=None, metavar="NAME",
        help="Who does this, for the event log.  [default: $GENOMEHUB_ACTOR, else the login name]",
    )(function)  # fmt: skip


def _project_option(function: Function) -> Function:
    return click.option("--project", metavar="NAME", help="In this project only.  [default: everywhere]")(
        function
    )


@contextlib.contextmanager
def _administration(catalogue: str, actor: str | None) -> Iterator[Any]:
    from genomehub.hub.access.administration import Administration
    from genomehub.hub.catalogue import Catalogue
    from genomehub.hub.filing import check_name, current_actor

    who = check_name("actor", actor) if actor else current_actor()
    with Catalogue.open(catalogue) as opened, opened.database.write() as session:
        yield Administration(session, who, datetime.now(UTC))


@contextlib.contextmanager
def _reading(catalogue: str) -> Iterator[Any]:
    from genomehub.hub.catalogue import Catalogue

    with Catalogue.open(catalogue) as opened, opened.database.read() as session:
        yield session


@click.group()
def person() -> None:
    """People of the hub and their roles.

    A person is named by e-mail address, by name, or by the first eight digits of their number.

    \b
    Example:
      genomehub hub person add "Ada Lovelace" --email ada@example.org --role administrator
      genomehub hub person role ada@example.org steward --project genomes
    """


@person.command("add")
@click.argument("name")
@click.option("--email", metavar="ADDRESS", help="By which a login is recognised.")
@click.option("--role", "roles", multiple=True, type=click.Choice(_ROLES), help="May be repeated.")
@_project_option
@catalogue_option
@actor_option
@json_option
@verbosity_options
def add(name: str, email: str | None, roles: tuple[str, ...], catalogue: str, **options: Any) -> None:
    """Add a person, with roles.

    \b
    Example:
      genomehub hub person add "Ada Lovelace" --email ada@example.org --role administrator
    """
    from genomehub.hub.access.administration import SHORT
    from genomehub.hub.access.principals import Role

    with _administration(catalogue, options["actor"]) as administration:
        added = administration.add(name, email, [Role(role) for role in roles], options["project"])
        uuid = added.uuid
    if options["as_json"]:
        _print_json({"uuid": uuid, "name": name, "email": email})
    else:
        click.echo(f"added {uuid[:SHORT]}  {name}")


@person.command("list")
@click.option("--all", "everybody", is_flag=True, help="Also people who are disabled.")
@catalogue_option
@json_option
@verbosity_options
def list_people(everybody: bool, catalogue: str, as_json: bool) -> None:
    """Print people with their roles.

    \b
    Example:
      genomehub hub person list
    """
    from genomehub.hub.access import administration

    with _reading(catalogue) as session:
        people: list[dict[str, Any]] = [
            {
                "uuid": one.uuid,
                "name": one.name,
                "email": one.email,
                "roles": administration.roles_of(session, one),
                "disabled": one.disabled_at is not None,
            }
            for one in administration.list_people(session, disabled=everybody)
        ]
    if as_json:
        _print_json(people)
        return
    from genomehub.cli.hub_tables import print_rows

    rows = [
        (one["uuid"][: administration.SHORT], one["name"], one["email"] or "", ", ".join(one["roles"]),
         "disabled" if one["disabled"] else "")
        for one in people
    ]  # fmt: skip
    print_rows(("number", "name", "e-mail", "roles", ""), rows)


@person.command("disable")
@click.argument("who")
@catalogue_option
@actor_option
@verbosity_options
def disable(who: str, catalogue: str, actor: str | None) -> None:
    """Let a person do nothing any more, from the next request on: tokens, logins, permits.

    \b
    Example:
      genomehub hub person disable ada@example.org
    """
    _able(who, catalogue, actor, disabled=True)


@person.command("enable")
@click.argument("who")
@catalogue_option
@actor_option
@verbosity_options
def enable(who: str, catalogue: str, actor: str | None) -> None:
    """Let a person in again who was disabled.

    \b
    Example:
      genomehub hub person enable ada@example.org
    """
    _able(who, catalogue, actor, disabled=False)


def _able(who: str, catalogue: str, actor: str | None, *, disabled: bool) -> None:
    from genomehub.hub.access.administration import find_person

    with _administration(catalogue, actor) as administration:
        found = find_person(administration.session, who)
        administration.disable(found, disabled)
        name = found.name
    click.echo(f"{'disabled' if disabled else 'enabled'} {name}")


@person.command("role")
@click.argument("who")
@click.argument("role", type=click.Choice(_ROLES))
@click.option("--remove", is_flag=True, help="Take the role back.")
@_project_option
@catalogue_option
@actor_option
@verbosity_options
def role(who: str, role: str, remove: bool, project: str | None, catalogue: str, actor: str | None) -> None:
    """Give a person a role, or take it back.

    \b
    Example:
      genomehub hub person role ada@example.org steward --project genomes
      genomehub hub person role ada@example.org administrator --remove
    """
    from genomehub.hub.access.administration import find_person, roles_of
    from genomehub.hub.access.principals import Role

    with _administration(catalogue, actor) as administration:
        found = find_person(administration.session, who)
        change = administration.take if remove else administration.grant
        change(found, Role(role), project)
        administration.session.flush()
        administration.session.refresh(found)
        roles = ", ".join(roles_of(administration.session, found)) or "without a role"
        name = found.name
    click.echo(f"{name}: {roles}")


@click.group()
def token() -> None:
    """Tokens with which programs act for a person.

    \b
    Example:
      genomehub hub token create ada@example.org --label laptop --days 90
    """


@token.command("create")
@click.argument("who")
@click.option("--label", default="command line", show_default=True, metavar="TEXT", help="What it is for.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it holds."
)
@catalogue_option
@actor_option
@json_option
@verbosity_options
def create(who: str, label: str, days: int, catalogue: str, actor: str | None, as_json: bool) -> None:
    """Make a token and print its secret, this once: only its SHA-256 is kept.

    \b
    Example:
      genomehub hub token create ada@example.org --label laptop --days 90
    """
    from genomehub.hub.access.administration import find_person

    with _administration(catalogue, actor) as administration:
        found = find_person(administration.session, who)
        expires = administration.now + timedelta(days=days)
        secret = administration.new_token(found, label, expires)
    if as_json:
        _print_json({"token": secret, "label": label, "expires_at": expires.isoformat(timespec="seconds")})
    else:
        click.echo(secret)


@token.command("list")
@click.argument("who", required=False)
@catalogue_option
@json_option
@verbosity_options
def list_tokens(who: str | None, catalogue: str, as_json: bool) -> None:
    """Print the tokens of all people, or of one: numbers and labels, not secrets.

    \b
    Example:
      genomehub hub token list ada@example.org
    """
    from genomehub.hub.access import administration

    now = datetime.now(UTC)
    with _reading(catalogue) as session:
        of = None if who is None else administration.find_person(session, who)
        tokens = [
            {
                "number": one.id,
                "person": one.person.name,
                "label": one.label,
                "created_at": one.created_at.isoformat(timespec="seconds"),
                "expires_at": one.expires_at.isoformat(timespec="seconds") if one.expires_at else None,
                "state": _state(one, now),
            }
            for one in administration.list_tokens(session, of)
        ]
    if as_json:
        _print_json(tokens)
        return
    from genomehub.cli.hub_tables import print_rows

    columns = ("number", "person", "label", "created_at", "expires_at", "state")
    print_rows(columns, [tuple(one[column] or "" for column in columns) for one in tokens])


def _state(token: Any, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now else "valid"


@token.command("revoke")
@click.argument("number", type=int)
@catalogue_option
@actor_option
@verbosity_options
def revoke(number: int, catalogue: str, actor: str | None) -> None:
    """Make a token useless, from the next request on.

    \b
    Example:
      genomehub hub token revoke 7
    """
    with _administration(catalogue, actor) as administration:
        revoked = administration.revoke(number)
        told = f"{revoked.label!r} of {revoked.person.name}"
    click.echo(f"revoked token {number}, {told}")


def _print_json(answer: Any) -> None:
    import json

    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
