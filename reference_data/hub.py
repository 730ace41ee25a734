"""make hub: the demo's result in a hub to look at. Prints its address and how to log in, and serves it.

    python reference_data/hub.py results

It works on a copy of the catalogue beside it (``hub.sqlite``), with a person of each role, and describes and
publishes the demo's data set. Run again, it goes on with what is there; the data files stay where they are.
"""

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from genomehub.hub import models
from genomehub.hub.access.administration import Administration
from genomehub.hub.access.people import principal_of_token
from genomehub.hub.access.principals import Principal, Role
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.description.document import DatasetDescription
from genomehub.hub.description.room import Descriptions
from genomehub.hub.description.validation import Profile

PORT = int(os.environ.get("PORT", "8000"))
ADDRESS = f"http://127.0.0.1:{PORT}"
DESCRIPTION = Path(__file__).parent / "na12878" / "description.json"
ALL_PROFILES: tuple[Profile, ...] = ("dcat-ap", "healthdcat-ap", "hdh")


def main(results: Path) -> int:
    """Prepare the hub and serve it until Ctrl-C."""
    if not (results / "catalogue.sqlite").is_file():
        print(f"{results}/catalogue.sqlite is not there. Run: make demo", file=sys.stderr)
        return 3
    catalogue = results / "hub.sqlite"
    if not catalogue.exists():
        # A copy beside it: files are kept relative to the catalogue's folder.
        with sqlite3.connect(results / "catalogue.sqlite") as source, sqlite3.connect(catalogue) as copy:
            source.backup(copy)
    now = datetime.now(UTC)
    with Catalogue.create(catalogue, actor="demo") as opened, opened.database.write() as session:
        tokens = logins(Administration(session, "demo", now))
        publish(session, principal_of_token(session, tokens[Role.HOLDER], now), results, now)
    print(f"\nA hub with the demo's result: {ADDRESS}\n")
    for name, token in tokens.items():
        print(f"  {name:<14} {token}")
    print(f"\nTokens hold for a day. As the researcher:  export GENOMEHUB_HUB_URL={ADDRESS}")
    print(f"  GENOMEHUB_HUB_TOKEN={tokens['researcher']} genomehub hub search NA12878\n", flush=True)
    command = [sys.executable, "-m", "genomehub", "hub", "serve", "--catalogue", str(catalogue)]
    references = sorted(str(file.parent) for file in results.rglob("reference.json"))
    environment = {
        **os.environ,
        "GENOMEHUB_HUB_NAME": "Demonstration hub",
        "GENOMEHUB_HUB_PUBLIC_URL": ADDRESS,
        "GENOMEHUB_HUB_REFERENCES": json.dumps(references),
    }
    return subprocess.call([*command, "--port", str(PORT)], env=environment)


def publish(session: Session, principal: Principal, folder: Path, now: datetime) -> None:
    """Describe and publish the data sets that have no description yet, by the rules for everybody."""
    document = DatasetDescription.model_validate_json(DESCRIPTION.read_text("utf-8"))
    there = Descriptions(session, principal, now, ADDRESS, folder, ALL_PROFILES)
    for dataset in session.scalars(select(models.Dataset)).all():
        if session.get(models.Publication, dataset.id) is None:
            there.save(dataset.uuid, document)
            there.publish(dataset.uuid)


def logins(administration: Administration) -> dict[str, str]:
    """Return a new token for a person of each role, who is made if they are not there."""
    tokens = {}
    for role in Role:
        email = f"{role}@demo.example"
        found = select(models.Person).where(models.Person.email == email)
        person = administration.session.scalar(found)
        if person is None:
            person = administration.add(f"Demo {role}", email, [role], None)
        expires = administration.now + timedelta(days=1)
        tokens[str(role)] = administration.new_token(person, "demo", expires)
    return tokens


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "results")))
