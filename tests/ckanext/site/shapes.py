"""The feed against the shapes that the nightly check uses; the official ones where they are."""

from __future__ import annotations

import os

from rdflib import Graph

from ckanext.hcmedu.conformance.shapes import official_shapes, own_shapes, violations


def own_violations(data: Graph) -> list[str]:
    """What `data` says otherwise than the portal's own shapes ask."""
    return [str(one) for one in violations(data, own_shapes())]


def official_violations(data: Graph) -> list[str]:
    """What `data` says otherwise than DCAT-AP's shapes ask, where `HCMEDU_OFFICIAL_SHAPES` names
    their folder."""
    folder = os.environ.get("HCMEDU_OFFICIAL_SHAPES")
    return [str(one) for each in official_shapes(folder) for one in violations(data, each)]
