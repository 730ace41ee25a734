"""How each route is asked so that it may do what it is for; for the access matrix and for schemathesis.

CALLS             by route, such as "GET /api/datasets/{uuid} [open-door]": the bracket tells cases apart
fill(value, given)    puts identifiers in the place of their names
"""

import dataclasses
import re

from builders.descriptions import trio
from builders.uploads import OCTETS, TUS, metadata

from genomehub.hub.description.rdf import to_graph, to_turtle

UNTIL = "2027-09-01T00:00:00Z"


@dataclasses.dataclass(frozen=True)
class Call:
    """How a route is asked: values in braces are names of what ``populate`` made, others stand as is."""

    path: dict[str, str] = dataclasses.field(default_factory=dict)
    json: object = None
    form: dict[str, object] | None = None
    query: dict[str, str] | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    content: str | None = None

    @property
    def body(self) -> object:
        """What is sent, None for nothing."""
        return next((one for one in (self.json, self.form, self.content) if one is not None), None)

    @property
    def media_type(self) -> str:
        """What it is."""
        if self.form is not None:
            return "application/x-www-form-urlencoded"
        return self.headers.get("Content-Type", "application/json")


def _about(name: str, json: object = None, **more: str) -> Call:
    return Call({"uuid": f"{{{name}}}", **more}, json)


def _form(name: str, form: dict[str, object], **more: str) -> Call:
    return Call({"uuid": f"{{{name}}}", **more}, form=form)


_REQUEST = {
    "purpose": "To learn", "duo": ["DUO:0000006"], "datasets": ["{side-door}"], "people": ["{member}"],
    "until": UNTIL,
}  # fmt: skip
_DATASETS = ("open-door", "back-room", "nothing")
CALLS: dict[str, Call] = {
    "POST /auth/token": Call(form={"token": "{researcher's token}"}),
    "POST /api/account/tokens": Call(json={"label": "mine"}),
    "DELETE /api/account/tokens/{number}": Call({"number": "{token}"}),
    "POST /api/account/invitations/{uuid}/accept": _about("invitation"),
    **{f"GET /probe/{{uuid}} [{name}]": _about(name) for name in _DATASETS},
    **{f"GET /api/datasets/{{uuid}}/access [{name}]": _about(name) for name in _DATASETS},
    **{f"GET /api/datasets/{{uuid}}/terms [{name}]": _about(name) for name in _DATASETS},
    **{f"PUT /api/datasets/{{uuid}}/terms [{name}]": _about(name, {"months": 12}) for name in _DATASETS},
    "POST /api/studies": Call(json={"title": "Mine"}),
    "GET /api/studies/{uuid}": _about("study"),
    "PUT /api/studies/{uuid}": _about("study", {"title": "Other"}),
    "POST /api/studies/{uuid}/invitations": _about("study", {"email": "new@hub.test"}),
    "DELETE /api/studies/{uuid}/members/{member}": _about("study", member="{colleague}"),
    "POST /api/studies/{uuid}/members/{member}/lead": _about("study", member="{colleague}"),
    "GET /api/studies/{uuid}/accesses": _about("study"),
    "POST /api/studies/{uuid}/requests": _about("study", _REQUEST),
    "POST /api/permits/{uuid}/people": _about("permit", {"person": "{colleague}"}),
    "GET /api/permits/{uuid}": _about("permit"),
    "DELETE /api/permits/{uuid}/people/{person}": _about("permit", person="{member}"),
    "POST /api/permits/{uuid}/extend": _about("permit", {"ends": UNTIL}),
    "POST /api/permits/{uuid}/withdraw": _about("permit", {"reason": "Enough"}),
    "PUT /api/account/notices": Call(json={"wanted": True, "language": "fr"}),
    "GET /api/permits/{uuid}/extensions": _about("permit"),
    "POST /api/permits/{uuid}/extensions": _about("permit", {"until": UNTIL, "reason": "It goes on"}),
    "POST /api/extensions/{uuid}/decision": _about("extension", {"granted": True, "reason": "Good"}),
    "POST /api/extensions/{uuid}/cancel": _about("extension"),
    "POST /api/people": Call(json={"name": "Ada", "email": "ada@hub.test"}),
    "GET /api/people/{uuid}": _about("colleague"),
    "POST /api/people/{uuid}/roles": _about("colleague", {"role": "holder", "project": "genomes"}),
    "DELETE /api/people/{uuid}/roles/{role}": _about("colleague", role="researcher"),
    "POST /api/people/{uuid}/disable": _about("colleague"),
    "POST /api/people/{uuid}/enable": _about("colleague"),
}
for _state in ("draft", "submitted"):
    CALLS |= {
        f"GET /api/requests/{{uuid}} [{_state}]": _about(_state),
        f"GET /api/requests/{{uuid}}/match [{_state}]": _about(_state),
        f"PUT /api/requests/{{uuid}} [{_state}]": _about(_state, _REQUEST),
        f"POST /api/requests/{{uuid}}/submit [{_state}]": _about(_state),
        f"POST /api/requests/{{uuid}}/cancel [{_state}]": _about(_state),
        f"POST /api/requests/{{uuid}}/return [{_state}]": _about(_state, {"question": "Who pays?"}),
        f"POST /api/requests/{{uuid}}/decision [{_state}]": _about(
            _state, {"granted": True, "reason": "Good"}
        ),
    }

#: Pages: forms in place of documents.
_ASKED = {
    "dataset": "{side-door}", "study": "{study}", "purpose": "To learn how it begins",
    "duo": "DUO:0000006", "people_of": "{study}", "person": "{member}", "until": UNTIL[:10],
}  # fmt: skip
_WORDS = {"decision": "granted", "words": "The purpose fits."}
CALLS |= {
    "GET /static/{digest}/{name:path}": Call({"digest": "0", "name:path": "hub.css"}),
    "POST /login": Call(form={"token": "{researcher's token}"}),
    "POST /account/tokens": Call(form={"label": "mine", "days": "30"}),
    "POST /account/tokens/{number}/revoke": Call({"number": "{token}"}),
    **{f"GET /datasets/{{uuid}} [{name}]": _about(name) for name in _DATASETS},
    "POST /studies": Call(form={"title": "Mine"}),
    "GET /studies/{uuid}": _about("study"),
    "POST /studies/{uuid}/invitations": _form("study", {"email": "new@hub.test"}),
    "POST /studies/{uuid}/members/{member}": _form("study", {"change": "leave"}, member="{colleague}"),
    "POST /invitations/{uuid}/accept": _about("invitation"),
    **{f"GET /requests/new [{name}]": Call(query={"dataset": f"{{{name}}}"}) for name in _DATASETS},
    "POST /requests/new": Call(form=_ASKED),
    "POST /permits/{uuid}/withdraw": _form("permit", {"reason": "Enough"}),
    "GET /permits/{uuid}": _about("permit"),
    "POST /permits/{uuid}/end": _form("permit", {"ends": UNTIL[:10]}),
    "POST /permits/{uuid}/extensions": _form("permit", {"until": UNTIL[:10], "reason": "The trial goes on."}),
    "POST /extensions/{uuid}/decision": _form("extension", {**_WORDS, "ends": UNTIL[:10]}),
    "POST /extensions/{uuid}/cancel": _form("extension", {}),
    "POST /account/notices": Call(form={"notices": "fr"}),
    "GET /people/{uuid}": _about("colleague"),
    "POST /people/{uuid}/roles": _form("colleague", {"role": "auditor", "change": "give"}),
    "POST /people/{uuid}/state": _form("colleague", {"change": "disable"}),
    "POST /describe": Call(form={"name": "Atlas", "project": "genomes"}),
    "POST /datasets/{uuid}/describe [open-door]": _form("open-door", {"title.en": "New", "action": "save"}),
    "POST /datasets/{uuid}/withdraw [open-door]": _form("open-door", {"reason": "an error"}),
    **{f"GET /datasets/{{uuid}}/describe [{name}]": _about(name) for name in _DATASETS},
    **{f"GET /datasets/{{uuid}}/terms [{name}]": _about(name) for name in _DATASETS},
    "POST /datasets/{uuid}/terms [open-door]": _form("open-door", {"duo": "DUO:0000042"}),
    **{f"GET /browser [{name}]": Call(query={"dataset": f"{{{name}}}"}) for name in _DATASETS},
}
for _state in ("draft", "submitted"):
    CALLS |= {
        f"GET /requests/{{uuid}} [{_state}]": _about(_state),
        f"GET /requests/{{uuid}}/change [{_state}]": _about(_state),
        f"POST /requests/{{uuid}}/change [{_state}]": _form(_state, _ASKED),
        f"POST /requests/{{uuid}}/cancel [{_state}]": _about(_state),
        f"POST /requests/{{uuid}}/decision [{_state}]": _form(_state, _WORDS),
    }


# descriptions, and their ingest
_TURTLE = to_turtle(to_graph(trio(), "https://provider.test/trio", for_hdh=True))
CALLS |= {
    "GET /api/vocabularies/{name}": Call({"name": "duo"}),
    "POST /api/validate": Call(json={"title": {"en": "A title"}}),
    "POST /ingest/datasets": Call(content=_TURTLE, headers={"Content-Type": "text/turtle"}),
    "PUT /ingest/datasets/origin": Call(
        content=_TURTLE, headers={"Content-Type": "text/turtle"}, query={"originalId": "never-sent"}
    ),
    "DELETE /ingest/datasets/{id}": Call({"id": "never-sent"}),
}
for _name in _DATASETS:
    CALLS |= {
        f"GET /api/datasets/{{uuid}} [{_name}]": _about(_name),
        f"GET /api/datasets/{{uuid}} [{_name} crate]": Call(
            {"uuid": f"{{{_name}}}"}, query={"format": "rocrate-zip"}
        ),
        f"GET /api/datasets/{{uuid}}/versions [{_name}]": _about(_name),
        f"GET /api/datasets/{{uuid}}/difference [{_name}]": Call(
            {"uuid": f"{{{_name}}}"}, query={"first": "1", "second": "1"}
        ),
        f"GET /datasets/{{uuid}}/changes [{_name}]": Call(
            {"uuid": f"{{{_name}}}"}, query={"first": "1", "second": "1"}
        ),
        f"GET /api/datasets/{{uuid}}/known [{_name}]": _about(_name),
        f"PUT /api/datasets/{{uuid}}/description [{_name}]": _about(_name, {"title": {"en": "Other"}}),
        f"POST /api/datasets/{{uuid}}/publish [{_name}]": _about(_name),
        f"POST /api/datasets/{{uuid}}/withdraw [{_name}]": _about(_name, {"reason": "A mistake"}),
    }

# files
_FORGED = {"Authorization": "Bearer forged"}
CALLS |= {
    "GET /files/{token}/{name}": Call({"token": "forged", "name": "a.bam"}),
    "GET /files/{token}/{name}/{path:path}": Call({"token": "forged", "name": "a.vcz", "path:path": "x"}),
    "POST /ga4gh/drs/v1/objects": Call(json={"bulk_object_ids": ["{open-door file}"]}),
    "OPTIONS /ga4gh/drs/v1/objects": Call(json={"bulk_object_ids": ["{open-door file}"]}),
    "POST /ga4gh/drs/v1/objects/access": Call(
        json={
            "bulk_object_access_ids": [{"bulk_object_id": "{open-door file}", "bulk_access_ids": ["https"]}]
        }
    ),
    "GET /htsget/{datatype}/service-info": Call({"datatype": "reads"}),
    "OPTIONS /htsget/{datatype}/service-info": Call({"datatype": "reads"}),
    "OPTIONS /htsget/{datatype}/{id:path}": Call({"datatype": "reads", "id:path": "{open-door}"}),
    "GET /htsget/data/{key}/{name}": Call({"key": "forged", "name": "bam"}, headers=_FORGED),
    "POST /seqcol/comparison/{digest1}": Call(json={"names": [], "lengths": [], "sequences": []}),
    "GET /seqcol/attribute/collection/{name}/{digest}": Call({"name": "names"}),
}
for _name in _DATASETS:
    _file = {"object_id": f"{{{_name} file}}", "access_id": "https"}
    CALLS |= {
        f"GET /files/{{id}} [{_name}]": Call({"id": f"{{{_name} file}}"}),
        f"GET /files/{{token}}/{{name}}/{{path:path}} [{_name}]": Call(
            {"token": f"{{{_name} file}}", "name": "a.vcz", "path:path": "call_genotype/c/0/0"}
        ),
        f"GET /ga4gh/drs/v1/objects/{{object_id}} [{_name}]": Call(_file),
        f"POST /ga4gh/drs/v1/objects/{{object_id}} [{_name}]": Call(_file, json={}),
        f"OPTIONS /ga4gh/drs/v1/objects/{{object_id}} [{_name}]": Call(_file),
        f"GET /ga4gh/drs/v1/objects/{{object_id}}/access/{{access_id}} [{_name}]": Call(_file),
        f"POST /ga4gh/drs/v1/objects/{{object_id}}/access/{{access_id}} [{_name}]": Call(_file, json={}),
        f"GET /htsget/{{datatype}}/{{id:path}} [{_name}]": Call(
            {"datatype": "reads", "id:path": f"{{{_name}}}"}
        ),
        f"POST /htsget/{{datatype}}/{{id:path}} [{_name}]": Call(
            {"datatype": "variants", "id:path": f"{{{_name}}}"}, json={}
        ),
    }

# uploads
_FILE = {"upload": "{upload}", "file": "{upload file}"}
CALLS |= {
    "GET /api/uploads/{upload}": Call({"upload": "{upload}"}),
    "DELETE /api/uploads/{upload}": Call({"upload": "{upload}"}),
    "POST /api/uploads/{upload}/complete": Call({"upload": "{upload}"}, json={}),
    "PATCH /api/uploads/{upload}/files/{file}": Call(
        _FILE, headers={**OCTETS, "Upload-Offset": "0"}, content="reads"
    ),
    "DELETE /api/uploads/{upload}/files/{file}": Call(_FILE, headers=TUS),
    **{
        f"POST /api/uploads [{name}]": Call(
            headers={
                **TUS, "Upload-Length": "5",
                "Upload-Metadata": metadata(name="b.bam", dataset=name, project="genomes"),
            }
        )
        for name in ("open-door", "back-room", "new")
    },
}  # fmt: skip


def fill(value: object, given: dict[str, str]) -> object:
    """Put identifiers in the place of their names in braces."""
    if isinstance(value, dict):
        return {key: fill(part, given) for key, part in value.items()}
    if isinstance(value, list):
        return [fill(part, given) for part in value]
    if isinstance(value, str) and (name := re.fullmatch(r"\{(.+)\}", value)):
        return given[name[1]]
    return value
