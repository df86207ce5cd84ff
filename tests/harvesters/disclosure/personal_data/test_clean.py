"""Statistical files are let in, though schools, wards and streets are named after people."""

from __future__ import annotations

import io

import pytest

from harvesters.disclosure.personal_data import (
    Public,
    kind_of_file,
    refuse_personal_metadata,
    safe_name,
    scan_file,
    scan_file_name,
)
from harvesters.sources import Limits
from schemas import Declarations
from tests.harvesters.disclosure.personal_data.clean import File, clean

pytestmark = pytest.mark.unit
FILES = list(clean())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.case)
def test_a_clean_file_is_let_in(file: File):
    content = io.BytesIO(file.content)
    assert scan_file(content, kind_of_file(content, file.name), Limits(), Public()) == []
    assert scan_file_name(file.name, Public()) == []
    assert safe_name(file.name, 1, Public()) == file.name


def test_the_metadata_of_every_table_is_let_out():
    source = {"title": {"vi": "Cơ sở dữ liệu ngành", "en": "Sector database"}}
    for table in Declarations.load().tables.values():
        refuse_personal_metadata(table, [source])
