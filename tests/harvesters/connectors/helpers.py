"""Sources and record types for the tests of connectors."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from harvesters.connectors import Connector, open_connector
from harvesters.sources import Source, load_source
from schemas import Field, RecordType
from schemas.declaration import read_document

Opened = Callable[..., Connector]


def record_type(name: str, fields: Mapping[str, str], optional: Iterable[str] = ()) -> RecordType:
    """A record type whose fields have the types given, as `schemas` would read it."""
    made = {
        field: Field(
            name=field,
            type=kind,
            title={"vi": field, "en": field},
            description=None,
            codelist=field if kind == "code" else None,
            required=field not in set(optional),
            unique=False,
            minimum=None,
            maximum=None,
            unit=None,
        )
        for field, kind in fields.items()
    }
    document = read_document(Path(__file__).with_name("empty.yaml"))
    title = {"vi": name, "en": name}
    return RecordType(name, title, "institutions", "school_year", made, document)


def source(folder: Path, **declared: Any) -> Source:
    """A source declared in a file of `folder`, with what every source needs filled in."""
    data = {
        "source": "nguon",
        "title": {"vi": "Nguồn thử", "en": "Test source"},
        "organization": "so-gddt",
        **declared,
    }
    path = folder / f"{data['source']}.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "utf-8")
    return load_source(path)


def connector(folder: Path, **declared: Any) -> Connector:
    """A connector for such a source."""
    return open_connector(source(folder, **declared))


def table(batches: Iterable[Any]) -> pa.Table:
    """All records of a reading, with their origin and row."""
    tables = []
    for batch in batches:
        part = pa.table(batch.batch)
        rows = pa.array(batch.rows, pa.int64())
        origin = pa.array([batch.origin] * batch.batch.num_rows, pa.string())
        tables.append(part.append_column("_origin", origin).append_column("_row", rows))
    return pa.concat_tables(tables, promote_options="permissive")


def dedent(text: str) -> str:
    """`text` without the indentation of the test that it stands in."""
    return textwrap.dedent(text).lstrip("\n")
