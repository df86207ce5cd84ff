"""A selection as a file: codes and words side by side, a row each figure's place in the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import ckan.plugins.toolkit as tk
import xlsxwriter

from ckanext.hcmedu import wording
from ckanext.hcmedu.figures.cube import Cube
from ckanext.hcmedu.figures.grid import Grid

_HEADINGS = ("value", "status", "flag")


def _columns(grid: Grid) -> list[str]:
    names = [*grid.sides, grid.across]
    return [*(end for name in names for end in (name, f"{name}_label")), *_HEADINGS]


def _rows(grid: Grid) -> Iterable[list[Any]]:
    names = [*grid.sides, grid.across]
    for keys, cell in grid.points():
        told = [end for name in names for end in (keys[name].code, keys[name].label)]
        yield [*told, cell.value, cell.status, cell.flag]


def as_csv(grid: Grid) -> bytes:
    """The figures as CSV in UTF-8, one a row, with their codes, statuses and flags."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(_columns(grid))
    writer.writerows(_rows(grid))
    return file.getvalue().encode()


def as_xlsx(cube: Cube, grid: Grid, title: str, address: str, symbols: Sequence[str]) -> bytes:
    """The table as it stands on the page, and on a second sheet where it comes from.

    :param address: where the same figures are found.
    :param symbols: what an empty cell or a flag means, a sentence each.
    """
    file = io.BytesIO()
    # Texts are texts, whatever they begin with.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}  # fmt: skip
    with xlsxwriter.Workbook(file, options) as book:
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet(tk._("Figures"))
        heads = [*(grid.titles[name] for name in grid.sides), *(one.label for one in grid.heads)]
        sheet.write_row(0, 0, heads, bold)
        sheet.freeze_panes(1, len(grid.sides))
        sheet.set_column(0, max(len(grid.sides) - 1, 0), 28)
        sheet.set_column(len(grid.sides), len(heads) - 1, 14)
        for number, line in enumerate(grid.lines, 1):
            sheet.write_row(number, 0, [key.label for key in line.keys])
            for at, cell in enumerate(line.cells, len(grid.sides)):
                if cell.value is None:
                    sheet.write_string(number, at, cell.status)
                else:
                    sheet.write_number(number, at, cell.value)
        about = book.add_worksheet(tk._("Source"))
        about.set_column(0, 0, 100)
        told = [
            title,
            *(f"{name}: {value}" for name, value in grid.fixed),
            *([f"{tk._('Unit')}: {grid.unit}"] if grid.unit else []),
            wording.text(cube.table.title),
            tk._("Release {number}, {day}").format(
                number=cube.release.number, day=wording.day(cube.release.manifest["issued"])
            ),
            address,
            *([tk._("Simulated data")] if cube.release.manifest["simulated"] else []),
            *symbols,
        ]
        for number, line in enumerate(told):
            about.write_string(number, 0, line, bold if number == 0 else wrapped)
    return file.getvalue()
