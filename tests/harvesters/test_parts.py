"""Parts: counted, protected, audited and frozen, all tables of a record type together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harvesters.disclosure import Published, Refused, audit, audit_together
from harvesters.disclosure.audit import Audited
from harvesters.files import sha256
from harvesters.parts import Part, PartStore, build_parts, schema_of
from harvesters.reaudit import Version, between
from schemas import TOTAL
from tests.harvesters.builders import SCHOOLS, YEAR, City, many_pupils, pupils, school, seal
from tests.harvesters.killing import contents
from tests.schemas.builders import (
    AREAS,
    CITY,
    ENROLMENT,
    SCHOOL,
    codelist,
    cube,
    measure,
    record,
    text,
)

pytestmark = pytest.mark.unit

ONLINE = cube(
    "online",
    "pupil",
    [["area"], ["level"]],
    [measure("pupils"), measure("online", count={"where": {"internet": ["yes"]}})],
    disclosure={"threshold": 10},
)


@pytest.fixture
def city(tmp_path: Path) -> City:
    """A city whose schools and pupils are sealed."""
    made = City(tmp_path)
    seal(made.state, made.declarations, "school", SCHOOLS)
    seal(made.state, made.declarations, "pupil", many_pupils())
    return made


def build(city: City, *names: str, period: str = YEAR, revoked: Iterable[str] = ()) -> list[Part]:
    tables = [city.declarations.tables[name] for name in names]
    return build_parts(tables, period, city.state, city.declarations, set(revoked))


def rows(part: Part) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(part.path).to_pylist()
    return found


def test_a_part_is_published_as_it_was_audited(city: City) -> None:
    (part,) = build(city, "enrolment")
    table = city.declarations.tables["enrolment"]
    assert part.digest == sha256(part.path) == part.certificate["file_sha256"]
    assert pq.read_schema(part.path).equals(schema_of(table))
    fresh = audit(table, YEAR, part.path).as_dict()
    assert {key: part.certificate[key] for key in ("cells", "suppressed", "thresholds")} == {
        key: fresh[key] for key in ("cells", "suppressed", "thresholds")
    }
    assert part.certificate["declaration"] == table.digest
    assert part.certificate["given_up"] == []
    (snapshot,) = part.certificate["snapshots"]
    assert (snapshot["record"], snapshot["rows"]) == ("pupil", len(many_pupils()))
    assert PartStore(city.state).get(table, YEAR) == part
    assert PartStore(city.state).periods(table) == [YEAR]


def test_names_stand_beside_codes_and_totals_have_theirs(city: City) -> None:
    (part,) = build(city, "enrolment")
    names = {(row["area"], row["area_name"]) for row in rows(part)}
    assert names == {
        (AREAS[0], "Mã 00100"), (AREAS[1], "Mã 00200"), (TOTAL, "Toàn thành phố"),
    }  # fmt: skip
    schools = {(row["school"], row["school_name"]) for row in rows(part)}
    assert schools == {(TOTAL, "Tổng số")} | {
        (one["school"], one["school_name"]) for one in SCHOOLS
    }
    assert {row["school_year"] for row in rows(part)} == {YEAR}


def test_open_values_are_the_true_ones_and_small_ones_are_suppressed(city: City) -> None:
    (part,) = build(city, "enrolment")
    found = {
        tuple(row[name] for name in ("area", "school", "level", "grade", "sex")): row
        for row in rows(part)
    }
    areas = {one["school"]: one["area"] for one in SCHOOLS}
    levels = {"g1": "primary", "g2": "primary", "g6": "secondary"}
    people = [
        (areas[one["school"]], one["school"], levels[one["grade"]], one["grade"], one["sex"])
        for one in many_pupils()
    ]
    for codes, row in found.items():
        number = sum(
            all(code in (TOTAL, mine) for code, mine in zip(codes, person, strict=True))
            for person in people
        )
        assert row["pupils"] == (None if row["pupils_status"] else number)
    assert found[(TOTAL,) * 5]["pupils"] == len(people)
    small = found[(AREAS[0], "0001", "primary", "g2", "male")]
    assert (small["pupils"], small["pupils_status"], small["pupils_flag"]) == (None, "c", "")
    assert {row["pupils_status"] for row in found.values()} == {"", "c"}


OFFERED = cube(
    "offered",
    "pupil",
    [
        {"name": "place", "hierarchy": ["area", "school"]},
        {"name": "education", "hierarchy": ["level", "grade"], "zeros": "offered"},
        {"name": "sex", "hierarchy": ["sex"], "zeros": True, "sensitive": ["male"]},
    ],
    [
        measure("pupils"),
        measure("absences", sum="absences"),
        measure("fees", sum="fees", about="institutions"),
        measure("absence", mean={"of": "absences"}),
    ],
)


def test_what_cannot_be_does_not_apply(tmp_path: Path) -> None:
    city = City(tmp_path, [*CITY, OFFERED])
    seal(city.state, city.declarations, "school", SCHOOLS)
    # The first school has girls only in its second grade, the second no second grade.
    people = [
        {**one, "sex": "female" if one["grade"] == "g2" else one["sex"], "absences": 3}
        for one in many_pupils() if (one["school"], one["grade"]) != ("0002", "g2")
    ] * 3  # fmt: skip
    seal(city.state, city.declarations, "pupil", people)
    (part,) = build(city, "offered")
    found = {
        tuple(row[name] for name in ("school", "level", "grade", "sex")): row
        for row in rows(part) if row["area"] == AREAS[0]
    }  # fmt: skip
    grades = {(one["school"], one["grade"]) for one in people}
    assert ("0002", "g2") not in grades and ("0001", "g2") in grades
    for sex in ("male", "female", TOTAL):
        never = found["0002", "primary", "g2", sex]
        for name in ("pupils", "absences", "fees", "absence"):
            assert shown(never, name) == (None, "z", "")
    # No boy there is something else: it would tell the sex of every pupil.
    assert shown(found["0001", "primary", "g2", "male"], "pupils") == (None, "c", "")
    applies = [key for key, row in found.items() if row["pupils_status"] != "z"]
    assert {(one, grade) for one, _, grade, _ in applies if TOTAL not in (one, grade)} == {
        pair for pair in grades if pair[0] in {one["school"] for one in SCHOOLS
                                               if one["area"] == AREAS[0]}
    }  # fmt: skip
    assert "What does not apply is what cannot be" in " ".join(part.certificate["checks"])


def test_a_rate_at_an_end_is_published_as_a_bound(tmp_path: Path) -> None:
    rate = measure("share", rate={"of": {"internet": ["yes"]}})
    table = cube("share", "pupil", [{"name": "place", "hierarchy": ["area", "school"]}],
                 [measure("pupils"), rate])  # fmt: skip
    city = City(tmp_path, [*CITY, table])
    seal(city.state, city.declarations, "school", SCHOOLS)
    online = {"0001": (3, 240), "0002": (250, 250), "0003": (90, 210)}
    people = [
        {**one, "internet": "yes" if place < some else "no"}
        for number, (some, everyone) in online.items()
        for place, one in enumerate(pupils(everyone, number, "g1", "male"))
    ]
    seal(city.state, city.declarations, "pupil", people)
    (part,) = build(city, "share")
    found = {row["school"]: row for row in rows(part) if row["school"] != TOTAL}
    assert shown(found["0001"], "share") == (5.0, "", "le")
    assert shown(found["0002"], "share") == (95.0, "", "ge")
    assert shown(found["0003"], "share") == (42.9, "", "")
    assert shown(found["0001"], "pupils") == (240, "", "")


def test_a_register_is_published_row_by_row_in_order(city: City) -> None:
    schools = [school(12, AREAS[1]), {**school(3), "latitude": 10.5}]
    seal(city.state, city.declarations, "school", schools)
    (part,) = build(city, "schools")
    assert rows(part) == [
        {"school_year": YEAR, "school": "0003", "school_name": "Trường số 3", "area": AREAS[0],
         "area_name": "Mã 00100", "ownership": "public", "latitude": 10.5},
        {"school_year": YEAR, "school": "0012", "school_name": "Trường số 12", "area": AREAS[1],
         "area_name": "Mã 00200", "ownership": "public", "latitude": None},
    ]  # fmt: skip


def test_the_same_snapshots_give_the_same_bytes(city: City, tmp_path: Path) -> None:
    city.declare(ONLINE)
    first = build(city, "enrolment", "online")
    other = City(tmp_path / "other", [*CITY, ONLINE])
    seal(other.state, other.declarations, "school", reversed(SCHOOLS))
    seal(other.state, other.declarations, "pupil", reversed(many_pupils()))
    again = build(other, "enrolment", "online")
    assert [part.digest for part in first] == [part.digest for part in again]


def test_tables_of_the_same_records_are_protected_together(city: City) -> None:
    city.declare(ONLINE)
    seal(city.state, city.declarations, "pupil", [*many_pupils(), *pupils(3, "0003", "g6")])
    enrolment, online = build(city, "enrolment", "online")
    alike = {
        (row["area"], row["level"]): (row["pupils"], row["pupils_status"])
        for row in rows(enrolment)
        if row["school"] == row["grade"] == row["sex"] == TOTAL
    }
    assert alike == {
        (row["area"], row["level"]): (row["pupils"], row["pupils_status"]) for row in rows(online)
    }
    # Three of secondary level in the second ward.
    assert any(status for _, status in alike.values())
    # One certificate of the whole system, beside what was checked of each file.
    system = online.certificate["system"]
    assert system == enrolment.certificate["system"]
    assert dict(zip(system["tables"], system["files_sha256"], strict=True)) == {
        part.table: sha256(part.path) for part in (enrolment, online)
    }
    assert system["suppressed"] > 0 and system["linear_programmes"] > 0
    assert system["solver"].startswith("HiGHS ")


def test_a_table_does_not_join_others_that_were_counted_from_other_records(city: City) -> None:
    build(city, "enrolment")
    seal(city.state, city.declarations, "pupil", [*many_pupils(), *pupils(1, "0001")])
    city.declare(ONLINE)
    before = contents(city.state / "parts")
    with pytest.raises(Refused, match="from other records") as refused:
        build(city, "online")
    assert refused.value.table == "online"
    assert contents(city.state / "parts") == before


def test_a_late_table_joins_from_the_very_same_records(city: City) -> None:
    (enrolment,) = build(city, "enrolment")
    city.declare(cube("by-sex", "pupil", [["sex"]], [measure("pupils")]))
    (late,) = build(city, "by-sex")
    assert late.path.parent.name == "0002"
    city_row = next(row for row in rows(enrolment) if all(
        row[name] == TOTAL for name in ("area", "level", "sex")
    ))  # fmt: skip
    (total,) = (row for row in rows(late) if row["sex"] == TOTAL)
    assert total["pupils"] == city_row["pupils"]
    # The file that stands is audited once more, with the one that joins it.
    system = late.certificate["system"]
    assert system["tables"] == ["enrolment", "by-sex"]
    assert system["files_sha256"] == [enrolment.digest, late.digest]
    # The table that was there keeps its part.
    assert PartStore(city.state).get(city.declarations.tables["enrolment"], YEAR) == enrolment


def test_a_late_table_from_another_register_is_refused(city: City) -> None:
    build(city, "enrolment")
    areas = {"00100": AREAS[1], "00200": AREAS[0], "00300": AREAS[2]}
    moved = [{**one, "area": areas[one["area"]]} for one in SCHOOLS]
    seal(city.state, city.declarations, "school", moved)
    city.declare(ONLINE)
    with pytest.raises(Refused, match="from other records"):
        build(city, "online")


def test_parts_that_were_withdrawn_do_not_freeze_a_period(city: City) -> None:
    (first,) = build(city, "enrolment")
    seal(city.state, city.declarations, "pupil", [*many_pupils(), *pupils(30, "0001")])
    (second,) = build(city, "enrolment", revoked=[first.digest])
    store, table = PartStore(city.state), city.declarations.tables["enrolment"]
    assert second.digest != first.digest
    assert store.get(table, YEAR, {first.digest}) == second
    assert store.get(table, YEAR, {first.digest, second.digest}) is None
    assert store.periods(table) == [YEAR]


def test_withdrawn_figures_are_not_built_again(city: City) -> None:
    (part,) = build(city, "enrolment")
    before = contents(city.state / "parts")
    with pytest.raises(Refused, match="withdrawn"):
        build(city, "enrolment", revoked=[part.digest])
    assert contents(city.state / "parts") == before


LADDER = cube(
    "ladder",
    "pupil",
    [["area", "school"], ["sex"]],
    [measure("pupils"), measure("fees", mean={"of": "fees"})],
    disclosure={"ladder": [{"drop": "school"}, {"drop": "area"}]},
)


def refusing(monkeypatch: pytest.MonkeyPatch, table: str, columns: set[str]) -> None:
    """Make the audit refuse `table` as long as it has detail by one of `columns`."""
    from harvesters import parts

    def strict(period: str, published: Sequence[Published], *more: Any) -> Any:
        (file,) = (one.file for one in published if one.table.name == table)
        found = {row[name] for row in pq.read_table(file).to_pylist() for name in columns}
        if found - {TOTAL}:
            raise Refused(table, "Too fine.")
        return audit_together(period, published, *more)

    monkeypatch.setattr(parts, "audit_together", strict)


@pytest.mark.parametrize(
    ("columns", "given_up"), [(set(), []), ({"school"}, ["school"]), ({"area"}, ["school", "area"])]
)
def test_what_cannot_be_made_safe_is_given_up_rung_by_rung(
    city: City, monkeypatch: pytest.MonkeyPatch, columns: set[str], given_up: list[str]
) -> None:
    city.declare(LADDER)
    refusing(monkeypatch, "ladder", columns)
    enrolment, part = build(city, "enrolment", "ladder")
    assert part.certificate["given_up"] == given_up
    assert enrolment.certificate["given_up"] == []
    assert all(row[name] == TOTAL for row in rows(part) for name in given_up)
    assert {row["school"] for row in rows(enrolment)} > {TOTAL}
    (whole,) = (row for row in rows(part) if (row["area"], row["sex"]) == (TOTAL, TOTAL))
    assert whole["pupils"] == len(many_pupils())


@pytest.mark.parametrize(("most", "given_up"), [(0.9, []), (0.1, ["school"]), (0.0, None)])
def test_of_what_would_be_hidden_too_much_is_given_up_down_to_the_end_of_the_ladder(
    tmp_path: Path, most: float, given_up: list[str] | None
) -> None:
    """At its end the table is published all the same: too much hidden is not unsafe."""
    counts = {("0001", "male"): 3, ("0001", "female"): 30, ("0002", "male"): 30,
              ("0002", "female"): 30, ("0003", "male"): 25, ("0003", "female"): 40}  # fmt: skip
    ladder = LADDER["disclosure"]["ladder"]
    costly = {**LADDER, "disclosure": {"ladder": ladder, "most_suppressed": most}}
    city = City(tmp_path, [*CITY, {**costly, "measures": [measure("pupils")]}])
    everyone = [
        pupil for (school_id, sex), number in counts.items()
        for pupil in pupils(number, school_id, "g1", sex)
    ]  # fmt: skip
    outcome = city.publish(everyone)
    assert outcome.refusals == []
    (made,) = (one for one in outcome.releases if one.table == "ladder")
    (part,) = made.manifest["parts"]
    if given_up is not None:
        assert part["given_up"] == given_up
    share = part["suppressed"]["pupils"] / part["rows"]
    notes = [note for note in made.manifest["notes"] if "as coarse as" in note["en"]]
    assert bool(notes) == (share > most)


def test_another_table_goes_down_where_the_one_to_blame_cannot(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.declare(LADDER, cube("stiff", "pupil", [["area", "school"]], [measure("pupils")]))
    from harvesters import parts

    def strict(period: str, published: Sequence[Published], *more: Any) -> Any:
        (file,) = (one.file for one in published if one.table.name == "ladder")
        if set(pq.read_table(file)["school"].to_pylist()) != {TOTAL}:
            raise Refused("stiff", "Too fine.")
        return audit_together(period, published, *more)

    monkeypatch.setattr(parts, "audit_together", strict)
    ladder, stiff = build(city, "ladder", "stiff")
    assert ladder.certificate["given_up"] == ["school"]
    assert stiff.certificate["given_up"] == []


def test_when_the_ladder_ends_nothing_is_written(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.declare(LADDER)
    refusing(monkeypatch, "ladder", {"sex"})
    with pytest.raises(Refused, match="Too fine"):
        build(city, "enrolment", "ladder")
    assert contents(city.state / "parts") == {}


@pytest.mark.parametrize("records", ["no snapshot", "no records"])
def test_nothing_delivered_is_nothing_published(tmp_path: Path, records: str) -> None:
    city = City(tmp_path)
    seal(city.state, city.declarations, "school", SCHOOLS)
    if records == "no records":
        seal(city.state, city.declarations, "pupil", [])
    with pytest.raises(Refused, match="no records of pupil"):
        build(city, "enrolment")


def test_a_table_of_schools_needs_their_register(tmp_path: Path) -> None:
    city = City(tmp_path)
    seal(city.state, city.declarations, "pupil", many_pupils())
    with pytest.raises(Refused, match="no register"):
        build(city, "enrolment")


def test_a_school_that_two_registers_have_is_not_counted_twice(city: City) -> None:
    seal(city.state, city.declarations, "school", [school(1)], source="other")
    with pytest.raises(Refused, match="1 schools stand twice"):
        build(city, "enrolment")


def test_a_pupil_of_a_school_that_left_the_register_is_not_dropped_in_silence(city: City) -> None:
    seal(city.state, city.declarations, "school", SCHOOLS[:2])
    with pytest.raises(Refused, match="no `area`"):
        build(city, "enrolment")


def test_a_refusal_never_tells_a_value(city: City) -> None:
    seal(city.state, city.declarations, "school", SCHOOLS[:2])
    with pytest.raises(Refused) as refused:
        build(city, "enrolment")
    assert "0003" not in str(refused.value)


MONEY = record(
    "meal",
    [
        {"name": "area", "type": "code"},
        {"name": "eaters", "type": "integer"},
        {"name": "price", "type": "decimal", "required": False, "open": text("Niêm yết", "Posted")},
        {"name": "late", "type": "code", "codelist": "yes_no"},
    ],
    about="institutions",
)

MEALS = cube(
    "meals",
    "meal",
    [["area"]],
    [
        measure("eaters", sum="eaters"),
        measure("price", sum="price", decimals=0),
        measure("mean_price", mean={"of": "price"}, decimals=1),
        measure("late", rate={"of": {"late": ["yes"]}}),
        measure("price_a_head", ratio={"of": "price", "over": "eaters"}),
        measure("per_mille", ratio={"of": "price", "over": "eaters", "scale": 1000}),
    ],
)


def meals(folder: Path, *served: dict[str, Any]) -> dict[str, dict[str, Any]]:
    city = City(folder, [codelist("area", AREAS), codelist("yes_no", ["yes", "no"]), MONEY, MEALS])
    given = [{"area": AREAS[0], "eaters": 4, "late": "no", **one} for one in served]
    seal(city.state, city.declarations, "meal", given)
    (part,) = build(city, "meals")
    return {row["area"]: row for row in rows(part)}


def shown(row: dict[str, Any], name: str) -> tuple[Any, str, str]:
    return row[name], row[f"{name}_status"], row[f"{name}_flag"]


def test_measures_are_computed_from_what_adds_up(tmp_path: Path) -> None:
    found = meals(
        tmp_path,
        {"price": 10.0},
        {"price": 25.5, "late": "yes"},
        {"price": None, "area": AREAS[1], "eaters": 2},
    )
    total = found[TOTAL]
    assert shown(total, "eaters") == (10, "", "")
    assert shown(total, "price") == (36, "", "")
    assert shown(total, "mean_price") == (17.8, "", "")
    assert shown(total, "late") == (33.3, "", "")
    assert shown(total, "price_a_head") == (3.55, "", "")
    assert shown(total, "per_mille") == (3550.0, "", "")
    assert isinstance(total["price"], int) and isinstance(total["late"], float)


def test_what_was_not_delivered_is_not_available(tmp_path: Path) -> None:
    row = meals(tmp_path, {"price": None})[AREAS[0]]
    assert shown(row, "price") == (None, "x", "")
    # A mean of nobody does not apply; a ratio of nothing known is not available.
    assert shown(row, "mean_price") == (None, "z", "")
    assert shown(row, "price_a_head") == (None, "x", "")


def test_a_ratio_over_nothing_does_not_apply(tmp_path: Path) -> None:
    row = meals(tmp_path, {"price": 5.0, "eaters": 0})[AREAS[0]]
    assert shown(row, "price_a_head") == (None, "z", "")
    assert shown(row, "eaters") == (0, "", "")


@pytest.mark.parametrize(
    ("price", "expected"),
    [(0.0, (0, "", "")), (0.4, (0, "", "low")), (-0.4, (0, "", "low")), (0.6, (1, "", ""))],
)
def test_a_value_under_the_rounding_unit_is_flagged_and_no_minus_stays(
    tmp_path: Path, price: float, expected: tuple[int, str, str]
) -> None:
    found = meals(tmp_path, {"price": price, "eaters": 1})[AREAS[0]]
    assert shown(found, "price") == expected
    small = meals(tmp_path / "b", {"price": price / 100, "eaters": 1})[AREAS[0]]
    assert str(small["price_a_head"]) in ("0.0", "0.01")
    assert small["price_a_head_flag"] == ("low" if abs(price) == 0.4 else "")


def test_the_certificate_holds_digests_and_counts_and_no_records(city: City) -> None:
    (part,) = build(city, "enrolment")
    told = json.dumps(part.certificate)
    assert "0001" not in told and "Trường" not in told
    assert set(part.certificate) == {
        "table", "period", "file_sha256", "cells", "suppressed", "thresholds", "checks", "method",
        "software", "system", "given_up", "declaration", "snapshots", "register",
    }  # fmt: skip
    assert set(part.certificate["system"]) == {
        "tables", "files_sha256", "earlier_versions", "figures", "suppressed", "told_before",
        "components", "largest_component", "linear_programmes", "solver",
    }  # fmt: skip


def test_what_was_counted_stays_for_later_audits_and_is_private(city: City) -> None:
    city.declare(cube("by-ownership", "school", [["ownership"]], [measure("schools")]))
    (part,) = build(city, "enrolment")
    folder = part.path.parent
    assert {file.name for file in folder.iterdir()} == {
        "enrolment.parquet", "enrolment.json", "enrolment.cells"
    }  # fmt: skip
    assert folder.stat().st_mode & 0o077 == part.cells.stat().st_mode & 0o077 == 0
    assert pq.read_table(part.cells).num_rows == part.certificate["cells"]
    # Figures about institutions are open: there is nothing to keep.
    (schools,) = build(city, "by-ownership")
    assert not schools.cells.exists()


def test_a_higher_threshold_hides_more(city: City) -> None:
    (first,) = build(city, "enrolment")
    city.declare({**ENROLMENT, "disclosure": {"threshold": 12}})
    (second,) = build(city, "enrolment", revoked=[first.digest])
    assert second.certificate["suppressed"]["pupils"] > first.certificate["suppressed"]["pupils"]
    assert second.certificate["thresholds"] == {"pupils": 12}
    assert min(row["pupils"] for row in rows(second) if row["pupils"]) >= 12


OLD_AREAS = (
    codelist("district", ["701"]),
    codelist("old_area", [{"code": code, "parent": "701"} for code in ("X1", "X2", "X3")],
             parent="district"),
    {**SCHOOL, "fields": [*SCHOOL["fields"], {"name": "old_area", "type": "code"}]},
    cube("old-areas", "pupil", [["district", "old_area"], ["level"]], [measure("pupils")],
         disclosure={"ladder": [{"drop": "old_area"}, {"drop": "district"}]}),
)  # fmt: skip
"""Wards of before: of X2, a part is in the first area and a part in the second."""


def split_city(folder: Path, few: int) -> City:
    """A city with so `few` pupils in the part of the split ward that went to the first area."""
    made = City(folder, [*CITY, *OLD_AREAS])
    places = ((1, 0, "X1"), (2, 0, "X2"), (3, 1, "X2"), (4, 1, "X3"))
    schools = [{**school(number, AREAS[area]), "old_area": old} for number, area, old in places]
    seal(made.state, made.declarations, "school", schools)
    seal_pupils(made, {1: 100, 2: few, 3: 200, 4: 80})
    return made


def seal_pupils(city: City, counts: Mapping[int, int]) -> None:
    """So many boys and girls at each school."""
    everybody = [
        pupil for number, count in counts.items() for sex in ("male", "female")
        for pupil in pupils(count, f"{number:04d}", sex=sex)
    ]  # fmt: skip
    seal(city.state, city.declarations, "pupil", everybody)


def test_tables_on_old_and_new_areas_hide_what_their_difference_would_tell(tmp_path: Path) -> None:
    city = split_city(tmp_path, 2)
    city.declare(ENROLMENT | {"dimensions": [{"name": "place", "hierarchy": ["area"]}],
                              "disclosure": {}})  # fmt: skip
    new, old = build(city, "enrolment", "old-areas")
    hidden = sum(row["pupils_status"] == "c" for part in (new, old) for row in rows(part))
    assert hidden > 0 and new.certificate["given_up"] == old.certificate["given_up"] == []
    # With as many there as elsewhere, nothing is.
    city = split_city(tmp_path / "more", 30)
    parts = build(city, "enrolment", "old-areas")
    assert not any(row["pupils_status"] for part in parts for row in rows(part))


def audited(city: City, *names: str) -> Audited:
    """The audit of what stands, as of each night."""
    tables = [city.declarations.tables[name] for name in names]
    store = PartStore(city.state)
    versions = [
        Version(table, part, 0 if part == store.get(table, YEAR) else part.number)
        for table in tables for part in store.versions(table, YEAR)
    ]  # fmt: skip
    published = [one.published for one in versions]
    return audit_together(YEAR, published, between(city.state, "pupil", YEAR, versions))


def test_what_lies_between_tables_is_kept_for_later_audits(tmp_path: Path) -> None:
    city = split_city(tmp_path, 2)
    (part, old) = build(city, "enrolment", "old-areas")
    tables = [city.declarations.tables[name] for name in ("enrolment", "old-areas")]
    versions = [(tables[0], part, 0), (tables[1], old, 0)]
    (lying,) = PartStore(city.state).between("pupil", YEAR, versions)
    assert (lying.of, lying.version) == (("enrolment", "old-areas"), 0)
    assert lying.cells.parent == part.path.parent and lying.cells.stat().st_mode & 0o077 == 0
    assert PartStore(city.state).between("pupil", YEAR, versions[:1]) == []
    assert audited(city, "enrolment", "old-areas").told == 0


def test_a_revision_of_tables_on_old_and_new_areas_goes_through_the_same_gate(
    tmp_path: Path,
) -> None:
    city = split_city(tmp_path, 2)
    build(city, "enrolment", "old-areas")
    seal_pupils(city, {1: 160, 2: 2, 3: 200, 4: 80})
    build(city, "enrolment", "old-areas")
    found = audited(city, "enrolment", "old-areas")
    assert found.certificates["old-areas"].system["earlier_versions"] == 1 and found.told == 0
    tables = [city.declarations.tables[name] for name in ("enrolment", "old-areas")]
    store = PartStore(city.state)
    versions = [(one, part, 0 if part == store.get(one, YEAR) else part.number)
                for one in tables for part in store.versions(one, YEAR)]  # fmt: skip
    assert [one.version for one in store.between("pupil", YEAR, versions)] == [0, 1]


def test_a_table_that_was_withdrawn_still_crosses_one_that_stands(tmp_path: Path) -> None:
    city = split_city(tmp_path, 2)
    parts = build(city, "enrolment", "old-areas")
    tables = [city.declarations.tables[name] for name in ("enrolment", "old-areas")]
    versions = [Version(tables[0], parts[0], 1), Version(tables[1], parts[1], 0)]
    (lying,) = between(city.state, "pupil", YEAR, versions)
    assert (lying.version, lying.stood) == (1, (1, 0))
    audit_together(YEAR, [one.published for one in versions], [lying])


def test_a_revision_by_which_a_sliver_changes_is_held(tmp_path: Path) -> None:
    city = split_city(tmp_path, 2)
    build(city, "enrolment", "old-areas")
    seal_pupils(city, {1: 100, 2: 1, 3: 200, 4: 80})
    parts = build(city, "enrolment", "old-areas")
    assert [part.number for part in parts] == [1, 1]
    assert PartStore(city.state).held("pupil", YEAR) is not None


def test_old_areas_that_come_too_late_go_down_their_own_ladder(tmp_path: Path) -> None:
    city = split_city(tmp_path, 2)
    # Everything on new areas stands open, but for the school of four.
    build(city, "enrolment")
    (old,) = build(city, "old-areas")
    assert {row["old_area"] for row in rows(old)} in ({TOTAL}, {TOTAL, "X1", "X2", "X3"})
    audited(city, "enrolment", "old-areas")
    # What lies between tables that stand already is not written twice.
    city.declare(cube("old-by-sex", "pupil", [["old_area"], ["sex"]], [measure("pupils")],
                      disclosure={"ladder": [{"drop": "old_area"}]}))  # fmt: skip
    (late,) = build(city, "old-by-sex")
    lying = {path.name for path in late.path.parent.glob("*.between")}
    assert lying == {"enrolment x old-by-sex.between", "old-areas x old-by-sex.between"} & lying
    assert lying and "enrolment x old-areas.between" not in lying
    audited(city, "enrolment", "old-areas", "old-by-sex")
    # All are of the same records, and so are all of a revision.
    seal_pupils(city, {1: 160, 2: 2, 3: 200, 4: 80})
    build(city, "enrolment", "old-areas", "old-by-sex")
    found = audited(city, "enrolment", "old-areas", "old-by-sex")
    assert found.certificates["old-areas"].system["earlier_versions"] == 3


def test_old_areas_of_a_period_that_was_revised_before_are_refused(tmp_path: Path) -> None:
    city = split_city(tmp_path, 30)
    build(city, "enrolment")
    seal_pupils(city, {1: 160, 2: 30, 3: 200, 4: 80})
    build(city, "enrolment")
    with pytest.raises(Refused, match="What lies between it and enrolment is not known"):
        build(city, "old-areas")
