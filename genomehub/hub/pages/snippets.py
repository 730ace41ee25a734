"""What a reader copies from the page of a data set: calls from Python, R and a shell, and a citation."""

from typing import NamedTuple

from genomehub.hub.pages.reading import DatasetView
from genomehub.hub.pages.rendering import Reader


class Snippet(NamedTuple):
    """A few lines of code."""

    language: str
    code: str


def snippets(hub: str, uuid: str) -> list[Snippet]:
    """Return how programs read the description and, with a token in $GENOMEHUB_HUB_TOKEN, see the files."""
    return [
        Snippet(
            "Python",
            "from genomehub.hub.client import Hub\n\n"
            f'with Hub("{hub}") as hub:\n'
            f'    dataset = hub.dataset("{uuid}")\n'
            "    print(dataset.title, [file.name for file in dataset.files])",
        ),
        Snippet(
            "R",
            "library(genomehub)\n\n"
            f'one <- hub("{hub}")\n'
            f'hub_dataset(one, "{uuid}")$document$title\n'
            f'hub_files(one, "{uuid}")',
        ),
        Snippet("Shell", f"genomehub hub files {uuid} --hub {hub}"),
        Snippet(
            "curl", f'curl -H "Authorization: Bearer $GENOMEHUB_HUB_TOKEN" \\\n  {hub}/api/datasets/{uuid}'
        ),
    ]


def citation(reader: Reader, view: DatasetView) -> str:
    """Return how to cite a data set: as its holder says, else in the usual order."""
    document = view.document
    if document.citation:
        return reader.text(document.citation)
    holder = document.creators[0] if document.creators else document.holder or document.publisher
    name = reader.text(holder.name) if holder else reader.organisation
    year = (document.issued or view.changed_at).year
    return (
        f"{name} ({year}). {reader.text(document.title)} (version {view.version}). {reader.site}. "
        f"{reader.public_url}/datasets/{view.uuid}"
    )
