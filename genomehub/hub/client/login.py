"""Tokens that ``genomehub hub login`` keeps: a file in the user's configuration folder, closed to others."""

import json
import os
import stat
from pathlib import Path

from genomehub.errors import ConfigError, NotFoundError
from genomehub.files import os_error

TOKEN_VARIABLE = "GENOMEHUB_HUB_TOKEN"


def store() -> Path:
    """Return where tokens are kept: $XDG_CONFIG_HOME/genomehub/tokens.json, by default below ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "genomehub" / "tokens.json"


def find_token(url: str) -> str | None:
    """Return the token of $GENOMEHUB_HUB_TOKEN, else the one that is kept for a hub's address."""
    return os.environ.get(TOKEN_VARIABLE) or _read().get(_key(url))


def require_token(url: str) -> str:
    """Return what ``find_token`` finds.

    Raises
    ------
    ConfigError
        Nothing.
    """
    token = find_token(url)
    if not token:
        raise ConfigError(
            f"a token is needed: make one on your account page, then 'genomehub hub login {url}' or set "
            f"${TOKEN_VARIABLE}."
        )
    return token


def keep_token(url: str, token: str) -> Path:
    """Keep a token for an address, and return where."""
    return _write({**_read(), _key(url): token})


def forget_token(url: str) -> None:
    """Remove the token of an address.

    Raises
    ------
    NotFoundError
        None is kept.
    """
    tokens = _read()
    if tokens.pop(_key(url), None) is None:
        raise NotFoundError(f"{url}: no token is kept for this address. See {store()}.")
    _write(tokens)


def _key(url: str) -> str:
    return url.rstrip("/").lower()


def _read() -> dict[str, str]:
    path = store()
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{path}: others can read the tokens in it. Close it: chmod 600 {path}.")
        tokens = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise os_error(path, error) from error
    except ValueError as error:
        raise ConfigError(f"{path}: is no JSON ({error}). Remove it and log in again.") from error
    if not isinstance(tokens, dict):
        raise ConfigError(
            f"{path}: an object of addresses and tokens was expected. Remove it and log in again."
        )
    return tokens


def _write(tokens: dict[str, str]) -> Path:
    path = store()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            json.dump(tokens, out, indent=2)
        temporary.replace(path)
    except OSError as error:
        raise os_error(path, error) from error
    return path
