"""What pages are made of: texts in every language, parts that others wrote, files in the wheel."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from genomehub.hub.pages import statics, texts

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "genomehub" / "hub" / "pages"
VENDOR = PAGES / "static" / "vendor"


def texts_in_source() -> set[str | tuple[str, ...]]:
    """Every text that a page may say, in English; those with a plural as pairs."""
    found = set()
    functions = {"gettext": None, "ngettext": (1, 2)}
    trimmed = {"trim_blocks": "true", "lstrip_blocks": "true"}
    for path in sorted((PAGES / "templates").iterdir()):
        with path.open("rb") as template:
            drawn = extract("jinja2.ext:babel_extract", template, functions, options=trimmed)
            found |= {message for _, message, _, _ in drawn}
    for path in sorted([*PAGES.glob("*.py"), *(PAGES.parent / "service").rglob("*.py")]):
        with path.open("rb") as module:
            found |= {message for _, message, _, _ in extract("python", module, {"N_": None})}
    with (PAGES.parent / "access" / "duo.py").open("rb") as module:
        found |= {message for _, message, _, _ in extract("python", module, {"Why": None})}
    return found


def test_texts__all_in_french_and_none_left_over():
    with (PAGES / "locale" / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalog = read_po(file, locale="fr")
    french = {message.id: message for message in catalog if message.id}
    assert texts_in_source() == set(french)
    for message in french.values():
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(said), f"{message.id!r} is not translated"
        assert not message.fuzzy
        assert [str(error) for error in message.check(catalog)] == []


def test_texts__are_marked_in_templates():
    """No words between tags that are not put through a translation."""
    for path in sorted((PAGES / "templates").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        text = re.sub(
            r"{% trans.*?endtrans %}|{%.*?%}|{{.*?}}|{#.*?#}|<code>.*?</code>", "", text, flags=re.S
        )
        words = [word.strip() for word in re.findall(r">([^<>]*[a-z]{3,}[^<>]*)<", text)]
        assert [word for word in words if '="' not in word and word != "/openapi.json"] == [], path.name


def test_translations__of_a_language_without_file_are_the_source():
    assert texts.translations("xx").gettext("Catalogue") == "Catalogue"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "en"), ("de", "en"), ("fr", "fr"), ("en;q=0.2,fr;q=0.9", "fr"), ("*", "en"), ("fr;q=0", "en")],
)
def test_choose__by_weight(accepted, language):
    assert texts.choose(None, accepted, "en") == language


def test_words__numbers_and_sizes():
    french, english = texts.Words("fr"), texts.Words("en")
    assert english.number(1234.5, 1) == "1,234.5"
    assert french.number(1234.5, 1).replace("\u202f", " ") == "1 234,5"
    assert (english.size(999), english.size(1_234_567), french.size(2_000)) == (
        "999\xa0B",
        "1.2\xa0MB",
        "2\xa0ko",
    )
    assert (english.number(None), english.day(None), english.share(0.5)) == ("–", "–", "50 %")


def test_vendor__is_what_the_manifest_says():
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    listed = {file["path"]: file["sha256"] for package in manifest["packages"] for file in package["files"]}
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert there == {*listed, "manifest.json"}
    for path, digest in listed.items():
        assert hashlib.sha256((VENDOR / path).read_bytes()).hexdigest() == digest, path
    for package in manifest["packages"]:
        assert any(Path(file["path"]).name == "LICENSE" for file in package["files"]), package["name"]


def test_statics__icons_that_templates_name_are_drawn():
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (PAGES / "static" / "icons.svg").read_text()))
    sources = [*(PAGES / "templates").glob("*.html"), PAGES / "vocabularies.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    named = set(re.findall(r'icon\("([a-z-]+)"', text)) | set(re.findall(r'"DUO:\d{7}": "([a-z-]+)"', text))
    assert named <= drawn
    assert statics.statics()["hub.css"].media_type == "text/css"


@pytest.mark.integration
def test_wheel__carries_templates_texts_and_parts(tmp_path):
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("genomehub/hub/pages/")}
    for path in PAGES.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(ROOT).as_posix() in packed
