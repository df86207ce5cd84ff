"""Another CKAN harvests the feed with ckanext-dcat's own harvester."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Portal
from .second import Second

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def second(portal: Portal) -> Iterator[Second]:
    ini = portal.state / "second.ini"
    other = Second(ini)
    other.empty()
    portal.stack("start", "second")
    other.operate("source", f"{portal.url}/catalog.ttl")
    yield other
    portal.stack("stop", "second")


def test_every_dataset_arrives_with_its_text_and_files_and_changes_follow(
    portal: Portal, second: Second, tmp_path: Path
) -> None:
    reading_back = tmp_path / "reading-back.ini"
    reading_back.write_text(
        f"[app:main]\nuse = config:{portal.ini.resolve()}\n"
        f"hcmedu.city_catalog_url = {second.url}/api/3/action/package_search\n"
    )

    def read_back() -> subprocess.CompletedProcess[str]:
        """What the portal itself finds of its datasets over there."""
        return portal.run("hcmedu", "city", "compare", ini=reading_back, check=False)

    second.harvest()
    agreed = read_back()
    assert agreed.returncode == 0, agreed.stdout + agreed.stderr
    ours = {
        dataset["identifier"]: dataset
        for name in portal.action("package_list")
        for dataset in [portal.action("package_show", id=name)]
    }
    theirs = second.datasets()
    assert set(theirs) == set(ours)
    for identifier, dataset in ours.items():
        arrived = theirs[identifier]
        assert arrived["title"] == dataset["title_translated"]["vi"]
        assert arrived["notes"] == dataset["notes_translated"]["vi"]
        urls = {resource["url"] for resource in dataset["resources"]}
        assert {resource["url"] for resource in arrived["resources"]} == urls

    # Taken back here: gone there, and nothing else.
    portal.run("hcmedu", "withdraw", "libraries", "--reason", "Số liệu bị nhầm")
    differing = read_back()
    assert differing.returncode == 1, differing.stdout + differing.stderr
    [line] = [one for one in differing.stdout.splitlines() if "libraries" in one]
    assert "surplus" in line
    second.harvest()
    assert read_back().returncode == 0
    gone = {identifier for identifier in theirs if identifier not in second.datasets()}
    assert gone == {next(i for i, d in ours.items() if d["name"] == "libraries")}
