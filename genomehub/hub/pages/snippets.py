"""What a reader copies from the page of a data set: calls from Python, R and a shell, and a citation."""

from typing import NamedTuple

from genomehub.hub.pages.reading import DatasetView
from genomehub.hub.pages.rendering import Reader


class Snippet(NamedTuple):
    """A few lines of code."""

    language: str
    code: str


def snippets(hub: str, uuid: str) -> list[Snippet]:
    """Return how programs read the description and, with a token, see the files."""
    url = f"{hub}/api/datasets/{uuid}"
    return [
        Snippet(
            "Python",
            "import os\n"
            "import httpx\n\n"
            'token = {"Authorization": f"Bearer {os.environ[\'GENOMEHUB_TOKEN\']}"}\n'
            f'answer = httpx.get("{url}", headers=token)\n'
            "dataset = answer.raise_for_status().json()",
        ),
        Snippet(
            "R",
            "library(httr2)\n\n"
            f'dataset <- request("{url}") |>\n'
            '  req_auth_bearer_token(Sys.getenv("GENOMEHUB_TOKEN")) |>\n'
            "  req_perform() |>\n"
            "  resp_body_json()",
        ),
        Snippet("curl", f'curl -H "Authorization: Bearer $GENOMEHUB_TOKEN" \\\n  {url}'),
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
