"""Suggestions while a question is typed (OpenSearch Suggestions 1.1)."""

from __future__ import annotations

import json

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, request

from ckanext.hcmedu.search import suggestions

blueprint = Blueprint("hcmedu_suggestions", __name__)

_LONGEST = 100


@blueprint.route("/suggest")
def read() -> Response:
    """`[question, [texts], [what each is]]`, at most eight."""
    question = request.args.get("q", "")[:_LONGEST]
    found = suggestions.suggest(question)
    kinds = {"dataset": tk._("dataset"), "place": tk._("place"), "school": tk._("school")}
    told = [question, [one.text for one in found], [kinds[one.kind] for one in found]]
    body = json.dumps(told, ensure_ascii=False)
    return Response(body, content_type="application/x-suggestions+json")
