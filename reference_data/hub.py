"""make hub: the demo's result in a hub to look at. Prints its address and how to log in, and serves it.

    python reference_data/hub.py results

It works on a copy of the catalogue beside it (``hub.sqlite``), with a person of each role, and describes and
publishes the demo's data set. Run again, it goes on with what is there; the data files stay where they are.
"""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from genomehub.hub import models
from genomehub.hub.access.administration import Administration
from genomehub.hub.access.principals import Role
from genomehub.hub.catalogue import Catalogue
from genomehub.hub.filing import EventLog

PORT = int(os.environ.get("PORT", "8000"))
DESCRIPTION = {
    "title": {"en": "NA12878, a slice of chromosome 20", "fr": "NA12878, une tranche du chromosome 20"},
    "description": {
        "en": "Reads and variants of the reference person NA12878 from 20:10,000,000-10,100,000 at 52x.",
        "fr": "Lectures et variants de la personne de référence NA12878, 20:10 000 000-10 100 000, à 52x.",
    },
    "keywords": {"en": ["reference genome", "demonstration"], "fr": ["génome de référence", "démonstration"]},
    "access_rights": "NON_PUBLIC",
    "duo": ["DUO:0000042"],
    "n_individuals": 1,
    "genome": {
        "assays": ["WGS"],
        "n_samples": 1,
        "mean_depth": 52.0,
        "kinds": ["cram", "vcz", "vcf", "gvcf"],
    },
}


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
        publish(session, now)
        tokens = logins(Administration(session, "demo", now))
    address = f"http://127.0.0.1:{PORT}"
    print(f"\nA hub with the demo's result: {address}\n")
    for name, token in tokens.items():
        print(f"  {name:<14} {token}")
    print(f"\nTokens hold for a day. As the researcher:  export GENOMEHUB_HUB_URL={address}")
    print(f"  GENOMEHUB_HUB_TOKEN={tokens['researcher']} genomehub hub search NA12878\n", flush=True)
    command = [sys.executable, "-m", "genomehub", "hub", "serve", "--catalogue", str(catalogue)]
    references = [str(path) for path in results.glob("*.ref")] + [
        str(path.parent) for path in results.rglob("reference.json")
    ]
    environment = {
        **os.environ,
        "GENOMEHUB_HUB_NAME": "Demonstration hub",
        "GENOMEHUB_HUB_SECRET_FILE": str(results / "hub.secret"),
    }
    if references:
        environment["GENOMEHUB_HUB_REFERENCES"] = str(sorted(set(references))).replace("'", '"')
    return subprocess.call([*command, "--port", str(PORT)], env=environment)


def publish(session: object, now: datetime) -> None:
    """Describe and publish the data sets that have no description yet."""
    for dataset in session.scalars(select(models.Dataset)).all():  # type: ignore[attr-defined]
        if session.get(models.Publication, dataset.id) is not None:  # type: ignore[attr-defined]
            continue
        description = models.Description(
            dataset_id=dataset.id, version=1, document=DESCRIPTION, source="form", created_at=now,
            created_by="demo",
        )  # fmt: skip
        session.add(description)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        publication = models.Publication(
            dataset_id=dataset.id, description_id=description.id, state="published", changed_at=now
        )
        session.add(publication)  # type: ignore[attr-defined]
        EventLog(session, "demo", now).append("publish", dataset, None, {})  # type: ignore[arg-type]


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
