"""Another CKAN harvests the feed with ckanext-dcat's own harvester."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from .conftest import Portal

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def second(portal: Portal) -> Iterator["Second"]:
    ini = portal.state / "second.ini"
    other = Second(ini)
    portal.empty(ini)
    portal.stack("start", "second")
    other.operate("source", f"{portal.url}/catalog.ttl")
    yield other
    portal.stack("stop", "second")


class Second:
    """The other CKAN."""

    def __init__(self, ini: Path):
        self._ini = ini
        text = ini.read_text(encoding="utf-8")
        self.url = next(
            line.partition("=")[2].strip()
            for line in text.splitlines()
            if line.startswith("ckan.site_url")
        )

    def operate(self, *arguments: str) -> None:
        """Do what an operator of it does; see ``second_portal.py``."""
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("second_portal.py")), *arguments],
            env=os.environ | {"CKAN_INI": str(self._ini)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def harvest(self) -> None:
        """A whole harvest, in one process."""
        self.operate("harvest")

    def datasets(self) -> dict[str, dict[str, Any]]:
        """Its harvested datasets by the identifier that they have at their origin."""
        answer = requests.get(
            f"{self.url}/api/3/action/package_search",
            params={"rows": 1000, "fq": "dataset_type:dataset"},
            timeout=60,
        )
        return {
            extra["value"]: dataset
            for dataset in answer.json()["result"]["results"]
            for extra in dataset["extras"]
            if extra["key"] == "identifier"
        }


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
