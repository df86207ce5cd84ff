"""Lighthouse's scores of the kinds of pages, as on a phone on a slow network.

``python -m tests.bench.lighthouse ADDRESS`` looks at a portal that runs (``make up``); it installs
Lighthouse from npm into its own folder first. Needs Debian's Chromium.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import requests
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).with_name("npm")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
GOAL = 95


def install() -> None:
    """Install what the lock file names, unless it is there."""
    if not (FOLDER / "node_modules/.bin/lighthouse").exists():
        command = ["npm", "ci", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=FOLDER, check=True)


def scores(url: str) -> dict[str, float]:
    """The scores of a page, from 0 to 100, by category; Lighthouse's own profile of a phone."""
    done = subprocess.run(
        [
            str(FOLDER / "node_modules/.bin/lighthouse"), url, "--output=json", "--quiet",
            f"--only-categories={','.join(CATEGORIES)}",
            "--chrome-flags=--headless --no-sandbox --disable-gpu --disable-background-networking",
        ],
        env=os.environ | {"CHROME_PATH": "/usr/bin/chromium"},
        capture_output=True, text=True, check=True, timeout=180,
    )  # fmt: skip
    found = json.loads(done.stdout)["categories"]
    return {name: 100 * found[name]["score"] for name in CATEGORIES}


def pages(portal: str) -> list[str]:
    """The kinds of pages."""
    school = requests.get(f"{portal}/school.geojson", timeout=60).json()["features"][0]
    code = school["properties"]["code"]
    return ["/", "/dataset/?q=hoc+sinh", "/dataset/enrolment", f"/school/{code}", "/scoreboard"]


def sheet_of(portal: str) -> Table:
    """The scores of each kind of page of a portal that runs."""
    install()
    sheet = Table(
        "page", *CATEGORIES, box=SIMPLE_HEAD, caption=f"Lighthouse, phone; goal: {GOAL} each"
    )
    for path in pages(portal):
        found = scores(portal + path)
        sheet.add_row(path, *(f"{found[name]:.0f}" for name in CATEGORIES))
    return sheet


def main() -> int:
    """Look at each page and print the table."""
    portal = sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://127.0.0.1:5000"
    Console(width=110).print(sheet_of(portal))
    return 0


if __name__ == "__main__":
    sys.exit(main())
