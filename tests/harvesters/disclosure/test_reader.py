"""What a reader of the files writes down: figures, lines, rests and rates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvesters.disclosure import Published
from harvesters.disclosure.reader import Knowledge, knowledge
from schemas import Declarations, Table
from tests.harvesters.disclosure.builders import Masks, declare_tables, published, write
from tests.harvesters.disclosure.people import GRADES, counted, random_people

pytestmark = pytest.mark.unit

PEOPLE = {
    (*school, *grade, sex, internet): number
    for school in (("00100", "0001"), ("00200", "0002"))
    for grade in GRADES
    for sex in ("male", "female")
    for internet, number in (("yes", 30), ("no", 8))
}


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


def put(table: Table, cells: pa.Table, folder: Path, hidden: Masks | None = None) -> Published:
    nothing = {one.name: np.zeros(cells.num_rows, dtype=bool) for one in table.measures}
    rows = published(table, cells, {**nothing, **(hidden or {})})
    file = write(table, rows, folder / f"{table.name}.parquet")
    pq.write_table(cells, file.with_suffix(".cells"))
    return Published(table, file, file.with_suffix(".cells"))


def by_key(known: Knowledge, values: np.ndarray) -> Mapping[tuple[str, ...], float]:
    """Values by what figures are called: their codes, in any order."""
    return {
        tuple(sorted(key.strip(";").split(";"))): value
        for key, value in zip(known.key, values.tolist(), strict=True)
    }


def within(known: Knowledge, values: np.ndarray) -> np.ndarray:
    """Which rows of the system the values keep."""
    sums = np.bincount(
        known.row, weights=known.sign * values[known.figure], minlength=len(known.least)
    )
    return (sums >= known.least - 1e-6) & (sums <= known.greatest + 1e-6)


def test_figures_are_called_by_their_finest_codes(
    declarations: Declarations, tmp_path: Path
) -> None:
    table = declarations.tables["by-school"]
    known = knowledge([put(table, counted(table, PEOPLE), tmp_path)])
    values = by_key(known, known.value)
    assert values[("",)] == 12 * 38
    assert values[("grade=g1", "school=0001", "sex=male")] == 38
    assert values[("area=00100", "level=primary")] == 4 * 38
    assert known.clashes == 0 and not known.hidden.any()
    assert (known.value == known.truth).all() and (known.k == 5).all()


@pytest.mark.parametrize(
    "names", [["by-school"], ["online", "one-line"], ["rates", "by-school", "online"]]
)
def test_the_truth_keeps_every_row_of_the_system(
    declarations: Declarations, names: list[str], tmp_path: Path
) -> None:
    tables = [declarations.tables[name] for name in names]
    for seed in range(4):
        people = random_people(seed)
        known = knowledge([put(table, counted(table, people), tmp_path) for table in tables])
        assert not np.isnan(known.truth).any()
        assert within(known, known.truth).all()
        # One more of any figure that stands in a line, and the line is broken.
        place = int(known.figure[0])
        assert not within(known, known.truth + (np.arange(len(known.truth)) == place)).all()


def test_a_filtered_count_is_the_figure_of_a_dimension_and_leaves_a_rest(
    declarations: Declarations, tmp_path: Path
) -> None:
    tables = [declarations.tables[name] for name in ("by-school", "online")]
    known = knowledge([put(table, counted(table, PEOPLE), tmp_path) for table in tables])
    truth, shown, k = (by_key(known, one) for one in (known.truth, known.value, known.k))
    girls = ("area=00100", "grade=g1", "sex=female")
    assert truth[girls] == shown[girls] == 38
    # Of two thresholds the higher holds.
    assert k[girls] == 10
    rests = [key for key in known.key if key.startswith("not internet")]
    assert rests
    everybody = next(key for key in rests if "=" not in key)
    place = known.key.index(everybody)
    assert known.truth[place] == 12 * 8 and np.isnan(known.value[place])
    assert not known.hidden[place]


def test_a_rate_is_known_within_its_rounding(declarations: Declarations, tmp_path: Path) -> None:
    table = declarations.tables["rates"]
    cells = counted(table, PEOPLE)
    known = knowledge([put(table, cells, tmp_path)])
    place = known.key.index(next(key for key in known.key if key.strip(";") == "internet=yes"))
    values = known.truth.copy()
    assert within(known, values).all()
    # 360 of 456 are 78.9 %: one more would still be, two would not.
    rates = np.isinf(known.least) | np.isinf(known.greatest)
    for online, fits in ((360, True), (358, False), (362, False)):
        values[place] = online
        assert within(known, values)[rates].all() == fits, online


@pytest.mark.parametrize(
    ("online", "others", "fitting", "beyond"), [(3, 297, 15, 16), (297, 3, 285, 284)]
)
def test_a_coded_rate_is_known_within_its_bound(
    declarations: Declarations, online: int, others: int, fitting: int, beyond: int, tmp_path: Path
) -> None:
    table = declarations.tables["rates"]
    people = {("00100", "0001", "primary", "g1", "male", internet): number
              for internet, number in (("yes", online), ("no", others))}  # fmt: skip
    cells = counted(table, people)
    known = knowledge([put(table, cells, tmp_path)])
    # Whose number has no bound: those online at the low end, the others at the high one.
    few = np.array(["others than" in key for key in known.key])
    if online < others:
        few = ~few & np.array(["internet=yes" in key for key in known.key])
    assert (known.at_end == few).all() and few.any()
    rates = np.isinf(known.least) | np.isinf(known.greatest)
    counts = np.array(["internet=yes" in key and "others" not in key for key in known.key])
    for number, fits in ((online, True), (fitting, True), (beyond, False)):
        values = np.where(counts, number, known.truth)
        assert within(known, values)[rates].all() == fits, number


def test_a_suppressed_rate_tells_nothing(declarations: Declarations, tmp_path: Path) -> None:
    table = declarations.tables["rates"]
    cells = counted(table, PEOPLE)
    every = np.ones(cells.num_rows, dtype=bool)
    known = knowledge([put(table, cells, tmp_path, {"share_online": every})])
    assert not np.isinf(known.least).any() and not np.isinf(known.greatest).any()


def test_what_is_suppressed_is_unknown_and_what_contradicts_another_table_clashes(
    declarations: Declarations, tmp_path: Path
) -> None:
    by_school, one_line = (declarations.tables[name] for name in ("by-school", "one-line"))
    cells = counted(one_line, PEOPLE)
    hidden = {"pupils": np.array([code == "male" for code in cells["sex"].to_pylist()])}
    alone = knowledge([put(one_line, cells, tmp_path, hidden)])
    assert by_key(alone, alone.hidden) == {("",): False, ("sex=female",): False,
                                           ("sex=male",): True}  # fmt: skip
    assert np.isnan(alone.value).sum() == 1
    open_ = put(by_school, counted(by_school, PEOPLE), tmp_path)
    assert knowledge([open_, put(one_line, cells, tmp_path, hidden)]).clashes == 1
    assert knowledge([open_, put(one_line, cells, tmp_path)]).clashes == 0


def test_what_institutions_have_is_none_of_the_system(
    declarations: Declarations, tmp_path: Path
) -> None:
    table = declarations.tables["open"]
    known = knowledge([put(table, counted(table, PEOPLE), tmp_path)])
    assert len(known.key) == 0 and len(known.row) == 0
