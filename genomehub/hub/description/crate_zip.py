"""An RO-Crate as one file: its metadata, a page to read them on, and the workflow if the crate has one."""

import io
import json
import zipfile
from datetime import datetime
from typing import Any

import jinja2

from genomehub.files import workflow_directory
from genomehub.hub.description.crate import METADATA, WORKFLOW
from genomehub.hub.description.exports import as_text

PREVIEW = "ro-crate-preview.html"


def to_zip(crate: dict[str, Any], modified: datetime) -> bytes:
    """Return a crate as a zip archive; of the same crate and time, the same bytes.

    Parameters
    ----------
    crate : what ``to_crate`` made
    modified : the time that its files are of
    """
    files = {METADATA: as_text(crate).encode(), PREVIEW: preview(crate).encode()}
    if any(one["@id"] == WORKFLOW for one in crate["@graph"]):
        folder = workflow_directory()
        for path in sorted(folder.rglob("*")):
            within = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") for part in within.parts):
                files[f"{WORKFLOW}{within.as_posix()}"] = path.read_bytes()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, max(modified.timetuple()[:6], (1980, 1, 1, 0, 0, 0)))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, data)
    return content.getvalue()


def preview(crate: dict[str, Any]) -> str:
    """Return the page that tells people everything a crate says; it needs no other file and no script."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("genomehub.hub.description"),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    entities = {one["@id"]: one for one in crate["@graph"]}
    names = {id: str(one.get("name", id)) for id, one in entities.items()}
    anchors = {id: f"entity-{number}" for number, id in enumerate(entities)}
    # No end of the script within it, whatever a text says.
    text = json.dumps(crate, ensure_ascii=False).replace("<", "\\u003c")
    page = environment.get_template(PREVIEW)
    return page.render(entities=entities, names=names, anchors=anchors, metadata=METADATA, text=text)
