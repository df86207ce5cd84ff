"""A portal whose datasets were written by hand, and readers of its feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rdflib import Graph, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, RDF

if TYPE_CHECKING:
    from tests.ckanext.site.conftest import Site

HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
RDFLIB = {"ttl": "turtle", "rdf": "xml", "jsonld": "json-ld", "nt": "nt"}
SIZE = 3
"""Datasets on a page."""


def act(action: str, /, **data: Any) -> Any:
    import ckan.plugins.toolkit as tk

    user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
    return tk.get_action(action)({"ignore_auth": True, "user": user}, data)


def written(name: str, title: str) -> dict[str, Any]:
    """What somebody writes of a dataset, with little more than its title."""
    return {
        "name": name,
        "title_translated": {"vi": title, "en": f"Set {name}"},
        "owner_org": "so-gddt",
        "license_id": "cc-by",
        "resources": [{"url": f"https://example.org/{name}.csv", "format": "CSV"}],
    }


def make(name: str, **fields: Any) -> dict[str, Any]:
    """A dataset written by hand."""
    return act("package_create", **written(name, f"Bộ {name}"), **fields)


@contextmanager
def seven(site: Site) -> Iterator[list[dict[str, Any]]]:
    """Seven datasets, in the order of the feed; there are no others."""
    import ckan.model as model

    from ckanext.hcmedu.dcat import publishing

    with site.app.flask_app.test_request_context():
        made = [make(f"du-lieu-{number}") for number in range(7)]
        publishing.refresh()
        yield sorted(made, key=lambda one: one["id"])
        model.Session.rollback()
        for package in model.Session.query(model.Package).all():
            act("dataset_purge", id=package.id)


def crawl(
    site: Site, between: Callable[[int], None] = lambda number: None, ending: str = "ttl"
) -> Iterator[Graph]:
    """The feed's pages by `hydra:next`; `between` is called after each."""
    import ckan.plugins.toolkit as tk

    path: str | None = f"/catalog.{ending}"
    seen = set()
    number = 0
    while path:
        assert path not in seen
        seen.add(path)
        answer = site.get(path)
        assert answer.status_code == 200, answer.text
        graph = Graph().parse(data=answer.data, format=RDFLIB[ending])
        yield graph
        number += 1
        between(number)
        [view] = graph.subjects(RDF.type, HYDRA.PartialCollectionView)
        following = graph.value(view, HYDRA.next)
        assert following == graph.value(view, HYDRA.nextPage)
        assert following is None or isinstance(following, URIRef)
        path = str(following).removeprefix(tk.config["ckan.site_url"]) if following else None


def titles(site: Site) -> dict[str, str]:
    """The Vietnamese titles in the whole feed, by the datasets' ids."""
    found: dict[str, str] = {}
    for graph in crawl(site):
        for subject in graph.subjects(RDF.type, DCAT.Dataset):
            texts = [one for one in graph.objects(subject, DCTERMS.title) if one.language == "vi"]
            assert len(texts) == 1
            found[str(subject).rsplit("/", 1)[-1]] = str(texts[0])
    return found


def ids_of(graph: Graph) -> set[str]:
    """The last parts of the IRIs of the graph's datasets: their ids, where they have no others."""
    return {str(one).rsplit("/", 1)[-1] for one in graph.subjects(RDF.type, DCAT.Dataset)}
