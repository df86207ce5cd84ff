"""The feed is read while the search index and Redis are away."""

import pytest

from .conftest import Portal

pytestmark = pytest.mark.integration


def test_the_feed_goes_on_without_solr_and_redis_and_after_a_restart(portal: Portal) -> None:
    paths = (
        "/catalog.ttl",
        "/catalog.rdf",
        "/data.json",
        "/dcat-us.json",
        "/dataset/enrolment.jsonld",
        "/changes.trig",
        "/catalog.ttl.manifest",
        "/catalog.nt?modified_since=2026-01-01",
    )
    before = {path: portal.get(path) for path in paths}
    portal.stack("stop", "solr", "redis")
    try:
        for path, answer in before.items():
            again = portal.get(path)
            assert (again.status_code, again.content) == (200, answer.content), path
    finally:
        portal.stack("start", "redis", "solr")
    # In mid-crawl: the next page is that of the same snapshot.
    place = before["/catalog.ttl"].headers["Content-Location"]
    portal.stack("restart", "web")
    again = portal.get(place.removeprefix(portal.url))
    assert again.headers["ETag"] == before["/catalog.ttl"].headers["ETag"]
    assert again.content == before["/catalog.ttl"].content
