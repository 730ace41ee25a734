"""A data set as an RO-Crate 1.1: what it is, its files as the hub gives them out, and how they were made.

What it conforms to follows what is known: made by our workflow in the version that is installed here, it is a
Workflow Run Crate 0.5 and carries the workflow; made by software that is known, a Process Run Crate 0.5; else
a plain crate. The files themselves stay behind the hub's door: the crate says where each is asked for.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import genomehub
from genomehub.files import workflow_directory
from genomehub.hub.delivery import objects
from genomehub.hub.description.document import DatasetDescription, in_language
from genomehub.hub.description.exports import download_of, media_type_of, to_schema_org
from genomehub.hub.description.known import NAMES
from genomehub.hub.description.mapping import KINDS
from genomehub.hub.description.origin import Item, Origin
from genomehub.hub.description.room import View
from genomehub.hub.description.terms import FORMATS
from genomehub.hub.description.vocabularies import vocabulary
from genomehub.hub.sources import PACKAGES

METADATA = "ro-crate-metadata.json"
WORKFLOW = "workflow/"
_RO_CRATE = "https://w3id.org/ro/crate/1.1"
_PROCESS = ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate")
_RUN = ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate")
_OF_WORKFLOW = ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate")
_BIOSCHEMAS = ("https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE", "ComputationalWorkflow")
_SOURCE = "https://github.com/genomehub/genomehub"
_SNAKEMAKE = {
    "@type": "ComputerLanguage", "name": "Snakemake", "url": "https://snakemake.readthedocs.io",
    "identifier": "https://doi.org/10.12688/f1000research.29032",
}  # fmt: skip
_HOMES = {"python": "https://www.python.org/"}
_ACCESS = {
    "PUBLIC": "Open to everybody; no licence is named.",
    "RESTRICTED": "Access under conditions, to be asked for on the data set's page.",
    "NON_PUBLIC": "Access by permit, to be asked for on the data set's page.",
}

Entity = dict[str, Any]
Reference = dict[str, str]


class _Graph:
    """The entities of a crate, flat, each once: those that say the same are one."""

    def __init__(self) -> None:
        self._entities: dict[str, Entity] = {}
        self._known: dict[str, Reference] = {}

    def add(self, entity: Entity, id: str | None = None) -> Reference:
        """Add an entity, and those within it as entities of their own; return how to refer to it.

        id : wanted; if another entity has it, or none is wanted, it gets one within the crate
        """
        flat = {name: one for name, value in entity.items() if (one := self._flat(value)) not in (None, "")}
        key = json.dumps([id, flat], sort_keys=True)
        if key not in self._known:
            if id is None or id in self._entities:
                id = f"#{str(flat['@type']).lower()}-{len(self._entities)}"
            self._entities[id] = {"@id": id, **flat}
            self._known[key] = {"@id": id}
        return self._known[key]

    def _flat(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            flat = [self._flat(one) for one in value]
            return (flat or [None])[0] if len(flat) < 2 else flat
        if isinstance(value, dict) and value.keys() != {"@id"}:
            return self.add(value, value.get("url"))
        return value

    def __iter__(self) -> Iterator[Entity]:
        return iter(self._entities.values())


def to_crate(view: View, origin: Origin | None, hub: str, catalogue: str) -> dict[str, Any]:
    """Return the content of ``ro-crate-metadata.json``.

    Parameters
    ----------
    view, origin : a data set, and where its data came from, as the reader may see them
    hub : its address; catalogue : its name
    """
    graph = _Graph()
    root = _root(graph, view, catalogue)
    profiles: list[tuple[str, str]] = []
    if origin is None:
        _elsewhere(graph, root, view.document)
    else:
        files = [_file(graph, item, origin, hub) for item in origin.files]
        root["hasPart"] += files
        reference = _reference(graph, origin)
        root["mentions"] += reference
        if origin.settings is not None:
            profiles = [_PROCESS, _RUN, _OF_WORKFLOW]
            workflow = _workflow(graph, origin)
            root["mainEntity"] = workflow
            root["hasPart"].append(_folder(graph, workflow))
            root["mentions"].append(_action(graph, origin, [workflow], reference, files))
        elif origin.software:
            profiles = [_PROCESS]
            root["mentions"].append(_action(graph, origin, _makers(graph, origin), reference, files))
    root["conformsTo"] = [_profile(graph, *one) for one in profiles]
    graph.add(root, "./")
    conforms: Any = {"@id": _RO_CRATE}
    if _OF_WORKFLOW in profiles:
        conforms = [conforms, {"@id": _OF_WORKFLOW[0]}]
    descriptor = {
        "@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": conforms,
    }  # fmt: skip
    return {
        # The one term that RO-Crate's own context lacks.
        "@context": [f"{_RO_CRATE}/context", {"sha256": "http://schema.org/sha256"}],
        "@graph": [descriptor, *sorted(graph, key=lambda one: one["@id"] != "./")],
    }


# ------------------------------------------------------------------------------------------ the data set


def _root(graph: _Graph, view: View, catalogue: str) -> Entity:
    document = view.document
    root = to_schema_org(document, view.subject, view.page, catalogue)
    for name in ("@context", "@id", "http://purl.org/dc/terms/conformsTo", "creditText", "distribution"):
        root.pop(name, None)
    for agent in (root.get("publisher"), root.get("maintainer"), *root.get("creator", ())):
        (agent or {}).pop("email", None)  # an address of work may be a person's own
    root["author"] = root.pop("creator", None) or root.get("publisher")
    root.setdefault("datePublished", view.modified.date().isoformat())
    root["license"] = _licence(graph, document, view.page)
    root["usageInfo"] = [
        graph.add({"@type": "DefinedTerm", "name": _use(address)}, address)
        for address in root.get("usageInfo", ())
    ]
    root["hasPart"], root["mentions"] = [], []
    return root


def _elsewhere(graph: _Graph, root: Entity, document: DatasetDescription) -> None:
    """Add the forms of data that the hub only describes: files where a link leads to them, else mentioned."""
    for form in document.distributions:
        said = download_of(form)
        said["encodingFormat"] = [media_type_of(form), *_format(graph, form.format or "")]
        if form.download_url is not None:
            root["hasPart"].append(graph.add(said | {"@type": "File"}, form.download_url))
        else:
            root["mentions"].append(graph.add(said))


def _licence(graph: _Graph, document: DatasetDescription, page: str) -> Reference:
    if document.license is not None:
        return graph.add({"@type": "CreativeWork", "name": document.license}, document.license)
    access = _ACCESS[document.access_rights]
    said = in_language(document.conditions, "en")
    return graph.add(
        {
            "@type": "CreativeWork",
            "name": access,
            "description": f"{access} {said}".strip(),
            "url": page,
        },
        "#access",
    )


def _use(address: str) -> str:
    concept = vocabulary("duo").find(address)
    return concept.label["en"] if concept else address.rpartition("/")[2]


# -------------------------------------------------------------------------------------------------- files


def _file(graph: _Graph, item: Item, origin: Origin, hub: str) -> Reference:
    """Add a file under the address where its bytes are asked for, a folder where its files are listed."""
    address = f"{hub}/ga4gh/drs/v1/objects/{item.id}" if item.folder else f"{hub}/files/{item.id}"
    entity = _described(graph, item) | {
        "identifier": objects.uri_of(hub, item.id),
        "sdDatePublished": origin.registered_at.isoformat(timespec="seconds"),
    }
    if origin.settings is not None:
        entity["exampleOfWork"] = {"@id": _parameter("out", item)}
    return graph.add(entity, address)


def _described(graph: _Graph, item: Item) -> Entity:
    media_types = [] if item.folder else [objects.media_type_of(item.kind)]
    return {
        "@type": _type(item),
        "name": NAMES.get(item.kind, {"en": item.kind})["en"],
        "encodingFormat": [*media_types, *_format(graph, item.kind)],
        "contentSize": None if item.size_bytes is None else str(item.size_bytes),
        "sha256": item.sha256,
    }


def _type(item: Item) -> str:
    return "Dataset" if item.folder else "File"


def _format(graph: _Graph, kind: str) -> list[Reference]:
    """Add the format of a kind of file, if EDAM has it."""
    edam = KINDS.get(kind, (None, None))[1]
    return [] if edam is None else [graph.add({"@type": "WebSite", "name": f"EDAM {edam}"}, FORMATS + edam)]


# ---------------------------------------------------------------------------------------------- the run


def _reference(graph: _Graph, origin: Origin) -> list[Reference]:
    """Add the reference genome, named by the digest of its sequences; none if it is not known."""
    if origin.reference is None:
        return []
    entity: Entity = {
        "@type": "Dataset",
        "name": origin.reference.name or "Reference genome",
        "description": "Reference genome; its identifier is the GA4GH digest of the sequence collection.",
        "identifier": origin.reference.digest,
    }
    if origin.settings is not None:
        entity["exampleOfWork"] = {"@id": "#parameter-reference"}
    return [graph.add(entity, "#reference")]


def _action(
    graph: _Graph,
    origin: Origin,
    instruments: list[Reference],
    reference: list[Reference],
    files: list[Reference],
) -> Reference:
    workflow = origin.settings is not None
    made_with = ", ".join(f"{name} {version}" for name, version in sorted(origin.software.items()))
    entity = {
        "@type": "CreateAction",
        "name": "Run of the workflow of genomehub" if workflow else "Making of the data",
        "description": f"Made with {made_with}.",
        "instrument": instruments,
        "object": [*_inputs(graph, origin), *reference, *_settings(graph, origin)],
        "result": files,
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    if workflow:  # it registers what it made as its last step
        entity["endTime"] = origin.registered_at.isoformat(timespec="seconds")
    return graph.add(entity, f"#run-{origin.run[:12]}")


def _inputs(graph: _Graph, origin: Origin) -> list[Reference]:
    parent = {"@type": "CreativeWork", "name": "Another data set of this hub"}
    made = [graph.add(parent, address) for address in origin.parents]
    for number, item in enumerate(origin.inputs, 1):
        entity = _described(graph, item)
        if origin.settings is not None:
            entity["exampleOfWork"] = {"@id": _parameter("in", item)}
        made.append(graph.add(entity, f"#input-{number}"))
    return made


def _settings(graph: _Graph, origin: Origin) -> list[Reference]:
    return [
        graph.add(
            {
                "@type": "PropertyValue",
                "name": one.name,
                "value": one.value,
                "exampleOfWork": {"@id": f"#parameter-setting-{one.name}"},
            },
            f"#setting-{one.name}",
        )
        for one in origin.settings or ()
    ]


def _makers(graph: _Graph, origin: Origin) -> list[Reference]:
    """Add what made the data: the engine with what it stands on, else every program that was named."""
    programs = {name: _program(graph, name, version) for name, version in sorted(origin.software.items())}
    if "genomehub" not in programs:
        return list(programs.values())
    del programs["genomehub"]
    return [
        graph.add(
            {
                "@type": "SoftwareApplication",
                "name": "genomehub",
                "url": _SOURCE,
                "softwareVersion": origin.software["genomehub"],
                "softwareRequirements": list(programs.values()),
            },
            _SOURCE,
        )
    ]


def _program(graph: _Graph, name: str, version: str) -> Reference:
    address = _HOMES.get(name)
    if name in PACKAGES:
        address = f"https://pypi.org/project/{name}/{quote(version, safe='')}/"
    entity = {"@type": "SoftwareApplication", "name": name, "softwareVersion": version, "url": address}
    return graph.add(entity, address)


# ------------------------------------------------------------------------------------------- the workflow


def _workflow(graph: _Graph, origin: Origin) -> Reference:
    programs = {name: version for name, version in sorted(origin.software.items()) if name != "genomehub"}
    entity = {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": "genomehub: reads to a catalogued genome",
        "url": _SOURCE,
        "version": genomehub.__version__,
        "encodingFormat": "text/plain",
        "contentSize": str((workflow_directory() / "Snakefile").stat().st_size),
        "license": {"@id": "https://spdx.org/licenses/MIT"},
        "conformsTo": _profile(graph, *_BIOSCHEMAS),
        "programmingLanguage": graph.add(_SNAKEMAKE, f"{_OF_WORKFLOW[0].rpartition('/')[0]}#snakemake"),
        "softwareRequirements": [_program(graph, name, version) for name, version in programs.items()],
        "input": _parameters(graph, origin),
        "output": [_formal(graph, "out", item) for item in _each_kind(origin.files)],
    }
    return graph.add(entity, f"{WORKFLOW}Snakefile")


def _folder(graph: _Graph, workflow: Reference) -> Reference:
    entity = {
        "@type": "Dataset",
        "name": "The workflow",
        "description": "Rules, schemas, environments and profiles for Snakemake.",
        "hasPart": workflow,
    }
    return graph.add(entity, WORKFLOW)


def _parameters(graph: _Graph, origin: Origin) -> list[Reference]:
    made = [_formal(graph, "in", item) for item in _each_kind(origin.inputs)]
    if origin.reference is not None:
        about = {"@type": "FormalParameter", "name": "reference", "additionalType": "Dataset"}
        made.append(graph.add(about, "#parameter-reference"))
    for one in origin.settings or ():
        entity = {
            "@type": "FormalParameter",
            "name": one.name,
            "description": one.description,
            "additionalType": "Boolean" if isinstance(one.value, bool) else "Text",
        }
        made.append(graph.add(entity, f"#parameter-setting-{one.name}"))
    return made


def _formal(graph: _Graph, way: str, item: Item) -> Reference:
    entity = {"@type": "FormalParameter", "name": item.kind, "additionalType": _type(item)}
    return graph.add(entity, _parameter(way, item))


def _parameter(way: str, item: Item) -> str:
    return f"#parameter-{way}-{quote(item.kind, safe='')}{'-folder' if item.folder else ''}"


def _each_kind(items: tuple[Item, ...]) -> list[Item]:
    return list({(one.kind, one.folder): one for one in items}.values())


def _profile(graph: _Graph, address: str, name: str) -> Reference:
    version = address.rpartition("/")[2]
    return graph.add({"@type": "CreativeWork", "name": name, "version": version}, address)
