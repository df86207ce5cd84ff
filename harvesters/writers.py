"""The files of a release, made from its parts: CSV, CSV for Excel, XLSX, Parquet and JSON.

The same parts give the same bytes. Codes stay text everywhere, so that none loses its zeros.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from harvesters.files import sha256
from schemas import TOTAL, CodeList, Column, Table

XLSX_ROWS = 1_048_576
_EPOCH = datetime.datetime(2025, 7, 1)


@dataclass(frozen=True)
class FileKind:
    """A kind of file that every release has."""

    key: str
    suffix: str
    format: str
    media_type: str


KINDS = (
    FileKind("csv", ".csv", "CSV", "text/csv"),
    FileKind("csv-excel", "-excel.csv", "CSV", "text/csv"),
    FileKind(
        "xlsx", ".xlsx", "XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ),
    FileKind("parquet", ".parquet", "Parquet", "application/vnd.apache.parquet"),
    FileKind("json", ".json", "JSON", "application/json"),
)


def write_files(
    table: Table,
    parts: Sequence[Path],
    codelists: Mapping[str, CodeList],
    folder: Path,
    simulated: bool,
) -> list[dict[str, object]]:
    """Write a release's files into `folder`; what a manifest says of each.

    `parts` are Parquet files in the order of their periods.
    """
    parquet = folder / f"{table.name}.parquet"
    _write_parquet(table, parts, parquet, simulated)
    with duckdb.connect(config={"threads": 2}) as connection:
        data = connection.read_parquet(str(parquet))  # noqa: F841 - read by the SQL below
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        # In CSV an empty status and a missing one are the same: nothing between two commas.
        plain = ", ".join(
            f'nullif("{column.name}", \'\') AS "{column.name}"'
            if column.role in ("status", "flag")
            else f'"{column.name}"'
            for column in table.columns
        )
        csv, json = (_literal(folder / f"{table.name}{suffix}") for suffix in (".csv", ".json"))
        connection.execute(f"COPY (SELECT {plain} FROM data) TO {csv} (FORMAT CSV, HEADER)")
        connection.execute(f"COPY (SELECT {names} FROM data) TO {json} (FORMAT JSON, ARRAY true)")
    _write_excel_csv(table, parquet, codelists, folder / f"{table.name}-excel.csv")
    _write_xlsx(table, parts, codelists, folder / f"{table.name}.xlsx", simulated)
    described: list[dict[str, object]] = []
    for kind in KINDS:
        path = folder / f"{table.name}{kind.suffix}"
        described.append(
            {
                "key": kind.key,
                "name": path.name,
                "format": kind.format,
                "media_type": kind.media_type,
                "bytes": path.stat().st_size,
                "sha256": sha256(path),
            }
        )
    return described


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _write_parquet(table: Table, parts: Sequence[Path], path: Path, simulated: bool) -> None:
    schema = pq.read_schema(parts[0])
    notes = {"table": table.name, "title": table.title["vi"]}
    if simulated:
        notes["simulated"] = "true"
    schema = schema.with_metadata(notes)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches(batch_size=100_000):
                writer.write_batch(batch.cast(schema.remove_metadata()).replace_schema_metadata(
                    schema.metadata
                ))  # fmt: skip


@dataclass(frozen=True)
class _Shown:
    """A column as a spreadsheet shows it: `labels` turns codes into words."""

    column: Column
    heading: str
    labels: Mapping[str, str] | None


def _shown(table: Table, codelists: Mapping[str, CodeList]) -> list[_Shown]:
    """The columns of a spreadsheet: each code, and beside it what it means, in Vietnamese."""
    named = {
        column.name.removesuffix("_name") for column in table.columns if column.role == "label"
    }
    shown = []
    for column in table.columns:
        if column.type == "code" and column.name not in named and column.codelist:
            codelist = codelists[column.codelist]
            labels = {code.code: code.label["vi"] for code in codelist.codes.values()}
            labels[TOTAL] = codelist.total_label["vi"]
            shown.append(_Shown(column, f"{column.title['vi']} (mã)", None))
            shown.append(_Shown(column, column.title["vi"], labels))
        elif column.name in named and column.type == "code":
            shown.append(_Shown(column, f"{column.title['vi']} (mã)", None))
        else:
            shown.append(_Shown(column, column.title["vi"], None))
    return shown


_NUMERIC = re.compile(r"[-+.,:/%\s\deE]*\d[-+.,:/%\s\deE]*", re.ASCII)
"""What Excel takes for a number, a date or a time: 00123, 5-6, 2025-10."""


def _excel_text(text: str) -> str:
    """A text that Excel neither computes nor turns into a number or a date."""
    if _NUMERIC.fullmatch(text):
        return f'="{text}"'
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ';"\n\r') else text


def _excel_cell(shown: _Shown, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.15g}".replace(".", ",")
    if isinstance(value, int):
        return str(value)
    text = str(value)
    return _quoted(_excel_text(shown.labels.get(text, text) if shown.labels else text))


def _write_excel_csv(
    table: Table, parquet: Path, codelists: Mapping[str, CodeList], path: Path
) -> None:
    """CSV as Excel with Vietnamese regional settings opens it: BOM, semicolons, decimal commas."""
    shown = _shown(table, codelists)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(";".join(_quoted(one.heading) for one in shown) + "\r\n")
        for batch in pq.ParquetFile(parquet).iter_batches(batch_size=20_000):
            columns = [_cells(batch, one) for one in shown]
            file.writelines(";".join(row) + "\r\n" for row in zip(*columns, strict=True))


def _cells(batch: pa.RecordBatch, shown: _Shown) -> list[str]:
    values = batch.column(shown.column.name)
    if pa.types.is_string(values.type):
        encoded = values.dictionary_encode()
        texts = [_excel_cell(shown, value) for value in encoded.dictionary.to_pylist()]
        return ["" if index is None else texts[index] for index in encoded.indices.to_pylist()]
    return [_excel_cell(shown, value) for value in values.to_pylist()]


def _write_xlsx(
    table: Table,
    parts: Sequence[Path],
    codelists: Mapping[str, CodeList],
    path: Path,
    simulated: bool,
) -> None:
    """A sheet that explains, then a sheet a period; written row by row in constant memory."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": table.title["vi"], "created": _EPOCH})
        heading = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        about = book.add_worksheet("Giới thiệu")
        about.set_column(0, 0, 28)
        about.set_column(1, 1, 90)
        for row, (title, text) in enumerate(_about(table, simulated)):
            about.write_string(row, 0, title, heading)
            about.write_string(row, 1, text, wrapped)
        shown = _shown(table, codelists)
        sheets: dict[str, int] = {}
        for part in parts:
            _write_sheets(book, table, shown, part, heading, sheets)


def _write_sheets(
    book: xlsxwriter.Workbook,
    table: Table,
    shown: Sequence[_Shown],
    part: Path,
    heading: object,
    sheets: dict[str, int],
) -> None:
    sheet, row = None, XLSX_ROWS
    for batch in pq.ParquetFile(part).iter_batches(batch_size=20_000):
        columns = [_values(batch, one) for one in shown]
        period = str(batch.column(table.period)[0])
        for values in zip(*columns, strict=True):
            if row >= XLSX_ROWS:
                sheets[period] = sheets.get(period, 0) + 1
                number = sheets[period]
                sheet = book.add_worksheet(period if number == 1 else f"{period} ({number})")
                sheet.freeze_panes(1, 0)
                for index, one in enumerate(shown):
                    sheet.write_string(0, index, one.heading, heading)
                row = 1
            assert sheet is not None
            for index, value in enumerate(values):
                if isinstance(value, str):
                    if value:
                        sheet.write_string(row, index, value)
                elif value is not None:
                    sheet.write_number(row, index, value)
            row += 1


def _values(batch: pa.RecordBatch, shown: _Shown) -> list[object]:
    values = batch.column(shown.column.name).to_pylist()
    if shown.labels is None:
        return values
    return [shown.labels.get(value, value) for value in values]


def _about(table: Table, simulated: bool) -> list[tuple[str, str]]:
    rows = [("Bộ dữ liệu", table.title["vi"])]
    if simulated:
        rows.append(("Lưu ý", SIMULATED["vi"]))
    rows += [("Mô tả", table.description["vi"]), ("Cách tính", table.methodology["vi"])]
    rows += [
        (column.title["vi"], (column.description or {}).get("vi", ""))
        for column in table.columns
        if column.role in ("measure", "status", "flag")
    ]
    return rows


SIMULATED = {
    "vi": "DỮ LIỆU MÔ PHỎNG – không phải số liệu thật của ngành giáo dục.",
    "en": "SIMULATED DATA – not real figures of the education sector.",
}
