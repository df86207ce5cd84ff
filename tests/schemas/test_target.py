"""Targets: what they are computed from is held against tables and code lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas import TOTAL, DeclarationErrors, Declarations
from tests.schemas.builders import CITY, cube, declare, measure, record, target, write

pytestmark = pytest.mark.unit

PUPILS = {"table": "enrolment", "measure": "pupils"}
GIRLS = {**PUPILS, "where": {"sex": ["female"]}}
SCHOOLS = {"table": "schools", "rows": True}
ABSENCE = cube("absence", "pupil", [["area"]], [measure("share", rate={"of": {"sex": ["male"]}})])
MONTHLY = cube("visits", "visit", [["area"]], [measure("visits")])
VISIT = record("visit", [{"name": "area", "type": "code"}], "institutions", "month")
ALL = (*CITY, ABSENCE, VISIT, MONTHLY)


def test_the_portals_own_targets_stand_in_their_order() -> None:
    targets = list(Declarations.load().targets.values())
    assert [one.order for one in targets] == sorted(one.order for one in targets)
    assert {"it-in-management", "broadband", "pupils-online"} <= {one.name for one in targets}
    for one in targets:
        assert one.goal is None or one.goal.source["vi"]


def test_what_is_not_chosen_is_the_total(tmp_path: Path) -> None:
    declared = declare(tmp_path, [*ALL, target("girls", GIRLS, PUPILS, by="area")])
    found = declared.targets["girls"]
    assert found.of.fixed("area") == {
        "sex": ("female",), "school": (TOTAL,), "level": (TOTAL,), "grade": (TOTAL,),
    }  # fmt: skip
    assert found.over is not None
    assert found.over.fixed()["area"] == (TOTAL,)


def test_a_finer_code_may_stand_below_any_coarser_one(tmp_path: Path) -> None:
    first = {**PUPILS, "where": {"grade": ["g1"]}}
    declared = declare(tmp_path, [*ALL, target("first-grade", first, PUPILS)])
    assert "level" not in declared.targets["first-grade"].of.fixed()


@pytest.mark.parametrize(
    ("wrong", "place", "message"),
    [
        ({"of": {"table": "enrolments", "measure": "pupils"}}, "of.table", "no table"),
        ({"of": {**PUPILS, "measure": "heads"}}, "of.measure", "no measure `heads`"),
        ({"of": {"table": "enrolment", "rows": True}}, "of", "is a cube"),
        ({"of": {**SCHOOLS, "measure": "pupils"}}, "of", "is a register"),
        ({"of": {**PUPILS, "where": {"sexes": ["male"]}}}, "of.where.sexes", "no coded column"),
        ({"of": {**PUPILS, "where": {"sex": ["girl"]}}}, "of.where.sex.0", "not a code of `sex`"),
        ({"of": {"table": "absence", "measure": "share"}}, "of.measure", "cannot be added up"),
        ({"of": SCHOOLS, "over": None}, "of", "no share of anything"),
        ({"over": {"table": "visits", "measure": "visits"}}, "over.table", "month"),
        ({"by": "ownership"}, "by", "not to be had by `ownership`"),
        ({"by": "sex"}, "by", "The figures of `of` are not to be had by `sex`"),
        ({"goal": {"value": 101, "source": {"vi": "Đề án", "en": "Plan"}}}, "goal.value", "100 %"),
        ({"goal": {"value": 100}}, "goal", "`source`"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, wrong: Mapping[str, Any], place: str, message: str
) -> None:
    document = {**target("girls", GIRLS, PUPILS, by="area"), **wrong}
    kept = {key: value for key, value in document.items() if value is not None}
    path = write(tmp_path, [*ALL, kept]) / "targets" / "girls.yaml"
    with pytest.raises(DeclarationErrors) as found:
        Declarations.load(own=tmp_path)
    error, *_ = [one for one in found.value.errors if one.path == place]
    assert message in error.message
    assert (error.file, error.line > 1) == (path, True)
    assert error.remedy


def test_a_target_is_called_as_its_file(tmp_path: Path) -> None:
    folder = write(tmp_path, [*ALL, target("girls", GIRLS, PUPILS)])
    (folder / "targets" / "girls.yaml").rename(folder / "targets" / "boys.yaml")
    with pytest.raises(DeclarationErrors, match=r"called `girls`, its file `boys\.yaml`"):
        Declarations.load(own=folder)


def test_a_measure_alone_keeps_its_unit(tmp_path: Path) -> None:
    declared = declare(tmp_path, [*ALL, target("pupils", PUPILS), target("girls", GIRLS, PUPILS)])
    assert declared.targets["pupils"].unit["en"] == "persons"
    assert not declared.targets["pupils"].is_share
    assert declared.targets["girls"].is_share
