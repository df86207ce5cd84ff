"""Tables: what follows from a declaration, and every way in which one can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from schemas import DeclarationError, DeclarationErrors, Declarations, Table
from schemas.table import DEFAULT_THRESHOLD, SENSITIVE_THRESHOLD
from tests.schemas.builders import (
    CITY,
    ENROLMENT,
    SCHOOLS,
    codelist,
    cube,
    declare,
    measure,
    record,
    register,
    text,
)

pytestmark = pytest.mark.unit

Change = Callable[[dict[str, Any]], Any]

PAYMENT = record(
    "payment",
    [
        {"name": "area", "type": "code"},
        {"name": "payers", "type": "integer"},
        {"name": "amount", "type": "decimal", "open": text("Được niêm yết", "Posted up")},
    ],
    period="month",
)

CONNECTION = record(
    "connection",
    [
        {"name": "school", "type": "institution", "unique": True},
        {"name": "mbps", "type": "decimal", "minimum": 0},
        {"name": "pupils", "type": "integer"},
    ],
)


def with_table(folder: Path, table: dict[str, Any], *more: dict[str, Any]) -> Table:
    found = declare(folder, [*CITY, PAYMENT, CONNECTION, *more, table])
    return found.tables[table["table"]]


def errors_of(folder: Path, table: dict[str, Any], *more: dict[str, Any]) -> list[DeclarationError]:
    with pytest.raises(DeclarationErrors) as refused:
        with_table(folder, table, *more)
    errors = refused.value.errors
    assert {error.file for error in errors} == {folder / "tables" / f"{table['table']}.yaml"}
    return errors


def line_of(folder: Path, table: str, start: str, nth: int = 1) -> int:
    """The line of a table's file on which `start` stands for the nth time."""
    lines = (folder / "tables" / f"{table}.yaml").read_text("utf-8").splitlines()
    return [n for n, line in enumerate(lines, 1) if line.strip(" -").startswith(start)][nth - 1]


def test_columns_follow_from_dimensions_and_measures(tmp_path: Path) -> None:
    table = with_table(tmp_path, ENROLMENT)
    assert [(column.name, column.type, column.role) for column in table.columns] == [
        ("school_year", "period", "period"),
        ("area", "code", "dimension"),
        ("area_name", "name", "label"),
        ("school", "institution", "dimension"),
        ("school_name", "name", "label"),
        ("level", "code", "dimension"),
        ("grade", "code", "dimension"),
        ("sex", "code", "dimension"),
        ("pupils", "integer", "measure"),
        ("pupils_status", "status", "status"),
        ("pupils_flag", "flag", "flag"),
    ]
    assert table.key == ("school_year", "area", "school", "level", "grade", "sex")
    assert table.from_register == {"area"}
    assert dict(table.derived) == {"level": "grade"}
    assert table.column("level").title["vi"] == "Danh mục level"
    assert table.column("pupils").as_dict()["unit"] == {"vi": "người", "en": "persons"}
    assert {column.title[key] for column in table.columns for key in ("vi", "en")} > {"Số pupils"}
    with pytest.raises(KeyError):
        table.column("birthday")


def test_columns_of_a_register_are_its_fields_and_rows_are_told_apart_by_the_school(
    tmp_path: Path,
) -> None:
    table = with_table(tmp_path, SCHOOLS)
    assert [column.name for column in table.columns] == [
        "school_year", "school", "school_name", "area", "area_name", "ownership", "latitude",
    ]  # fmt: skip
    assert table.key == ("school_year", "school")
    assert table.column("latitude").type == "decimal"


def test_a_register_without_schools_is_told_apart_by_all_its_codes(tmp_path: Path) -> None:
    move = record(
        "move", [{"name": "area", "type": "code"}, {"name": "sex", "type": "code"}],
        about="institutions", period="date",
    )  # fmt: skip
    table = with_table(tmp_path, register("moves", "move", ["area", "sex"]), move)
    assert table.key == ("date", "area", "sex")


@pytest.mark.parametrize(
    ("how", "kind", "decimals", "numerator", "denominator"),
    [
        ({}, "integer", 0, (None, True, {}), None),
        ({"count": {"where": {"sex": ["male"]}}}, "integer", 0, (None, True, {"sex": ("male",)}),
         None),
        ({"count": {"where": {"level": ["primary"]}}}, "integer", 0,
         (None, True, {"level": ("primary",)}), None),
        ({"sum": "absences"}, "integer", 0, ("absences", True, {}), None),
        ({"sum": "fees"}, "decimal", 2, ("fees", False, {}), None),
        ({"sum": "fees", "decimals": 0}, "integer", 0, ("fees", False, {}), None),
        ({"mean": {"of": "fees"}}, "decimal", 2, ("fees", False, {}), ("fees", True, True)),
        ({"rate": {"of": {"internet": ["yes"]}}}, "decimal", 1,
         (None, True, {"internet": ("yes",)}), (None, False, True)),
        ({"ratio": {"of": "fees", "over": "absences"}}, "decimal", 2, ("fees", False, {}),
         ("absences", False, True)),
    ],
)  # fmt: skip
def test_each_way_to_compute_a_measure_is_made_of_numbers_that_add_up(
    tmp_path: Path,
    how: dict[str, Any],
    kind: str,
    decimals: int,
    numerator: tuple[Any, ...],
    denominator: tuple[Any, ...] | None,
) -> None:
    table = with_table(tmp_path, cube("x", "pupil", [["area"]], [measure("m", **how)]))
    (found,) = table.measures
    assert (table.column("m").type, found.decimals) == (kind, decimals)
    top, below = found.numerator, found.denominator
    assert (top.source, top.whole, dict(top.where)) == numerator
    assert (below and (below.source, below.counted, below.whole)) == denominator
    assert found.scale == (100 if "rate" in how else 1)


def test_a_table_is_as_prominent_as_others_unless_it_says_so(tmp_path: Path) -> None:
    assert with_table(tmp_path, ENROLMENT).prominence == 1
    assert with_table(tmp_path, {**ENROLMENT, "prominence": 1.2}).prominence == 1.2


def test_thresholds_have_a_default_and_may_be_raised(tmp_path: Path) -> None:
    def threshold(**rules: Any) -> int:
        table = cube("x", "pupil", [["area"]], [measure("m")], disclosure=rules)
        return with_table(tmp_path, table).disclosure.threshold

    assert threshold() == DEFAULT_THRESHOLD == 5
    assert threshold(sensitive=True) == SENSITIVE_THRESHOLD == 10
    assert threshold(threshold=7) == 7
    assert threshold(threshold=12, sensitive=True) == 12


@pytest.mark.parametrize(
    "rules",
    [{"threshold": 4}, {"threshold": 1}, {"threshold": 0}, {"threshold": 9, "sensitive": True}],
)
def test_a_threshold_may_not_be_lowered(tmp_path: Path, rules: dict[str, Any]) -> None:
    table = cube("x", "pupil", [["area"]], [measure("m")], disclosure=rules)
    (error,) = errors_of(tmp_path, table)
    assert error.path == "disclosure.threshold"
    assert error.line == line_of(tmp_path, "x", "threshold")
    assert error.remedy


def _set(*path: str | int, to: Any) -> Change:
    def change(table: dict[str, Any]) -> None:
        for step in path[:-1]:
            table = table[step]  # type: ignore[literal-required]
        table[path[-1]] = to  # type: ignore[index]

    return change


def _drop(key: str) -> Change:
    return lambda table: table.pop(key)


MISTAKES: list[tuple[str, Change, str, str]] = [
    ("an unknown record", _set("record", to="learner"), "record", "no record type `learner`"),
    ("an unknown kind", _set("kind", to="chart"), "kind", "not one of the values"),
    ("an unknown frequency", _set("frequency", to="daily"), "frequency", "not one of the values"),
    ("a name with capitals", _set("topic", to="Pupils"), "topic", "does not have the form"),
    ("no title", _drop("title"), "", "Missing here: `title`."),
    ("no English", _drop("methodology"), "", "`methodology`"),
    ("no keywords", _set("keywords", "en", to=[]), "keywords.en", "empty"),
    ("less than others", _set("prominence", to=0.5), "prominence", "0.5"),
    ("a prominence in words", _set("prominence", to="high"), "prominence", "high"),
    ("no dimensions", _drop("dimensions"), "", "needs `dimensions:`"),
    ("no measures", _drop("measures"), "", "needs `measures:`"),
    ("columns", _set("columns", to=["sex"]), "columns", "has no `columns:`"),
    ("an unknown field", _set("dimensions", 2, "hierarchy", to=["shoe_size"]),
     "dimensions.2.hierarchy", "no field `shoe_size`"),
    ("a key as dimension", _set("dimensions", 2, "hierarchy", to=["pupil_key"]),
     "dimensions.2.hierarchy", "no field `pupil_key`"),
    ("a wrong hierarchy", _set("dimensions", 1, "hierarchy", to=["ownership", "grade"]),
     "dimensions.1.hierarchy", "`ownership` is not above `grade`"),
    ("a hierarchy upside down", _set("dimensions", 0, "hierarchy", to=["school", "area"]),
     "dimensions.0.hierarchy", "`school` is not above `area`"),
    ("levels under grades", _set("dimensions", 1, "hierarchy", to=["grade", "level"]),
     "dimensions.1.hierarchy", "`grade` is not above `level`"),
    ("a column twice", _set("dimensions", 2, "hierarchy", to=["grade"]), "dimensions.2",
     "`grade` is in two dimensions"),
    ("a field that may be missing", _set("dimensions", 2, "hierarchy", to=["latitude"]),
     "dimensions.2.hierarchy", "`latitude` may be missing"),
    ("zeros for schools", _set("dimensions", 0, "zeros", to=True), "dimensions.0",
     "Zeros cannot be filled in for `school`"),
    ("zeros in words", _set("dimensions", 1, "zeros", to="some"), "dimensions.1.zeros",
     "does not have the right form"),
    ("offered without a code above", _set("dimensions", 2, "zeros", to="offered"),
     "dimensions.2.zeros", "Nothing stands above `sex`"),
    ("offered by nobody", _set("dimensions", to=[
        {"name": "education", "hierarchy": ["level", "grade"], "zeros": "offered"}]),
     "dimensions.0.zeros", "No dimension goes down to institutions"),
    ("offered schools", _set("dimensions", 0, "zeros", to="offered"), "dimensions.0",
     "Zeros cannot be filled in for `school`"),
    ("structural zeros of no combination", _set("structural_zeros", to=[{}]),
     "structural_zeros.0", "empty"),
    ("structural zeros of an unknown column", _set("structural_zeros", to=[{"hat": ["red"]}]),
     "structural_zeros.0.hat", "`hat` is no column of a dimension"),
    ("structural zeros of a column that is no dimension's",
     _set("structural_zeros", to=[{"internet": ["no"]}]), "structural_zeros.0.internet",
     "`internet` is no column of a dimension"),
    ("structural zeros of an unknown code",
     _set("structural_zeros", to=[{"level": ["primary"], "sex": ["x"]}]),
     "structural_zeros.0.sex", "`x` is not a code of `sex`"),
    ("structural zeros of a school", _set("structural_zeros", to=[{"school": ["0001"]}]),
     "structural_zeros.0.school", "`school` has no code list"),
    ("two ways to compute", _set("measures", 0, "sum", to="absences"), "measures.0", "in 2 ways"),
    ("no way to compute", lambda table: table["measures"][0].pop("count"), "measures.0",
     "in 0 ways"),
    ("a sum of codes", _set("measures", 0, to=measure("m", sum="sex")), "measures.0.sum",
     "`sex` is no number"),
    ("a sum of nothing", _set("measures", 0, to=measure("m", sum="shoes")), "measures.0.sum",
     "no field `shoes`"),
    ("a mean of codes", _set("measures", 0, to=measure("m", mean={"of": "sex"})),
     "measures.0.mean", "`sex` is no number"),
    ("a ratio over nothing",
     _set("measures", 0, to=measure("m", ratio={"of": "fees", "over": "shoes"})),
     "measures.0.ratio", "no field `shoes`"),
    ("an unknown code", _set("measures", 0, to=measure("m", count={"where": {"sex": ["x"]}})),
     "measures.0.count", "`x` is not a code of `sex`"),
    ("an unknown filter", _set("measures", 0, to=measure("m", count={"where": {"hat": ["x"]}})),
     "measures.0.count", "no field `hat`"),
    ("a misspelt filter", _set("measures", 0, "count", to={"wher": {"sex": ["male"]}}),
     "measures.0.count", "right form"),
    ("false for a count", _set("measures", 0, "count", to=False), "measures.0.count",
     "right form"),
    ("too many decimals", _set("measures", 0, "decimals", to=9), "measures.0.decimals",
     "out of range"),
    ("pupils counted as institutions", _set("measures", 0, "about", to="institutions"),
     "measures.0.about", "as if they were institutions"),
    ("a rate of pupils as of institutions",
     _set("measures", 0, to=measure("m", rate={"of": {"sex": ["male"]}}, about="institutions")),
     "measures.0.about", "as if they were institutions"),
    ("a measure called as a column", _set("measures", 0, "name", to="sex"), "",
     "Two columns are called `sex`"),
    ("a measure called as the period", _set("measures", 0, "name", to="school_year"), "",
     "Two columns are called `school_year`"),
    ("a rung that is no finest column", _set("disclosure", "ladder", 0, "drop", to="level"),
     "disclosure.ladder.0", "`level` is not the finest column"),
    ("a rung twice", _set("disclosure", "ladder", 1, "drop", to="grade"), "disclosure.ladder.1",
     "`grade` is not the finest column"),
    ("an unknown rule", _set("disclosure", "hide", to="nothing"), "disclosure",
     "Not known here: `hide`."),
    ("text for a truth value", _set("approval", to="yes"), "approval", "Expected boolean"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "path", "message"), [case[1:] for case in MISTAKES], ids=[c[0] for c in MISTAKES]
)
def test_each_mistake_is_told_with_its_place_and_a_remedy(
    tmp_path: Path, change: Change, path: str, message: str
) -> None:
    table = deepcopy(ENROLMENT)
    change(table)
    errors = errors_of(tmp_path, table)
    found = [error for error in errors if error.path == path and message in error.message]
    assert found, errors
    assert found[0].line == _line(tmp_path / "tables/enrolment.yaml", path)
    assert found[0].remedy


def _line(file: Path, path: str) -> int:
    """The line on which the part at `path` starts, found by going down its indented keys."""
    lines = file.read_text("utf-8").splitlines()
    at = 0
    for step in path.split(".") if path else ():
        if step.isdigit():
            dashes = [n for n in range(at + 1, len(lines)) if lines[n].lstrip().startswith("- ")]
            indent = len(lines[dashes[0]]) - len(lines[dashes[0]].lstrip())
            at = [n for n in dashes if lines[n].startswith(" " * indent + "- ")][int(step)]
        else:
            at = next(
                n for n in range(at, len(lines)) if lines[n].strip(" -").startswith(f"{step}:")
            )
    return at + 1


def test_structural_zeros_are_declared_by_combination_or_by_what_is_offered(
    tmp_path: Path,
) -> None:
    plain = with_table(tmp_path, ENROLMENT)
    assert not plain.has_structural_zeros and plain.institution == "school"
    by_area = cube("x", "pupil", [["area"], ["level"], ["sex"]], [measure("m")],
                   structural_zeros=[{"area": ["00100"], "level": ["primary"]}])  # fmt: skip
    declared = with_table(tmp_path, by_area)
    assert declared.structural_zeros == ({"area": ("00100",), "level": ("primary",)},)
    assert declared.has_structural_zeros and declared.institution is None
    table = deepcopy(ENROLMENT)
    table["dimensions"][1]["zeros"] = "offered"
    offered = with_table(tmp_path, table)
    assert [(one.zeros, one.offered) for one in offered.dimensions] == [
        (False, False), (False, True), (True, False),
    ]  # fmt: skip
    assert offered.has_structural_zeros and not offered.structural_zeros


def test_a_register_has_no_structural_zeros(tmp_path: Path) -> None:
    table = {**SCHOOLS, "structural_zeros": [{"area": ["00100"]}]}
    (error,) = errors_of(tmp_path, table)
    assert (error.path, error.message) == (
        "structural_zeros", "A register has no `structural_zeros:`.",
    )  # fmt: skip
    assert error.line == line_of(tmp_path, "schools", "structural_zeros")


def test_a_derived_column_needs_a_parent_for_every_code(tmp_path: Path) -> None:
    grade = codelist("grade", [{"code": "g1", "parent": "primary"}, "orphan"], parent="level")
    (error,) = errors_of(tmp_path, ENROLMENT, grade)
    assert error.message == "`orphan` of `grade` has no parent in `level`."
    assert error.path == "dimensions.1.hierarchy"


def test_a_table_about_a_record_of_one_line_a_school_may_count_schools(tmp_path: Path) -> None:
    table = cube(
        "x", "connection", [["area"]],
        [measure("schools", about="institutions"), measure("pupils", sum="pupils")],
    )  # fmt: skip
    assert [one.about for one in with_table(tmp_path, table).measures] == [
        "institutions", "persons",
    ]  # fmt: skip


def test_a_register_lists_no_persons(tmp_path: Path) -> None:
    errors = errors_of(tmp_path, register("x", "pupil", ["school", "sex"]))
    assert [error.message for error in errors] == [
        "A register lists institutions; this record is about persons."
    ]


def test_a_register_has_columns_that_there_are_and_no_dimensions(tmp_path: Path) -> None:
    wrong = register("x", "school", ["school", "headmaster"], dimensions=ENROLMENT["dimensions"])
    messages = [error.message for error in errors_of(tmp_path, wrong)]
    assert "A register has no `dimensions:`." in messages
    assert "`school` has no field `headmaster`." in messages


def test_the_file_is_called_as_the_table(tmp_path: Path) -> None:
    declare(tmp_path, CITY)
    path = tmp_path / "tables" / "enrolment.yaml"
    path.rename(path.with_name("pupils.yaml"))
    with pytest.raises(DeclarationErrors) as refused:
        Declarations.load(own=tmp_path)
    (error,) = refused.value.errors
    assert (error.line, error.path) == (1, "table")
    assert error.remedy == "Give both the same name."


def test_all_mistakes_of_a_table_are_told_at_once_by_line(tmp_path: Path) -> None:
    table = deepcopy(ENROLMENT)
    table["dimensions"][2]["hierarchy"] = ["hat"]
    table["measures"][0] = measure("m", sum="shoes")
    table["disclosure"]["threshold"] = 2
    errors = errors_of(tmp_path, table)
    assert len(errors) == 3
    assert [error.line for error in errors] == sorted(error.line for error in errors)


def test_a_threshold_is_written_as_a_number(tmp_path: Path) -> None:
    table = cube("x", "pupil", [["area"]], [measure("m")], disclosure={"threshold": "6"})
    (error,) = errors_of(tmp_path, table)
    assert error.message == "Expected integer, found str `6`."


def test_amounts_have_months(tmp_path: Path) -> None:
    table = with_table(
        tmp_path, cube("paid", "payment", [["area"]], [measure("amount", sum="amount")])
    )
    assert table.key == ("month", "area")
    assert table.columns[0].title == text("Tháng", "Month")


def test_a_decimal_is_a_magnitude_unless_its_values_are_open(tmp_path: Path) -> None:
    measures = [
        measure("mbps", sum="mbps"),
        measure("mean_mbps", mean={"of": "mbps"}),
        measure("pupils_per_mbps", ratio={"of": "pupils", "over": "mbps"}),
        measure("pupils", sum="pupils"),
    ]
    table = with_table(tmp_path, cube("lines", "connection", [["area"]], measures))
    told = {one.name: [part.name for part in one.magnitudes] for one in table.measures}
    assert told == {
        "mbps": ["mbps"], "mean_mbps": ["mean_mbps__sum"],
        "pupils_per_mbps": ["pupils_per_mbps__of"], "pupils": [],
    }  # fmt: skip
    paid = cube("paid", "payment", [["area"]], [measure("amount", sum="amount"), measure("n")])
    table = with_table(tmp_path, paid)
    assert not any(one.magnitudes for one in table.measures)


def test_a_sum_of_amounts_says_whose_they_are(tmp_path: Path) -> None:
    grant = record(
        "grant",
        [{"name": "area", "type": "code"}, {"name": "money", "type": "decimal", "minimum": 0}],
        about="institutions",
    )
    table = cube("grants", "grant", [["area"]], [measure("money", sum="money")])
    (error,) = errors_of(tmp_path, table, grant)
    assert error.message == "`money` is an amount, and `grant` does not say whose."
    assert "`school` or `owner`" in error.remedy and "`open:`" in error.remedy
    assert error.line == line_of(tmp_path, "grants", "sum:")


def test_a_register_shows_no_amount_of_an_institution(tmp_path: Path) -> None:
    site = record(
        "site",
        [
            {"name": "school", "type": "institution", "unique": True},
            {"name": "space", "type": "decimal", "minimum": 0},
        ],
        about="institutions",
    )
    (error,) = errors_of(tmp_path, register("sites", "site", ["school", "space"]), site)
    assert error.message == "`space` is an amount, and a register shows that of each."


SECRET = (
    codelist("faith", ["one", "two"], sensitive=True),
    codelist("need", ["none", "some"], sensitive=["some"]),
    record(
        "member",
        [
            {"name": "area", "type": "code"},
            {"name": "sex", "type": "code"},
            {"name": "faith", "type": "code"},
            {"name": "need", "type": "code"},
        ],
    ),
)


def members(dimensions: Any, measures: Any = (), **more: Any) -> dict[str, Any]:
    return cube("members", "member", dimensions, measures or [measure("m")], **more)


def test_a_sensitive_list_makes_every_table_of_persons_by_it_sensitive(tmp_path: Path) -> None:
    table = with_table(tmp_path, members([["area"], ["faith"], ["need"]]), *SECRET)
    assert table.disclosure.sensitive and table.disclosure.threshold == 10
    by_area, by_faith, by_need = table.dimensions
    assert not by_area.sensitive
    assert by_faith.sensitive == {"faith": ("one", "two")}
    assert by_need.sensitive == {"need": ("some",)}
    more = [{"name": "n", "hierarchy": ["need"], "sensitive": ["some", "none"]}]
    (named,) = with_table(tmp_path, members(more), *SECRET).dimensions
    assert named.sensitive == {"need": ("some", "none")}


@pytest.mark.parametrize(("codes", "k"), [(["some"], 10), (["some", "none"], 10), (["none"], 5)])
def test_a_filter_by_a_sensitive_code_makes_a_table_sensitive(
    tmp_path: Path, codes: list[str], k: int
) -> None:
    counting = [measure("all"), measure("some", count={"where": {"need": codes}})]
    table = with_table(tmp_path, members([["area"]], counting), *SECRET)
    assert table.disclosure.threshold == k
    assert table.measures[1].numerator.sensitive == (k == 10)


def test_institutions_by_a_sensitive_list_are_counted_openly(tmp_path: Path) -> None:
    centre = record(
        "centre",
        [{"name": "school", "type": "institution", "unique": True},
         {"name": "faith", "type": "code"}],
        about="institutions",
    )  # fmt: skip
    table = with_table(tmp_path, cube("x", "centre", [["faith"]], [measure("m")]), *SECRET, centre)
    assert not table.disclosure.sensitive and table.disclosure.threshold == 5


@pytest.mark.parametrize(
    ("dimension", "rules", "path", "message"),
    [
        ({"hierarchy": ["faith"]}, {"threshold": 9}, "disclosure.threshold",
         "The threshold 9 is lower than 10, and `faith` is sensitive."),
        ({"hierarchy": ["faith"]}, {"sensitive": False}, "disclosure.sensitive",
         "`faith` is sensitive, whatever a table says."),
        ({"hierarchy": ["faith"], "sensitive": ["one"]}, {}, "dimensions.0.sensitive",
         "`two` of `faith` is sensitive, whatever a table says."),
    ],
)  # fmt: skip
def test_a_table_may_not_say_that_what_is_sensitive_is_not(
    tmp_path: Path, dimension: dict[str, Any], rules: dict[str, Any], path: str, message: str
) -> None:
    table = members([{"name": "d", **dimension}], disclosure=rules)
    (error,) = errors_of(tmp_path, table, *SECRET)
    assert (error.path, error.message) == (path, message)
    assert error.remedy


def test_a_sensitive_table_without_sensitive_codes_takes_all_that_records_say(
    tmp_path: Path,
) -> None:
    axes = [["area", "school"], ["level", "grade"], ["grade2"], ["sex"]]
    with_rank = record(
        "pupil",
        [{"name": "school", "type": "institution"}, {"name": "grade", "type": "code"},
         {"name": "grade2", "type": "code", "codelist": "grade"}, {"name": "sex", "type": "code"}],
    )  # fmt: skip
    table = with_table(
        tmp_path, cube("x", "pupil", axes, [measure("m")], disclosure={"sensitive": True}),
        with_rank,
    )  # fmt: skip
    found = {one.hierarchy[-1]: dict(one.sensitive) for one in table.dimensions}
    assert found == {"school": {}, "grade": {}, "grade2": {}, "sex": {"sex": ("male", "female")}}


def test_a_ceiling_is_a_share(tmp_path: Path) -> None:
    def ceiling(**rules: Any) -> float:
        table = cube("x", "pupil", [["area"]], [measure("m")], disclosure=rules)
        return with_table(tmp_path, table).disclosure.most_suppressed

    assert ceiling() == 0.5
    assert ceiling(most_suppressed=0.2) == 0.2
    with pytest.raises(DeclarationErrors):
        ceiling(most_suppressed=20)
