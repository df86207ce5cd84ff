"""What is wrong with a page for those who read it otherwise than its author: axe-core in the
browser, html-validate on what was sent."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page

NPM = Path(__file__).parents[3] / "config" / "npm"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _axe() -> str:
    return (NPM / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """What axe finds on a page, frames left out; by `rules` only where they are given."""
    # Playwright evaluates past the page's Content-Security-Policy, which stays in force for it.
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": WCAG}
    found = page.evaluate(
        "only => axe.run(document, {runOnly: only, iframes: false, resultTypes: ['violations']})",
        {**only, "values": list(only["values"])},
    )
    return [
        f"{each['id']}: {node['html'][:160]} ({node['failureSummary']})"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def invalid(pages: Mapping[str, str]) -> list[str]:
    """What html-validate finds in pages, by their names."""
    with TemporaryDirectory() as folder:
        names = {}
        for number, (name, text) in enumerate(pages.items()):
            file = Path(folder) / f"{number}.html"
            file.write_text(text, encoding="utf-8")
            names[str(file)] = name
        done = subprocess.run(
            ["node", NPM / "node_modules" / "html-validate" / "bin" / "html-validate.mjs",
             "--config", NPM / "html-validate.json", "--formatter", "json", *names],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.stdout.startswith("["), done.stderr
        return [
            f"{names[file['filePath']]}: {each['ruleId']}: {each['message']} (line {each['line']})"
            for file in json.loads(done.stdout)
            for each in file["messages"]
        ]
