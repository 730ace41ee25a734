"""The hub as an object: what it holds, and what one may ask of it."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genomehub.errors import ConfigError, InputError, NotFoundError
from genomehub.hub.client import files, regions
from genomehub.hub.client.files import File, Progress
from genomehub.hub.client.login import find_token
from genomehub.hub.client.regions import Region, Slice
from genomehub.hub.client.transport import Transport

if TYPE_CHECKING:
    import pandas as pd

URL_VARIABLE = "GENOMEHUB_HUB_URL"
_PAGE = 100


def text_of(texts: Any, language: str) -> str:
    """Return a text in a language, else in English, else in any.

    >>> text_of({"en": "Genomes", "fr": "Génomes"}, "fr"), text_of({"de": "Genome"}, "fr")
    ('Génomes', 'Genome')
    """
    if isinstance(texts, dict):
        return str(texts.get(language) or texts.get("en") or next(iter(texts.values()), ""))
    return str(texts or "")


@dataclasses.dataclass(frozen=True)
class Found:
    """A data set of a search.

    document : as the hub answers, with more than stands here
    """

    id: str
    title: str
    document: dict[str, Any]


class Search:
    """What a search finds, fetched page by page while it is gone through.

    ``total`` : how many data sets; ``facets`` : values to choose further by, with their numbers
    """

    def __init__(self, hub: "Hub", parameters: dict[str, Any]) -> None:
        self._hub, self._parameters = hub, parameters
        self._first = self._page(0)
        self.total: int = self._first["total"]
        self.facets: dict[str, dict[str, int]] = {
            facet["name"]: {value["value"]: value["count"] for value in facet["values"]}
            for facet in self._first["facets"]
        }

    def _page(self, offset: int) -> Any:
        asked = {**self._parameters, "offset": offset}
        return self._hub.transport.json("GET", "/api/search", params=asked)

    def pages(self) -> Iterator[list[Found]]:
        """Yield page after page."""
        page, offset = self._first, 0
        while page["datasets"]:
            yield [
                Found(one["uuid"], text_of(one["title"], self._hub.language), one) for one in page["datasets"]
            ]
            offset += len(page["datasets"])
            if offset >= page["total"]:
                return
            page = self._page(offset)

    def __iter__(self) -> Iterator[Found]:
        for page in self.pages():
            yield from page

    def __len__(self) -> int:
        return self.total

    def frame(self) -> "pd.DataFrame":
        """Return all of it as a pandas frame, a row for each data set."""
        import pandas as pd

        return pd.DataFrame([{**found.document, "title": found.title} for found in self])


class Dataset:
    """A data set: its description, its files, regions of its reads and variants."""

    def __init__(self, hub: "Hub", document: dict[str, Any]) -> None:
        self._hub, self.document = hub, document
        self.id: str = document["uuid"]
        self.title = text_of(document["description"].get("title"), hub.language)

    def __repr__(self) -> str:
        return f"<Dataset {self.id} {self.title!r}>"

    @property
    def version(self) -> str:
        """Identifier of its newest version, by which DRS knows it; raises NotFoundError if there is none."""
        entry = self.document.get("entry")
        if not entry:
            raise NotFoundError(f"{self.id}: has a description, and no data yet.")
        return str(entry)

    @property
    def files(self) -> list[File]:
        """Its files, of the newest version."""
        return files.get_files(self._hub.transport, self.version)

    def file(self, name: str) -> File:
        """Return the file of a name."""
        found = self.files
        for one in found:
            if one.name == name or one.id == name:
                return one
        names = ", ".join(one.name for one in found)
        raise NotFoundError(f"{name!r}: {self.id} has no file of this name. It has: {names}.")

    def reads(self, region: str | Region | None = None, to: str | Path | None = None) -> Slice:
        """Fetch its reads of a region."""
        return self._hub.reads(self.id, region, to)

    def variants(self, region: str | Region | None = None, to: str | Path | None = None) -> Slice:
        """Fetch its variants of a region."""
        return self._hub.variants(self.id, region, to)


class Hub:
    """A hub at an address.

    Parameters
    ----------
    url : of the hub; by default $GENOMEHUB_HUB_URL
    token : by default $GENOMEHUB_HUB_TOKEN, else what ``genomehub hub login`` stored for this address
    language : of titles
    """

    def __init__(self, url: str | None = None, token: str | None = None, *, language: str = "en") -> None:
        url = url or os.environ.get(URL_VARIABLE)
        if not url:
            raise ConfigError(f"which hub? Give its address, or set ${URL_VARIABLE}.")
        self.transport, self.language = Transport(url, token or find_token(url)), language
        self.url = self.transport.url

    def __enter__(self) -> "Hub":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()

    def account(self) -> dict[str, Any]:
        """Return who one is here: uuid, name, roles."""
        account: dict[str, Any] = self.transport.json("GET", "/api/account")
        return account

    def search(
        self, text: str = "", *, sort: str | None = None, page: int = _PAGE, **facets: str | Sequence[str]
    ) -> Search:
        """Find data sets by words and facets; those of the answer's ``facets`` may be chosen.

        >>> hub.search("exome", assay=["WES"], access="NON_PUBLIC").total  # doctest: +SKIP
        """
        asked = {"q": text, "sort": sort, "limit": page, **facets}
        return Search(self, {name: value for name, value in asked.items() if value not in (None, "")})

    def dataset(self, identifier: str) -> Dataset:
        """Return a data set by its identifier."""
        document = self.transport.json("GET", f"/api/datasets/{identifier}")
        if not isinstance(document, dict) or not {"uuid", "description"} <= document.keys():
            raise InputError(f"{self.url}/api/datasets/{identifier}: the answer is no data set.")
        return Dataset(self, document)

    def download(
        self, file: File | str, to: str | Path | None = None, progress: Progress | None = None
    ) -> Path:
        """Fetch a file or folder, go on where it was cut off, and check it; return where it is."""
        identifier = file.id if isinstance(file, File) else file
        return files.download(self.transport, identifier, to, progress)

    def reads(
        self, what: File | str, region: str | Region | None = None, to: str | Path | None = None
    ) -> Slice:
        """Fetch reads of a region of a file, or of a data set by its identifier."""
        return self._slice("reads", what, region, to)

    def variants(
        self, what: File | str, region: str | Region | None = None, to: str | Path | None = None
    ) -> Slice:
        """Fetch variants of a region of a file, or of a data set by its identifier."""
        return self._slice("variants", what, region, to)

    def _slice(
        self, kind: str, what: File | str, region: str | Region | None, to: str | Path | None
    ) -> Slice:
        url = getattr(what, kind) if isinstance(what, File) else f"/htsget/{kind}/{what}"
        if url is None:
            raise InputError(f"{what.name}: has no {kind} to slice; fetch it whole.")  # type: ignore[union-attr]
        asked = Region.parse(region) if isinstance(region, str) else region
        return regions.fetch(self.transport, url, asked, to)

    def studies(self) -> list[dict[str, Any]]:
        """Return one's studies, the newest first."""
        studies: list[dict[str, Any]] = self.transport.json("GET", "/api/studies")["studies"]
        return studies

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests of one's studies: what was asked, and how far it is."""
        requests: list[dict[str, Any]] = self.transport.json("GET", "/api/requests")["requests"]
        return requests

    def request(
        self,
        datasets: Sequence[str],
        *,
        study: str,
        purpose: str,
        duo: Sequence[str] = (),
        days: int = 365,
        people: Sequence[str] = (),
        submit: bool = True,
    ) -> dict[str, Any]:
        """Ask for data sets on behalf of a study, and hand the request to their stewards.

        Parameters
        ----------
        study : identifier of one's study, or its title; a study of a new title is made
        purpose : in words, for the steward and the public register
        duo : codes of the purpose, such as "DUO:0000006"
        people : identifiers of members who will use the data; by default oneself
        submit : False leaves a draft
        """
        asked = {
            "purpose": purpose, "duo": list(duo), "datasets": list(datasets),
            "people": list(people) or [self.account()["uuid"]],
            "until": (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds"),
        }  # fmt: skip
        path = f"/api/studies/{self._study(study)}/requests"
        request: dict[str, Any] = self.transport.json("POST", path, json=asked)
        if submit:
            request = self.transport.json("POST", f"/api/requests/{request['uuid']}/submit")
        return request

    def _study(self, study: str) -> str:
        mine = self.studies()
        found = [one["uuid"] for one in mine if study in (one["uuid"], one["title"])]
        if len(found) > 1:
            raise InputError(
                f"{study!r}: {len(found)} of your studies are called like this. Give the identifier."
            )
        if found:
            return str(found[0])
        return str(self.transport.json("POST", "/api/studies", json={"title": study})["uuid"])
