"""Options that every subcommand shares, and what they set up: logging, progress, threads."""

import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

Function = TypeVar("Function", bound=Callable[..., Any])


def threads_option(function: Function) -> Function:
    """``-t/--threads``: None means every core this process may use."""
    return click.option(
        "-t", "--threads", type=click.IntRange(min=1), default=None,
        help="Cores to use.  [default: all that this process may use]",
    )(function)  # fmt: skip


def usable_cores(threads: int | None) -> int:
    """Return how many cores to read with: those asked for, else all that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return threads or usable or 1


def scheduler_option(function: Function) -> Function:
    """``--scheduler-file``: attach to a running Dask cluster instead of starting local workers."""
    return click.option(
        "--scheduler-file", type=click.Path(dir_okay=False), default=None,
        help="Attach to the Dask cluster that wrote this file, instead of local workers.",
    )(function)  # fmt: skip


def reference_option(function: Function) -> Function:
    """``-r/--reference``: the directory that ``genomehub reference build`` made."""
    return click.option(
        "-r", "--reference", "reference", required=True, type=click.Path(),
        help="Reference directory made by 'genomehub reference build'.",
    )(function)  # fmt: skip


def json_option(function: Function) -> Function:
    """``--json``: print the answer as JSON on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(function)


def verbosity_options(function: Function) -> Function:
    """``-v`` and ``-q``: how much the log on standard error says."""
    function = click.option(
        "-v", "--verbose", is_flag=True, expose_value=False, callback=_set_verbose, help="Say more.",
    )(function)  # fmt: skip
    return click.option(
        "-q", "--quiet", is_flag=True, expose_value=False, callback=_set_quiet, help="Say only errors.",
    )(function)  # fmt: skip


def _configure_logging(level: int) -> None:
    handler = logging.StreamHandler()  # standard error
    handler.setFormatter(logging.Formatter("genomehub: %(message)s"))
    logger = logging.getLogger("genomehub")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


def _set_verbose(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        _configure_logging(logging.DEBUG)
        ctx.meta["genomehub.log"] = True
    elif "genomehub.log" not in ctx.meta:
        _configure_logging(logging.INFO)


def _set_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        _configure_logging(logging.ERROR)
        ctx.meta["genomehub.log"] = True
        ctx.meta["genomehub.quiet"] = True
    elif "genomehub.log" not in ctx.meta:
        _configure_logging(logging.INFO)


class TerminalProgress:
    """Progress bars on standard error: on a terminal only, and not when asked to be quiet.

    Use as a context manager; pass it to a pipeline function as its ``progress``.
    """

    def __init__(self) -> None:
        console = Console(stderr=True)
        context = click.get_current_context(silent=True)
        quiet = context is not None and context.meta.get("genomehub.quiet", False)
        self._bars = RichProgress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"), TimeElapsedColumn(),
            console=console, disable=quiet or not console.is_terminal,
        )  # fmt: skip
        self._task: TaskID | None = None

    def __enter__(self) -> "TerminalProgress":
        if not self._bars.disable:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._bars.disable:  # Rich before 14 ends a bar that it never showed with an empty line
            self._bars.stop()

    def start(self, task: str, total: int | None, unit: str) -> None:
        self._task = self._bars.add_task(task, total=total, unit=unit)

    def advance(self, amount: int) -> None:
        if self._task is not None:
            self._bars.advance(self._task, amount)

    def finish(self) -> None:
        if self._task is not None:
            total = self._bars.tasks[-1].completed
            self._bars.update(self._task, total=total)
        self._task = None
