"""Documents that cannot rot: links lead somewhere, commands and options exist, errors are explained."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from genomehub import cli, errors

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("workflows/*/*.md"),
    ]
)


def identify(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def shell_commands(text: str) -> Iterator[list[str]]:
    """Words of each genomehub command in the shell blocks of a document, continued lines joined."""
    for block in re.findall(r"^```(?:sh|bash|shell|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            words = [
                word for word in words if "=" not in word or word.startswith("-")
            ]  # VARIABLE=value before
            if words and Path(words[0]).name == "genomehub":
                yield words[1:]


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """Follow subcommands; return the command that is called and its arguments."""
    command: click.Command = cli.program
    context = click.Context(command)
    words = words[2:] if words[0] == "--cost" else words
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"genomehub has no command {words[0]}"
        command, words = found, words[1:]
    return command, words


def walk(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))
        else:
            yield " ".join([*path, name])


@pytest.mark.parametrize("path", DOCUMENTS, ids=identify)
def test_document__links_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and "://" not in target]
    assert [target for target in local if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=identify)
def test_document__commands_and_options_exist(path):
    for words in shell_commands(path.read_text(encoding="utf-8")):
        command, arguments = resolve(words)
        known = {
            name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        known |= {"-h", "--help"}
        before_dashes = arguments[: arguments.index("--")] if "--" in arguments else arguments
        used = {word.partition("=")[0] for word in before_dashes if re.match(r"--?[A-Za-z]", word)}
        assert used <= known, f"genomehub {shlex.join(words)}"


def test_documents__name_every_command():
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    assert [name for name in walk(cli.program) if f"genomehub {name}" not in text] == []


def test_index__lists_every_document():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if f"]({page})" not in index} <= {"index.md"}


def test_errors__every_class_and_exit_code_is_explained():
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    classes = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert len(classes) >= 6
    for kind in classes:
        code = errors.exit_code(kind("x"))
        assert re.search(rf"^\| {code} \| `{kind.__name__}` \|", text, re.MULTILINE), kind.__name__


def test_glossary__in_alphabetical_order():
    rows = re.findall(
        r"^\| ([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    words = [row for row in rows if row != "word"]
    assert words == sorted(words, key=str.lower)
