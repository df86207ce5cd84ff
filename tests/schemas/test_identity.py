"""Identifiers are made from names: the same in every portal, different for everything."""

from __future__ import annotations

from uuid import UUID

import pytest

from schemas import Declarations
from schemas.identity import (
    dataset_id,
    group_id,
    organization_id,
    resource_id,
    source_id,
    view_id,
)

pytestmark = pytest.mark.unit


def test_identifiers_are_those_that_were_published() -> None:
    """Other portals hold on to them: they must never change."""
    assert dataset_id("enrolment") == "39c95bc9-2291-585e-9c59-36e947c34481"
    assert resource_id("enrolment", "csv") == "187b5112-3c95-5b2c-be68-05cedb0dec0b"
    assert organization_id("so-gddt") == "f411e9c7-9188-5452-b01e-9995d25f7450"


def test_no_two_things_have_the_same_identifier() -> None:
    tables = [*Declarations.load().tables, "a", "b"]
    keys = ("csv", "csv-excel", "xlsx", "parquet", "json", "datastore/1")
    made = [
        *(dataset_id(table) for table in tables),
        *(resource_id(table, key) for table in tables for key in keys),
        *(view_id(table, key) for table in tables for key in keys),
        *(one(table) for table in tables for one in (organization_id, group_id, source_id)),
    ]
    assert len(set(made)) == len(made)
    assert {UUID(one).version for one in made} == {5}
