"""A release that is taken back is gone from every exit."""

import json

import pytest

from .conftest import Portal

pytestmark = pytest.mark.integration

TABLE = "teaching-hours"


def test_a_withdrawn_release_is_gone_everywhere_and_says_why(portal: Portal) -> None:
    dataset = portal.action("package_show", id=TABLE)
    files = [resource["url"].removeprefix(portal.url) for resource in dataset["resources"]]
    portal.run("hcmedu", "withdraw", TABLE, "--reason", "Phân công giảng dạy bị nhầm")

    assert portal.get(f"/api/3/action/package_show?id={TABLE}").status_code in (403, 404)
    alias = portal.get(f"/api/3/action/datastore_search?resource_id={TABLE}")
    assert alias.status_code == 404
    found = portal.action("package_search", q=f"name:{TABLE}")
    assert found["count"] == 0
    assert dataset["identifier"] not in portal.get("/catalog.ttl").text
    for path in files:
        answer = portal.get(path, headers={"Accept": "application/json"})
        assert answer.status_code in (404, 410), path
        if "/release/" in path:
            assert answer.status_code == 410
            assert "Phân công giảng dạy bị nhầm" in json.dumps(answer.json(), ensure_ascii=False)


def test_the_same_figures_are_not_published_again(portal: Portal) -> None:
    if portal.releases.current(TABLE) is not None:
        portal.run("hcmedu", "withdraw", TABLE, "--reason", "Phân công giảng dạy bị nhầm")
    done = portal.run("hcmedu", "run", check=False)
    assert done.returncode == 1
    assert "withdrawn" in done.stdout
    assert portal.releases.current(TABLE) is None
