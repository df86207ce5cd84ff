"""The privacy gate on the full city, beside τ-Argus and the plain way, in one run on two cores.

``python -m tests.bench.gate`` makes synthetic cities of 3,528 schools, lets each method protect
them in a process of its own, has the gate's own audit read what would be published, and lets an
independent attacker look for suppressed counts that are under-protected. Needs no service.
``HCMEDU_BENCH_SCHOOLS`` makes the cities smaller.

``python -m tests.bench.gate CITY METHOD FOLDER`` is one such process: it leaves the masks in the
folder and prints its seconds as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Sheet

from harvesters.disclosure import Published, audit_together, protect_together
from tests.harvesters.builders import YEAR
from tests.harvesters.disclosure import argus, cities, greedy
from tests.harvesters.disclosure.attacker import attack
from tests.harvesters.disclosure.cities import City

ROOT = Path(__file__).parents[2]
SCHOOLS = int(os.environ.get("HCMEDU_BENCH_SCHOOLS", cities.FULL))
CORES = 2
PATIENCE = 600.0
"""Seconds that τ-Argus has for a table. By ethnicity it is not done with the full city by then."""

Masks = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Goal:
    """What protecting a city may cost: seconds, and cells suppressed in percent."""

    seconds: float
    cells: float | None


CITIES: Mapping[str, tuple[str, Callable[[Path], City], Goal]] = {
    "plain": ("sex, k 5", lambda to: cities.plain(to, SCHOOLS), Goal(5, 5.8)),
    "groups": ("ethnicity, k 5", lambda to: cities.groups(to, SCHOOLS), Goal(60, 40)),
    "groups-10": ("ethnicity, k 10", lambda to: cities.groups(to, SCHOOLS, 10), Goal(60, None)),
    "linked": ("sex and ethnicity, k 5", lambda to: cities.linked(to, SCHOOLS), Goal(60, None)),
    "coarser": (
        "ward, level, 2 groups, k 10",
        lambda to: cities.coarser(to, SCHOOLS),
        Goal(60, 10),
    ),
}
AUDIT_SECONDS = 10
MEMORY_GIB = 1.0


def _ours(city: City) -> Masks:
    return protect_together(city.tables, city.cells)


def _plain_way(city: City) -> Masks:
    return greedy.suppressed(city.tables, city.cells)


def _argus(city: City) -> Masks:
    (table,) = city.tables
    return {
        table.name: {"pupils": argus.suppressed(table, city.cells[table.name], "MOD", PATIENCE)}
    }


METHODS: Mapping[str, tuple[str, Callable[[City], Masks], Sequence[str]]] = {
    "ours": ("the gate", _ours, tuple(CITIES)),
    "argus": ("τ-Argus, MOD", _argus, ("plain", "groups")),
    "greedy": ("one more a line", _plain_way, tuple(CITIES)),
}
"""Methods by name: what they are, and the cities that they are for."""


def measure(name: str, method: str, folder: Path) -> dict[str, float]:
    """Protect one city; seconds by name. The masks are left in `folder`."""
    city = CITIES[name][1](folder / "declared")
    began = time.perf_counter()
    try:
        masks = METHODS[method][1](city)
    except argus.Failed as failed:
        print(failed, file=sys.stderr)
        return {"seconds": time.perf_counter() - began}
    figures = {"seconds": time.perf_counter() - began}
    for table in city.tables:
        np.save(folder / f"{table.name}.npy", masks[table.name]["pupils"])
    if method == "ours":
        figures["audit_seconds"] = _audit(city, masks, folder)
    return figures


def _audit(city: City, masks: Masks, folder: Path) -> float:
    """Write what would be published and have it certified; seconds of the latter."""
    files = []
    for table in city.tables:
        cells = city.cells[table.name]
        file, counted = folder / f"{table.name}.parquet", folder / f"{table.name}.cells"
        pq.write_table(cities.published(table, cells, masks[table.name]), file)
        pq.write_table(cells, counted)
        files.append(Published(table, file, counted))
    began = time.perf_counter()
    audit_together(YEAR, files)
    return time.perf_counter() - began


def attacked(name: str, folder: Path) -> dict[str, float]:
    """What the masks in `folder` cost, and what the independent attacker finds."""
    city = CITIES[name][1](folder / "declared")
    masks = {table.name: np.load(folder / f"{table.name}.npy") for table in city.tables}
    values = {name: cells["pupils"].to_numpy() for name, cells in city.cells.items()}
    hidden = np.concatenate([masks[name] for name in values])
    every = np.concatenate(list(values.values()))
    shown = [
        (table, cities.published(table, city.cells[table.name], {"pupils": masks[table.name]}))
        for table in city.tables
    ]
    found = attack(shown, city.cells)
    return {
        "cells": 100 * hidden.mean(),
        "value": 100 * every[hidden].sum() / every.sum(),
        "primaries": found.primaries,
        "open_primaries": found.open_primaries,
        "open_secondaries": found.open_secondaries,
    }


class _Memory(threading.Thread):
    """Watches the memory of a process and all below it, pages that they share counted once."""

    def __init__(self, process: int):
        super().__init__(daemon=True)
        self._process = process
        self._done = threading.Event()
        self.peak = 0.0

    def run(self) -> None:
        while not self._done.wait(0.1):
            self.peak = max(self.peak, sum(map(_resident, _family(self._process))) / 2**20)

    def stop(self) -> float:
        """The peak in GiB."""
        self._done.set()
        self.join()
        return self.peak


def _family(process: int) -> list[int]:
    """A process and its descendants, as far as they still run."""
    found = [process]
    for one in found:
        try:
            for children in Path(f"/proc/{one}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        except OSError:
            continue
    return found


def _resident(process: int) -> int:
    """Proportional set size in KiB; 0 once the process has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _run(name: str, method: str, folder: Path) -> dict[str, float]:
    """One measurement in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.gate", name, method, str(folder)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        memory = _Memory(process.pid)
        memory.start()
        output, _ = process.communicate()
        peak = memory.stop()
    if process.returncode:
        raise RuntimeError(f"{method} failed on {name}.")
    figures: dict[str, float] = json.loads(output.strip().splitlines()[-1])
    return {**figures, "gib": peak}


def sheet() -> Sheet:
    """Measure everything; the figures and the goals as a table."""
    made = Sheet(
        f"{SCHOOLS:,} schools", "method", "s", "audit, s", "GiB", "cells, %", "value, %",
        "primaries", "of which open", "others open", box=SIMPLE_HEAD,
    )  # fmt: skip
    for column in made.columns[2:]:
        column.justify = "right"
    for name, (title, _, goal) in CITIES.items():
        for method, (label, _, places) in METHODS.items():
            if name not in places:
                continue
            with tempfile.TemporaryDirectory() as folder:
                figures = _run(name, method, Path(folder))
                if any(Path(folder).glob("*.npy")):
                    figures |= attacked(name, Path(folder))
            made.add_row(title, label, *_texts(figures))
        cells = "" if goal.cells is None else f"≤ {goal.cells}"
        made.add_row(
            "", "goal", f"< {goal.seconds:.0f}", f"< {AUDIT_SECONDS}", f"< {MEMORY_GIB:.0f}", cells,
            "", "", "0", "0", end_section=True,
        )  # fmt: skip
    return made


def _texts(figures: Mapping[str, float]) -> list[str]:
    if "cells" not in figures:
        return [f"> {figures['seconds']:.0f}", "", f"{figures['gib']:.2f}", "", "", "", "", ""]
    audit = f"{figures['audit_seconds']:.1f}" if "audit_seconds" in figures else ""
    return [
        f"{figures['seconds']:.1f}",
        audit,
        f"{figures['gib']:.2f}",
        f"{figures['cells']:.2f}",
        f"{figures['value']:.3f}",
        *(f"{figures[one]:,.0f}" for one in ("primaries", "open_primaries", "open_secondaries")),
    ]


def main() -> int:
    """Measure on two cores and print the table."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    Console(width=130).print(sheet())
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
    else:
        sys.exit(main())
