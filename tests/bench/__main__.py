"""``make bench``: measure on services of its own and print a table of medians and ratios.

A second table is that of the privacy gate, which needs no service (`tests.bench.gate`).
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
STACK = [sys.executable, str(ROOT / "config/local/stack.py"), "--testing"]
STATE = "var/bench"


def main() -> int:
    """Start services, measure, print, stop services."""
    scale = os.environ.get("HCMEDU_CITY_SCALE", "1")
    runs = int(os.environ.get("HCMEDU_BENCH_RUNS", "3"))
    port = str(int(os.environ.get("HCMEDU_PORT", "5000")) + 40)
    outer = os.environ | {"HCMEDU_STATE": STATE, "HCMEDU_PORT": port, "HCMEDU_CITY_SCALE": scale}
    subprocess.run([*STACK, "services-up"], env=outer, check=True, cwd=ROOT)
    try:
        state = ROOT / STATE / "test"
        paths = {"HCMEDU_STATE": str(state), "CKAN_INI": str(state / "ckan.ini")}
        inner = outer | _secrets() | paths
        seed = [sys.executable, "-m", "demo", "seed", "--database-only"]
        subprocess.run(seed, env=inner, check=True, cwd=ROOT)
        city = [_measure("tests.bench.city", inner, str(ROOT / STATE / "city"))]
        city += [
            _measure("tests.bench.city", inner, str(ROOT / STATE / "city")) for _ in range(runs - 1)
        ]
        publishing = _measure("tests.bench.publishing", inner, str(runs))
    finally:
        subprocess.run([*STACK, "down"], env=outer, check=False, cwd=ROOT)
    _print(scale, city, publishing)
    subprocess.run([sys.executable, "-m", "tests.bench.gate"], check=True, cwd=ROOT)
    return 0


def _secrets() -> dict[str, str]:
    lines = (ROOT / STATE / "test" / "secrets.env").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name: shlex.split(value)[0] if value else "" for name, _, value in pairs}


def _measure(module: str, environment: dict[str, str], *arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def _print(scale: str, city: list[dict[str, float]], publishing: dict[str, float]) -> None:
    def median(name: str) -> float:
        return statistics.median(run[name] for run in city)

    sheet = Table("what", "figure", "beside it", "ratio", box=SIMPLE_HEAD)
    for column in sheet.columns[1:]:
        column.justify = "right"
    records, seconds = median("records"), median("harvest_seconds")
    rate = records / seconds
    plain = median("plain_rows") / median("plain_seconds")
    sheet.add_row(
        f"harvest {records:,.0f} records (scale {scale}): records/s",
        f"{rate:,.0f}",
        f"bare driver {plain:,.0f}",
        f"{rate / plain:.2f}",
    )
    sheet.add_row("  peak memory, GiB (limit 2)", f"{median('harvest_peak_gib'):.2f}", "", "")
    sheet.add_row(
        "unchanged city harvested again, s (goal below 1 %)",
        f"{median('unchanged_seconds'):.2f}",
        f"first {seconds:.1f}",
        f"{median('unchanged_seconds') / seconds:.2%}",
    )
    whole = seconds + median("release_seconds")
    sheet.add_row(
        f"records to {median('published_rows'):,.0f} published rows: records/s",
        f"{records / whole:,.0f}",
        f"{whole:.1f} s",
        "",
    )
    sheet.add_row("  peak memory, GiB (limit 2)", f"{median('peak_gib'):.2f}", "", "")
    ours, stock = publishing["ours_seconds"], publishing["stock_seconds"]
    sheet.add_row(
        f"one changed dataset of {publishing['rows']:,.0f} rows reconciled, s (goal ratio ≤ 1)",
        f"{ours:.2f}",
        f"stock {stock:.2f}",
        f"{ours / stock:.2f}",
    )
    sheet.add_row(
        "unchanged portal reconciled, s", f"{publishing['unchanged_seconds']:.2f}", "", ""
    )
    Console(width=130).print(sheet)


if __name__ == "__main__":
    sys.exit(main())
