"""``make bench``: measure on services of its own and print a table of medians and ratios.

Four more tables follow: that of the privacy gate, which needs no service (`tests.bench.gate`),
that of the feed (`tests.bench.feed`), that of search (`tests.bench.relevance`) and that of the
pages (`tests.bench.pages`).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.bench.services import ROOT, STATE, Services, services


def main() -> int:
    """Start services, measure, print, stop services."""
    scale = os.environ.get("HCMEDU_CITY_SCALE", "1")
    runs = int(os.environ.get("HCMEDU_BENCH_RUNS", "3"))
    with services(HCMEDU_CITY_SCALE=scale) as ours:
        ours.run("-m", "demo", "seed", "--database-only")
        city = [_measure(ours, "tests.bench.city", str(STATE / "city")) for _ in range(runs)]
        publishing = _measure(ours, "tests.bench.publishing", str(runs))
    _print(scale, city, publishing)
    for module in (
        "tests.bench.gate",
        "tests.bench.feed",
        "tests.bench.relevance",
        "tests.bench.pages",
    ):
        subprocess.run([sys.executable, "-m", module], check=True, cwd=ROOT)
    return 0


def _measure(ours: Services, module: str, *arguments: str) -> dict[str, float]:
    figures: dict[str, float] = json.loads(ours.run("-m", module, *arguments))
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
