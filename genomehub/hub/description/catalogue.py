"""The catalogue as RDF: a harvestable page of data sets with links to the next (Hydra)."""

from datetime import datetime

from rdflib import RDF, Graph, Literal, URIRef

from genomehub.hub.description.known import EHDS
from genomehub.hub.description.rdf import to_graph
from genomehub.hub.description.room import CataloguePage
from genomehub.hub.description.terms import CV, DCAT, DCATAP, DCT, ELI, FOAF, HYDRA, OURS, XSD, new_graph


def catalogue_graph(
    page: CataloguePage, base: str, names: tuple[str, str, str, str], since: datetime | None
) -> Graph:
    """Return a page of the catalogue.

    Parameters
    ----------
    page : the data sets; base : the hub's address
    names : of the hub, of who runs it, their web page and e-mail address
    since : what was asked for, kept in the links
    """
    graph = new_graph()
    catalogue, publisher = URIRef(f"{base}/api/catalogue"), URIRef(f"{base}/api/catalogue#publisher")
    hub, organisation, homepage, email = names
    graph.add((catalogue, RDF.type, DCAT.Catalog))
    graph.add((catalogue, DCT.title, Literal(hub, lang="en")))
    graph.add((catalogue, DCT.description, Literal(f"Genome data sets described at {hub}.", lang="en")))
    graph.add((catalogue, DCT.publisher, publisher))
    graph.add((catalogue, DCATAP.applicableLegislation, URIRef(EHDS)))
    graph.add((URIRef(EHDS), RDF.type, ELI.LegalResource))
    graph.add((publisher, RDF.type, FOAF.Agent))
    graph.add((publisher, FOAF.name, Literal(organisation, lang="en")))
    graph.add((publisher, FOAF.homepage, URIRef(homepage)))
    graph.add((URIRef(homepage), RDF.type, FOAF.Document))
    contact = URIRef(f"{publisher}-contact")
    graph.add((publisher, CV.contactPoint, contact))
    graph.add((contact, RDF.type, CV.ContactPoint))
    graph.add((contact, CV.email, Literal(email)))
    for view in page.views:
        graph.add((catalogue, DCAT.dataset, URIRef(view.subject)))
        for triple in to_graph(view.document, view.subject):
            graph.add(triple)
    for gone in page.withdrawn:
        graph.add((catalogue, OURS.withdrawn, URIRef(gone)))
    _links(graph, catalogue, page, since)
    return graph


def _links(graph: Graph, catalogue: URIRef, page: CataloguePage, since: datetime | None) -> None:
    tail = f"&modified_since={since:%Y-%m-%dT%H:%M:%SZ}" if since else ""

    def link(number: int) -> URIRef:
        return URIRef(f"{catalogue}.ttl?page={number}&size={page.size}{tail}")

    here = link(page.number)
    graph.add((catalogue, HYDRA.view, here))
    graph.add((catalogue, HYDRA.totalItems, Literal(page.total, datatype=XSD.integer)))
    graph.add((here, RDF.type, HYDRA.PartialCollectionView))
    graph.add((here, HYDRA.first, link(1)))
    graph.add((here, HYDRA.last, link(page.last)))
    if page.number > 1:
        graph.add((here, HYDRA.previous, link(page.number - 1)))
    if page.number < page.last:
        graph.add((here, HYDRA.next, link(page.number + 1)))
