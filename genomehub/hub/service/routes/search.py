"""Finding data sets: words and facets."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints

from genomehub.errors import InputError
from genomehub.hub.discovery.question import Question, Sort
from genomehub.hub.discovery.search import Answer, find
from genomehub.hub.service.dependencies import BoundsDependency, HubDependency, PrincipalDependency

router = APIRouter(tags=["catalogue"])

Choice = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Choices = Annotated[list[Choice], Query(default_factory=list, max_length=50)]
Text = dict[str, str]


class DatasetHit(BaseModel):
    """A data set of the list; texts are by language."""

    uuid: str
    state: Literal["draft", "published", "withdrawn"] = Field(
        description="others than published only for who holds or decides, or has a permit"
    )
    title: Text
    summary: Text = Field(description="beginning of the description")
    holder: Text
    access: str
    duo: list[str] = Field(description="Data Use Ontology: what the data may be used for")
    assays: list[str]
    reference: str | None = Field(description="genome build")
    individuals: int | None = Field(description="null if unknown, or too few to be shown")
    size: str = Field(description="class of the number of individuals")
    kinds: list[str] = Field(description="kinds of files")
    date: date


class FacetValue(BaseModel):
    """A value of a facet."""

    value: str
    label: Text = Field(description="how it reads by language; empty where the value speaks for itself")
    count: int = Field(description="of data sets, under the choices made in the other facets")
    chosen: bool


class FacetCounts(BaseModel):
    """A facet with its values."""

    name: str
    values: list[FacetValue]
    more: int = Field(description="further values that are not listed")


class SearchAnswer(BaseModel):
    """A page of the data sets found."""

    total: int
    limit: int
    offset: int
    sort: Sort
    datasets: list[DatasetHit]
    facets: list[FacetCounts]
    suggestion: str | None = Field(description="a question with other words that would find something")


class Chosen:
    """Values chosen in facets; several in one are alternatives."""

    def __init__(
        self,
        category: Choices,
        assay: Choices,
        reference: Choices,
        size: Choices,
        access: Choices,
        duo: Choices,
        year: Choices,
        keyword: Choices,
        holder: Choices,
        kind: Choices,
        language: Choices,
        state: Choices,
    ) -> None:
        self.by_facet = {name: tuple(values) for name, values in locals().items() if name != "self"}


def question(
    hub: HubDependency,
    bounds: BoundsDependency,
    chosen: Annotated[Chosen, Depends()],
    q: Annotated[str, Query(max_length=300, description='words, and "phrases in quotes"')] = "",
    since: Annotated[date | None, Query(description="of the description's date, included")] = None,
    until: Annotated[date | None, Query(description="included")] = None,
    sort: Sort = "relevance",
    lang: Annotated[Literal["en", "fr"] | None, Query(description="of titles, for their order")] = None,
    values: Annotated[int, Query(ge=0, le=200, description="listed of each facet, and the chosen ones")] = 20,
) -> Question:
    """Return what is asked."""
    if since is not None and until is not None and since > until:
        raise InputError(f"since: {since} is after until, {until}. Exchange them.")
    return Question(
        q, chosen.by_facet, since, until, sort, lang or hub.settings.default_language, bounds.limit,
        bounds.offset, values,
    )  # fmt: skip


@router.get("/api/search")
def search(
    hub: HubDependency, principal: PrincipalDependency, asked: Annotated[Question, Depends(question)]
) -> SearchAnswer:
    """Find data sets by words and facets; without any, all that may be seen, the newest first.

    All words must occur (a word of the title weighs most, then keywords, then the rest), accents and case do
    not matter, the last word may be unfinished. Counts of a facet are under the choices in the others.
    """
    with hub.database.read() as session:
        answer = find(session, principal, hub.clock(), asked)
    return _model(asked, answer)


def _model(asked: Question, answer: Answer) -> SearchAnswer:
    hits: list[Any] = [{"uuid": one.uuid, "state": one.state, **one.card} for one in answer.datasets]
    facets = [
        FacetCounts(
            name=facet.name,
            values=[
                FacetValue(value=one.value, label=one.label, count=one.n, chosen=one.chosen)
                for one in facet.values
            ],
            more=facet.more,
        )
        for facet in answer.facets
    ]
    return SearchAnswer(
        total=answer.total, limit=asked.limit, offset=asked.offset, sort=asked.sort, datasets=hits,
        facets=facets, suggestion=answer.suggestion,
    )  # fmt: skip
