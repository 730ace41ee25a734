"""Names of the standards' terms, and the prefixes under which Turtle shows them."""

from rdflib import Graph, Namespace

ADMS = Namespace("http://www.w3.org/ns/adms#")
CSVW = Namespace("http://www.w3.org/ns/csvw#")
CV = Namespace("http://data.europa.eu/m8g/")
DCAT = Namespace("http://www.w3.org/ns/dcat#")
DCATAP = Namespace("http://data.europa.eu/r5r/")
DCT = Namespace("http://purl.org/dc/terms/")
DPV = Namespace("https://w3id.org/dpv#")
DQV = Namespace("http://www.w3.org/ns/dqv#")
ELI = Namespace("http://data.europa.eu/eli/ontology#")
FOAF = Namespace("http://xmlns.com/foaf/0.1/")
GEODCATAP = Namespace("http://data.europa.eu/930/")
HEALTH = Namespace("http://healthdataportal.eu/ns/health#")
HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
OA = Namespace("http://www.w3.org/ns/oa#")
OBO = Namespace("http://purl.obolibrary.org/obo/")
RDFS = Namespace("http://www.w3.org/2000/01/rdf-schema#")
SKOS = Namespace("http://www.w3.org/2004/02/skos/core#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
XSD = Namespace("http://www.w3.org/2001/XMLSchema#")
#: Terms of ours, for what no standard has: how long a decision takes, what makes it genome data.
OURS = Namespace("urn:genomehub:term:")

MEDIA_TYPES = "http://www.iana.org/assignments/media-types/"
FORMATS = "http://edamontology.org/"

PREFIXES = {
    "adms": ADMS, "csvw": CSVW, "cv": CV, "dcat": DCAT, "dcatap": DCATAP, "dct": DCT, "dpv": DPV, "dqv": DQV,
    "eli": ELI, "foaf": FOAF, "geodcatap": GEODCATAP, "genomehub": OURS, "healthdcatap": HEALTH,
    "hydra": HYDRA, "oa": OA, "obo": OBO, "rdfs": RDFS, "skos": SKOS, "spdx": SPDX, "vcard": VCARD,
    "xsd": XSD,
}  # fmt: skip


def new_graph() -> Graph:
    """Return an empty graph with these prefixes and no others."""
    graph = Graph(bind_namespaces="none")
    for prefix, namespace in PREFIXES.items():
        graph.bind(prefix, namespace)
    return graph
