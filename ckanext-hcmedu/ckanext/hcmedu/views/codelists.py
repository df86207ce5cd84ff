"""Code lists and codes at their own addresses: pages for people, SKOS for machines."""

from __future__ import annotations

import ckan.plugins.toolkit as tk
import flask
from flask import Blueprint, Response, request
from rdflib import Graph

from ckanext.hcmedu import settings
from ckanext.hcmedu.vocabulary import areas, skos
from schemas import Code, CodeList
from schemas.codelist import TOTAL

blueprint = Blueprint("hcmedu_codelist", __name__)

_ENDINGS = ",".join(skos.FORMATS)
_BY_MEDIA_TYPE = {
    media_type.split(";")[0]: ending for ending, (_, media_type) in skos.FORMATS.items()
}


def _vocabulary() -> skos.Vocabulary:
    return skos.Vocabulary(settings.declarations(), settings.site_url())


def _codelist(name: str) -> CodeList:
    found = settings.declarations().codelists.get(name)
    return found or tk.abort(404, tk._("There is no such code list."))


def _code(codelist: CodeList, code: str) -> Code:
    if code == TOTAL:
        # What stands for all codes together is none of them: the list says which they are.
        address = tk.url_for("hcmedu_codelist.scheme", name=codelist.id)
        flask.abort(flask.redirect(address, 303))
    found = codelist.codes.get(code)
    return found or tk.abort(404, tk._("The code list has no such code."))


def _negotiated() -> str | None:
    """The file ending that the request's `Accept` prefers, None for a page."""
    offered = ["text/html", *_BY_MEDIA_TYPE]
    best = request.accept_mimetypes.best_match(offered, default="text/html")
    return _BY_MEDIA_TYPE.get(best)


def _rdf(graph: Graph, ending: str) -> Response:
    body, media_type = skos.serialize(graph, ending)
    return Response(body, content_type=media_type)


def _varied(body: str | Response) -> Response:
    """An answer at an address where `Accept` decides the form."""
    response = body if isinstance(body, Response) else Response(body, mimetype="text/html")
    response.vary.add("Accept")
    return response


@blueprint.route("/codelist")
def index() -> Response:
    """All code lists."""
    ending = _negotiated()
    if ending:
        return _varied(_rdf(_vocabulary().index_graph(), ending))
    codelists = sorted(settings.declarations().codelists.values(), key=lambda each: each.id)
    return _varied(tk.render("hcmedu/codelist/index.html", {"codelists": codelists}))


@blueprint.route(f"/codelist.<any({_ENDINGS}):ending>")
def index_file(ending: str) -> Response:
    """All code lists, in a format of RDF."""
    return _rdf(_vocabulary().index_graph(), ending)


@blueprint.route("/codelist/<name>")
def scheme(name: str) -> Response:
    """One code list with its codes."""
    codelist = _codelist(name)
    ending = _negotiated()
    if ending:
        return _varied(_rdf(_vocabulary().scheme_graph(codelist), ending))
    users = [
        table
        for table in settings.declarations().tables.values()
        if any(column.codelist == name for column in table.columns)
    ]
    page = {"codelist": codelist, "iri": _vocabulary().scheme_iri(codelist), "tables": users}
    return _varied(tk.render("hcmedu/codelist/scheme.html", page))


@blueprint.route(f"/codelist/<name>.<any({_ENDINGS}):ending>")
def scheme_file(name: str, ending: str) -> Response:
    """One code list with its codes, in a format of RDF."""
    return _rdf(_vocabulary().scheme_graph(_codelist(name)), ending)


@blueprint.route("/codelist/<name>/<code>")
def concept(name: str, code: str) -> Response:
    """One code."""
    vocabulary = _vocabulary()
    codelist = _codelist(name)
    found = _code(codelist, code)
    ending = _negotiated()
    if ending:
        return _varied(_rdf(vocabulary.concept_graph(codelist, found), ending))
    lists = settings.declarations().codelists
    parent = lists.get(codelist.parent or "")
    page = {
        "codelist": codelist,
        "code": found,
        "iri": vocabulary.concept_iri(name, code),
        "broader_list": parent,
        "broader": parent.codes.get(found.parent) if parent and found.parent else None,
        "narrower": list(vocabulary.narrower(codelist, code)),
        "changes": areas.changes_of(name, code),
    }
    return _varied(tk.render("hcmedu/codelist/concept.html", page))


@blueprint.route(f"/codelist/<name>/<code>.<any({_ENDINGS}):ending>")
def concept_file(name: str, code: str, ending: str) -> Response:
    """One code, in a format of RDF."""
    codelist = _codelist(name)
    return _rdf(_vocabulary().concept_graph(codelist, _code(codelist, code)), ending)
