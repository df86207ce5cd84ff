"""τ-Argus as a peer: the suppression pattern that it finds for a table of counts.

The engine is that of pytauargus, with HiGHS as its solver. It leaves figures in files that
everyone may read and stumbles over files of an earlier run, so it works in a process of its own,
in a private folder that is deleted afterwards. For synthetic data only.

Methods (Hundepool et al., *Statistical Disclosure Control*, 2012, chapter 4): ``OPT`` solves the
table as one optimisation problem, ``MOD`` (HiTaS) breaks it down into subtables without hierarchy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from schemas import TOTAL, Dimension, Table

_TOTAL = "Total"
_MEASURE = "pupils"
_OPTIONS = {
    # Minutes a subtable; then all that it has against cells that give each other away: singletons
    # with singletons, singletons with others, minimum frequencies.
    "MOD": "10,1,1,1",
    "OPT": "5",
}


class Failed(Exception):
    """The engine broke down, or was not done in time."""


def suppressed(
    table: Table, cells: pa.Table, method: str = "MOD", seconds: float | None = None
) -> npt.NDArray[np.bool_]:
    """The cells that τ-Argus suppresses, primary and secondary: a mask of shape (cells,).

    `cells` are those of `harvesters.tabulate.tabulate`, with the count `pupils`. Of each primary
    cell it is told how far the attacker's interval has to reach: down to 0, up to k. It has so many
    `seconds`, or as many as it needs.

    :raises Failed: there is no pattern.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(table, cells, folder)
        batch = folder / "batch.arb"
        dimensions = "".join(f'"{one.name}"' for one in table.dimensions)
        batch.write_text(
            '<OPENTABLEDATA> "cells.csv"\n<OPENMETADATA> "cells.rda"\n'
            f'<SPECIFYTABLE> {dimensions}|"{_MEASURE}"||\n<SAFETYRULE>\n<READTABLE> 0\n'
            f"<SUPPRESS> {method}(1,{_OPTIONS[method]})\n"
            '<WRITETABLE> (1,5,SO+SE+,"pattern.csv")\n'
        )
        run = "import sys; from pytauargus.engine import run_batch; run_batch(sys.argv[1])"
        try:
            subprocess.run(
                [sys.executable, "-c", run, str(batch)],
                cwd=folder,
                env=os.environ | {"TMPDIR": name},
                capture_output=True,
                text=True,
                check=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"τ-Argus was not done in {seconds:.0f} s.") from None
        except subprocess.CalledProcessError as error:
            reason = f"τ-Argus ended with {error.returncode}: {error.stderr[-500:]}"
            raise Failed(reason) from None
        pattern = folder / "pattern.csv"
        return _read(table, cells, pattern)


def _write(table: Table, cells: pa.Table, folder: Path) -> None:
    """The cells, what the columns are, and the hierarchies."""
    values = cells[_MEASURE].to_numpy()
    k = table.disclosure.threshold
    primary = (values > 0) & (values < k)
    columns = {one.name: _codes(one, cells) for one in table.dimensions}
    rows = pa.table(
        {
            **columns,
            _MEASURE: values,
            "persons": values,
            "status": np.where(primary, "U", "S").astype(object),
            "lower": np.where(primary, values, 0),
            "upper": np.where(primary, k - values, 0),
        }
    )
    options = pa.csv.WriteOptions(include_header=False, delimiter=";", quoting_style="needed")
    pa.csv.write_csv(rows, folder / "cells.csv", options)
    described = ['<SEPARATOR> ";"', '<SAFE> "S"', '<UNSAFE> "U"', '<PROTECT> "P"']
    for one in table.dimensions:
        described += [one.name, "<RECODEABLE>", f'<TOTCODE> "{_TOTAL}"']
        if len(one.hierarchy) > 1:
            _write_hierarchy(one, cells, folder / f"{one.name}.hrc")
            described += ['<HIERARCHICAL>', f'<HIERCODELIST> "{one.name}.hrc"',
                          '<HIERLEADSTRING> "@"']  # fmt: skip
    described += [_MEASURE, "<NUMERIC>", "persons", "<FREQUENCY>", "status", "<STATUS>",
                  "lower", "<NUMERIC> <LOWERPL>", "upper", "<NUMERIC> <UPPERPL>"]  # fmt: skip
    (folder / "cells.rda").write_text("\n".join(described) + "\n")


def _codes(dimension: Dimension, cells: pa.Table) -> np.ndarray:
    """Each cell's finest code along a dimension."""
    found = np.full(cells.num_rows, _TOTAL, dtype=object)
    for name in dimension.hierarchy:
        codes = cells[name].to_numpy()
        found = np.where(codes == TOTAL, found, codes)
    return found


def _write_hierarchy(dimension: Dimension, cells: pa.Table, path: Path) -> None:
    """The codes below the total, each below its own, as many @ before it as it is deep."""
    names = list(dimension.hierarchy)
    paths = cells.group_by(names).aggregate([]).sort_by([(name, "ascending") for name in names])
    lines, seen = [], set()
    for row in zip(*(paths[name].to_pylist() for name in names), strict=True):
        for depth, code in enumerate(row):
            if code != TOTAL and row[: depth + 1] not in seen:
                seen.add(row[: depth + 1])
                lines.append("@" * depth + code)
    path.write_text("\n".join(lines) + "\n")


def _read(table: Table, cells: pa.Table, path: Path) -> npt.NDArray[np.bool_]:
    """Which cells the written pattern marks as unsafe (U) or secondary (M)."""
    names = [one.name for one in table.dimensions]
    columns = [*names, "value", "persons", "cost", "status", "lower", "upper"]
    texts = {name: pa.string() for name in [*names, "status"]}
    rows = pa.csv.read_csv(
        path,
        pa.csv.ReadOptions(column_names=columns),
        pa.csv.ParseOptions(delimiter=";"),
        pa.csv.ConvertOptions(column_types=texts, include_columns=list(texts)),
    )
    pattern = zip(*(rows[name].to_pylist() for name in texts), strict=True)
    hidden = {
        tuple(code.strip() for code in codes) for *codes, status in pattern if status in ("U", "M")
    }
    keys = zip(*(_codes(one, cells) for one in table.dimensions), strict=True)
    return np.array([key in hidden for key in keys])
