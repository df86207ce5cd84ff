"""Another CKAN, a plain one, that harvests the portal with ckanext-dcat's own harvester."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests


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
        self._run("second_portal.py", *arguments)

    def _run(self, script: str, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name(script)), *arguments],
            env=os.environ | {"CKAN_INI": str(self._ini)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def empty(self) -> None:
        """Empty its databases, search index and queues."""
        self._run("emptied.py", "--queues")

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
