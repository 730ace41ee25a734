"""docs/hub-access.md names every event, route and setting of access."""

import re
from pathlib import Path

from genomehub.hub.access.duo import CODES
from genomehub.hub.service.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "hub-access.md").read_text(encoding="utf-8")
ROUTES = ROOT / "genomehub" / "hub" / "service" / "routes"
MODULES = ("account", "audit", "login", "passports", "people", "permits", "studies")


def sources() -> str:
    return "\n".join((ROUTES / f"{name}.py").read_text(encoding="utf-8") for name in MODULES)


def test_docs__every_event_is_named():
    source = sources() + (ROUTES.parent / "refusals.py").read_text(encoding="utf-8")
    calls = re.findall(r'(?:note|record|_note)\((?:[^"]*?)"([a-z]+(?:-[a-z]+)*)"', source)
    assert len(set(calls)) > 25
    assert {action for action in calls if f"`{action}`" not in TEXT} == set()


def test_docs__every_group_of_routes_is_named():
    paths = re.findall(r'@router\.\w+\(\s*"(/[^"{]+)', sources())
    groups = {"/".join(path.split("/")[:3]).rstrip("/") for path in paths}
    assert {group for group in groups if group not in TEXT} == set()


def test_docs__every_setting_is_named():
    ours = [name for name in Settings.model_fields if re.match("oidc|session|visa|seal|keys", name)]
    assert len(ours) > 9
    assert {name for name in ours if f"`{name}`" not in TEXT} == set()


def test_docs__every_code_is_in_the_table():
    named = set(re.findall(r"[A-Z]{2,6}", TEXT))
    assert {short for short, _ in CODES.values()} - named == set()
