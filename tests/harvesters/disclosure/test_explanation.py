"""Why a figure is hidden is told, never the figure itself."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harvesters.disclosure.explanation import Explanation, NoSuchCell, explain
from harvesters.explain import explain_published
from harvesters.parts import PartStore
from tests.harvesters.builders import YEAR, City, many_pupils
from tests.harvesters.disclosure import amounts
from tests.schemas.builders import AREAS, CITY, cube, measure

pytestmark = pytest.mark.unit

CONNECTED = cube(
    "connected",
    "pupil",
    [["sex"]],
    [
        measure("all_pupils"),
        measure("with_internet", count={"where": {"internet": ["yes"]}}),
        measure("share", rate={"of": {"internet": ["yes"]}}),
        measure("fees_paid", sum="fees", about="persons", decimals=2),
    ],
    disclosure={"threshold": 10},
)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    city = City(tmp_path_factory.mktemp("city"), [*CITY, CONNECTED])
    rows = [
        {**one, "internet": "no" if place in (0, 1, 50) else "yes", "fees": 100.0}
        for place, one in enumerate(many_pupils())
    ]
    outcome = city.publish(rows)
    assert not outcome.refusals, outcome.refusals
    return city


def ask(city: City, table: str = "enrolment", **asked: str) -> Explanation:
    period, found = explain_published(city.state, city.declarations, table, asked)
    assert period == YEAR
    return found


def hidden_rows(city: City) -> list[dict[str, Any]]:
    part = PartStore(city.state).get(city.declarations.tables["enrolment"], YEAR)
    assert part is not None
    return [row for row in pq.read_table(part.path).to_pylist() if row["pupils_status"] == "c"]


def test_a_figure_that_is_too_small_is_told_so(city: City) -> None:
    found = ask(city, school="0001", grade="g2", sex="male")
    (figure,) = found.figures
    assert (found.status, found.value) == ("c", None)
    assert figure.too_small and figure.least == 0 and figure.greatest >= figure.k
    assert found.cell["area"] == "00100" and found.cell["level"] == "primary"


def test_a_figure_that_tells_of_nobody_of_a_sensitive_category_is_told_so(tmp_path: Path) -> None:
    online = cube("online", "pupil", [["school"], ["internet"]], [measure("pupils")])
    online["dimensions"][1] |= {"zeros": True, "sensitive": ["no"]}
    city = City(tmp_path, [*CITY, online])
    assert not city.publish([{**one, "internet": "yes"} for one in many_pupils()]).refusals
    (figure,) = ask(city, "online", school="0002", internet="no").figures
    assert figure.all_or_none and not figure.too_small
    assert figure.least == 0 and figure.greatest >= figure.k


def test_a_figure_hidden_for_others_is_told_so(city: City) -> None:
    (figure,) = ask(city, school="0001", grade="g2", sex="female").figures
    assert not figure.too_small
    assert figure.greatest - figure.least >= 1


def test_every_true_figure_lies_in_the_interval_that_is_told(city: City) -> None:
    counts: dict[tuple[str, str], int] = {}
    for pupil in many_pupils():
        for grade, sex in itertools.product((pupil["grade"], "_T"), (pupil["sex"], "_T")):
            if pupil["school"] == "0001":
                counts[grade, sex] = counts.get((grade, sex), 0) + 1
    asked = 0
    for row in hidden_rows(city):
        if row["school"] == "0001" and row["level"] == "primary":
            (figure,) = ask(city, school="0001", level="primary", **cell(row)).figures
            assert figure.least <= counts[row["grade"], row["sex"]] <= figure.greatest
            asked += 1
    assert asked >= 4


def cell(row: dict[str, Any]) -> dict[str, str]:
    return {name: row[name] for name in ("grade", "sex")}


def test_the_lines_with_other_hidden_figures_are_told(city: City) -> None:
    (figure,) = ask(city, school="0001", grade="g2", sex="male").figures
    found = {(line.by, line.hidden) for line in figure.lines}
    assert (("sex",), 2) in found
    for line in figure.lines:
        assert 2 <= line.hidden <= line.figures
    by_sex = next(line for line in figure.lines if line.by == ("sex",))
    assert by_sex.total == {"school": "0001", "grade": "g2"}


def test_what_is_not_hidden_is_told_as_it_is_published(city: City) -> None:
    found = ask(city, school="0002", grade="g1", sex="male")
    assert (found.status, found.value, found.figures) == ("", 30, ())
    assert ask(city).value == len(many_pupils())


def test_the_counts_behind_a_rate_and_an_amount_are_told(city: City) -> None:
    share = ask(city, "connected", sex="male", measure="share")
    assert share.status == "c"
    assert {figure.component.name for figure in share.figures} >= {share.measure.numerator.name}
    assert all(figure.k == 10 for figure in share.figures)
    for sex in ("male", "female"):
        amount = ask(city, "connected", sex=sex, measure="fees_paid")
        assert (amount.status == "c") == (len(amount.figures) == 1)


def test_a_sum_of_amounts_is_explained_by_what_it_is_of(tmp_path: Path) -> None:
    """Two schools know each other's floor area from their sum; those of all areas hide it."""
    (table,) = [amounts.declarations_in(tmp_path).tables["areas"]]
    rows = [
        {"school": f"{number:04d}", "owner": None, "area": area, "space": 100.25}
        for number, area in enumerate([AREAS[0]] * 2 + [AREAS[1]] * 9 + [AREAS[2]] * 9)
    ]
    shown = amounts.files([table], *amounts.protected([table], rows), tmp_path)
    (few,) = explain(shown, shown[0], {"area": AREAS[0]}).figures
    assert few.amount and few.too_small and few.least < 200.5 * 0.9 and few.greatest > 200.5 * 1.1
    hidden = [area for area in AREAS[1:3] if explain(shown, shown[0], {"area": area}).status == "c"]
    (other,) = explain(shown, shown[0], {"area": hidden[0]}).figures
    assert other.amount and not other.too_small and other.least < 902.25 < other.greatest
    assert (other.lines[0].hidden, other.lines[0].figures) == (2, len(AREAS) + 1)


@pytest.mark.parametrize(
    ("table", "asked", "told"),
    [
        ("enrolmet", {}, "Did you mean enrolment?"),
        ("schools", {}, "is a register"),
        ("enrolment", {"schol": "0001"}, "Did you mean school?"),
        ("enrolment", {"sex": "femal"}, "Did you mean female, male?"),
        ("enrolment", {"grade": "3"}, "There is _T, g1, g2, g6."),
        ("enrolment", {"area": "00200", "school": "0001"}, "With another `area`"),
        ("enrolment", {"school": "0003", "grade": "g6"}, "Did you mean 0002?"),
        ("enrolment", {"measure": "pupil"}, "Did you mean pupils?"),
        ("enrolment", {"period": "2025-2027"}, "Did you mean 2025-2026?"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    city: City, table: str, asked: dict[str, str], told: str
) -> None:
    with pytest.raises(NoSuchCell) as refused:
        explain_published(city.state, city.declarations, table, asked)
    assert told in str(refused.value)


def test_of_several_periods_one_has_to_be_named(tmp_path: Path) -> None:
    city = City(tmp_path)
    city.publish()
    city.publish(period="2026-2027")
    with pytest.raises(NoSuchCell, match="Say which period: period=2026-2027"):
        explain_published(city.state, city.declarations, "enrolment", {})
    for name in ("period", "school_year"):
        asked = {name: YEAR}
        assert explain_published(city.state, city.declarations, "enrolment", asked)[0] == YEAR
    city.store.withdraw("enrolment", None, "Sai số liệu")
    with pytest.raises(NoSuchCell, match="Nothing of enrolment is published"):
        explain_published(city.state, city.declarations, "enrolment", {})


def test_what_earlier_versions_told_is_known_to_a_reader(tmp_path: Path) -> None:
    city = City(tmp_path)
    city.publish()
    more = [{**one, "pupil_key": f"more-{place}"} for place, one in enumerate(many_pupils())]
    outcome = city.publish([*many_pupils(), *more])
    assert not outcome.refusals and outcome.releases
    found = ask(city, school="0001", grade="g2", sex="male")
    (figure,) = found.figures
    assert found.revised and found.status == "c"
    assert figure.too_small and figure.least == 0 and figure.greatest >= figure.k
    for line in figure.lines:
        assert not any("@" in code for code in line.total.values())
