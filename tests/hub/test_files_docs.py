"""docs/hub-files.md: its commands run against a hub, and it names every event that is noted."""

import json
import os
import re
import subprocess
from pathlib import Path

from builders.alignment_files import make_reference, random_sequence

from genomehub.hub import models

PAGE = Path(__file__).parents[2] / "docs" / "hub-files.md"
TEXT = PAGE.read_text(encoding="utf-8")


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    joined = "".join(blocks).replace("\\\n", "")
    return [line for line in joined.splitlines() if not line.startswith(("export HUB", "export TOKEN"))]


def test_docs__commands_run(sqlite_world, tmp_path):
    world, folder = sqlite_world, tmp_path / "client"
    folder.mkdir()
    reference = make_reference(tmp_path / "genome.ref", {"1": random_sequence(5000, 1)})
    world.hub.settings.references = [reference.path]
    world.permit("researcher", "open-door")
    with world.hub.database.read() as session:
        dataset = world.dataset(session, "open-door")
        version = session.query(models.Entry).filter_by(dataset_id=dataset.id).one().digest
    given = {
        "TOKEN": world.tokens["researcher"], "VERSION": version,
        "GENOME": reference.digest, "MD5": reference.contigs[0].md5,
        "HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER": "I understand the risks",
        "HTS_AUTH_LOCATION": "token",
    }  # fmt: skip
    got = {}
    with world.serve() as address:
        for line in commands():
            done = subprocess.run(
                ["bash", "-c", line], cwd=folder, capture_output=True, check=False,
                env=os.environ | given | {"HUB": address},
            )  # fmt: skip
            assert done.returncode == 0, (line, done.stderr)
            got[line] = done.stdout
    content = (world.folder / "open-door" / "open-door.bam").read_bytes()
    assert (folder / "open-door.bam").read_bytes() == content
    answers = list(got.values())
    assert content[:100] in answers
    assert answers[-1] == answers[-2] == reference.text(0, 1000, 1010).encode()
    tickets = [json.loads(one) for one in answers if one.startswith(b'{"htsget"')]
    assert len(tickets) == 1
    assert sum(one.count(b"read") > 40 for one in answers) >= 1


def test_docs__every_event_is_named():
    service = PAGE.parents[1] / "genomehub" / "hub" / "service" / "routes"
    files = [service / f"{name}.py" for name in ("drs", "files", "htsget")]
    files.append(service.parent / "deliveries.py")
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    found = set(re.findall(r'"(ticket|link|slice|download|break-off)"', source))
    assert found == {"ticket", "link", "slice", "download", "break-off"}
    assert {name for name in found if f"`{name}`" not in TEXT} == set()
