"""What ``genomehub hub`` prints for people: tables and sections, nothing cut off when it goes to a file."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genomehub.hub.lookup import SHORT_ID
from genomehub.hub.records import (
    DEFAULT_PROJECT,
    Entry,
    EntrySummary,
    EventRecord,
    FileRecord,
    History,
    Page,
    Registration,
    Verification,
)

_UNITS = ("B", "kB", "MB", "GB", "TB")


def human_size(n_bytes: int) -> str:
    """Return a size in decimal units.

    >>> human_size(1), human_size(12_345_678)
    ('1 B', '12.3 MB')
    """
    size, unit = float(n_bytes), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} B" if unit == 0 else f"{size:.3g} {_UNITS[unit]}"


def _count(n: int, one: str, several: str) -> str:
    return f"{n:,} {one if n == 1 else several}"


def human_time(time: datetime) -> str:
    """Return a time in UTC to the minute."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _console() -> Console:
    wide = None if Console().is_terminal else 10_000
    return Console(width=wide, highlight=False, markup=False)


def _table(*columns: str, right: Iterable[str] = (), fold: Iterable[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        align = "right" if column in set(right) else "left"
        table.add_column(
            column, justify=align, no_wrap=column not in set(fold), overflow="fold"  # type: ignore[arg-type]
        )  # fmt: skip
    return table


def _row(table: Table, *cells: Any) -> None:
    table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in cells))


def registration(done: Registration) -> str:
    """Return what a registration did, in a line."""
    entry = done.entry
    size = human_size(sum(file.size_bytes for file in entry.files))
    n_files = _count(len(entry.files), "file", "files")
    what = f"{entry.id[:SHORT_ID]}  {entry.dataset} version {entry.version}, {n_files}, {size}"
    if done.outcome == "registered":
        former = f"; supersedes {entry.supersedes[:SHORT_ID]}" if entry.supersedes else ""
        return f"registered {what}{former}"
    since = f"this content is there since {human_time(entry.registered_at)} UTC"
    newer = f"; superseded by {entry.superseded_by[:SHORT_ID]}" if entry.superseded_by else ""
    extra = {"relocated": ", its files lie elsewhere now", "reproduced": ", another run gave the same"}
    return f"unchanged  {what}: {since}{extra.get(done.outcome, '')}{newer}"


def print_page(page: Page) -> None:
    """Print the entries of a search as a table."""
    if page.entries:
        _console().print(_entries(page.entries))


def _entries(entries: Iterable[EntrySummary]) -> Table:
    entries = list(entries)
    projects = any(entry.project != DEFAULT_PROJECT for entry in entries)
    superseded = any(entry.superseded_by for entry in entries)
    measures = list(dict.fromkeys(name for entry in entries for name in entry.measurements))
    columns = ["id", "data set", "version", "samples", "files", "size", "reference", "registered (UTC)"]
    columns += ["project"] * projects + measures + ["superseded by"] * superseded
    table = _table(*columns, right=["version", "size", *measures], fold=["data set", "samples", "files"])
    for entry in entries:
        _row(
            table,
            Text(entry.id[:SHORT_ID], style="bold" if entry.superseded_by is None else "dim"),
            entry.dataset,
            entry.version,
            _some(entry.samples),
            " ".join(entry.kinds),
            human_size(entry.size_bytes),
            (entry.reference or "")[:SHORT_ID],
            human_time(entry.registered_at),
            *([entry.project] * projects),
            *(f"{entry.measurements[name]:.6g}" if name in entry.measurements else "" for name in measures),
            *([(entry.superseded_by or "")[:SHORT_ID]] * superseded),
        )
    return table


def _some(names: Iterable[str], at_most: int = 3) -> str:
    names = list(names)
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return " ".join(names[:at_most]) + more


def print_entry(entry: Entry) -> None:
    """Print everything about an entry in sections."""
    console = _console()
    facts = _table("", "", fold=["", ""])
    facts.show_header = False
    for name, value in _facts(entry):
        if value:
            facts.add_row(Text(name, style="bold"), Text(value))
    console.print(facts)
    _section(console, "files", _files(entry.files))
    _section(console, "inputs", _files(entry.inputs))
    _section(console, "cost", _costs(entry))
    for name, values in (("quality", entry.qc), ("evaluation", entry.evaluation)):
        _section(console, name, _values(values))
    if entry.software:
        versions = ", ".join(f"{name} {version}" for name, version in sorted(entry.software.items()))
        _section(console, "software", Text(versions))
    if entry.configuration_text or entry.configuration is not None:
        text = entry.configuration_text or json.dumps(entry.configuration, indent=2, ensure_ascii=False)
        _section(console, "configuration", Text(text.rstrip()))


def _facts(entry: Entry) -> list[tuple[str, str]]:
    reference = entry.reference
    length = f", {reference.length_bp:,} bp" if reference and reference.length_bp else ""
    return [
        ("id", entry.id),
        ("data set", f"{entry.dataset}, version {entry.version}, in project {entry.project}"),
        ("title", entry.title or ""),
        ("description", entry.description or ""),
        ("samples", ", ".join(f"{s.name} ({s.sex})" if s.sex else s.name for s in entry.samples)),
        ("reference", f"{reference.name or ''} {reference.digest}{length}".strip() if reference else ""),
        ("registered", f"{human_time(entry.registered_at)} UTC by {entry.registered_by}"),
        ("supersedes", entry.supersedes or ""),
        ("superseded by", entry.superseded_by or ""),
        ("made from", " ".join(entry.parents)),
        ("used for", " ".join(entry.children)),
    ]


def _section(console: Console, title: str, content: Table | Text | None) -> None:
    if content is not None:
        console.print()
        console.print(Text(title, style="bold"))
        console.print(content)


def _files(files: Iterable[FileRecord]) -> Table | None:
    table = _table("kind", "size", "sha256", "path", right=["size"], fold=["path"])
    for file in files:
        in_folder = "" if file.n_files is None else f" ({_count(file.n_files, 'file', 'files')})"
        _row(table, file.kind, human_size(file.size_bytes), file.sha256[:16], f"{file.path}{in_folder}")
    return table if table.row_count else None


def _costs(entry: Entry) -> Table | None:
    numbers = ["core-seconds", "wall seconds", "peak memory"]
    table = _table("stage", *numbers, right=numbers)
    for cost in entry.costs:
        _row(
            table,
            cost.stage,
            "" if cost.core_seconds is None else f"{cost.core_seconds:.1f}",
            "" if cost.wall_seconds is None else f"{cost.wall_seconds:.1f}",
            "" if cost.peak_rss_bytes is None else human_size(cost.peak_rss_bytes),
        )
    return table if table.row_count else None


def _values(values: dict[str, Any] | None) -> Table | None:
    """Show single values under their dotted names; lists such as histograms are for --json."""
    table = _table("name", "value", fold=["value"])
    table.show_header = False
    for name, value in _leaves(values or {}):
        _row(table, name, f"{value:.6g}" if isinstance(value, float) else value)
    return table if table.row_count else None


def _leaves(values: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(values, dict):
        for key, value in values.items():
            yield from _leaves(value, f"{prefix}.{key}" if prefix else str(key))
    elif values is not None and not isinstance(values, list):
        yield prefix, values


def print_history(past: History) -> None:
    """Print the versions of a data set and its events."""
    console = _console()
    console.print(Text(f"{past.dataset} in project {past.project} ({past.dataset_uuid})"))
    _section(console, "versions", _entries(past.versions))
    _section(console, "events", _events(past.events))


def _events(events: Iterable[EventRecord]) -> Table:
    table = _table("time (UTC)", "who", "what", "entry")
    for event in events:
        _row(table, human_time(event.time), event.actor, event.action, (event.entry or "")[:SHORT_ID])
    return table


def print_verification(report: Verification) -> None:
    """Print what is no longer true, then a line that sums up."""
    console = _console()
    table = _table("entry", "data set", "kind", "state", "path", fold=["path"])
    for check in report.failed:
        _row(table, check.entry[:SHORT_ID], check.dataset, check.kind, check.state, check.path)
    if table.row_count:
        console.print(table)
    for identifier in report.records_changed:
        console.print(Text(f"{identifier[:SHORT_ID]}  the record was changed after it was registered"))
    for problem in report.problems:
        console.print(Text(problem))
    good = len(report.files) - len(report.failed)
    entries = _count(report.n_entries, "entry", "entries")
    console.print(Text(f"{entries}, {good} of {len(report.files)} files as registered"))


def print_rows(columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Print rows under the names of their columns; nothing if there is none."""
    table = _table(*columns)
    for row in rows:
        _row(table, *row)
    if table.row_count:
        _console().print(table)
